//! The `postil` command: one binary, a subcommand per role and task.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};

use crate::{
    audit,
    config::{Config, Log, Reader},
    errors,
    http::openapi,
    matrix, policy_schema, serve, setup, telemetry, ws,
};

/// Postil: secure messaging beside the records of an ERP.
///
/// Settings come from the environment; each NAME may be given as NAME_FILE, the path of a file that holds the value.
#[derive(Debug, Parser)]
#[command(name = "postil", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Serves people: pages, REST, sockets, and the jobs beside them
    Serve,
    /// Runs jobs only, on a machine of its own
    Work,
    /// Brings the database to this build's schema (needs DATABASE_URL)
    Migrate,
    /// Writes the two demo companies (needs DATABASE_URL); running it again repairs, adds and deletes nothing else
    Seed,
    /// Companies: founds one (needs DATABASE_URL)
    #[command(subcommand)]
    Company(setup::Company),
    /// API keys of ERPs: makes one (needs DATABASE_URL)
    #[command(subcommand)]
    Key(setup::Key),
    /// Keys that sign embed tokens: makes and retires them (needs DATABASE_URL)
    #[command(subcommand)]
    EmbedKey(setup::EmbedKey),
    /// The access hook of companies: requires and releases it (needs DATABASE_URL)
    #[command(subcommand)]
    Hook(setup::Hook),
    /// Prints the OpenAPI document
    Openapi,
    /// Prints the AsyncAPI document of the socket
    Asyncapi,
    /// Prints what each role may do, as a table
    PermissionsMatrix,
    /// Prints the catalogue of error codes
    Errors,
    /// Prints the JSON Schema of a company's policy document
    PolicySchema,
    /// The audit log: exports it, checks an export, signs it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Asks the server at POSTIL_LISTEN whether it is ready
    Health,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    telemetry::begin(&Log::from_env());
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // To people, not into the log: whoever starts this by hand must see it whatever the filter says.
            let _ = writeln!(io::stderr(), "postil: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes in one line each, without repeating what a cause already says.
fn chain(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !lines.last().is_some_and(|last| last.contains(&cause)) {
            lines.push(cause);
        }
    }
    lines.join("\n  because: ")
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve => runtime()?.block_on(serve::serve(Config::from_env()?)),
        Command::Work => runtime()?.block_on(serve::work(Config::from_env()?)),
        Command::Migrate => print(&runtime()?.block_on(serve::migrate())?),
        Command::Seed => print(&runtime()?.block_on(serve::seed())?),
        Command::Company(command) => setup::company(command),
        Command::Key(command) => setup::key(command),
        Command::EmbedKey(command) => setup::embed_key(command),
        Command::Hook(command) => setup::hook(command),
        Command::Openapi => print(openapi::text()),
        Command::Asyncapi => print(&format!("{:#}\n", ws::asyncapi())),
        Command::PermissionsMatrix => print(&matrix::document()),
        Command::Errors => print(&errors::catalogue()),
        Command::PolicySchema => print(&policy_schema::text()),
        Command::Audit(command) => audit::run(command),
        Command::Health => health(),
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime can't be started")
}

pub(crate) fn print(text: &str) -> Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Asks over the loopback, as a container's health check does.
fn health() -> Result<()> {
    let listen = Reader::env().optional("POSTIL_LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let mut address: SocketAddr = listen.parse().context("POSTIL_LISTEN is an IP address and a port")?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let limit = Duration::from_secs(5);
    let mut stream =
        TcpStream::connect_timeout(&address, limit).with_context(|| format!("nobody listens at {address}"))?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(16 * 1024).read_to_string(&mut answer).context("the server does not answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    ensure!(head.starts_with("HTTP/1.1 "), "this is no HTTP server");
    if !head.starts_with("HTTP/1.1 200") {
        bail!("the server is not ready: {body}");
    }
    print(&format!("{body}\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_that_repeats_itself_is_told_once() {
        let error =
            anyhow::anyhow!("no route to host").context("can't connect: no route to host").context("no database");
        assert_eq!(chain(&error), "no database\n  because: can't connect: no route to host");
    }
}
