//! What tests stand on: a house (database, pools, Redis prefix) per test, people who act in it, and bounded waiting.

pub mod actor;
pub mod attempt;
pub mod contract;
pub mod house;
pub mod proxy;
pub mod scene;
pub mod server;
pub mod socket;

use std::time::Duration;

use postil::{
    backend::source::Machine,
    clock::{Clock as _, IdSource as _, Timestamp},
};
use sqlx::types::time::OffsetDateTime;
use uuid::Uuid;

pub use actor::{Actor, Company, Draft, Record};
pub use attempt::{Attempt, Refusal};
pub use house::{House, in_a_house};
pub use proxy::Proxy;
pub use scene::Scene;
pub use server::{Ask, Client, Server};
pub use socket::Socket;

/// A fresh id.
pub fn fresh_id() -> Uuid {
    Machine.uuid(Machine.now())
}

/// Now, as the database takes it.
pub fn now() -> OffsetDateTime {
    Machine.now().to_datetime()
}

/// That many seconds from now; before now when negative.
pub fn in_s(seconds: i64) -> OffsetDateTime {
    Timestamp::plus_s(Machine.now(), seconds).to_datetime()
}

/// How often a level is looked at, and how long before the test gives up.
const EVENTUALLY_STEP: Duration = Duration::from_millis(20);
const EVENTUALLY_S: u64 = 10;

/// Waits until `level` yields something, by looking again and again. A level stays, an edge may be missed:
/// ask "has it arrived?", never "is it arriving?".
pub async fn eventually<T>(what: &str, mut level: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(value) = level().await {
                return value;
            }
            tokio::time::sleep(EVENTUALLY_STEP).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(EVENTUALLY_S), looking)
        .await
        .unwrap_or_else(|_| panic!("waited {EVENTUALLY_S} s in vain: {what}"))
}
