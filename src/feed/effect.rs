//! What the driver must do after an input.

use crate::{
    clock::Timestamp,
    domain::{MessageBody, RecordKey},
    ids::{ConversationId, MessageId},
};

use super::input::{Ask, Failure, Load};

/// Something for the driver to do, in this order. Answers come back as [`super::Input`]s with the same [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read something.
    Load {
        /// To be handed back.
        ask: Ask,
        /// What.
        load: Load,
    },
    /// `POST /messages`, or `POST /messages/{parent}/reply`, with `key` as `Idempotency-Key`.
    Send {
        /// To be handed back.
        ask: Ask,
        /// The idempotency key.
        key: String,
        /// Where.
        conversation: ConversationId,
        /// What it answers.
        parent: Option<MessageId>,
        /// Markdown.
        body: MessageBody,
        /// The record that it is about.
        record: Option<RecordKey>,
    },
    /// Wait a while (longer with each attempt, with jitter), then apply [`super::Input::Retry`].
    RetryLater {
        /// Which pending message.
        key: String,
        /// How many attempts have failed; 1 after the first.
        attempts: u32,
    },
    /// `PATCH /messages/{message}`.
    Edit {
        /// To be handed back.
        ask: Ask,
        /// Which.
        message: MessageId,
        /// Markdown.
        body: MessageBody,
        /// The version that was edited.
        version: u32,
    },
    /// `DELETE /messages/{message}`.
    Delete {
        /// To be handed back.
        ask: Ask,
        /// Which.
        message: MessageId,
    },
    /// `POST /conversations/{conversation}/read`.
    MarkRead {
        /// To be handed back.
        ask: Ask,
        /// Where.
        conversation: ConversationId,
        /// Position of the last message seen.
        seq: i64,
    },
    /// A linked record changed: chips that show it resolve it again.
    RecordChanged {
        /// Which.
        record: RecordKey,
    },
    /// Apply [`super::Input::Tick`] then, or later: a typing mark ends.
    WakeAt {
        /// When.
        at: Timestamp,
    },
    /// Write [`super::Feed::unsent`] to storage: it has changed.
    StoreOutbox,
    /// Delete storage's copy of an own message, whichever tab wrote it: the server has it.
    ForgetUnsent {
        /// Its idempotency key.
        key: String,
    },
    /// Delete what storage holds about this.
    Purge(Purge),
    /// Say something to people who can't see the screen.
    Announce {
        /// How urgently.
        urgency: Urgency,
        /// What.
        what: Announcement,
    },
}

/// Whose storage keys to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Everything about a conversation: drafts, scroll positions.
    Conversation(ConversationId),
    /// Drafts that are about a record, wherever they are.
    Record(RecordKey),
    /// Everything of this person in this company.
    Company,
}

/// How urgently something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// When there is a pause (`aria-live="polite"`).
    Polite,
    /// At once (`aria-live="assertive"`).
    Assertive,
}

/// What is said; the UI finds the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Someone else wrote in a conversation that is open.
    Message {
        /// Where.
        conversation: ConversationId,
        /// Who.
        author_name: String,
        /// The beginning of the text.
        text: String,
        /// Whether it is a reply.
        reply: bool,
    },
    /// A message could not be sent and stays, with "retry" and "discard".
    SendFailed {
        /// Where.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// An edit or delete was refused.
    ChangeFailed {
        /// Which message.
        message: MessageId,
        /// Why.
        failure: Failure,
    },
    /// The connection is lost; what is on screen may be old.
    ConnectionLost,
    /// The connection is back.
    ConnectionRestored,
    /// A conversation that was open is no longer there for this person.
    ConversationGone {
        /// Which.
        conversation: ConversationId,
    },
}
