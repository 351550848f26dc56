//! What each input does.

use crate::{
    clock::Timestamp,
    domain::{RecordKey, text},
    ids::{ConversationId, MessageId},
    limits,
    wire::{CloseCode, Code, Message, Person, Presence, ServerFrame},
};

use super::{
    Feed,
    conversation::Conversation,
    desk::Desk,
    effect::{Announcement, Effect, Purge, Urgency},
    input::{Ask, Failure, Input, Load, SocketEvent},
    map::{self, Set},
    outbox::{Change, Pending, Unsent},
    view::Connection,
};

impl Feed {
    /// Lets `input` happen; returns what to do next, in order. An answer or frame of another company or epoch changes
    /// nothing.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        if input.context().is_some_and(|context| context != self.desk.context) {
            return effects;
        }
        self.desk.revision += 1;
        self.reduce(input, &mut effects);
        if std::mem::take(&mut self.outbox_changed) {
            effects.push(Effect::StoreOutbox);
        }
        effects
    }

    fn reduce(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::InboxOpened => {
                if !self.inbox.is_asking() && (!self.inbox.loaded || self.inbox.failure.is_some()) {
                    self.inbox_ask(effects);
                }
            }
            Input::InboxMoreWanted => {
                if let Some(next) = self.inbox.next.clone() {
                    if self.inbox.is_reloading() {
                        self.inbox.wanted = true;
                    } else if !self.inbox.is_asking() {
                        self.inbox_ask_next(next, effects);
                    }
                }
            }
            Input::ConversationOpened { conversation } => {
                let (desk, conversation) = self.conversation_entry(conversation);
                conversation.open = true;
                refresh(conversation, desk, effects);
            }
            Input::ConversationChanged { conversation } => {
                if let Some(conversation) = self.conversations.get_mut(&conversation) {
                    conversation.want(&mut self.desk, effects);
                }
            }
            Input::BlocksChanged { conversation } => {
                if let Some(conversation) = self.conversations.get_mut(&conversation) {
                    conversation.want(&mut self.desk, effects);
                }
                if self.inbox.loaded {
                    self.inbox_ask(effects);
                }
            }
            Input::ConversationClosed { conversation } => {
                if let Some(conversation) = self.conversations.get_mut(&conversation) {
                    conversation.open = false;
                    conversation.forget_stale();
                    map::values_mut(&mut conversation.timeline.threads).for_each(|thread| thread.wanted = false);
                }
            }
            Input::OlderWanted { conversation } => self.older_wanted(conversation, effects),
            Input::ThreadWanted { conversation, root } => {
                let (desk, conversation) = self.conversation_entry(conversation);
                let known = conversation.timeline.message(root).is_some();
                let thread = conversation.timeline.threads.get(&root);
                if !thread.is_some_and(|thread| thread.asked.is_some() || known && thread.is_complete()) {
                    conversation.ask_thread(root, desk, effects);
                }
            }
            Input::Send { key, conversation, parent, body, record, author, at } => {
                self.send(Unsent { key, conversation, parent, body, record, author, at }, effects);
            }
            Input::OutboxRestored { unsent, .. } => {
                for unsent in unsent {
                    self.send(unsent, effects);
                }
            }
            Input::Retry { key } => self.retry(&key, effects),
            Input::Discard { key } => self.discard(&key, effects),
            Input::Edit { message, body } => {
                if let Some(version) = self.message(message).map(|message| message.version) {
                    let text = text::literal(body.as_str());
                    self.change(message, Change::Edit { body, text, version, failure: None }, effects);
                }
            }
            Input::Delete { message } => self.change(message, Change::Delete { failure: None }, effects),
            Input::ChangeRetry { message } => self.change_retry(message, effects),
            Input::ChangeDiscard { message } => self.change_discard(message),
            Input::MarkRead { conversation, seq } => {
                if let Some(conversation) = self.conversations.get_mut(&conversation) {
                    conversation.read_seq = conversation.read_seq.max(seq);
                    conversation.prune();
                    conversation.timeline.revision = self.desk.revision;
                    conversation.tell_read(&mut self.desk, effects);
                }
            }

            Input::InboxLoaded { ask, after, page } => {
                if self.desk.admits(ask) {
                    self.inbox_loaded(ask, after.as_deref(), page, effects);
                }
            }
            Input::SummariesLoaded { ask, items } => {
                for summary in items {
                    if self.desk.admits(ask) {
                        self.adopt(summary, ask.ticket, effects);
                    }
                }
            }
            Input::ConversationLoaded { ask, detail } => {
                if self.desk.admits(ask) {
                    let people = detail.participants.iter().map(|one| &one.person);
                    people.chain(&detail.summary.people).for_each(|person| self.know(person));
                    let (desk, conversation) = self.conversation_entry(detail.summary.id);
                    conversation.adopt_detail(detail, ask.ticket, desk, effects);
                }
            }
            Input::MessagesLoaded { ask, conversation, before, page } => {
                let messages: Vec<_> = page.items.iter().chain(&page.replies).cloned().collect();
                let lossless = self.connection == Connection::Live;
                let first_paint = self.is_first_paint();
                let Some(of) = self.conversations.get_mut(&conversation) else { return };
                let timeline = &mut of.timeline;
                let slot = if before.is_none() { &mut timeline.asked } else { &mut timeline.older_asked };
                let unasked = first_paint && before.is_none() && slot.is_none() && !timeline.loaded;
                if !self.desk.admits(ask) || *slot != Some(ask.ticket) && !unasked {
                    return;
                }
                *slot = None;
                timeline.keeps = true;
                if before.is_none() {
                    timeline.newest(page, lossless, &self.desk);
                } else {
                    timeline.older(page, &self.desk);
                }
                self.heard_all(conversation, &messages, effects);
            }
            Input::ThreadLoaded { ask, conversation, root, after, page } => {
                let messages: Vec<_> = std::iter::once(&page.root).chain(&page.items).cloned().collect();
                let Some(of) = self.conversations.get_mut(&conversation) else { return };
                let Some(thread) = of.timeline.threads.get_mut(&root) else { return };
                if !self.desk.admits(ask) || thread.asked != Some(ask.ticket) {
                    return;
                }
                thread.asked = None;
                of.timeline.thread_page(root, after.is_none(), page, &self.desk);
                self.heard_all(conversation, &messages, effects);
            }
            Input::LoadFailed { ask, load, failure } => self.load_failed(ask, load, failure, effects),
            Input::LauncherLoaded { launcher, .. } => self.launcher_unread = launcher.unread,
            Input::PresenceLoaded { list, .. } => list.items.into_iter().for_each(|presence| self.see(presence)),
            Input::SendAccepted { ask, message, .. } => self.answered(ask, message, effects),
            Input::SendFailed { ask, key, failure, retryable } => {
                self.send_failed(ask.ticket, &key, failure, retryable, effects);
            }
            Input::ChangeAccepted { ask, message } => {
                let id = message.id;
                self.answered(ask, message, effects);
                self.change_accepted(ask.ticket, id, effects);
            }
            Input::ChangeFailed { ask, message, failure } => self.change_failed(ask.ticket, message, failure, effects),
            Input::MarkReadAccepted { state, .. } => {
                if let Some(conversation) = self.conversations.get_mut(&state.conversation_id) {
                    conversation.read_asked = false;
                    conversation.receipt(self.desk.viewer, state.read_seq, &mut self.desk, effects);
                    conversation.tell_read(&mut self.desk, effects);
                }
            }
            Input::MarkReadFailed { conversation, .. } => {
                if let Some(conversation) = self.conversations.get_mut(&conversation) {
                    conversation.read_asked = false;
                }
            }

            Input::Frame { frame, at, .. } => self.frame(frame, at, effects),
            Input::Socket { event, .. } => self.socket(event, effects),
            Input::Poll => {
                self.refresh_all(true, effects);
                self.pump_all(effects);
            }
            Input::Tick { at } => {
                for conversation in map::values_mut(&mut self.conversations) {
                    conversation.typing.retain(|_, until| *until > at);
                }
            }
        }
    }

    fn older_wanted(&mut self, conversation: ConversationId, effects: &mut Vec<Effect>) {
        let Some(of) = self.conversations.get_mut(&conversation) else { return };
        let timeline = &mut of.timeline;
        let ready = timeline.loaded && !timeline.stale && timeline.older_asked.is_none();
        if let Some(before) = timeline.older.clone().filter(|_| ready) {
            let ask = self.desk.draw();
            timeline.older_asked = Some(ask.ticket);
            timeline.revision = self.desk.revision;
            effects.push(Effect::Load { ask, load: Load::Messages { conversation, before: Some(before) } });
        }
    }

    // ------------------------------------------------------------------------------------------------------- messages

    /// Everything about messages that an answer brought, beside the timeline itself.
    fn heard_all(&mut self, conversation: ConversationId, messages: &[Message], effects: &mut Vec<Effect>) {
        for message in messages {
            self.know(&message.author);
            if let Some(of) = self.conversations.get_mut(&conversation) {
                of.hear(message, false, &mut self.desk, effects);
            }
            self.settle(message, effects);
        }
    }

    /// The message that a write of the viewer's made.
    fn answered(&mut self, ask: Ask, message: Message, effects: &mut Vec<Effect>) {
        self.settle(&message, effects);
        let withdrawn = message.link.as_ref().and_then(|link| self.withdrawn.get(&link.record));
        if ask.ticket <= self.desk.lost || withdrawn.is_some_and(|at| ask.ticket <= *at) {
            return;
        }
        let Some(of) = self.conversations.get_mut(&message.conversation_id) else { return };
        of.hear(&message, false, &mut self.desk, effects);
        let timeline = &mut of.timeline;
        let place = message.parent_id.is_none() || timeline.threads.contains_key(&message.root_id);
        if timeline.keeps && place {
            if message.parent_id.is_none() && message.version == 1 {
                timeline.began(message, &self.desk);
            } else {
                timeline.put(message, &self.desk);
            }
        }
    }

    /// A message in a frame.
    fn heard(&mut self, message: Message, news: News, effects: &mut Vec<Effect>) {
        let id = message.conversation_id;
        self.know(&message.author);
        self.heard_of(id, effects);
        self.settle(&message, effects);
        let (desk, of) = self.conversation_entry(id);
        of.hear(&message, true, desk, effects);
        of.typing.remove(&message.author.id);
        if !of.timeline.keeps {
            return;
        }
        let unheard = of.timeline.message(message.id).is_none();
        if of.open && unheard && !desk.is_own(&message) && !matches!(news, News::Changed) {
            let what = Announcement::Message {
                conversation: id,
                author_name: message.author.name.clone(),
                text: message.text.preview(),
                reply: message.parent_id.is_some(),
            };
            effects.push(Effect::Announce { urgency: Urgency::Polite, what });
        }
        match news {
            News::Began => of.timeline.began(message, desk),
            News::Answered(reply_count) => of.timeline.answered(message, reply_count, desk),
            News::Changed => of.timeline.changed(message, desk),
        }
    }

    // --------------------------------------------------------------------------------------------------------- frames

    fn frame(&mut self, frame: ServerFrame, at: Timestamp, effects: &mut Vec<Effect>) {
        match frame {
            ServerFrame::Welcome { cursor, resumed, .. } => {
                let again = std::mem::replace(&mut self.connection, Connection::Live) != Connection::Live;
                self.desk.receipts_from = self.desk.ticket;
                if again && std::mem::take(&mut self.lost) {
                    effects.push(Effect::Announce { urgency: Urgency::Polite, what: Announcement::ConnectionRestored });
                }
                if resumed {
                    // The cursor of a resumed stream stands at its end; what lies between is still to come, so keeping
                    // it now would skip that if the connection broke in the middle.
                    self.refresh_all(false, effects);
                } else {
                    self.cursor = Some(cursor);
                    self.resync(effects);
                }
                self.pump_all(effects);
                for conversation in map::values_mut(&mut self.conversations) {
                    conversation.tell_read(&mut self.desk, effects);
                }
            }
            ServerFrame::MessageCreated { cursor, message } => {
                self.cursor = Some(cursor);
                self.heard(message, News::Began, effects);
            }
            ServerFrame::ThreadReplyCreated { cursor, message, reply_count, .. } => {
                self.cursor = Some(cursor);
                self.heard(message, News::Answered(reply_count), effects);
            }
            ServerFrame::MessageUpdated { cursor, message } | ServerFrame::MessageDeleted { cursor, message } => {
                self.cursor = Some(cursor);
                self.heard(message, News::Changed, effects);
            }
            ServerFrame::ConversationUpdated { cursor, conversation_id } => {
                self.cursor = Some(cursor);
                let (desk, conversation) = self.conversation_entry(conversation_id);
                conversation.want(desk, effects);
            }
            ServerFrame::RecordUpdated { cursor, record } => {
                self.cursor = Some(cursor);
                for conversation in map::values_mut(&mut self.conversations) {
                    if conversation.is_about(std::slice::from_ref(&record)) {
                        conversation.want(&mut self.desk, effects);
                    }
                }
                effects.push(Effect::RecordChanged { record });
            }
            ServerFrame::AccessRevoked { cursor, conversation_ids, records } => {
                self.cursor = Some(cursor);
                self.revoke(conversation_ids, &records, effects);
            }
            ServerFrame::ReceiptRead { conversation_id, user_id, seq } => {
                if let Some(of) = self.conversations.get_mut(&conversation_id) {
                    of.receipt(user_id, seq, &mut self.desk, effects);
                } else {
                    let known = self.early_receipts.entry(conversation_id).or_default().entry(user_id).or_default();
                    *known = seq.max(*known);
                }
            }
            ServerFrame::PresenceChanged { changes } => changes.into_iter().for_each(|presence| self.see(presence)),
            ServerFrame::Typing { conversation_id, user_id } => {
                if user_id != self.desk.viewer
                    && let Some(of) = self.conversations.get_mut(&conversation_id)
                {
                    let ttl = i64::try_from(limits::TYPING_TTL_MS * 1_000).unwrap_or(0);
                    let until = Timestamp::from_micros(at.micros() + ttl);
                    of.typing.insert(user_id, until);
                    effects.push(Effect::WakeAt { at: until });
                }
            }
            ServerFrame::Resync { cursor } => {
                self.cursor = Some(cursor);
                self.resync(effects);
            }
            // After an error the connection ends, which says all there is to do; a pong is the driver's.
            ServerFrame::Error { .. } | ServerFrame::Pong => {}
        }
    }

    fn socket(&mut self, event: SocketEvent, effects: &mut Vec<Effect>) {
        let (now, lost) = match event {
            SocketEvent::Connected => return,
            SocketEvent::Disconnected | SocketEvent::Reconnecting => (Connection::Reconnecting, true),
            SocketEvent::Offline => (Connection::Polling, true),
            SocketEvent::Closed(code) => match code {
                CloseCode::Protocol | CloseCode::GoingAway | CloseCode::TooSlow | CloseCode::TooMany => {
                    (Connection::Reconnecting, true)
                }
                CloseCode::SignedOut | CloseCode::AccessRevoked | CloseCode::CompanySwitched => {
                    (Connection::Over(code), false)
                }
            },
        };
        if lost && self.connection == Connection::Live {
            self.lost = true;
            effects.push(Effect::Announce { urgency: Urgency::Polite, what: Announcement::ConnectionLost });
        }
        self.connection = now;
        for conversation in map::values_mut(&mut self.conversations) {
            conversation.typing.clear();
        }
        if now == Connection::Over(CloseCode::AccessRevoked) {
            self.forget_everything(effects);
        }
    }

    /// The viewer is no member any more.
    fn forget_everything(&mut self, effects: &mut Vec<Effect>) {
        self.desk.bar();
        self.inbox = super::inbox::Inbox::default();
        self.conversations.clear();
        self.outbox.clear();
        self.changes.clear();
        self.early_receipts.clear();
        self.presence.clear();
        self.people.clear();
        self.launcher_unread = 0;
        self.cursor = None;
        effects.push(Effect::Purge(Purge::Company));
    }

    fn see(&mut self, presence: Presence) {
        let known = self.presence.get(&presence.user_id);
        if known.is_none_or(|known| presence.as_of >= known.as_of) {
            self.presence.insert(presence.user_id, presence);
        }
    }

    // ------------------------------------------------------------------------------------------ loss and withdrawal

    /// Events were lost: everything loaded is loaded again. Pending messages stay. What is not on screen is dropped
    /// rather than loaded for nobody.
    fn resync(&mut self, effects: &mut Vec<Effect>) {
        self.desk.bar();
        self.desk.lost = self.desk.ticket;
        self.desk.receipts_from = self.desk.ticket;
        self.desk.generation += 1;
        for conversation in map::values_mut(&mut self.conversations) {
            conversation.typing.clear();
            if conversation.open {
                conversation.timeline.doubt();
            } else {
                conversation.timeline.reset();
            }
        }
        self.reload(effects);
    }

    /// Asks for everything again whose answer the barrier now refuses, and for what is stale.
    fn reload(&mut self, effects: &mut Vec<Effect>) {
        if self.inbox.loaded || self.inbox.is_asking() {
            self.inbox_ask(effects);
        }
        let listed = self.inbox.is_asking();
        for conversation in map::values_mut(&mut self.conversations) {
            let asked = conversation.asked.take().is_some();
            if conversation.open || (asked || conversation.base.is_some()) && !listed {
                conversation.want(&mut self.desk, effects);
            }
            reload_timeline(conversation, &mut self.desk, effects);
        }
    }

    /// These are no longer visible: nothing of them stays, and no answer under way may bring them back.
    fn revoke(&mut self, conversations: Vec<ConversationId>, records: &[RecordKey], effects: &mut Vec<Effect>) {
        self.desk.bar();
        for record in records {
            self.withdrawn.insert(record.clone(), self.desk.ticket);
            effects.push(Effect::Purge(Purge::Record(record.clone())));
        }
        let about = self
            .conversations
            .values()
            .filter(|conversation| conversation.is_about(records))
            .map(|conversation| conversation.id);
        let gone = map::set(about.chain(conversations));
        for (id, ()) in gone {
            self.drop_conversation(id, effects);
        }
        if !records.is_empty() {
            let mut removed = Set::new();
            for conversation in map::values_mut(&mut self.conversations) {
                conversation.withdraw(records);
                conversation.timeline.revision = self.desk.revision;
                removed.extend(
                    conversation.timeline.remove_where(|message| {
                        message.link.as_ref().is_some_and(|link| records.contains(&link.record))
                    }),
                );
            }
            self.changes.retain(|id, _| !removed.contains_key(id));
            let gone = |pending: &Pending| {
                pending.record.as_ref().is_some_and(|record| records.contains(record))
                    || pending.parent.is_some_and(|parent| removed.contains_key(&parent))
            };
            self.drop_pending(gone, effects);
        }
        self.reload(effects);
    }

    /// Reads again what frames do not carry over a gap: read pointers, and what failed to load. With `messages`, also
    /// the newest messages of what is shown, for want of frames.
    fn refresh_all(&mut self, messages: bool, effects: &mut Vec<Effect>) {
        if self.inbox.loaded || self.inbox.is_asking() || self.inbox.failure.is_some() {
            self.inbox_ask(effects);
        }
        for conversation in map::values_mut(&mut self.conversations) {
            if conversation.open {
                conversation.want(&mut self.desk, effects);
                if messages && conversation.timeline.asked.is_none() {
                    conversation.ask_messages(&mut self.desk, effects);
                }
                refresh(conversation, &mut self.desk, effects);
            } else if conversation.failure.take().is_some() || conversation.asked.is_some() {
                conversation.want(&mut self.desk, effects);
            }
        }
    }

    fn load_failed(&mut self, ask: Ask, load: Load, failure: Failure, effects: &mut Vec<Effect>) {
        let ticket = Some(ask.ticket);
        let expired = matches!(&failure, Failure::Problem(problem) if problem.code == Code::InvalidCursor);
        match load {
            Load::Inbox { after } => {
                let slot = if after.is_none() { &mut self.inbox.asked } else { &mut self.inbox.next_asked };
                if *slot != ticket {
                    return;
                }
                *slot = None;
                self.inbox.wanted = false;
                if expired && after.is_some() {
                    self.inbox_ask(effects);
                } else {
                    self.inbox.failure = Some(failure);
                }
            }
            Load::Conversation { conversation } => {
                let Some(of) = self.conversations.get_mut(&conversation).filter(|of| of.asked == ticket) else {
                    return;
                };
                of.asked = None;
                if failure.is_not_found() {
                    self.drop_conversation(conversation, effects);
                } else {
                    of.failure = Some(failure);
                }
            }
            Load::Messages { conversation, before } => {
                let Some(of) = self.conversations.get_mut(&conversation) else { return };
                let slot = if before.is_none() { &mut of.timeline.asked } else { &mut of.timeline.older_asked };
                if *slot != ticket {
                    return;
                }
                *slot = None;
                of.timeline.revision = self.desk.revision;
                if failure.is_not_found() {
                    self.drop_conversation(conversation, effects);
                } else if expired && before.is_some() {
                    of.timeline.doubt();
                    of.ask_messages(&mut self.desk, effects);
                } else {
                    of.timeline.failure = Some(failure);
                    of.forget_stale();
                }
            }
            Load::Thread { conversation, root, after } => {
                let Some(of) = self.conversations.get_mut(&conversation) else { return };
                let Some(thread) = of.timeline.threads.get_mut(&root).filter(|thread| thread.asked == ticket) else {
                    return;
                };
                thread.asked = None;
                thread.revision = self.desk.revision;
                of.timeline.revision = self.desk.revision;
                if failure.is_not_found() {
                    self.drop_thread(conversation, root, effects);
                } else if expired && after.is_some() {
                    thread.next = None;
                    of.ask_thread(root, &mut self.desk, effects);
                } else {
                    thread.failure = Some(failure);
                }
            }
        }
    }

    fn drop_thread(&mut self, conversation: ConversationId, root: MessageId, effects: &mut Vec<Effect>) {
        let Some(of) = self.conversations.get_mut(&conversation) else { return };
        let removed = of.timeline.remove_thread(root);
        self.changes.retain(|id, _| !removed.contains_key(id));
        self.drop_pending(|pending| pending.parent.is_some_and(|parent| removed.contains_key(&parent)), effects);
    }

    // --------------------------------------------------------------------------------------------------------- helpers

    pub(super) fn conversation_entry(&mut self, id: ConversationId) -> (&mut Desk, &mut Conversation) {
        let (desk, early) = (&mut self.desk, &mut self.early_receipts);
        let conversation = self.conversations.entry(id).or_insert_with(|| {
            let mut conversation = Box::new(Conversation::new(id));
            for (user, seq) in early.remove(&id).unwrap_or_default() {
                // Without a summary there is nothing yet to be asked for again.
                conversation.receipt(user, seq, desk, &mut Vec::new());
            }
            conversation
        });
        (&mut self.desk, conversation)
    }

    /// Whether no stream has begun, so that answers which no effect asked for can't have missed a frame: the first
    /// `welcome` loads everything again.
    pub(super) fn is_first_paint(&self) -> bool {
        self.cursor.is_none()
    }

    /// Remembers a person's name.
    pub(super) fn know(&mut self, person: &Person) {
        if self.people.get(&person.id) != Some(person) {
            self.people.insert(person.id, person.clone());
        }
    }
}

/// What a frame says about its message.
enum News {
    Began,
    Answered(u32),
    Changed,
}

/// Asks for what an open conversation lacks.
fn refresh(conversation: &mut Conversation, desk: &mut Desk, effects: &mut Vec<Effect>) {
    if conversation.detail_ticket <= desk.receipts_from
        || conversation.unsure > 0
        || conversation.failure.take().is_some()
    {
        conversation.ask(desk, effects);
    }
    let timeline = &mut conversation.timeline;
    timeline.revision = desk.revision;
    let failed = timeline.failure.take().is_some();
    if timeline.asked.is_none() && (!timeline.loaded || timeline.stale || failed) {
        conversation.ask_messages(desk, effects);
    }
    let threads = conversation.timeline.threads.iter_mut().filter(|(_, thread)| thread.asked.is_none());
    let failed: Vec<_> = threads.filter_map(|(root, thread)| thread.failure.take().map(|_| *root)).collect();
    for root in failed {
        conversation.ask_thread(root, desk, effects);
    }
}

/// Asks again for messages that were being loaded, and for those that are stale.
fn reload_timeline(conversation: &mut Conversation, desk: &mut Desk, effects: &mut Vec<Effect>) {
    let timeline = &mut conversation.timeline;
    if timeline.asked.take().is_some() || timeline.stale || conversation.open && !timeline.loaded {
        conversation.ask_messages(desk, effects);
    }
    if conversation.timeline.older_asked.take().is_some()
        && let Some(before) = conversation.timeline.older.clone()
    {
        let ask = desk.draw();
        conversation.timeline.older_asked = Some(ask.ticket);
        let load = Load::Messages { conversation: conversation.id, before: Some(before) };
        effects.push(Effect::Load { ask, load });
    }
    let threads = conversation.timeline.threads.iter_mut();
    let threads: Vec<_> = threads
        .filter_map(|(root, thread)| (thread.asked.take().is_some() || thread.needs_reload()).then_some(*root))
        .collect();
    for root in threads {
        conversation.ask_thread(root, desk, effects);
    }
}
