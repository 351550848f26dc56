//! Answers of the access hook run out. Before one does, the hook is asked anew beside the company's task; whoever it leaves
//! without an answer sees nothing from that moment on, whether anybody could be told or not.
//!
//! Everything here goes by the clock of now: verdicts are as of a moment of the past, and an answer must not last into it.

use postil::{access::Narrowing, clock::Timestamp, ids::UserId, limits, wire::CloseCode};

use super::{Company, Viewer};
use crate::ws::ledger::{LedgerError, Member};

/// What became of a question about somebody.
pub(super) type Renewed = (UserId, Result<(), LedgerError>);

/// Answers taken from the set of those that are there, to be read together.
const BATCH: usize = 1_024;

/// When a viewer's answer is to be seen to.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// When the hook is to be asked again; `None`: never, or it is being asked.
    asks_at: Option<Timestamp>,
    /// When the answer runs out; `None`: it has, or there is none to run out.
    lapses_at: Option<Timestamp>,
    /// Being asked.
    asking: bool,
    /// Not before this: it was asked just now, or has failed.
    rests_until: Option<Timestamp>,
    /// How often in a row there was no answer that lasts.
    failures: u32,
}

impl Renewal {
    fn next(&self) -> Option<Timestamp> {
        [self.asks_at, self.lapses_at].into_iter().flatten().min()
    }

    /// Not at once again: neither a hook that is away nor a clock that is off makes this a busy loop, and each failure in a row
    /// is waited for twice as long, by everybody for a time of their own.
    fn rest(&mut self, user: UserId, now: Timestamp) {
        let factor = 1_u64 << self.failures.saturating_sub(1).min(16);
        let wait_ms = limits::HOOK_RETRY_MS.saturating_mul(factor).min(limits::HOOK_RETRY_MS_MAX);
        let jitter_ms = if self.failures == 0 { 0 } else { lot(user, now, wait_ms / 4) };
        let rests_until = plus_ms(now, wait_ms + jitter_ms);
        // On the second, together with others who wait: what comes of it is read for all of them at once.
        let second = if self.failures == 0 { 1 } else { 1_000_000 };
        self.rests_until = Some(Timestamp::from_micros(rests_until.micros().div_euclid(second) * second + second));
    }
}

fn plus_ms(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_micros(at.micros().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000)))
}

/// A number up to `max` that is this person's own at that moment.
fn lot(user: UserId, at: Timestamp, max: u64) -> u64 {
    let (high, low) = user.uuid().as_u64_pair();
    let mixed = (high ^ low.rotate_left(32) ^ at.micros().cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) % (max + 1)
}

/// How long before its end an answer is asked for anew: at a moment of everybody's own, but not in the first half of what is left.
fn lead_ms(user: UserId, until: Timestamp, now: Timestamp) -> u64 {
    let (min, max) = (limits::HOOK_RENEW_S.cast_unsigned() * 1_000, limits::HOOK_RENEW_S_MAX.cast_unsigned() * 1_000);
    let left_ms = u64::try_from((until.micros() - now.micros()) / 1_000).unwrap_or(0);
    min + lot(user, until, max.min((left_ms / 2).max(min)) - min)
}

impl Viewer {
    /// After the viewer was judged: when to see to their answer.
    fn plan(&mut self, user: UserId, now: Timestamp) {
        let (asks_at, lapses_at) = match &self.sight.member().subject.narrowing {
            Narrowing::None => {
                self.renewal.failures = 0;
                (None, None)
            }
            Narrowing::Answered { until, .. } if now < *until => {
                let lead_us = i64::try_from(lead_ms(user, *until, now)).unwrap_or(0) * 1_000;
                (Some(Timestamp::from_micros(until.micros() - lead_us)), Some(*until))
            }
            Narrowing::Answered { .. } | Narrowing::Unanswered => (Some(now), None),
        };
        let asks_at = asks_at.filter(|_| !self.renewal.asking);
        self.renewal.asks_at = asks_at.map(|at| self.renewal.rests_until.map_or(at, |rests| at.max(rests)));
        self.renewal.lapses_at = lapses_at;
    }

    /// Whether what the hook said of them holds at `now`.
    pub(super) fn is_answered(&self, now: Timestamp) -> bool {
        self.sight.member().subject.narrowing.lasts(now, 0)
    }
}

impl Company {
    /// Whether anybody's sight hangs on a hook.
    pub(super) fn is_narrowed(&self) -> bool {
        self.viewers.values().any(|viewer| viewer.sight.member().subject.narrowing.is_required())
    }

    /// Remembers when to see to this viewer's answer.
    pub(super) fn keep_narrowing(&mut self, user: UserId) {
        let now = self.around.clock.now();
        if let Some(viewer) = self.viewers.get_mut(&user) {
            viewer.plan(user, now);
            self.narrowings_due = [self.narrowings_due, viewer.renewal.next()].into_iter().flatten().min();
        }
    }

    /// Asks for the answers that are about to run out, and judges those again whose answer has. Called wherever something is
    /// about to be shown, after what had to be read for it: reading takes time, and an answer may run out in it.
    pub(super) fn see_to_narrowings(&mut self) {
        let now = self.around.clock.now();
        if self.narrowings_due.is_none_or(|due| now < due) {
            return;
        }
        let mut lapsed = Vec::new();
        for (user, viewer) in &mut self.viewers {
            let (user, renewal) = (*user, &mut viewer.renewal);
            if renewal.asks_at.is_some_and(|at| at <= now) {
                (renewal.asks_at, renewal.asking) = (None, true);
                let (ledger, company) = (std::sync::Arc::clone(&self.around.ledger), self.id);
                self.renewals.spawn(async move { (user, ledger.renew(company, user).await) });
            }
            if renewal.lapses_at.is_some_and(|at| at <= now) {
                lapsed.push((user, viewer.sight.member().clone()));
            }
        }
        for (user, member) in lapsed {
            self.judge_again(user, member, self.position);
        }
        self.narrowings_due = self.viewers.values().filter_map(|viewer| viewer.renewal.next()).min();
        self.resync_those_who_need();
    }

    /// The hook has answered about somebody, or has not; and about whom else by now. All are read together, those about whom it was
    /// silent, too: another node may have heard. Read after it was asked, so rights that changed meanwhile are in it.
    pub(super) async fn renewed(&mut self, first: Renewed) {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Some(next) = self.renewals.try_join_next()
        {
            match next {
                Ok(renewed) => batch.push(renewed),
                Err(error) => tracing::error!(company = %self.id, %error, "a question to the access hook failed"),
            }
        }
        batch.retain(|(user, _)| self.viewers.contains_key(user));
        let users: Vec<UserId> = batch.iter().map(|(user, _)| *user).collect();
        for (user, answer) in &batch {
            if let Err(error) = answer {
                tracing::debug!(company = %self.id, %user, %error, "the access hook was not reached for a socket");
            }
            if let Some(viewer) = self.viewers.get_mut(user) {
                viewer.renewal.asking = false;
            }
        }
        if let Err(error) = self.read_again(&users, self.position).await {
            tracing::debug!(company = %self.id, %error, "what the access hook said can't be read");
        }
        let now = self.around.clock.now();
        for user in users {
            let Some(viewer) = self.viewers.get_mut(&user) else { continue };
            let lasts = viewer.sight.member().subject.narrowing.lasts(now, limits::HOOK_RENEW_S);
            viewer.renewal.failures = if lasts { 0 } else { viewer.renewal.failures + 1 };
            viewer.renewal.rest(user, now);
            self.keep_narrowing(user);
        }
        self.resync_those_who_need();
    }

    /// Reads people as they are now, together, and judges them again; whose membership has ended is sent away.
    pub(super) async fn read_again(&mut self, users: &[UserId], seq: i64) -> Result<(), LedgerError> {
        let here: Vec<UserId> = users.iter().copied().filter(|user| self.viewers.contains_key(user)).collect();
        if here.is_empty() {
            return Ok(());
        }
        let read = self.around.ledger.members(self.id, here.clone()).await?;
        let mut members: std::collections::HashMap<UserId, Member> =
            read.into_iter().map(|member| (member.subject.user, member)).collect();
        for user in here {
            match members.remove(&user) {
                Some(member) => self.judge_again(user, member, seq),
                None => self.end_where(|who, _| who == user, &CloseCode::AccessRevoked.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_427_123_456);

    #[test]
    fn everybody_asks_at_a_moment_of_their_own_well_before_the_end() {
        let leads =
            |left_s| (0..1_000).map(move |n| lead_ms(UserId::from_uuid(Uuid::from_u128(n)), NOW.plus_s(left_s), NOW));
        let early = leads(60).filter(|lead| (12_500..=15_000).contains(lead)).count();
        assert!((150..=350).contains(&early), "spread evenly: {early} of a thousand in a quarter of the time");
        assert!(leads(300).all(|lead| (5_000..=15_000).contains(&lead)));
        assert!(leads(16).all(|lead| (5_000..=8_000).contains(&lead)), "not before half of it has passed");
        assert!(leads(10).all(|lead| lead == 5_000), "nor at once for the shortest");
        assert!(leads(-1).all(|lead| lead == 5_000));
    }

    #[test]
    fn each_failure_in_a_row_is_waited_for_longer_up_to_a_bound() {
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let waits = |failures| {
            let mut renewal = Renewal { failures, ..Renewal::default() };
            renewal.rest(user, NOW);
            (renewal.rests_until.unwrap().micros() - NOW.micros()) / 1_000
        };
        assert_eq!(waits(0), 1_000);
        assert!((1_000..=2_250).contains(&waits(1)) && (4_000..=6_000).contains(&waits(3)));
        assert!((16_000..=21_000).contains(&waits(60)));
    }
}
