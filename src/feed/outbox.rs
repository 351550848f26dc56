//! Own messages, edits and deletes that the server has not confirmed.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    domain::{MessageBody, RecordKey, text::Document},
    ids::{ConversationId, MessageId},
    wire::Person,
};

use super::input::Failure;

/// How far a pending message has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A request is under way.
    Sending,
    /// It will be sent by itself: after an earlier one in the same conversation, or again after a passing failure.
    Waiting {
        /// Why the last attempt failed, if there was one.
        failure: Option<Failure>,
    },
    /// It stays until it is retried or discarded.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// An own message that the server has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its idempotency key.
    pub key: String,
    /// Where.
    pub conversation: ConversationId,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// Markdown.
    pub body: MessageBody,
    /// The same, parsed as the server will parse it.
    pub text: Document,
    /// The record that it is about.
    pub record: Option<RecordKey>,
    /// The viewer.
    pub author: Person,
    /// When it was sent, by this machine's clock.
    pub at: Timestamp,
    /// How far it has come.
    pub delivery: Delivery,
    /// Attempts that failed.
    pub attempts: u32,
}

/// A pending message as storage keeps it over a reload of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsent {
    /// Its idempotency key.
    pub key: String,
    /// Where.
    pub conversation: ConversationId,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// Markdown.
    pub body: MessageBody,
    /// The record that it is about.
    pub record: Option<RecordKey>,
    /// The viewer.
    pub author: Person,
    /// When it was sent, by that machine's clock.
    pub at: Timestamp,
}

/// An edit or delete of the viewer's that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new text.
    Edit {
        /// Markdown.
        body: MessageBody,
        /// The same, parsed.
        text: Document,
        /// The version that was edited.
        version: u32,
        /// Why the last attempt failed; `None` while it is under way.
        failure: Option<Failure>,
    },
    /// A tombstone to be.
    Delete {
        /// Why the last attempt failed; `None` while it is under way.
        failure: Option<Failure>,
    },
}
