//! From the log to frames: in order, each event read and serialised once, judged for each person.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, atomic::Ordering},
};

use axum::extract::ws::Utf8Bytes;
use postil::{
    access::Resource,
    backend::store::{EventKind, LogEvent},
    domain::{ConversationKind, RecordKey},
    ids::{ConversationId, MessageId, UserId},
    limits,
    wire::{Message, ServerFrame},
};

use super::{Carried, Company, written};
use crate::ws::ledger::{Audience, LedgerError, Whole};

/// The frame for an event about a message, for somebody who has it and the beginning of its thread like this.
pub(in crate::ws) fn message_frame(
    kind: EventKind,
    cursor: String,
    message: Message,
    root: &Message,
) -> Option<ServerFrame> {
    Some(match kind {
        EventKind::MessageCreated => ServerFrame::MessageCreated { cursor, message },
        EventKind::MessageUpdated => ServerFrame::MessageUpdated { cursor, message },
        EventKind::MessageDeleted => ServerFrame::MessageDeleted { cursor, message },
        EventKind::ThreadReplyCreated => {
            let (root_id, reply_count) = (message.root_id, root.reply_count);
            ServerFrame::ThreadReplyCreated { cursor, message, root_id, reply_count }
        }
        EventKind::ConversationUpdated | EventKind::RecordUpdated | EventKind::AccessChanged => return None,
    })
}

pub(in crate::ws) const fn is_about_message(kind: EventKind) -> bool {
    !matches!(kind, EventKind::ConversationUpdated | EventKind::RecordUpdated | EventKind::AccessChanged)
}

/// Somebody's rights in the company as a whole.
const fn is_about_member(event: &LogEvent) -> bool {
    matches!(event.kind, EventKind::AccessChanged) && event.user.is_some() && event.conversation.is_none()
}

impl Company {
    /// Considers what this process has just written; anything missing before it is read from the log.
    pub(super) async fn advance(&mut self) {
        self.own.retain(|seq, _| *seq > self.position);
        let mut ready = Vec::new();
        let mut next = self.position + 1;
        while let Some(carried) = self.own.remove(&next) {
            ready.push(carried);
            next += 1;
        }
        if let Err(error) = self.consider(ready).await {
            tracing::warn!(company = %self.id, %error, "events wait for the log to be readable");
        }
        if self.known > self.position {
            self.look_or_wait().await;
        }
    }

    /// Reads the log. A failure is not lost: the hub compares positions again in a second.
    pub(super) async fn look_or_wait(&mut self) {
        if let Err(error) = self.look().await {
            tracing::warn!(company = %self.id, %error, "the hub can't read a company's log");
        }
    }

    async fn look(&mut self) -> Result<(), LedgerError> {
        loop {
            let events = self.around.ledger.events(self.id, self.position, limits::TAIL_BATCH_EVENTS).await?;
            let more = events.len() >= limits::TAIL_BATCH_EVENTS as usize;
            let Some(first) = events.first() else {
                self.known = self.position;
                return Ok(());
            };
            if first.seq != self.position + 1 {
                // The log was cut: nobody can tell what was in between.
                self.reach(first.seq - 1);
                self.viewers.values_mut().for_each(|viewer| viewer.resync = true);
            }
            let carried = events
                .into_iter()
                .map(|event| {
                    let message = self.own.remove(&event.seq).and_then(|own| own.message);
                    Carried { event, message }
                })
                .collect();
            self.consider(carried).await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Considers events that follow each other and the position. What is considered stays so if a later one fails.
    async fn consider(&mut self, mut events: Vec<Carried>) -> Result<(), LedgerError> {
        let result = loop {
            self.time_passed();
            self.see_to_narrowings();
            let run = events.iter().position(|one| !is_about_message(one.event.kind)).unwrap_or(events.len());
            if run > 0 {
                let rest = events.split_off(run);
                if let Err(error) = self.messages(core::mem::replace(&mut events, rest)).await {
                    break Err(error);
                }
            }
            if events.is_empty() {
                break Ok(());
            }
            let members = events.iter().take_while(|one| is_about_member(&one.event)).count();
            if members > 0 {
                let run: Vec<LogEvent> = events.drain(..members).map(|one| one.event).collect();
                if let Err(error) = self.members_changed(&run).await {
                    break Err(error);
                }
                let last = run.last().map_or(self.position, |event| event.seq);
                for event in run {
                    self.ring.push(event, None);
                }
                self.reach(last);
                continue;
            }
            let event = events.remove(0).event;
            if let Err(error) = self.other(&event).await {
                break Err(error);
            }
            self.reach(event.seq);
        };
        self.resync_those_who_need();
        result
    }

    /// A run of events about messages: what is missing is read first, then nothing can fail.
    async fn messages(&mut self, run: Vec<Carried>) -> Result<(), LedgerError> {
        let last = run.last().map_or(self.position, |one| one.event.seq);
        if self.viewers.is_empty() {
            self.reach(last);
            return Ok(());
        }
        let messages = self.load_messages(&run).await?;
        let conversations: BTreeSet<ConversationId> =
            messages.values().map(|whole| whole.message.conversation_id).collect();
        self.know_audiences(conversations).await?;
        let linked = messages.values().filter_map(|whole| whole.message.link.as_ref()).map(|link| link.record.clone());
        let answered = messages
            .values()
            .filter_map(|whole| whole.replies.as_ref())
            .flatten()
            .filter_map(|part| part.record.clone());
        let logged = run.iter().filter_map(|one| one.event.record.clone());
        self.know_records(linked.chain(answered).chain(logged).collect()).await?;
        // Reading took its time.
        self.see_to_narrowings();
        for Carried { event, .. } in run {
            let found = event.message.and_then(|id| messages.get(&id));
            // A root that can't be found has gone with its company.
            let found = found.and_then(|whole| Some((whole, messages.get(&whole.message.root_id)?)));
            let shown = found.and_then(|(whole, root)| self.show_message(&event, whole, root));
            self.ring.push(event, shown);
        }
        self.reach(last);
        Ok(())
    }

    async fn load_messages(&self, run: &[Carried]) -> Result<HashMap<MessageId, Whole>, LedgerError> {
        let mut known: HashMap<MessageId, Whole> = HashMap::new();
        // One id may have several events in a run: only what was read after the last of them is true for all.
        let mut count: HashMap<MessageId, u32> = HashMap::new();
        for id in run.iter().filter_map(|one| one.event.message) {
            *count.entry(id).or_default() += 1;
        }
        for one in run {
            let Some(message) = &one.message else { continue };
            // A message that is new has no replies. An old one comes with its writer's count of them, which is not everyone's.
            let new = matches!(one.event.kind, EventKind::MessageCreated | EventKind::ThreadReplyCreated);
            if new && count.get(&message.id) == Some(&1) {
                known.insert(message.id, Whole { message: Message::clone(message), replies: None });
            }
        }
        let mut missing: BTreeSet<MessageId> = count.into_keys().filter(|id| !known.contains_key(id)).collect();
        // A reply's frame tells its root's count: the root is read with it, or after it.
        missing.extend(
            known.values().filter(|whole| whole.message.parent_id.is_some()).map(|whole| whole.message.root_id),
        );
        missing.retain(|id| !known.contains_key(id));
        while !missing.is_empty() {
            let read = self.around.ledger.messages(self.id, missing.into_iter().collect()).await?;
            let roots: BTreeSet<MessageId> = read
                .iter()
                .filter(|whole| whole.message.parent_id.is_some())
                .map(|whole| whole.message.root_id)
                .collect();
            known.extend(read.into_iter().map(|whole| (whole.message.id, whole)));
            missing = roots.into_iter().filter(|root| !known.contains_key(root)).collect();
        }
        Ok(known)
    }

    /// Tells a message to whom it concerns; the frame, if that was anybody and all have the same.
    fn show_message(&mut self, event: &LogEvent, whole: &Whole, root: &Whole) -> Option<Utf8Bytes> {
        let message = &whole.message;
        let audience = self.audiences.get(&message.conversation_id).cloned().flatten()?;
        let governing = match message.link.as_ref().map(|link| &link.record).or(event.record.as_ref()) {
            None => Resource::Unlinked,
            // A record that is gone hides what is said about it.
            Some(key) => self.records.get(key).cloned().flatten()?,
        };
        let mixed = whole.replies.is_some() || root.replies.is_some();
        let mut bytes: Option<Utf8Bytes> = None;
        let around = self.around(&audience);
        let mut viewers = core::mem::take(&mut self.viewers);
        for user in around {
            let Some(viewer) = viewers.get_mut(&user) else { continue };
            if !viewer.sight.message(&audience, &governing) {
                continue;
            }
            // Written only if someone may see it, and then once; where replies are not everyone's to count, for each.
            if bytes.is_none() || mixed {
                let record = |key: &RecordKey| self.records.get(key).and_then(Option::as_ref);
                let told = viewer.sight.counted(whole, &audience, record);
                let root = viewer.sight.counted(root, &audience, record);
                bytes = message_frame(event.kind, self.cursor(event.seq), told, &root).as_ref().map(written);
            }
            if let Some(bytes) = &bytes {
                Self::push(viewer, bytes, || self.cursor(self.position));
            }
        }
        self.viewers = viewers;
        bytes.filter(|_| !mixed)
    }

    /// Those who come into question: a group has its participants, a record's conversation the whole company.
    pub(super) fn around(&self, audience: &Audience) -> Vec<UserId> {
        match audience.kind {
            ConversationKind::Record => self.viewers.keys().copied().collect(),
            ConversationKind::Direct | ConversationKind::Group => {
                audience.participants.iter().filter(|user| self.viewers.contains_key(user)).copied().collect()
            }
        }
    }

    async fn other(&mut self, event: &LogEvent) -> Result<(), LedgerError> {
        match event.kind {
            EventKind::AccessChanged => {
                self.shared.epoch.fetch_add(1, Ordering::AcqRel);
                self.access_changed(event).await?;
                self.ring.push(event.clone(), None);
            }
            EventKind::ConversationUpdated => {
                let Some(conversation) = event.conversation else { return Ok(()) };
                self.audiences.remove(&conversation);
                self.know_audiences(BTreeSet::from([conversation])).await?;
                let frame =
                    ServerFrame::ConversationUpdated { cursor: self.cursor(event.seq), conversation_id: conversation };
                let bytes = written(&frame);
                self.tell_conversation(conversation, &bytes, None);
                self.ring.push(event.clone(), Some(bytes));
            }
            EventKind::RecordUpdated => {
                let Some(key) = event.record.clone() else { return Ok(()) };
                self.reread_record(&key).await?;
                let frame = ServerFrame::RecordUpdated { cursor: self.cursor(event.seq), record: key.clone() };
                let bytes = written(&frame);
                self.ring.push(event.clone(), Some(bytes.clone()));
                let Some(Some(resource)) = self.records.get(&key).cloned() else { return Ok(()) };
                self.see_to_narrowings();
                let mut viewers = core::mem::take(&mut self.viewers);
                for viewer in viewers.values_mut().filter(|viewer| viewer.sight.saw_record(&resource)) {
                    Self::push(viewer, &bytes, || self.cursor(self.position));
                }
                self.viewers = viewers;
            }
            _ => {}
        }
        Ok(())
    }

    /// Queues a frame for everyone who sees a conversation, except one.
    pub(super) fn tell_conversation(
        &mut self,
        conversation: ConversationId,
        bytes: &Utf8Bytes,
        except: Option<UserId>,
    ) {
        self.see_to_narrowings();
        let Some(audience) = self.audiences.get(&conversation).cloned().flatten() else { return };
        let around = self.around(&audience);
        let mut viewers = core::mem::take(&mut self.viewers);
        for user in around.into_iter().filter(|user| except != Some(*user)) {
            if let Some(viewer) = viewers.get_mut(&user)
                && viewer.sight.conversation(&audience)
            {
                Self::push(viewer, bytes, || self.cursor(self.position));
            }
        }
        self.viewers = viewers;
    }

    /// Reads the facts of conversations that are not known yet. One that does not exist is known as that.
    pub(super) async fn know_audiences(&mut self, wanted: BTreeSet<ConversationId>) -> Result<(), LedgerError> {
        if self.audiences.len() >= limits::HUB_FACTS_MAX {
            self.audiences.clear();
        }
        let missing: Vec<ConversationId> = wanted.into_iter().filter(|id| !self.audiences.contains_key(id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let found = self.around.ledger.audiences(self.id, missing.clone()).await?;
        self.audiences.extend(missing.into_iter().map(|id| (id, None)));
        self.audiences.extend(found.into_iter().map(|audience| (audience.conversation, Some(Arc::new(audience)))));
        Ok(())
    }

    async fn know_records(&mut self, wanted: BTreeSet<RecordKey>) -> Result<(), LedgerError> {
        if self.records.len() >= limits::HUB_FACTS_MAX {
            self.records.clear();
        }
        let missing: Vec<RecordKey> = wanted.into_iter().filter(|key| !self.records.contains_key(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let found = self.around.ledger.records(self.id, missing.clone()).await?;
        self.records.extend(missing.into_iter().map(|key| (key, None)));
        self.records.extend(found.into_iter().map(|(key, resource)| (key, Some(resource))));
        Ok(())
    }

    /// Reads the facts of one record again, and forgets what followed from the old ones, which it returns.
    pub(super) async fn reread_record(&mut self, key: &RecordKey) -> Result<Option<Resource>, LedgerError> {
        let found = self.around.ledger.records(self.id, vec![key.clone()]).await?;
        let now = found.into_iter().next().map(|(_, resource)| resource);
        let before = self.records.insert(key.clone(), now).flatten();
        self.viewers.values_mut().for_each(|viewer| viewer.sight.forget(key));
        self.audiences.retain(|_, audience| {
            !matches!(audience.as_ref().map(|audience| &audience.resource), Some(Resource::Record { key: of, .. }) if of == key)
        });
        Ok(before)
    }
}
