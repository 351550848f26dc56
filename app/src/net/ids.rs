//! Ids and time from the browser.

use postil::{
    clock::{Clock, IdSource, Timestamp},
    ids::{ConnectionId, MessageId},
};

/// The browser as a source of time and randomness.
pub struct Browser;

impl Clock for Browser {
    fn now(&self) -> Timestamp {
        super::dom::now()
    }
}

impl IdSource for Browser {
    fn fill(&self, bytes: &mut [u8]) {
        if let Some(crypto) = super::dom::window().and_then(|window| window.crypto().ok()) {
            let _ = crypto.get_random_values_with_u8_array(bytes);
        }
    }
}

/// A fresh idempotency key: the text of a message id.
#[must_use]
pub fn idempotency_key() -> String {
    MessageId::from_uuid(Browser.uuid(Browser.now())).to_string()
}

/// A fresh connection id, for heartbeats.
#[must_use]
pub fn connection() -> ConnectionId {
    ConnectionId::from_uuid(Browser.uuid(Browser.now()))
}
