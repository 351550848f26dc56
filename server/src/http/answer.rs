//! What operations answer.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Describe, Operation};

/// Says that the answer is that of an earlier request with the same idempotency key.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// JSON with a status that is known beforehand.
#[derive(Clone, Debug)]
pub struct Answer<T, const STATUS: u16 = 200> {
    body: T,
    headers: HeaderMap,
}

impl<T, const STATUS: u16> Answer<T, STATUS> {
    /// With this body.
    pub fn new(body: T) -> Self {
        Self { body, headers: HeaderMap::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Marked as the answer to an earlier request, if it is one.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        if replayed { self.header(REPLAYED, HeaderValue::from_static("true")) } else { self }
    }
}

impl<T: Serialize, const STATUS: u16> IntoResponse for Answer<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).expect("the route table names valid statuses");
        (status, self.headers, Json(self.body)).into_response()
    }
}

impl<T: JsonSchema, const STATUS: u16> Describe for Answer<T, STATUS> {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = STATUS;
        operation.response = Some(operation.schema::<T>());
    }
}

/// Done, nothing to say (204).
#[derive(Clone, Debug, Default)]
pub struct Done(HeaderMap);

impl Done {
    /// Sets a cookie, too.
    #[must_use]
    pub fn cookie(mut self, line: HeaderValue) -> Self {
        self.0.append(header::SET_COOKIE, line);
        self
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        (StatusCode::NO_CONTENT, self.0).into_response()
    }
}

impl Describe for Done {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = 204;
    }
}

/// What was made (201), now or by an earlier request with the same key; or was there already (200).
#[derive(Clone, Debug)]
pub enum MadeOrFound<T> {
    /// It is new, or was when the key was first used.
    Made(Answer<T, 201>),
    /// It was there.
    Found(Answer<T>),
}

impl<T: Serialize> IntoResponse for MadeOrFound<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Made(answer) => answer.into_response(),
            Self::Found(answer) => answer.into_response(),
        }
    }
}

impl<T: JsonSchema> Describe for MadeOrFound<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = 201;
        operation.or_found = true;
        operation.response = Some(operation.schema::<T>());
    }
}
