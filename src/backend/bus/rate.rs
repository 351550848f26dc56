//! Rate buckets: the generic cell rate algorithm, one number per bucket, in Redis so that nodes share it; in process while
//! Redis is away, except where a flood could guess passwords. What is limited is in [`super::quota`].

use std::{
    collections::{HashMap, VecDeque},
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
    first_half(&sha256(whom.as_bytes()))
}

fn first_half(digest: &[u8; 32]) -> Whom {
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
    /// For what these parts name together: what is done, whose it is, what tells it from others. Each goes in with its length,
    /// so that no part can pass for the end of the one before it: what clients choose (keys, texts) would else name what they
    /// paid for anew.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            name.extend_from_slice(part);
        }
        Self(first_half(&sha256(&name)))
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

    /// Gives back what draws took, and with it the receipt for them. What Redis forgets meanwhile is given back already.
    pub async fn give_back(&self, draws: &[Draw], receipt: Option<Receipt>) {
        if let Ok(mut commands) = self.commands() {
            let mut call = GIVE_BACK.prepare_invoke();
            for draw in draws {
                call.key(Key::Rate(draw.bucket.key(), draw.whom).name(&self.0.prefix)).arg(draw.worth_us());
            }
            if let Some(Receipt(what)) = receipt {
                call.key(Key::Receipt(what).name(&self.0.prefix));
            }
            match call.invoke_async::<u64>(&mut commands).await {
                Ok(_) => return,
                Err(error) => {
                    failed(&error);
                }
            }
        }
        self.0.fallback.give_back(draws, receipt);
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
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    full_us: HashMap<(Bucket, Whom), u64>,
    /// When buckets that are empty again are looked for next.
    sweep_at: u64,
    receipts: Receipts,
}

/// Receipts in a place of their own: they last longer than most buckets, and would else leave them no room. Where there are too
/// many the oldest is forgotten, and a retry pays again.
#[derive(Debug, Default)]
struct Receipts {
    until: HashMap<Whom, u64>,
    /// All last equally long: the first here end first. One that was given back is still here, and no more in `until`.
    order: VecDeque<(u64, Whom)>,
}

impl Receipts {
    fn has(&self, what: Whom, now: u64) -> bool {
        self.until.get(&what).is_some_and(|until| *until > now)
    }

    fn add(&mut self, what: Whom, now: u64) {
        while let Some(&(until, old)) = self.order.front()
            && (until <= now || self.order.len() >= limits::RATE_RECEIPTS_MAX)
        {
            self.order.pop_front();
            if self.until.get(&old) == Some(&until) {
                self.until.remove(&old);
            }
        }
        let until = now + limits::RECEIPT_S * 1_000_000;
        self.until.insert(what, until);
        self.order.push_back((until, what));
    }
}

impl Default for Fallback {
    fn default() -> Self {
        Self { start: Instant::now(), kept: Mutex::default() }
    }
}

impl Fallback {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn take(&self, draws: &[Draw], receipt: Option<Receipt>) -> Rate {
        self.take_at(self.now(), draws, receipt)
    }

    fn give_back(&self, draws: &[Draw], receipt: Option<Receipt>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for draw in draws {
            if let Some(full) = kept.full_us.get_mut(&(draw.bucket, draw.whom)) {
                *full = full.saturating_sub(draw.worth_us());
            }
        }
        if let Some(Receipt(what)) = receipt {
            kept.receipts.until.remove(&what);
        }
    }

    pub(super) fn take_at(&self, now: u64, draws: &[Draw], receipt: Option<Receipt>) -> Rate {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { full_us: all, sweep_at, receipts } = &mut *kept;
        if receipt.is_some_and(|Receipt(what)| receipts.has(what, now)) {
            return Rate::Pass(Vec::new());
        }
        let cell = |draw: &Draw| (draw.bucket, draw.whom);
        // To look through all of them takes a millisecond in which nobody else is counted: not for each request that a flood sends.
        if all.len() + draws.len() >= limits::RATE_BUCKETS_MAX && *sweep_at <= now {
            all.retain(|_, full| *full > now);
            *sweep_at = now + limits::RATE_SWEEP_MS * 1_000;
        }
        if let Some(draw) = draws.iter().find(|draw| !all.contains_key(&cell(draw)))
            && all.len() + draws.len() >= limits::RATE_BUCKETS_MAX
        {
            // As many people at once are no people: forgetting the busy ones would lift every limit.
            return Rate::Wait(Standing::refused(draw, limits::RATE_SWEEP_MS * 1_000));
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
        if let Some(Receipt(what)) = receipt {
            receipts.add(what, now);
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
        assert!(fallback.take_at(0, &[send("anna"), few], Some(Receipt::of(&[b"first"]))).passes());
        for _ in 0..100 {
            let Rate::Wait(standing) = fallback.take_at(0, &[send("anna"), few], Some(Receipt::of(&[b"other"]))) else {
                panic!("the address has no more")
            };
            assert_eq!(standing.bucket, Bucket::Address(Class::Send));
            assert_eq!(
                fallback.take_at(0, &[send("anna"), few], Some(Receipt::of(&[b"first"]))),
                Rate::Pass(Vec::new())
            );
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
        assert!(fallback.kept.lock().unwrap().full_us.len() <= limits::RATE_BUCKETS_MAX);
        assert!(!fallback.take_at(1, &[slow(0)], None).passes(), "the first is still known");
        let late = limits::RATE_BUCKETS_MAX + 5;
        assert!(!fallback.take_at(1, &[slow(late)], None).passes(), "there is no room");
        assert!(fallback.take_at(700_000_000, &[slow(late)], None).passes(), "and makes room");
    }

    #[test]
    fn a_busy_node_remembers_what_was_paid_and_refuses_nobody_for_it() {
        let fallback = Fallback::default();
        let paid = |n: usize| Receipt::of(&[b"send", &n.to_be_bytes()]);
        // People in so short a time that none of these buckets matters any more, one after the other.
        let brief = |n: usize| Draw::of(Bucket::Person(Class::Send), &(n % 100).to_string(), Quota::within(1, 1), 1);
        let count = limits::RATE_BUCKETS_MAX.max(limits::RATE_RECEIPTS_MAX) + 100;
        let at = |n: usize| n as u64 * 10_000;
        for n in 0..count {
            assert!(fallback.take_at(at(n), &[brief(n)], Some(paid(n))).passes(), "send {n}");
        }
        let kept = fallback.kept.lock().unwrap();
        let (until, order) = (kept.receipts.until.len(), kept.receipts.order.len());
        assert!(until <= limits::RATE_RECEIPTS_MAX && order <= limits::RATE_RECEIPTS_MAX, "{until} {order}");
        drop(kept);
        let Rate::Pass(standing) = fallback.take_at(at(count), &[], Some(paid(count - 1))) else { panic!("the last") };
        assert!(standing.is_empty());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_has_no_receipt() {
        let fallback = Fallback::default();
        let (slow, receipt) = (Draw::of(Bucket::SlowMode, "anna", Quota::within(1, 600), 1), Receipt::of(&[b"first"]));
        assert!(fallback.take_at(0, &[slow], Some(receipt)).passes());
        assert!(!fallback.take_at(0, &[slow], None).passes());
        fallback.give_back(&[slow], Some(receipt));
        let Rate::Pass(standing) = fallback.take_at(0, &[slow], Some(receipt)) else { panic!("it was given back") };
        assert_eq!(standing.len(), 1, "and is paid for again");
    }

    #[test]
    fn no_part_of_a_receipts_name_passes_for_another() {
        let name = |parts: &[&[u8]]| Receipt::of(parts).0;
        assert_ne!(name(&[b"a", b":text"]), name(&[b"a:", b"text"]));
        assert_ne!(name(&[b"a", b""]), name(&[b"", b"a"]));
        assert_ne!(name(&[b"ab"]), name(&[b"a", b"b"]));
        assert_eq!(name(&[b"a", b"b"]), name(&[b"a", b"b"]));
    }
}
