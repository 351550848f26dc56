//! One type per id, so that a user's id can't stand where a message's is expected.
//!
//! Inside is a UUIDv7 (made by a [`crate::clock::IdSource`], never ambiently); on the wire it is `prefix_` and 32
//! lower-case hexadecimal digits. The list is append-only: a prefix, once published, keeps its meaning.

use core::{fmt, str::FromStr};
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is no id of the wanted kind. The text itself is not repeated: it may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of this kind is written `{prefix}_` followed by 32 hexadecimal digits")]
pub struct IdError {
    /// The prefix that would have been right.
    pub prefix: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let wrong = IdError { prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(wrong)?;
    // `Uuid` would also take hyphens, braces and capitals: one id has one spelling, or caches and logs disagree.
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(wrong);
    }
    Uuid::try_parse(digits).map_err(|_| wrong)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the id starts with on the wire.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a value that is known to be an id of this kind: a column of its own table, a fresh value.
            #[must_use]
            pub const fn from_uuid(value: Uuid) -> Self { Self(value) }

            /// The bare value, as the database stores it.
            #[must_use]
            pub const fn uuid(self) -> Uuid { self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!($prefix, "_{}"), self.0.simple()) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { parse(text, $prefix).map(Self) }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.collect_str(self) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "_[0-9a-f]{32}$") })
            }
        }
    )*};
}

ids! {
    /// A company: the border that nothing crosses.
    CompanyId = "cmp";
    /// A person, across all companies they belong to.
    UserId = "usr";
    /// A department of a company.
    DepartmentId = "dep";
    /// A project of a company.
    ProjectId = "prj";
    /// A conversation.
    ConversationId = "cnv";
    /// A message, root or reply.
    MessageId = "msg";
    /// A file's description.
    AttachmentId = "att";
    /// A signed-in browser, device or embedded widget.
    SessionId = "ses";
    /// One socket or heartbeat source, for presence leases.
    ConnectionId = "con";
    /// A key with which an ERP speaks to the REST API.
    ApiKeyId = "key";
    /// One request from its arrival to its last effect; in every answer, log line and problem.
    CorrelationId = "cor";
    /// A background job.
    JobId = "job";
    /// A queued notification.
    NotificationId = "ntf";
    /// Somebody asked into a company.
    InvitationId = "inv";
    /// What was done about a message, as its author is told.
    NoticeId = "ntc";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_wire() {
        let id = MessageId::from_uuid(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_002a));
        assert_eq!(id.to_string(), "msg_0198000000007000800000000000002a");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<MessageId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn another_kind_or_spelling_is_refused() {
        for text in [
            "",
            "msg_",
            "usr_0198000000007000800000000000002a",
            "msg_0198000000007000800000000000002A",
            "msg_01980000-0000-7000-8000-00000000002a",
            "0198000000007000800000000000002a",
            "msg_0198000000007000800000000000002a ",
        ] {
            assert!(text.parse::<MessageId>().is_err(), "{text:?}");
        }
    }
}
