//! `script/test`: every check and every test, one tally.
//!
//! A step that fails doesn't stop the ones after it, unless they need what it makes. The last line on standard output
//! is `N passed, N failed`; every check of a step without tests of its own counts as one. Start reading at [`run`].

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::dev::{self, Services};
use crate::repo::{self, HOST_CRATES, XTASK, output, step};
use crate::server::{self, TestServer};
use crate::{contract, freshness, wasm};

#[derive(clap::Args)]
pub struct Options {
    /// Formatting, lints, unit and integration tests only
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    const ONE: Self = Self { passed: 1, failed: 0 };
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

pub fn run(options: &Options) -> Result<()> {
    let before = Services::load()?;
    let (tally, failures) = tests(options);
    // As they were found: a fresh clone keeps nothing running, a developer's services go on.
    match before {
        Some(services) if services.are_running() => {}
        None if repo::is_ci() => dev::discard()?,
        _ => dev::down()?,
    }
    for name in &failures {
        println!("FAILED: {name}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    ensure!(tally.failed == 0, "tests failed");
    Ok(())
}

fn tests(options: &Options) -> (Tally, Vec<&'static str>) {
    let mut total = Tally::default();
    let mut failures = Vec::new();
    let mut check = |name: &'static str, work: &mut dyn FnMut() -> Result<Tally>| {
        let mut tally = Tally::default();
        let result = step(name, || {
            tally = work()?;
            ensure!(tally.failed == 0, "{} of {} failed", tally.failed, tally.passed + tally.failed);
            Ok(())
        });
        if let Err(error) = result {
            eprintln!("    {error:#}");
            tally.failed = tally.failed.max(1);
            failures.push(name);
        }
        total += tally;
    };

    check("rustfmt", &mut || one(repo::cargo().args(["fmt", "--all", "--check"])));
    check("clippy", &mut || {
        for crates in [&XTASK[..], &HOST_CRATES] {
            let mut clippy = repo::cargo();
            clippy.args(["clippy", "--quiet", "--all-targets"]).args(crates);
            // A lock file that the manifests have outgrown is an error for others, a convenience for its author.
            if repo::is_ci() {
                clippy.arg("--locked");
            }
            repo::run(clippy.args(["--", "-D", "warnings"]))?;
        }
        Ok(Tally::ONE)
    });

    let mut services = None;
    check("PostgreSQL and Redis under .dev/", &mut || {
        services = Some(dev::up()?);
        Ok(Tally::ONE)
    });
    if !options.quick {
        check("browser build, crate by crate", &mut || wasm::check().map(|()| Tally::ONE));
        check("browser bundle and its budgets", &mut || wasm::run_task(wasm::Options::default()).map(|()| Tally::ONE));
    }
    let Some(services) = services else { return (total, failures) };
    check("unit and integration tests", &mut || rust_tests(&services, options));
    if options.quick {
        return (total, failures);
    }
    check("documentation tests", &mut || {
        let mut command = repo::cargo();
        counted(command.args(["test", "--quiet", "--doc", "--no-fail-fast"]).args(HOST_CRATES), libtest_line)
    });
    check("generated files", &mut || {
        let generators = freshness::check(freshness::Options::default())?;
        Ok(Tally { passed: generators, failed: 0 })
    });
    check("contract of the API", &mut || Ok(Tally { passed: contract::lint()?, failed: 0 }));
    check("plans of the hot reads", &mut || one(Command::new(repo::root().join("script/explain")).arg("--check")));
    check("load generator, smoke run", &mut || bench_smoke(&services));
    check("end-to-end tests", &mut || end_to_end(&services));
    (total, failures)
}

/// Unit and integration tests, against the private PostgreSQL and Redis.
fn rust_tests(services: &Services, options: &Options) -> Result<Tally> {
    let nextest = output(repo::cargo().args(["nextest", "--version"])).is_ok();
    let mut total = Tally::default();
    for crates in [&XTASK[..], &HOST_CRATES] {
        let mut command = repo::cargo();
        command.envs(services.dev_env());
        // The inner loop draws a quarter of the random worlds that the full run does.
        if options.quick {
            command.env("POSTIL_WORLDS", "500");
        }
        total += if nextest {
            command.args(["nextest", "run", "--no-fail-fast", "--no-tests=fail", "--color=never"]).args(crates);
            not_empty(counted(&mut command, nextest_line)?)?
        } else {
            command.args(["test", "--all-targets", "--no-fail-fast"]).args(crates);
            not_empty(counted(&mut command, libtest_line)?)?
        };
    }
    Ok(total)
}

/// A short run of the load generator: everything delivered, nothing twice; no timing.
fn bench_smoke(services: &Services) -> Result<Tally> {
    let bench = server::binary("bench")?;
    let postil = server::binary("postil")?;
    let server = TestServer::start(services, &postil, "smoke")?;
    one(Command::new(&bench).arg("smoke").envs(server.env.iter().cloned()).current_dir(repo::root()))
}

/// Playwright in Chromium, against a server with a database of its own.
fn end_to_end(services: &Services) -> Result<Tally> {
    let dir = repo::end2end_dir();
    repo::npm_install()?;
    let postil = server::binary("postil")?;
    let server = TestServer::start(services, &postil, "e2e")?;
    let report = repo::dev_dir().join("e2e.json");
    let _ = fs::remove_file(&report);
    let status = Command::new("node")
        .args(["node_modules/@playwright/test/cli.js", "test", "--reporter=list,json"])
        .envs(server.env.iter().cloned())
        .env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report)
        .current_dir(&dir)
        .stdin(Stdio::null())
        .status()?;
    let tally = not_empty(playwright_tally(&report)?)?;
    if status.success() || tally.failed > 0 {
        Ok(tally)
    } else {
        bail!("Playwright failed ({status}) outside of its tests")
    }
}

fn playwright_tally(report: &Path) -> Result<Tally> {
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).context("Playwright left no report")?)?;
    let count = |name: &str| report["stats"][name].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let errors = report["errors"].as_array().map_or(0, Vec::len);
    // A test that passes only sometimes does not pass.
    Ok(Tally { passed: count("expected"), failed: count("unexpected") + count("flaky") + errors })
}

/// A runner that finds no tests has not found that they pass.
fn not_empty(tally: Tally) -> Result<Tally> {
    ensure!(tally != Tally::default(), "no test was run");
    Ok(tally)
}

fn one(command: &mut Command) -> Result<Tally> {
    repo::run(command)?;
    Ok(Tally::ONE)
}

/// Runs a test runner, shows what it prints and adds up the lines that `read` understands.
fn counted(command: &mut Command, read: fn(&str) -> Option<Tally>) -> Result<Tally> {
    // Both streams through one pipe, in order: nextest reports on standard error, libtest on standard output.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("can't start {}", repo::shown(command)))?;
    // The command keeps its ends of the pipe, and the reader would wait for them for ever.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tally = Tally::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        eprintln!("{line}");
        tally += read(&line).unwrap_or_default();
    }
    let status = child.wait()?;
    if status.success() || tally.failed > 0 { Ok(tally) } else { bail!("{} failed ({status})", repo::shown(command)) }
}

/// `     Summary [   0.1s] 3 tests run: 1 passed (1 slow), 1 failed, 1 timed out, 0 skipped`
fn nextest_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?;
    let mut tally = Tally::default();
    for part in counts.split(", ") {
        let (count, what) = part.trim().split_once(' ')?;
        let count: usize = count.parse().ok()?;
        match what.split(" (").next()? {
            "passed" => tally.passed += count,
            "skipped" => {}
            _ => tally.failed += count,
        }
    }
    Some(tally)
}

/// `test result: FAILED. 3 passed; 1 failed; 0 ignored; …`
fn libtest_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: count("passed")?, failed: count("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_nextest_is_read() {
        let line = "     Summary [   0.112s] 5 tests run: 2 passed (1 slow), 1 failed, 2 timed out, 3 skipped";
        assert_eq!(nextest_line(line), Some(Tally { passed: 2, failed: 3 }));
        assert_eq!(
            nextest_line("     Summary [   0.001s] 1 test run: 1 passed, 0 skipped"),
            Some(Tally { passed: 1, failed: 0 })
        );
        assert_eq!(nextest_line("        PASS [   0.112s] postil ids::tests::x"), None);
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        assert_eq!(not_empty(Tally::ONE).expect("one test was run"), Tally::ONE);
        assert!(not_empty(Tally::default()).is_err());
    }

    #[test]
    fn the_summary_of_libtest_is_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(libtest_line(line), Some(Tally { passed: 3, failed: 1 }));
        assert_eq!(libtest_line("running 3 tests"), None);
    }
}
