//! Linked records, as the viewer may see them: asked for together, kept for the life of the scope.

use postil::{
    domain::RecordKey,
    limits::RECORDS_RESOLVE_MAX,
    wire::{LinkedRecord, ResolveRecords, ResolvedRecords},
};

use super::Scope;
use crate::net::{
    api::{self, Call},
    dom,
};

use crate::react::{RwSignal, StoredValue};

/// What is known about a record.
#[derive(Clone, Debug, PartialEq)]
pub enum ChipState {
    /// Nothing yet.
    Loading,
    /// What it is now.
    Known(LinkedRecord),
    /// It does not exist, or may not be seen: which of the two is not told.
    Restricted,
}

/// What is to be asked for.
#[derive(Debug, Default)]
struct Queue {
    keys: Vec<RecordKey>,
    /// Rounds that failed in a row.
    failures: u32,
    /// The last round planned; timers of earlier ones do nothing.
    round: u32,
    /// Whether that round is only a moment away.
    soon: bool,
    /// Counts withdrawals. An answer to what was asked before one could bring back what was withdrawn.
    generation: u32,
}

/// Time within which what a page of messages mentions is asked for in one request, in milliseconds.
const GATHER_MS: u32 = 10;
/// Longest pause before a failed round is tried again, in milliseconds; the first is a second.
const RETRY_MS_MAX: u32 = 30_000;

impl Queue {
    fn put(&mut self, keys: impl IntoIterator<Item = RecordKey>) {
        for key in keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
    }

    /// The number of a round a moment away; `None` when there is one already, or nothing to ask for.
    fn plan(&mut self) -> Option<u32> {
        if self.soon || self.keys.is_empty() {
            return None;
        }
        self.soon = true;
        self.round += 1;
        Some(self.round)
    }

    /// What to ask for in this round, and in which generation.
    fn take(&mut self, round: u32) -> Option<(Vec<RecordKey>, u32)> {
        if round != self.round || self.keys.is_empty() {
            return None;
        }
        self.soon = false;
        Some((core::mem::take(&mut self.keys), self.generation))
    }

    /// No answer came: `keys` are asked for again in the round of that number, after so many milliseconds.
    fn failed(&mut self, keys: Vec<RecordKey>) -> Option<(u32, u32)> {
        self.put(keys);
        let wait = 1_000_u32.saturating_mul(1 << self.failures.min(5)).min(RETRY_MS_MAX);
        self.failures += 1;
        if self.soon {
            return None;
        }
        self.round += 1;
        Some((self.round, wait))
    }
}

/// The records of a scope.
#[derive(Clone, Copy)]
pub struct Chips {
    known: RwSignal<Vec<(RecordKey, ChipState)>>,
    queue: StoredValue<Queue>,
}

impl Default for Chips {
    fn default() -> Self {
        Self { known: RwSignal::new(Vec::new()), queue: StoredValue::new(Queue::default()) }
    }
}

impl Chips {
    /// What is known, tracked.
    #[must_use]
    pub fn get(self, key: &RecordKey) -> ChipState {
        self.known
            .with(|known| known.iter().find(|(of, _)| of == key).map_or(ChipState::Loading, |(_, state)| state.clone()))
    }

    /// A record that came with something else.
    pub fn learn(self, record: LinkedRecord) {
        let key = RecordKey { kind: record.kind, id: record.id.clone() };
        self.known.update(|known| put(known, key, ChipState::Known(record)));
    }

    /// Asks for a record unless it is known or asked for.
    pub fn want(self, scope: Scope, key: &RecordKey) {
        if self.known.with_untracked(|known| known.iter().any(|(of, _)| of == key)) {
            return;
        }
        self.refresh(scope, key.clone());
    }

    /// Asks for a record again.
    pub fn refresh(self, scope: Scope, key: RecordKey) {
        self.ask(scope, |queue| queue.put([key]));
    }

    /// Asks for every record again: what happened to them meanwhile is not known.
    pub fn refresh_all(self, scope: Scope) {
        let keys: Vec<_> = self.known.with_untracked(|known| known.iter().map(|(key, _)| key.clone()).collect());
        self.ask(scope, |queue| {
            queue.generation += 1;
            queue.failures = 0;
            queue.put(keys);
        });
    }

    /// Forgets what a record was, at once, and asks whether anything of it may still be seen.
    pub fn withdraw(self, scope: Scope, key: RecordKey) {
        let shown = self.known.with_untracked(|known| known.iter().any(|(of, _)| *of == key));
        if shown {
            self.known.update(|known| put(known, key.clone(), ChipState::Loading));
        }
        self.ask(scope, |queue| {
            queue.generation += 1;
            queue.put(shown.then_some(key));
        });
    }

    /// Asks at once for what could not be had: there is a connection again.
    pub fn retry(self, scope: Scope) {
        self.ask(scope, |queue| queue.failures = 0);
    }

    fn ask(self, scope: Scope, change: impl FnOnce(&mut Queue)) {
        let round = self.queue.try_update_value(|queue| {
            change(queue);
            queue.plan()
        });
        if let Some(Some(round)) = round {
            dom::after(GATHER_MS, move || self.flush(scope, round));
        }
    }

    fn flush(self, scope: Scope, round: u32) {
        let Some(Some((all, generation))) = self.queue.try_update_value(|queue| queue.take(round)) else { return };
        for records in all.chunks(RECORDS_RESOLVE_MAX).map(<[RecordKey]>::to_vec) {
            dom::spawn(async move {
                let call = Call::send("POST", "/records/resolve", &ResolveRecords { records: records.clone() });
                match api::call::<ResolvedRecords>(scope.shell, Some(scope.company), call).await {
                    Ok(answer) => self.answered(scope, records, answer, generation),
                    // Without an answer nothing is known, and nothing is called restricted.
                    Err(failure) if failure.is_passing() => {
                        let again = self.queue.try_update_value(|queue| queue.failed(records));
                        if let Some(Some((round, wait))) = again {
                            dom::after(wait / 2 + dom::jitter(wait), move || self.flush(scope, round));
                        }
                    }
                    // The same question would get the same answer.
                    Err(_) => {}
                }
            });
        }
    }

    fn answered(self, scope: Scope, asked: Vec<RecordKey>, answer: ResolvedRecords, generation: u32) {
        let Some(now) = self.queue.try_update_value(|queue| {
            queue.failures = 0;
            queue.generation
        }) else {
            return;
        };
        if now != generation {
            return self.ask(scope, |queue| queue.put(asked));
        }
        self.known.update(|known| {
            for key in asked {
                put(known, key, ChipState::Restricted);
            }
            for record in answer.items {
                put(known, RecordKey { kind: record.kind, id: record.id.clone() }, ChipState::Known(record));
            }
        });
    }
}

fn put(known: &mut Vec<(RecordKey, ChipState)>, key: RecordKey, state: ChipState) {
    match known.iter_mut().find(|(of, _)| *of == key) {
        Some((_, shown)) => *shown = state,
        None => known.push((key, state)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(of: &[&str]) -> Vec<RecordKey> {
        of.iter().map(|key| key.parse().unwrap()).collect()
    }

    #[test]
    fn what_could_not_be_had_is_asked_for_again_later_and_later() {
        let mut queue = Queue::default();
        queue.put(keys(&["plan/A", "plan/B", "plan/A"]));
        let round = queue.plan().unwrap();
        assert_eq!(queue.plan(), None, "what comes within the same moment is asked for in one request");
        let (asked, _) = queue.take(round).unwrap();
        assert_eq!(asked, keys(&["plan/A", "plan/B"]));

        let (second, wait) = queue.failed(asked).unwrap();
        assert_eq!(wait, 1_000);
        let (asked, _) = queue.take(second).unwrap();
        let (third, wait) = queue.failed(asked).unwrap();
        assert_eq!(wait, 2_000);

        // A connection again: at once, and the timer of the third round finds that it is not wanted any more.
        let now = queue.plan().unwrap();
        assert_eq!(queue.take(third), None);
        assert_eq!(queue.take(now).unwrap().0, keys(&["plan/A", "plan/B"]));
        assert_eq!(queue.plan(), None, "nothing is left to ask for");
    }

    #[test]
    fn a_failure_beside_a_round_that_is_near_goes_with_that_round() {
        let mut queue = Queue::default();
        queue.put(keys(&["plan/A"]));
        let round = queue.plan().unwrap();
        let (asked, _) = queue.take(round).unwrap();
        queue.put(keys(&["plan/B"]));
        let near = queue.plan().unwrap();
        assert_eq!(queue.failed(asked), None);
        assert_eq!(queue.take(near).unwrap().0, keys(&["plan/B", "plan/A"]));
    }
}
