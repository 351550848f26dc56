//! The right to do one thing to one thing, as a value that only a positive verdict makes.

use super::{Action, Policy, Resource, Subject, decide};
use crate::{
    clock::Timestamp,
    ids::{CompanyId, UserId},
};

/// Proof that `user` may do `action` to `target` in `company`. Mutators take one instead of an id.
///
/// The constructor is private to this module: the only way to a permit is a verdict of [`decide`].
#[derive(Clone, Copy, Debug)]
pub struct Permit<T> {
    company: CompanyId,
    user: UserId,
    action: Action,
    target: T,
}

impl<T: Copy> Permit<T> {
    /// Asks for `action` on `target`, whose policy-relevant facts are `resource`, as of `at`.
    #[must_use]
    pub fn ask(
        company: CompanyId,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        target: T,
        at: Timestamp,
    ) -> Option<Self> {
        decide(policy, subject, action, resource, at).is_allowed().then_some(Self {
            company,
            user: subject.user,
            action,
            target,
        })
    }

    /// The company it is good for.
    #[must_use]
    pub const fn company(&self) -> CompanyId {
        self.company
    }

    /// The person it was issued to.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// What may be done.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// To what.
    #[must_use]
    pub const fn target(&self) -> T {
        self.target
    }
}
