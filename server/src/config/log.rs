//! `POSTIL_LOG`: what is logged, as tracing's filter syntax (`info`, `info,postil=debug`); `POSTIL_LOG_FORMAT`: `text`
//! or `json`. Read before everything else, so that complaints about the rest can be logged.

use super::Reader;

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// tracing's filter.
    pub filter: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}

impl Log {
    /// Reads the two settings; what can't be understood becomes the default.
    #[must_use]
    pub fn from_env() -> Self {
        let mut reader = Reader::env();
        Self {
            filter: reader.optional("POSTIL_LOG").unwrap_or_else(|| "info".to_owned()),
            json: reader.optional("POSTIL_LOG_FORMAT").is_some_and(|format| format == "json"),
        }
    }
}
