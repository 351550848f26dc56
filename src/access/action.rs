//! What can be allowed or denied.

use core::{fmt, str::FromStr};
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Something a member may do. The text form is stored in policies and is append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// All of them, in the order of the matrix.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As stored and written in policies.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
        }
    };
}

actions! {
    /// Begin a thread.
    MessageCreate = "message:create";
    /// Read a message's text.
    MessageRead = "message:read";
    /// Answer a message.
    MessageReply = "message:reply";
    /// Edit one's own message within the window.
    MessageEdit = "message:edit";
    /// Delete one's own message.
    MessageDelete = "message:delete";
    /// See that a conversation and its record exist.
    ThreadRead = "thread:read";
    /// See who is online.
    PresenceRead = "presence:read";
    /// Attach a file.
    AttachmentUpload = "attachment:upload";
    /// Open a file.
    AttachmentRead = "attachment:read";
    /// Delete other people's messages.
    AdminModerate = "admin:moderate";
    /// Export conversations.
    AdminExport = "admin:export";
    /// Keep the registry of linked records current (the ERP's key).
    AdminRecords = "admin:records";
    /// Change memberships and roles.
    AdminMembers = "admin:members";
    /// Change the policy.
    AdminPolicy = "admin:policy";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    /// Whether it is asked for the company as a whole, never for one record.
    #[must_use]
    pub const fn is_of_the_company(self) -> bool {
        matches!(self, Self::AdminExport | Self::AdminRecords | Self::AdminMembers | Self::AdminPolicy)
    }
}

/// The text names no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an action such as message:read")]
pub struct ActionError;

impl FromStr for Action {
    type Err = ActionError;
    fn from_str(text: &str) -> Result<Self, ActionError> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(ActionError)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>() })
    }
}
