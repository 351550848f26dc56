//! The server, reduced to what one viewer can tell of it: conversations, messages, read pointers, withdrawals, a log.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::{
    domain::{ConversationKind, LinkSource, text},
    wire::{
        ConversationDetail, ConversationRights, ConversationSummary, Message, MessageLink, MessagePage, MessagePreview,
        Page, Participant, ReadState, ThreadPage,
    },
};

pub const PREVIEW_REPLIES: usize = 2;
const PAGE: usize = 2;
pub const USERS: u128 = 3;

pub enum Event {
    Created(Message),
    Replied(Message, u32),
    Updated(Message),
    Deleted(Message),
    Conversation(ConversationId),
    Revoked(Vec<ConversationId>, Vec<RecordKey>),
    Granted,
}

pub struct Conversation {
    created_at: Timestamp,
    last_seq: i64,
    read: BTreeMap<UserId, i64>,
}

pub struct World {
    pub conversations: BTreeMap<ConversationId, Conversation>,
    pub messages: BTreeMap<MessageId, Message>,
    pub log: Vec<Event>,
    pub hidden_conversations: BTreeSet<ConversationId>,
    pub hidden_records: BTreeSet<RecordKey>,
    pub keys: HashMap<String, MessageId>,
    /// Whether `lastSeq` counts hidden messages: the feed must live with either.
    pub tells_hidden_positions: bool,
    clock: i64,
    /// The texts of hidden messages.
    kept: HashMap<MessageId, String>,
    /// Whom the viewer has blocked.
    pub blocked: BTreeSet<UserId>,
}

impl World {
    pub fn new(tells_hidden_positions: bool) -> Self {
        Self {
            conversations: BTreeMap::new(),
            messages: BTreeMap::new(),
            log: Vec::new(),
            hidden_conversations: BTreeSet::new(),
            hidden_records: BTreeSet::new(),
            keys: HashMap::new(),
            tells_hidden_positions,
            clock: 1_000_000,
            kept: HashMap::new(),
            blocked: BTreeSet::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock)
    }

    fn tick(&mut self) -> Timestamp {
        self.clock += 1_000;
        self.now()
    }

    // ------------------------------------------------------------------------------------------------ what people do

    pub fn begin(&mut self) -> ConversationId {
        let id = conversation(self.conversations.len() as u128);
        let created_at = self.tick();
        let read = (0..USERS).map(|n| (user(n), 0)).collect();
        self.conversations.insert(id, Conversation { created_at, last_seq: 0, read });
        self.log.push(Event::Conversation(id));
        id
    }

    pub fn post(
        &mut self,
        author: u128,
        id: ConversationId,
        parent: Option<MessageId>,
        body: &str,
        about: Option<RecordKey>,
        key: Option<&str>,
    ) -> MessageId {
        let created_at = self.tick();
        let place = self.conversations.get_mut(&id).unwrap();
        place.last_seq += 1;
        let seq = place.last_seq;
        let message_id = MessageId::from_uuid(Uuid::from_u128(0xE0_0000 + self.messages.len() as u128));
        let parent = parent.map(|parent| self.messages[&parent].clone());
        let inherited = parent
            .as_ref()
            .and_then(|parent| parent.link.as_ref())
            .map(|link| (link.record.clone(), LinkSource::Parent));
        let link = inherited.or(about.map(|about| (about, LinkSource::Own)));
        let mut path = parent.as_ref().map(|parent| parent.path.clone()).unwrap_or_default();
        path.push(seq);
        let root_id = parent.as_ref().map_or(message_id, |parent| parent.root_id);
        let message = Message {
            id: message_id,
            conversation_id: id,
            seq,
            parent_id: parent.as_ref().map(|parent| parent.id),
            root_id,
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            path,
            author: person(author),
            client_key: key.map(str::to_owned),
            body: body.to_owned(),
            text: text::literal(body),
            link: link.map(|(record, source)| MessageLink {
                record,
                source,
                title: "Then".into(),
                amount: None,
                status: None,
            }),
            version: 1,
            created_at,
            edited_at: None,
            deleted_at: None,
            hidden_at: None,
            moderated: 0,
            reply_count: 0,
            last_reply_at: None,
        };
        self.messages.insert(message_id, message.clone());
        if let Some(key) = key {
            self.keys.insert(key.to_owned(), message_id);
        }
        if parent.is_some() {
            let root = self.messages.get_mut(&root_id).unwrap();
            root.reply_count += 1;
            root.last_reply_at = Some(created_at);
            let count = root.reply_count;
            self.log.push(Event::Replied(message, count));
        } else {
            self.log.push(Event::Created(message));
        }
        message_id
    }

    pub fn edit(&mut self, id: MessageId, body: &str) {
        let at = self.tick();
        let message = self.messages.get_mut(&id).unwrap();
        if message.deleted_at.is_none() && message.hidden_at.is_none() {
            message.version += 1;
            message.body = body.to_owned();
            message.text = text::literal(body);
            message.edited_at = Some(at);
            self.log.push(Event::Updated(message.clone()));
        }
    }

    pub fn delete(&mut self, id: MessageId) {
        let at = self.tick();
        let message = self.messages.get_mut(&id).unwrap();
        if message.deleted_at.is_none() {
            message.body.clear();
            message.text = text::Document::default();
            message.deleted_at = Some(at);
            self.log.push(Event::Deleted(message.clone()));
        }
    }

    /// A moderator hides a message, or restores it.
    pub fn moderate(&mut self, id: MessageId) {
        let at = self.tick();
        let message = self.messages.get_mut(&id).unwrap();
        if message.deleted_at.is_some() {
            return;
        }
        message.moderated += 1;
        if message.hidden_at.take().is_some() {
            message.body = self.kept.remove(&id).unwrap();
        } else {
            self.kept.insert(id, std::mem::take(&mut message.body));
            message.hidden_at = Some(at);
        }
        message.text = if message.body.is_empty() { text::Document::default() } else { text::literal(&message.body) };
        self.log.push(Event::Updated(message.clone()));
    }

    pub fn read(&mut self, who: u128, id: ConversationId, seq: i64) -> Option<ServerFrame> {
        let place = self.conversations.get_mut(&id)?;
        let pointer = place.read.get_mut(&user(who))?;
        *pointer = (*pointer).max(seq.min(place.last_seq));
        let seq = *pointer;
        self.sees(id).then_some(ServerFrame::ReceiptRead { conversation_id: id, user_id: user(who), seq })
    }

    pub fn hide_conversation(&mut self, id: ConversationId) {
        if self.hidden_conversations.insert(id) {
            self.log.push(Event::Revoked(vec![id], vec![]));
        } else {
            self.hidden_conversations.remove(&id);
            self.log.push(Event::Granted);
        }
    }

    pub fn hide_record(&mut self, record: RecordKey) {
        if self.hidden_records.insert(record.clone()) {
            self.log.push(Event::Revoked(vec![], vec![record]));
        } else {
            self.hidden_records.remove(&record);
            self.log.push(Event::Granted);
        }
    }

    // -------------------------------------------------------------------------------------------- what the viewer sees

    pub fn sees(&self, id: ConversationId) -> bool {
        self.conversations.contains_key(&id) && !self.hidden_conversations.contains(&id)
    }

    pub fn sees_message(&self, message: &Message) -> bool {
        let hidden = message.link.as_ref().is_some_and(|link| self.hidden_records.contains(&link.record));
        self.sees(message.conversation_id) && !hidden
    }

    pub fn visible(&self, id: ConversationId) -> impl Iterator<Item = &Message> {
        self.messages.values().filter(move |message| message.conversation_id == id && self.sees_message(message))
    }

    fn is_folded(&self, message: &Message) -> bool {
        message.link.is_none() && self.blocked.contains(&message.author.id)
    }

    pub fn summary(&self, id: ConversationId) -> ConversationSummary {
        let place = &self.conversations[&id];
        let last = self.visible(id).max_by_key(|message| message.seq);
        let read_seq = place.read[&VIEWER];
        let unread = self
            .visible(id)
            .filter(|message| message.seq > read_seq && message.author.id != VIEWER)
            .filter(|message| message.deleted_at.is_none() && message.hidden_at.is_none() && !self.is_folded(message));
        ConversationSummary {
            id,
            kind: ConversationKind::Group,
            title: "A group".into(),
            record: None,
            people: vec![person(1), person(0)],
            people_count: 2,
            has_external: false,
            last: last.map(|message| MessagePreview {
                id: message.id,
                author_id: message.author.id,
                author_name: message.author.name.clone(),
                text: if self.is_folded(message) { String::new() } else { message.text.preview() },
                created_at: message.created_at,
                deleted: message.deleted_at.is_some(),
                blocked: self.is_folded(message),
            }),
            unread: u16::try_from(unread.count().min(100)).unwrap(),
            read_seq,
            last_seq: if self.tells_hidden_positions { place.last_seq } else { last.map_or(0, |last| last.seq) },
            activity_at: last.map_or(place.created_at, |last| last.created_at),
            blocked_ids: self.blocked.iter().copied().collect(),
        }
    }

    /// Whether nothing since then needs more than the log.
    pub fn can_resume(&self, from: usize) -> bool {
        from <= self.log.len() && !self.log[from..].iter().any(|event| matches!(event, Event::Granted))
    }

    /// The frame for an event, if it may be seen now. `current` takes the message as it is now, not as it was then.
    pub fn frame(&self, event: &Event, cursor: usize, current: bool) -> Option<ServerFrame> {
        let cursor = cursor.to_string();
        let state = |message: &Message| if current { self.messages[&message.id].clone() } else { message.clone() };
        Some(match event {
            Event::Created(message)
            | Event::Replied(message, _)
            | Event::Updated(message)
            | Event::Deleted(message)
                if !self.sees_message(message) =>
            {
                return None;
            }
            Event::Created(message) => ServerFrame::MessageCreated { cursor, message: state(message) },
            Event::Replied(message, count) => ServerFrame::ThreadReplyCreated {
                cursor,
                root_id: message.root_id,
                reply_count: if current { self.messages[&message.root_id].reply_count } else { *count },
                message: state(message),
            },
            Event::Updated(message) => ServerFrame::MessageUpdated { cursor, message: state(message) },
            Event::Deleted(message) => ServerFrame::MessageDeleted { cursor, message: state(message) },
            Event::Conversation(id) if !self.sees(*id) => return None,
            Event::Conversation(id) => ServerFrame::ConversationUpdated { cursor, conversation_id: *id },
            Event::Revoked(conversations, records) => {
                ServerFrame::AccessRevoked { cursor, conversation_ids: conversations.clone(), records: records.clone() }
            }
            Event::Granted => ServerFrame::Resync { cursor },
        })
    }

    // --------------------------------------------------------------------------------------------------------- requests

    /// Does what a request asks for. Also returns what other sockets of the viewer would hear beside the log.
    pub fn serve(&mut self, effect: &Effect) -> (Input, Option<ServerFrame>) {
        let input = match effect.clone() {
            Effect::Load { ask, load } => match self.load(ask, &load) {
                Some(answer) => answer,
                None => Input::LoadFailed { ask, load, failure: problem(Code::NotFound) },
            },
            Effect::Send { ask, key, conversation, parent, body, record } => {
                let existing = self.keys.get(&key).map(|id| &self.messages[id]);
                let parent_message = parent.map(|parent| &self.messages[&parent]);
                let refusal = if let Some(existing) = existing {
                    (!self.sees_message(existing)).then_some(Code::NotFound)
                } else if !self.sees(conversation)
                    || parent_message.is_some_and(|parent| !self.sees_message(parent))
                    || record.as_ref().is_some_and(|record| self.hidden_records.contains(record))
                {
                    Some(Code::NotFound)
                } else if parent_message.is_some_and(|parent| parent.deleted_at.is_some()) {
                    Some(Code::ParentDeleted)
                } else {
                    None
                };
                if let Some(code) = refusal {
                    Input::SendFailed { ask, key, failure: problem(code), retryable: false }
                } else {
                    let id = match self.keys.get(&key) {
                        Some(id) => *id,
                        None => self.post(0, conversation, parent, body.as_str(), record, Some(&key)),
                    };
                    Input::SendAccepted { ask, key, message: self.messages[&id].clone() }
                }
            }
            Effect::Edit { ask, message, body, version } => {
                let current = &self.messages[&message];
                let refusal = match current {
                    current if !self.sees_message(current) => Some(Code::NotFound),
                    current if current.deleted_at.is_some() => Some(Code::MessageDeleted),
                    current if current.hidden_at.is_some() => Some(Code::MessageHidden),
                    current if current.version != version => Some(Code::VersionConflict),
                    _ => None,
                };
                if let Some(code) = refusal {
                    Input::ChangeFailed { ask, message, failure: problem(code) }
                } else {
                    self.edit(message, body.as_str());
                    Input::ChangeAccepted { ask, message: self.messages[&message].clone() }
                }
            }
            Effect::Delete { ask, message } => {
                if self.sees_message(&self.messages[&message]) {
                    self.delete(message);
                    Input::ChangeAccepted { ask, message: self.messages[&message].clone() }
                } else {
                    Input::ChangeFailed { ask, message, failure: problem(Code::NotFound) }
                }
            }
            Effect::MarkRead { ask, conversation, seq } => {
                if !self.sees(conversation) {
                    return (Input::MarkReadFailed { ask, conversation }, None);
                }
                let receipt = self.read(0, conversation, seq);
                let now = self.summary(conversation);
                let state = ReadState { conversation_id: conversation, read_seq: now.read_seq, unread: now.unread };
                return (Input::MarkReadAccepted { ask, state }, receipt);
            }
            _ => unreachable!("only requests are served"),
        };
        (input, None)
    }

    fn load(&self, ask: Ask, load: &Load) -> Option<Input> {
        Some(match load.clone() {
            Load::Inbox { after } => {
                let mut items: Vec<_> =
                    self.conversations.keys().filter(|id| self.sees(**id)).map(|id| self.summary(*id)).collect();
                items.sort_by_key(|item| std::cmp::Reverse((item.activity_at, item.id)));
                let place = |item: &ConversationSummary| format!("{:020}{}", item.activity_at.micros(), item.id);
                items.retain(|item| after.as_ref().is_none_or(|after| place(item) < *after));
                let next_cursor = (items.len() > PAGE).then(|| place(&items[PAGE - 1]));
                items.truncate(PAGE);
                Input::InboxLoaded { ask, after, page: Page { items, next_cursor } }
            }
            Load::Conversation { conversation } => {
                if !self.sees(conversation) {
                    return None;
                }
                let read = &self.conversations[&conversation].read;
                let participants =
                    (0..USERS).map(|n| Participant { person: person(n), read_seq: read[&user(n)] }).collect();
                let can = ConversationRights { create: true, reply: true, edit: true, delete: true, moderate: false };
                Input::ConversationLoaded {
                    ask,
                    detail: ConversationDetail {
                        summary: self.summary(conversation),
                        participants,
                        can,
                        muted_until: None,
                        notices: Vec::new(),
                    },
                }
            }
            Load::Messages { conversation, before } => {
                if !self.sees(conversation) {
                    return None;
                }
                let limit = before.as_ref().map_or(i64::MAX, |before| before.parse().unwrap());
                let mut items: Vec<_> = self
                    .visible(conversation)
                    .filter(|message| message.parent_id.is_none() && message.seq < limit)
                    .cloned()
                    .collect();
                items.sort_by_key(|message| std::cmp::Reverse(message.seq));
                let next_cursor = (items.len() > PAGE).then(|| items[PAGE - 1].seq.to_string());
                items.truncate(PAGE);
                let replies =
                    items.iter().flat_map(|root| self.replies(root).into_iter().take(PREVIEW_REPLIES)).collect();
                Input::MessagesLoaded { ask, conversation, before, page: MessagePage { items, replies, next_cursor } }
            }
            Load::Thread { conversation, root, after } => {
                let beginning = self.messages.get(&root).filter(|root| self.sees_message(root))?.clone();
                let mut items = self.replies(&beginning);
                items.retain(|reply| after.as_ref().is_none_or(|after| format!("{:?}", padded(&reply.path)) > *after));
                let next_cursor = (items.len() > PAGE).then(|| format!("{:?}", padded(&items[PAGE - 1].path)));
                items.truncate(PAGE);
                Input::ThreadLoaded {
                    ask,
                    conversation,
                    root,
                    after,
                    page: ThreadPage { root: beginning, items, next_cursor },
                }
            }
        })
    }

    /// Visible replies in the order of the thread.
    pub fn replies(&self, root: &Message) -> Vec<Message> {
        let mut replies: Vec<_> = self
            .visible(root.conversation_id)
            .filter(|message| message.root_id == root.id && message.parent_id.is_some())
            .cloned()
            .collect();
        replies.sort_by(|a, b| a.path.cmp(&b.path));
        replies
    }
}

/// Texts that sort like the paths.
fn padded(path: &[i64]) -> String {
    path.iter().fold(String::new(), |text, step| text + &format!("{step:08}."))
}
