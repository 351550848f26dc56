//! How the views are made. The cost of a view is that of what it shows.

use crate::{
    domain::PresenceStatus,
    ids::{ConversationId, MessageId, UserId},
    limits,
    wire::{Message, Person},
};

use super::{
    Feed,
    conversation::Conversation,
    inbox::place,
    input::Failure,
    map::{self, Map},
    outbox::{Delivery, Pending, Unsent},
    timeline::{Thread, Timeline},
    view::{
        Connection, Content, ConversationView, InboxView, Item, ItemKey, Loading, PresenceView, ThreadView,
        TimelineView, Unread,
    },
};

/// Pending replies of each parent come after everything confirmed below it: its own position will be higher than theirs.
const PENDING_POSITION: i64 = i64::MAX / 2;

/// Pending messages with the order in which they were sent.
type Replies<'a> = Map<MessageId, Vec<(usize, &'a Pending)>>;

impl Feed {
    /// The list of conversations, the latest activity first.
    #[must_use]
    pub fn inbox(&self) -> InboxView<'_> {
        let mut shown: Vec<_> =
            self.conversations.values().filter(|conversation| self.inbox.shows(conversation)).collect();
        shown.sort_unstable_by_key(|conversation| std::cmp::Reverse(place(conversation)));
        InboxView {
            conversations: shown.into_iter().filter_map(|conversation| self.conversation_view(conversation)).collect(),
            loading: loading(self.inbox.asked.is_some(), self.inbox.failure.as_ref(), self.inbox.loaded),
            more: self.inbox.next.is_some(),
            loading_more: self.inbox.next_asked.is_some() || self.inbox.wanted,
        }
    }

    /// Unread messages in all conversations, bounded by [`limits::UNREAD_COUNT_MAX`]. Until the inbox is loaded, what
    /// the launcher was told.
    #[must_use]
    pub fn total_unread(&self) -> Unread {
        if !self.inbox.loaded {
            return Unread(self.launcher_unread.min(limits::UNREAD_COUNT_MAX));
        }
        let known = self.conversations.values().filter(|conversation| conversation.base.is_some());
        let total = known.fold(0_u16, |sum, conversation| sum.saturating_add(conversation.unread()));
        Unread(total.min(limits::UNREAD_COUNT_MAX))
    }

    /// One conversation, once its summary is known.
    #[must_use]
    pub fn conversation(&self, conversation: ConversationId) -> Option<ConversationView<'_>> {
        self.conversation_view(self.conversations.get(&conversation)?)
    }

    fn conversation_view<'a>(&'a self, conversation: &'a Conversation) -> Option<ConversationView<'a>> {
        let base = conversation.base.as_ref()?;
        let own = || self.outbox.iter().filter(|pending| pending.conversation == conversation.id);
        Some(ConversationView {
            id: base.id,
            kind: base.kind,
            title: &base.title,
            record: base.record.as_ref(),
            people: &base.people,
            people_count: base.people_count,
            has_external: base.has_external,
            last: conversation.preview(),
            unread: Unread(conversation.unread()),
            read_seq: conversation.read_seq,
            last_seq: conversation.last_seq(),
            activity_at: conversation.activity_at,
            typing: conversation.typing.keys().copied().collect(),
            pending: own().count(),
            failed: own().filter(|pending| matches!(pending.delivery, Delivery::Failed { .. })).count(),
            participants: &conversation.participants,
            can: conversation.can,
            muted_until: conversation.muted_until,
            notices: &conversation.notices,
            blocked: conversation.blocked(),
            stale: conversation.unsure > 0 || conversation.base_ticket <= self.desk.barrier,
        })
    }

    /// The threads of a conversation; `None` before it was opened.
    #[must_use]
    pub fn timeline(&self, conversation: ConversationId) -> Option<TimelineView<'_>> {
        let conversation = self.conversations.get(&conversation)?;
        let timeline = &conversation.timeline;
        if !timeline.keeps {
            return None;
        }
        let (roots, mut replies) = self.pending_of(conversation);
        let mut threads: Vec<_> = timeline
            .window()
            .map(|(_, thread, root)| {
                self.thread_view(timeline, thread, root, replies.remove(&root.id).unwrap_or_default())
            })
            .collect();
        threads.extend(roots.iter().map(|(_, pending)| ThreadView {
            root: pending_item(pending, 0),
            reply_count: 0,
            last_reply_at: None,
            more: false,
            loading: false,
            revision: pending.revision,
            replies: Vec::new(),
        }));
        let mut unplaced: Vec<_> = replies.into_iter().flat_map(|(_, pending)| pending).collect();
        unplaced.sort_unstable_by_key(|(order, _)| *order);
        Some(TimelineView {
            conversation: conversation.id,
            loading: loading(timeline.asked.is_some(), timeline.failure.as_ref(), timeline.loaded),
            stale: timeline.stale,
            older: timeline.loaded && timeline.older.is_some(),
            loading_older: timeline.older_asked.is_some(),
            read_seq: conversation.read_seq,
            revision: timeline.revision,
            threads,
            unplaced: unplaced.into_iter().map(|(_, pending)| pending_item(pending, 1)).collect(),
        })
    }

    /// One thread, also when it is older than what the timeline shows; `None` until its beginning is loaded.
    #[must_use]
    pub fn thread(&self, conversation: ConversationId, root: MessageId) -> Option<ThreadView<'_>> {
        let conversation = self.conversations.get(&conversation)?;
        let timeline = &conversation.timeline;
        let (_, mut replies) = self.pending_of(conversation);
        let pending = replies.remove(&root).unwrap_or_default();
        Some(self.thread_view(timeline, timeline.threads.get(&root)?, timeline.message(root)?, pending))
    }

    /// How far a thread is loaded by itself; `None` when there is none, or none was asked for.
    #[must_use]
    pub fn thread_loading(&self, conversation: ConversationId, root: MessageId) -> Option<Loading<'_>> {
        let timeline = &self.conversations.get(&conversation)?.timeline;
        let thread = timeline.threads.get(&root)?;
        Some(loading(thread.asked.is_some(), thread.failure.as_ref(), timeline.message(root).is_some()))
    }

    /// Pending beginnings of threads, and pending replies by the beginning of their thread (by their parent, if that is
    /// not loaded).
    fn pending_of(&self, conversation: &Conversation) -> (Vec<(usize, &Pending)>, Replies<'_>) {
        let mut roots = Vec::new();
        let mut replies = Replies::new();
        let own = self.outbox.iter().enumerate().filter(|(_, pending)| pending.conversation == conversation.id);
        for (order, pending) in own {
            match pending.parent {
                None => roots.push((order, pending)),
                Some(parent) => {
                    let root = conversation.timeline.message(parent).map_or(parent, |parent| parent.root_id);
                    replies.entry(root).or_default().push((order, pending));
                }
            }
        }
        (roots, replies)
    }

    fn thread_view<'a>(
        &'a self,
        timeline: &'a Timeline,
        thread: &'a Thread,
        root: &'a Message,
        pending: Vec<(usize, &'a Pending)>,
    ) -> ThreadView<'a> {
        let confirmed = |message: &'a Message| Item {
            key: self.item_key(message),
            depth: message.depth,
            parent: message.parent_id,
            descendants: 0,
            content: Content::Confirmed {
                message,
                change: self.changes.get(&message.id).map(|changing| &changing.change),
            },
        };
        let mut places: Vec<(&[i64], Option<i64>, Item<'a>)> = thread
            .replies
            .iter()
            .filter_map(|(path, id)| Some((path.as_slice(), None, confirmed(timeline.message(*id)?))))
            .collect();
        let known = places.len();
        for (order, pending) in pending {
            let Some(parent) = pending.parent.and_then(|parent| timeline.message(parent)) else { continue };
            let position = PENDING_POSITION.saturating_add(i64::try_from(order).unwrap_or(0));
            places.push((&parent.path, Some(position), pending_item(pending, parent.depth.saturating_add(1))));
        }
        if places.len() > known {
            // Parents' paths with one more step sort exactly where a message just confirmed would.
            places.sort_by(|(a, a_last, _), (b, b_last, _)| a.iter().chain(a_last).cmp(b.iter().chain(b_last)));
        }
        let mut above: Vec<usize> = Vec::new();
        for at in 0..places.len() {
            let (path, pending, _) = &places[at];
            let (path, pending) = (*path, pending.is_some());
            while let Some(top) = above.last() {
                let (top, top_pending, _) = &places[*top];
                let below =
                    if pending { path.starts_with(top) } else { path.len() > top.len() && path.starts_with(top) };
                if below && top_pending.is_none() {
                    break;
                }
                above.pop();
            }
            for index in &above {
                places[*index].2.descendants += 1;
            }
            above.push(at);
        }
        let replies: Vec<_> = places.into_iter().map(|(_, _, item)| item).collect();
        let complete = thread.is_complete();
        let last_known =
            || thread.replies.values().filter_map(|id| timeline.message(*id)).map(|reply| reply.created_at).max();
        let known_count = u32::try_from(known).unwrap_or(u32::MAX);
        ThreadView {
            root: Item { descendants: replies.len(), ..confirmed(root) },
            // The server's count also counts what this viewer may not see. Where everything is loaded, nobody needs it.
            reply_count: if complete { known_count } else { thread.told_count.max(known_count) },
            last_reply_at: if complete { last_known() } else { thread.told_reply_at.max(last_known()) },
            more: !complete,
            loading: thread.asked.is_some(),
            revision: thread.revision,
            replies,
        }
    }

    fn item_key(&self, message: &Message) -> ItemKey {
        match &message.client_key {
            Some(key) if self.desk.is_own(message) => ItemKey::Own(key.clone()),
            _ => ItemKey::Message(message.id),
        }
    }

    /// A loaded message.
    #[must_use]
    pub fn message(&self, message: MessageId) -> Option<&Message> {
        self.conversations.values().find_map(|conversation| conversation.timeline.message(message))
    }

    /// Who, without the viewer, has read up to the position `seq` of a conversation or beyond. Known once it was opened.
    #[must_use]
    pub fn read_by(&self, conversation: ConversationId, seq: i64) -> Vec<&Person> {
        let participants =
            self.conversations.get(&conversation).map(|conversation| conversation.participants.as_slice());
        let others = participants.unwrap_or_default().iter().filter(|one| one.person.id != self.desk.viewer);
        others.filter(|one| one.read_seq >= seq).map(|one| &one.person).collect()
    }

    /// A person whose name is known from a conversation, a message or the inbox.
    #[must_use]
    pub fn person(&self, user: UserId) -> Option<&Person> {
        self.people.get(&user)
    }

    /// A person's presence, as last heard.
    #[must_use]
    pub fn presence(&self, user: UserId) -> PresenceView {
        let known = self.presence.get(&user);
        PresenceView {
            status: known.map_or(PresenceStatus::Unknown, |known| known.status),
            as_of: known.map(|known| known.as_of),
            last_seen_at: known.and_then(|known| known.last_seen_at),
            stale: known.is_none() || self.connection != Connection::Live,
        }
    }

    /// Whom to watch: people of open conversations, then of the inbox, without the viewer, at most
    /// [`limits::PRESENCE_USERS_MAX`]. The driver sends `presence.watch` when it changes, and after `welcome`.
    #[must_use]
    pub fn watch_list(&self) -> Vec<UserId> {
        let mut open: Vec<_> = self.conversations.values().filter(|conversation| conversation.open).collect();
        open.sort_unstable_by_key(|conversation| conversation.id);
        let participants =
            open.into_iter().flat_map(|conversation| &conversation.participants).map(|one| one.person.id);
        let listed = self.inbox().conversations;
        let listed = listed.iter().flat_map(|conversation| conversation.people).map(|person| person.id);
        let mut seen = map::set([self.desk.viewer]);
        participants
            .chain(listed)
            .filter(|user| seen.insert(*user, ()).is_none())
            .take(limits::PRESENCE_USERS_MAX)
            .collect()
    }

    /// Pending messages, in the order of sending.
    #[must_use]
    pub fn outbox(&self) -> &[Pending] {
        &self.outbox
    }

    /// The same, as storage keeps them.
    #[must_use]
    pub fn unsent(&self) -> Vec<Unsent> {
        let unsent = |pending: &Pending| Unsent {
            key: pending.key.clone(),
            conversation: pending.conversation,
            parent: pending.parent,
            body: pending.body.clone(),
            record: pending.record.clone(),
            author: pending.author.clone(),
            at: pending.at,
        };
        self.outbox.iter().map(unsent).collect()
    }
}

fn pending_item(pending: &Pending, depth: u8) -> Item<'_> {
    Item {
        key: ItemKey::Own(pending.key.clone()),
        depth,
        parent: pending.parent,
        descendants: 0,
        content: Content::Pending(pending),
    }
}

fn loading(asked: bool, failure: Option<&Failure>, loaded: bool) -> Loading<'_> {
    match failure {
        _ if asked => Loading::Busy,
        Some(failure) => Loading::Failed(failure),
        None if loaded => Loading::Ready,
        None => Loading::Idle,
    }
}
