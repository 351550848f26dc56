//! A request that is refused: what becomes an RFC 9457 problem once the correlation id is known.
//!
//! Handlers and extractors return a [`Refusal`]; as a response it is an empty body that carries itself, and
//! [`super::envelope`] writes it out. So the envelope is made in one place, for refusals of ours and of every layer.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use postil::{
    backend::service::ServiceError,
    ids::{CorrelationId, MessageId},
    wire::{Code, FieldError, Problem},
};

/// Most characters of a detail that may repeat what a client sent.
const DETAIL_CHARS_MAX: usize = 300;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    legal_parent_id: Option<MessageId>,
    retry_after_s: Option<u64>,
}

impl Refusal {
    /// A refusal of this code.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), legal_parent_id: None, retry_after_s: None }
    }

    /// With more about this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(shortened(detail.into()));
        self
    }

    /// With a field that was refused.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: shortened(detail.into()) });
        self
    }

    /// With the time after which to ask again, in seconds.
    #[must_use]
    pub const fn retry_after_s(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// From a problem that a service made.
    #[must_use]
    pub fn of(problem: Problem) -> Self {
        Self {
            code: problem.code,
            detail: problem.detail,
            errors: problem.errors,
            legal_parent_id: problem.legal_parent_id,
            retry_after_s: None,
        }
    }

    /// What is refused.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// When to ask again, in seconds: as told, or a guess where the code means "later".
    #[must_use]
    pub fn wait_s(&self) -> Option<u64> {
        self.retry_after_s.or(match self.code {
            Code::RateLimited => Some(10),
            Code::IdempotencyInFlight => Some(1),
            Code::Unavailable | Code::HookUnavailable => Some(2),
            _ => None,
        })
    }

    /// As it travels.
    #[must_use]
    pub fn problem(self, correlation: CorrelationId) -> Problem {
        let mut problem = Problem::new(self.code, correlation);
        problem.detail = self.detail;
        problem.errors = self.errors;
        problem.legal_parent_id = self.legal_parent_id;
        problem
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What a bare status of some layer means.
    #[must_use]
    pub fn for_status(status: StatusCode) -> Self {
        Self::new(match status {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Code::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            status if status.is_client_error() => Code::MalformedBody,
            _ => Code::Internal,
        })
    }
}

fn shortened(text: Cow<'static, str>) -> String {
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

impl From<ServiceError> for Refusal {
    /// The one place where what went wrong inside is logged; the client learns only the code.
    fn from(error: ServiceError) -> Self {
        if let ServiceError::Refused { code, detail, errors, legal_parent_id, retry_after_s } = error {
            return Self { code, detail, errors, legal_parent_id, retry_after_s };
        }
        let (code, retry_after_s) = (error.as_code(), error.retry_after_s());
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        if code == Code::IdempotencyInFlight {
            tracing::debug!(code = code.as_str(), "the same request is under way");
        } else {
            tracing::error!(code = code.as_str(), error = %error, cause, "a use case failed");
        }
        Self::new(code).retry_after_s(retry_after_s)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_is_cut_at_a_character() {
        let refusal = Refusal::new(Code::InvalidQuery).detail("ü".repeat(5_000));
        let problem = refusal.problem(CorrelationId::from_uuid(uuid::Uuid::nil()));
        assert_eq!(problem.detail.unwrap().chars().count(), DETAIL_CHARS_MAX + 1);
    }

    #[test]
    fn bare_statuses_have_codes_of_their_own_status() {
        for status in [404, 405, 408, 413, 415, 401, 403, 429, 503, 500] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Refusal::for_status(status).status(), status);
        }
    }
}
