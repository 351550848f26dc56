//! The access hook: a judge outside Postil that may take from a member what the policy gives.
//!
//! It is asked about a person, not about each thing: its answer is a list of denials in the words of policy rules, kept in the
//! database for the time it holds, where both walls read it. So a request costs no question while an answer holds, lists and
//! counts are narrowed like single messages, and a hook that is slow, away or wrong takes everything instead of nothing.
//!
//! [`AccessHook`] is the hook itself, in this process or behind HTTP; [`Hooks`] asks it, never longer than
//! [`limits::HOOK_TIMEOUT_MS`].

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::{Mutex as Turn, Semaphore};

use crate::{
    access::narrowing::{self, DenialError},
    backend::store::{Store, StoreError},
    clock::Clock,
    ids::{CompanyId, UserId},
    limits,
    wire::{HookAnswer, HookQuestion},
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No hook is configured in this process.
    #[error("the company requires an access hook, and this process has none (POSTIL_HOOK_URL)")]
    Missing,
    /// It did not answer, or not in time, or did not long ago.
    #[error("the access hook does not answer: {0}")]
    Away(String),
    /// What it said is no answer.
    #[error("the access hook's answer can't be used: {0}")]
    Unreadable(String),
    /// What it said is an answer that could never do what it says.
    #[error("the access hook's answer {0}")]
    Denials(#[from] DenialError),
    /// What it said could not be kept.
    #[error("the access hook's answer can't be kept")]
    Store(#[from] StoreError),
}

/// A judge that may take away, and has no way to give: its answer has no word for it.
pub trait AccessHook: Send + Sync + 'static {
    /// What to take from the person of the question. Dropped when it takes longer than [`limits::HOOK_TIMEOUT_MS`].
    fn narrow(&self, question: HookQuestion) -> BoxFuture<'_, Result<HookAnswer, HookError>>;
}

type Turns = HashMap<(CompanyId, UserId), Weak<Turn<()>>>;

/// Turns of people of whom nobody is asked any more are forgotten when there are this many.
const TURNS_KEPT: usize = 1_024;

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    hook: Option<Arc<dyn AccessHook>>,
    /// One question about a person at a time, so that a page's requests ask once.
    turns: Mutex<Turns>,
    gate: Semaphore,
    /// Until when nobody is asked, in microseconds: it did not answer just now.
    away_until: AtomicI64,
}

/// Asks the hook and keeps its answers. Cheap to clone.
#[derive(Clone)]
pub struct Hooks(Arc<Inner>);

impl core::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hooks(…)")
    }
}

impl Hooks {
    /// Around a hook, or none.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, hook: Option<Arc<dyn AccessHook>>) -> Self {
        let (turns, gate) = (Mutex::default(), Semaphore::new(limits::HOOK_CONCURRENT_MAX));
        Self(Arc::new(Inner { store, clock, hook, turns, gate, away_until: AtomicI64::new(0) }))
    }

    fn turn(&self, company: CompanyId, user: UserId) -> Arc<Turn<()>> {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&(company, user)).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= TURNS_KEPT {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert((company, user), Arc::downgrade(&turn));
        turn
    }

    /// Sees to it that what is stored about a person holds for another `lasts_s` seconds: asks, if it does not.
    ///
    /// # Errors
    /// Why there is no such answer. What was stored stays, and holds no longer than it did.
    pub async fn ensure(&self, company: CompanyId, user: UserId, lasts_s: i64) -> Result<(), HookError> {
        let turn = self.turn(company, user);
        let _turn = turn.lock().await;
        let stored = self.0.store.narrowing_get(company, user).await?;
        if stored.lasts(self.0.clock.now(), lasts_s) {
            return Ok(());
        }
        let told = self.ask(company, user).await;
        if let Err(error) = &told {
            tracing::warn!(%company, %user, %error, "no answer of the access hook: nothing is allowed without");
        }
        told
    }

    async fn ask(&self, company: CompanyId, user: UserId) -> Result<(), HookError> {
        let Inner { store, clock, hook, gate, away_until, .. } = &*self.0;
        let hook = hook.as_ref().ok_or(HookError::Missing)?;
        let asked = clock.now();
        if asked.micros() < away_until.load(Ordering::Relaxed) {
            return Err(HookError::Away("it did not a moment ago".to_owned()));
        }
        let Some(question) = store.hook_question(company, user, asked).await? else {
            return Err(HookError::Away("there is no such member to ask about".to_owned()));
        };
        let answer = tokio::time::timeout(Duration::from_millis(limits::HOOK_TIMEOUT_MS), async {
            let _place = gate.acquire().await.map_err(|error| HookError::Away(error.to_string()))?;
            hook.narrow(question).await
        });
        let answer = answer.await.unwrap_or_else(|_| Err(HookError::Away("it took too long".to_owned())));
        if matches!(answer, Err(HookError::Away(_))) {
            away_until.store(clock.now().micros() + limits::HOOK_RETRY_MS * 1_000, Ordering::Relaxed);
        }
        let HookAnswer { mut denials, valid_for_s } = answer?;
        narrowing::check(&denials)?;
        if !(limits::HOOK_VALID_S_MIN..=limits::HOOK_VALID_S_MAX).contains(&valid_for_s) {
            let (min, max) = (limits::HOOK_VALID_S_MIN, limits::HOOK_VALID_S_MAX);
            return Err(HookError::Unreadable(format!("validForS is {valid_for_s}, allowed are {min} to {max}")));
        }
        // The same denials in another order are the same answer.
        denials.sort_by(|a, b| a.id.cmp(&b.id));
        // From when it was asked: what was true when it was answered may be older than the answer's arrival.
        store.narrowing_put(company, user, &denials, asked, asked.plus_s(valid_for_s.into())).await?;
        Ok(())
    }
}

/// What question and answer are signed with: on the way between the two, nobody can put in an answer of theirs.
#[derive(Clone)]
pub struct HookKey([u8; 32]);

impl core::fmt::Debug for HookKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HookKey(…)")
    }
}

impl HookKey {
    /// From a shared secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    fn mac(&self, context: &str, body: &[u8]) -> Hmac<Sha256> {
        // Unwrap safety: HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(context.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }

    /// The signature of `body` in `context`, in hexadecimal. A question's context is the time it was asked (milliseconds since
    /// 1970), an answer's the signature of its question: an answer to another question, or to an older one, does not fit.
    #[must_use]
    pub fn sign(&self, context: &str, body: &[u8]) -> String {
        let digest = self.mac(context, body).finalize().into_bytes();
        digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Unwrap safety: writing to a String can't fail.
            write!(text, "{byte:02x}").expect("a String takes everything");
            text
        })
    }

    /// Whether `signature` is that of `body` in `context`; in constant time.
    #[must_use]
    pub fn fits(&self, context: &str, body: &[u8], signature: &str) -> bool {
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = signature.as_bytes().chunks(2).map(pair).collect();
        bytes.is_some_and(|bytes| self.mac(context, body).verify_slice(&bytes).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_body_and_context_alone() {
        let key = HookKey::new([7; 32]);
        let signed = key.sign("1795427123456", b"{}");
        assert_eq!(signed.len(), 64);
        assert!(key.fits("1795427123456", b"{}", &signed));
        assert!(!key.fits("1795427123457", b"{}", &signed));
        assert!(!key.fits("1795427123456", b"{ }", &signed));
        assert!(!HookKey::new([8; 32]).fits("1795427123456", b"{}", &signed));
        for broken in ["", "zz", &signed[..62], &format!("{signed}00"), "+1"] {
            assert!(!key.fits("1795427123456", b"{}", broken), "{broken}");
        }
    }
}
