//! The loaded messages of one conversation: a window of threads from the newest down to a floor, and each thread's
//! replies in tree order.
//!
//! Positions are dense, but a gap between those that a viewer sees is no sign of loss: messages about records that they
//! may not see take positions too. That nothing is missing is the cursor protocol's promise, not something to be counted
//! here.

use crate::{
    clock::Timestamp,
    ids::MessageId,
    wire::{Message, MessagePage, ThreadPage},
};

use super::{
    desk::{Desk, Stamp},
    input::Failure,
    map::{self, Map, Set},
};

/// A message and when it was last known to exist.
#[derive(Debug)]
struct Stored {
    message: Message,
    generation: u32,
}

/// A thread: its beginning may be unknown while only replies have been heard of.
#[derive(Debug, Default)]
pub(super) struct Thread {
    /// Position of the beginning.
    pub seq: Option<i64>,
    /// Loaded replies by path: the order of the tree.
    pub replies: Map<Vec<i64>, MessageId>,
    /// The highest count the server told. It counts tombstones, and replies about records that the viewer may not see.
    pub told_count: u32,
    pub told_reply_at: Option<Timestamp>,
    /// Whether all replies up to some moment were loaded; frames bring those since.
    complete: bool,
    /// Where the next replies begin, once a page of the thread itself was loaded.
    pub next: Option<String>,
    pub asked: Option<u64>,
    pub failure: Option<Failure>,
    /// Someone looks at it by itself: a resync loads it again.
    pub wanted: bool,
    stale: bool,
    pub revision: u64,
}

impl Thread {
    /// Whether events were lost since it was loaded, and someone looks at it.
    pub fn needs_reload(&self) -> bool {
        self.wanted && self.stale
    }

    pub fn is_complete(&self) -> bool {
        self.complete || self.replies.len() as u64 >= u64::from(self.told_count)
    }
}

#[derive(Debug)]
pub(super) struct Timeline {
    messages: Map<MessageId, Box<Stored>>,
    pub threads: Map<MessageId, Box<Thread>>,
    by_seq: Map<i64, MessageId>,
    /// Whether frames are kept: from the first request on, because a frame may overtake the answer.
    pub keeps: bool,
    pub loaded: bool,
    /// Threads below this position are not shown, even if parts are known: between them there may be others.
    floor: i64,
    pub older: Option<String>,
    pub asked: Option<u64>,
    pub older_asked: Option<u64>,
    pub failure: Option<Failure>,
    pub stale: bool,
    pub revision: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            messages: Map::new(),
            threads: Map::new(),
            by_seq: Map::new(),
            keeps: false,
            loaded: false,
            floor: i64::MAX,
            older: None,
            asked: None,
            older_asked: None,
            failure: None,
            stale: false,
            revision: 0,
        }
    }
}

impl Timeline {
    pub fn message(&self, id: MessageId) -> Option<&Message> {
        self.messages.get(&id).map(|stored| &stored.message)
    }

    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values().map(|stored| &stored.message)
    }

    /// Threads of the window whose beginning is known, oldest first.
    pub fn window(&self) -> impl Iterator<Item = (MessageId, &Thread, &Message)> {
        let from = if self.loaded { self.floor } else { i64::MAX };
        map::entries_from(&self.by_seq, &from)
            .filter_map(|(_, root)| Some((*root, &**self.threads.get(root)?, self.message(*root)?)))
    }

    fn is_loading(&self) -> bool {
        self.asked.is_some() || self.older_asked.is_some() || self.threads.values().any(|thread| thread.asked.is_some())
    }

    pub fn touch(&mut self, root: MessageId, desk: &Desk) {
        self.revision = desk.revision;
        if let Some(thread) = self.threads.get_mut(&root) {
            thread.revision = desk.revision;
        }
    }

    /// Takes a message in, whatever brought it. Of two states of one message the higher stays.
    pub fn put(&mut self, message: Message, desk: &Desk) {
        let (id, root) = (message.id, message.root_id);
        let thread = self.threads.entry(root).or_default();
        thread.revision = desk.revision;
        self.revision = desk.revision;
        let root_seq = message.path.first().copied().unwrap_or(message.seq);
        if thread.seq.is_none() {
            thread.seq = Some(root_seq);
            self.by_seq.insert(root_seq, root);
        }
        if message.parent_id.is_some() {
            if !thread.replies.contains_key(&message.path) {
                thread.replies.insert(message.path.clone(), id);
            }
        } else {
            thread.told_count = thread.told_count.max(message.reply_count);
            thread.told_reply_at = thread.told_reply_at.max(message.last_reply_at);
        }
        match self.messages.get_mut(&id) {
            Some(stored) => {
                stored.generation = desk.generation;
                if Stamp::of(&message) > Stamp::of(&stored.message) {
                    stored.message = message;
                }
            }
            None => {
                self.messages.insert(id, Box::new(Stored { message, generation: desk.generation }));
            }
        }
        self.tell_root(root);
    }

    /// Keeps the counts in the beginning's own message equal to the thread's, lest someone read an old one there.
    fn tell_root(&mut self, root: MessageId) {
        if let (Some(thread), Some(stored)) = (self.threads.get(&root), self.messages.get_mut(&root)) {
            stored.message.reply_count = thread.told_count;
            stored.message.last_reply_at = thread.told_reply_at;
        }
    }

    /// A thread began. Whoever hears of its beginning hears of its replies too.
    pub fn began(&mut self, message: Message, desk: &Desk) {
        let (root, unanswered) = (message.root_id, message.reply_count == 0);
        let known = self.messages.contains_key(&root);
        self.put(message, desk);
        if !known && let Some(thread) = self.threads.get_mut(&root) {
            thread.complete = unanswered;
        }
    }

    /// A message was answered.
    pub fn answered(&mut self, message: Message, reply_count: u32, desk: &Desk) {
        let (root, at) = (message.root_id, message.created_at);
        self.put(message, desk);
        if let Some(thread) = self.threads.get_mut(&root) {
            thread.told_count = thread.told_count.max(reply_count);
            thread.told_reply_at = thread.told_reply_at.max(Some(at));
        }
        self.tell_root(root);
    }

    /// A message was edited or deleted. One that is not loaded stays so, unless an answer is under way that may bring
    /// an older state of it: popping up alone between unloaded neighbours it would make no sense.
    pub fn changed(&mut self, message: Message, desk: &Desk) {
        if self.messages.contains_key(&message.id) || self.is_loading() {
            self.put(message, desk);
        }
    }

    /// The newest page. `lossless` says that frames have brought everything since the window was loaded.
    pub fn newest(&mut self, page: MessagePage, lossless: bool, desk: &Desk) {
        let afresh = self.stale || !self.loaded;
        let newest_before = self.by_seq.last().map_or(i64::MIN, |(seq, _)| *seq);
        let reaches = if page.next_cursor.is_some() {
            page.items.iter().map(|root| root.seq).min().unwrap_or(i64::MIN)
        } else {
            i64::MIN
        };
        let shown = self.floor;
        let fill = |known: bool, seq: i64| {
            if afresh || !known || seq < shown {
                Fill::Anew
            } else if lossless {
                Fill::Keep
            } else {
                Fill::Check
            }
        };
        self.page(page.items, page.replies, fill, desk);
        if afresh {
            self.drop_unconfirmed(desk);
        }
        // A page that does not reach down to what was there leaves a gap in between, which only paging can fill.
        if afresh || reaches > newest_before {
            self.floor = reaches;
            self.older = page.next_cursor;
        }
        self.loaded = true;
        self.stale = false;
        self.failure = None;
    }

    /// The page below the floor.
    pub fn older(&mut self, page: MessagePage, desk: &Desk) {
        let reaches = page.items.iter().map(|root| root.seq).min().unwrap_or(self.floor);
        self.page(page.items, page.replies, |_, _| Fill::Anew, desk);
        self.floor = if page.next_cursor.is_some() { self.floor.min(reaches) } else { i64::MIN };
        self.older = page.next_cursor;
        self.failure = None;
    }

    fn page(&mut self, items: Vec<Message>, replies: Vec<Message>, fill: impl Fn(bool, i64) -> Fill, desk: &Desk) {
        let mut counts: Map<MessageId, usize> = Map::new();
        for reply in &replies {
            *counts.entry(reply.root_id).or_default() += 1;
        }
        let fills: Vec<_> =
            items.iter().map(|root| (root.id, fill(self.messages.contains_key(&root.id), root.seq))).collect();
        for message in items.into_iter().chain(replies) {
            self.put(message, desk);
        }
        for (root, fill) in fills {
            let ended = counts.get(&root).copied().unwrap_or(0) < desk.preview_replies;
            if let Some(thread) = self.threads.get_mut(&root) {
                match fill {
                    Fill::Anew => thread.complete = ended,
                    Fill::Keep => thread.complete |= ended,
                    Fill::Check => {
                        thread.complete =
                            ended || (thread.complete && thread.replies.len() as u64 >= u64::from(thread.told_count));
                    }
                }
            }
        }
    }

    /// A page of one thread; the first one if `after` is `None`.
    pub fn thread_page(&mut self, root: MessageId, first: bool, page: ThreadPage, desk: &Desk) {
        let ended = page.next_cursor.is_none();
        for message in std::iter::once(page.root).chain(page.items) {
            self.put(message, desk);
        }
        let Some(thread) = self.threads.get_mut(&root) else { return };
        thread.failure = None;
        thread.next = page.next_cursor;
        if std::mem::take(&mut thread.stale) && first {
            let messages = &self.messages;
            let gone: Vec<_> = thread
                .replies
                .values()
                .copied()
                .filter(|id| messages.get(id).is_none_or(|stored| stored.generation < desk.generation))
                .collect();
            thread.complete = ended;
            self.remove(&map::set(gone));
        } else {
            thread.complete |= ended;
        }
    }

    /// Forgets everything that was loaded.
    pub fn reset(&mut self) {
        *self = Self { revision: self.revision, ..Self::default() };
    }

    /// Events were lost: nothing is certain until it has been loaded again.
    pub fn doubt(&mut self) {
        self.stale = self.loaded;
        self.older_asked = None;
        for thread in map::values_mut(&mut self.threads) {
            thread.asked = None;
            thread.next = None;
            thread.stale = true;
        }
    }

    /// After a reload: what neither it nor a frame since has confirmed is gone, except threads that are being reloaded
    /// by themselves.
    fn drop_unconfirmed(&mut self, desk: &Desk) {
        let gone = self
            .messages
            .values()
            .filter(|stored| stored.generation < desk.generation)
            .map(|stored| &stored.message)
            .filter(|message| !self.threads.get(&message.root_id).is_some_and(|thread| thread.needs_reload()))
            .map(|message| (message.id, ()))
            .collect();
        self.remove(&gone);
        for thread in map::values_mut(&mut self.threads).filter(|thread| !thread.wanted) {
            thread.stale = false;
        }
    }

    /// Removes the messages that `gone` names, and everything that answers them. Returns what was removed.
    pub fn remove_where(&mut self, gone: impl Fn(&Message) -> bool) -> Set<MessageId> {
        let mut removed = map::set(self.messages().filter(|message| gone(message)).map(|message| message.id));
        for (id, ()) in removed.clone() {
            let Some(message) = self.message(id) else { continue };
            let Some(thread) = self.threads.get(&message.root_id) else { continue };
            let below = map::entries_from(&thread.replies, &message.path);
            removed.extend(below.take_while(|(path, _)| path.starts_with(&message.path)).map(|(_, id)| (*id, ())));
        }
        self.remove(&removed);
        removed
    }

    /// Removes a thread and everything in it.
    pub fn remove_thread(&mut self, root: MessageId) -> Set<MessageId> {
        let replies = self.threads.get(&root).into_iter().flat_map(|thread| thread.replies.values().copied());
        let removed = map::set(replies.chain([root]));
        if let Some(thread) = self.threads.get_mut(&root) {
            thread.wanted = false;
        }
        self.remove(&removed);
        removed
    }

    fn remove(&mut self, gone: &Set<MessageId>) {
        if gone.is_empty() {
            return;
        }
        let mut roots = Set::new();
        // All at once: each by itself would move all behind it.
        self.messages.retain(|id, stored| {
            let stays = !gone.contains_key(id);
            if !stays {
                roots.insert(stored.message.root_id, ());
            }
            stays
        });
        for (root, ()) in roots {
            let Some(thread) = self.threads.get_mut(&root) else { continue };
            thread.replies.retain(|_, id| !gone.contains_key(id));
            let empty = thread.replies.is_empty() && !thread.wanted && !self.messages.contains_key(&root);
            if empty && let Some(seq) = self.threads.remove(&root).and_then(|thread| thread.seq) {
                self.by_seq.remove(&seq);
            }
        }
    }
}

/// What a page tells about whether all replies of a thread in it are loaded.
#[derive(Clone, Copy)]
enum Fill {
    /// Only the page counts.
    Anew,
    /// What was complete stays so, because frames have brought everything since.
    Keep,
    /// What was complete stays so if the server's count agrees, because nothing brought news since.
    Check,
}
