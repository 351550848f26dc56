//! What the parts of a feed share: whose it is, the tickets, and the counters.

use crate::{ids::UserId, wire::Message};

use super::input::{Ask, Context};

/// Draws tickets and says which answers are still worth something.
#[derive(Debug)]
pub(super) struct Desk {
    pub viewer: UserId,
    pub context: Context,
    /// The last ticket drawn. An event that happens now is known to every later ticket's answer.
    pub ticket: u64,
    /// Answers to tickets up to this one are dropped: since then something was withdrawn, or events were lost. Such an
    /// answer could bring back what the viewer may no longer see, and everything in it has been asked for again.
    pub barrier: u64,
    /// The last ticket drawn before events were lost. What was withdrawn with them is not known, so that an answer to an
    /// earlier write may not bring its message back: the reload tells whether it is still there.
    pub lost: u64,
    /// The last ticket drawn before the present stream of frames: answers up to it may have missed receipts.
    pub receipts_from: u64,
    /// Counts the times that events were lost. What bears an older generation is not known to exist any more.
    pub generation: u32,
    /// How many first replies a page brings per thread; fewer mean that there are no more.
    pub preview_replies: usize,
    /// Counts changes, for memoised views.
    pub revision: u64,
}

impl Desk {
    pub fn draw(&mut self) -> Ask {
        self.ticket += 1;
        Ask { context: self.context, ticket: self.ticket }
    }

    /// Whether an answer to this request may be used.
    pub fn admits(&self, ask: Ask) -> bool {
        ask.ticket > self.barrier
    }

    /// From here on, no answer to a request made before is used.
    pub fn bar(&mut self) {
        self.barrier = self.ticket;
    }

    pub fn is_own(&self, message: &Message) -> bool {
        message.author.id == self.viewer
    }
}

/// How far a message has come in its life. A state is replaced only by a higher one: versions grow, and never while it is
/// hidden; within a version, hidings and restorings are counted; the tombstone wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    version: u32,
    moderated: u32,
    deleted: bool,
}

impl Stamp {
    pub const FIRST: Self = Self { version: 1, moderated: 0, deleted: false };

    pub fn of(message: &Message) -> Self {
        Self { version: message.version, moderated: message.moderated, deleted: message.deleted_at.is_some() }
    }

    pub fn is_tombstone(self) -> bool {
        self.deleted
    }

    pub fn moderated(self) -> u32 {
        self.moderated
    }

    /// Whether there is something to read: neither deleted nor hidden. Hidings and restorings take turns, so that an odd number of
    /// them is a hidden message.
    pub fn is_shown(self) -> bool {
        !self.deleted && self.moderated.is_multiple_of(2)
    }
}
