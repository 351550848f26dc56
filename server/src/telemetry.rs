//! Logs: text for people, or one JSON object per line, on standard error. Standard output belongs to commands that print
//! documents.
//!
//! Never logged: message texts, titles, names, e-mail addresses, tokens, cookies, keys, queries, addresses of databases.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Log;

/// Begins logging. A second call changes nothing.
pub fn begin(log: &Log) {
    let (filter, complaint) = match EnvFilter::try_new(&log.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let begun = if log.json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    if begun.is_ok()
        && let Some(error) = complaint
    {
        tracing::warn!("POSTIL_LOG can't be understood, logging at info: {error}");
    }
}
