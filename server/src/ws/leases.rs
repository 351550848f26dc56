//! Presence leases of this node's sockets: kept alive together, one script call for each company and second, not one timer
//! for each socket.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use postil::{
    backend::bus::{Beat, Bus},
    ids::{CompanyId, ConnectionId, UserId},
    limits,
};
use tokio::{
    sync::Notify,
    time::{Duration, Instant},
};

const REFRESH: Duration = Duration::from_secs(limits::PRESENCE_REFRESH_S);

#[derive(Debug)]
struct Lease {
    company: CompanyId,
    user: UserId,
    active: bool,
    due: Instant,
}

#[derive(Debug, Default)]
struct Book {
    alive: HashMap<ConnectionId, Lease>,
    gone: Vec<(CompanyId, UserId, ConnectionId)>,
}

/// The sockets that are present, and those that have just gone.
#[derive(Debug, Default)]
pub(super) struct Leases {
    book: Mutex<Book>,
    /// Something is to be told before the next second.
    pub changed: Notify,
}

impl Leases {
    fn with<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A socket is there, or its person has begun or ceased to look.
    pub fn set(&self, company: CompanyId, user: UserId, connection: ConnectionId, active: bool) {
        self.with(|book| book.alive.insert(connection, Lease { company, user, active, due: Instant::now() }));
        self.changed.notify_one();
    }

    /// A socket has gone.
    pub fn end(&self, connection: ConnectionId) {
        self.with(|book| {
            if let Some(lease) = book.alive.remove(&connection) {
                book.gone.push((lease.company, lease.user, connection));
            }
        });
        self.changed.notify_one();
    }

    /// Redis has forgotten everything, or is back after a while: all are due.
    pub fn renew_all(&self) {
        let now = Instant::now();
        self.with(|book| book.alive.values_mut().for_each(|lease| lease.due = now));
        self.changed.notify_one();
    }

    /// Tells Redis what is due. What fails is due again at the next refresh; what left runs out by itself.
    pub async fn tell(&self, bus: &Bus) {
        let now = Instant::now();
        let (beats, gone) = self.with(|book| {
            let mut beats: HashMap<CompanyId, Vec<Beat>> = HashMap::new();
            for (connection, lease) in book.alive.iter_mut().filter(|(_, lease)| lease.due <= now) {
                lease.due = now + REFRESH;
                let beat = Beat { user: lease.user, connection: *connection, active: lease.active };
                beats.entry(lease.company).or_default().push(beat);
            }
            let mut gone: HashMap<CompanyId, Vec<(UserId, ConnectionId)>> = HashMap::new();
            for (company, user, connection) in book.gone.drain(..) {
                gone.entry(company).or_default().push((user, connection));
            }
            (beats, gone)
        });
        for (company, beats) in beats {
            if bus.presence_beat(company, &beats).await.is_err() {
                return;
            }
        }
        for (company, gone) in gone {
            if bus.presence_leave(company, &gone).await.is_err() {
                return;
            }
        }
    }

    /// Looks at what ran out in the companies that somebody here is in.
    pub async fn sweep(&self, bus: &Bus, companies: HashSet<CompanyId>) {
        for company in companies {
            if bus.presence_sweep(company).await.is_err() {
                return;
            }
        }
    }
}
