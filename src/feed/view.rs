//! What the UI reads. Everything borrows from the feed; nothing here changes it.

use crate::{
    clock::Timestamp,
    domain::{ConversationKind, MessageBody, PresenceStatus, RecordKey, text::Document},
    ids::{ConversationId, MessageId, UserId},
    wire::{CloseCode, ConversationRights, LinkedRecord, Message, MessagePreview, Notice, Participant, Person},
};

use super::{
    input::Failure,
    outbox::{Change, Delivery, Pending},
};

/// Whether news arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not yet.
    Connecting,
    /// Yes.
    Live,
    /// It was lost and is being tried again.
    Reconnecting,
    /// By asking from time to time.
    Polling,
    /// No, and trying again would not help: sign in, or load the page afresh.
    Over(CloseCode),
}

/// How much of something is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loading<'a> {
    /// Nothing, and nothing has been asked for.
    Idle,
    /// A request is under way. What is there already can be shown.
    Busy,
    /// Everything that was asked for.
    Ready,
    /// The last request failed; opening it again tries again.
    Failed(&'a Failure),
}

/// The number of a badge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread(pub u16);

impl core::fmt::Display for Unread {
    /// `0` to `99`, then `99+`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0 > 99 { f.write_str("99+") } else { self.0.fmt(f) }
    }
}

/// The list of conversations.
#[derive(Clone, Debug)]
pub struct InboxView<'a> {
    /// Those loaded, the latest activity first.
    pub conversations: Vec<ConversationView<'a>>,
    /// State of the first page.
    pub loading: Loading<'a>,
    /// Whether there are more; [`super::Input::InboxMoreWanted`] loads them.
    pub more: bool,
    /// Whether more are being loaded.
    pub loading_more: bool,
}

/// A conversation, as lists and headers show it.
#[derive(Clone, Debug)]
pub struct ConversationView<'a> {
    /// Which.
    pub id: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// Its title.
    pub title: &'a str,
    /// The record that it is about.
    pub record: Option<&'a LinkedRecord>,
    /// Up to five participants, the viewer last.
    pub people: &'a [Person],
    /// How many there are.
    pub people_count: u32,
    /// Whether a guest reads along.
    pub has_external: bool,
    /// The last message that the viewer may see; `None` also while that is being found out.
    pub last: Option<&'a MessagePreview>,
    /// Unread messages.
    pub unread: Unread,
    /// Position up to which the viewer has read.
    pub read_seq: i64,
    /// Position of the newest message known.
    pub last_seq: i64,
    /// When something last happened.
    pub activity_at: Timestamp,
    /// Who is writing, without the viewer, by id.
    pub typing: Vec<UserId>,
    /// Own messages not yet confirmed.
    pub pending: usize,
    /// Of these, how many failed.
    pub failed: usize,
    /// All participants, once the conversation has been opened.
    pub participants: &'a [Participant],
    /// What the viewer may do, once the conversation has been opened.
    pub can: Option<ConversationRights>,
    /// Until when the viewer may not write here.
    pub muted_until: Option<Timestamp>,
    /// What moderators did about messages of the viewer here, newest first.
    pub notices: &'a [Notice],
    /// Whose messages about no record are folded.
    pub blocked: &'a [UserId],
    /// Whether what is shown is being checked against the server.
    pub stale: bool,
}

/// The threads of a conversation.
#[derive(Clone, Debug)]
pub struct TimelineView<'a> {
    /// Which conversation.
    pub conversation: ConversationId,
    /// State of the newest page.
    pub loading: Loading<'a>,
    /// Whether what is shown is being checked against the server.
    pub stale: bool,
    /// Whether older threads exist; [`super::Input::OlderWanted`] loads them.
    pub older: bool,
    /// Whether they are being loaded.
    pub loading_older: bool,
    /// Position up to which the viewer has read.
    pub read_seq: i64,
    /// Changes with everything in here: equal revisions show the same.
    pub revision: u64,
    /// Threads, oldest first, then own pending beginnings of threads in the order of sending.
    pub threads: Vec<ThreadView<'a>>,
    /// Pending replies whose parent is not loaded, in the order of sending.
    pub unplaced: Vec<Item<'a>>,
}

/// A beginning and its replies.
#[derive(Clone, Debug)]
pub struct ThreadView<'a> {
    /// The beginning; its `descendants` are the replies in [`Self::replies`].
    pub root: Item<'a>,
    /// Replies that exist, as far as known: tombstones included, pending ones not.
    pub reply_count: u32,
    /// When the thread was last answered.
    pub last_reply_at: Option<Timestamp>,
    /// Whether there are replies that are not loaded; [`super::Input::ThreadWanted`] loads them.
    pub more: bool,
    /// Whether replies are being loaded.
    pub loading: bool,
    /// Changes with everything in this thread: equal revisions show the same.
    pub revision: u64,
    /// Replies in the order of the tree: each is followed by its descendants. Collapsing the branch at index `i` hides
    /// `replies[i + 1..=i + replies[i].descendants]`.
    pub replies: Vec<Item<'a>>,
}

/// What stays the same when a pending message becomes a confirmed one, so that its node on screen stays too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKey {
    /// Someone else's message, or an own one without a key.
    Message(MessageId),
    /// An own message, pending or confirmed, by its idempotency key.
    Own(String),
}

/// One message in its place, confirmed or pending.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// For keyed lists.
    pub key: ItemKey,
    /// 0 for the beginning of a thread.
    pub depth: u8,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// How many loaded replies are below it, pending ones included: they follow it immediately.
    pub descendants: usize,
    /// What it is.
    pub content: Content<'a>,
}

/// A message, confirmed or pending.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// The server has it.
    Confirmed {
        /// As the server last told.
        message: &'a Message,
        /// An edit or delete of the viewer's that is under way or failed.
        change: Option<&'a Change>,
    },
    /// The server has not said that it has it.
    Pending(&'a Pending),
}

impl<'a> Item<'a> {
    /// The message's id, once it has one.
    #[must_use]
    pub fn id(&self) -> Option<MessageId> {
        match self.content {
            Content::Confirmed { message, .. } => Some(message.id),
            Content::Pending(_) => None,
        }
    }

    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> &'a Person {
        match self.content {
            Content::Confirmed { message, .. } => &message.author,
            Content::Pending(pending) => &pending.author,
        }
    }

    /// What to render; an edit under way shows its new text.
    #[must_use]
    pub fn text(&self) -> &'a Document {
        match self.content {
            Content::Confirmed { change: Some(Change::Edit { text, .. }), .. } => text,
            Content::Confirmed { message, .. } => &message.text,
            Content::Pending(pending) => &pending.text,
        }
    }

    /// The Markdown behind [`Self::text`].
    #[must_use]
    pub fn body(&self) -> &'a str {
        match self.content {
            Content::Confirmed { change: Some(Change::Edit { body, .. }), .. } => body.as_str(),
            Content::Confirmed { message, .. } => &message.body,
            Content::Pending(pending) => MessageBody::as_str(&pending.body),
        }
    }

    /// The record that governs it.
    #[must_use]
    pub fn record(&self) -> Option<&'a RecordKey> {
        match self.content {
            Content::Confirmed { message, .. } => message.link.as_ref().map(|link| &link.record),
            Content::Pending(pending) => pending.record.as_ref(),
        }
    }

    /// When it was sent.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self.content {
            Content::Confirmed { message, .. } => message.created_at,
            Content::Pending(pending) => pending.at,
        }
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        matches!(self.content, Content::Confirmed { message, .. } if message.deleted_at.is_some())
    }

    /// How far a pending message has come; `None` for a confirmed one.
    #[must_use]
    pub fn delivery(&self) -> Option<&'a Delivery> {
        match self.content {
            Content::Confirmed { .. } => None,
            Content::Pending(pending) => Some(&pending.delivery),
        }
    }
}

/// A person's presence, as last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceView {
    /// Online, away, offline, unknown.
    pub status: PresenceStatus,
    /// When this was true; `None` if nothing was ever heard.
    pub as_of: Option<Timestamp>,
    /// When they were last seen, if offline and known.
    pub last_seen_at: Option<Timestamp>,
    /// Whether changes may have been missed since: show "as of".
    pub stale: bool,
}
