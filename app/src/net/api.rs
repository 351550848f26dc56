//! REST calls. One door for reads and writes, the same that an ERP uses.

use std::cell::RefCell;

use postil::{
    feed::Failure,
    ids::{CompanyId, UserId},
    wire::{Code, Problem, json},
};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestCredentials, RequestInit, Response};

use super::{boot, dom};
use crate::state::{Session, Shell, Surface, company_name, context};

/// A request that takes longer has failed: whether the server did what was asked is unknown.
const TIMEOUT_MS: i32 = 20_000;

thread_local! {
    /// The embedded session's token. Memory only: never in storage, never in an address.
    static BEARER: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Ends every request of the company at hand.
    static ABORT: RefCell<Option<AbortController>> = const { RefCell::new(None) };
}

/// Sets or forgets the bearer token.
pub fn set_bearer(token: Option<String>) {
    BEARER.with_borrow_mut(|bearer| *bearer = token);
}

/// Whether requests carry a bearer token, because cookies do not reach.
#[must_use]
pub fn has_bearer() -> bool {
    BEARER.with_borrow(Option::is_some)
}

/// Ends all requests of the company that is left.
pub fn abort_all() {
    if let Some(abort) = ABORT.with_borrow_mut(Option::take) {
        abort.abort();
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Below `/api/v1`, with its query.
    pub path: String,
    /// JSON.
    pub body: Option<String>,
    /// The idempotency key.
    pub key: Option<String>,
}

impl Call {
    /// Reads.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None, key: None }
    }

    /// Changes.
    #[must_use]
    pub fn send(method: &'static str, path: impl Into<String>, body: &impl serde::Serialize) -> Self {
        Self { method, path: path.into(), body: serde_json::to_string(body).ok(), key: None }
    }

    /// With an idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: String) -> Self {
        self.key = Some(key);
        self
    }
}

/// Percent-encodes a value for a query or a path.
#[must_use]
pub fn encoded(value: &str) -> String {
    js_sys::encode_uri_component(value).into()
}

/// Makes a call and reads the answer.
///
/// # Errors
/// The server's problem, or [`Failure::Network`] when no answer came that can be read.
pub async fn call<T: DeserializeOwned>(shell: Shell, company: Option<CompanyId>, call: Call) -> Result<T, Failure> {
    let text = text(shell, company, call).await?;
    // An empty answer (204) reads as `null`, which is `()`.
    json::read(if text.is_empty() { "null" } else { &text }).map_err(|_| Failure::Network)
}

/// Makes a call for a page that has no widget's session around it.
///
/// # Errors
/// As [`call`].
pub async fn plain<T: DeserializeOwned>(company: CompanyId, call: Call) -> Result<T, Failure> {
    let text = once(Some(company), &call).await?;
    json::read(if text.is_empty() { "null" } else { &text }).map_err(|_| Failure::Network)
}

async fn text(shell: Shell, company: Option<CompanyId>, call: Call) -> Result<String, Failure> {
    let who = || shell.session.try_with_untracked(signed_in).flatten();
    let (asked_by, bearer) = (who(), BEARER.with_borrow(Clone::clone));
    let mut answer = once(company, &call).await;
    if is(&answer, Code::Unauthenticated) && shell.surface == Surface::Embedded {
        // A working day is over: the host mints a new token, the person notices nothing.
        match boot::renew(bearer.as_deref()).await {
            Ok(Some(fresh)) if asked_by == Some(context(&fresh.me)) => {
                set_bearer(Some(fresh.session_token));
                answer = once(company, &call).await;
            }
            Ok(Some(fresh)) => {
                // The host signs for somebody else by now. What the former person asked for is not done in the other's name:
                // everything of theirs goes first, then comes the new session.
                if asked_by.is_some() && who() == asked_by {
                    shell.leave(Session::Waiting);
                    dom::after(0, move || {
                        set_bearer(Some(fresh.session_token));
                        shell.session.set(Session::In(Box::new(fresh.me)));
                    });
                }
                return Err(Failure::Network);
            }
            // Nobody is signed in at the host, or the server refuses its word.
            Ok(None) => {}
            Err(Failure::Problem(problem)) if matches!(problem.status, 401 | 403) => {}
            // It is not known whether anybody is: the request failed, the session is not over.
            Err(failure) => return Err(failure),
        }
    }
    // An answer of a company that was left says nothing about the present one.
    let here = shell.session.try_with_untracked(|session| match session {
        Session::In(me) => Some((me.company_id, company_name(me))),
        _ => None,
    });
    if let (Some(Some((id, name))), Some(asked)) = (here, company)
        && id == asked
    {
        if is(&answer, Code::Unauthenticated) {
            shell.leave(Session::SignedOut);
        } else if is(&answer, Code::CompanyContextChanged) {
            shell.leave(Session::Locked { from: name, to: None });
        }
    }
    answer
}

fn signed_in(session: &Session) -> Option<(UserId, CompanyId, u32)> {
    match session {
        Session::In(me) => Some(context(me)),
        _ => None,
    }
}

fn is(answer: &Result<String, Failure>, code: Code) -> bool {
    matches!(answer, Err(Failure::Problem(problem)) if problem.code == code)
}

async fn once(company: Option<CompanyId>, call: &Call) -> Result<String, Failure> {
    attempt(company, call).await.unwrap_or(Err(Failure::Network))
}

/// The inner `Result` is the server's answer; the outer one fails when there is none.
async fn attempt(company: Option<CompanyId>, call: &Call) -> Result<Result<String, Failure>, JsValue> {
    let window = dom::window().ok_or(JsValue::NULL)?;
    let init = RequestInit::new();
    init.set_method(call.method);
    let headers = web_sys::Headers::new()?;
    headers.set("Accept", "application/json")?;
    if let Some(company) = company {
        headers.set("X-Postil-Company", &company.to_string())?;
    }
    if call.method != "GET" {
        headers.set("X-Postil-Csrf", "1")?;
    }
    if let Some(key) = &call.key {
        headers.set("Idempotency-Key", key)?;
    }
    if let Some(body) = &call.body {
        headers.set("Content-Type", "application/json")?;
        init.set_body(&JsValue::from_str(body));
    }
    let bearer = BEARER.with_borrow(Clone::clone);
    // With a token of the host, a cookie of ours that the browser may hold is another session: it stays at home.
    init.set_credentials(if bearer.is_some() { RequestCredentials::Omit } else { RequestCredentials::SameOrigin });
    if let Some(token) = bearer {
        headers.set("Authorization", &format!("Bearer {token}"))?;
    }
    init.set_headers(&headers);
    let signal = ABORT.with_borrow_mut(|abort| {
        if abort.is_none() {
            *abort = AbortController::new().ok();
        }
        abort.as_ref().map(AbortController::signal)
    });
    init.set_signal(signal.as_ref());

    let fetched = window.fetch_with_str_and_init(&format!("/api/v1{}", call.path), &init);
    let late = js_sys::Promise::new(&mut |_, reject| {
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, TIMEOUT_MS);
    });
    let both = js_sys::Array::of2(&fetched, &late);
    let response: Response = JsFuture::from(js_sys::Promise::race(&both)).await?.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    if response.ok() {
        return Ok(Ok(text));
    }
    // A proxy's error page is no answer of ours.
    Ok(Err(json::read::<Problem>(&text).map_or(Failure::Network, Failure::Problem)))
}
