//! Where passwords are worked on: few at a time, off the async threads, and counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Semaphore;

use super::{ServiceError, Services};
use crate::{limits, wire::Code};

/// A hash takes 19 MiB and tens of milliseconds: two at a time leave room for everyone who is signed in already.
const AT_A_TIME: usize = 2;

pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    /// Places for those who work or wait.
    places: Arc<Semaphore>,
    done: AtomicU64,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            places: Arc::new(Semaphore::new(AT_A_TIME + limits::PASSWORDS_WAITING_MAX)),
            done: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// Does one piece of work that makes or checks one hash.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when too many wait already.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let unavailable = |_| ServiceError::code(Code::Unavailable);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ServiceError::code(Code::Unavailable))?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(unavailable)?;
        self.done.fetch_add(1, Ordering::Relaxed);
        let held = move || {
            // The work goes on when nobody waits for it any more, and holds its place until it ends: else whoever hangs up at once would
            // have as many hashes at a time as they can send requests.
            let _held = (place, permit);
            work()
        };
        tokio::task::spawn_blocking(held).await.map_err(|_| ServiceError::code(Code::Internal))
    }
}

impl Services {
    /// How many hashes this process has made or checked: a sign-in takes one, whether there is such an account or not.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.inner.passwords.done.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// Work that says that it has begun and ends when it is told.
    fn gated(begun: &mpsc::Sender<()>) -> (impl FnOnce() + Send + 'static, mpsc::Sender<()>) {
        let (end, told) = mpsc::channel::<()>();
        let begun = begun.clone();
        let work = move || {
            begun.send(()).expect("the test listens");
            let _ = told.recv();
        };
        (work, end)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_hangs_up_frees_no_room_before_the_work_has_ended() {
        let passwords = Passwords::default();
        let (begun, begins) = mpsc::channel();
        let mut ends = Vec::new();
        for _ in 0..AT_A_TIME {
            let (work, end) = gated(&begun);
            ends.push(end);
            let mut request = Box::pin(passwords.work(work));
            assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            begins.recv().expect("it works");
            drop(request);
        }
        let (work, end) = gated(&begun);
        ends.push(end);
        let mut next = Box::pin(passwords.work(work));
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(passwords.done.load(Ordering::Relaxed), AT_A_TIME as u64, "the next waits for its turn");
        drop(ends);
        next.await.expect("its turn has come");
        assert_eq!(passwords.done.load(Ordering::Relaxed), AT_A_TIME as u64 + 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn only_so_many_wait() {
        let passwords = Passwords::default();
        let (begun, begins) = mpsc::channel();
        let (mut ends, mut waiting) = (Vec::new(), Vec::new());
        for n in 0..AT_A_TIME + limits::PASSWORDS_WAITING_MAX {
            let (work, end) = gated(&begun);
            ends.push(end);
            let mut request = Box::pin(passwords.work(work));
            assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            waiting.push(request);
            if n < AT_A_TIME {
                begins.recv().expect("it works");
            }
        }
        let refused = passwords.work(|| ()).await.expect_err("there is no place");
        assert_eq!(refused.as_code(), Code::Unavailable);
        // Whoever stops waiting leaves their place to others.
        waiting.pop();
        let mut late = Box::pin(passwords.work(|| ()));
        assert!(matches!(late.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    }
}
