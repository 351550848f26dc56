//! The node's hub: which companies have sockets here, what reaches them from the bus, and the slow looks that hold without
//! it: every second the ends of the logs, every half minute the sessions.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{
    company::{Admission, Admitted, Command, Company, Ending, Shared as CompanyShared, Surroundings},
    leases::Leases,
    ledger::{Guest, Ledger},
};
use crate::lifecycle::Lifecycle;
use axum::extract::ws::Utf8Bytes;
use postil::{
    backend::{
        bus::{Bus, BusState, Delivery, Inbound, Inbox, PresenceChange, Signal},
        crypto::{Sealer, seal::Purpose},
    },
    clock::Clock,
    ids::{CompanyId, ConnectionId, ConversationId, SessionId, UserId},
    limits,
    wire::CloseCode,
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    time::{self, Duration, Instant, MissedTickBehavior},
};

/// Transitions waiting to be stored.
const SEEN_QUEUE: usize = 1_024;
/// Shortest pause between two readings of the sessions, so that a burst of changes is one reading.
const RECHECK_PAUSE: Duration = Duration::from_millis(100);
/// Shortest pause between two rounds of leases: a reconnect storm is told in batches.
const LEASE_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Desk {
    commands: mpsc::Sender<Command>,
    shared: Arc<CompanyShared>,
    sockets: usize,
}

#[derive(Debug)]
struct Sitting {
    company: CompanyId,
    user: UserId,
    sockets: usize,
}

#[derive(Debug, Default)]
struct Registry {
    companies: HashMap<CompanyId, Desk>,
    users: HashMap<UserId, usize>,
    sessions: HashMap<(SessionId, CompanyId), Sitting>,
}

struct Shared {
    around: Surroundings,
    lifecycle: Lifecycle,
    registry: Mutex<Registry>,
    leases: Leases,
    replays: Semaphore,
    seen: mpsc::Sender<(CompanyId, PresenceChange)>,
    sockets: AtomicI64,
}

/// The hub. Clones share everything.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

/// Why a socket was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The person has too many.
    TooMany,
    /// The log can't be read now.
    Away,
    /// The membership ended while the socket opened.
    Revoked,
}

/// A socket's place. Dropping it is leaving.
pub(super) struct Seat {
    hub: Hub,
    pub company: CompanyId,
    pub user: UserId,
    session: SessionId,
    pub connection: ConnectionId,
    pub admitted: Admitted,
    pub queue: mpsc::Receiver<Utf8Bytes>,
    pub ended: oneshot::Receiver<Ending>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Without room, the company finds the closed queue at its next look.
        self.hub.send(self.company, Command::Leave { user: self.user, connection: self.connection });
        self.hub.0.leases.end(self.connection);
        self.hub.forget(self.company, self.user, self.session);
    }
}

impl Seat {
    pub fn active(&self, active: bool) {
        self.hub.0.leases.set(self.company, self.user, self.connection, active);
    }

    pub fn typing(&self, conversation: ConversationId) {
        self.hub.send(self.company, Command::Typing { user: self.user, conversation });
    }

    /// Sets whom the client shows; what they are now, as far as it may know.
    pub async fn watch(&self, users: &[UserId]) -> Vec<PresenceChange> {
        let (allowed, answer) = oneshot::channel();
        let (user, connection) = (self.user, self.connection);
        let command = Command::Watch { user, connection, users: users.into(), allowed };
        if !self.hub.send(self.company, command) || !answer.await.unwrap_or(false) {
            return Vec::new();
        }
        self.hub.0.around.bus.presence_read(self.company, users).await.unwrap_or_default()
    }
}

impl Hub {
    /// Starts the hub's tasks.
    #[must_use]
    pub fn start(
        bus: Bus,
        inbox: Inbox,
        ledger: Arc<dyn Ledger>,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
        lifecycle: Lifecycle,
    ) -> Self {
        let (seen, transitions) = mpsc::channel(SEEN_QUEUE);
        let around = Surroundings { bus, ledger, sealer, clock, recheck: Arc::new(Notify::new()) };
        let hub = Self(Arc::new(Shared {
            around,
            lifecycle,
            registry: Mutex::default(),
            leases: Leases::default(),
            replays: Semaphore::new(limits::REPLAYS_CONCURRENT_MAX),
            seen,
            sockets: AtomicI64::new(0),
        }));
        let lifecycle = &hub.0.lifecycle;
        lifecycle.background("hub: signals", hub.clone().listen(inbox));
        lifecycle.background("hub: logs", hub.clone().compare());
        lifecycle.background("hub: sessions", hub.clone().recheck());
        lifecycle.background("hub: presence", hub.clone().keep_presence());
        lifecycle.background("hub: last seen", hub.clone().remember(transitions));
        hub
    }

    /// How many sockets are open here.
    #[must_use]
    pub fn sockets(&self) -> i64 {
        self.0.sockets.load(Ordering::Relaxed)
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    pub(super) fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.0.around.ledger
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.around.clock
    }

    pub(super) fn replays(&self) -> &Semaphore {
        &self.0.replays
    }

    pub(super) fn cursor(&self, company: CompanyId, position: i64) -> String {
        self.0.around.sealer.cursor(Purpose::EventCursor, company, &position)
    }

    pub(super) fn position(&self, company: CompanyId, cursor: &str) -> Option<i64> {
        self.0.around.sealer.position(Purpose::EventCursor, company, cursor)
    }

    fn registry<T>(&self, look: impl FnOnce(&mut Registry) -> T) -> T {
        look(&mut self.0.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands a company's task a command; whether it was taken. If not, the task looks at the log by itself.
    pub(super) fn send(&self, company: CompanyId, command: Command) -> bool {
        let desk = self
            .registry(|all| all.companies.get(&company).map(|desk| (desk.commands.clone(), Arc::clone(&desk.shared))));
        let Some((commands, shared)) = desk else { return false };
        let taken = commands.try_send(command).is_ok();
        if !taken {
            shared.dirty.notify_one();
        }
        taken
    }

    // ------------------------------------------------------------------------------------------------------- joining

    /// Lets a socket in: from then on, every event of its company that its person may see goes into its queue.
    pub(super) async fn join(
        &self,
        guest: Guest,
        connection: ConnectionId,
        active: bool,
        cursor: Option<i64>,
    ) -> Result<Seat, Refused> {
        let Guest { member, session, company } = guest;
        let user = member.subject.user;
        let (commands, shared) = self.enter(company, user, session)?;
        let (to_queue, queue) = mpsc::channel(limits::SOCKET_QUEUE_FRAMES_MAX);
        let (to_end, mut ended) = oneshot::channel();
        let (reply, admitted) = oneshot::channel();
        // Read before the member is, so that a change between the two is noticed.
        let epoch = shared.epoch.load(Ordering::Acquire);
        let member = match self.ledger().member(company, user).await {
            Ok(Some(now)) => now,
            Ok(None) => return Err(self.leave_again(company, user, session, Refused::Revoked)),
            Err(_) => return Err(self.leave_again(company, user, session, Refused::Away)),
        };
        let admission = Admission { connection, session, member, epoch, cursor, queue: to_queue, ended: to_end, reply };
        let wait = async {
            commands.send(Command::Admit(Box::new(admission))).await.map_err(|_| ())?;
            admitted.await.map_err(|_| ())
        };
        match time::timeout(Duration::from_secs(limits::SOCKET_JOIN_S), wait).await {
            Ok(Ok(admitted)) => {
                let seat = Seat { hub: self.clone(), company, user, session, connection, admitted, queue, ended };
                seat.active(active);
                Ok(seat)
            }
            _ if ended.try_recv().is_ok() => Err(self.leave_again(company, user, session, Refused::Revoked)),
            _ => Err(self.leave_again(company, user, session, Refused::Away)),
        }
    }

    fn leave_again(&self, company: CompanyId, user: UserId, session: SessionId, refused: Refused) -> Refused {
        self.forget(company, user, session);
        refused
    }

    /// Counts a socket in, and starts the company's part of the hub with its first.
    fn enter(
        &self,
        company: CompanyId,
        user: UserId,
        session: SessionId,
    ) -> Result<(mpsc::Sender<Command>, Arc<CompanyShared>), Refused> {
        let (desk, starting) = self.registry(|all| {
            let count = all.users.entry(user).or_default();
            if *count >= limits::SOCKETS_PER_USER_MAX {
                return Err(Refused::TooMany);
            }
            *count += 1;
            all.sessions.entry((session, company)).or_insert(Sitting { company, user, sockets: 0 }).sockets += 1;
            let mut starting = None;
            let desk = all.companies.entry(company).or_insert_with(|| {
                let (commands, receiver) = mpsc::channel(limits::HUB_QUEUE_COMMANDS);
                let shared = Arc::new(CompanyShared::default());
                starting = Some((receiver, Arc::clone(&shared)));
                Desk { commands, shared, sockets: 0 }
            });
            desk.sockets += 1;
            Ok(((desk.commands.clone(), Arc::clone(&desk.shared)), starting))
        })?;
        self.0.sockets.fetch_add(1, Ordering::Relaxed);
        if let Some((receiver, shared)) = starting {
            let task = Company::new(company, self.0.around.clone(), shared).run(receiver);
            self.0.lifecycle.background("hub: a company", task);
        }
        Ok(desk)
    }

    fn forget(&self, company: CompanyId, user: UserId, session: SessionId) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
        self.registry(|all| {
            if let Some(count) = all.users.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    all.users.remove(&user);
                }
            }
            if let Some(sitting) = all.sessions.get_mut(&(session, company)) {
                sitting.sockets -= 1;
                if sitting.sockets == 0 {
                    all.sessions.remove(&(session, company));
                }
            }
            if let Some(desk) = all.companies.get_mut(&company) {
                desk.sockets -= 1;
                if desk.sockets == 0 {
                    // Dropping the sender ends the company's task, and its subscription.
                    all.companies.remove(&company);
                }
            }
        });
    }

    fn companies(&self) -> Vec<CompanyId> {
        self.registry(|all| all.companies.keys().copied().collect())
    }

    // --------------------------------------------------------------------------------------------------------- tasks

    /// From the bus to the companies.
    async fn listen(self, mut inbox: Inbox) {
        while let Some(delivery) = inbox.recv().await {
            match delivery {
                Delivery::Dirty => self.look_everywhere(),
                Delivery::Signal(inbound) => {
                    self.remember_own(&inbound);
                    self.send(inbound.company, Command::Inbound(inbound));
                }
            }
        }
    }

    fn look_everywhere(&self) {
        for company in self.companies() {
            self.send(company, Command::Look);
        }
    }

    /// Each transition is reported to one node, which stores it.
    fn remember_own(&self, inbound: &Inbound) {
        let Signal::Presence { changes } = &inbound.signal else { return };
        if inbound.own {
            for change in changes {
                // "Last seen" is a courtesy: under a flood it may be late.
                drop(self.0.seen.try_send((inbound.company, change.clone())));
            }
        }
    }

    async fn remember(self, mut transitions: mpsc::Receiver<(CompanyId, PresenceChange)>) {
        while let Some((company, change)) = transitions.recv().await {
            if let Err(error) = self.ledger().seen(company, change.user, change.status, change.at).await {
                tracing::debug!(%company, %error, "a transition of presence was not stored");
            }
        }
    }

    /// Compares every company's position with the end of its log: in time for what was changed by hand in SQL while Redis
    /// works, and often enough to carry all messages while it does not.
    async fn compare(self) {
        let mut state = self.0.around.bus.watch();
        loop {
            let pause = match *state.borrow_and_update() {
                BusState::Up => limits::TAIL_CHECK_MS,
                BusState::Down => limits::TAIL_POLL_MS,
            };
            tokio::select! {
                () = time::sleep(Duration::from_millis(pause)) => {}
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            let companies = self.companies();
            if companies.is_empty() {
                continue;
            }
            match self.ledger().tails(companies).await {
                Ok(tails) => {
                    for (company, tail) in tails {
                        let behind = self.registry(|all| {
                            all.companies
                                .get(&company)
                                .is_some_and(|desk| desk.shared.position.load(Ordering::Acquire) < tail)
                        });
                        if behind {
                            self.send(company, Command::Look);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "the hub can't compare with the logs"),
            }
        }
    }

    /// Reads the sessions of all open sockets again: on a timer, and at once when something says so. Redis only hastens it.
    async fn recheck(self) {
        let mut state = self.0.around.bus.watch();
        loop {
            let pause = match *state.borrow_and_update() {
                BusState::Up => Duration::from_secs(limits::SOCKET_RECHECK_S),
                BusState::Down => Duration::from_millis(limits::SESSION_POLL_MS),
            };
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.0.around.recheck.notified() => {}
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            self.recheck_once().await;
            time::sleep(RECHECK_PAUSE).await;
        }
    }

    async fn recheck_once(&self) {
        let sitting: Vec<(SessionId, CompanyId, UserId)> = self
            .registry(|all| all.sessions.iter().map(|((session, _), at)| (*session, at.company, at.user)).collect());
        if sitting.is_empty() {
            return;
        }
        let ids: HashSet<SessionId> = sitting.iter().map(|(session, _, _)| *session).collect();
        let alive: HashMap<SessionId, CompanyId> = match self.ledger().alive(ids.into_iter().collect()).await {
            Ok(alive) => alive.into_iter().collect(),
            // Without the database nobody is signed out: nothing is readable either.
            Err(error) => return tracing::warn!(%error, "the hub can't read the sessions"),
        };
        for (session, company, user) in sitting {
            let code = match alive.get(&session) {
                Some(now) if *now == company => continue,
                Some(_) => CloseCode::CompanySwitched,
                None => match self.ledger().member(company, user).await {
                    Ok(Some(_)) => CloseCode::SignedOut,
                    Ok(None) => CloseCode::AccessRevoked,
                    Err(_) => continue,
                },
            };
            if !self.send(company, Command::EndSession { session, code }) {
                self.0.around.recheck.notify_one();
            }
        }
    }

    /// Keeps the leases of this node's sockets, sweeps those that ran out, and says "unknown" while nobody can know.
    async fn keep_presence(self) {
        let bus = self.0.around.bus.clone();
        let mut state = bus.watch();
        let mut second = time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut swept = Instant::now();
        loop {
            tokio::select! {
                _ = second.tick() => {}
                () = self.0.leases.changed.notified() => {}
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *state.borrow_and_update();
                    match now {
                        BusState::Up => {
                            self.0.leases.renew_all();
                            self.0.leases.tell(&bus).await;
                            self.refresh_watched(&bus).await;
                        }
                        BusState::Down => {
                            for company in self.companies() {
                                self.send(company, Command::PresenceLost);
                            }
                        }
                    }
                }
            }
            if bus.state() == BusState::Up {
                self.0.leases.tell(&bus).await;
                if swept.elapsed() >= Duration::from_secs(1) {
                    swept = Instant::now();
                    self.0.leases.sweep(&bus, self.companies().into_iter().collect()).await;
                }
            }
            time::sleep(LEASE_PAUSE).await;
        }
    }

    async fn refresh_watched(&self, bus: &Bus) {
        for company in self.companies() {
            let (reply, watched) = oneshot::channel();
            if !self.send(company, Command::Watched(reply)) {
                continue;
            }
            let Ok(watched) = watched.await else { continue };
            for some in watched.chunks(limits::PRESENCE_USERS_MAX) {
                if let Ok(changes) = bus.presence_read(company, some).await {
                    self.send(company, Command::Presence(changes));
                }
            }
        }
    }
}
