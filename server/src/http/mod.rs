//! HTTP: the router and its layers.
//!
//! From outside to inside, a request passes:
//! 1. [`envelope`]: correlation id, span and log line; refusals become problem documents or pages;
//! 2. [`security`]: headers for browsers;
//! 3. [`meter`]: what the request weighs; the headers that say what is left;
//! 4. the panic catcher, inside of these so that the answer to a panic has an id, a log line and the headers;
//! 5. the time limit for a request to arrive and be answered;
//! 6. the size limit of bodies;
//! 7. the cross-origin check ([`origin`]);
//! 8. the handler: credentials are read by an extractor and judged by the services, in the same round trip as the rest.
//!
//! | module | holds |
//! |---|---|
//! | [`table`] | the routes of the API, and what is known about each |
//! | [`describe`], [`openapi`] | how signatures become the OpenAPI document |
//! | `input`, `answer`, [`credentials`] | extractors and answers |
//! | `pages`, `documents`, [`site`] | HTML and files |

mod address;
mod answer;
pub mod cookie;
pub mod credentials;
pub mod describe;
pub mod documents;
mod envelope;
mod health;
mod input;
mod meter;
pub mod openapi;
pub mod origin;
mod pages;
mod refusal;
pub mod security;
pub mod site;
pub mod table;

use std::{any::Any, time::Duration};

use axum::{
    Router,
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use http::{StatusCode, header};
use postil::{limits, wire::Code};
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

pub use self::{
    answer::{Answer, Done, MadeOrFound, REPLAYED},
    envelope::CORRELATION,
    input::{Body, Id, InPath, Key, Query},
    refusal::Refusal,
    table::{RouteInfo, routes},
};
use crate::{demo, state::App};

/// The whole of what is served.
///
/// # Panics
/// Never: the origin was parsed as one.
pub fn router(app: App) -> Router {
    let mut routes = Router::new()
        .merge(table::router())
        .merge(health::router())
        .merge(pages::router())
        .merge(app.site().router())
        .route("/", get(Redirect::to(if app.config().web.demo { "/demo" } else { "/messages" })))
        .route("/docs/errors", get(|| async { document(documents::errors()) }))
        .route(documents::POLICY_SCHEMA_PATH, get(policy_schema))
        .route(documents::STYLE_PATH, get(style));
    if app.config().web.demo {
        routes = routes.merge(demo::router(&app));
    }
    let csrf = CsrfLayer::new()
        .add_trusted_origin(app.config().web.origin.to_string())
        .expect("an origin of ours is written as browsers write it")
        .with_rejection_response(|_| Refusal::new(Code::CrossOrigin).into_response());
    let patience = Duration::from_secs(limits::REQUEST_TIMEOUT_S);
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), envelope::envelope))
        .layer(from_fn_with_state(app.clone(), security::security_headers))
        .layer(from_fn_with_state(app.clone(), meter::meter))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, patience))
        .layer(RequestBodyLimitLayer::new(limits::REQUEST_BODY_BYTES_MAX))
        .layer(csrf);
    routes.layer(layers).with_state(app)
}

/// A panic is a bug: the hook has printed where; the client learns the correlation id.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Refusal::new(Code::Internal).into_response()
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")],
        documents::STYLE,
    )
}

async fn policy_schema() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "public, max-age=300")],
        crate::policy_schema::text(),
    )
}

/// A plain page without scripts.
pub fn document(html: String) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, security::document_policy())], Html(html)).into_response()
}
