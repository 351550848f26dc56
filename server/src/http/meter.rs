//! What a request weighs, and the headers that say what is left: `RateLimit-Policy` and `RateLimit` as
//! draft-ietf-httpapi-ratelimit-headers has them (structured fields), on every answer of the API.
//!
//! The use case pays as soon as it knows whose request it is, in one step with person, company and address
//! (`Services::charge`). What nobody paid for until the answer is there was refused before that, or is anybody's: its address
//! pays here, so that rubbish and guessed tokens are not free, nor pages for strangers, nor what nobody waits for. Files are free.

use std::{collections::HashMap, net::IpAddr, sync::LazyLock};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use postil::backend::{
    bus::{Bucket, Class, Quota, Standing},
    toll::Toll,
};

use super::{Refusal, address, pages, table};
use crate::state::App;

/// What there is, and in which time.
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left, and until when.
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// By method and path: class, weight and operation.
type Weights = HashMap<(Method, &'static str), (Class, u32, &'static str)>;

/// What each row of the table weighs.
static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    let weight = |row: &'static table::RouteInfo| {
        ((row.method.clone(), row.path.as_str()), (row.class, row.weight, row.operation))
    };
    table::routes().iter().map(weight).collect()
});

fn toll(method: &Method, path: Option<&str>, address: IpAddr) -> Toll {
    // A HEAD is a GET whose body nobody wants, and as much work.
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    let known = path.and_then(|path| WEIGHTS.get(&(method, path)).copied());
    // Pages read through the same use cases as the API.
    let page = if path.is_some_and(|path| path.starts_with("/admin")) { Class::Admin } else { Class::Read };
    let (class, units, operation) = known.unwrap_or((page, 1, "page"));
    Toll::new(class, units, operation, Some(address))
}

/// A request whose answer is not there yet. Whoever hangs up before it is pays all the same.
struct Unanswered(Option<(App, Toll)>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        let Some((app, toll)) = self.0.take().filter(|(_, toll)| toll.told().is_none()) else { return };
        let work = app.lifecycle().work().clone();
        drop(work.spawn(async move {
            // Nobody is there to be told that it was too much.
            drop(app.services().charge_address(&toll).await);
        }));
    }
}

/// Weighs the request, and says on the answer what is left.
pub async fn meter(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let address = address::of(&request, &app.config().web.proxies);
    let toll = toll(request.method(), path.as_deref(), address);
    let is_api = request.uri().path().starts_with("/api/");
    let is_counted = is_api || path.as_deref().is_some_and(|path| pages::PATHS.contains(&path));
    let changes = !request.method().is_safe();
    request.extensions_mut().insert(toll.clone());
    let mut unanswered = Unanswered(is_counted.then(|| (app.clone(), toll.clone())));
    let mut response = next.run(request).await;
    unanswered.0 = None;
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        app.services().note_refused(&toll, refusal.code());
    }
    if !is_counted {
        return response;
    }
    if toll.told().is_none()
        && response.status() != StatusCode::SERVICE_UNAVAILABLE
        && let Err(error) = app.services().charge_address(&toll).await
        // What was done is done, and must be told: who signed out would else keep a cookie of nothing, and believe that they had not.
        && !(changes && response.status().is_success())
    {
        response = Refusal::from(error).into_response();
    }
    if is_api {
        write(response.headers_mut(), &toll);
    }
    response
}

fn write(headers: &mut HeaderMap, toll: &Toll) {
    let own = match toll.class() {
        class @ (Class::SignIn | Class::Public) => Bucket::Address(class),
        class => Bucket::Person(class),
    };
    let mut policies = vec![policy(&own.policy(), toll.class().own())];
    if let Some(standing) = toll.told() {
        if standing.bucket.policy() != own.policy() {
            policies.push(policy(&standing.bucket.policy(), standing.quota));
        }
        insert(headers, LIMIT, &limit(&standing));
    }
    insert(headers, POLICY, &policies.join(", "));
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn policy(name: &str, quota: Quota) -> String {
    format!("\"{name}\";q={};w={}", quota.burst, quota.window_s().max(1))
}

fn limit(standing: &Standing) -> String {
    let seconds = standing.after.as_micros().div_ceil(1_000_000);
    format!("\"{}\";r={};t={seconds}", standing.bucket.policy(), standing.left)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn headers_are_structured_fields() {
        let standing = Standing {
            bucket: Bucket::Person(Class::Send),
            quota: Class::Send.own(),
            left: 29,
            after: Duration::from_millis(500),
        };
        assert_eq!(limit(&standing), "\"send\";r=29;t=1");
        assert_eq!(policy("send", Class::Send.own()), "\"send\";q=30;w=15");
    }

    #[test]
    fn what_a_request_weighs_is_read_off_its_route() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let weighs = |method: Method, path| {
            let toll = toll(&method, path, here);
            (toll.class(), toll.units(), toll.operation())
        };
        assert_eq!(weighs(Method::POST, Some("/api/v1/messages")), (Class::Send, 1, "send_message"));
        assert_eq!(weighs(Method::HEAD, Some("/api/v1/messages")).2, "list_messages");
        assert_eq!(weighs(Method::GET, Some("/messages")), (Class::Read, 1, "page"));
        assert_eq!(weighs(Method::GET, Some("/admin/{section}")), (Class::Admin, 1, "page"));
        assert_eq!(weighs(Method::GET, None), (Class::Read, 1, "page"));
    }
}
