//! The socket: opened for one scope, resumed by cursor, tried again with jitter; polling while it can't be had.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use postil::{
    feed::{Connection, Input, SocketEvent},
    ids::{ConnectionId, ConversationId, UserId},
    limits,
    wire::{ClientFrame, CloseCode, Heartbeat, HeartbeatAck, PresenceList, RealtimeTicket, ServerFrame, json},
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use super::{
    api::{self, Call},
    dom, ids,
};
use crate::state::{Scope, Session, company_name};

/// Failed attempts in a row after which the client polls besides trying.
const POLL_AFTER: u32 = 3;
/// How often a client without a socket asks, in milliseconds.
pub const POLL_MS: u32 = 15_000;
/// By how much a pause between two polls may be longer, in milliseconds.
pub const POLL_JITTER_MS: u32 = POLL_MS / 4;
/// A pause of the page longer than this (sleep, a frozen tab) means that the socket may be dead without saying so.
const PAUSE_MS: i64 = 90_000;
/// How often the client asks for a sign of life, in milliseconds. Browsers answer the server's pings without telling anyone.
const BEAT_MS: u32 = 20_000;
/// Asked as often in a row without an answer, the socket is dead: a minute after it died at the latest.
const UNANSWERED_MAX: u32 = 2;

thread_local! {
    static LINK: RefCell<Option<Rc<Link>>> = const { RefCell::new(None) };
}

struct Link {
    scope: Scope,
    connection: ConnectionId,
    socket: RefCell<Option<Open>>,
    failures: Cell<u32>,
    welcomed: Cell<bool>,
    ended: Cell<bool>,
    /// Counts attempts, so that a timer of an earlier one does nothing.
    attempt: Cell<u32>,
    beat_at: Cell<i64>,
    /// Signs of life asked for since the last frame.
    unanswered: Cell<u32>,
    /// Whether the one loop that polls is running.
    polling: Cell<bool>,
    watched: RefCell<Vec<UserId>>,
    typing_at: Cell<i64>,
}

/// What listens to a socket, for as long as it is open.
type Heard = (Closure<dyn FnMut(MessageEvent)>, Closure<dyn FnMut()>, Closure<dyn FnMut(CloseEvent)>);

/// A socket with its listeners, which end with it.
struct Open {
    socket: WebSocket,
    _heard: Heard,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// Opens the socket of a scope, ending another's.
pub fn start(scope: Scope) {
    let link = Rc::new(Link {
        scope,
        connection: ids::connection(),
        socket: RefCell::new(None),
        failures: Cell::new(0),
        welcomed: Cell::new(false),
        ended: Cell::new(false),
        attempt: Cell::new(0),
        beat_at: Cell::new(dom::now().millis()),
        unanswered: Cell::new(0),
        polling: Cell::new(false),
        watched: RefCell::new(Vec::new()),
        typing_at: Cell::new(0),
    });
    stop();
    LINK.with_borrow_mut(|place| *place = Some(Rc::clone(&link)));
    link.connect();
    link.beat();
}

/// Ends the socket.
pub fn stop() {
    if let Some(link) = LINK.with_borrow_mut(Option::take) {
        link.ended.set(true);
        link.socket.replace(None);
    }
}

fn with(act: impl FnOnce(&Rc<Link>)) {
    let link = LINK.with_borrow(Clone::clone);
    if let Some(link) = link {
        act(&link);
    }
}

/// Tells the server whether the person is looking.
pub fn activity(active: bool) {
    with(|link| link.send(&ClientFrame::Activity { active }));
}

/// Tells the server whose presence is shown.
pub fn watch(user_ids: Vec<UserId>) {
    with(|link| {
        if *link.watched.borrow() != user_ids {
            link.watched.replace(user_ids);
            link.send_watched();
        }
    });
}

/// Tells the others that the person is writing, now and then.
pub fn typing(conversation_id: ConversationId) {
    with(|link| {
        let now = dom::now().millis();
        if now - link.typing_at.get() >= i64::try_from(limits::TYPING_INTERVAL_MS).unwrap_or(3_000) {
            link.typing_at.set(now);
            link.send(&ClientFrame::Typing { conversation_id });
        }
    });
}

/// The network is back: a socket of the former one may be dead without saying so.
pub fn network_is_back() {
    with(Link::reconnect);
}

/// Someone asked to try: at once, not when the timer says.
pub fn try_now() {
    with(|link| {
        if !link.welcomed.get() {
            link.connect();
        }
    });
}

impl Link {
    fn tell(&self, event: SocketEvent) {
        self.scope.apply(Input::Socket { context: self.scope.context(), event });
    }

    fn send(&self, frame: &ClientFrame) {
        if !self.welcomed.get() && !matches!(frame, ClientFrame::Hello { .. }) {
            return;
        }
        if let (Some(open), Ok(text)) = (&*self.socket.borrow(), serde_json::to_string(frame)) {
            let _ = open.socket.send_with_str(&text);
        }
    }

    fn send_watched(&self) {
        let user_ids = self.watched.borrow().clone();
        if !user_ids.is_empty() {
            self.send(&ClientFrame::PresenceWatch { user_ids });
        }
    }

    fn connect(self: &Rc<Self>) {
        if self.ended.get() || !self.scope.is_alive() {
            return;
        }
        self.welcomed.set(false);
        self.unanswered.set(0);
        let attempt = self.attempt.get() + 1;
        self.attempt.set(attempt);
        self.socket.replace(None);
        let link = Rc::clone(self);
        dom::spawn(async move {
            let mut ticket = None;
            if api::has_bearer() {
                let call = Call::send("POST", "/realtime/ticket", &());
                match api::call::<RealtimeTicket>(
                    link.scope.shell,
                    Some(link.scope.company),
                    Call { body: None, ..call },
                )
                .await
                {
                    Ok(given) => ticket = Some(given.ticket),
                    Err(_) => return link.failed(attempt, false),
                }
            }
            if link.attempt.get() == attempt && !link.ended.get() && link.open(attempt, ticket).is_err() {
                link.failed(attempt, false);
            }
        });
    }

    fn open(self: &Rc<Self>, attempt: u32, ticket: Option<String>) -> Result<(), JsValue> {
        let location = dom::window().ok_or(JsValue::NULL)?.location();
        let scheme = if location.protocol()? == "https:" { "wss" } else { "ws" };
        let protocols = js_sys::Array::of1(&JsValue::from_str("postil.v1"));
        if let Some(ticket) = ticket {
            protocols.push(&JsValue::from_str(&format!("postil.ticket.{ticket}")));
        }
        let socket =
            WebSocket::new_with_str_sequence(&format!("{scheme}://{}/api/v1/realtime", location.host()?), &protocols)?;
        let link = Rc::downgrade(self);
        let open = Closure::<dyn FnMut()>::new(move || {
            let Some(link) = link.upgrade() else { return };
            link.tell(SocketEvent::Connected);
            let cursor = link.scope.cursor();
            let active = link.scope.shell.looking.get_untracked();
            link.send(&ClientFrame::Hello { company_id: link.scope.company, cursor, active });
        });
        let link = Rc::downgrade(self);
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let Some(link) = link.upgrade() else { return };
            link.unanswered.set(0);
            // A frame that a later server invented is none of ours.
            let Some(frame) = event.data().as_string().and_then(|text| json::read::<ServerFrame>(&text).ok()) else {
                return;
            };
            let welcome = matches!(frame, ServerFrame::Welcome { .. });
            let afresh = matches!(frame, ServerFrame::Welcome { resumed: false, .. } | ServerFrame::Resync { .. });
            link.scope.apply(Input::Frame { context: link.scope.context(), frame, at: dom::now() });
            if welcome {
                link.welcomed.set(true);
                link.failures.set(0);
                link.send_watched();
            }
            let chips = link.scope.chips;
            if afresh {
                chips.refresh_all(link.scope);
            } else if welcome {
                chips.retry(link.scope);
            }
        });
        let link = Rc::downgrade(self);
        let close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            if let Some(link) = link.upgrade() {
                link.closed(attempt, event.code());
            }
        });
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        self.socket.replace(Some(Open { socket, _heard: (message, open, close) }));
        Ok(())
    }

    fn closed(self: &Rc<Self>, attempt: u32, code: u16) {
        if self.ended.get() || !self.scope.is_alive() {
            return;
        }
        let name = self.scope.me(company_name);
        let end = [
            (CloseCode::SignedOut, Session::SignedOut),
            (CloseCode::AccessRevoked, Session::Revoked(name.clone())),
            (CloseCode::CompanySwitched, Session::Locked { from: name, to: None }),
        ];
        match end.into_iter().find(|(close, _)| close.code() == code) {
            // An embedded session that ended is renewed with the next request; a cookie's is over.
            Some((CloseCode::SignedOut, _)) if api::has_bearer() => self.failed(attempt, false),
            Some((close, session)) => {
                self.ended.set(true);
                self.tell(SocketEvent::Closed(close));
                self.scope.shell.leave(session);
            }
            None => self.failed(attempt, code == CloseCode::TooMany.code()),
        }
    }

    fn failed(self: &Rc<Self>, attempt: u32, too_many: bool) {
        if self.ended.get() || self.attempt.get() != attempt {
            return;
        }
        self.welcomed.set(false);
        let failures = self.failures.get() + 1;
        self.failures.set(failures);
        self.tell(SocketEvent::Disconnected);
        self.tell(if failures >= POLL_AFTER { SocketEvent::Offline } else { SocketEvent::Reconnecting });
        // 0.5, 1, 2 … 30 s, each plus up to as much again: a thousand clients of a node that went away come back spread out.
        let wait =
            if too_many { 20_000 } else { 500_u32.saturating_mul(1 << failures.min(7).saturating_sub(1)).min(30_000) };
        let link = Rc::clone(self);
        dom::after(wait + dom::jitter(wait), move || {
            if link.attempt.get() == attempt {
                link.connect();
            }
        });
        // One loop: a timer of an earlier outage may still be pending.
        if failures >= POLL_AFTER && !self.polling.replace(true) {
            self.poll();
        }
    }

    /// Asks from time to time, as long as there is no socket.
    fn poll(self: &Rc<Self>) {
        if self.ended.get() || self.failures.get() < POLL_AFTER || !self.scope.is_alive() {
            self.polling.set(false);
            return;
        }
        self.scope.apply(Input::Poll);
        let (scope, link) = (self.scope, Rc::clone(self));
        dom::spawn(async move {
            let beat = Heartbeat { connection_id: link.connection, active: scope.shell.looking.get_untracked() };
            let _ = api::call::<HeartbeatAck>(
                scope.shell,
                Some(scope.company),
                Call::send("POST", "/presence/heartbeat", &beat),
            )
            .await;
            let (ids, ask) = {
                let ids: Vec<String> = link.watched.borrow().iter().map(ToString::to_string).collect();
                (ids.join(","), scope.ask())
            };
            let Some(ask) = ask.filter(|_| !ids.is_empty()) else { return };
            let call = Call::get(format!("/presence?userIds={ids}"));
            if let Ok(list) = api::call::<PresenceList>(scope.shell, Some(scope.company), call).await {
                scope.apply(Input::PresenceLoaded { ask, list });
            }
        });
        let link = Rc::clone(self);
        dom::after(POLL_MS + dom::jitter(POLL_JITTER_MS), move || link.poll());
    }

    /// Gives up a socket, whatever it says of itself, and opens another.
    fn reconnect(self: &Rc<Self>) {
        if !self.ended.get() && self.scope.is_alive() && self.scope.read(|feed| feed.connection() == Connection::Live) {
            self.tell(SocketEvent::Disconnected);
        }
        self.connect();
    }

    /// Notices a socket that died without saying so: nothing answers, or the page slept.
    fn beat(self: &Rc<Self>) {
        if self.ended.get() || !self.scope.is_alive() {
            return;
        }
        let now = dom::now().millis();
        let slept = now - self.beat_at.replace(now) > PAUSE_MS;
        let unanswered = self.unanswered.get();
        let dead = slept || unanswered >= UNANSWERED_MAX;
        // One that is being opened is waited for as long, then tried again as after any failure.
        let is_open = |open: &Open| open.socket.ready_state() <= WebSocket::OPEN;
        match (self.welcomed.get(), dead) {
            (true, true) => self.reconnect(),
            (false, true) if self.socket.borrow().as_ref().is_some_and(is_open) => {
                self.failed(self.attempt.get(), false);
            }
            (false, true) => {}
            (_, false) => {
                self.unanswered.set(unanswered + 1);
                self.send(&ClientFrame::Activity { active: self.scope.shell.looking.get_untracked() });
            }
        }
        let link = Rc::clone(self);
        dom::after(BEAT_MS, move || link.beat());
    }
}
