//! The machine's clock and randomness: the only place that reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::{Clock, IdSource, Timestamp};

/// The machine's clock and its cryptographic random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl IdSource for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no token is safe: there is nothing better to do than to stop.
        getrandom::fill(bytes).expect("the operating system provides randomness");
    }
}
