//! The client's state as a pure reducer: what the server told, what the viewer did, and what to do next.
//!
//! No I/O, no clock, no UI: a driver applies [`Input`]s and carries out [`Effect`]s; the UI reads views. The law that the
//! tests hold it to: *old snapshot + events = fresh snapshot*, for any order, duplication, loss and reconnect that the
//! network can make, and each own message appears exactly once.
//!
//! Three ideas carry it. A message is replaced only by a higher state of itself, so it does not matter which of two news
//! comes first. Every request draws a growing ticket, so an answer is known to include what was heard before it was
//! asked, and is refused if something was withdrawn since. What an answer may or may not include is asked for again.
//!
//! Start reading at [`Input`], [`Effect`] and the views of [`view`]; then `reduce.rs`, which says what each input does,
//! `conversation.rs` (summaries and unread counts), `timeline.rs` (messages) and `outbox.rs` (own writes).

mod conversation;
mod desk;
pub mod effect;
mod inbox;
pub mod input;
mod map;
pub mod outbox;
mod read;
mod reduce;
mod timeline;
pub mod view;

#[cfg(test)]
mod tests;

pub use effect::{Announcement, Effect, Purge, Urgency};
pub use input::{Ask, Context, Failure, Input, Load, SocketEvent};
pub use outbox::{Change, Delivery, Pending, Unsent};
pub use view::{
    Connection, Content, ConversationView, InboxView, Item, ItemKey, Loading, PresenceView, ThreadView, TimelineView,
    Unread,
};

use self::map::Map;
use crate::{
    domain::RecordKey,
    ids::{CompanyId, ConversationId, MessageId, UserId},
    limits,
    wire::{Person, Presence},
};

/// Everything that the client knows about one company, for one person, in one epoch. Dropped whole when one of these
/// changes.
#[derive(Debug)]
pub struct Feed {
    desk: desk::Desk,
    connection: Connection,
    /// Whether the loss of a connection was announced.
    lost: bool,
    cursor: Option<String>,
    inbox: inbox::Inbox,
    launcher_unread: u16,
    conversations: Map<ConversationId, Box<conversation::Conversation>>,
    /// Receipts in conversations that are not known: they may overtake the page that names these.
    early_receipts: Map<ConversationId, Map<UserId, i64>>,
    /// Own messages in the order of sending.
    outbox: Vec<Pending>,
    outbox_changed: bool,
    changes: Map<MessageId, outbox::Changing>,
    /// Records that were withdrawn, and the last ticket drawn before: answers up to it may not bring them back.
    withdrawn: Map<RecordKey, u64>,
    people: Map<UserId, Person>,
    presence: Map<UserId, Presence>,
}

impl Feed {
    /// An empty feed.
    #[must_use]
    pub fn new(viewer: UserId, company: CompanyId, epoch: u32) -> Self {
        Self {
            desk: desk::Desk {
                viewer,
                context: Context { company, epoch },
                ticket: 1,
                barrier: 0,
                lost: 0,
                receipts_from: 0,
                generation: 0,
                preview_replies: usize::from(limits::THREAD_PREVIEW_REPLIES),
                revision: 0,
            },
            connection: Connection::Connecting,
            lost: false,
            cursor: None,
            inbox: inbox::Inbox::default(),
            launcher_unread: 0,
            conversations: Map::new(),
            early_receipts: Map::new(),
            outbox: Vec::new(),
            outbox_changed: false,
            changes: Map::new(),
            withdrawn: Map::new(),
            people: Map::new(),
            presence: Map::new(),
        }
    }

    /// A ticket for a request that no effect asked for (first paint, record context). Draw it before asking.
    pub fn ask(&mut self) -> Ask {
        self.desk.draw()
    }

    /// Company and epoch; the driver opens sockets and storage for these.
    #[must_use]
    pub fn context(&self) -> Context {
        self.desk.context
    }

    /// Whose feed it is.
    #[must_use]
    pub fn viewer(&self) -> UserId {
        self.desk.viewer
    }

    /// Where to resume the socket; for `hello`.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Whether news arrive.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.connection
    }

    /// Changes with every input that was not dropped.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.desk.revision
    }
}
