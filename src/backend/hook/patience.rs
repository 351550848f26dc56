//! Whom it is no use to ask about just now. Pure: the time is a parameter.
//!
//! A hook that is away is away for everybody; one that fails about a person is there for the others. Only what can't be anybody's
//! own, being out of reach or too slow about several people in a row, closes the door for all, and then one at a time finds out
//! whether it is open again.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

use crate::limits;

const RETRY: Duration = Duration::from_millis(limits::HOOK_RETRY_MS);
const RETRY_MAX: Duration = Duration::from_millis(limits::HOOK_RETRY_MS_MAX);
/// Failures are not looked through for old ones before there are this many.
const KEPT: usize = 1_024;

/// What a question taught about the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It said something that is an answer by its form.
    Answer,
    /// It said something else: it is there.
    Failure,
    /// Nothing, in time.
    Slow,
    /// It can't be reached.
    Away,
}

/// Why not to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is away, for everybody.
    Away,
    /// It failed about this person.
    Person,
}

#[derive(Debug)]
struct Failing {
    times: u32,
    until: Instant,
}

#[derive(Debug)]
pub(super) struct Patience<P> {
    failing: HashMap<P, Failing>,
    /// When to look through `failing` for old ones.
    look_at: usize,
    /// About whom nothing was heard, in a row, each once.
    silent: Vec<P>,
    away_until: Option<Instant>,
    said: Option<Instant>,
    unsaid: u64,
}

impl<P> Default for Patience<P> {
    fn default() -> Self {
        Self { failing: HashMap::new(), look_at: KEPT, silent: Vec::new(), away_until: None, said: None, unsaid: 0 }
    }
}

impl<P: Copy + Eq + Hash> Patience<P> {
    /// Why not to ask about this person now.
    pub fn wait(&self, person: &P, now: Instant) -> Option<Wait> {
        if self.away_until.is_some_and(|until| now < until) {
            return Some(Wait::Away);
        }
        self.failing.get(person).is_some_and(|failing| now < failing.until).then_some(Wait::Person)
    }

    /// Whether to try the hook now: while it may be back, one question in [`limits::HOOK_RETRY_MS`] does.
    pub fn may_try(&mut self, now: Instant) -> bool {
        match &mut self.away_until {
            None => true,
            Some(until) if now < *until => false,
            Some(until) => {
                *until = now + RETRY;
                true
            }
        }
    }

    pub fn heard(&mut self, person: P, heard: Heard, now: Instant) {
        match heard {
            Heard::Answer | Heard::Failure => {
                self.silent.clear();
                self.away_until = None;
            }
            Heard::Slow | Heard::Away => {
                if !self.silent.contains(&person) && self.silent.len() < limits::HOOK_AWAY_PEOPLE {
                    self.silent.push(person);
                }
                if self.silent.len() >= limits::HOOK_AWAY_PEOPLE {
                    self.away_until = Some(now + RETRY);
                }
                if heard == Heard::Away {
                    // Nobody's own: not for longer than everybody waits.
                    self.failing.insert(person, Failing { times: 0, until: now + RETRY });
                }
            }
        }
    }

    /// The hook failed about this person: each time in a row for twice as long.
    pub fn back_off(&mut self, person: P, now: Instant) {
        if self.failing.len() >= self.look_at {
            self.failing.retain(|_, failing| now < failing.until + RETRY_MAX);
            self.look_at = KEPT.max(2 * self.failing.len());
        }
        let failing = self.failing.entry(person).or_insert(Failing { times: 0, until: now });
        failing.until = now + RETRY.saturating_mul(1 << failing.times.min(16)).min(RETRY_MAX);
        failing.times += 1;
    }

    /// It answered about this person.
    pub fn forgive(&mut self, person: &P) {
        self.failing.remove(person);
    }

    /// Whether a failure may be told to the log now: once a second, with how many were not.
    pub fn may_say(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now < said + RETRY) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(now);
        Some(core::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_hook_that_fails_about_one_person_is_asked_about_the_others() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        patience.heard('a', Heard::Failure, now);
        for n in 0..10 {
            let then = now + s(60 * n);
            patience.heard('a', Heard::Slow, then);
            patience.back_off('a', then);
            assert_eq!(patience.wait(&'a', then), Some(Wait::Person));
            assert_eq!(patience.wait(&'b', then), None, "one person alone is never the hook");
            assert!(patience.may_try(then));
        }
    }

    #[test]
    fn a_hook_that_is_silent_about_several_in_a_row_is_away_and_one_finds_out_when_it_is_back() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        patience.heard('a', Heard::Slow, now);
        patience.heard('b', Heard::Away, now);
        patience.heard('c', Heard::Answer, now);
        patience.heard('d', Heard::Slow, now);
        patience.heard('e', Heard::Away, now);
        assert_eq!(patience.wait(&'z', now), None, "not in a row");
        patience.heard('f', Heard::Slow, now);
        assert_eq!(patience.wait(&'z', now), Some(Wait::Away));
        let later = now + s(1);
        assert_eq!(patience.wait(&'z', later), None);
        assert!(patience.may_try(later), "the first");
        assert!(!patience.may_try(later), "and nobody beside");
        patience.heard('z', Heard::Away, later);
        assert!(!patience.may_try(later + s(1) - Duration::from_millis(1)));
        assert!(patience.may_try(later + s(1)));
        patience.heard('z', Heard::Failure, later + s(1));
        assert!(patience.may_try(later + s(1)) && patience.may_try(later + s(1)), "it is there");
    }

    #[test]
    fn each_failure_in_a_row_is_waited_for_twice_as_long_up_to_a_bound() {
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        for wait in [1, 2, 4, 8, 16, 16, 16] {
            patience.back_off('a', now);
            assert_eq!(patience.wait(&'a', now + s(wait) - Duration::from_millis(1)), Some(Wait::Person));
            now += s(wait);
            assert_eq!(patience.wait(&'a', now), None);
        }
        patience.forgive(&'a');
        patience.back_off('a', now);
        assert_eq!(patience.wait(&'a', now + s(1)), None);
    }

    #[test]
    fn old_failures_are_forgotten_without_looking_through_them_each_time() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        (0..KEPT).for_each(|n| patience.back_off(n, now));
        patience.back_off(KEPT, now);
        assert_eq!((patience.failing.len(), patience.look_at), (KEPT + 1, 2 * KEPT), "all of them hold");
        (0..KEPT - 1).for_each(|n| patience.back_off(2 * KEPT + n, now));
        patience.back_off(9 * KEPT, now + s(60));
        assert_eq!((patience.failing.len(), patience.look_at), (1, KEPT));
    }

    #[test]
    fn the_log_is_told_once_a_second_and_of_how_many() {
        let (mut patience, now) = (Patience::<char>::default(), Instant::now());
        assert_eq!(patience.may_say(now), Some(0));
        assert_eq!((patience.may_say(now), patience.may_say(now)), (None, None));
        assert_eq!(patience.may_say(now + s(1)), Some(2));
    }
}
