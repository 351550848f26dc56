//! Bounds in the published documents: doc comments name them by their place in `limits.rs`, which tells a reader of the
//! API nothing. Here the names become figures.

use postil::limits;
use serde_json::Value;

/// The bounds that documents of the API mention.
const FIGURES: [(&str, u64); 32] = [
    ("BLOCKS_MAX", limits::BLOCKS_MAX.unsigned_abs()),
    ("DRY_RUN_CHANGES_MAX", limits::DRY_RUN_CHANGES_MAX as u64),
    ("DRY_RUN_EXAMPLES_MAX", limits::DRY_RUN_EXAMPLES_MAX as u64),
    ("FRAME_IN_BYTES_MAX", limits::FRAME_IN_BYTES_MAX as u64),
    ("MEMBER_PROJECTS_MAX", limits::MEMBER_PROJECTS_MAX as u64),
    ("MUTE_DAYS_MAX", limits::MUTE_DAYS_MAX.unsigned_abs()),
    ("NOTICES_MAX", limits::NOTICES_MAX.unsigned_abs()),
    ("PAGE_MAX", limits::PAGE_MAX as u64),
    ("PARTICIPANTS_CREATE_MAX", limits::PARTICIPANTS_CREATE_MAX as u64),
    ("PARTICIPANTS_MAX", limits::PARTICIPANTS_MAX as u64),
    ("PASSWORD_BYTES_MAX", limits::PASSWORD_BYTES_MAX as u64),
    ("PASSWORD_CHARS_MIN", limits::PASSWORD_CHARS_MIN as u64),
    ("PLACES_MAX", limits::PLACES_MAX.unsigned_abs()),
    ("PRESENCE_GRACE_MS", limits::PRESENCE_GRACE_MS),
    ("PRESENCE_USERS_MAX", limits::PRESENCE_USERS_MAX as u64),
    ("RECORDS_RESOLVE_MAX", limits::RECORDS_RESOLVE_MAX as u64),
    ("RECORD_TITLE_CHARS_MAX", limits::RECORD_TITLE_CHARS_MAX as u64),
    ("REPORTED_VERSIONS_MAX", limits::REPORTED_VERSIONS_MAX as u64),
    ("SEARCH_EXCERPT_CHARS_MAX", limits::SEARCH_EXCERPT_CHARS_MAX as u64),
    ("THREAD_PREVIEW_REPLIES", limits::THREAD_PREVIEW_REPLIES as u64),
    ("TYPING_INTERVAL_MS", limits::TYPING_INTERVAL_MS),
    ("UNREAD_COUNT_MAX", limits::UNREAD_COUNT_MAX as u64),
    ("WORD_CHARS_MAX", limits::WORD_CHARS_MAX as u64),
    ("WORD_ENTRIES_MAX", limits::WORD_ENTRIES_MAX as u64),
    ("EMBED_TOKEN_S_MAX", limits::EMBED_TOKEN_S_MAX),
    ("DUPLICATES_LIMIT_MAX", limits::DUPLICATES_LIMIT_MAX as u64),
    ("DUPLICATE_WINDOW_S_MIN", limits::DUPLICATE_WINDOW_S_MIN as u64),
    ("DUPLICATE_WINDOW_S_MAX", limits::DUPLICATE_WINDOW_S_MAX as u64),
    ("PER_MESSAGE_MAX", limits::PER_MESSAGE_MAX as u64),
    ("PER_MINUTE_MAX", limits::PER_MINUTE_MAX as u64),
    ("NEWCOMER_HOURS_MAX", limits::NEWCOMER_HOURS_MAX as u64),
    ("SLOW_MODE_S_MAX", limits::SLOW_MODE_S_MAX as u64),
];

/// Writes the figures into every text of `document`.
///
/// # Panics
/// When a text names a bound that is missing above, which the tests of the documents rule out.
pub fn write_into(document: &mut Value) {
    match document {
        Value::String(text) if text.contains("`crate::limits::") => *text = written(text),
        Value::Array(some) => some.iter_mut().for_each(write_into),
        Value::Object(fields) => fields.values_mut().for_each(write_into),
        _ => {}
    }
}

fn written(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, figure) in FIGURES {
        text = text.replace(&format!("[`crate::limits::{name}`]"), &figure.to_string());
    }
    assert!(!text.contains("crate::limits::"), "a bound without a figure: {text}");
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_figures_wherever_they_are() {
        let mut document = json!({ "a": ["1 to [`crate::limits::PAGE_MAX`]."], "b": { "c": "none" } });
        write_into(&mut document);
        assert_eq!(document, json!({ "a": [format!("1 to {}.", limits::PAGE_MAX)], "b": { "c": "none" } }));
    }
}
