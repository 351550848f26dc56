//! A database and a wire in memory, for tests of the hub and the socket with a clock that stands still.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use postil::{
    access::{Narrowing, Policy, Resource, RoleKey, Subject, preset},
    backend::{
        bus::{Bus, BusConfig, Inbound, Signal},
        crypto::Sealer,
        source::Machine,
        store::{EventKind, LogEvent},
    },
    clock::{Clock, Timestamp},
    domain::{ConversationKind, LinkSource, MemberKind, PresenceStatus, RecordKey, StatusWord, text},
    ids::{CompanyId, ConnectionId, ConversationId, CorrelationId, DepartmentId, MessageId, SessionId, UserId},
    wire::{ClientFrame, CloseCode, Message, MessageLink, Person, ServerFrame},
};
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use crate::{
    lifecycle::Lifecycle,
    ws::{
        company::Command,
        hub::Hub,
        ledger::{Answer, Audience, Guest, Ledger, LedgerError, Member, Proof, Replies, Whole},
        socket,
        transport::{Gone, Incoming, Transport},
    },
};

pub const COMPANY: CompanyId = CompanyId::from_uuid(Uuid::from_u128(0xc0));

pub fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

pub fn conversation(number: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(0xa000 + number))
}

pub fn department(number: u128) -> DepartmentId {
    DepartmentId::from_uuid(Uuid::from_u128(0xd000 + number))
}

pub fn invoice() -> RecordKey {
    "transaction/INV-1".parse().unwrap()
}

/// What the fake database holds.
#[derive(Default)]
pub struct World {
    pub events: Vec<LogEvent>,
    pub messages: HashMap<MessageId, Message>,
    /// Of mixed threads.
    pub replies: HashMap<MessageId, Vec<Replies>>,
    pub audiences: HashMap<ConversationId, Audience>,
    pub records: BTreeMap<RecordKey, Resource>,
    pub members: HashMap<UserId, Subject>,
    pub policy: Option<Arc<Policy>>,
    pub sessions: HashMap<SessionId, CompanyId>,
    pub away: bool,
    pub hook_away: bool,
    /// How long a read of messages takes.
    pub slow: Option<std::time::Duration>,
}

impl World {
    fn member(&self, user: UserId) -> Option<Member> {
        let policy = self.policy.clone().unwrap_or_else(|| Arc::new(preset::policy()));
        self.members.get(&user).map(|subject| Member { subject: subject.clone(), policy })
    }
}

/// The fake database.
#[derive(Default)]
pub struct FakeLedger {
    world: Mutex<World>,
    pub message_reads: AtomicUsize,
    pub event_reads: AtomicUsize,
    /// Reads of members, of however many each.
    pub member_reads: AtomicUsize,
    /// Questions to the access hook.
    pub renewals: AtomicUsize,
}

impl FakeLedger {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<'a, T: Send + 'a>(&'a self, answer: impl FnOnce(&World) -> T) -> Answer<'a, T> {
        let world = self.world();
        let answer = if world.away { Err(LedgerError::away()) } else { Ok(answer(&world)) };
        drop(world);
        Box::pin(async move {
            // Others may run while "the database" works.
            tokio::task::yield_now().await;
            answer
        })
    }
}

impl Ledger for FakeLedger {
    fn open(&self, _: Proof, _: CorrelationId) -> Answer<'_, Option<Guest>> {
        self.ask(|_| None)
    }
    fn embed_origins(&self, _: CompanyId) -> Answer<'_, Vec<String>> {
        self.ask(|_| Vec::new())
    }
    fn tails(&self, companies: Vec<CompanyId>) -> Answer<'_, Vec<(CompanyId, i64)>> {
        self.ask(|world| {
            let tail = world.events.last().map_or(0, |event| event.seq);
            companies.into_iter().map(|company| (company, tail)).collect()
        })
    }
    fn events(&self, _: CompanyId, after: i64, limit: u32) -> Answer<'_, Vec<LogEvent>> {
        self.event_reads.fetch_add(1, Ordering::Relaxed);
        self.ask(|world| world.events.iter().filter(|event| event.seq > after).take(limit as usize).cloned().collect())
    }
    fn messages(&self, _: CompanyId, ids: Vec<MessageId>) -> Answer<'_, Vec<Whole>> {
        self.message_reads.fetch_add(1, Ordering::Relaxed);
        let slow = self.world().slow;
        let read = self.ask(|world| {
            let whole = |message: &Message| Whole {
                message: message.clone(),
                replies: world.replies.get(&message.id).cloned(),
            };
            ids.iter().filter_map(|id| world.messages.get(id)).map(whole).collect()
        });
        Box::pin(async move {
            if let Some(slow) = slow {
                time::sleep(slow).await;
            }
            read.await
        })
    }
    fn audiences(&self, _: CompanyId, ids: Vec<ConversationId>) -> Answer<'_, Vec<Audience>> {
        self.ask(|world| ids.iter().filter_map(|id| world.audiences.get(id)).cloned().collect())
    }
    fn records(&self, _: CompanyId, keys: Vec<RecordKey>) -> Answer<'_, Vec<(RecordKey, Resource)>> {
        self.ask(|world| {
            keys.into_iter().filter_map(|key| Some((key.clone(), world.records.get(&key)?.clone()))).collect()
        })
    }
    fn member(&self, _: CompanyId, user: UserId) -> Answer<'_, Option<Member>> {
        self.member_reads.fetch_add(1, Ordering::Relaxed);
        self.ask(|world| world.member(user))
    }
    fn members(&self, _: CompanyId, users: Vec<UserId>) -> Answer<'_, Vec<Member>> {
        self.member_reads.fetch_add(1, Ordering::Relaxed);
        self.ask(|world| users.into_iter().filter_map(|user| world.member(user)).collect())
    }
    fn renew(&self, _: CompanyId, _: UserId) -> Answer<'_, ()> {
        self.renewals.fetch_add(1, Ordering::Relaxed);
        if self.world().hook_away {
            return Box::pin(async { Err(LedgerError::away()) });
        }
        self.ask(|_| ())
    }
    fn met(&self, _: CompanyId, _: UserId, users: Vec<UserId>) -> Answer<'_, Vec<UserId>> {
        self.ask(|_| users)
    }
    fn alive(&self, sessions: Vec<SessionId>) -> Answer<'_, Vec<(SessionId, CompanyId)>> {
        self.ask(|world| sessions.iter().filter_map(|id| Some((*id, *world.sessions.get(id)?))).collect())
    }
    fn seen(&self, _: CompanyId, _: UserId, _: PresenceStatus, _: Timestamp) -> Answer<'_, ()> {
        self.ask(|_| ())
    }
}

/// What a client got.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Frame(Box<ServerFrame>),
    Ping,
    Close(CloseCode),
}

/// The server's end of a wire in memory.
pub struct FakeTransport {
    incoming: mpsc::UnboundedReceiver<Incoming>,
    outgoing: mpsc::UnboundedSender<Got>,
    /// How many more frames the peer takes before it reads no more.
    room: usize,
}

impl Transport for FakeTransport {
    async fn recv(&mut self) -> Incoming {
        self.incoming.recv().await.unwrap_or(Incoming::Gone)
    }
    async fn feed(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        let frame: ServerFrame = serde_json::from_str(&text).unwrap();
        // The farewell finds room again: a closing peer reads its last frames.
        if self.room == 0 && !matches!(frame, ServerFrame::Resync { .. }) {
            core::future::pending::<()>().await;
        }
        self.room = self.room.saturating_sub(1);
        self.outgoing.send(Got::Frame(Box::new(frame))).map_err(|_| Gone)
    }
    async fn ping(&mut self) -> Result<(), Gone> {
        self.outgoing.send(Got::Ping).map_err(|_| Gone)
    }
    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }
    async fn close(&mut self, code: CloseCode) {
        let _ = self.outgoing.send(Got::Close(code));
    }
}

/// The client's end.
pub struct Client {
    to: mpsc::UnboundedSender<Incoming>,
    from: mpsc::UnboundedReceiver<Got>,
}

impl Client {
    pub fn says(&self, text: &str) {
        let _ = self.to.send(Incoming::Text(text.to_owned().into()));
    }

    pub fn sends(&self, frame: &ClientFrame) {
        self.says(&serde_json::to_string(frame).unwrap());
    }

    pub fn raw(&self, incoming: Incoming) {
        let _ = self.to.send(incoming);
    }

    /// The next thing, whenever it comes.
    pub async fn next(&mut self) -> Got {
        self.from.recv().await.unwrap_or(Got::Close(CloseCode::GoingAway))
    }

    pub async fn frame(&mut self) -> ServerFrame {
        loop {
            match self.next().await {
                Got::Frame(frame) => return *frame,
                Got::Ping => {}
                Got::Close(code) => panic!("closed with {code:?} instead of a frame"),
            }
        }
    }

    pub async fn welcome(&mut self) -> (String, bool) {
        match self.frame().await {
            ServerFrame::Welcome { cursor, resumed, .. } => (cursor, resumed),
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    /// The close code, whatever comes before.
    pub async fn closed(&mut self) -> CloseCode {
        loop {
            if let Got::Close(code) = self.next().await {
                return code;
            }
        }
    }

    /// What came so far.
    pub fn so_far(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        while let Ok(got) = self.from.try_recv() {
            all.push(got);
        }
        all
    }
}

/// The wall clock goes with the runtime's, which stands still but for sleeps.
struct RuntimeClock(time::Instant);

/// When it began.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_795_427_123_456);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(BEGINNING.micros() + i64::try_from(self.0.elapsed().as_micros()).unwrap())
    }
}

/// A node with a hub.
pub struct Node {
    pub hub: Hub,
    pub ledger: Arc<FakeLedger>,
    pub lifecycle: Lifecycle,
    clock: Arc<RuntimeClock>,
}

impl Node {
    pub fn new() -> Self {
        let config = BusConfig { url: None, prefix: String::new(), limit_factor: 1 };
        let (bus, driver, inbox) = Bus::new(config, &Machine).unwrap();
        let (ledger, lifecycle) = (Arc::new(FakeLedger::default()), Lifecycle::new());
        lifecycle.background("bus", driver.run());
        let sealer = Sealer::new([7; 32]);
        let clock = Arc::new(RuntimeClock(time::Instant::now()));
        let hub = Hub::start(
            bus,
            inbox,
            Arc::clone(&ledger) as Arc<dyn Ledger>,
            sealer,
            Arc::clone(&clock) as Arc<dyn Clock>,
            lifecycle.clone(),
        );
        Self { hub, ledger, lifecycle, clock }
    }

    /// Now, by the clock of the node.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn member(&self, number: u128, role: RoleKey) -> &Self {
        let subject = Subject {
            user: user(number),
            role,
            kind: MemberKind::Internal,
            department: Some(department(7)),
            projects: BTreeSet::new(),
            narrowing: Narrowing::None,
        };
        self.ledger.world().members.insert(user(number), subject);
        self
    }

    pub fn group(&self, number: u128, people: &[u128]) -> &Self {
        let participants = people.iter().copied().map(user).collect();
        let id = conversation(number);
        let audience =
            Audience { conversation: id, kind: ConversationKind::Group, resource: Resource::Unlinked, participants };
        self.ledger.world().audiences.insert(id, audience);
        self
    }

    /// The invoice belongs to a department; conversation `number` is about it.
    pub fn invoice_of(&self, number: u128, of: u128) -> &Self {
        self.invoice_in(number, of, None)
    }

    /// The same, in a state.
    pub fn invoice_in(&self, number: u128, of: u128, state: Option<&str>) -> &Self {
        let resource = Resource::Record {
            key: invoice(),
            owner: None,
            department: Some(department(of)),
            project: None,
            state: state.map(StatusWord::of_record),
        };
        let id = conversation(number);
        let audience = Audience {
            conversation: id,
            kind: ConversationKind::Record,
            resource: resource.clone(),
            participants: BTreeSet::new(),
        };
        let mut world = self.ledger.world();
        world.audiences.insert(id, audience);
        world.records.insert(invoice(), resource);
        drop(world);
        self
    }

    /// Writes an event into the log, as a commit would.
    pub fn log(&self, event: LogEvent) -> LogEvent {
        let mut world = self.ledger.world();
        let event = LogEvent { seq: world.events.last().map_or(0, |last| last.seq) + 1, ..event };
        world.events.push(event.clone());
        event
    }

    pub fn message(&self, place: u128, link: Option<RecordKey>) -> (LogEvent, Message) {
        let number = self.ledger.world().messages.len() as u128;
        let message = message(number, place, link.clone());
        self.ledger.world().messages.insert(message.id, message.clone());
        let event = LogEvent {
            conversation: Some(message.conversation_id),
            message: Some(message.id),
            record: link,
            user: Some(message.author.id),
            ..blank(EventKind::MessageCreated)
        };
        (self.log(event), message)
    }

    /// Hands the hub an event as this very process would after its commit.
    pub fn tell(&self, event: LogEvent, message: Option<Message>) {
        let inbound =
            Inbound { company: COMPANY, signal: Signal::Event(event), message: message.map(Arc::new), own: true };
        self.hub.send(COMPANY, Command::Inbound(Box::new(inbound)));
    }

    pub fn connect(&self, number: u128) -> Client {
        self.connect_with_room(number, usize::MAX)
    }

    pub fn connect_with_room(&self, number: u128, room: usize) -> Client {
        let (to, incoming) = mpsc::unbounded_channel();
        let (outgoing, from) = mpsc::unbounded_channel();
        let session = session(number);
        self.ledger.world().sessions.entry(session).or_insert(COMPANY);
        let subject = self.ledger.world().members[&user(number)].clone();
        let policy = self.ledger.world().policy.clone().unwrap_or_else(|| Arc::new(preset::policy()));
        let guest = Guest { member: Member { subject, policy }, session, company: COMPANY };
        let connection = ConnectionId::from_uuid(Uuid::from_u128(rand()));
        let correlation = CorrelationId::from_uuid(Uuid::nil());
        let transport = FakeTransport { incoming, outgoing, room };
        let life = socket::serve(self.hub.clone(), transport, guest, connection, correlation);
        self.lifecycle.background("socket", async move {
            let _: Option<postil::wire::Code> = life.await;
        });
        Client { to, from }
    }

    /// Connects and says hello.
    pub fn hello(&self, number: u128, cursor: Option<&str>) -> Client {
        let client = self.connect(number);
        client.sends(&ClientFrame::Hello { company_id: COMPANY, cursor: cursor.map(str::to_owned), active: true });
        client
    }
}

pub fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(0x5e5 + number))
}

fn rand() -> u128 {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed) as u128
}

pub fn blank(kind: EventKind) -> LogEvent {
    LogEvent { company: COMPANY, seq: 0, kind, conversation: None, message: None, record: None, user: None }
}

fn message(number: u128, place: u128, link: Option<RecordKey>) -> Message {
    let id = MessageId::from_uuid(Uuid::from_u128(0xe000 + number));
    Message {
        id,
        conversation_id: conversation(place),
        seq: i64::try_from(number).unwrap() + 1,
        parent_id: None,
        root_id: id,
        depth: 0,
        path: vec![i64::try_from(number).unwrap() + 1],
        author: Person { id: user(1), name: "Anna".to_owned(), member_kind: MemberKind::Internal, job_title: None },
        client_key: None,
        body: format!("message {number}"),
        text: text::literal(&format!("message {number}")),
        link: link.map(|record| MessageLink {
            record,
            source: LinkSource::Own,
            title: "Invoice".to_owned(),
            amount: None,
            status: None,
        }),
        version: 1,
        created_at: Timestamp::from_millis(0),
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        moderated: 0,
        reply_count: 0,
        last_reply_at: None,
    }
}
