//! What has been committed, and the log's events.

use serde::{Deserialize, Serialize};

use crate::{
    domain::RecordKey,
    ids::{CompanyId, ConversationId, MessageId, UserId},
};

/// A value that exists because a transaction committed. Only the store makes one, so that nothing is told to the world
/// (a pointer on the bus, a frame on a socket) that a rollback could take back.
#[derive(Clone, Debug)]
pub struct Committed<T>(T);

impl<T> Committed<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// Another view of the same committed fact.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Committed<U> {
        Committed(f(self.0))
    }

    /// The value, free.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A thread began.
    #[serde(rename = "message.created")]
    MessageCreated,
    /// A message was answered.
    #[serde(rename = "thread.reply.created")]
    ThreadReplyCreated,
    /// A message was edited.
    #[serde(rename = "message.updated")]
    MessageUpdated,
    /// A message became a tombstone.
    #[serde(rename = "message.deleted")]
    MessageDeleted,
    /// A conversation began or changed.
    #[serde(rename = "conversation.updated")]
    ConversationUpdated,
    /// A linked record changed.
    #[serde(rename = "record.updated")]
    RecordUpdated,
    /// Who may see what has changed.
    #[serde(rename = "access.changed")]
    AccessChanged,
}

impl EventKind {
    const ALL: [Self; 7] = [
        Self::MessageCreated,
        Self::ThreadReplyCreated,
        Self::MessageUpdated,
        Self::MessageDeleted,
        Self::ConversationUpdated,
        Self::RecordUpdated,
        Self::AccessChanged,
    ];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::ThreadReplyCreated => "thread.reply.created",
            Self::MessageUpdated => "message.updated",
            Self::MessageDeleted => "message.deleted",
            Self::ConversationUpdated => "conversation.updated",
            Self::RecordUpdated => "record.updated",
            Self::AccessChanged => "access.changed",
        }
    }

    /// From what is stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One row of the log: what happened to which, never what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// Whose log.
    pub company: CompanyId,
    /// Position in it: dense, in the order of commits.
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// To which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// To which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// To which record, or governed by which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordKey>,
    /// By whom, or (access.changed) about whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}
