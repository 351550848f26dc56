//! The connections: one for commands, which reconnects by itself, and one that subscribes, pushed to by Redis (RESP3).
//!
//! The driver owns the second. It knows the wanted channels itself and subscribes to all of them on every new connection,
//! because what happened in between is lost silently: each connection therefore begins with a "compare with the log".

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};
use tokio::{sync::mpsc, time};

use super::{
    Bus, BusState, COMMAND_TIMEOUT, Inbound, envelope,
    key::Key,
    signal::{Envelope, Signal},
};
use crate::{ids::CompanyId, limits};

const PING: Duration = Duration::from_millis(limits::REDIS_PING_MS);
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_millis(limits::REDIS_RETRY_MS_MAX);
/// Pointers sent with one write.
const BATCH: usize = 128;

pub(super) fn client(url: &str) -> Result<Client, RedisError> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

pub(super) fn commands(client: &Client) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(RETRY_MIN)
        .set_max_delay(RETRY_MAX)
        .set_connection_timeout(Some(COMMAND_TIMEOUT))
        .set_response_timeout(Some(COMMAND_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Keeps the bus connected. Spawn [`Driver::run`] once.
#[derive(Debug)]
pub struct Driver {
    bus: Bus,
    client: Option<Client>,
    to_send: mpsc::Receiver<(CompanyId, Signal)>,
}

/// Why a connection came to its end.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the connection failed")]
    Redis(#[from] RedisError),
    #[error("the server closed the connection")]
    Closed,
    #[error("the server does not answer")]
    Silent,
}

impl Driver {
    pub(super) const fn new(bus: Bus, client: Option<Client>, to_send: mpsc::Receiver<(CompanyId, Signal)>) -> Self {
        Self { bus, client, to_send }
    }

    /// Connects, serves, and connects again after a loss, until dropped.
    pub async fn run(mut self) {
        let Some(client) = self.client.take() else {
            tracing::warn!("no redis is configured: presence is unknown and realtime polls the log");
            return core::future::pending().await;
        };
        let mut retry = RETRY_MIN;
        let mut told = false;
        loop {
            match self.connect(&client).await {
                Ok(link) => {
                    retry = RETRY_MIN;
                    told = false;
                    tracing::info!("redis is up");
                    let lost = self.serve(link).await;
                    self.bus.0.state.send_replace(BusState::Down);
                    self.bus.0.dirty.mark();
                    tracing::warn!(error = %lost, "redis is down");
                }
                Err(error) => {
                    if !told {
                        tracing::warn!(%error, "redis can't be reached, trying on");
                        told = true;
                    }
                    retry = (retry * 2).min(RETRY_MAX);
                }
            }
            time::sleep(retry).await;
        }
    }

    async fn connect(&self, client: &Client) -> Result<Link, Lost> {
        let (pushes, received) = mpsc::channel(limits::BUS_INBOX_SIGNALS);
        let dirty = Arc::clone(&self.bus.0.dirty);
        // Called by the connection's task, which must not wait: what finds no room is lost, and the log is asked instead.
        let take = move |push: PushInfo| match pushes.try_send(push) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                dirty.mark();
                Ok(())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(redis::aio::SendError),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT))
            .set_push_sender(take);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // The command connection notices a restart only when it is used: let that be now, not at someone's request.
        let mut commands = self.bus.0.commands.clone().ok_or(Lost::Closed)?;
        if redis::cmd("PING").exec_async(&mut commands).await.is_err() {
            redis::cmd("PING").exec_async(&mut commands).await?;
        }
        Ok(Link { connection, pushes: received, channels: HashMap::new() })
    }

    async fn serve(&mut self, mut link: Link) -> Lost {
        // What queued up for the lost connection is in the log.
        while self.to_send.try_recv().is_ok() {}
        if let Err(lost) = link.follow(&self.bus).await {
            return lost;
        }
        self.bus.0.state.send_replace(BusState::Up);
        self.bus.0.dirty.mark();
        let mut ping = time::interval(PING);
        ping.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let done = tokio::select! {
                push = link.pushes.recv() => link.take(&self.bus, push),
                _ = self.to_send.recv_many(&mut batch, BATCH) => link.send(&self.bus, &mut batch).await,
                () = self.bus.0.wanted_changed.notified() => link.follow(&self.bus).await,
                _ = ping.tick() => link.ping().await,
            };
            if let Err(lost) = done {
                return lost;
            }
        }
    }
}

/// One life of the subscriber connection.
struct Link {
    connection: MultiplexedConnection,
    pushes: mpsc::Receiver<PushInfo>,
    channels: HashMap<String, CompanyId>,
}

impl Link {
    /// Makes the subscribed channels the wanted ones.
    async fn follow(&mut self, bus: &Bus) -> Result<(), Lost> {
        let wanted: HashSet<CompanyId> =
            bus.0.wanted.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let gone: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, company)| !wanted.contains(company))
            .map(|(channel, _)| channel.clone())
            .collect();
        for channel in gone {
            redis::cmd("SUNSUBSCRIBE").arg(&channel).exec_async(&mut self.connection).await?;
            self.channels.remove(&channel);
        }
        for company in wanted {
            let channel = Key::Events(company).name(&bus.0.prefix);
            if !self.channels.contains_key(&channel) {
                // One channel each: in a cluster, companies live on different shards.
                redis::cmd("SSUBSCRIBE").arg(&channel).exec_async(&mut self.connection).await?;
                self.channels.insert(channel, company);
            }
        }
        Ok(())
    }

    fn take(&self, bus: &Bus, push: Option<PushInfo>) -> Result<(), Lost> {
        let Some(push) = push else { return Err(Lost::Closed) };
        match push.kind {
            PushKind::Disconnection => Err(Lost::Closed),
            PushKind::SMessage => {
                if let Some(inbound) = self.read(bus, &push.data) {
                    bus.deliver(inbound);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read(&self, bus: &Bus, data: &[Value]) -> Option<Inbound> {
        let [Value::BulkString(channel), Value::BulkString(payload)] = data else { return None };
        let company = *self.channels.get(core::str::from_utf8(channel).ok()?)?;
        let Ok(Envelope { node, signal }) = serde_json::from_slice::<Envelope>(payload) else {
            tracing::warn!(%company, "a signal on the bus can't be read");
            return None;
        };
        // Our own echo: it was delivered in process.
        if node == bus.0.node {
            return None;
        }
        // Whoever can write to Redis must not steer one company's node with another company's channel.
        if matches!(&signal, Signal::Event(event) if event.company != company) {
            return None;
        }
        Some(Inbound { company, signal, message: None, own: false })
    }

    async fn send(&mut self, bus: &Bus, batch: &mut Vec<(CompanyId, Signal)>) -> Result<(), Lost> {
        let mut pipe = redis::pipe();
        for (company, signal) in batch.drain(..) {
            pipe.cmd("SPUBLISH")
                .arg(Key::Events(company).name(&bus.0.prefix))
                .arg(envelope(bus.0.node, signal))
                .ignore();
        }
        Ok(pipe.exec_async(&mut self.connection).await?)
    }

    /// A connection that is open and dead looks like a quiet one.
    async fn ping(&mut self) -> Result<(), Lost> {
        match time::timeout(COMMAND_TIMEOUT, redis::cmd("PING").exec_async(&mut self.connection)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Lost::Silent),
        }
    }
}
