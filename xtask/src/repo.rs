//! Where things are in this checkout, and the few helpers every task shares.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

/// Everything that runs outside the browser, chosen the same way by every build, check and test: another choice would
/// turn on other features in shared dependencies and compile them once more. `frontend` would turn on hydration in the
/// server's copy of the user interface; `xtask` is chosen by itself, as `cargo xtask` does.
pub const HOST_CRATES: [&str; 5] = ["--workspace", "--exclude", "frontend", "--exclude", "xtask"];
pub const XTASK: [&str; 2] = ["--package", "xtask"];

/// The checkout this binary was built in.
///
/// Cargo sets `CARGO_MANIFEST_DIR` for `cargo run`, so that a binary from a shared target directory still works on
/// the checkout it was called from.
pub fn root() -> PathBuf {
    let manifest =
        setting("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().expect("xtask lies one level below the root").to_path_buf()
}

/// Cargo's target directory: shared between checkouts when `CARGO_TARGET_DIR` says so.
pub fn target_dir() -> PathBuf {
    setting("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Output that belongs to this checkout alone, wherever Cargo's target directory is.
pub fn site_dir() -> PathBuf {
    root().join("target/site")
}

pub fn dev_dir() -> PathBuf {
    root().join(".dev")
}

pub fn end2end_dir() -> PathBuf {
    root().join("end2end")
}

/// `cargo`, the one that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(setting("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Installs the npm tools (wasm-opt, Playwright) as the lock file says, if that isn't what is there.
pub fn npm_install() -> Result<()> {
    npm_install_in(&end2end_dir())
}

/// The same for any folder with a package of its own.
pub fn npm_install_in(dir: &Path) -> Result<()> {
    let lock = dir.join("package-lock.json");
    let wanted = sha256_hex(&fs::read(&lock).with_context(|| format!("can't read {}", lock.display()))?);
    let mark = dir.join("node_modules/.installed");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step("npm tools", || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
        // The browser is Debian's; npm must not fetch another.
        run(npm.current_dir(dir).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
        Ok(fs::write(&mark, wanted)?)
    })
}

/// True on a continuous-integration machine, which throws its data away.
pub fn is_ci() -> bool {
    setting("CI").is_some_and(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "the one place where the build tool reads its environment")]
fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Runs `command` to its end; an exit code other than 0 is an error that names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("can't start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs `command` and returns what it printed; its standard error is shown only when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("can't start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})\n{}", shown(command), output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as a person would type it, without its environment (which may hold passwords).
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Says the name of a step, does it, and says how long it took.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (bold, plain) = if std::io::stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    eprintln!("{bold}==> {name}{plain}");
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "FAILED" };
    eprintln!("    {outcome}: {name} ({:.1} s)", start.elapsed().as_secs_f64());
    result
}

/// `bytes` random bytes from the operating system, in hexadecimal.
pub fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut buffer))
        .context("can't read /dev/urandom")?;
    Ok(hex(&buffer))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String can't fail");
        text
    })
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Writes `content` so that readers see the old file or the new one, never half of it.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let temporary = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&temporary, content).with_context(|| format!("can't write {}", temporary.display()))?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
    fs::rename(&temporary, path).with_context(|| format!("can't replace {}", path.display()))
}

/// All files below `dir`, sorted; nothing when it doesn't exist. Names starting with a dot are left out.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}
