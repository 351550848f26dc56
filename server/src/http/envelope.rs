//! The outermost layer: the request's correlation id, its span and log line, and the one place where refusals are
//! written out.
//!
//! It lies outside of the panic catcher, so that the answer to a panic has an id and a log line like any other. Logged
//! are method, route template, status and time: never bodies, tokens, cookies or queries.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use postil::{ids::CorrelationId, wire::Problem};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{Refusal, documents, security};
use crate::state::App;

/// The header in which clients may send a correlation id of their own, and always get one.
pub const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
/// `application/problem+json`, RFC 9457.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Gives the request its id, logs it, and writes out what was refused.
pub async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let correlation = sent_id(request.headers()).unwrap_or_else(|| app.new_correlation());
    request.extensions_mut().insert(correlation);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let page = wants_page(request.uri().path(), request.headers());
    let span = tracing::info_span!("request", correlation = %correlation, method = %method, route);
    let begin = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(refusal) = refusal_of(&mut response) {
        response = written(refusal, response, correlation, page);
    }
    if let Ok(value) = HeaderValue::from_str(&correlation.to_string()) {
        response.headers_mut().insert(CORRELATION, value);
    }
    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status();
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), ms, "{method} {route} answered {}", status.as_u16());
        } else {
            tracing::info!(status = status.as_u16(), ms, "{method} {route} answered {}", status.as_u16());
        }
    });
    response
}

/// The id that the client sent, if it is written as one: anything else would let a client write into our logs.
fn sent_id(headers: &HeaderMap) -> Option<CorrelationId> {
    headers.get(CORRELATION)?.to_str().ok()?.parse().ok()
}

/// What is refused: by us, or by a layer that knows no problems and answered with a bare status or plain text.
fn refusal_of(response: &mut Response) -> Option<Refusal> {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return Some(refusal);
    }
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let ours = kind.starts_with("application/") || kind.starts_with("text/html");
    ((status.is_client_error() || status.is_server_error()) && !ours).then(|| Refusal::for_status(status))
}

/// Someone who navigates gets a page; a program gets a problem document.
fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    !path.starts_with("/api/") && !path.starts_with("/health/") && accepts.contains("text/html")
}

fn written(refusal: Refusal, before: Response, correlation: CorrelationId, page: bool) -> Response {
    let wait_s = refusal.wait_s();
    let problem = refusal.problem(correlation);
    let mut response = if page { Html(documents::refusal(&problem)).into_response() } else { json(&problem) };
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // What the layers within said beside the body stays true (Allow, Set-Cookie, the security headers).
    for (name, value) in before.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = wait_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if page {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, security::document_policy());
    }
    response
}

fn json(problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    ([(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_ids_are_taken_over() {
        let mut headers = HeaderMap::new();
        headers.insert(CORRELATION, HeaderValue::from_static("cor_0198000000007000800000000000002a"));
        assert!(sent_id(&headers).is_some());
        for bad in ["msg_0198000000007000800000000000002a", "cor_1", "x\ty", ""] {
            headers.insert(CORRELATION, HeaderValue::from_str(bad).unwrap());
            assert_eq!(sent_id(&headers), None, "{bad}");
        }
    }

    #[test]
    fn a_program_gets_json_and_a_person_a_page() {
        let mut headers = HeaderMap::new();
        assert!(!wants_page("/nowhere", &headers));
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml"));
        assert!(wants_page("/nowhere", &headers));
        assert!(!wants_page("/api/v1/nowhere", &headers));
    }

    #[test]
    fn a_bare_status_of_a_layer_becomes_a_refusal() {
        let mut bare = StatusCode::METHOD_NOT_ALLOWED.into_response();
        assert_eq!(refusal_of(&mut bare).unwrap().code(), postil::wire::Code::MethodNotAllowed);
        let mut text = (StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded").into_response();
        assert_eq!(refusal_of(&mut text).unwrap().code(), postil::wire::Code::BodyTooLarge);
        let mut page = (StatusCode::NOT_FOUND, Html("no")).into_response();
        assert_eq!(refusal_of(&mut page), None);
        assert_eq!(refusal_of(&mut StatusCode::OK.into_response()), None);
    }
}
