//! Who asks: made by the store from a session or an API key as the database knows it now, never by hand.

use std::sync::Arc;

use crate::{
    access::{Action, Permit, Policy, Resource, Subject, decide},
    backend::toll::Toll,
    clock::Timestamp,
    domain::MemberKind,
    ids::{CompanyId, CorrelationId, SessionId, UserId},
    wire::SessionKind,
};

/// What a client brings to prove who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A session's token, from a cookie or an `Authorization` header.
    Session(crate::backend::crypto::token::Token),
    /// An ERP's API key.
    ApiKey(crate::backend::crypto::token::Token),
}

/// Everything a use case needs to know about the request, before it knows who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The proof; `None` is anonymous and gets nowhere.
    pub proof: Option<Proof>,
    /// The company that the client believes in, if it said so.
    pub company: Option<CompanyId>,
    /// The request.
    pub correlation: CorrelationId,
    /// What the request weighs, and where it comes from.
    pub toll: Toll,
}

/// A session, as far as callers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// How it came about.
    pub kind: SessionKind,
    /// Counts company switches.
    pub context_epoch: u32,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A member of a company who asks for something, with what the verdict needs.
#[derive(Clone, Debug)]
pub struct Caller {
    company: CompanyId,
    subject: Subject,
    policy: Arc<Policy>,
    session: Option<Session>,
    correlation: CorrelationId,
    at: Timestamp,
    toll: Option<Toll>,
}

impl Caller {
    /// Only the store makes callers.
    pub(in crate::backend) const fn new(
        company: CompanyId,
        subject: Subject,
        policy: Arc<Policy>,
        session: Option<Session>,
        correlation: CorrelationId,
        at: Timestamp,
    ) -> Self {
        Self { company, subject, policy, session, correlation, at, toll: None }
    }

    /// Whose request this is part of: what becomes of it is told there.
    pub(in crate::backend) fn part_of(self, toll: &Toll) -> Self {
        Self { toll: Some(toll.clone()), ..self }
    }

    /// The request's toll; `None` for what is no request.
    #[must_use]
    pub(in crate::backend) const fn toll(&self) -> Option<&Toll> {
        self.toll.as_ref()
    }

    /// The company at hand.
    #[must_use]
    pub const fn company(&self) -> CompanyId {
        self.company
    }

    /// The person.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.subject.user
    }

    /// The person as policies see them.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The company's policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Member or guest.
    #[must_use]
    pub const fn member_kind(&self) -> MemberKind {
        self.subject.kind
    }

    /// The session; `None` for an API key.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The request.
    #[must_use]
    pub const fn correlation(&self) -> CorrelationId {
        self.correlation
    }

    /// When the request was opened: verdicts are as of then, however long it takes.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether the person may do `action` to `resource`.
    #[must_use]
    pub fn may(&self, action: Action, resource: &Resource) -> bool {
        decide(&self.policy, &self.subject, action, resource, self.at).is_allowed()
    }

    /// The right to do `action` to `target`, whose facts are `resource`; `None` when the verdict is no.
    #[must_use]
    pub fn permit<T: Copy>(&self, action: Action, resource: &Resource, target: T) -> Option<Permit<T>> {
        Permit::ask(self.company, &self.policy, &self.subject, action, resource, target, self.at)
    }
}
