//! What a process holds, from `/proc`.

use anyhow::{Context as _, Result};

/// Resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("there is no such process")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("the process tells no memory")?;
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).context("VmRSS is no number")?;
    Ok(kib * 1024)
}
