//! `cargo xtask contract`: whether the documents of the API are well formed, and what they break.
//!
//! `lint` reads both with the libraries that others read them with (contract/lint.mjs, part of `script/test`). `--against`
//! compares them with those of an earlier commit: a break that no line of the changelog announces is an error.

mod compare;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use self::compare::Break;
use crate::repo::{self, output};

type Compare = fn(&Value, &Value) -> Vec<Break>;

const OPENAPI: &str = "docs/reference/openapi.json";
const ASYNCAPI: &str = "docs/reference/asyncapi.json";

#[derive(clap::Args)]
pub struct Options {
    /// Compare with the documents of this commit or tag (by default the last tag, or the last commit where there is none)
    #[arg(long)]
    against: Option<String>,
}

/// Compares the documents of the working tree with earlier ones.
pub fn check(options: &Options) -> Result<()> {
    let revision = options.against.clone().unwrap_or_else(last_release);
    let mut breaks = Vec::new();
    for (file, compare) in [(OPENAPI, compare::openapi as Compare), (ASYNCAPI, compare::asyncapi)] {
        let now: Value = serde_json::from_slice(&fs::read(repo::root().join(file))?).context(file)?;
        let was = output(Command::new("git").arg("show").arg(format!("{revision}:{file}")).current_dir(repo::root()))?;
        breaks.extend(compare(&serde_json::from_str(&was).context(file)?, &now));
    }
    let changelog = fs::read_to_string(repo::root().join("CHANGELOG.md"))?;
    let unannounced: Vec<_> = breaks.iter().filter(|one| !is_announced(one, &changelog)).collect();
    for one in &breaks {
        let mark = if unannounced.contains(&one) { "BREAKS" } else { "announced" };
        println!("{mark}  {}: {}", one.of, one.what);
    }
    println!("{} breaks since {revision}, {} not announced", breaks.len(), unannounced.len());
    let names: BTreeSet<_> = unannounced.iter().map(|one| one.of.as_str()).collect();
    ensure!(
        names.is_empty(),
        "a line under [Unreleased] that begins with `- **Breaking:**` must name each of: {}",
        names.into_iter().collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

fn last_release() -> String {
    output(Command::new("git").args(["describe", "--tags", "--abbrev=0"]).current_dir(repo::root()))
        .map_or_else(|_| "HEAD".to_owned(), |tag| tag.trim().to_owned())
}

/// Whether a line of what is not released yet says that this is broken: `- **Breaking:** … \`make_thing\` …`.
fn is_announced(one: &Break, changelog: &str) -> bool {
    let unreleased = changelog.split("\n## [").find(|part| part.starts_with("Unreleased]")).unwrap_or_default();
    let name = format!("`{}`", one.of);
    unreleased.lines().any(|line| line.starts_with("- **Breaking:**") && line.contains(&name))
}

/// Reads both documents with the libraries of others. Returns how many operations and frames there are.
pub fn lint() -> Result<usize> {
    let dir = repo::root().join("contract");
    repo::npm_install_in(&dir)?;
    let done = Command::new("node").arg("lint.mjs").current_dir(&dir).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&done.stdout);
    eprint!("{text}{}", String::from_utf8_lossy(&done.stderr));
    if !done.status.success() {
        bail!("the documents are not well formed");
    }
    let last = text.lines().last().unwrap_or_default();
    let count: usize = last.split(' ').filter_map(|word| word.parse::<usize>().ok()).sum();
    ensure!(count > 0, "nothing was checked");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_announced_by_name_before_the_release() {
        let one = Break { of: "make_thing".to_owned(), what: String::new() };
        let changelog = |line: &str| {
            format!("# Changelog\n\n## [Unreleased]\n\n{line}\n\n## [1.0.0]\n\n- **Breaking:** `old_thing`\n")
        };
        assert!(is_announced(&one, &changelog("- **Breaking:** `make_thing` needs a name.")));
        for line in ["- `make_thing` needs a name.", "- **Breaking:** make_thing", "- **Breaking:** `make_things`", ""]
        {
            assert!(!is_announced(&one, &changelog(line)), "{line}");
        }
        let old = Break { of: "old_thing".to_owned(), what: String::new() };
        assert!(!is_announced(&old, &changelog("")), "that release is out");
    }
}
