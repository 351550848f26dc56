//! The list of conversations: a window from the latest activity down to a floor, loaded page by page.

use crate::{
    clock::Timestamp,
    ids::ConversationId,
    wire::{ConversationSummary, Page},
};

use super::{
    Feed,
    conversation::Conversation,
    effect::{Announcement, Effect, Purge, Urgency},
    input::{Ask, Failure, Load},
    map,
};

/// The order of the list: latest activity first, then the latest id.
pub(super) type Place = (Timestamp, ConversationId);

#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub loaded: bool,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Conversations below this place are not shown, even if known: between them there may be others.
    pub floor: Option<Place>,
    pub asked: Option<u64>,
    pub next_asked: Option<u64>,
    /// Someone asked for the next page while the list was being loaded: it comes after that.
    pub wanted: bool,
    pub failure: Option<Failure>,
    reload: Option<Reload>,
}

/// The list is being loaded: its first page, or again as far down as it was.
#[derive(Debug)]
struct Reload {
    again: bool,
    /// What was not told by an answer to a ticket from here on is unconfirmed.
    since: u64,
    down_to: Option<Place>,
}

impl Inbox {
    pub fn is_reloading(&self) -> bool {
        self.reload.is_some()
    }

    pub fn is_asking(&self) -> bool {
        self.asked.is_some() || self.next_asked.is_some()
    }

    pub fn shows(&self, conversation: &Conversation) -> bool {
        conversation.base.is_some() && self.floor.is_none_or(|floor| place(conversation) >= floor)
    }
}

pub(super) fn place(conversation: &Conversation) -> Place {
    (conversation.activity_at, conversation.id)
}

impl Feed {
    /// Loads the list, or loads it again.
    pub(super) fn inbox_ask(&mut self, effects: &mut Vec<Effect>) {
        let ask = self.desk.draw();
        self.inbox.wanted |= self.inbox.next_asked.is_some() && !self.inbox.is_reloading();
        let down_to = match self.inbox.reload.take() {
            Some(reload) if reload.again => reload.down_to,
            _ => self.inbox.floor,
        };
        self.inbox.reload = Some(Reload { again: self.inbox.loaded, since: ask.ticket, down_to });
        self.inbox.asked = Some(ask.ticket);
        self.inbox.next_asked = None;
        // The answer will know them.
        self.early_receipts.clear();
        effects.push(Effect::Load { ask, load: Load::Inbox { after: None } });
    }

    pub(super) fn inbox_ask_next(&mut self, after: String, effects: &mut Vec<Effect>) {
        let ask = self.desk.draw();
        self.inbox.next_asked = Some(ask.ticket);
        effects.push(Effect::Load { ask, load: Load::Inbox { after: Some(after) } });
    }

    pub(super) fn inbox_loaded(
        &mut self,
        ask: Ask,
        after: Option<&str>,
        page: Page<ConversationSummary>,
        effects: &mut Vec<Effect>,
    ) {
        let first_paint = self.is_first_paint();
        let slot = if after.is_none() { &mut self.inbox.asked } else { &mut self.inbox.next_asked };
        // A first page that nobody here asked for comes with the first paint.
        let unasked = first_paint && after.is_none() && slot.is_none() && !self.inbox.loaded;
        if *slot != Some(ask.ticket) && !unasked {
            return;
        }
        *slot = None;
        let lowest = page.items.iter().map(|item| (item.activity_at, item.id)).min();
        for summary in page.items {
            self.adopt(summary, ask.ticket, effects);
        }
        self.inbox.loaded = true;
        self.inbox.failure = None;
        if let Some(reload) = self.inbox.reload.as_ref().filter(|reload| reload.again)
            && let Some(next) = &page.next_cursor
            && reload.down_to.is_none_or(|down_to| lowest.is_some_and(|lowest| lowest > down_to))
        {
            let next = next.clone();
            return self.inbox_ask_next(next, effects);
        }
        self.inbox.floor = if page.next_cursor.is_some() { lowest.or(self.inbox.floor) } else { None };
        self.inbox.next = page.next_cursor;
        let since = self.inbox.reload.take().map_or(0, |reload| reload.since);
        let inbox = &self.inbox;
        // What lies below the list and was not confirmed is nobody's concern until something is heard of it again.
        self.conversations.retain(|_, conversation| {
            conversation.open
                || conversation.base.is_none()
                || conversation.base_ticket >= since
                || inbox.shows(conversation)
        });
        // What the list should have named and did not is either gone or has moved meanwhile: ask for each.
        for conversation in map::values_mut(&mut self.conversations) {
            if conversation.base.is_none() {
                conversation.ask(&mut self.desk, effects);
            } else if conversation.base_ticket < since {
                conversation.want(&mut self.desk, effects);
            }
        }
        if std::mem::take(&mut self.inbox.wanted)
            && let Some(next) = self.inbox.next.clone()
        {
            self.inbox_ask_next(next, effects);
        }
    }

    /// Takes a summary in, wherever it comes from.
    pub(super) fn adopt(&mut self, summary: ConversationSummary, ticket: u64, effects: &mut Vec<Effect>) {
        for person in &summary.people {
            self.know(person);
        }
        let conversation = self.conversation_entry(summary.id);
        let (desk, conversation) = conversation;
        conversation.adopt(summary, ticket, desk, effects);
    }

    /// A conversation that something was heard of. If the list is there without it, it is asked for.
    pub(super) fn heard_of(&mut self, id: ConversationId, effects: &mut Vec<Effect>) {
        let asking = self.inbox.is_asking();
        let loaded = self.inbox.loaded;
        let (desk, conversation) = self.conversation_entry(id);
        if conversation.base.is_none() && loaded && !asking {
            conversation.ask(desk, effects);
        }
    }

    /// The conversation is not there any more, or never was, for this person: nothing of it stays.
    pub(super) fn drop_conversation(&mut self, id: ConversationId, effects: &mut Vec<Effect>) {
        if let Some(gone) = self.conversations.remove(&id) {
            for message in gone.timeline.messages() {
                self.changes.remove(&message.id);
            }
            if gone.open {
                let what = Announcement::ConversationGone { conversation: id };
                effects.push(Effect::Announce { urgency: Urgency::Assertive, what });
            }
        }
        self.drop_pending(|pending| pending.conversation == id, effects);
        effects.push(Effect::Purge(Purge::Conversation(id)));
    }
}
