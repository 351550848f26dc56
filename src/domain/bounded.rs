//! Texts with a bound, checked once where they enter.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// Nothing but blanks.
    #[error("must not be empty")]
    Empty,
    /// Longer than `max`.
    #[error("is {len} characters long, at most {max} are allowed")]
    TooLong {
        /// Length found, in characters.
        len: usize,
        /// Length allowed, in characters.
        max: usize,
    },
    /// A control character other than line feed and tab: PostgreSQL stores no NUL, and terminals obey the others.
    #[error("contains the control character U+{code:04X}")]
    Control {
        /// The character's number.
        code: u32,
    },
    /// Not of the expected form.
    #[error("is not {expected}")]
    Malformed {
        /// What would be right.
        expected: &'static str,
    },
}

fn check(text: &str, max: usize, lines: bool) -> Result<(), BoundError> {
    // Bytes first: counting the characters of a huge text is work for the sender's benefit only.
    let len = if text.len() > max * 4 { text.len() } else { text.chars().count() };
    if len > max {
        return Err(BoundError::TooLong { len, max });
    }
    if let Some(c) = text.chars().find(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t'))) {
        return Err(BoundError::Control { code: u32::from(c) });
    }
    // Zero-width characters alone show as nothing and would make a message that nobody can see.
    if text
        .chars()
        .all(|c| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}'))
    {
        return Err(BoundError::Empty);
    }
    Ok(())
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident, max $max:expr, lines $lines:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text`, without blanks around it.
            ///
            /// # Errors
            /// When it is empty, too long or has control characters.
            pub fn new(text: &str) -> Result<Self, BoundError> {
                let text = text.replace("\r\n", "\n");
                let text = text.trim();
                check(text, $max, $lines)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self { value.0 }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::new(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $max })
            }
        }
    )*};
}

bounded! {
    /// The Markdown source of a message.
    MessageBody, max limits::MESSAGE_BODY_CHARS_MAX, lines true;
    /// The title of a conversation.
    Title, max limits::TITLE_CHARS_MAX, lines false;
    /// The name of a person, company, department or project.
    Name, max limits::NAME_CHARS_MAX, lines false;
    /// Why a policy was changed.
    Comment, max limits::POLICY_COMMENT_CHARS_MAX, lines true;
    /// Why a message is reported, or why a moderator did something.
    Note, max limits::MODERATION_NOTE_CHARS_MAX, lines true;
}

/// An e-mail address, lower case: the name under which a person signs in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Checks the outline of an address; whether it exists only a mail can tell.
    ///
    /// # Errors
    /// When it has no local part, no domain, blanks, or more than [`limits::EMAIL_BYTES_MAX`] bytes.
    pub fn new(text: &str) -> Result<Self, BoundError> {
        const EXPECTED: &str = "an e-mail address such as anna@example.com";
        let text = text.trim().to_lowercase();
        if text.is_empty() {
            return Err(BoundError::Empty);
        }
        if text.len() > limits::EMAIL_BYTES_MAX {
            return Err(BoundError::TooLong { len: text.len(), max: limits::EMAIL_BYTES_MAX });
        }
        let (local, domain) = text.rsplit_once('@').ok_or(BoundError::Malformed { expected: EXPECTED })?;
        if local.is_empty() || domain.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BoundError::Malformed { expected: EXPECTED });
        }
        Ok(Self(text))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Email {
    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "email", "maxLength": limits::EMAIL_BYTES_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_keeps_its_lines_and_loses_blanks_around_it() {
        assert_eq!(MessageBody::new(" a\r\nb\t \n").unwrap().as_str(), "a\nb");
    }

    #[test]
    fn what_nobody_could_see_or_store_is_refused() {
        for text in ["", "  \n", "\u{200b}\u{feff}"] {
            assert_eq!(MessageBody::new(text), Err(BoundError::Empty), "{text:?}");
        }
        assert_eq!(MessageBody::new("a\0b"), Err(BoundError::Control { code: 0 }));
        assert_eq!(Title::new("two\nlines"), Err(BoundError::Control { code: 10 }));
    }

    #[test]
    fn the_bound_counts_characters() {
        let max = limits::MESSAGE_BODY_CHARS_MAX;
        assert!(MessageBody::new(&"ü".repeat(max)).is_ok());
        assert_eq!(MessageBody::new(&"ü".repeat(max + 1)), Err(BoundError::TooLong { len: max + 1, max }));
    }

    #[test]
    fn an_address_is_lower_case() {
        assert_eq!(Email::new(" Anna@Example.COM ").unwrap().as_str(), "anna@example.com");
        assert!(Email::new("anna").is_err());
        assert!(Email::new("a b@c").is_err());
    }
}
