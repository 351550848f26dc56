//! The hub's tasks: from the bus to the companies, and the looks that hold without the bus.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
};

use postil::{
    backend::bus::{Bus, BusState, Delivery, Inbound, Inbox, PresenceChange, Signal},
    ids::{CompanyId, SessionId, UserId},
    limits,
    wire::CloseCode,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, Duration, Instant, MissedTickBehavior},
};

use super::Hub;
use crate::ws::company::Command;

/// Shortest pause between two readings of the sessions, so that a burst of changes is one reading.
const RECHECK_PAUSE: Duration = Duration::from_millis(100);
/// Shortest pause between two rounds of leases: a reconnect storm is told in batches.
const LEASE_PAUSE: Duration = Duration::from_millis(50);

impl Hub {
    /// From the bus to the companies.
    pub(super) async fn listen(self, mut inbox: Inbox) {
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

    pub(super) async fn remember(self, mut transitions: mpsc::Receiver<(CompanyId, PresenceChange)>) {
        while let Some((company, change)) = transitions.recv().await {
            if let Err(error) = self.ledger().seen(company, change.user, change.status, change.at).await {
                tracing::debug!(%company, %error, "a transition of presence was not stored");
            }
        }
    }

    /// Compares every company's position with the end of its log: in time for what was changed by hand in SQL while Redis
    /// works, and often enough to carry all messages while it does not.
    pub(super) async fn compare(self) {
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
    pub(super) async fn recheck(self) {
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
    pub(super) async fn keep_presence(self) {
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
