//! Conversations: where messages stand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What decides who belongs to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// Two people; there is one per pair and company.
    Direct,
    /// The people who were added.
    Group,
    /// Everyone who may see the record that it is about, live.
    Record,
}

impl ConversationKind {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Record => "record",
        }
    }

    /// From what is stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Direct, Self::Group, Self::Record].into_iter().find(|kind| kind.as_str() == text)
    }
}
