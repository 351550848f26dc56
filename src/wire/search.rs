//! Full-text search: what is asked, what is found, and the runs of marked text that excerpts and comparisons are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MessageLink, Person};
use crate::{
    clock::Timestamp,
    domain::{ConversationKind, RecordId, RecordKey, RecordKind},
    ids::{CompanyId, ConversationId, MessageId, UserId},
};

/// `GET /search`: messages that the viewer may read and whose words match, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchMessages {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// The words. All of them must be there, of the last one the beginning; capitals and accents don't matter.
    pub q: String,
    /// Only in this conversation.
    pub conversation_id: Option<ConversationId>,
    /// With `linkedId`: only about this record, in any conversation.
    pub linked_type: Option<RecordKind>,
    /// The record.
    pub linked_id: Option<RecordId>,
    /// Only by this person.
    pub author_id: Option<UserId>,
    /// Only from this moment on, it included.
    pub from: Option<Timestamp>,
    /// Only until this moment, it excluded.
    pub to: Option<Timestamp>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub conversation: HitPlace,
    /// The beginning of its thread; itself, if it is one.
    pub root_id: MessageId,
    /// Its position in the conversation.
    pub seq: i64,
    /// Who wrote it.
    pub author: Person,
    /// When.
    pub created_at: Timestamp,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The record that governs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<MessageLink>,
    /// Its text around the first word that was found, at most [`crate::limits::SEARCH_EXCERPT_CHARS_MAX`] characters.
    pub excerpt: Vec<Run>,
}

/// The conversation of a message that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HitPlace {
    /// Which.
    pub id: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// Its title; for a direct conversation the other person's name, for a record's the record's title.
    pub title: String,
    /// The record that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordKey>,
}

words! {
    /// What a run of text is.
    RunKind {
        /// Nothing in particular, or in both texts.
        Same = "same",
        /// Searched for.
        Found = "found",
        /// In the later text only.
        Added = "added",
        /// In the earlier text only.
        Removed = "removed",
    }
}

/// A piece of plain text, all of one kind. A text is the runs in their order; none is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// What it is.
    pub kind: RunKind,
    /// The characters.
    pub text: String,
}
