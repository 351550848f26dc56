//! Where passwords are worked on: few at a time, off the async threads, and counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Semaphore;

use super::{ServiceError, Services};
use crate::wire::Code;

/// A hash takes 19 MiB and tens of milliseconds: two at a time leave room for everyone who is signed in already.
const AT_A_TIME: usize = 2;

pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    done: AtomicU64,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_A_TIME)), done: AtomicU64::new(0) }
    }
}

impl Passwords {
    /// Does one piece of work that makes or checks one hash.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let _permit = self.permits.acquire().await.map_err(|_| ServiceError::code(Code::Unavailable))?;
        self.done.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(|_| ServiceError::code(Code::Internal))
    }
}

impl Services {
    /// How many hashes this process has made or checked: a sign-in takes one, whether there is such an account or not.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.inner.passwords.done.load(Ordering::Relaxed)
    }
}
