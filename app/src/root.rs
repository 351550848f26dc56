//! The root of `/messages` and `/widget`: who is signed in decides what is shown.

use postil::{
    clock::Timestamp,
    feed::Failure,
    wire::{Code, Me},
};

use crate::{
    net::{
        api::{self, Call},
        boot, dom, tabs,
    },
    node::{Element, Node, button, div, el},
    page::Seed,
    parts::states,
    react::{Memo, RwSignal, StoredValue},
    state::{Clock, Session, Shell, Surface},
    widget::panel,
};

/// The root view, equal on the server and while the browser hydrates.
#[must_use]
pub fn root(seed: Seed, widget: bool) -> Node {
    let surface = match (widget, seed.embedded) {
        (false, _) => Surface::Page,
        (true, false) => Surface::Widget,
        (true, true) => Surface::Embedded,
    };
    let session = match &seed.me {
        Some(me) => Session::In(Box::new(me.clone())),
        None => Session::Waiting,
    };
    let shell = Shell {
        session: RwSignal::new(session),
        clock: RwSignal::new(Clock { now: seed.now.unwrap_or(Timestamp::from_micros(0)), local: false }),
        surface,
        record: RwSignal::new(seed.record.clone()),
        looking: RwSignal::new(false),
        attended: RwSignal::new(false),
        polite: RwSignal::new(String::new()),
        assertive: RwSignal::new(String::new()),
    };
    let seed = StoredValue::new(Some(seed));
    let key = Memo::new(move || shell.session_key());
    dom::effect(move || start(shell));
    // What had the focus goes with the company: the next thing's name takes it. Not when the page has only just begun.
    let mut former = 0;
    dom::effect(move || {
        if core::mem::replace(&mut former, key.get()) > 0 {
            dom::keep_focus("h1");
        }
    });
    let said = |urgency: &'static str, line: RwSignal<String>| {
        div("visually-hidden").attr("aria-live", urgency).test_id(urgency).live(move || line.get())
    };
    div("app")
        .live(move || {
            // Read, not only tracked: a memo that nobody has read knows no signals.
            let _ = key.get();
            state(shell, seed.try_update_value(Option::take).flatten())
        })
        .child(said("polite", shell.polite))
        .child(said("assertive", shell.assertive))
        .into()
}

fn state(shell: Shell, seed: Option<Seed>) -> Node {
    match shell.session.get_untracked() {
        Session::In(me) => panel::panel(shell, *me, seed),
        Session::Waiting => plain(shell, states::skeleton(6, "Loading messages")),
        Session::SignedOut => {
            let (text, action) = match shell.surface {
                Surface::Embedded => ("This page's sign-in has ended. Load it again to go on.", reload("Reload")),
                _ => ("Sign in to go on.", sign_in()),
            };
            plain(shell, states::empty("You're signed out", text, action))
        }
        Session::Revoked(company) => {
            let text = format!("You no longer have access to {company}. Everything of it was removed from this page.");
            plain(shell, states::empty("Access ended", text, reload("Continue")))
        }
        Session::Locked { from, to } => {
            let text = match to {
                Some(to) => {
                    format!("This tab showed {from}; you switched to {to}. Nothing of {from} is loaded any more.")
                }
                None => format!("This tab showed {from}; you are in another company now."),
            };
            plain(shell, states::empty("You switched companies", text, reload("Reload")))
        }
        Session::Switching(to) => {
            let text = format!("Opening {to}. Nothing is loaded yet.");
            plain(shell, div("state fade-in").attr("role", "status").child(el("p", "").child(text)).into())
        }
        Session::Failed(failure) => {
            let again = move || {
                shell.leave(Session::Waiting);
                identify(shell);
            };
            plain(shell, states::error(&failure, "Messages could not be opened.", again))
        }
    }
}

/// A panel without a company: no hue, no list.
fn plain(shell: Shell, body: Node) -> Node {
    let header = el("header", "panel-header")
        .child(el("h1", "company").attr("tabindex", "-1").child("Messages"))
        .child(panel::collapse(shell.surface));
    el("main", "scope panel").label("Messages").child(header).child(div("panel-body").child(body)).into()
}

fn reload(label: &'static str) -> Element {
    let reload = || {
        if let Some(window) = dom::window() {
            let _ = window.location().reload();
        }
    };
    button("button primary", reload).child(label)
}

fn sign_in() -> Element {
    el("a", "button primary").attr("href", "/sign-in").attr("target", "_top").child("Sign in")
}

/// Runs once in the browser: the clock turns local, the person is identified, the page's events are heard.
fn start(shell: Shell) {
    tick(shell);
    shell.look_up();
    if let Some(document) = dom::document() {
        dom::listen(&document, "visibilitychange", move |_| {
            shell.look_up();
            set_clock(shell);
        });
        for act in ["pointerdown", "keydown"] {
            dom::listen(&document, act, move |_| shell.attended.set(true));
        }
    }
    dom::effect(move || {
        shell.session.with(|session| match session {
            // Boot may know already, or be about to.
            Session::Waiting => {}
            Session::In(me) => boot::context(Some(me)),
            _ => boot::context(None),
        });
    });
    tabs::listen(shell);
    boot::listen(shell);
    if shell.session.with_untracked(|session| *session == Session::Waiting) {
        identify(shell);
    }
}

fn set_clock(shell: Shell) {
    shell.clock.set(Clock { now: dom::now(), local: true });
}

fn tick(shell: Shell) {
    set_clock(shell);
    dom::after(60_000, move || tick(shell));
}

/// Finds out who is signed in.
fn identify(shell: Shell) {
    dom::spawn(async move {
        let session = if shell.surface == Surface::Embedded {
            match boot::session().await {
                Ok(Some(embedded)) => {
                    api::set_bearer(Some(embedded.session_token));
                    Session::In(Box::new(embedded.me))
                }
                Ok(None) => Session::SignedOut,
                Err(failure) => Session::Failed(failure),
            }
        } else {
            match api::call::<Me>(shell, None, Call::get("/me")).await {
                Ok(me) => Session::In(Box::new(me)),
                Err(Failure::Problem(problem)) if problem.code == Code::Unauthenticated => Session::SignedOut,
                Err(failure) => Session::Failed(failure),
            }
        };
        shell.session.set(session);
    });
}
