//! Receipts, typing, presence: state of which the latest counts. Collected, sent together, gone if nobody listens.

use std::collections::{BTreeSet, HashMap};

use postil::{
    backend::bus::PresenceChange,
    domain::PresenceStatus,
    ids::{ConnectionId, ConversationId, UserId},
    limits,
    wire::{Presence, ServerFrame},
};
use tokio::time::{Duration, Instant};

use super::{Company, written};

const RECEIPTS: Duration = Duration::from_millis(limits::RECEIPT_BATCH_MS);
const TYPING: Duration = Duration::from_millis(limits::TYPING_PERSON_MS);
const PRESENCE: Duration = Duration::from_millis(limits::PRESENCE_BATCH_MS);

/// What waits to be told.
#[derive(Debug, Default)]
pub(super) struct Whispers {
    receipts: HashMap<(ConversationId, UserId), i64>,
    receipts_at: Option<Instant>,
    presence: HashMap<UserId, PresenceChange>,
    presence_at: Option<Instant>,
    presence_last: Option<Instant>,
}

impl Whispers {
    pub fn receipt(&mut self, conversation: ConversationId, user: UserId, seq: i64) {
        let known = self.receipts.entry((conversation, user)).or_default();
        *known = seq.max(*known);
        self.receipts_at.get_or_insert_with(|| Instant::now() + RECEIPTS);
    }

    /// The first change after a quiet second goes at once; more wait for the second to pass.
    pub fn presence(&mut self, changes: Vec<PresenceChange>) {
        if changes.is_empty() {
            return;
        }
        for change in changes {
            match self.presence.get(&change.user) {
                Some(known) if known.at > change.at => {}
                _ => drop(self.presence.insert(change.user, change)),
            }
        }
        let earliest = self.presence_last.map_or_else(Instant::now, |last| last + PRESENCE);
        self.presence_at.get_or_insert(earliest);
    }

    pub fn due(&self) -> Option<Instant> {
        [self.receipts_at, self.presence_at].into_iter().flatten().min()
    }
}

fn shown(change: &PresenceChange, as_of: postil::clock::Timestamp) -> Presence {
    Presence {
        user_id: change.user,
        status: change.status,
        as_of,
        last_seen_at: (change.status == PresenceStatus::Offline && change.at.micros() > 0).then_some(change.at),
    }
}

/// Presence as clients see it: as of `as_of`, unknown where `changes` says nothing.
pub(in crate::ws) fn presence_frame(
    users: &[UserId],
    changes: &[PresenceChange],
    as_of: postil::clock::Timestamp,
) -> ServerFrame {
    let known: HashMap<UserId, &PresenceChange> = changes.iter().map(|change| (change.user, change)).collect();
    let changes = users
        .iter()
        .map(|user| match known.get(user) {
            Some(change) => shown(change, as_of),
            None => Presence { user_id: *user, status: PresenceStatus::Unknown, as_of, last_seen_at: None },
        })
        .collect();
    ServerFrame::PresenceChanged { changes }
}

impl Company {
    /// Whether this person meets only those whom they talk with.
    pub(super) fn is_guest(&self, user: UserId) -> bool {
        self.viewers.get(&user).is_none_or(|viewer| viewer.sight.member().is_guest())
    }

    /// Sets whom a socket shows; whether its person may know.
    pub(super) fn watch(&mut self, user: UserId, connection: ConnectionId, mut users: Box<[UserId]>) -> bool {
        let Some(viewer) = self.viewers.get_mut(&user) else { return false };
        users.sort_unstable();
        let allowed = viewer.sight.presence();
        if let Some(socket) = viewer.sockets.iter_mut().find(|socket| socket.connection == connection) {
            // Kept even where it is not allowed now: a role may change.
            socket.watch = users;
        }
        allowed
    }

    pub(super) fn watched(&self) -> Vec<UserId> {
        let all: BTreeSet<UserId> = self
            .viewers
            .values()
            .flat_map(|viewer| &viewer.sockets)
            .flat_map(|socket| socket.watch.iter().copied())
            .collect();
        all.into_iter().collect()
    }

    pub(super) fn presence_lost(&mut self) {
        self.whispers.presence.clear();
        self.whispers.presence_at = None;
        for user in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.presence_unknown_to(user);
        }
    }

    pub(super) fn presence_unknown_to(&mut self, user: UserId) {
        let as_of = self.around.clock.now();
        let Some(viewer) = self.viewers.get_mut(&user) else { return };
        for socket in viewer.sockets.iter().filter(|socket| !socket.watch.is_empty()) {
            // A socket without room is about to be ended by the next event; presence alone is no reason.
            drop(socket.queue.try_send(written(&presence_frame(&socket.watch, &[], as_of))));
        }
    }

    pub(super) async fn whispers_flush(&mut self) {
        let now = Instant::now();
        if self.whispers.receipts_at.is_some_and(|at| at <= now) {
            self.receipts_flush().await;
        }
        if self.whispers.presence_at.is_some_and(|at| at <= now) {
            self.presence_flush(now);
        }
    }

    async fn receipts_flush(&mut self) {
        self.whispers.receipts_at = None;
        let receipts = core::mem::take(&mut self.whispers.receipts);
        let conversations = receipts.keys().map(|(conversation, _)| *conversation).collect();
        if let Err(error) = self.know_audiences(conversations).await {
            return tracing::debug!(company = %self.id, %error, "receipts are dropped");
        }
        for ((conversation, user), seq) in receipts {
            let frame = ServerFrame::ReceiptRead { conversation_id: conversation, user_id: user, seq };
            self.tell_conversation(conversation, &written(&frame), None);
        }
    }

    /// Only to those who may know, and only about people whom their client shows: changes × viewers, not people squared.
    fn presence_flush(&mut self, now: Instant) {
        self.whispers.presence_at = None;
        self.whispers.presence_last = Some(now);
        let changes = core::mem::take(&mut self.whispers.presence);
        let as_of = self.around.clock.now();
        for viewer in self.viewers.values().filter(|viewer| viewer.sight.presence()) {
            for socket in &viewer.sockets {
                let concerns: Vec<Presence> = changes
                    .values()
                    .filter(|change| socket.watch.binary_search(&change.user).is_ok())
                    .map(|change| shown(change, as_of))
                    .collect();
                if !concerns.is_empty() {
                    drop(socket.queue.try_send(written(&ServerFrame::PresenceChanged { changes: concerns })));
                }
            }
        }
    }

    /// Somebody here is writing: told to all nodes, if they may see where. At most once a second for a person, over all
    /// their sockets and conversations: else one member could flood everyone, and keep the company's task at reading facts.
    pub(super) async fn typing_from(&mut self, user: UserId, conversation: ConversationId) {
        let now = Instant::now();
        let Some(viewer) = self.viewers.get_mut(&user) else { return };
        if viewer.typed.is_some_and(|last| now < last + TYPING) {
            return;
        }
        viewer.typed = Some(now);
        if self.know_audiences(BTreeSet::from([conversation])).await.is_err() {
            return;
        }
        let Some(audience) = self.audiences.get(&conversation).cloned().flatten() else { return };
        if self.viewers.get_mut(&user).is_some_and(|viewer| viewer.sight.conversation(&audience)) {
            self.around.bus.typing(self.id, conversation, user);
        }
    }

    pub(super) async fn typing(&mut self, conversation: ConversationId, user: UserId) {
        if self.know_audiences(BTreeSet::from([conversation])).await.is_ok() {
            let bytes = written(&ServerFrame::Typing { conversation_id: conversation, user_id: user });
            let Some(audience) = self.audiences.get(&conversation).cloned().flatten() else { return };
            for who in self.around(&audience).into_iter().filter(|who| *who != user) {
                let Some(viewer) = self.viewers.get_mut(&who) else { continue };
                if viewer.sight.conversation(&audience) {
                    for socket in &viewer.sockets {
                        // That somebody types is no reason to end a socket that has no room.
                        drop(socket.queue.try_send(bytes.clone()));
                    }
                }
            }
        }
    }
}
