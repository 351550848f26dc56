//! Redis: pointers between nodes, presence leases, rate buckets. Nothing here is the truth about anything durable, and
//! everything works, degraded, without it: the process starts, messages flow by polling, presence is unknown.
//!
//! * [`Bus`] is what the rest of the program holds: cheap to clone, never waits for Redis on a send's way.
//! * [`Driver`] owns the subscriber connection and runs for as long as the process; the server spawns it.
//! * [`Inbox`] is the node's end: what this and other nodes signalled, for the hub.
//!
//! Start reading at [`Bus::publish`], then `link.rs`.

mod key;
mod link;
mod presence;
mod quota;
mod rate;
mod signal;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::aio::ConnectionManager;
use tokio::sync::{Notify, mpsc, watch};

pub use self::{
    link::Driver,
    presence::{Beat, Online},
    quota::{Bucket, Class, Quota},
    rate::{Draw, Rate, Receipt, Standing},
    signal::{PresenceChange, Signal},
};
use self::{rate::Fallback, signal::Envelope};
use super::store::{Committed, LogEvent};
use crate::{
    clock::IdSource,
    ids::{CompanyId, ConversationId, SessionId, UserId},
    limits,
    wire::Message,
};

/// Redis is away. What depends on it degrades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis is away")]
pub struct Away;

/// Whether Redis can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusState {
    /// Commands and subscriptions work.
    Up,
    /// They don't; the driver keeps trying.
    Down,
}

/// Where Redis is, and under which prefix our keys are.
#[derive(Clone, Debug)]
pub struct BusConfig {
    /// `redis://[user[:password]]@host:port[/db]`; `None` runs without Redis for good.
    pub url: Option<String>,
    /// Begins every key and channel. Tests and installations that share a Redis have different ones.
    pub prefix: String,
    /// Multiplies what one address and one company may do together; 1 is what [`crate::limits`] says.
    pub limit_factor: u32,
}

/// What reaches this node.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Which company it is about.
    pub company: CompanyId,
    /// What was signalled.
    pub signal: Signal,
    /// The message that a signal of this very process carries, so that the node need not read it again. Never from Redis.
    pub message: Option<Arc<Message>>,
    /// Whether this process sent it: what it says about the log can be believed as it is.
    pub own: bool,
}

/// The node's end of the bus.
#[derive(Debug)]
pub struct Inbox {
    signals: mpsc::Receiver<Inbound>,
    dirty: Arc<Dirty>,
}

/// What [`Inbox::recv`] brings.
#[derive(Debug)]
pub enum Delivery {
    /// A signal.
    Signal(Box<Inbound>),
    /// Signals were lost, or may have been: compare with the log.
    Dirty,
}

#[derive(Debug, Default)]
struct Dirty {
    set: AtomicBool,
    wake: Notify,
}

impl Dirty {
    fn mark(&self) {
        self.set.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

impl Inbox {
    /// The next delivery; `None` when the bus is gone.
    pub async fn recv(&mut self) -> Option<Delivery> {
        loop {
            if self.dirty.set.swap(false, Ordering::AcqRel) {
                return Some(Delivery::Dirty);
            }
            tokio::select! {
                signal = self.signals.recv() => return signal.map(|signal| Delivery::Signal(Box::new(signal))),
                () = self.dirty.wake.notified() => {}
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    node: u64,
    prefix: String,
    commands: Option<ConnectionManager>,
    state: watch::Sender<BusState>,
    local: mpsc::Sender<Inbound>,
    dirty: Arc<Dirty>,
    outbound: mpsc::Sender<(CompanyId, Signal)>,
    wanted: Mutex<HashMap<CompanyId, usize>>,
    wanted_changed: Notify,
    fallback: Fallback,
    factor: u32,
}

/// The bus of this process. Clones share everything.
#[derive(Clone, Debug)]
pub struct Bus(Arc<Shared>);

/// A company whose signals this node wants, for as long as it is held.
#[derive(Debug)]
pub struct Subscription {
    bus: Bus,
    company: CompanyId,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut wanted = self.bus.0.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = wanted.get_mut(&self.company) {
            *count -= 1;
            if *count == 0 {
                wanted.remove(&self.company);
            }
        }
        drop(wanted);
        self.bus.0.wanted_changed.notify_one();
    }
}

impl Bus {
    /// Prepares the bus. Nothing is connected before the [`Driver`] runs, and nothing fails when it can't be.
    ///
    /// # Errors
    /// When `config.url` is no Redis URL.
    pub fn new(config: BusConfig, ids: &dyn IdSource) -> Result<(Self, Driver, Inbox), redis::RedisError> {
        let mut node = [0; 8];
        ids.fill(&mut node);
        let (local, signals) = mpsc::channel(limits::BUS_INBOX_SIGNALS);
        let (outbound, to_send) = mpsc::channel(limits::BUS_OUTBOX_SIGNALS);
        let dirty = Arc::new(Dirty::default());
        let client = config.url.as_deref().map(link::client).transpose()?;
        let commands = client.as_ref().map(link::commands).transpose()?;
        let bus = Self(Arc::new(Shared {
            node: u64::from_be_bytes(node),
            prefix: config.prefix,
            commands,
            state: watch::Sender::new(BusState::Down),
            local,
            dirty: Arc::clone(&dirty),
            outbound,
            wanted: Mutex::default(),
            wanted_changed: Notify::new(),
            fallback: Fallback::default(),
            factor: config.limit_factor.max(1),
        }));
        let driver = Driver::new(bus.clone(), client, to_send);
        Ok((bus, driver, Inbox { signals, dirty }))
    }

    /// Whether Redis can be reached, as of the last exchange with it.
    #[must_use]
    pub fn state(&self) -> BusState {
        *self.0.state.borrow()
    }

    /// Follows [`Self::state`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BusState> {
        self.0.state.subscribe()
    }

    /// Wants a company's signals from other nodes. What happens while Redis is away is in the log.
    #[must_use]
    pub fn subscribe(&self, company: CompanyId) -> Subscription {
        *self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner).entry(company).or_default() += 1;
        self.0.wanted_changed.notify_one();
        Subscription { bus: self.clone(), company }
    }

    /// Tells every node that the log has this event: this one at once and with the message, the others by a pointer.
    ///
    /// Takes what only a commit makes, so that nobody is told of what a rollback took back. Never waits: a pointer that
    /// finds no room is dropped, and the nodes find the event in the log at their next look.
    pub fn publish(&self, event: &Committed<LogEvent>, message: Option<Message>) {
        let event = event.get().clone();
        self.signal(event.company, Signal::Event(event), message.map(Arc::new));
    }

    /// Tells everyone who may know that a person has read up to a position.
    pub fn receipt(&self, company: CompanyId, conversation: ConversationId, user: UserId, seq: i64) {
        self.signal(company, Signal::Receipt { conversation, user, seq }, None);
    }

    /// Tells everyone who may know that a person is writing.
    pub fn typing(&self, company: CompanyId, conversation: ConversationId, user: UserId) {
        self.signal(company, Signal::Typing { conversation, user }, None);
    }

    /// Tells the nodes to look at this session's sockets in `company` now: it ended, or moved to another company.
    pub fn session_ended(&self, company: CompanyId, session: SessionId) {
        self.signal(company, Signal::SessionEnded { session }, None);
    }

    fn signal(&self, company: CompanyId, signal: Signal, message: Option<Arc<Message>>) {
        if self.state() == BusState::Up && self.0.outbound.try_send((company, signal.clone())).is_err() {
            tracing::debug!(%company, "the outbox of the bus is full, other nodes will read the log");
        }
        self.deliver(Inbound { company, signal, message, own: true });
    }

    /// Hands a signal to this node. Without room it is dropped and the node told to compare with the log.
    fn deliver(&self, inbound: Inbound) {
        if self.0.local.try_send(inbound).is_err() {
            self.0.dirty.mark();
        }
    }

    /// A connection for commands, unless Redis is known to be away: then nobody waits for a timeout.
    fn commands(&self) -> Result<ConnectionManager, Away> {
        match self.state() {
            BusState::Up => self.0.commands.clone().ok_or(Away),
            BusState::Down => Err(Away),
        }
    }
}

fn failed(error: &redis::RedisError) -> Away {
    tracing::warn!(%error, "a redis command failed");
    Away
}

const COMMAND_TIMEOUT: Duration = Duration::from_millis(limits::REDIS_COMMAND_MS);

fn envelope(node: u64, signal: Signal) -> Vec<u8> {
    serde_json::to_vec(&Envelope { node, signal }).expect("a signal is plain data")
}
