//! What the widget and its host use, the way to a socket, and the document of all this.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use postil::backend::bus::Class;
use postil::wire::{Code, EmbedSession, ExchangeToken, InCompany, RealtimeTicket};

use super::{GET, POST};
use crate::{
    http::{
        Answer, Body, Query, Refusal,
        credentials::{Anybody, Signed},
        describe::{Auth, Operation},
        openapi,
        table::Route,
    },
    state::App,
    ws,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(POST, "/embed/token", "exchange_token", exchange_token)
            .says("embedding", "Exchanges a token that the host's backend signed for a session of the widget.")
            .weighs(Class::Public, 1)
            .can_fail(&[Code::InvalidEmbedToken, Code::EmbedTokenReplayed]),
        Route::new(POST, "/realtime/ticket", "create_ticket", create_ticket)
            .says("realtime", "A way to open a socket where cookies do not reach: one use, half a minute.")
            .can_fail(super::FORBIDDEN),
        Route::described_by(GET, "/realtime", "open_realtime", ws::realtime, Box::new(describe_realtime))
            .says("realtime", "Opens the socket, by cookie from our own pages or by ticket; see the AsyncAPI document.")
            .weighs(Class::Read, 5),
        Route::described_by(GET, "/openapi.json", "get_openapi", get_openapi, Box::new(describe_document))
            .says("meta", "This document.")
            .weighs(Class::Public, 1),
    ]
}

async fn exchange_token(
    State(app): State<App>,
    Anybody(who): Anybody,
    Body(body): Body<ExchangeToken>,
) -> Result<Answer<EmbedSession>, Refusal> {
    Ok(Answer::new(app.services().exchange_token(&body, &who).await?))
}

async fn create_ticket(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<RealtimeTicket, 201>, Refusal> {
    Ok(Answer::new(app.services().create_ticket(&who).await?))
}

async fn get_openapi() -> Response {
    let json = HeaderValue::from_static("application/json");
    let cache = HeaderValue::from_static("public, max-age=300");
    ([(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, cache)], openapi::text().to_owned()).into_response()
}

/// The socket's own frames are in the AsyncAPI document.
fn describe_realtime(operation: &mut Operation<'_>) {
    operation.auth = Auth::Session;
    operation.success = 101;
    operation.can_fail(&[
        Code::Unauthenticated,
        Code::CrossOrigin,
        Code::MalformedBody,
        Code::RateLimited,
        Code::Unavailable,
    ]);
}

fn describe_document(operation: &mut Operation<'_>) {
    operation.response = Some(serde_json::json!({ "type": "object" }));
}
