//! The headers that tell browsers what our answers may do.
//!
//! Pages bring their own Content-Security-Policy; everything else gets the one that allows nothing. No answer of ours is
//! cached unless it says so itself.

use std::fmt::Write as _;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{config::Origin, state::App};

/// What nothing but documents and data of ours needs.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// The header, by its lower-case name.
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Who may put a page into a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nobody.
    Nobody,
    /// Pages of these origins.
    Origins(Vec<Origin>),
}

/// The policy of a page of the app. `nonce` is the one on its boot script.
///
/// WebAssembly needs `'wasm-unsafe-eval'`, even when streamed. `'strict-dynamic'` passes the nonce's trust on to what the
/// boot script imports, and takes it from everything else, `'self'` included, so that an injected script element that
/// names a file of ours does not run.
#[must_use]
pub fn page_policy(nonce: &str, origin: &Origin, framing: &Framing) -> String {
    let mut policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         connect-src 'self' {}; img-src 'self' blob: data:; font-src 'self'; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors",
        origin.socket()
    );
    match framing {
        Framing::Origins(origins) if !origins.is_empty() => {
            for origin in origins {
                let _ = write!(policy, " {origin}");
            }
        }
        _ => policy.push_str(" 'none'"),
    }
    policy
}

/// The policy of a plain page without scripts: error pages, the catalogue of errors.
#[must_use]
pub fn document_policy() -> HeaderValue {
    HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
}

/// Adds what an answer lacks.
pub async fn security_headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete(response.headers_mut(), &app.config().web.origin);
    response
}

fn complete(headers: &mut HeaderMap, origin: &Origin) {
    let page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let framed = headers
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|policy| policy.to_str().ok())
        .is_some_and(|policy| policy.contains("frame-ancestors") && !policy.contains("frame-ancestors 'none'"));
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::CONTENT_SECURITY_POLICY, NOTHING);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // `no-referrer` would turn the Origin of our own forms into `null`.
    default(header::REFERRER_POLICY, "same-origin");
    default(PERMISSIONS_POLICY, PERMISSIONS);
    default(RESOURCE_POLICY, "same-origin");
    default(header::CACHE_CONTROL, "no-store");
    if page && !framed {
        default(OPENER_POLICY, "same-origin");
        default(header::X_FRAME_OPTIONS, "DENY");
    }
    if origin.is_https() {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn only_named_origins_may_frame() {
        let ours = origin("https://postil.example");
        assert!(page_policy("n", &ours, &Framing::Nobody).ends_with("frame-ancestors 'none'"));
        assert!(page_policy("n", &ours, &Framing::Origins(vec![])).ends_with("frame-ancestors 'none'"));
        let erp = Framing::Origins(vec![origin("https://erp.example"), origin("https://b.example:8443")]);
        let policy = page_policy("n0nce", &ours, &erp);
        assert!(policy.ends_with("frame-ancestors https://erp.example https://b.example:8443"), "{policy}");
        assert!(policy.contains("'nonce-n0nce'") && policy.contains("wss://postil.example"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    }

    #[test]
    fn an_answer_without_a_policy_may_do_nothing() {
        let mut headers = HeaderMap::new();
        complete(&mut headers, &origin("https://postil.example"));
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], NOTHING);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let mut own = HeaderMap::new();
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        complete(&mut own, &origin("http://localhost"));
        assert_eq!(own[header::CACHE_CONTROL], "max-age=1");
        assert!(!own.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
