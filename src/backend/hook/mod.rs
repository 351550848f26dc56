//! The access hook: a judge outside Postil that may take from a member what the policy gives.
//!
//! It is asked about a person, not about each thing: its answer is a list of denials in the words of policy rules, kept in the
//! database for the time it holds, where both walls read it. So a request costs no question while an answer holds, lists and
//! counts are narrowed like single messages, and a hook that is slow, away or wrong takes everything instead of nothing.
//!
//! [`AccessHook`] is the hook itself, in this process or behind HTTP; [`Hooks`] asks it, never longer than
//! [`limits::HOOK_TIMEOUT_MS`], and [`Patience`] says whom it is no use to ask about just now.

mod patience;

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use self::patience::{Heard, Patience, Wait};
use crate::{
    access::narrowing::{self, DenialError},
    backend::store::{Store, StoreError, hook::Kept},
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
    /// It is out of reach, or was just now: for everybody.
    #[error("the access hook is away: {0}")]
    Away(String),
    /// It did not answer in time.
    #[error("the access hook took too long")]
    Slow,
    /// It failed about this person, or did just now.
    #[error("the access hook fails about them: {0}")]
    Failed(String),
    /// There was no place for the question: nothing is wrong with the hook.
    #[error("too many questions to the access hook are under way")]
    Busy,
    /// What it said is no answer.
    #[error("the access hook's answer can't be used: {0}")]
    Unreadable(String),
    /// What it said is an answer that could never do what it says.
    #[error("the access hook's answer {0}")]
    Denials(#[from] DenialError),
    /// What it said could not be kept, or what to ask not be read.
    #[error("the access hook's answer can't be kept")]
    Store(#[from] StoreError),
}

impl HookError {
    /// What it says about the hook, once a question had a place.
    const fn heard(&self) -> Heard {
        match self {
            Self::Away(_) => Heard::Away,
            Self::Slow => Heard::Slow,
            _ => Heard::Failure,
        }
    }
}

/// A judge that may take away, and has no way to give: its answer has no word for it.
pub trait AccessHook: Send + Sync + 'static {
    /// What to take from the person of the question. Dropped when it takes longer than [`limits::HOOK_TIMEOUT_MS`].
    ///
    /// # Errors
    /// [`HookError::Away`] only where nobody could be asked about; what concerns this person is any other.
    fn narrow(&self, question: HookQuestion) -> BoxFuture<'_, Result<HookAnswer, HookError>>;
}

/// What becomes of a question.
type Told = BoxFuture<'static, Result<(), Arc<HookError>>>;

/// A question, and all who wait for what becomes of it.
type Asking = Shared<Told>;

type Person = (CompanyId, UserId);

/// Questions are not looked through for abandoned ones before there are this many.
const ASKING_KEPT: usize = 1_024;

struct State {
    /// Those about whom the hook is being asked, as long as somebody waits.
    asking: HashMap<Person, WeakShared<Told>>,
    /// When to look through `asking` for abandoned ones.
    look_at: usize,
    patience: Patience<Person>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    hook: Option<Arc<dyn AccessHook>>,
    state: Mutex<State>,
    gate: Semaphore,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let state = State { asking: HashMap::new(), look_at: ASKING_KEPT, patience: Patience::default() };
        let (state, gate) = (Mutex::new(state), Semaphore::new(limits::HOOK_CONCURRENT_MAX));
        Self(Arc::new(Inner { store, clock, hook, state, gate }))
    }

    /// Sees to it that what is stored about a person holds for another `lasts_s` seconds: asks, if it does not. Whoever comes
    /// while it is asked about the same person waits for the same answer. Takes [`limits::HOOK_WAIT_MS`] at most, and nothing,
    /// not even a look at the database, while it is of no use.
    ///
    /// # Errors
    /// Why there is no such answer. What was stored stays, and holds no longer than it did.
    pub async fn ensure(&self, company: CompanyId, user: UserId, lasts_s: i64) -> Result<(), Arc<HookError>> {
        self.join((company, user), lasts_s)?.await
    }

    /// The question that is under way about this person, or a new one.
    fn join(&self, person: Person, lasts_s: i64) -> Result<Asking, Arc<HookError>> {
        if self.0.hook.is_none() {
            return Err(Arc::new(HookError::Missing));
        }
        let mut state = self.0.state();
        if let Some(asking) = state.asking.get(&person).and_then(WeakShared::upgrade) {
            return Ok(asking);
        }
        match state.patience.wait(&person, Instant::now()) {
            None => {}
            Some(Wait::Away) => return Err(Arc::new(HookError::Away("it was a moment ago".to_owned()))),
            Some(Wait::Person) => return Err(Arc::new(HookError::Failed("it did a moment ago".to_owned()))),
        }
        let hooks = self.clone();
        let asking = async move {
            let told = timeout(Duration::from_millis(limits::HOOK_WAIT_MS), hooks.see_to(person, lasts_s)).await;
            let told = told.unwrap_or(Err(HookError::Busy));
            let mut state = hooks.0.state();
            state.asking.remove(&person);
            if let Err(error) = &told {
                let unsaid = state.patience.may_say(Instant::now());
                drop(state);
                if let Some(unsaid) = unsaid {
                    let (company, user) = person;
                    tracing::warn!(%company, %user, %error, unsaid, "no answer of the access hook: nothing is allowed without");
                }
            }
            told.map_err(Arc::new)
        };
        let asking = asking.boxed().shared();
        // Questions that nobody waited for to the end are still named here.
        if state.asking.len() >= state.look_at {
            state.asking.retain(|_, asking| asking.upgrade().is_some());
            state.look_at = ASKING_KEPT.max(2 * state.asking.len());
        }
        state.asking.extend(asking.downgrade().map(|weak| (person, weak)));
        Ok(asking)
    }

    async fn see_to(&self, person: Person, lasts_s: i64) -> Result<(), HookError> {
        let (company, user) = person;
        let told = async {
            // Another node may have asked.
            let stored = self.0.store.narrowing_get(company, user).await?;
            if stored.lasts(self.0.clock.now(), lasts_s) {
                return Ok(());
            }
            // Who becomes somebody else meanwhile is asked about once more.
            for _ in 0..2 {
                if self.ask(person).await? == Kept::Kept {
                    return Ok(());
                }
            }
            Err(HookError::Failed("their role, department or projects keep changing".to_owned()))
        };
        let told = told.await;
        if let Err(error) = &told
            && !matches!(error, HookError::Busy | HookError::Away(_))
        {
            self.0.state().patience.back_off(person, Instant::now());
        }
        told
    }

    async fn ask(&self, person: Person) -> Result<Kept, HookError> {
        let Inner { store, clock, hook, gate, .. } = &*self.0;
        let (company, user) = person;
        let hook = hook.as_ref().ok_or(HookError::Missing)?;
        // Our own queue says nothing about the hook: it has a time of its own, and whoever finds no place is nobody's failure.
        let place = timeout(Duration::from_millis(limits::HOOK_QUEUE_MS), gate.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(HookError::Busy)?;
        let asked = clock.now();
        let Some(question) = store.hook_question(company, user, asked).await? else {
            return Err(HookError::Failed("there is no such member to ask about".to_owned()));
        };
        // It may have gone away while this waited; and when it may be back, one question finds out.
        if !self.0.state().patience.may_try(Instant::now()) {
            return Err(HookError::Away("it was a moment ago".to_owned()));
        }
        let answer = timeout(Duration::from_millis(limits::HOOK_TIMEOUT_MS), hook.narrow(question.clone())).await;
        let answer = answer.unwrap_or(Err(HookError::Slow));
        let heard = answer.as_ref().map_or_else(HookError::heard, |_| Heard::Answer);
        self.0.state().patience.heard(person, heard, Instant::now());
        let HookAnswer { mut denials, valid_for_s } = answer?;
        narrowing::check(&denials)?;
        if !(limits::HOOK_VALID_S_MIN..=limits::HOOK_VALID_S_MAX).contains(&valid_for_s) {
            let (min, max) = (limits::HOOK_VALID_S_MIN, limits::HOOK_VALID_S_MAX);
            return Err(HookError::Unreadable(format!("validForS is {valid_for_s}, allowed are {min} to {max}")));
        }
        // The same denials in another order are the same answer.
        denials.sort_by(|a, b| a.id.cmp(&b.id));
        // From when it was asked: what was true when it was answered may be older than the answer's arrival.
        let kept = store.narrowing_put(&question, &denials, asked.plus_s(valid_for_s.into())).await?;
        self.0.state().patience.forgive(&person);
        Ok(kept)
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
