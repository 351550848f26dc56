//! Presence leases. A person's status in a company is the best of their connections' leases; the script beside this file
//! keeps them, reports each transition once, and runs on the shard of the company.

use std::{collections::HashMap, sync::LazyLock};

use redis::{Script, ScriptInvocation};

use super::{Away, Bus, PresenceChange, Signal, failed, key::Key};
use crate::{
    clock::Timestamp,
    domain::PresenceStatus,
    ids::{CompanyId, ConnectionId, UserId},
    limits,
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("presence.lua")));

/// One connection that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub user: UserId,
    /// Which: a socket, or a tab without one.
    pub connection: ConnectionId,
    /// Whether the person is looking.
    pub active: bool,
}

/// Who is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Online {
    /// How many, without the viewer.
    pub count: u32,
    /// The first of them, those who are there longest before the others.
    pub users: Vec<UserId>,
}

fn status(text: &str) -> PresenceStatus {
    match text {
        "online" => PresenceStatus::Online,
        "away" => PresenceStatus::Away,
        "offline" => PresenceStatus::Offline,
        _ => PresenceStatus::Unknown,
    }
}

/// The script's mode and first arguments.
struct Call<'a> {
    bus: &'a Bus,
    company: CompanyId,
    invocation: ScriptInvocation<'a>,
}

impl<'a> Call<'a> {
    fn new(bus: &'a Bus, company: CompanyId, mode: &'static str, span_ms: u64) -> Self {
        let prefix = &bus.0.prefix;
        let mut invocation = SCRIPT.key(Key::Due(company).name(prefix));
        invocation.key(Key::Online(company).name(prefix)).arg(mode).arg(Key::Leases(company).name(prefix));
        invocation.arg(span_ms).arg(limits::PRESENCE_FORGET_DAYS);
        Self { bus, company, invocation }
    }

    fn arg(&mut self, value: impl redis::ToRedisArgs) -> &mut Self {
        self.invocation.arg(value);
        self
    }

    /// Runs the script and tells every node what has changed by it.
    async fn run<T: redis::FromRedisValue>(self) -> Result<T, Away> {
        let mut commands = self.bus.commands()?;
        let (changes, answer): (Vec<(String, String, i64)>, T) =
            self.invocation.invoke_async(&mut commands).await.map_err(|error| failed(&error))?;
        let changes: Vec<PresenceChange> = changes
            .into_iter()
            .filter_map(|(user, is, at)| {
                Some(PresenceChange { user: user.parse().ok()?, status: status(&is), at: Timestamp::from_millis(at) })
            })
            .collect();
        if !changes.is_empty() {
            self.bus.signal(self.company, Signal::Presence { changes }, None);
        }
        Ok(answer)
    }
}

impl Bus {
    /// Begins or prolongs leases of connections in one company.
    ///
    /// # Errors
    /// When Redis is away: presence is unknown until it is back and the connections beat again.
    pub async fn presence_beat(&self, company: CompanyId, beats: &[Beat]) -> Result<(), Away> {
        for some in beats.chunks(limits::PRESENCE_USERS_MAX) {
            let mut call = Call::new(self, company, "beat", limits::PRESENCE_LEASE_S * 1_000);
            for beat in some {
                call.arg(beat.user.to_string()).arg(beat.connection.to_string()).arg(u8::from(beat.active));
            }
            call.run::<Vec<String>>().await?;
        }
        Ok(())
    }

    /// Ends connections. Their person becomes offline after the grace, unless another connection comes meanwhile.
    ///
    /// # Errors
    /// When Redis is away: the leases run out by themselves.
    pub async fn presence_leave(&self, company: CompanyId, gone: &[(UserId, ConnectionId)]) -> Result<(), Away> {
        for some in gone.chunks(limits::PRESENCE_USERS_MAX) {
            let mut call = Call::new(self, company, "leave", limits::PRESENCE_GRACE_MS);
            for (user, connection) in some {
                call.arg(user.to_string()).arg(connection.to_string());
            }
            call.run::<Vec<String>>().await?;
        }
        Ok(())
    }

    /// Looks at leases that ran out. Any node may: each transition is told by one of them.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn presence_sweep(&self, company: CompanyId) -> Result<(), Away> {
        let mut call = Call::new(self, company, "sweep", 0);
        call.arg(limits::PRESENCE_SWEEP_USERS);
        call.run::<Vec<String>>().await?;
        Ok(())
    }

    /// What these people are in a company, in their order. Whether they are its members is the caller's question.
    ///
    /// # Errors
    /// When Redis is away: nobody knows.
    pub async fn presence_read(&self, company: CompanyId, users: &[UserId]) -> Result<Vec<PresenceChange>, Away> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = Call::new(self, company, "read", 0);
        for user in users {
            call.arg(user.to_string());
        }
        let states: Vec<(String, i64)> = call.run().await?;
        let known: HashMap<UserId, (String, i64)> = users.iter().copied().zip(states).collect();
        Ok(users
            .iter()
            .filter_map(|user| {
                let (is, at) = known.get(user)?;
                Some(PresenceChange { user: *user, status: status(is), at: Timestamp::from_millis(*at) })
            })
            .collect())
    }

    /// Who is online in a company beside `viewer`, at most `limit` of them by name.
    ///
    /// # Errors
    /// When Redis is away: nobody knows.
    pub async fn presence_online(&self, company: CompanyId, viewer: UserId, limit: u16) -> Result<Online, Away> {
        let mut call = Call::new(self, company, "online", 0);
        call.arg(viewer.to_string()).arg(limit);
        let answer: Vec<String> = call.run().await?;
        let (count, users) = answer.split_first().ok_or(Away)?;
        Ok(Online {
            count: count.parse().unwrap_or(0),
            users: users.iter().filter_map(|user| user.parse().ok()).take(usize::from(limit)).collect(),
        })
    }
}
