//! What the hub tells a company's task.

use axum::extract::ws::Utf8Bytes;
use postil::{
    backend::bus::{Inbound, PresenceChange},
    clock::Timestamp,
    ids::{ConnectionId, ConversationId, SessionId, UserId},
    wire::CloseCode,
};
use tokio::sync::{mpsc, oneshot};

use crate::ws::{ledger::Member, place::Place};

/// How the hub ends a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ws) struct Ending {
    /// Why.
    pub code: CloseCode,
    /// For [`CloseCode::TooSlow`]: where the stream stands for the client that loads afresh.
    pub resync: Option<String>,
}

impl From<CloseCode> for Ending {
    fn from(code: CloseCode) -> Self {
        Self { code, resync: None }
    }
}

/// A socket that wants to be let in.
#[derive(Debug)]
pub(in crate::ws) struct Admission {
    pub connection: ConnectionId,
    pub session: SessionId,
    pub member: Member,
    /// [`super::Shared::epoch`] from before `member` was read: if it has moved since, the member is read again.
    pub epoch: u64,
    /// Where to resume.
    pub cursor: Option<Place>,
    pub queue: mpsc::Sender<Utf8Bytes>,
    pub ended: oneshot::Sender<Ending>,
    pub reply: oneshot::Sender<Admitted>,
}

/// It is in: every event after `at` goes into its queue.
#[derive(Clone, Debug)]
pub(in crate::ws) struct Admitted {
    pub at: i64,
    /// When a rule of the policy last began or ended: what its cursors tell.
    pub as_of: Option<Timestamp>,
    /// Whom it was let in as.
    pub member: Member,
    /// Whether the events after the client's cursor, up to `at`, can be replayed.
    pub resumable: bool,
    /// Those events, if the company's task had them in memory.
    pub replay: Option<Vec<Utf8Bytes>>,
}

#[derive(Debug)]
pub(in crate::ws) enum Command {
    Admit(Box<Admission>),
    Leave {
        user: UserId,
        connection: ConnectionId,
    },
    /// Whether this person meets only those whom they talk with.
    Guest {
        user: UserId,
        answer: oneshot::Sender<bool>,
    },
    Watch {
        user: UserId,
        connection: ConnectionId,
        users: Box<[UserId]>,
        allowed: oneshot::Sender<bool>,
    },
    Typing {
        user: UserId,
        conversation: ConversationId,
    },
    Inbound(Box<Inbound>),
    /// Compare with the log.
    Look,
    EndSession {
        session: SessionId,
        code: CloseCode,
    },
    /// Nobody knows who is there.
    PresenceLost,
    /// Whom anyone watches.
    Watched(oneshot::Sender<Vec<UserId>>),
    /// What they are, read afresh.
    Presence(Vec<PresenceChange>),
}
