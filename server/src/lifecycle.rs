//! How the process ends: in two stages, so that nobody is cut off in the middle of something.
//!
//! 1. *Stopping*: no new connections; readiness says no; sockets are told 1012 ("connect again, to another node");
//!    requests under way finish.
//! 2. *Ending*: the bus, the hub and the jobs stop; pools close.
//!
//! The first SIGTERM or SIGINT begins stage 1. Stage 2 follows when the requests are through, or after
//! [`GRACE`]. A second signal ends the process at once.

use std::{future::Future, time::Duration};

use tokio::{signal::unix, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest wait for requests and sockets to finish.
pub const GRACE: Duration = Duration::from_secs(10);
/// Longest wait for background tasks to end.
const END: Duration = Duration::from_secs(5);

/// Spawns what outlives a request, and announces the end. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    work: TaskTracker,
    background: TaskTracker,
    stopping: CancellationToken,
    ending: CancellationToken,
}

impl Lifecycle {
    /// A process that has just begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when stage 1 begins: what serves people finishes.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when stage 2 begins: background tasks end.
    #[must_use]
    pub fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Counts what serves people (a socket) so that stage 1 waits for it. It must heed [`Self::stopping`].
    #[must_use]
    pub fn work(&self) -> &TaskTracker {
        &self.work
    }

    /// Runs a background task until it ends by itself or stage 2 begins.
    pub fn background(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.background.spawn(async move {
            let by_itself = ending.run_until_cancelled_owned(task).await.is_some();
            tracing::debug!(by_itself, "{name} ended");
        });
    }

    /// Begins stage 1 at the first signal, ends the process at the second.
    ///
    /// # Errors
    /// When the process can't listen for signals.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        let stopping = self.stopping.clone();
        self.background("signals", async move {
            for last in [false, true] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if last {
                    tracing::warn!("ended at once by a second signal");
                    std::process::exit(130);
                }
                tracing::info!("stopping: requests under way finish, sockets go to another node");
                stopping.cancel();
            }
        });
        Ok(())
    }

    /// Waits for what serves people, for at most [`GRACE`], then ends everything else.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.work.close();
        if time::timeout(GRACE, self.work.wait()).await.is_err() {
            tracing::warn!(left = self.work.len(), "not everything finished within {} s", GRACE.as_secs());
        }
        self.ending.cancel();
        self.background.close();
        if time::timeout(END, self.background.wait()).await.is_err() {
            tracing::warn!(left = self.background.len(), "background tasks did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_finishes_before_the_background_ends() {
        let lifecycle = Lifecycle::new();
        lifecycle.background("forever", std::future::pending());
        let (stopping, ending) = (lifecycle.stopping().clone(), lifecycle.ending().clone());
        let work = lifecycle.work().spawn(async move {
            stopping.cancelled().await;
            assert!(!ending.is_cancelled());
            7
        });
        lifecycle.finish().await;
        assert_eq!(work.await.unwrap(), 7);
        assert!(lifecycle.ending().is_cancelled());
    }
}
