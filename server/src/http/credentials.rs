//! What a client brings to prove who it is. Only read here, judged by the services: a handler can do nothing with it but
//! hand it on.
//!
//! | where | what |
//! |---|---|
//! | cookie | a browser session; changes need [`origin::from_our_page`] |
//! | `Authorization: Bearer <43 characters>` | an embedded session |
//! | `Authorization: Bearer pk_<43 characters>` | an ERP's API key |

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use postil::{
    backend::{
        caller::{Credentials, Proof},
        crypto::token::Token,
        toll::Toll,
    },
    ids::{CompanyId, CorrelationId},
    wire::Code,
};

use super::{
    Refusal, cookie,
    describe::{Auth, Describe, Operation},
    origin,
};
use crate::{config::Origin, state::App};

/// The company that the client believes in.
pub const COMPANY: HeaderName = HeaderName::from_static("x-postil-company");

/// A request that must say who sends it. Without any proof it is refused here; whether the proof holds, the service says.
#[derive(Clone, Debug)]
pub struct Signed(pub Credentials);

/// As [`Signed`], where an ERP's API key is expected. The service, not this, refuses people who lack the right.
#[derive(Clone, Debug)]
pub struct ByKey(pub Credentials);

/// A request that may be anybody's.
#[derive(Clone, Debug)]
pub struct Anybody(pub Credentials);

/// The request's id.
pub(super) fn correlation(parts: &Parts) -> CorrelationId {
    parts.extensions.get().copied().expect("the envelope lies around every route")
}

/// What the request weighs.
fn toll(parts: &Parts) -> Toll {
    parts.extensions.get().cloned().expect("the meter lies around every route")
}

/// Reads the credentials of a request.
///
/// # Errors
/// When they are malformed, contradict each other, or a cookie comes from a foreign page.
pub fn read(parts: &Parts, ours: &Origin) -> Result<Credentials, Refusal> {
    let proof = proof(&parts.method, &parts.headers, ours)?;
    let company = company(&parts.headers, parts.uri.query().unwrap_or_default())?;
    Ok(Credentials { proof, company, correlation: correlation(parts), toll: toll(parts) })
}

fn proof(method: &Method, headers: &HeaderMap, ours: &Origin) -> Result<Option<Proof>, Refusal> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // Said explicitly, it counts alone: a cookie that the browser added must not stand in for a bad token.
        let token = value.to_str().ok().and_then(bearer).ok_or(Refusal::new(Code::Unauthenticated))?;
        return Ok(Some(token));
    }
    let Some(token) = cookie::read(headers, cookie::SessionCookie::at(ours).name()).and_then(Token::parse) else {
        return Ok(None);
    };
    if !origin::is_safe(method) && !origin::from_our_page(headers, ours) {
        return Err(Refusal::new(Code::CrossOrigin));
    }
    Ok(Some(Proof::Session(token)))
}

fn bearer(value: &str) -> Option<Proof> {
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    match token.strip_prefix("pk_") {
        // A session token of 43 characters may itself begin with `pk_`: then what is left is too short for a key.
        Some(key) if key.len() == 43 => Token::parse(key).map(Proof::ApiKey),
        _ => Token::parse(token).map(Proof::Session),
    }
}

/// From the header or the query; both must agree.
fn company(headers: &HeaderMap, query: &str) -> Result<Option<CompanyId>, Refusal> {
    let header = headers.get(COMPANY).map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    let query =
        query.split('&').find_map(|pair| pair.strip_prefix("companyId=")).map(|id| id.parse::<CompanyId>().ok());
    match (header, query) {
        (Some(None), _) => Err(Refusal::new(Code::InvalidId).field("X-Postil-Company", "is not a company's id")),
        (_, Some(None)) => Err(Refusal::new(Code::InvalidQuery).field("companyId", "is not a company's id")),
        (Some(Some(a)), Some(Some(b))) if a != b => {
            Err(Refusal::new(Code::InvalidQuery).detail("companyId and X-Postil-Company name different companies"))
        }
        (Some(company), _) | (None, Some(company)) => Ok(company),
        (None, None) => Ok(None),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Anybody
where
    App: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        read(parts, &App::from_ref(state).config().web.origin).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed
where
    App: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Anybody(credentials) = Anybody::from_request_parts(parts, state).await?;
        if credentials.proof.is_none() {
            return Err(Refusal::new(Code::Unauthenticated));
        }
        Ok(Self(credentials))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ByKey
where
    App: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Signed::from_request_parts(parts, state).await.map(|Signed(credentials)| Self(credentials))
    }
}

impl Describe for Anybody {
    fn describe(operation: &mut Operation<'_>) {
        operation.auth = Auth::Anonymous;
        operation.can_fail(&[Code::CrossOrigin, Code::InvalidId, Code::InvalidQuery]);
    }
}

impl Describe for Signed {
    fn describe(operation: &mut Operation<'_>) {
        operation.auth = Auth::Session;
        operation.company = true;
        operation.can_fail(&[
            Code::Unauthenticated,
            Code::CompanyContextChanged,
            Code::HookUnavailable,
            Code::CrossOrigin,
            Code::InvalidId,
        ]);
    }
}

impl Describe for ByKey {
    fn describe(operation: &mut Operation<'_>) {
        Signed::describe(operation);
        operation.auth = Auth::ApiKey;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";

    fn ours() -> Origin {
        Origin::parse("https://postil.example").unwrap()
    }

    fn header(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_bearer_is_a_session_or_a_key() {
        assert!(matches!(bearer(&format!("Bearer {TOKEN}")), Some(Proof::Session(_))));
        assert!(matches!(bearer(&format!("bearer pk_{TOKEN}")), Some(Proof::ApiKey(_))));
        assert!(matches!(bearer(&format!("Bearer pk_{}", &TOKEN[3..])), Some(Proof::Session(_))));
        for bad in ["Bearer", "Bearer ", "Basic abc", "Bearer pk_", &format!("Bearer {TOKEN}x"), TOKEN] {
            assert!(bearer(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_bad_bearer_is_not_rescued_by_a_cookie() {
        let mut headers = header(header::COOKIE, &format!("__Host-postil={TOKEN}"));
        assert!(matches!(proof(&Method::GET, &headers, &ours()), Ok(Some(Proof::Session(_)))));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(proof(&Method::GET, &headers, &ours()).unwrap_err().code(), Code::Unauthenticated);
    }

    #[test]
    fn a_change_by_cookie_needs_our_own_page() {
        let mut headers = header(header::COOKIE, &format!("__Host-postil={TOKEN}"));
        assert_eq!(proof(&Method::POST, &headers, &ours()).unwrap_err().code(), Code::CrossOrigin);
        headers.insert(origin::CSRF, HeaderValue::from_static("1"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://postil.example"));
        assert!(matches!(proof(&Method::POST, &headers, &ours()), Ok(Some(_))));
    }

    #[test]
    fn header_and_query_name_one_company() {
        let (a, b) = ("cmp_0198000000007000800000000000002a", "cmp_0198000000007000800000000000002b");
        let headers = header(COMPANY, a);
        assert_eq!(company(&headers, "").unwrap(), Some(a.parse().unwrap()));
        assert_eq!(company(&HeaderMap::new(), &format!("limit=1&companyId={b}")).unwrap(), Some(b.parse().unwrap()));
        assert!(company(&headers, &format!("companyId={a}")).is_ok());
        assert_eq!(company(&headers, &format!("companyId={b}")).unwrap_err().code(), Code::InvalidQuery);
        assert_eq!(company(&header(COMPANY, "x"), "").unwrap_err().code(), Code::InvalidId);
        assert_eq!(company(&HeaderMap::new(), "").unwrap(), None);
    }
}
