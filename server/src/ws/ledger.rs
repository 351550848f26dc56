//! What the hub and the sockets read, as a trait, so that their tests run without a database. [`StoreLedger`] is the real
//! one: PostgreSQL as the worker role, one company at a time.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::BoxFuture;
use postil::{
    access::{Policy, Resource, Subject},
    backend::{
        caller::Caller,
        crypto::token::{Token, TokenHash},
        hook::{HookError, Hooks},
        service::Services,
        store::{LogEvent, Store, StoreError},
    },
    clock::{Clock, Timestamp},
    domain::{ConversationKind, MemberKind, PresenceStatus, RecordKey},
    ids::{CompanyId, ConversationId, CorrelationId, MessageId, SessionId, UserId},
    limits,
};

pub use postil::backend::store::hub::{Replies, Whole};

/// The log could not be read. The hub tries again at its next look.
#[derive(Debug, thiserror::Error)]
#[error("the log can't be read, or the access hook not asked")]
pub struct LedgerError(#[source] Option<Box<dyn std::error::Error + Send + Sync>>);

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self(Some(error.into()))
    }
}

impl From<Arc<HookError>> for LedgerError {
    fn from(error: Arc<HookError>) -> Self {
        Self(Some(error.into()))
    }
}

#[cfg(test)]
impl LedgerError {
    /// For tests of what happens without a database.
    pub(super) const fn away() -> Self {
        Self(None)
    }
}

/// A member of a company, as its policy sees them.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who, in which role, department and projects.
    pub subject: Subject,
    /// What the company has written down.
    pub policy: Arc<Policy>,
}

impl Member {
    /// Not of the company: meets only those whom they talk with.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.subject.kind == MemberKind::External
    }
}

impl From<&Caller> for Member {
    fn from(caller: &Caller) -> Self {
        Self { subject: caller.subject().clone(), policy: Arc::clone(caller.policy()) }
    }
}

/// Who belongs to a conversation, and what governs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Which.
    pub conversation: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// The record that it is about, with what policies look at.
    pub resource: Resource,
    /// Its participants.
    pub participants: BTreeSet<UserId>,
}

/// Someone at the door, with a live session.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The person, as of now.
    pub member: Member,
    /// The session.
    pub session: SessionId,
    /// The company that the session is in.
    pub company: CompanyId,
}

/// What proves who is at the door.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The session's token, from the cookie.
    Session(Token),
    /// A one-time ticket, for where cookies do not reach.
    Ticket(Token),
}

pub(super) type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// See the module.
pub trait Ledger: Send + Sync + 'static {
    /// Who brings this proof; a ticket is used up by it. `None` when it proves nothing. Asks no access hook: nobody has paid.
    fn open(&self, proof: Proof, correlation: CorrelationId) -> Answer<'_, Option<Guest>>;
    /// The origins that may embed a company's widget.
    fn embed_origins(&self, company: CompanyId) -> Answer<'_, Vec<String>>;
    /// The ends of these companies' logs.
    fn tails(&self, companies: Vec<CompanyId>) -> Answer<'_, Vec<(CompanyId, i64)>>;
    /// Events after a position, oldest first.
    fn events(&self, company: CompanyId, after: i64, limit: u32) -> Answer<'_, Vec<LogEvent>>;
    /// Messages as they are now.
    fn messages(&self, company: CompanyId, ids: Vec<MessageId>) -> Answer<'_, Vec<Whole>>;
    /// Who belongs to conversations. A deleted one is missing.
    fn audiences(&self, company: CompanyId, ids: Vec<ConversationId>) -> Answer<'_, Vec<Audience>>;
    /// What policies look at in records. One that does not exist is missing.
    fn records(&self, company: CompanyId, keys: Vec<RecordKey>) -> Answer<'_, Vec<(RecordKey, Resource)>>;
    /// A member as of now; `None` when the membership has ended.
    fn member(&self, company: CompanyId, user: UserId) -> Answer<'_, Option<Member>>;
    /// Several, likewise, in one read. Whose membership has ended is missing.
    fn members(&self, company: CompanyId, users: Vec<UserId>) -> Answer<'_, Vec<Member>>;
    /// Sees to it that the company's access hook, if it requires one, has answered about a member for a while. What it said is
    /// read with them.
    fn renew(&self, company: CompanyId, user: UserId) -> Answer<'_, ()>;
    /// Those of `users` whom a guest may meet: they share a conversation.
    fn met(&self, company: CompanyId, guest: UserId, users: Vec<UserId>) -> Answer<'_, Vec<UserId>>;
    /// Those sessions that are still good, and the companies that they are in.
    fn alive(&self, sessions: Vec<SessionId>) -> Answer<'_, Vec<(SessionId, CompanyId)>>;
    /// Remembers a transition of presence.
    fn seen(&self, company: CompanyId, user: UserId, status: PresenceStatus, at: Timestamp) -> Answer<'_, ()>;
}

/// The ledger of the real database.
#[derive(Clone)]
pub struct StoreLedger {
    store: Store,
    hooks: Hooks,
    clock: Arc<dyn Clock>,
}

impl StoreLedger {
    /// Reads what `services` read.
    #[must_use]
    pub fn new(services: &Services) -> Self {
        let (store, hooks) = (services.store().clone(), services.hooks().clone());
        Self { store, hooks, clock: Arc::clone(services.clock()) }
    }

    async fn caller(&self, token: TokenHash, correlation: CorrelationId) -> Result<Option<Caller>, LedgerError> {
        let opened = self.store.session_open(token, None, self.clock.now(), correlation).await?;
        Ok(opened.map(|opened| opened.caller))
    }
}

impl Ledger for StoreLedger {
    fn open(&self, proof: Proof, correlation: CorrelationId) -> Answer<'_, Option<Guest>> {
        Box::pin(async move {
            let now = self.clock.now();
            let token = match proof {
                Proof::Session(token) => token.hash(),
                Proof::Ticket(ticket) => match self.store.ticket_redeem(ticket.hash(), now).await? {
                    Some(token) => token,
                    None => return Ok(None),
                },
            };
            let Some(caller) = self.caller(token, correlation).await? else { return Ok(None) };
            Ok(caller.session().map(|session| Guest {
                member: Member::from(&caller),
                session: session.id,
                company: caller.company(),
            }))
        })
    }

    fn embed_origins(&self, company: CompanyId) -> Answer<'_, Vec<String>> {
        Box::pin(async move { Ok(self.store.embed_origins(company).await?) })
    }

    fn tails(&self, companies: Vec<CompanyId>) -> Answer<'_, Vec<(CompanyId, i64)>> {
        Box::pin(async move { Ok(self.store.stream_tails(&companies).await?) })
    }

    fn events(&self, company: CompanyId, after: i64, limit: u32) -> Answer<'_, Vec<LogEvent>> {
        Box::pin(async move { Ok(self.store.events_after(company, after, limit).await?) })
    }

    fn messages(&self, company: CompanyId, ids: Vec<MessageId>) -> Answer<'_, Vec<Whole>> {
        Box::pin(async move { Ok(self.store.load_messages(company, &ids).await?) })
    }

    fn audiences(&self, company: CompanyId, ids: Vec<ConversationId>) -> Answer<'_, Vec<Audience>> {
        Box::pin(async move {
            let found = self.store.conversation_audience(company, &ids).await?;
            let audience = |one: postil::backend::store::hub::Audience| Audience {
                conversation: one.conversation,
                kind: one.kind,
                resource: one.resource,
                participants: one.participants,
            };
            Ok(found.into_iter().map(audience).collect())
        })
    }

    fn records(&self, company: CompanyId, keys: Vec<RecordKey>) -> Answer<'_, Vec<(RecordKey, Resource)>> {
        Box::pin(async move { Ok(self.store.record_facts(company, &keys).await?) })
    }

    fn member(&self, company: CompanyId, user: UserId) -> Answer<'_, Option<Member>> {
        Box::pin(async move {
            let correlation = CorrelationId::from_uuid(company.uuid());
            let caller = self.store.membership_view(company, user, correlation, self.clock.now()).await?;
            Ok(caller.as_ref().map(Member::from))
        })
    }

    fn members(&self, company: CompanyId, users: Vec<UserId>) -> Answer<'_, Vec<Member>> {
        Box::pin(async move {
            let correlation = CorrelationId::from_uuid(company.uuid());
            let callers = self.store.membership_views(company, &users, correlation, self.clock.now()).await?;
            Ok(callers.iter().map(Member::from).collect())
        })
    }

    fn renew(&self, company: CompanyId, user: UserId) -> Answer<'_, ()> {
        // A little longer than anybody asks ahead: whoever was renewed is not asked about again at once.
        Box::pin(async move { Ok(self.hooks.ensure(company, user, limits::HOOK_RENEW_S_MAX + 1).await?) })
    }

    fn met(&self, company: CompanyId, guest: UserId, users: Vec<UserId>) -> Answer<'_, Vec<UserId>> {
        Box::pin(async move {
            let correlation = CorrelationId::from_uuid(company.uuid());
            let Some(caller) = self.store.membership_view(company, guest, correlation, self.clock.now()).await? else {
                return Ok(Vec::new());
            };
            let mut tx = self.store.begin(&caller, "presence.watch").await?;
            Ok(tx.person_get_many(true, &users).await?.into_iter().map(|person| person.id).collect())
        })
    }

    fn alive(&self, sessions: Vec<SessionId>) -> Answer<'_, Vec<(SessionId, CompanyId)>> {
        Box::pin(async move { Ok(self.store.sessions_alive(&sessions, self.clock.now()).await?) })
    }

    fn seen(&self, company: CompanyId, user: UserId, status: PresenceStatus, at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move { Ok(self.store.person_seen(company, user, status, at).await?) })
    }
}
