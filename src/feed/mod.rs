//! The client's state as a pure reducer: what the server told, what the viewer did, and what to do next.
//!
//! No I/O, no clock, no UI: a driver applies [`Input`]s and carries out [`Effect`]s; the UI reads views. The law that the
//! tests hold it to: *old snapshot + events = fresh snapshot*, for any order, duplication, loss and reconnect that the
//! network can make, and each own message appears exactly once.
//!
//! Start reading at [`Input`], [`Effect`] and the views of [`view`].

pub mod effect;
pub mod input;
pub mod outbox;
pub mod view;

pub use effect::{Announcement, Effect, Purge, Urgency};
pub use input::{Ask, Context, Failure, Input, Load, SocketEvent};
pub use outbox::{Change, Delivery, Pending, Unsent};
pub use view::{
    Connection, Content, ConversationView, InboxView, Item, ItemKey, Loading, PresenceView, ThreadView, TimelineView,
    Unread,
};

use crate::{
    domain::PresenceStatus,
    ids::{CompanyId, ConversationId, MessageId, UserId},
    wire::{Message, Person},
};

/// Everything that the client knows about one company, for one person, in one epoch.
#[derive(Debug)]
pub struct Feed {
    viewer: UserId,
    context: Context,
    ticket: u64,
}

impl Feed {
    /// An empty feed.
    #[must_use]
    pub fn new(viewer: UserId, company: CompanyId, epoch: u32) -> Self {
        Self { viewer, context: Context { company, epoch }, ticket: 0 }
    }

    /// Lets `input` happen; returns what to do next, in order.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        let _ = input;
        Vec::new()
    }

    /// A ticket for a request that no effect asked for (first paint, record context). Draw it before asking.
    pub fn ask(&mut self) -> Ask {
        self.ticket += 1;
        Ask { context: self.context, ticket: self.ticket }
    }

    /// Company and epoch; the driver opens sockets and storage for these.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context
    }

    /// Whose feed it is.
    #[must_use]
    pub fn viewer(&self) -> UserId {
        self.viewer
    }

    /// Where to resume the socket; for `hello`.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        None
    }

    /// Whether news arrive.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::Connecting
    }

    /// Changes with everything that any view shows.
    #[must_use]
    pub fn revision(&self) -> u64 {
        0
    }

    /// The list of conversations, the latest activity first.
    #[must_use]
    pub fn inbox(&self) -> InboxView<'_> {
        InboxView { conversations: Vec::new(), loading: Loading::Idle, more: false, loading_more: false }
    }

    /// Unread messages in all conversations, bounded by [`crate::limits::UNREAD_COUNT_MAX`].
    #[must_use]
    pub fn total_unread(&self) -> Unread {
        Unread(0)
    }

    /// One conversation, once its summary is known.
    #[must_use]
    pub fn conversation(&self, conversation: ConversationId) -> Option<ConversationView<'_>> {
        let _ = conversation;
        None
    }

    /// The threads of a conversation; `None` before it was opened.
    #[must_use]
    pub fn timeline(&self, conversation: ConversationId) -> Option<TimelineView<'_>> {
        let _ = conversation;
        None
    }

    /// One thread, also when it is older than what the timeline shows; `None` until its beginning is loaded.
    #[must_use]
    pub fn thread(&self, conversation: ConversationId, root: MessageId) -> Option<ThreadView<'_>> {
        let _ = (conversation, root);
        None
    }

    /// A loaded message.
    #[must_use]
    pub fn message(&self, message: MessageId) -> Option<&Message> {
        let _ = message;
        None
    }

    /// Who, without the viewer, has read up to the position `seq` of a conversation or beyond, by name.
    #[must_use]
    pub fn read_by(&self, conversation: ConversationId, seq: i64) -> Vec<&Person> {
        let _ = (conversation, seq);
        Vec::new()
    }

    /// A person whose name is known from a conversation, a message or the inbox.
    #[must_use]
    pub fn person(&self, user: UserId) -> Option<&Person> {
        let _ = user;
        None
    }

    /// A person's presence, as last heard.
    #[must_use]
    pub fn presence(&self, user: UserId) -> PresenceView {
        let _ = user;
        PresenceView { status: PresenceStatus::Unknown, as_of: None, last_seen_at: None, stale: true }
    }

    /// Whom to watch: people of open conversations, then of the inbox, without the viewer, at most
    /// [`crate::limits::PRESENCE_USERS_MAX`]. The driver sends `presence.watch` when it changes, and after `welcome`.
    #[must_use]
    pub fn watch_list(&self) -> Vec<UserId> {
        Vec::new()
    }

    /// Pending messages, in the order of sending, for storage.
    #[must_use]
    pub fn unsent(&self) -> Vec<Unsent> {
        Vec::new()
    }
}
