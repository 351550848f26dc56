//! A model server, a client around a [`Feed`], and a network between them that loses, repeats and delays.

mod law;
mod model;
mod sentences;

use std::collections::VecDeque;

use uuid::Uuid;

use super::*;
use crate::{
    clock::Timestamp,
    domain::{MessageBody, RecordId, RecordKind},
    ids::{ConnectionId, CorrelationId},
    wire::{Code, Problem, ServerFrame},
};
use model::World;

const COMPANY: CompanyId = CompanyId::from_uuid(Uuid::from_u128(0xC0));
const VIEWER: UserId = user(0);

const fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0xA0 + n))
}

const fn conversation(n: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(0xB00 + n))
}

fn record(n: usize) -> RecordKey {
    RecordKey { kind: RecordKind::Transaction, id: RecordId::new(&format!("INV-{n}")).unwrap() }
}

fn person(n: u128) -> Person {
    Person {
        id: user(n),
        name: format!("Person {n}"),
        member_kind: crate::domain::MemberKind::Internal,
        job_title: None,
    }
}

fn text(text: &str) -> MessageBody {
    MessageBody::new(text).unwrap()
}

fn problem(code: Code) -> Failure {
    Failure::Problem(Problem::new(code, CorrelationId::from_uuid(Uuid::nil())))
}

/// A request on its way.
struct Request {
    effect: Effect,
    /// What the server answered, once it has.
    answer: Option<Input>,
}

/// A socket.
struct Socket {
    /// Events of the log that were considered.
    at: usize,
    queue: VecDeque<ServerFrame>,
    /// Frames delivered since the last withdrawal or loss: the network may repeat these.
    delivered: Vec<ServerFrame>,
}

/// The driver: carries effects out, as slowly and badly as the test wants.
struct Client {
    feed: Feed,
    requests: Vec<Request>,
    retries: Vec<String>,
    others: Vec<Effect>,
    socket: Option<Socket>,
    /// Whether a read failed and waits for the next connection.
    failed: bool,
    now: i64,
}

impl Client {
    fn new() -> Self {
        let mut feed = Feed::new(VIEWER, COMPANY, 1);
        feed.desk.preview_replies = model::PREVIEW_REPLIES;
        Self {
            feed,
            requests: Vec::new(),
            retries: Vec::new(),
            others: Vec::new(),
            socket: None,
            failed: false,
            now: 0,
        }
    }

    fn apply(&mut self, input: Input) {
        self.now += 1;
        for effect in self.feed.apply(input) {
            match effect {
                Effect::Load { .. }
                | Effect::Send { .. }
                | Effect::Edit { .. }
                | Effect::Delete { .. }
                | Effect::MarkRead { .. } => {
                    self.requests.push(Request { effect, answer: None });
                }
                Effect::RetryLater { key, .. } => self.retries.push(key),
                other => self.others.push(other),
            }
        }
    }

    fn send(&mut self, key: &str, conversation: ConversationId, parent: Option<MessageId>, body: &str) {
        self.send_about(key, conversation, parent, body, None);
    }

    fn send_about(
        &mut self,
        key: &str,
        conversation: ConversationId,
        parent: Option<MessageId>,
        body: &str,
        record: Option<RecordKey>,
    ) {
        self.apply(Input::Send {
            key: key.to_owned(),
            conversation,
            parent,
            body: text(body),
            record,
            author: person(0),
            at: Timestamp::from_millis(self.now),
        });
    }

    fn connect(&mut self, world: &World) {
        self.disconnect();
        let from = self.feed.cursor().and_then(|cursor| cursor.parse().ok());
        let from = from.filter(|from| world.can_resume(*from));
        let at = from.unwrap_or(world.log.len());
        let welcome = ServerFrame::Welcome {
            connection_id: ConnectionId::from_uuid(Uuid::nil()),
            cursor: world.log.len().to_string(),
            resumed: from.is_some(),
            server_time: world.now(),
        };
        self.failed = false;
        self.socket = Some(Socket { at, queue: VecDeque::from([welcome]), delivered: Vec::new() });
        self.apply(Input::Socket { context: self.feed.context(), event: SocketEvent::Connected });
    }

    fn disconnect(&mut self) {
        if self.socket.take().is_some() {
            self.apply(Input::Socket { context: self.feed.context(), event: SocketEvent::Disconnected });
        }
    }

    /// The server considers the next event for this socket.
    fn hub(&mut self, world: &World, current: bool) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        let Some(event) = world.log.get(socket.at) else { return false };
        socket.at += 1;
        if let Some(frame) = world.frame(event, socket.at, current) {
            socket.queue.push_back(frame);
        }
        true
    }

    /// State frames pass by the log.
    fn whisper(&mut self, frame: Option<ServerFrame>) {
        if let (Some(socket), Some(frame)) = (&mut self.socket, frame) {
            socket.queue.push_back(frame);
        }
    }

    fn deliver(&mut self) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        let Some(frame) = socket.queue.pop_front() else { return false };
        match &frame {
            ServerFrame::AccessRevoked { .. } | ServerFrame::Resync { .. } | ServerFrame::Welcome { .. } => {
                socket.delivered.clear();
            }
            _ => socket.delivered.push(frame.clone()),
        }
        self.frame(frame);
        true
    }

    fn repeat(&mut self, which: usize) {
        let delivered = self.socket.as_ref().map(|socket| &socket.delivered);
        if let Some(frame) = delivered.and_then(|delivered| delivered.get(which % delivered.len().max(1)).cloned()) {
            self.frame(frame);
        }
    }

    fn frame(&mut self, frame: ServerFrame) {
        let at = Timestamp::from_millis(self.now);
        self.apply(Input::Frame { context: self.feed.context(), frame, at });
    }

    /// The queue overflowed: one `resync` takes the place of everything in it.
    fn overflow(&mut self, world: &World) {
        if let Some(socket) = &mut self.socket {
            socket.at = world.log.len();
            let welcome = matches!(socket.queue.front(), Some(ServerFrame::Welcome { .. }))
                .then(|| socket.queue.pop_front())
                .flatten();
            socket.queue.clear();
            socket.queue.extend(welcome);
            socket.queue.push_back(ServerFrame::Resync { cursor: world.log.len().to_string() });
        }
    }

    fn serve(&mut self, world: &mut World, which: usize) {
        let open: Vec<_> = (0..self.requests.len()).filter(|at| self.requests[*at].answer.is_none()).collect();
        if let Some(at) = open.get(which % open.len().max(1)) {
            let (answer, receipt) = world.serve(&self.requests[*at].effect);
            self.requests[*at].answer = Some(answer);
            self.whisper(receipt);
        }
    }

    fn answer(&mut self, which: usize) {
        let done: Vec<_> = (0..self.requests.len()).filter(|at| self.requests[*at].answer.is_some()).collect();
        if let Some(at) = done.get(which % done.len().max(1)) {
            let answer = self.requests.remove(*at).answer.unwrap();
            self.failed |= matches!(answer, Input::MarkReadFailed { .. });
            self.apply(answer);
        }
    }

    /// The network loses a request or its answer.
    fn lose(&mut self, which: usize) {
        if self.requests.is_empty() {
            return;
        }
        let request = self.requests.remove(which % self.requests.len());
        let failure = Failure::Network;
        let input = match request.effect {
            Effect::Load { ask, load } => {
                self.failed = true;
                Input::LoadFailed { ask, load, failure }
            }
            Effect::Send { ask, key, .. } => Input::SendFailed { ask, key, failure, retryable: true },
            Effect::Edit { ask, message, .. } | Effect::Delete { ask, message } => {
                Input::ChangeFailed { ask, message, failure }
            }
            Effect::MarkRead { ask, conversation, .. } => {
                self.failed = true;
                Input::MarkReadFailed { ask, conversation }
            }
            _ => unreachable!("only requests are kept"),
        };
        self.apply(input);
    }

    /// Lets everything under way arrive.
    fn settle(&mut self, world: &mut World) {
        for _ in 0..20_000 {
            if self.socket.is_none() {
                self.connect(world);
            }
            if let Some(key) = self.retries.pop() {
                self.apply(Input::Retry { key });
            } else if !self.requests.is_empty() {
                self.serve(world, 0);
                self.answer(0);
            } else if !self.hub(world, false) && !self.deliver() {
                if !self.failed {
                    return;
                }
                self.connect(world);
            }
        }
        panic!("no end: {:?}", self.requests.iter().map(|request| &request.effect).collect::<Vec<_>>());
    }

    /// Loads all there is.
    fn load_all(&mut self, world: &mut World) {
        self.apply(Input::InboxOpened);
        self.settle(world);
        while self.feed.inbox().more {
            self.apply(Input::InboxMoreWanted);
            self.settle(world);
        }
        let ids: Vec<_> = self.feed.inbox().conversations.iter().map(|conversation| conversation.id).collect();
        for id in ids {
            self.apply(Input::ConversationOpened { conversation: id });
            self.settle(world);
            while self.feed.timeline(id).unwrap().older {
                self.apply(Input::OlderWanted { conversation: id });
                self.settle(world);
            }
            let more = |feed: &Feed| {
                feed.timeline(id).unwrap().threads.iter().find(|thread| thread.more).and_then(|thread| thread.root.id())
            };
            while let Some(root) = more(&self.feed) {
                self.apply(Input::ThreadWanted { conversation: id, root });
                self.settle(world);
            }
        }
    }

    /// Everything that the views show of confirmed things, as lines to compare.
    fn dump(&self) -> Vec<String> {
        let mut lines = vec![format!("total {}", self.feed.total_unread())];
        for conversation in self.feed.inbox().conversations {
            lines.push(format!(
                "{} {} unread {} read {} last {:?} at {}",
                conversation.id,
                conversation.title,
                conversation.unread,
                conversation.read_seq,
                conversation.last,
                conversation.activity_at
            ));
            let Some(timeline) = self.feed.timeline(conversation.id) else { continue };
            for one in conversation.participants {
                lines.push(format!("  {} has read {}", one.person.name, one.read_seq));
            }
            lines.push(format!("  older {} {:?}", timeline.older, timeline.loading));
            for thread in timeline.threads.iter().filter(|thread| thread.root.id().is_some()) {
                lines.push(format!(
                    "  {} replies, more {}, last {:?}",
                    thread.reply_count, thread.more, thread.last_reply_at
                ));
                for item in std::iter::once(&thread.root).chain(&thread.replies) {
                    if let Content::Confirmed { message, .. } = item.content {
                        let state = (message.version, message.deleted_at, &message.body);
                        lines.push(format!("    {} {:?} {state:?}", message.id, message.path));
                    }
                }
            }
        }
        lines
    }

    /// How often each own key is on screen.
    fn shown(&self, conversation: ConversationId, key: &str) -> (usize, usize) {
        let Some(timeline) = self.feed.timeline(conversation) else { return (0, 0) };
        let threads = timeline.threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
        let items: Vec<_> =
            threads.chain(&timeline.unplaced).filter(|item| item.key == ItemKey::Own(key.to_owned())).collect();
        let confirmed = items.iter().filter(|item| item.id().is_some()).count();
        (confirmed, items.len() - confirmed)
    }
}
