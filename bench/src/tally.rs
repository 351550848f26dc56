//! Counting: what each socket should get, what it got, and how long it took.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use postil::ids::ConversationId;
use tokio::time::{Duration, Instant};

/// What one socket has seen of its room.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Position of the last message.
    pub last: i64,
    /// Messages received.
    pub delivered: u64,
    /// Received again.
    pub doubled: u64,
    /// Received after a later one.
    pub misordered: u64,
    /// Of a room that is not this person's.
    pub foreign: u64,
    /// Positions passed over. A later filling of the gap is counted as misordered.
    pub skipped: u64,
    /// Times the server said: load afresh.
    pub resyncs: u64,
    /// Cuts after which the stream went on.
    pub resumed: u64,
    /// Cuts after which it did not.
    pub afresh: u64,
    /// From the send to here.
    pub latencies: Vec<Duration>,
}

impl Seen {
    /// A message arrived.
    pub fn take(&mut self, own: ConversationId, conversation: ConversationId, seq: i64) {
        if conversation != own {
            self.foreign += 1;
            return;
        }
        self.delivered += 1;
        match seq - self.last {
            1 => self.last = seq,
            0 => self.doubled += 1,
            step if step > 1 => {
                self.skipped += u64::try_from(step - 1).unwrap_or(0);
                self.last = seq;
            }
            // Both look alike from here: an old one for the second time, or late for the first.
            _ => self.misordered += 1,
        }
    }
}

/// When which message was sent, and what became of it.
#[derive(Debug, Default)]
pub struct Sends {
    begun: Mutex<HashMap<u64, Instant>>,
    rooms: Mutex<HashMap<ConversationId, i64>>,
}

impl Sends {
    /// Number `send` begins now.
    pub fn begin(&self, send: u64) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(send, Instant::now());
    }

    /// The server has accepted a message at this position.
    pub fn accepted(&self, conversation: ConversationId, seq: i64) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let last = rooms.entry(conversation).or_default();
        *last = seq.max(*last);
    }

    /// How long ago number `send` began.
    pub fn since(&self, send: u64) -> Option<Duration> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).get(&send).map(Instant::elapsed)
    }

    /// Position of the last accepted message of a room.
    pub fn last(&self, conversation: ConversationId) -> i64 {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).get(&conversation).copied().unwrap_or(0)
    }
}

/// The value below which `percent` of the sorted `values` lie, in milliseconds.
pub fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(f64::NAN, |value| value.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_kind_of_mistake_is_counted() {
        let (own, other) =
            (ConversationId::from_uuid(Uuid::from_u128(1)), ConversationId::from_uuid(Uuid::from_u128(2)));
        let mut seen = Seen::default();
        for seq in [1, 2, 2, 5, 3, 6] {
            seen.take(own, own, seq);
        }
        seen.take(own, other, 7);
        assert_eq!((seen.delivered, seen.doubled, seen.skipped, seen.misordered, seen.foreign), (6, 1, 2, 1, 1));
    }
}
