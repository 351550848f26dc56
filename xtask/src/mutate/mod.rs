//! `cargo xtask mutate`, which `script/mutate` runs: takes one check away at a time and expects some test to fail.
//!
//! Walls in the database are taken down in the template that tests clone (`POSTIL_TEST_MUTATION`, see the harness), with
//! the program that is built already: a few seconds each. Checks in Rust are taken away in a scratch copy of the last
//! commit under `target/mutate`, never in the working tree, and each needs a build. Start reading at [`run`]; what is taken
//! away is in [`list`].

mod list;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use self::list::{Deed, RUST, Rust, SQL, Sql};
use crate::dev::{self, Services};
use crate::repo::{self, HOST_CRATES, output};

#[derive(clap::Args)]
pub struct Options {
    /// Walls in the database (minutes) or checks in Rust (each needs a build of its own)
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Run the walls in the database against the scratch copy of the last commit, too
    #[arg(long)]
    scratch: bool,
    /// Say what would be taken away, and end
    #[arg(long)]
    list: bool,
    /// Only those whose name contains one of these
    names: Vec<String>,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sql,
    Rust,
}

/// What became of one check's removal.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// This test failed.
    Killed(String),
    /// No test noticed.
    Survived,
}

/// Where tests are run.
struct Place {
    root: PathBuf,
    /// `None`: Cargo's own choice.
    target: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<()> {
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|part| name.contains(part));
    let sql: Vec<_> = SQL.iter().filter(|one| options.only != Some(Kind::Rust) && wanted(one.name)).collect();
    let rust: Vec<_> = RUST.iter().filter(|one| options.only != Some(Kind::Sql) && wanted(one.name)).collect();
    ensure!(!sql.is_empty() || !rust.is_empty(), "nothing has such a name");
    if options.list {
        for name in sql.iter().map(|one| one.name).chain(rust.iter().map(|one| one.name)) {
            println!("{name}");
        }
        return Ok(());
    }
    let services = dev::up()?;
    let here = Place { root: repo::root(), target: None };
    let scratch = if options.scratch || !rust.is_empty() { Some(copy()?) } else { None };
    let place = scratch.as_ref().filter(|_| options.scratch).unwrap_or(&here);
    let mut survivors = walls(place, &services, &sql)?;
    if let Some(scratch) = scratch.as_ref().filter(|_| !rust.is_empty()) {
        survivors.extend(checks(scratch, &services, &rust)?);
    }
    let count = sql.len() + rust.len();
    println!("{} of {count} removals were noticed", count - survivors.len());
    ensure!(survivors.is_empty(), "no test notices the removal of: {}", survivors.join("; "));
    Ok(())
}

fn walls(place: &Place, services: &Services, walls: &[&Sql]) -> Result<Vec<&'static str>> {
    let mut survivors = Vec::new();
    for wall in walls {
        let statement = statement(&wall.deed);
        let fate = fate(place, services, wall.name, wall.tests, Some(&statement));
        // The templates that were spoiled for this.
        services.drop_databases("postil\\_tt\\_%\\_spoiled%")?;
        if fate? == Fate::Survived {
            survivors.push(wall.name);
        }
    }
    Ok(survivors)
}

fn checks(scratch: &Place, services: &Services, checks: &[&Rust]) -> Result<Vec<&'static str>> {
    let mut survivors = Vec::new();
    for check in checks {
        let file = scratch.root.join(check.file);
        let whole = fs::read_to_string(&file).with_context(|| format!("can't read {}", check.file))?;
        fs::write(&file, replaced(&whole, check)?)?;
        let fate = fate(scratch, services, check.name, check.tests, None);
        fs::write(&file, whole)?;
        if fate? == Fate::Survived {
            survivors.push(check.name);
        }
    }
    Ok(survivors)
}

fn replaced(whole: &str, check: &Rust) -> Result<String> {
    let found = whole.matches(check.from).count();
    ensure!(found == 1, "{}: its text stands {found} times in {}", check.name, check.file);
    Ok(whole.replace(check.from, check.to))
}

/// Runs `tests` until one fails.
fn fate(place: &Place, services: &Services, name: &str, tests: &str, spoiled_by: Option<&str>) -> Result<Fate> {
    let start = Instant::now();
    let mut command = repo::cargo();
    command.current_dir(&place.root).envs(services.dev_env());
    if let Some(target) = &place.target {
        command.env("CARGO_TARGET_DIR", target);
        // The same few crates over and over, each time with one line changed: the one place where incremental builds pay,
        // and nobody looks for line numbers.
        command.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    command.env("RUST_BACKTRACE", "0");
    command.args(["nextest", "run", "--fail-fast", "--no-tests=fail", "--color=never"]).args(HOST_CRATES);
    if let Some(statement) = spoiled_by {
        command.env("POSTIL_TEST_MUTATION", statement).args(["--test", "it"]);
    } else {
        // Every test that the list names is in a library or in `it`: programs and benches needn't be linked.
        command.args(["--lib", "--test", "it"]);
    }
    let done = command.args(["-E", tests]).stdin(Stdio::null()).output().context("can't start cargo nextest")?;
    let text = String::from_utf8_lossy(&done.stderr);
    let fate = read(done.status.code(), &text).with_context(|| format!("{name}\n{}", last_lines(&text)))?;
    let verdict = match &fate {
        Fate::Killed(test) => format!("noticed   {name} ({test}"),
        Fate::Survived => format!("SURVIVED  {name} ({tests}"),
    };
    println!("{verdict}, {:.1} s)", start.elapsed().as_secs_f64());
    Ok(fate)
}

/// What nextest's exit code and output mean. What doesn't apply, doesn't build or finds no test has shown nothing.
fn read(code: Option<i32>, text: &str) -> Result<Fate> {
    if text.contains("the mutation does not apply") {
        bail!("can't be taken away: what it replaces is not there");
    }
    match code {
        Some(0) => Ok(Fate::Survived),
        Some(100) => {
            let failed = text.lines().find_map(|line| {
                let line = line.trim_start();
                let line = ["FAIL [", "TIMEOUT [", "SIGABRT ["].iter().find_map(|word| line.strip_prefix(word))?;
                line.rsplit(' ').next()
            });
            Ok(Fate::Killed(failed.context("a failure without a test")?.to_owned()))
        }
        other => bail!("the tests didn't run (exit code {other:?})"),
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// The statement that takes a wall down, and fails where it isn't as expected.
fn statement(deed: &Deed) -> String {
    let swap = |was: &str, from: &str, to: &str, run: &str| {
        format!(
            "DO $mutate$ DECLARE was text := {was}; old text := $m${from}$m$; new text := $m${to}$m$; BEGIN \
             IF length(was) - length(replace(was, old, '')) IS DISTINCT FROM length(old) THEN \
             RAISE EXCEPTION 'not there exactly once: % in %', old, was; END IF; EXECUTE {run}; END $mutate$"
        )
    };
    let policy = |column: &str, clause: &str, policy: &str, table: &str, from: &str, to: &str| {
        let was = format!(
            "(SELECT pg_get_expr({column}, polrelid) FROM pg_policy WHERE polname = '{policy}' AND polrelid = '{table}'::regclass)"
        );
        swap(&was, from, to, &format!("'ALTER POLICY {policy} ON {table} {clause} (' || replace(was, old, new) || ')'"))
    };
    match *deed {
        Deed::Run(statement) => statement.to_owned(),
        Deed::Function(signature, from, to) => {
            swap(&format!("pg_get_functiondef('{signature}'::regprocedure)"), from, to, "replace(was, old, new)")
        }
        Deed::Using(name, table, from, to) => policy("polqual", "USING", name, table, from, to),
        Deed::Check(name, table, from, to) => policy("polwithcheck", "WITH CHECK", name, table, from, to),
    }
}

/// The last commit, under target/mutate, with a target directory that begins with what the crates of others compiled to.
fn copy() -> Result<Place> {
    let dir = repo::target_dir().join("mutate");
    let place = Place { root: dir.join("tree"), target: Some(dir.join("target")) };
    let fresh = dir.join("fresh");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh)?;
    let archive = dir.join("head.tar");
    repo::run(Command::new("git").args(["archive", "-o"]).arg(&archive).arg("HEAD").current_dir(repo::root()))?;
    repo::run(Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(&fresh))?;
    // What hasn't changed keeps its time of change, or everything would be built anew.
    let mut kept = BTreeSet::new();
    for file in all_files(&fresh)? {
        let name = file.strip_prefix(&fresh)?.to_path_buf();
        let (content, target) = (fs::read(&file)?, place.root.join(&name));
        if fs::read(&target).map_or(true, |old| old != content) {
            fs::create_dir_all(target.parent().expect("it lies in the tree"))?;
            fs::write(&target, content)?;
        }
        kept.insert(name);
    }
    for file in all_files(&place.root)? {
        if !kept.contains(file.strip_prefix(&place.root)?) {
            fs::remove_file(&file)?;
        }
    }
    fs::remove_dir_all(&fresh)?;
    fs::remove_file(&archive)?;
    seed(place.target.as_deref().expect("it has one"))?;
    Ok(place)
}

/// Links what is compiled already: Cargo replaces such files and does not write into them. What it does write into is copied.
fn seed(target: &Path) -> Result<()> {
    let (from, to) = (repo::target_dir().join("debug"), target.join("debug"));
    if to.exists() || !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    repo::run(Command::new("cp").arg("-al").arg(from.join("deps")).arg(&to))?;
    for name in [".fingerprint", "build"] {
        repo::run(Command::new("cp").arg("-a").arg(from.join(name)).arg(&to))?;
    }
    Ok(())
}

/// Names with a leading dot too: Cargo's configuration is one.
fn all_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = output(Command::new("find").arg(dir).args(["-type", "f", "-print"]))?;
    Ok(list.lines().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_in_rust_stands_where_the_list_says() {
        for check in RUST {
            let file = repo::root().join(check.file);
            let whole = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", check.file));
            let spoiled = replaced(&whole, check).unwrap_or_else(|error| panic!("{error:#}"));
            assert_ne!(spoiled, whole, "{}", check.name);
        }
    }

    #[test]
    fn there_are_enough_and_each_has_a_name_of_its_own() {
        assert!(SQL.len() >= 15 && RUST.len() >= 20, "{} and {}", SQL.len(), RUST.len());
        let names: BTreeSet<_> = SQL.iter().map(|one| one.name).chain(RUST.iter().map(|one| one.name)).collect();
        assert_eq!(names.len(), SQL.len() + RUST.len());
    }

    #[test]
    fn only_a_failed_test_is_a_notice() {
        let text = "    Starting 3 tests\n        FAIL [   2.761s] (14/93) server::it attacks::pool::x\n";
        assert_eq!(read(Some(100), text).expect("a test failed"), Fate::Killed("attacks::pool::x".to_owned()));
        assert_eq!(read(Some(0), "").expect("tests passed"), Fate::Survived);
        for (code, text) in [
            (Some(101), "error: could not compile"),
            (Some(4), "error: no tests to run"),
            (Some(100), "     Summary"),
            (Some(100), "FAIL [ 1s] x\n the mutation does not apply: error"),
            (None, ""),
        ] {
            assert!(read(code, text).is_err(), "{code:?} {text}");
        }
    }

    #[test]
    fn a_text_is_replaced_once_or_not_at_all() {
        let check = Rust { name: "x", file: "x", from: "a", to: "b", tests: "" };
        assert_eq!(replaced("cac", &check).expect("it is there"), "cbc");
        assert!(replaced("caac", &check).is_err() && replaced("c", &check).is_err());
    }
}
