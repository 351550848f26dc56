//! Errors of use cases: a stable code, and for what is not the client's doing, the cause for the log.

use crate::{
    access::Action,
    backend::store::StoreError,
    ids::{CorrelationId, MessageId},
    wire::{Code, FieldError, Problem},
};

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Something the client can know about.
    #[error("{}", code.as_str())]
    Refused {
        /// What.
        code: Code,
        /// More about this case.
        detail: Option<String>,
        /// Fields that were refused.
        errors: Vec<FieldError>,
        /// The message that can be answered instead.
        legal_parent_id: Option<MessageId>,
        /// When to ask again, in seconds.
        retry_after_s: Option<u64>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ServiceError {
    /// Refused with this code.
    #[must_use]
    pub const fn code(code: Code) -> Self {
        Self::Refused { code, detail: None, errors: Vec::new(), legal_parent_id: None, retry_after_s: None }
    }

    /// Refused because of a field.
    #[must_use]
    pub fn field(code: Code, field: impl Into<String>, detail: impl Into<String>) -> Self {
        let errors = vec![FieldError { field: field.into(), detail: detail.into() }];
        Self::Refused { code, detail: None, errors, legal_parent_id: None, retry_after_s: None }
    }

    /// Refused with more about this case.
    #[must_use]
    pub fn detail(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused {
            code,
            detail: Some(detail.into()),
            errors: Vec::new(),
            legal_parent_id: None,
            retry_after_s: None,
        }
    }

    /// Refused until that many seconds have passed, which is said in words, too.
    #[must_use]
    pub fn again_in(code: Code, retry_after_s: u64) -> Self {
        Self::Refused {
            code,
            detail: Some(format!("{}: again in {retry_after_s} s", code.title())),
            errors: Vec::new(),
            legal_parent_id: None,
            retry_after_s: Some(retry_after_s),
        }
    }

    /// Too many requests; again after that many seconds.
    #[must_use]
    pub const fn rate_limited(retry_after_s: u64) -> Self {
        Self::Refused {
            code: Code::RateLimited,
            detail: None,
            errors: Vec::new(),
            legal_parent_id: None,
            retry_after_s: Some(retry_after_s),
        }
    }

    /// The code that a client sees.
    #[must_use]
    pub const fn as_code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Store(StoreError::Unavailable(_)) => Code::Unavailable,
            Self::Store(StoreError::InFlight) => Code::IdempotencyInFlight,
            // The walls disagree: whatever the service thought, the database's no is final, and existence stays untold.
            Self::Store(StoreError::Refused { .. }) => Code::NotFound,
            Self::Store(_) => Code::Internal,
        }
    }

    /// When to ask again, if the answer says so, in seconds.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after_s, .. } => *retry_after_s,
            Self::Store(StoreError::Unavailable(_) | StoreError::InFlight) => Some(1),
            Self::Store(_) => None,
        }
    }

    /// As a client sees it. The cause of an internal error is not in it.
    #[must_use]
    pub fn problem(&self, correlation: CorrelationId) -> Problem {
        let mut problem = Problem::new(self.as_code(), correlation);
        if let Self::Refused { detail, errors, legal_parent_id, .. } = self {
            problem.detail.clone_from(detail);
            problem.errors.clone_from(errors);
            problem.legal_parent_id = *legal_parent_id;
        }
        problem
    }
}

/// What stands in the way of a request that is new. Whether it is new is asked next: what was stored before is answered as it was, and
/// then nothing was refused that the audit log should hear of.
#[derive(Debug)]
pub(super) enum Barred {
    /// A right is lacking, on what this names.
    Forbidden(Action, String),
    /// This.
    Said(ServiceError),
}

impl Barred {
    pub(super) fn forbidden(action: Action, target: impl core::fmt::Display) -> Self {
        Self::Forbidden(action, target.to_string())
    }
}

impl<E: Into<ServiceError>> From<E> for Barred {
    fn from(error: E) -> Self {
        Self::Said(error.into())
    }
}
