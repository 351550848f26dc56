//! A small ERP, for this machine only: pages of two companies that embed the widget as a customer would, with a backend
//! route of their own that signs who is looking.
//!
//! It lives at another host than Postil (127.0.0.1 beside localhost), so that the widget is in a truly foreign frame, as
//! it is at a customer's: no cookie of ours reaches it. It takes records through the services, as the person who looks,
//! in a session that it gets by the same token as the widget. Refused unless the server is on this machine
//! ([`crate::config::Web`]).

mod details;
mod page;
mod pass;
mod token;

use axum::{
    Json, Router,
    extract::{Form, Path, Query, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use postil::{
    backend::{
        bus::Class,
        caller::{Credentials, Proof},
        crypto::token::Token,
        store::seed,
        toll::Toll,
    },
    domain::RecordKey,
    ids::CorrelationId,
    wire::{Code, ExchangeToken, LinkedRecord},
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{page::Window, pass::Pass};
use crate::{
    config::{Origin, SeedConfig},
    http::Refusal,
    state::App,
};

/// Where the demo is when Postil is at `postil`: on the same machine under its other name.
fn beside(postil: &Origin) -> Origin {
    postil.at_host(if postil.host() == "127.0.0.1" { "localhost" } else { "127.0.0.1" })
}

/// The origins that may embed the demo companies' widget; the first is the demo ERP's.
#[must_use]
pub fn embed_origins(config: &SeedConfig) -> Vec<String> {
    std::iter::once(beside(&config.origin))
        .chain(config.embed_origins.iter().cloned())
        .map(|it| it.to_string())
        .collect()
}

/// The demo's routes.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/demo", get(door))
        .route("/demo/sign-in", post(sign_in))
        .route("/demo/token", post(mint))
        .route("/demo/{company}", get(home))
        .route("/demo/{company}/{kind}/{*id}", get(record))
        .route_layer(from_fn_with_state(app.clone(), at_home))
}

/// Sends who comes by Postil's own name to the demo's, so that the widget is in a foreign frame there.
async fn at_home(State(app): State<App>, request: Request, next: Next) -> Response {
    let home = beside(&app.config().web.origin);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if home.to_string().ends_with(&format!("//{host}")) {
        return next.run(request).await;
    }
    match (request.method(), request.uri().path_and_query()) {
        (&Method::GET, Some(path)) => Redirect::temporary(&format!("{home}{path}")).into_response(),
        _ => Refusal::new(Code::NotFound).into_response(),
    }
}

/// The page's policy: what a careful customer's page would have, and nothing for the demo's comfort.
fn html(app: &App, page: String) -> Response {
    let postil = &app.config().web.origin;
    let policy = format!(
        "default-src 'none'; script-src {postil}/embed.js; style-src 'self'; img-src 'self'; frame-src {postil}; \
         connect-src 'self' {postil}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("an origin is visible ASCII");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

async fn door(State(app): State<App>) -> Response {
    let page = page::door(&app.config().web.origin);
    html(&app, page)
}

#[derive(Deserialize)]
struct Who {
    who: String,
}

/// One click, and this browser is that person, too.
async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Form(Who { who }): Form<Who>,
) -> Result<Response, Refusal> {
    let nobody = || Refusal::new(Code::NotFound);
    let (company, person) = who.split_once('/').ok_or_else(nobody)?;
    let (company, _, person) = member(company, person).ok_or_else(nobody)?;
    let pass = Pass::read(&headers, &app.config().secret).with(person);
    let first = format!("/demo/{}?as={}", company.key, person.key);
    Ok(([(header::SET_COOKIE, pass.cookie(&app.config().secret))], Redirect::to(&first)).into_response())
}

type Membership = (&'static seed::Company, &'static seed::Member, &'static seed::Person);

fn member(company: &str, person: &str) -> Option<Membership> {
    let company = house(company).ok()?;
    let member = company.members.iter().find(|it| it.person == person)?;
    Some((company, member, seed::person(&member.person)))
}

#[derive(Deserialize)]
struct As {
    #[serde(rename = "as")]
    person: Option<String>,
}

/// Who looks: as the address says (whoever opens it becomes that person), else as the page before this one said (a link in
/// a message names no one), else whom this browser became last.
fn viewer(app: &App, headers: &HeaderMap, named: Option<&str>) -> Option<&'static seed::Person> {
    let before = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let before = before.and_then(|referer| referer.split_once("?as=")).map(|(_, rest)| rest);
    let known = |name: &str| seed::fixture().people.iter().find(|person| person.key == name);
    let latest = || Pass::read(headers, &app.config().secret).latest();
    [named, before].into_iter().flatten().find_map(known).or_else(latest)
}

/// The company of that name. What a client wrote goes no further: it may be anything.
fn house(name: &str) -> Result<&'static seed::Company, Refusal> {
    seed::fixture().companies.iter().find(|company| company.key == name).ok_or(Refusal::new(Code::NotFound))
}

/// A company's first page: its first record.
async fn home(
    State(app): State<App>,
    Path(company): Path<String>,
    Query(query): Query<As>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let company = house(&company)?;
    let Some(person) = viewer(&app, &headers, query.person.as_deref()) else {
        return Ok(Redirect::to("/demo").into_response());
    };
    let detailed = |record: &&seed::Record| details::of(&company.key, &record.record.to_string()).is_some();
    let first = company.records.iter().find(detailed).ok_or(Refusal::new(Code::NotFound))?;
    Ok(Redirect::to(&page::link(company, &first.record.to_string(), person)).into_response())
}

/// A record's page.
async fn record(
    State(app): State<App>,
    axum::Extension(correlation): axum::Extension<CorrelationId>,
    Path((company, kind, id)): Path<(String, String, String)>,
    Query(query): Query<As>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some(person) = viewer(&app, &headers, query.person.as_deref()) else {
        return Ok(Redirect::to("/demo").into_response());
    };
    let path = format!("{kind}/{id}");
    let Ok(key) = path.parse::<RecordKey>() else { return Err(Refusal::new(Code::NotFound)) };
    let company = house(&company)?;
    if query.person.as_deref() != Some(&person.key) {
        return Ok(Redirect::to(&page::link(company, &path, person)).into_response());
    }
    let Some((company, member, person)) = member(&company.key, &person.key) else {
        return Ok((StatusCode::FORBIDDEN, html(&app, page::stranger(company, person))).into_response());
    };
    let window = Window { company, person, member, postil: &app.config().web.origin };
    let (status, page) = match read(&app, company, person, &key, correlation).await? {
        Some(record) => (StatusCode::OK, window.record(&record)),
        None => (StatusCode::FORBIDDEN, window.no_access(&path)),
    };
    let pass = Pass::read(&headers, &app.config().secret).with(person);
    Ok((status, [(header::SET_COOKIE, pass.cookie(&app.config().secret))], html(&app, page)).into_response())
}

/// The record as `person` may see it: in a session of their own, got as the widget gets its session.
async fn read(
    app: &App,
    company: &'static seed::Company,
    person: &'static seed::Person,
    key: &RecordKey,
    correlation: CorrelationId,
) -> Result<Option<LinkedRecord>, Refusal> {
    let origin = beside(&app.config().web.origin);
    let token = token::mint(company, person, &origin, app.random(), app.services().now());
    let exchange = ExchangeToken { token, origin: origin.to_string() };
    let toll = Toll::new(Class::Read, 1, "demo", None);
    let who = Credentials { proof: None, company: Some(company.id), correlation, toll };
    let session = app.services().exchange_token(&exchange, &who).await?;
    let who = Credentials { proof: Token::parse(&session.session_token).map(Proof::Session), ..who };
    let record = app.services().get_record(&who, key).await;
    app.services().sign_out(&who).await?;
    match record {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.as_code() == Code::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
struct For {
    company: String,
    #[serde(rename = "as")]
    person: String,
}

/// What the messenger's `token-url` names: a token for whoever is signed in to this page.
async fn mint(State(app): State<App>, Query(query): Query<For>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let pass = Pass::read(&headers, &app.config().secret);
    let person = pass.person(&query.person).ok_or(Refusal::new(Code::Unauthenticated))?;
    let (company, _, person) = member(&query.company, &person.key).ok_or(Refusal::new(Code::Forbidden))?;
    let origin = beside(&app.config().web.origin);
    Ok(Json(json!({ "token": token::mint(company, person, &origin, app.random(), app.services().now()) })))
}
