//! The status word of a record ("posted", "closed"), as policies compare it. What people see is the ERP's own spelling; this
//! is its meaning: without blanks around it, in small letters.

use core::fmt;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::bounded::BoundError;
use crate::limits;

/// A status word, folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StatusWord(String);

const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{a0}'];
/// What would end, quote or rename a member of the lists in which row-level security keeps scopes.
const RESERVED: &str = ",{}\"\\$";

/// A letter's small form, letter by letter and only in Latin, Greek and Cyrillic: a table that no version of Unicode changes,
/// so that the database, which has its own (`app.status_word`), can never disagree.
fn small(c: char) -> char {
    if !matches!(c, 'A'..='Z' | '\u{c0}'..='\u{17f}' | '\u{386}'..='\u{3ab}' | '\u{400}'..='\u{42f}') {
        return c;
    }
    let mut letters = c.to_lowercase();
    match (letters.next(), letters.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl StatusWord {
    /// What the ERP says of a record, folded. Never fails: a text that no policy can name matches none.
    #[must_use]
    pub fn of_record(text: &str) -> Self {
        Self(text.trim_matches(BLANKS).chars().map(small).collect())
    }

    /// Checks and folds a word of a policy.
    ///
    /// # Errors
    /// When it is empty, longer than [`limits::RECORD_STATUS_CHARS_MAX`], or holds control characters or one of `, { } " \ $`.
    pub fn new(text: &str) -> Result<Self, BoundError> {
        let word = Self::of_record(text);
        let len = word.0.chars().count();
        if len == 0 {
            return Err(BoundError::Empty);
        }
        if len > limits::RECORD_STATUS_CHARS_MAX {
            return Err(BoundError::TooLong { len, max: limits::RECORD_STATUS_CHARS_MAX });
        }
        if let Some(c) = word.0.chars().find(|c| c.is_control()) {
            return Err(BoundError::Control { code: u32::from(c) });
        }
        if word.0.chars().any(|c| RESERVED.contains(c)) {
            return Err(BoundError::Malformed { expected: "a status word such as posted, without , { } \" \\ or $" });
        }
        Ok(word)
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StatusWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for StatusWord {
    fn schema_name() -> Cow<'static, str> {
        "StatusWord".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": limits::RECORD_STATUS_CHARS_MAX,
            "pattern": "^[^,{}\"\\\\$\\x00-\\x1f]*$",
            "description": "A record's status in the ERP, such as posted; blanks around it and capitals don't matter.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_capitals_do_not_matter() {
        for text in ["Posted", " posted ", "POSTED\u{a0}"] {
            assert_eq!(StatusWord::new(text).unwrap().as_str(), "posted");
        }
        assert_eq!(StatusWord::of_record("ÜBERFÄLLIG ΟΧΙ ЗАКРЫТ").as_str(), "überfällig οχι закрыт");
        assert_ne!(StatusWord::of_record("\u{130}").as_str(), "i", "letter by letter only");
    }

    #[test]
    fn words_that_could_break_out_of_a_list_are_refused() {
        assert_eq!(StatusWord::new(" "), Err(BoundError::Empty));
        assert_eq!(StatusWord::new("a\tb"), Err(BoundError::Control { code: 9 }));
        let long = "ü".repeat(limits::RECORD_STATUS_CHARS_MAX + 1);
        assert!(matches!(StatusWord::new(&long), Err(BoundError::TooLong { .. })));
        for text in ["a,b", "{a}", "\"a\"", "a\\b", "$projects"] {
            assert!(matches!(StatusWord::new(text), Err(BoundError::Malformed { .. })), "{text}");
        }
        assert!(StatusWord::new("on hold | 50 %").is_ok());
    }
}
