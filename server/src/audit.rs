//! `postil audit`: the log as evidence, for whoever must keep or judge it. `export` and `checkpoint` speak to the database as
//! the worker; `verify` speaks to nobody.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Subcommand;
use postil::{
    backend::{
        audit::{Report, Verifier, checkpoint_line, entry_line, hex, unhex},
        crypto::Sealer,
        source::Machine,
        store::AuditDesk,
    },
    clock::Clock as _,
    ids::CompanyId,
    limits,
};

use crate::{
    cli::{print, runtime},
    config::{ServerSecret, WorkerConfig},
};

/// Longest line that is read: an entry's detail has 8 KiB at most.
const LINE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a company's log as JSON Lines, entries and checkpoints (needs WORKER_DATABASE_URL)
    Export {
        /// The company, as cmp_…
        #[arg(long)]
        company: CompanyId,
        /// Only entries after this position
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        since: i64,
    },
    /// Checks an export without a database; fails at the first broken link
    Verify {
        /// The export; - is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
        /// A key whose checkpoints are believed, as `postil audit key` prints it; may be given again
        #[arg(long, value_parser = key)]
        key: Vec<[u8; 32]>,
    },
    /// Signs the ends of the logs that have new entries, now (needs WORKER_DATABASE_URL and POSTIL_SECRET)
    Checkpoint {
        /// Only this company's
        #[arg(long)]
        company: Option<CompanyId>,
    },
    /// Prints the public key that checkpoints are checked with (needs POSTIL_SECRET)
    Key,
}

fn key(text: &str) -> Result<[u8; 32], String> {
    unhex(text).ok_or_else(|| "a key has 64 hexadecimal digits in lower case".to_owned())
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Export { company, since } => runtime()?.block_on(export(company, since)),
        Command::Verify { file, key } => verify(&file, key.into_iter().collect()),
        Command::Checkpoint { company } => runtime()?.block_on(checkpoint(company)),
        Command::Key => print(&format!("{}\n", hex(&audit_key()?.public()))),
    }
}

fn audit_key() -> Result<postil::backend::audit::AuditKey> {
    Ok(Sealer::new(ServerSecret::from_env()?.bytes()).audit_key())
}

async fn desk() -> Result<AuditDesk> {
    let config = WorkerConfig::from_env()?;
    AuditDesk::connect(config.worker.reveal()).await.context("PostgreSQL can't be reached (WORKER_DATABASE_URL)")
}

async fn export(company: CompanyId, since: i64) -> Result<()> {
    let desk = desk().await?;
    ensure!(desk.head(company).await?.is_some(), "there is no company {company}, or its log is empty");
    desk.export_begin(company, since, Machine.now()).await.context("the export can't be noted in the log")?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    // From the entry before the first on: the checkpoint there, if there is one, says what the first is linked to.
    let mut checkpoints = desk.checkpoints(company, since).await?.into_iter().peekable();
    let mut after = since;
    loop {
        let page = desk.export(company, after, limits::AUDIT_EXPORT_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in &page {
            while let Some((checkpoint, signature)) = checkpoints.next_if(|(checkpoint, _)| checkpoint.seq < entry.seq)
            {
                writeln!(out, "{}", checkpoint_line(&checkpoint, &signature))?;
            }
            writeln!(out, "{}", entry_line(&entry.entry, &entry.hash))?;
        }
    }
    for (checkpoint, signature) in checkpoints {
        writeln!(out, "{}", checkpoint_line(&checkpoint, &signature))?;
    }
    Ok(out.flush()?)
}

async fn checkpoint(company: Option<CompanyId>) -> Result<()> {
    let (desk, key) = (desk().await?, audit_key()?);
    let now = Machine.now();
    let companies = match company {
        Some(company) => vec![company],
        None => desk.due(now).await?,
    };
    for company in companies {
        let Some((seq, hash)) = desk.head(company).await? else {
            bail!("there is no company {company}, or its log is empty")
        };
        let (checkpoint, signature) = key.sign(company, seq, hash, now);
        // On standard output, so that it can be kept elsewhere.
        if desk.checkpoint_put(&checkpoint, &signature).await? {
            print(&format!("{}\n", checkpoint_line(&checkpoint, &signature)))?;
        }
    }
    Ok(())
}

fn verify(file: &Path, trusted: BTreeSet<[u8; 32]>) -> Result<()> {
    let any = trusted.is_empty();
    let report = if file == Path::new("-") {
        check(io::stdin().lock(), trusted)?
    } else {
        let open = File::open(file).with_context(|| format!("{} can't be opened", file.display()))?;
        check(open, trusted)?
    };
    print(&told(&report, any))
}

fn check(from: impl Read, trusted: BTreeSet<[u8; 32]>) -> Result<Report> {
    let mut verifier = Verifier::new(trusted);
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = from.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(verifier.finish()?);
        }
        // A line that is too long, or has no end, is none of ours: as text it can't be canonical.
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        verifier.line(std::str::from_utf8(text).unwrap_or("no UTF-8"))?;
    }
}

fn told(report: &Report, any_key: bool) -> String {
    let Report { company, first, last, hash, is_anchored, checkpoints, covered, keys } = report;
    let hash = hex(hash);
    let mut lines = vec![format!("whole: entries {first} to {last} of {company}, the last with the hash {hash}")];
    if !is_anchored {
        let before = first - 1;
        lines.push(format!("not shown: what entry {first} is linked to; no checkpoint of entry {before} is here"));
    }
    lines.push(match covered {
        Some((seq, at)) => format!("signed: up to entry {seq} on {at}, by {checkpoints} checkpoints"),
        None => {
            "not signed: no checkpoint covers any of it, so that nothing shows whether it was written anew".to_owned()
        }
    });
    if covered.is_none_or(|(seq, _)| seq < *last) {
        lines.push("not shown: that nothing is missing behind the last checkpoint".to_owned());
    }
    if any_key && !keys.is_empty() {
        let keys: Vec<String> = keys.iter().map(hex_key).collect();
        let keys = keys.join(" ");
        lines.push(format!("not shown: whose signatures these are; if this is the key you know, say {keys}"));
    }
    lines.join("\n") + "\n"
}

fn hex_key(key: &[u8; 32]) -> String {
    format!("--key {}", hex(key))
}
