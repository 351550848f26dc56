//! Rate buckets: the generic cell rate algorithm, one number per bucket, in Redis so that nodes share it; in process while
//! Redis is away, except where a flood could guess passwords. What is limited is in [`super::quota`].

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use redis::Script;
use tokio::time::Instant;

use super::{
    Bus, failed,
    key::Key,
    quota::{Bucket, Quota},
};
use crate::{backend::crypto::token::sha256, limits};

pub(super) const SOURCE: &str = include_str!("rate.lua");
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give_back.lua")));

/// Whom a bucket is about: a digest, so that Redis holds no address and no account.
pub(super) type Whom = [u8; 16];

pub(super) fn digest(whom: &str) -> Whom {
    let digest = sha256(whom.as_bytes());
    digest[..16].try_into().expect("sixteen of thirty-two bytes")
}

/// What is wanted of one bucket.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    bucket: Bucket,
    whom: Whom,
    quota: Quota,
    units: u32,
}

impl Draw {
    /// `units` of `bucket` for `whom` (an address, an account, an id; only its digest is stored), of which there is `quota`.
    #[must_use]
    pub fn of(bucket: Bucket, whom: &str, quota: Quota, units: u32) -> Self {
        Self { bucket, whom: digest(whom), quota, units }
    }

    const fn worth_us(&self) -> u64 {
        self.quota.step_us * self.units as u64
    }
}

/// How one bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub bucket: Bucket,
    /// How much there is of it.
    pub quota: Quota,
    /// What is left.
    pub left: u32,
    /// When it is whole again; after a refusal, when to ask again.
    pub after: Duration,
}

impl Standing {
    fn after_taking(draw: &Draw, full_in_us: u64) -> Self {
        let room_us = (draw.quota.step_us * u64::from(draw.quota.burst)).saturating_sub(full_in_us);
        let left = u32::try_from(room_us / draw.quota.step_us).unwrap_or(u32::MAX);
        Self { bucket: draw.bucket, quota: draw.quota, left, after: Duration::from_micros(full_in_us) }
    }

    const fn refused(draw: &Draw, wait_us: u64) -> Self {
        Self { bucket: draw.bucket, quota: draw.quota, left: 0, after: Duration::from_micros(wait_us) }
    }
}

/// Whether one more is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Yes; how the buckets stand now, in the order in which they were asked. Empty when it had been paid for before.
    Pass(Vec<Standing>),
    /// Not before the time that this bucket says; nothing was taken.
    Wait(Standing),
    /// Nobody can tell, and one of the buckets does not let pass what it can't count: answer 503.
    Closed,
}

impl Rate {
    /// Whether it is a yes.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Pass(_))
    }
}

/// What says that something was paid for: asked again within its life, it costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Receipt(Whom);

impl Receipt {
    /// For what these bytes name.
    #[must_use]
    pub fn of(what: &str) -> Self {
        Self(digest(what))
    }
}

impl Bus {
    /// A draw from `bucket` as it is everywhere, times the operator's factor where it is shared.
    #[must_use]
    pub fn draw(&self, bucket: Bucket, whom: &str, units: u32) -> Draw {
        Draw::of(bucket, whom, bucket.quota(self.0.factor), units)
    }

    /// Takes one from one bucket.
    pub async fn take(&self, bucket: Bucket, whom: &str) -> Rate {
        self.take_all(&[self.draw(bucket, whom, 1)], None).await
    }

    /// Takes all draws or none, at once. With a receipt that was given before, nothing is taken.
    pub async fn take_all(&self, draws: &[Draw], receipt: Option<Receipt>) -> Rate {
        if let Ok(mut commands) = self.commands() {
            let mut call = TAKE.prepare_invoke();
            for draw in draws {
                call.key(Key::Rate(draw.bucket.key(), draw.whom).name(&self.0.prefix));
                call.arg(draw.quota.step_us).arg(draw.quota.burst).arg(draw.units);
            }
            if let Some(Receipt(what)) = receipt {
                call.key(Key::Receipt(what).name(&self.0.prefix)).arg(limits::RECEIPT_S * 1_000);
            }
            match call.invoke_async::<Vec<u64>>(&mut commands).await {
                Ok(answer) => return read(draws, &answer),
                Err(error) => {
                    failed(&error);
                }
            }
        }
        if draws.iter().any(|draw| draw.bucket.fails_closed()) {
            Rate::Closed
        } else {
            self.0.fallback.take(draws, receipt)
        }
    }

    /// Gives back what a draw took. What Redis forgets meanwhile is given back already.
    pub async fn give_back(&self, draws: &[Draw]) {
        let Ok(mut commands) = self.commands() else { return };
        let mut call = GIVE_BACK.prepare_invoke();
        for draw in draws {
            call.key(Key::Rate(draw.bucket.key(), draw.whom).name(&self.0.prefix)).arg(draw.worth_us());
        }
        if let Err(error) = call.invoke_async::<u64>(&mut commands).await {
            failed(&error);
        }
    }

    /// Remembers that `whom` was here, for [`limits::FAMILIAR_S`].
    pub async fn grow_familiar(&self, whom: &str) {
        let Ok(mut commands) = self.commands() else { return };
        let key = Key::Familiar(digest(whom)).name(&self.0.prefix);
        let mut call = redis::cmd("SET");
        call.arg(key).arg(1).arg("EX").arg(limits::FAMILIAR_S);
        if let Err(error) = call.exec_async(&mut commands).await {
            failed(&error);
        }
    }

    /// Whether `whom` was here. Nobody was while Redis is away.
    pub async fn is_familiar(&self, whom: &str) -> bool {
        let Ok(mut commands) = self.commands() else { return false };
        let key = Key::Familiar(digest(whom)).name(&self.0.prefix);
        let mut call = redis::cmd("EXISTS");
        call.arg(key).query_async(&mut commands).await.unwrap_or_else(|error| {
            failed(&error);
            false
        })
    }
}

pub(super) fn read(draws: &[Draw], answer: &[u64]) -> Rate {
    match answer {
        [0, full @ ..] => {
            Rate::Pass(draws.iter().zip(full).map(|(draw, full)| Standing::after_taking(draw, *full)).collect())
        }
        [place, wait] => usize::try_from(*place)
            .ok()
            .and_then(|place| draws.get(place.wrapping_sub(1)))
            .map_or(Rate::Closed, |draw| Rate::Wait(Standing::refused(draw, *wait))),
        _ => Rate::Closed,
    }
}

/// The same algorithm in this process, for the time without Redis: each node then allows the full rate.
#[derive(Debug)]
pub(super) struct Fallback {
    start: Instant,
    full_us: Mutex<HashMap<Cell, u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Cell {
    Bucket(Bucket, Whom),
    Receipt(Whom),
}

impl Default for Fallback {
    fn default() -> Self {
        Self { start: Instant::now(), full_us: Mutex::default() }
    }
}

impl Fallback {
    fn take(&self, draws: &[Draw], receipt: Option<Receipt>) -> Rate {
        self.take_at(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX), draws, receipt)
    }

    pub(super) fn take_at(&self, now: u64, draws: &[Draw], receipt: Option<Receipt>) -> Rate {
        let mut all = self.full_us.lock().unwrap_or_else(PoisonError::into_inner);
        let receipt = receipt.map(|Receipt(what)| Cell::Receipt(what));
        if receipt.is_some_and(|receipt| all.get(&receipt).is_some_and(|until| *until > now)) {
            return Rate::Pass(Vec::new());
        }
        if all.len() + draws.len() >= limits::RATE_BUCKETS_MAX {
            all.retain(|_, full| *full > now);
        }
        let cell = |draw: &Draw| Cell::Bucket(draw.bucket, draw.whom);
        if let Some(draw) = draws.iter().find(|draw| !all.contains_key(&cell(draw)))
            && all.len() + draws.len() >= limits::RATE_BUCKETS_MAX
        {
            // As many people at once are no people: forgetting the busy ones would lift every limit.
            return Rate::Wait(Standing::refused(draw, 1_000_000));
        }
        let mut fulls = Vec::with_capacity(draws.len());
        let mut longest: Option<(u64, &Draw)> = None;
        for draw in draws {
            let full = all.get(&cell(draw)).map_or(now, |full| now.max(*full)) + draw.worth_us();
            let wait = full.saturating_sub(now + draw.quota.step_us * u64::from(draw.quota.burst));
            if wait > longest.map_or(0, |(wait, _)| wait) {
                longest = Some((wait, draw));
            }
            fulls.push(full);
        }
        if let Some((wait, draw)) = longest {
            return Rate::Wait(Standing::refused(draw, wait));
        }
        for (draw, full) in draws.iter().zip(&fulls) {
            all.insert(cell(draw), *full);
        }
        if let Some(receipt) = receipt {
            all.insert(receipt, now + limits::RECEIPT_S * 1_000_000);
        }
        Rate::Pass(draws.iter().zip(fulls).map(|(draw, full)| Standing::after_taking(draw, full - now)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::quota::Class, *};

    fn send(whom: &str) -> Draw {
        Draw::of(Bucket::Person(Class::Send), whom, Class::Send.own(), 1)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let fallback = Fallback::default();
        for n in 1..=limits::SEND_BURST {
            let Rate::Pass(standing) = fallback.take_at(0, &[send("anna")], None) else { panic!("within the burst") };
            assert_eq!(standing[0].left, limits::SEND_BURST - n);
        }
        let Rate::Wait(standing) = fallback.take_at(0, &[send("anna")], None) else { panic!("the burst is over") };
        assert_eq!(standing.after, Duration::from_micros(Class::Send.own().step_us));
        assert!(fallback.take_at(0, &[send("ben")], None).passes(), "others are not concerned");
        let later = Class::Send.own().step_us;
        assert!(fallback.take_at(later, &[send("anna")], None).passes());
        assert!(!fallback.take_at(later, &[send("anna")], None).passes());
    }

    #[test]
    fn what_is_refused_costs_nothing_and_what_was_paid_costs_once() {
        let fallback = Fallback::default();
        let few = Draw::of(Bucket::Address(Class::Send), "here", Quota::within(1, 60), 1);
        assert!(fallback.take_at(0, &[send("anna"), few], Some(Receipt::of("first"))).passes());
        for _ in 0..100 {
            let Rate::Wait(standing) = fallback.take_at(0, &[send("anna"), few], Some(Receipt::of("other"))) else {
                panic!("the address has no more")
            };
            assert_eq!(standing.bucket, Bucket::Address(Class::Send));
            assert_eq!(fallback.take_at(0, &[send("anna"), few], Some(Receipt::of("first"))), Rate::Pass(Vec::new()));
        }
        let Rate::Pass(standing) = fallback.take_at(0, &[send("anna")], None) else { panic!("28 are left") };
        assert_eq!(standing[0].left, limits::SEND_BURST - 2);
    }

    #[test]
    fn the_memory_is_bounded_and_never_forgets_who_is_busy() {
        let fallback = Fallback::default();
        let slow = |n: usize| Draw::of(Bucket::Person(Class::Send), &n.to_string(), Quota::within(1, 600), 1);
        for n in 0..limits::RATE_BUCKETS_MAX + 10 {
            fallback.take_at(0, &[slow(n)], None);
        }
        assert!(fallback.full_us.lock().unwrap().len() <= limits::RATE_BUCKETS_MAX);
        assert!(!fallback.take_at(1, &[slow(0)], None).passes(), "the first is still known");
        assert!(fallback.take_at(700_000_000, &[slow(limits::RATE_BUCKETS_MAX + 5)], None).passes(), "and makes room");
    }
}
