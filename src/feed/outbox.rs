//! Own messages, edits and deletes that the server has not confirmed.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    domain::{
        MessageBody, RecordKey,
        text::{self, Document},
    },
    ids::{ConversationId, MessageId},
    wire::{Message, Person},
};

use super::{
    Feed,
    desk::Stamp,
    effect::{Announcement, Effect, Urgency},
    input::Failure,
};

/// How far a pending message has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A request is under way.
    Sending,
    /// It will be sent by itself: after an earlier one in the same conversation, or again after a passing failure.
    Waiting {
        /// Why the last attempt failed, if there was one.
        failure: Option<Failure>,
    },
    /// It stays until it is retried or discarded.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// An own message that the server has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its idempotency key.
    pub key: String,
    /// Where.
    pub conversation: ConversationId,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// Markdown.
    pub body: MessageBody,
    /// The same, parsed as the server will parse it.
    pub text: Document,
    /// The record that it is about.
    pub record: Option<RecordKey>,
    /// The viewer.
    pub author: Person,
    /// When it was sent, by this machine's clock.
    pub at: Timestamp,
    /// How far it has come.
    pub delivery: Delivery,
    /// Attempts that failed.
    pub attempts: u32,
    /// The request under way, or the last one.
    pub(super) asked: u64,
    pub(super) revision: u64,
}

/// A pending message as storage keeps it over a reload of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsent {
    /// Its idempotency key.
    pub key: String,
    /// Where.
    pub conversation: ConversationId,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// Markdown.
    pub body: MessageBody,
    /// The record that it is about.
    pub record: Option<RecordKey>,
    /// The viewer.
    pub author: Person,
    /// When it was sent, by that machine's clock.
    pub at: Timestamp,
}

/// An edit or delete of the viewer's that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new text.
    Edit {
        /// Markdown.
        body: MessageBody,
        /// The same, parsed.
        text: Document,
        /// The version that was edited.
        version: u32,
        /// Why the last attempt failed; `None` while it is under way.
        failure: Option<Failure>,
    },
    /// A tombstone to be.
    Delete {
        /// Why the last attempt failed; `None` while it is under way.
        failure: Option<Failure>,
    },
}

impl Change {
    /// Why the last attempt failed; `None` while it is under way.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Edit { failure, .. } | Self::Delete { failure } => failure.as_ref(),
        }
    }

    fn set_failure(&mut self, why: Option<Failure>) {
        match self {
            Self::Edit { failure, .. } | Self::Delete { failure } => *failure = why,
        }
    }
}

/// A change and its request.
#[derive(Debug)]
pub(super) struct Changing {
    pub change: Change,
    asked: u64,
    /// The text of the request under way: the person may have typed on since.
    sent: Option<MessageBody>,
}

impl Feed {
    pub(super) fn send(&mut self, unsent: Unsent, effects: &mut Vec<Effect>) {
        let confirmed = |feed: &Self| {
            let conversation = feed.conversations.get(&unsent.conversation)?;
            conversation.timeline.messages().find(|message| {
                feed.desk.is_own(message) && message.client_key.as_deref() == Some(unsent.key.as_str())
            })?;
            Some(())
        };
        if self.outbox.iter().any(|pending| pending.key == unsent.key) {
            return;
        }
        if confirmed(self).is_some() {
            // The tab that sent it may be gone, and no other would ever forget the copy: it never held it.
            effects.push(Effect::ForgetUnsent { key: unsent.key });
            return;
        }
        let Unsent { key, conversation, parent, body, record, author, at } = unsent;
        let text = text::literal(body.as_str());
        self.know(&author);
        self.outbox.push(Pending {
            key,
            conversation,
            parent,
            body,
            text,
            record,
            author,
            at,
            delivery: Delivery::Waiting { failure: None },
            attempts: 0,
            asked: 0,
            revision: self.desk.revision,
        });
        self.outbox_changed = true;
        self.touch_pending(conversation, parent);
        self.pump(conversation, false, effects);
    }

    /// Sends the first message that waits in a conversation. One at a time, so that the server gets them in the order
    /// in which they were written. One that failed for a passing reason is sent again only when `now` says so.
    pub(super) fn pump(&mut self, conversation: ConversationId, now: bool, effects: &mut Vec<Effect>) {
        let revision = self.desk.revision;
        let mut waiting = self.outbox.iter_mut().filter(|pending| pending.conversation == conversation);
        let Some(first) = waiting.find(|pending| !matches!(pending.delivery, Delivery::Failed { .. })) else { return };
        match &first.delivery {
            Delivery::Waiting { failure } if now || failure.is_none() => {
                let ask = self.desk.draw();
                first.delivery = Delivery::Sending;
                first.asked = ask.ticket;
                first.revision = revision;
                let (parent, key) = (first.parent, first.key.clone());
                let (body, record) = (first.body.clone(), first.record.clone());
                effects.push(Effect::Send { ask, key, conversation, parent, body, record });
                self.touch_pending(conversation, parent);
            }
            _ => {}
        }
    }

    /// Sends everything that waits: there is a connection again.
    pub(super) fn pump_all(&mut self, effects: &mut Vec<Effect>) {
        let mut conversations: Vec<_> = self.outbox.iter().map(|pending| pending.conversation).collect();
        conversations.dedup();
        for conversation in conversations {
            self.pump(conversation, true, effects);
        }
    }

    pub(super) fn send_failed(
        &mut self,
        ticket: u64,
        key: &str,
        failure: Failure,
        again: bool,
        effects: &mut Vec<Effect>,
    ) {
        let revision = self.desk.revision;
        let Some(pending) = self.outbox.iter_mut().find(|pending| pending.key == key) else { return };
        if pending.asked != ticket || pending.delivery != Delivery::Sending {
            return;
        }
        let (conversation, parent) = (pending.conversation, pending.parent);
        pending.attempts += 1;
        pending.revision = revision;
        if again {
            pending.delivery = Delivery::Waiting { failure: Some(failure) };
            effects.push(Effect::RetryLater { key: key.to_owned(), attempts: pending.attempts });
        } else {
            pending.delivery = Delivery::Failed { failure: failure.clone() };
            let what = Announcement::SendFailed { conversation, failure };
            effects.push(Effect::Announce { urgency: Urgency::Assertive, what });
        }
        self.touch_pending(conversation, parent);
        self.pump(conversation, false, effects);
    }

    pub(super) fn retry(&mut self, key: &str, effects: &mut Vec<Effect>) {
        let revision = self.desk.revision;
        let Some(pending) = self.outbox.iter_mut().find(|pending| pending.key == key) else { return };
        let (conversation, parent) = (pending.conversation, pending.parent);
        if let Delivery::Failed { .. } = pending.delivery {
            pending.delivery = Delivery::Waiting { failure: None };
            pending.revision = revision;
            self.touch_pending(conversation, parent);
        }
        self.pump(conversation, true, effects);
    }

    pub(super) fn discard(&mut self, key: &str, effects: &mut Vec<Effect>) {
        let Some(at) = self.outbox.iter().position(|pending| pending.key == key) else { return };
        if self.outbox[at].delivery != Delivery::Sending {
            let gone = self.outbox.remove(at);
            self.outbox_changed = true;
            self.touch_pending(gone.conversation, gone.parent);
            self.pump(gone.conversation, false, effects);
        }
    }

    /// The server has this message: if it is the viewer's own and pending here, or what an edit was about, that ends.
    pub(super) fn settle(&mut self, message: &Message, effects: &mut Vec<Effect>) {
        if self.desk.is_own(message)
            && let Some(key) = &message.client_key
            && let Some(at) = self.outbox.iter().position(|pending| pending.key == *key)
        {
            let gone = self.outbox.remove(at);
            self.outbox_changed = true;
            self.touch_pending(gone.conversation, gone.parent);
            self.pump(gone.conversation, false, effects);
        }
        let Some(changing) = self.changes.get(&message.id) else { return };
        let done = match &changing.change {
            _ if Stamp::of(message).is_tombstone() => true,
            Change::Delete { .. } => false,
            // The answer to the edit may have been lost while the edit was not.
            Change::Edit { body, version, .. } => {
                // Or a moderator has hidden it: what was to stand there is not shown either.
                message.hidden_at.is_some()
                    || message.version > *version && message.body == body.as_str() && self.desk.is_own(message)
            }
        };
        if done {
            self.changes.remove(&message.id);
            self.touch_message(message.id);
        }
    }

    /// Drops pending messages that have nowhere to go any more. Those behind them in line move up.
    pub(super) fn drop_pending(&mut self, gone: impl Fn(&Pending) -> bool, effects: &mut Vec<Effect>) {
        let mut freed = Vec::new();
        self.outbox.retain(|pending| {
            let gone = gone(pending);
            if gone {
                freed.push(pending.conversation);
            }
            !gone
        });
        self.outbox_changed |= !freed.is_empty();
        for conversation in freed {
            self.pump(conversation, false, effects);
        }
    }

    pub(super) fn change(&mut self, id: MessageId, change: Change, effects: &mut Vec<Effect>) {
        match self.changes.get_mut(&id) {
            // One request at a time: the newer wish follows when the answer is there.
            Some(changing) if changing.change.failure().is_none() => changing.change = change,
            _ => {
                self.changes.insert(id, Changing { change, asked: 0, sent: None });
                self.ask_change(id, effects);
            }
        }
        self.touch_message(id);
    }

    fn ask_change(&mut self, id: MessageId, effects: &mut Vec<Effect>) {
        let newest = self.message(id).map(|message| message.version);
        let Some(changing) = self.changes.get_mut(&id) else { return };
        let ask = self.desk.draw();
        changing.asked = ask.ticket;
        changing.change.set_failure(None);
        match &mut changing.change {
            Change::Edit { body, version, .. } => {
                *version = newest.unwrap_or(*version);
                changing.sent = Some(body.clone());
                effects.push(Effect::Edit { ask, message: id, body: body.clone(), version: *version });
            }
            Change::Delete { .. } => {
                changing.sent = None;
                effects.push(Effect::Delete { ask, message: id });
            }
        }
    }

    pub(super) fn change_retry(&mut self, id: MessageId, effects: &mut Vec<Effect>) {
        if self.changes.get(&id).is_some_and(|changing| changing.change.failure().is_some()) {
            self.ask_change(id, effects);
            self.touch_message(id);
        }
    }

    pub(super) fn change_discard(&mut self, id: MessageId) {
        if self.changes.get(&id).is_some_and(|changing| changing.change.failure().is_some()) {
            self.changes.remove(&id);
            self.touch_message(id);
        }
    }

    /// The server accepted a change. What the person wished meanwhile is asked for next.
    pub(super) fn change_accepted(&mut self, ticket: u64, id: MessageId, effects: &mut Vec<Effect>) {
        let Some(changing) = self.changes.get(&id) else { return };
        if changing.asked != ticket {
            return;
        }
        let done = match &changing.change {
            Change::Edit { body, .. } => changing.sent.as_ref() == Some(body),
            Change::Delete { .. } => changing.sent.is_none(),
        };
        if done {
            self.changes.remove(&id);
        } else {
            self.ask_change(id, effects);
        }
        self.touch_message(id);
    }

    pub(super) fn change_failed(&mut self, ticket: u64, id: MessageId, failure: Failure, effects: &mut Vec<Effect>) {
        let Some(changing) = self.changes.get_mut(&id) else { return };
        if changing.asked == ticket && changing.change.failure().is_none() {
            changing.change.set_failure(Some(failure.clone()));
            let what = Announcement::ChangeFailed { message: id, failure };
            effects.push(Effect::Announce { urgency: Urgency::Assertive, what });
            self.touch_message(id);
        }
    }

    fn touch_message(&mut self, id: MessageId) {
        let found = self.message(id).map(|message| (message.conversation_id, message.root_id));
        if let Some((conversation, root)) = found
            && let Some(conversation) = self.conversations.get_mut(&conversation)
        {
            conversation.timeline.touch(root, &self.desk);
        }
    }

    fn touch_pending(&mut self, conversation: ConversationId, parent: Option<MessageId>) {
        if let Some(conversation) = self.conversations.get_mut(&conversation) {
            conversation.timeline.revision = self.desk.revision;
        }
        if let Some(parent) = parent {
            self.touch_message(parent);
        }
    }
}
