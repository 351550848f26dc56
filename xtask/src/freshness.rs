//! Committed files that are generated: each is made again and compared.
//!
//! A new generator is a line in [`GENERATORS`].

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::repo::{self, output};
use crate::server;

/// (the committed file, the program's subcommand that prints it). Every generator works without a database.
const GENERATORS: [(&str, &[&str]); 5] = [
    ("docs/reference/openapi.json", &["openapi"]),
    ("docs/reference/asyncapi.json", &["asyncapi"]),
    ("docs/reference/errors.md", &["errors"]),
    ("docs/reference/permissions.md", &["permissions-matrix"]),
    ("docs/reference/policy.schema.json", &["policy-schema"]),
];

#[derive(clap::Args, Clone, Copy, Default)]
pub struct Options {
    /// Write the files anew instead of failing
    #[arg(long)]
    write: bool,
}

/// Compares every generated file with what its generator prints now. Returns how many there are.
pub fn check(options: Options) -> Result<usize> {
    let postil = server::binary("postil")?;
    let mut stale = Vec::new();
    for (file, arguments) in GENERATORS {
        let fresh = output(Command::new(&postil).args(arguments).current_dir(repo::root()))?;
        let path = repo::root().join(file);
        if fs::read_to_string(&path).is_ok_and(|committed| committed == fresh) {
            continue;
        }
        if options.write {
            fs::create_dir_all(path.parent().expect("a generated file has a folder"))?;
            fs::write(&path, fresh).with_context(|| format!("can't write {file}"))?;
            eprintln!("written: {file}");
        } else {
            show_difference(&path, &fresh)?;
            stale.push(file);
        }
    }
    if stale.is_empty() {
        return Ok(GENERATORS.len());
    }
    bail!("not what the code generates: {} (cargo xtask freshness --write)", stale.join(", "))
}

fn show_difference(committed: &Path, fresh: &str) -> Result<()> {
    let new = repo::root().join("target/fresh");
    fs::write(&new, fresh)?;
    let committed = if committed.exists() { committed } else { Path::new("/dev/null") };
    // Exit code 1 says that they differ, which is known.
    let _ = Command::new("git")
        .args(["--no-pager", "diff", "--no-index", "--stat", "--patch", "--"])
        .args([committed, &new])
        .status()?;
    Ok(())
}
