//! Resuming: what a client missed, read from the log after its socket was let in, so that replay and live meet without a
//! gap or an overlap: everything up to [`Admitted::at`] is replayed here, everything after it is in the queue.
//!
//! [`Admitted::at`]: super::company::Admitted::at

use std::collections::{BTreeSet, HashMap, VecDeque};

use axum::extract::ws::Utf8Bytes;
use postil::{
    access::Resource,
    backend::store::{EventKind, LogEvent},
    domain::RecordKey,
    ids::{ConversationId, MessageId},
    limits,
    wire::ServerFrame,
};

use super::{
    company::{is_about_message, message_frame, written},
    hub::{Hub, Seat},
    ledger::{Audience, LedgerError, Whole},
    place::Place,
    sight::Sight,
};

/// Events replayed at once: bounds what one slow reader keeps in memory.
const CHUNK: usize = 100;

/// What is left to replay.
pub(super) struct Replay {
    events: VecDeque<LogEvent>,
    sight: Sight,
}

impl Replay {
    /// Reads what happened after `cursor`. `None` when the client must load afresh: the log does not reach back that far,
    /// or rights changed meanwhile, and what it has on its screen is nobody's to know.
    pub async fn begin(hub: &Hub, seat: &Seat, cursor: i64) -> Result<Option<Self>, LedgerError> {
        let sight = sight_now(hub, seat);
        let mut events = VecDeque::new();
        if !seat.admitted.resumable {
            return Ok(None);
        }
        let _permit = hub.replays().acquire().await;
        let mut at = cursor;
        while at < seat.admitted.at {
            let read = hub.ledger().events(seat.company, at, limits::TAIL_BATCH_EVENTS).await?;
            if read.first().is_none_or(|first| first.seq != at + 1) {
                return Ok(None);
            }
            at = read.last().map_or(at, |last| last.seq);
            events.extend(read.into_iter().filter(|event| event.seq <= seat.admitted.at));
        }
        let moved: BTreeSet<RecordKey> = events
            .iter()
            .filter(|event| event.kind == EventKind::AccessChanged)
            .filter_map(|event| event.record.clone())
            .collect();
        let facts: HashMap<RecordKey, Resource> = if moved.is_empty() {
            HashMap::new()
        } else {
            hub.ledger().records(seat.company, moved.into_iter().collect()).await?.into_iter().collect()
        };
        for event in events.iter().filter(|event| event.kind == EventKind::AccessChanged) {
            let harmless = match (event.user, &event.record) {
                (Some(user), _) => user != seat.user,
                // Its talk must be read, too: a state may have closed the messages and left the record.
                (None, Some(record)) => facts.get(record).is_some_and(|resource| sight.read_about(resource)),
                (None, None) => false,
            };
            if !harmless {
                return Ok(None);
            }
        }
        Ok(Some(Self { events, sight }))
    }

    /// The next frames; `None` at the end.
    pub async fn next(&mut self, hub: &Hub, seat: &Seat) -> Result<Option<Vec<Utf8Bytes>>, LedgerError> {
        if self.events.is_empty() {
            return Ok(None);
        }
        let chunk: Vec<LogEvent> = self.events.drain(..self.events.len().min(CHUNK)).collect();
        let _permit = hub.replays().acquire().await;
        let facts = Facts::read(hub, seat, &chunk).await?;
        // A slow reader's replay may last: rules begin and end meanwhile.
        self.sight = sight_now(hub, seat);
        let frames = chunk.iter().filter_map(|event| {
            let cursor = hub.cursor(seat.company, Place { seq: event.seq, as_of: seat.admitted.as_of });
            facts.frame(event, cursor, &mut self.sight).map(|frame| written(&frame))
        });
        Ok(Some(frames.collect()))
    }
}

fn sight_now(hub: &Hub, seat: &Seat) -> Sight {
    Sight::new(seat.admitted.member.clone(), hub.clock().now())
}

/// What the verdicts on a chunk need, as it is now.
struct Facts {
    messages: HashMap<MessageId, Whole>,
    audiences: HashMap<ConversationId, Audience>,
    records: HashMap<RecordKey, Resource>,
}

impl Facts {
    async fn read(hub: &Hub, seat: &Seat, chunk: &[LogEvent]) -> Result<Self, LedgerError> {
        let ledger = hub.ledger();
        let ids: BTreeSet<MessageId> = chunk.iter().filter_map(|event| event.message).collect();
        let mut messages: HashMap<MessageId, Whole> = HashMap::new();
        let mut wanted: Vec<MessageId> = ids.into_iter().collect();
        while !wanted.is_empty() {
            let read = ledger.messages(seat.company, wanted).await?;
            let roots: BTreeSet<MessageId> = read.iter().map(|whole| whole.message.root_id).collect();
            messages.extend(read.into_iter().map(|whole| (whole.message.id, whole)));
            wanted = roots.into_iter().filter(|root| !messages.contains_key(root)).collect();
        }
        let conversations: BTreeSet<ConversationId> = chunk
            .iter()
            .filter_map(|event| event.conversation)
            .chain(messages.values().map(|whole| whole.message.conversation_id))
            .collect();
        let linked = messages.values().filter_map(|whole| whole.message.link.as_ref()).map(|link| link.record.clone());
        let answered = messages
            .values()
            .filter_map(|whole| whole.replies.as_ref())
            .flatten()
            .filter_map(|part| part.record.clone());
        let logged = chunk.iter().filter_map(|event| event.record.clone());
        let keys: BTreeSet<RecordKey> = logged.chain(linked).chain(answered).collect();
        let audiences = ledger.audiences(seat.company, conversations.into_iter().collect()).await?;
        let records =
            if keys.is_empty() { Vec::new() } else { ledger.records(seat.company, keys.into_iter().collect()).await? };
        Ok(Self {
            messages,
            audiences: audiences.into_iter().map(|audience| (audience.conversation, audience)).collect(),
            records: records.into_iter().collect(),
        })
    }

    fn frame(&self, event: &LogEvent, cursor: String, sight: &mut Sight) -> Option<ServerFrame> {
        if is_about_message(event.kind) {
            let whole = self.messages.get(&event.message?)?;
            let message = &whole.message;
            let audience = self.audiences.get(&message.conversation_id)?;
            let governing = match message.link.as_ref().map(|link| &link.record).or(event.record.as_ref()) {
                None => &Resource::Unlinked,
                Some(key) => self.records.get(key)?,
            };
            if !sight.message(audience, governing) {
                return None;
            }
            let record = |key: &RecordKey| self.records.get(key);
            let root = sight.counted(self.messages.get(&message.root_id)?, audience, record);
            return message_frame(event.kind, cursor, sight.counted(whole, audience, record), &root);
        }
        match event.kind {
            EventKind::ConversationUpdated => {
                let audience = self.audiences.get(&event.conversation?)?;
                let conversation_id = audience.conversation;
                sight.conversation(audience).then_some(ServerFrame::ConversationUpdated { cursor, conversation_id })
            }
            EventKind::RecordUpdated => {
                let record = event.record.clone()?;
                let resource = self.records.get(&record)?;
                sight.record(resource).then_some(ServerFrame::RecordUpdated { cursor, record })
            }
            _ => None,
        }
    }
}
