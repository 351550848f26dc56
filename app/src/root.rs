//! The root of `/messages` and `/widget`: who is signed in decides what is shown.

use leptos::prelude::*;
use postil::{
    clock::Timestamp,
    feed::Failure,
    wire::{Code, EmbedSession, Me},
};
use wasm_bindgen_futures::spawn_local;

use crate::{
    net::{
        api::{self, Call},
        boot, dom, tabs,
    },
    page::Seed,
    parts::{icon, states},
    state::{Clock, Session, Shell, Surface, words},
    widget::panel,
};

/// The root view, equal on the server and while the browser hydrates.
#[must_use]
pub fn root(seed: Seed, widget: bool) -> AnyView {
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
        polite: RwSignal::new(String::new()),
        assertive: RwSignal::new(String::new()),
    };
    let seed = StoredValue::new(Some(seed));
    let key = Memo::new(move |_| shell.session_key());
    Effect::new(move |_| start(shell));
    view! {
        <div class="app">
            {move || {
                key.track();
                state(shell, seed.try_update_value(Option::take).flatten())
            }}
            <div class="visually-hidden" aria-live="polite" data-testid="polite">{move || shell.polite.get()}</div>
            <div class="visually-hidden" aria-live="assertive" data-testid="assertive">{move || shell.assertive.get()}</div>
        </div>
    }
    .into_any()
}

fn state(shell: Shell, seed: Option<Seed>) -> AnyView {
    match shell.session.get_untracked() {
        Session::In(me) => panel::panel(shell, *me, seed),
        Session::Waiting => plain(shell, states::skeleton(6, "Loading messages")),
        Session::SignedOut => {
            let (text, action) = match shell.surface {
                Surface::Embedded => ("This page's sign-in has ended. Load it again to go on.", reload("Reload")),
                _ => ("What you wrote is kept on this device.", sign_in()),
            };
            plain(shell, states::empty("You're signed out", text.to_owned(), Some(action)))
        }
        Session::Revoked(company) => {
            let text = format!("You no longer have access to {company}. Everything of it was removed from this page.");
            plain(shell, states::empty("Access ended", text, Some(reload("Continue"))))
        }
        Session::Locked { from, to } => {
            let text = match to {
                Some(to) => format!("This tab showed {from}; you switched to {to}. Nothing of {from} is loaded any more."),
                None => format!("This tab showed {from}; you are in another company now."),
            };
            plain(shell, states::empty("You switched companies", text, Some(reload("Reload"))))
        }
        Session::Switching(to) => {
            let text = format!("Opening {to}. Nothing is loaded yet.");
            plain(shell, view! { <div class="state fade-in" role="status"><p>{text}</p></div> }.into_any())
        }
        Session::Failed(failure) => plain(shell, states::error(&failure, "Nothing you wrote is lost.", move || identify(shell))),
    }
}

/// A panel without a company: no hue, no list.
fn plain(shell: Shell, body: AnyView) -> AnyView {
    let close = (shell.surface != Surface::Page).then(|| {
        view! {
            <div class="panel-tools">
                <button type="button" class="icon-button" aria-label="Collapse messages" on:click=move |_| boot::close()>
                    {icon::icon(icon::MINIMISE)}
                </button>
            </div>
        }
        .into_any()
    });
    view! {
        <main class="scope panel" aria-label="Messages">
            <header class="panel-header"><h1 class="company">"Messages"</h1>{close}</header>
            <div class="panel-body">{body}</div>
        </main>
    }
    .into_any()
}

fn reload(label: &'static str) -> AnyView {
    let reload = move |_| {
        if let Some(window) = dom::window() {
            let _ = window.location().reload();
        }
    };
    view! { <button type="button" class="button primary" on:click=reload>{label}</button> }.into_any()
}

fn sign_in() -> AnyView {
    view! { <a class="button primary" href="/sign-in" target="_top">"Sign in"</a> }.into_any()
}

/// Runs once in the browser: the clock turns local, the person is identified, the page's events are heard.
fn start(shell: Shell) {
    tick(shell);
    shell.looking.set(dom::tab_visible());
    if let Some(document) = dom::document() {
        dom::listen(&document, "visibilitychange", move |_| {
            shell.looking.set(dom::tab_visible());
            set_clock(shell);
        });
    }
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
    spawn_local(async move {
        let session = if shell.surface == Surface::Embedded {
            match boot::session().await.and_then(|text| serde_json::from_str::<EmbedSession>(&text).ok()) {
                Some(embedded) => {
                    api::set_bearer(Some(embedded.session_token));
                    Session::In(Box::new(embedded.me))
                }
                None => Session::SignedOut,
            }
        } else {
            match api::call::<Me>(shell, None, Call::get("/me")).await {
                Ok(me) => Session::In(Box::new(me)),
                Err(Failure::Problem(problem)) if problem.code == Code::Unauthenticated => Session::SignedOut,
                Err(failure) => Session::Failed(failure),
            }
        };
        if let Session::Failed(failure) = &session {
            shell.assertive.set(words::failure(failure));
        }
        shell.session.set(session);
    });
}
