//! The last events as they were told, kept so that a crowd that comes back at once is answered from memory: the verdict is
//! asked anew for each, the bytes are the ones that the others got.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use axum::extract::ws::Utf8Bytes;
use postil::{
    access::Resource,
    backend::store::{EventKind, LogEvent},
    domain::RecordKey,
    ids::{ConversationId, MessageId},
    limits,
};

use super::is_about_message;
use crate::ws::{ledger::Audience, sight::Sight};

/// An event, and its frame if anybody here saw it and all who did got the same.
#[derive(Debug)]
struct Entry {
    event: LogEvent,
    bytes: Option<Utf8Bytes>,
}

/// The last events of a company, without a gap.
#[derive(Debug, Default)]
pub(super) struct Ring(VecDeque<Entry>);

/// What verdicts on the entries need.
pub(super) struct Facts<'a> {
    pub audiences: &'a HashMap<ConversationId, Option<Arc<Audience>>>,
    pub records: &'a HashMap<RecordKey, Option<Resource>>,
}

impl Ring {
    pub fn push(&mut self, event: LogEvent, bytes: Option<Utf8Bytes>) {
        if self.0.back().is_some_and(|last| last.event.seq + 1 != event.seq) {
            self.0.clear();
        }
        if matches!(event.kind, EventKind::MessageUpdated | EventKind::MessageDeleted) {
            self.forget(event.message);
        }
        if self.0.len() >= limits::HUB_RING_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(Entry { event, bytes });
    }

    /// What was said before an edit or a deletion must not be told to anyone who comes later.
    fn forget(&mut self, message: Option<MessageId>) {
        for entry in self.0.iter_mut().filter(|entry| message.is_some() && entry.event.message == message) {
            entry.bytes = None;
        }
    }

    /// The frames after `cursor` up to `position` for this person; `None` when memory can't tell and the log must.
    pub fn replay(&self, cursor: i64, position: i64, sight: &mut Sight, facts: &Facts<'_>) -> Option<Vec<Utf8Bytes>> {
        if cursor == position {
            return Some(Vec::new());
        }
        if self.0.front()?.event.seq > cursor + 1 || self.0.back()?.event.seq != position {
            return None;
        }
        let mut frames = Vec::new();
        for Entry { event, bytes } in self.0.iter().filter(|entry| entry.event.seq > cursor) {
            if Self::concerns(event, sight, facts)? {
                frames.push(bytes.clone()?);
            }
        }
        Some(frames)
    }

    fn concerns(event: &LogEvent, sight: &mut Sight, facts: &Facts<'_>) -> Option<bool> {
        let audience = |id: Option<ConversationId>| facts.audiences.get(&id?).map(Option::as_deref);
        let record = |key: &RecordKey| facts.records.get(key).map(Option::as_ref);
        if is_about_message(event.kind) {
            let Some(audience) = audience(event.conversation)? else { return Some(false) };
            let governing = match &event.record {
                None => &Resource::Unlinked,
                Some(key) => match record(key)? {
                    Some(resource) => resource,
                    None => return Some(false),
                },
            };
            return Some(sight.message(audience, governing));
        }
        match event.kind {
            EventKind::ConversationUpdated => {
                Some(audience(event.conversation)?.is_some_and(|audience| sight.conversation(audience)))
            }
            EventKind::RecordUpdated => {
                Some(record(event.record.as_ref()?)?.is_some_and(|resource| sight.record(resource)))
            }
            // Someone else's rights concern nobody else; the rest is the log's to judge.
            _ => event.user.filter(|user| *user != sight.member().subject.user).map(|_| false),
        }
    }
}
