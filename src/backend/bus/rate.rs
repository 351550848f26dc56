//! Rate buckets: the generic cell rate algorithm, one number per bucket, in Redis so that nodes share it; in process while
//! Redis is away, except where a flood could guess passwords.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use redis::Script;
use tokio::time::Instant;

use super::{Bus, failed, key::Key};
use crate::{backend::crypto::token::sha256, limits};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rate.lua")));

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Sign-ins from one network address.
    SignInAddress,
    /// Sign-ins to one account.
    SignInAccount,
    /// Embed tokens exchanged from one network address.
    EmbedAddress,
    /// Sends of one person.
    Send,
    /// All requests of one session or key.
    Request,
    /// Refusals of one person that the audit log is told of.
    Refusal,
}

/// Whether one more is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Yes.
    Pass,
    /// Not before this time has passed.
    Wait(Duration),
    /// Nobody can tell, and this bucket does not let pass what it can't count: answer 503.
    Closed,
}

impl Bucket {
    const fn name(self) -> &'static str {
        match self {
            Self::SignInAddress => "sign_in_address",
            Self::SignInAccount => "sign_in_account",
            Self::EmbedAddress => "embed_address",
            Self::Send => "send",
            Self::Request => "request",
            Self::Refusal => "refusal",
        }
    }

    /// Requests in a burst, and per minute after that.
    const fn burst_and_rate(self) -> (u32, u32) {
        match self {
            Self::SignInAddress => (limits::SIGN_IN_PER_MINUTE * 3, limits::SIGN_IN_PER_MINUTE * 3),
            Self::EmbedAddress => (limits::EMBED_PER_MINUTE, limits::EMBED_PER_MINUTE),
            Self::SignInAccount => (limits::SIGN_IN_PER_MINUTE, limits::SIGN_IN_PER_MINUTE),
            Self::Send => (limits::SEND_BURST, limits::SEND_PER_MINUTE),
            Self::Request => (limits::REQUESTS_BURST, limits::REQUESTS_PER_MINUTE),
            Self::Refusal => (limits::AUDIT_REFUSALS_PER_MINUTE, limits::AUDIT_REFUSALS_PER_MINUTE),
        }
    }

    /// A sign-in that can't be counted is a free guess at a password.
    const fn fails_closed(self) -> bool {
        matches!(self, Self::SignInAddress | Self::SignInAccount)
    }

    fn step_us(self) -> u64 {
        60_000_000 / u64::from(self.burst_and_rate().1)
    }
}

impl Bus {
    /// Takes one from the bucket of `whom` (an address, an account, an id; only its digest is stored).
    pub async fn take(&self, bucket: Bucket, whom: &str) -> Rate {
        let digest = sha256(whom.as_bytes());
        let whom: [u8; 16] = digest[..16].try_into().expect("sixteen of thirty-two bytes");
        if let Ok(mut commands) = self.commands() {
            let mut call = SCRIPT.key(Key::Rate(bucket.name(), whom).name(&self.0.prefix));
            call.arg(bucket.step_us()).arg(bucket.burst_and_rate().0);
            match call.invoke_async::<u64>(&mut commands).await {
                Ok(0) => return Rate::Pass,
                Ok(wait_us) => return Rate::Wait(Duration::from_micros(wait_us)),
                Err(error) => {
                    failed(&error);
                }
            }
        }
        if bucket.fails_closed() { Rate::Closed } else { self.0.fallback.take(bucket, whom) }
    }
}

/// The same algorithm in this process, for the time without Redis: each node then allows the full rate.
#[derive(Debug)]
pub(super) struct Fallback {
    start: Instant,
    full_us: Mutex<HashMap<(Bucket, [u8; 16]), u64>>,
}

impl Default for Fallback {
    fn default() -> Self {
        Self { start: Instant::now(), full_us: Mutex::default() }
    }
}

impl Fallback {
    fn take(&self, bucket: Bucket, whom: [u8; 16]) -> Rate {
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut all = self.full_us.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::RATE_BUCKETS_MAX {
            all.retain(|_, full| *full > now);
        }
        if all.len() >= limits::RATE_BUCKETS_MAX && !all.contains_key(&(bucket, whom)) {
            // As many people at once are no people: forgetting the busy ones would lift every limit.
            return Rate::Wait(Duration::from_secs(1));
        }
        let full = all.get(&(bucket, whom)).map_or(now, |full| now.max(*full)) + bucket.step_us();
        let room_us = bucket.step_us() * u64::from(bucket.burst_and_rate().0);
        if full > now + room_us {
            return Rate::Wait(Duration::from_micros(full - now - room_us));
        }
        all.insert((bucket, whom), full);
        Rate::Pass
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let fallback = Fallback::default();
        for _ in 0..limits::SEND_BURST {
            assert_eq!(fallback.take(Bucket::Send, [1; 16]), Rate::Pass);
        }
        let Rate::Wait(wait) = fallback.take(Bucket::Send, [1; 16]) else { panic!("the burst is over") };
        assert!(wait <= Duration::from_micros(Bucket::Send.step_us()), "{wait:?}");
        assert_eq!(fallback.take(Bucket::Send, [2; 16]), Rate::Pass, "others are not concerned");
        time::advance(wait).await;
        assert_eq!(fallback.take(Bucket::Send, [1; 16]), Rate::Pass);
        assert!(matches!(fallback.take(Bucket::Send, [1; 16]), Rate::Wait(_)));
    }
}
