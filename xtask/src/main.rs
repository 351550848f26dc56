//! `cargo xtask`: everything about building and running Postil that is more than three lines of shell.
//!
//! Not part of the product: nothing here is shipped, and no other crate depends on it. The two commands of the
//! README, `script/server` and `script/test`, are thin wrappers around [`server`] and [`suite`]. Start reading at
//! [`Task`]; paths are in [`repo`], private PostgreSQL and Redis in [`dev`], the browser bundle in [`wasm`].
#![expect(clippy::print_stdout, reason = "a command-line tool answers on standard output")]

mod contract;
mod css;
mod dev;
mod freshness;
mod fuzz;
mod mutate;
mod repo;
mod server;
mod suite;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build and maintenance tasks of the Postil repository")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the browser bundle into target/site, check its budgets and print its sizes
    Wasm(wasm::Options),
    /// The private PostgreSQL and Redis of this checkout, under .dev/
    Dev {
        #[command(subcommand)]
        action: DevAction,
    },
    /// Check that `postil` (without features) and `frontend` compile for the browser, each by itself
    CheckWasm,
    /// Run the generators of committed files and fail, with a diff, where one has changed
    Freshness(freshness::Options),
    /// Compare the API's documents with earlier ones: what would an old client trip over?
    Contract(contract::Options),
    /// Ask a server everything that its `OpenAPI` document allows, and more: what script/fuzz-api runs
    FuzzApi(fuzz::Options),
    /// Take away one check at a time and expect some test to fail: what script/mutate runs
    Mutate(mutate::Options),
    /// Set up, build, migrate, seed and serve: what script/server runs
    Server(server::Options),
    /// Every test: what script/test runs
    Test(suite::Options),
}

#[derive(Subcommand)]
enum DevAction {
    /// Start what isn't running, create roles and the database, write .dev/env
    Up,
    /// Stop both; the data stays
    Down,
    /// Drop the database `postil` with everything in it and make it again, empty
    Reset,
    /// Say what runs where; exits with 1 when something doesn't
    Status,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes, without the backtrace of a build tool.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Wasm(options) => wasm::run_task(options),
        Task::Dev { action: DevAction::Up } => {
            let services = dev::up()?;
            eprintln!(
                "PostgreSQL on port {}, Redis on port {}; `. .dev/env` to use them",
                services.pg_port, services.redis_port
            );
            Ok(())
        }
        Task::Dev { action: DevAction::Down } => dev::down(),
        Task::Dev { action: DevAction::Reset } => dev::reset(),
        Task::Dev { action: DevAction::Status } => dev::status(),
        Task::CheckWasm => wasm::check(),
        Task::Freshness(options) => freshness::check(options).map(|_| ()),
        Task::Contract(options) => contract::check(&options),
        Task::FuzzApi(options) => fuzz::run(&options),
        Task::Mutate(options) => mutate::run(&options),
        Task::Server(options) => server::run(&options),
        Task::Test(options) => suite::run(&options),
    }
}
