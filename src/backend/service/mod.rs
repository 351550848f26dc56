//! The use cases. Each method is one operation of the REST API under its operation id; server functions, sockets and jobs
//! call the same ones. No SQL, no HTTP.
//!
//! Every use case begins with [`Services::open`]: who asks, as the database knows it now, and the facts that its verdict needs,
//! in one round trip. There is no other way to a [`Caller`], and without one there is no way to the data.

mod abuse;
mod audit;
mod conversation;
mod embed;
mod error;
mod explain;
mod invitation;
mod live;
mod member;
mod message;
mod moderation;
mod passwords;
mod people;
mod policy;
mod record;
mod search;
mod session;
mod spam;

use std::sync::Arc;

use self::error::Barred;
pub use self::{
    audit::Later,
    conversation::Begun,
    embed::verify_embed_token,
    error::ServiceError,
    invitation::invitation_link,
    message::{IdempotencyKey, Sent},
};
use crate::{
    access::Resource,
    backend::{
        bus::{Bucket, Bus, Class, Draw, Rate, Receipt, Standing},
        caller::{Caller, Credentials, Proof, Session},
        crypto::{Sealer, seal::Purpose},
        hook::{AccessHook, Hooks},
        store::{Change, Committed, Facts, LogEvent, Opened, Store, Target},
        toll::Toll,
    },
    clock::{Clock, IdSource, Timestamp},
    ids::{CompanyId, UserId},
    limits,
    wire::{Code, Message},
};

/// The core, wired: database, bus, secrets, time. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    bus: Bus,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    /// Where Postil itself is reached: the origin that embed tokens may name besides the company's own list.
    origin: String,
    passwords: passwords::Passwords,
    trail: abuse::Trail,
    keys: audit::KeysUsed,
    hooks: Hooks,
}

impl core::fmt::Debug for Services {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Services(…)")
    }
}

impl Services {
    /// Wires the core. `origin` is Postil's own (`https://chat.example.com`); `hook` judges the members of companies that require one.
    #[must_use]
    pub fn new(
        store: Store,
        bus: Bus,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        origin: String,
        hook: Option<Arc<dyn AccessHook>>,
    ) -> Self {
        let hooks = Hooks::new(store.clone(), Arc::clone(&clock), hook);
        let passwords = passwords::Passwords::default();
        let keys = audit::KeysUsed::default();
        Self {
            inner: Arc::new(Inner {
                store,
                bus,
                sealer,
                clock,
                ids,
                origin,
                passwords,
                trail: abuse::Trail::default(),
                keys,
                hooks,
            }),
        }
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.inner.bus
    }

    /// Seals cursors and secrets.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Asks the access hook.
    #[must_use]
    pub fn hooks(&self) -> &Hooks {
        &self.inner.hooks
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The source of ids.
    #[must_use]
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.inner.ids
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// A fresh id for now.
    pub(super) fn uuid(&self) -> uuid::Uuid {
        self.inner.ids.uuid(self.now())
    }

    /// Who asks, and nothing else.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::CompanyContextChanged`].
    pub async fn open(&self, credentials: &Credentials) -> Result<Caller, ServiceError> {
        self.open_inner(credentials, None).await.map(|(caller, _)| caller)
    }

    /// As [`Self::open`], for what only a person does: being there, reading. An ERP's key is nobody's eyes.
    ///
    /// # Errors
    /// Likewise, and [`Code::Forbidden`].
    pub(super) async fn open_person(&self, credentials: &Credentials) -> Result<(Caller, Session), ServiceError> {
        let caller = self.open(credentials).await?;
        let session = person(&caller)?;
        Ok((caller, session))
    }

    /// Who asks, and the facts of `target` as far as they may see it. What is not visible is not found.
    pub(super) async fn open_for(
        &self,
        credentials: &Credentials,
        target: &Target,
    ) -> Result<(Caller, Facts), ServiceError> {
        let (caller, facts) = self.open_inner(credentials, Some(target)).await?;
        Ok((caller, facts.ok_or_else(|| ServiceError::code(Code::NotFound))?))
    }

    async fn open_inner(
        &self,
        credentials: &Credentials,
        target: Option<&Target>,
    ) -> Result<(Caller, Option<Facts>), ServiceError> {
        let opened = self.counted(credentials, target).await?;
        let company = opened.caller.company();
        let opened = self.judged(opened, async || self.look(credentials, target).await).await?;
        // Without an answer the old one serves while it lasts. Run out, or the company was switched in between:
        let lasts = opened.caller.subject().narrowing.lasts(self.now(), limits::HOOK_MARGIN_S);
        if !lasts || opened.caller.company() != company {
            return Err(ServiceError::code(Code::HookUnavailable));
        }
        if let Some(Proof::ApiKey(key)) = &credentials.proof {
            self.note_key_use(key.hash(), credentials.correlation).await;
        }
        if let Some(conversation) = opened.facts.as_ref().and_then(|facts| facts.conversation.as_ref()) {
            credentials.toll.is_about(conversation.id);
        }
        Ok((opened.caller.part_of(&credentials.toll), opened.facts))
    }

    /// Who asks, counted, whatever their company's access hook may take from them: for what shows nothing of the company's and
    /// must not hang on its hook. What it takes is asked for all the same, and not known where it is silent.
    async fn open_apart_from_hook(&self, credentials: &Credentials) -> Result<Caller, ServiceError> {
        let opened = self.counted(credentials, None).await?;
        let opened = self.judged(opened, async || self.look(credentials, None).await).await?;
        Ok(opened.caller.part_of(&credentials.toll))
    }

    /// Who asks, counted, of the company that they state.
    async fn counted(&self, credentials: &Credentials, target: Option<&Target>) -> Result<Opened, ServiceError> {
        let opened = self.look(credentials, target).await?;
        self.charge(&credentials.toll, opened.caller.company(), opened.caller.user()).await?;
        // A request about another company than the session's comes from a page that has not noticed the switch: answering it
        // with this company's data would show the wrong company under the right heading.
        if credentials.company.is_some_and(|company| company != opened.caller.company()) {
            return Err(ServiceError::code(Code::CompanyContextChanged));
        }
        Ok(opened)
    }

    /// Asks the access hook, if its answer is about to run out, and looks again. Paid by now: nobody makes us ask it for nothing.
    async fn judged(
        &self,
        opened: Opened,
        look: impl AsyncFnOnce() -> Result<Opened, ServiceError>,
    ) -> Result<Opened, ServiceError> {
        if opened.caller.subject().narrowing.lasts(self.now(), limits::HOOK_RENEW_S) {
            return Ok(opened);
        }
        let (company, user) = (opened.caller.company(), opened.caller.user());
        match self.inner.hooks.ensure(company, user, limits::HOOK_RENEW_S).await {
            Ok(()) => look().await,
            Err(_) => Ok(opened),
        }
    }

    /// The request's company, person and facts, as the database has them now.
    async fn look(&self, credentials: &Credentials, target: Option<&Target>) -> Result<Opened, ServiceError> {
        let (store, now) = (&self.inner.store, self.now());
        let opened = match &credentials.proof {
            None => None,
            Some(Proof::Session(token)) => {
                store.session_open(token.hash(), target, now, credentials.correlation).await?
            }
            Some(Proof::ApiKey(key)) => store.api_key_open(key.hash(), target, now, credentials.correlation).await?,
        };
        opened.ok_or_else(|| ServiceError::code(Code::Unauthenticated))
    }

    /// The refusal of what is new and barred.
    async fn barred(&self, caller: &Caller, barred: Barred) -> ServiceError {
        match barred {
            Barred::Forbidden(action, target) => self.forbidden(caller, action, target).await,
            Barred::Said(error) => error,
        }
    }

    /// Tells the world what was committed. Never fails: the log is the truth, and every node reads its tail.
    pub(super) fn announce(&self, event: &Committed<LogEvent>) {
        self.inner.bus.publish(event, None);
    }

    /// Likewise for a message, which this node need not read again.
    pub(super) fn announce_message(&self, committed: Committed<Box<Change>>) -> Message {
        let message = committed.get().message.clone();
        self.inner.bus.publish(&committed.map(|change| change.event), Some(message.clone()));
        message
    }

    /// Counts a request of somebody known: by person, company and address, all or none.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub async fn charge(&self, toll: &Toll, company: CompanyId, user: UserId) -> Result<(), ServiceError> {
        toll.is_paid_by(company, user);
        let (class, units) = (toll.class(), toll.units());
        let mut draws = vec![
            self.bus().draw(Bucket::Person(class), &format!("{company}:{user}"), units),
            self.bus().draw(Bucket::Company(class), &company.to_string(), units),
        ];
        draws.extend(toll.network().map(|network| self.bus().draw(Bucket::Address(class), &network, units)));
        self.take(toll, &draws, None).await
    }

    /// Counts a request of which nobody paid: it was refused before it was asked whose it is, or is anybody's.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub async fn charge_address(&self, toll: &Toll) -> Result<(), ServiceError> {
        let network = toll.network().unwrap_or_default();
        self.take(toll, &[self.bus().draw(Bucket::Address(Class::Public), &network, 1)], None).await
    }

    /// Takes all of `draws`, or none, and tells the client of the tightest that it may know of.
    ///
    /// # Errors
    /// [`Code::RateLimited`]; [`Code::Unavailable`] when nobody can count and a bucket then lets nothing pass.
    pub(super) async fn take(&self, toll: &Toll, draws: &[Draw], receipt: Option<Receipt>) -> Result<(), ServiceError> {
        match self.inner.bus.take_all(draws, receipt).await {
            Rate::Pass(standings) => {
                // The smallest share that is left; of equal ones, the first.
                let share =
                    |standing: &Standing| u64::from(standing.left) * 1_000_000 / u64::from(standing.quota.burst);
                let told = standings.into_iter().filter(|standing| standing.bucket.is_told());
                if let Some(tightest) = told.min_by_key(share) {
                    toll.tell(tightest);
                }
                Ok(())
            }
            Rate::Wait(standing) => {
                toll.tell(standing);
                Err(ServiceError::rate_limited(standing.after.as_secs() + 1))
            }
            Rate::Closed => Err(ServiceError::code(Code::Unavailable)),
        }
    }

    /// The position in a page cursor of `list`.
    pub(super) fn page_position<T: serde::de::DeserializeOwned>(
        &self,
        list: &'static str,
        company: CompanyId,
        cursor: Option<&str>,
    ) -> Result<Option<T>, ServiceError> {
        cursor
            .map(|cursor| {
                self.inner.sealer.position(Purpose::PageCursor(list), company, cursor).ok_or_else(|| {
                    ServiceError::field(
                        Code::InvalidCursor,
                        "cursor",
                        "was not made by this server for this list and company",
                    )
                })
            })
            .transpose()
    }

    /// A page cursor of `list`.
    pub(super) fn page_cursor<T: serde::Serialize>(
        &self,
        list: &'static str,
        company: CompanyId,
        position: &T,
    ) -> String {
        self.inner.sealer.cursor(Purpose::PageCursor(list), company, position)
    }
}

/// The session of whoever is a person.
fn person(caller: &Caller) -> Result<Session, ServiceError> {
    caller
        .session()
        .cloned()
        .ok_or_else(|| ServiceError::detail(Code::Forbidden, "an API key is no person: this needs a signed-in session"))
}

/// The page size asked for, within its bounds.
pub(super) fn page_limit(limit: Option<u16>) -> Result<u16, ServiceError> {
    match limit {
        None => Ok(limits::PAGE_DEFAULT),
        Some(limit) if (1..=limits::PAGE_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(ServiceError::field(
            Code::InvalidQuery,
            "limit",
            format!("is {limit}, allowed are 1 to {}", limits::PAGE_MAX),
        )),
    }
}

/// What governs a thing about `record`, or about none, when nothing more is known of it.
pub(super) const fn unlinked() -> Resource {
    Resource::Unlinked
}
