//! The node's hub: which companies have sockets here, what reaches them from the bus, and the slow looks that hold without
//! it: every second the ends of the logs, every half minute the sessions.

mod tasks;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{
    company::{Admission, Admitted, Command, Company, Ending, Shared as CompanyShared, Surroundings},
    leases::Leases,
    ledger::{Guest, Ledger, Member},
    place::Place,
};
use crate::lifecycle::Lifecycle;
use axum::extract::ws::Utf8Bytes;
use postil::{
    backend::{
        bus::{Bus, Inbox, PresenceChange},
        crypto::Sealer,
    },
    clock::Clock,
    ids::{CompanyId, ConnectionId, ConversationId, SessionId, UserId},
    limits,
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    time::{self, Duration},
};

/// Transitions waiting to be stored.
const SEEN_QUEUE: usize = 1_024;
/// Longest wait for whom a guest may meet.
const MET: Duration = Duration::from_secs(1);

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
    /// The session ended while the socket opened.
    SignedOut,
    /// The session went to another company while the socket opened.
    Switched,
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

    /// Sets whom the client shows; what they are now, as far as it may know. People whom it may not meet are as unknown as
    /// people who do not exist: a guest must not find out by their presence who works here.
    pub async fn watch(&self, users: &[UserId]) -> Vec<PresenceChange> {
        let (user, connection) = (self.user, self.connection);
        let (guest, answer) = oneshot::channel();
        if !self.hub.send(self.company, Command::Guest { user, answer: guest }) {
            return Vec::new();
        }
        let users = if answer.await.unwrap_or(true) {
            // The socket neither reads nor writes meanwhile: a database that is slow must not keep it from its ending.
            let met = self.hub.ledger().met(self.company, user, users.to_vec());
            let Ok(Ok(met)) = time::timeout(MET, met).await else { return Vec::new() };
            met
        } else {
            users.to_vec()
        };
        let (allowed, answer) = oneshot::channel();
        let command = Command::Watch { user, connection, users: users.as_slice().into(), allowed };
        if !self.hub.send(self.company, command) || !answer.await.unwrap_or(false) {
            return Vec::new();
        }
        self.hub.0.around.bus.presence_read(self.company, &users).await.unwrap_or_default()
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

    pub(super) fn cursor(&self, company: CompanyId, place: Place) -> String {
        place.sealed(&self.0.around.sealer, company)
    }

    pub(super) fn place(&self, company: CompanyId, cursor: &str) -> Option<Place> {
        Place::opened(&self.0.around.sealer, company, cursor)
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
        cursor: Option<Place>,
    ) -> Result<Seat, Refused> {
        let Guest { member, session, company } = guest;
        let user = member.subject.user;
        let (commands, shared) = self.enter(company, user, session)?;
        let (to_queue, queue) = mpsc::channel(limits::SOCKET_QUEUE_FRAMES_MAX);
        let (to_end, mut ended) = oneshot::channel();
        let (reply, admitted) = oneshot::channel();
        // Read before the member is, so that a change between the two is noticed.
        let epoch = shared.epoch.load(Ordering::Acquire);
        let member = match self.still(company, user, session).await {
            Ok(now) => now,
            Err(refused) => return Err(self.leave_again(company, user, session, refused)),
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

    /// The member, if session and membership are still what they were at the upgrade. Asked after [`Self::enter`] has counted
    /// the session in: what ends it from then on finds this socket, what ended it before is seen here.
    async fn still(&self, company: CompanyId, user: UserId, session: SessionId) -> Result<Member, Refused> {
        let ledger = self.ledger();
        let (member, alive) =
            tokio::try_join!(ledger.member(company, user), ledger.alive(vec![session])).map_err(|_| Refused::Away)?;
        match (member, alive.first()) {
            (Some(member), Some((_, now))) if *now == company => Ok(member),
            (_, Some((_, now))) if *now != company => Err(Refused::Switched),
            (None, _) => Err(Refused::Revoked),
            (Some(_), _) => Err(Refused::SignedOut),
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
}
