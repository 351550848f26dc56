//! The door of the socket: who is there is proven before the upgrade.
//!
//! * *Cookie*: a browser sends it with a socket that any page opens, so the `Origin` must be exactly ours (cross-site
//!   WebSocket hijacking).
//! * *Ticket*: one use, half a minute, in `Sec-WebSocket-Protocol` (an address would be logged). It is not ambient, so no
//!   foreign page has one; a browser's `Origin` must still be ours or one that the company lets embed its widget.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{FromRef as _, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use postil::{
    backend::{bus::Inbox, crypto::token::Token, service::Services, toll::Toll},
    clock::IdSource,
    ids::{ConnectionId, CorrelationId},
    limits,
    wire::Code,
};

use super::{
    hub::Hub,
    ledger::{Guest, Proof, StoreLedger},
    socket,
};
use crate::{
    config::Origin,
    http::{
        Refusal,
        cookie::{self, SessionCookie},
    },
    lifecycle::Lifecycle,
    state::App,
};

/// The protocol that clients ask for, beside their ticket.
pub const PROTOCOL: &str = "postil.v1";
/// Begins the protocol entry that carries a ticket.
pub const TICKET: &str = "postil.ticket.";

/// What the route of the socket needs. One per process, cheap to clone.
#[derive(Clone)]
pub struct Realtime {
    hub: Hub,
    origin: Arc<str>,
    cookie: SessionCookie,
    ids: Arc<dyn IdSource>,
}

impl Realtime {
    /// Starts the hub of this process.
    #[must_use]
    pub fn start(services: &Services, inbox: Inbox, origin: &Origin, lifecycle: &Lifecycle) -> Self {
        let ledger = StoreLedger::new(services);
        let hub = Hub::start(
            services.bus().clone(),
            inbox,
            Arc::new(ledger),
            services.sealer().clone(),
            Arc::clone(services.clock()),
            lifecycle.clone(),
        );
        Self::new(hub, origin, Arc::clone(services.ids()))
    }

    /// Around a hub.
    #[must_use]
    pub fn new(hub: Hub, origin: &Origin, ids: Arc<dyn IdSource>) -> Self {
        Self { hub, origin: origin.to_string().into(), cookie: SessionCookie::at(origin), ids }
    }

    /// The hub.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    async fn admit(&self, headers: &HeaderMap, correlation: CorrelationId) -> Result<Guest, Refusal> {
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        let ours = origin == Some(self.origin.as_bytes());
        let refused = || Refusal::new(Code::Unauthenticated);
        let away = |_| Refusal::new(Code::Unavailable);
        let Some(ticket) = ticket(headers) else {
            if !ours {
                return Err(Refusal::new(Code::CrossOrigin));
            }
            let token = cookie::read(headers, self.cookie.name()).and_then(Token::parse).ok_or_else(refused)?;
            return self.hub.ledger().open(Proof::Session(token), correlation).await.map_err(away)?.ok_or_else(refused);
        };
        // Used up even if the origin is wrong: whoever brought it should not have had it.
        let ticket = Token::parse(&ticket).ok_or_else(refused)?;
        let guest =
            self.hub.ledger().open(Proof::Ticket(ticket), correlation).await.map_err(away)?.ok_or_else(refused)?;
        if let Some(origin) = origin.filter(|_| !ours) {
            let embedding = self.hub.ledger().embed_origins(guest.company).await.map_err(away)?;
            if !embedding.iter().any(|allowed| allowed.as_bytes() == origin) {
                return Err(Refusal::new(Code::CrossOrigin));
            }
        }
        Ok(guest)
    }

    /// Asks the company's access hook, if what it said does not last: without an answer there is no socket.
    async fn judge(&self, guest: &mut Guest) -> Result<(), Refusal> {
        let (ledger, user) = (self.hub.ledger(), guest.member.subject.user);
        if guest.member.subject.narrowing.lasts(self.hub.clock().now(), limits::HOOK_MARGIN_S) {
            return Ok(());
        }
        let away = |_| Refusal::new(Code::Unavailable);
        ledger.renew(guest.company, user).await.map_err(away)?;
        let member = ledger.member(guest.company, user).await.map_err(away)?;
        guest.member = member.ok_or_else(|| Refusal::new(Code::Unauthenticated))?;
        Ok(())
    }
}

/// The ticket among the protocols that the client asks for.
fn ticket(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(TICKET).map(str::to_owned))
}

/// `GET /api/v1/realtime`.
///
/// # Errors
/// Before the upgrade: `unauthenticated`, `cross_origin`, `rate_limited`, `unavailable`; `malformed_body` when it is no
/// WebSocket request.
pub async fn realtime(
    State(app): State<App>,
    Extension(toll): Extension<Toll>,
    Extension(correlation): Extension<CorrelationId>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let realtime = Realtime::from_ref(&app);
    let Ok(upgrade) = upgrade else {
        return Err(Refusal::new(Code::MalformedBody).detail("this address speaks WebSocket"));
    };
    if realtime.hub.lifecycle().stopping().is_cancelled() {
        return Err(Refusal::new(Code::Unavailable));
    }
    let mut guest = realtime.admit(&headers, correlation).await?;
    // Counted as requests of that person: sockets that never say hello would otherwise be free, and questions to the hook.
    app.services().charge(&toll, guest.company, guest.member.subject.user).await?;
    realtime.judge(&mut guest).await?;
    let connection = ConnectionId::from_uuid(realtime.ids.uuid(realtime.hub.clock().now()));
    let work = realtime.hub.lifecycle().work().clone();
    let response = upgrade
        // tungstenite's defaults take 128 KiB for every idle socket, and let writes pile up without a bound. It has no
        // compression, so no context is kept either.
        .read_buffer_size(limits::SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(limits::SOCKET_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(limits::SOCKET_WRITE_BYTES_MAX)
        // A little above the bound, so that a frame just beyond it is answered by its code and not only cut.
        .max_message_size(2 * limits::FRAME_IN_BYTES_MAX)
        .max_frame_size(2 * limits::FRAME_IN_BYTES_MAX)
        .protocols([PROTOCOL])
        .on_upgrade(move |websocket| {
            work.track_future(async move {
                if let Some(code) = socket::serve(realtime.hub, websocket, guest, connection, correlation).await {
                    app.services().note_refused(&toll, code);
                }
            })
        });
    Ok(response.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticket_is_found_among_the_protocols() {
        let mut headers = HeaderMap::new();
        assert_eq!(ticket(&headers), None);
        headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("postil.v1, postil.ticket.abc"));
        assert_eq!(ticket(&headers).as_deref(), Some("abc"));
        let mut apart = HeaderMap::new();
        apart.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("postil.v1"));
        apart.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("postil.ticket.def"));
        assert_eq!(ticket(&apart).as_deref(), Some("def"));
    }
}
