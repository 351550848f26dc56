//! The load generator: many sockets and senders on loopback, counting every delivery.
//!
//! `smoke` asks whether every message reaches everyone who should have it, once, in order, and nobody else, also across
//! reconnects; it looks at no clock. `load` measures. Both write into companies of their own; give them a database that
//! nobody needs afterwards. What is expected is in `bench/README.md`.

mod client;
mod memory;
mod pgbench;
mod revoke;
mod rights;
mod run;
mod send;
mod tally;
mod walls;
mod world;

use std::io::Write as _;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};

/// Where things are; `.dev/env` says it.
#[derive(Args, Clone, Debug)]
pub struct Places {
    /// The running server.
    #[arg(long, env = "POSTIL_URL")]
    url: String,
    /// Another server of the same database, to send through: what it commits must reach the first one's sockets.
    #[arg(long)]
    send_url: Option<String>,
    /// The database, as its owner: the companies of the run are written directly.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The database, as the application: for `pgbench`.
    #[arg(long, env = "APP_DATABASE_URL", hide_env_values = true)]
    app_database_url: String,
}

impl Places {
    /// Where to send.
    fn sender(&self) -> String {
        self.send_url.as_deref().unwrap_or(&self.url).trim_end_matches('/').to_owned()
    }
}

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// Open sockets, one person each.
    #[arg(long, default_value_t = 1_000)]
    sockets: usize,
    /// Rooms that they are spread over, in two companies.
    #[arg(long, default_value_t = 50)]
    rooms: usize,
    /// Messages per second, over all rooms.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// How long, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Of how many sockets one is cut every second, and resumes.
    #[arg(long, default_value_t = 0)]
    cut: usize,
    /// Closed-loop senders after the measured part; 0 leaves it out.
    #[arg(long, default_value_t = 16)]
    closed: usize,
    /// The server's process, freshly started, for memory per connection.
    #[arg(long)]
    pid: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Correctness of delivery only: a few dozen sockets, a few seconds, cuts and resumes.
    Smoke,
    /// Measures: latency from send to every frame, sends per second, memory per connection.
    Load {
        #[command(flatten)]
        size: Size,
        /// Compares sends per second with `pgbench`, which calls the same SQL function.
        #[arg(long)]
        pgbench: bool,
    },
    /// Measures how long a withdrawn right lives on in open sockets, and fails above two seconds.
    Revoke {
        /// Open sockets, half of them in the company whose people lose rights.
        #[arg(long, default_value_t = 400)]
        sockets: usize,
        /// How often each right is withdrawn, in each way.
        #[arg(long, default_value_t = 50)]
        times: usize,
    },
}

#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// Writes a line for the reader of the run.
pub fn say(line: impl core::fmt::Display) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let Cli { places, command } = Cli::parse();
    let (size, pgbench, walls) = match command {
        Command::Smoke => {
            (Size { sockets: 48, rooms: 6, rate: 25, seconds: 6, cut: 8, closed: 0, pid: None }, false, true)
        }
        Command::Load { size, pgbench } => (size, pgbench, false),
        Command::Revoke { sockets, times } => {
            let world = world::World::make(&places.database_url, sockets, (sockets / 10).max(2)).await?;
            return revoke::run(&places, &world, times).await;
        }
    };
    ensure!(size.rooms > 1 && size.sockets >= 2 * size.rooms, "at least two rooms, and two people in each");
    let world = world::World::make(&places.database_url, size.sockets, size.rooms).await?;
    let outcome = run::run(&places, &size, &world).await?;
    say(&outcome)?;
    if pgbench {
        let tps =
            pgbench::sends_per_second(&places.app_database_url, &world, outcome.closed_senders(), size.seconds).await?;
        say(format_args!("pgbench, same function, same clients: {tps:.0} sends/s"))?;
        if let Some(closed) = outcome.closed_loop() {
            say(format_args!("closed loop / pgbench: {:.0} %", 100.0 * closed / tps))?;
        }
    }
    ensure!(outcome.is_clean(), "deliveries went wrong");
    if walls {
        walls::check(&places, &world).await?;
    }
    Ok(())
}
