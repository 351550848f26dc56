//! The panel of one company: header, strip, and the two levels: list, conversation.

use leptos::prelude::*;
use postil::{
    feed::{Connection, Feed, Input, Unsent},
    wire::Me,
};
use wasm_bindgen_futures::spawn_local;

use super::{dialog, list, talk};
use crate::{
    net::{
        api::{self, Call},
        boot, dom, socket, storage,
    },
    page::Seed,
    parts::icon,
    state::{Scope, Session, Shell, Surface, company, hue_class, scope::Dialog},
};

/// The panel. Everything in it belongs to the owner that this is called in.
#[must_use]
pub fn panel(shell: Shell, me: Me, seed: Option<Seed>) -> AnyView {
    let seed = seed.filter(|seed| seed.me.as_ref().is_some_and(|of| of.company_id == me.company_id && of.context_epoch == me.context_epoch));
    let hue = hue_class(company(&me).map_or(250, |company| company.hue.0));
    let scope = Scope::new(shell, me, seed);
    live(scope);
    let class = format!("scope panel fade-in {hue}");
    let panes = move || {
        let talk = if scope.ui.open.with(Option::is_some) { " has-talk" } else { "" };
        let narrow = if shell.surface == Surface::Page { "" } else { " narrow" };
        format!("panes{narrow}{talk}")
    };
    view! {
        <main class=class aria-label="Messages">
            {header(scope)}
            {strip(scope)}
            <div class="panel-body">
                <div class=panes>
                    {list::list(scope)}
                    <section class="pane-talk" aria-label="Conversation">
                        {move || match scope.ui.open.get() {
                            Some(conversation) => talk::talk(scope, conversation),
                            None => talk::none(),
                        }}
                    </section>
                </div>
            </div>
            {dialog::dialogs(scope)}
        </main>
    }
    .into_any()
}

fn header(scope: Scope) -> AnyView {
    let (name, several) = scope.me(|me| (company(me).map(|company| company.name.clone()), me.companies.len() > 1));
    let name = name.unwrap_or_default();
    let surface = scope.shell.surface;
    let company = if several && surface != Surface::Embedded {
        let label = format!("{name}, switch company");
        view! {
            <h1 class="truncate"><button type="button" class="company" aria-haspopup="dialog" aria-label=label data-testid="company"
                on:click=move |_| scope.ui.dialog.set(Some(Dialog::Switcher))>
                <span class="truncate">{name}</span>{icon::icon(icon::SWITCH)}
            </button></h1>
        }
        .into_any()
    } else {
        view! { <h1 class="company" data-testid="company"><span class="truncate">{name}</span></h1> }.into_any()
    };
    let out = (surface == Surface::Page).then(|| {
        view! {
            <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" on:click=move |_| sign_out(scope.shell)>
                {icon::icon(icon::OUT)}
            </button>
        }
        .into_any()
    });
    let collapse = (surface != Surface::Page).then(|| {
        view! {
            <button type="button" class="icon-button" aria-label="Collapse messages" title="Collapse" on:click=move |_| boot::close()>
                {icon::icon(icon::MINIMISE)}
            </button>
        }
        .into_any()
    });
    view! {
        <header class="panel-header">
            {company}
            <div class="panel-tools">{out}{collapse}</div>
        </header>
    }
    .into_any()
}

fn sign_out(shell: Shell) {
    spawn_local(async move {
        let call = Call { method: "DELETE", ..Call::get("/session") };
        if api::call::<Option<()>>(shell, None, call).await.is_ok() {
            shell.leave(Session::SignedOut);
        }
    });
}

/// What is wrong with the connection, inside the panel, as long as it is.
fn strip(scope: Scope) -> AnyView {
    let connection = Memo::new(move |_| scope.with(Feed::connection));
    view! {
        {move || {
            let text = match connection.get() {
                Connection::Reconnecting => "Reconnecting. What you write is kept and sent later.",
                Connection::Polling => "Live updates are away. Checking every few seconds.",
                Connection::Connecting | Connection::Live | Connection::Over(_) => return None,
            };
            Some(view! {
                <div class="strip fade-in" data-testid="strip">
                    <span>{text}</span>
                    <button type="button" class="link" on:click=move |_| socket::try_now()>"Try now"</button>
                </div>
            }.into_any())
        }}
    }
    .into_any()
}

/// What only happens in a browser: the socket, storage, the address, the badge.
fn live(scope: Scope) {
    let (shell, ui) = (scope.shell, scope.ui);
    Effect::new(move |_| {
        scope.settle_debts();
        restore(scope);
        socket::start(scope);
        if let Some(window) = dom::window() {
            dom::listen(&window, "online", |_| socket::try_now());
            if shell.surface == Surface::Page {
                dom::listen(&window, "popstate", move |_| match in_address() {
                    Some(conversation) => scope.open(conversation),
                    None => scope.close(),
                });
            }
        }
    });
    on_cleanup(|| {
        socket::stop();
        api::abort_all();
    });
    Effect::new(move |_| socket::activity(shell.looking.get()));
    let watched = Memo::new(move |_| scope.with(Feed::watch_list));
    Effect::new(move |_| socket::watch(watched.get()));
    let unread = Memo::new(move |_| scope.with(Feed::total_unread).0);
    Effect::new(move |_| boot::unread(unread.get()));
    Effect::new(move |former: Option<Option<postil::ids::ConversationId>>| {
        let open = ui.open.get();
        if former.is_some_and(|former| former != open) {
            remember(scope, open);
        }
        open
    });
    // A conversation that is gone for this person is no longer shown.
    let gone = Memo::new(move |_| ui.open.get().is_some_and(|id| scope.with(|feed| feed.conversation(id).is_none() && feed.timeline(id).is_none())));
    Effect::new(move |_| {
        if gone.get() {
            ui.open.set(None);
        }
    });
}

fn in_address() -> Option<postil::ids::ConversationId> {
    dom::window()?.location().pathname().ok()?.strip_prefix("/messages/")?.parse().ok()
}

/// Unsent messages and the conversation last open.
fn restore(scope: Scope) {
    if let Some(unsent) = storage::get(&scope.storage_key("outbox")).and_then(|text| serde_json::from_str::<Vec<Unsent>>(&text).ok()) {
        scope.apply(Input::OutboxRestored { context: scope.context(), unsent });
    }
    // On the full page the address says what is open; a host's record comes before what was open elsewhere.
    if scope.ui.open.get_untracked().is_none() && scope.shell.surface != Surface::Page {
        let last = storage::get(&scope.storage_key("conversation"));
        if let Some(conversation) = last.and_then(|id| id.parse().ok()) {
            scope.open(conversation);
        }
    }
}

fn remember(scope: Scope, open: Option<postil::ids::ConversationId>) {
    let key = scope.storage_key("conversation");
    match open {
        Some(id) => storage::set(&key, &id.to_string()),
        None => storage::remove(&key),
    }
    if scope.shell.surface == Surface::Page && in_address() != open {
        let path = open.map_or_else(|| "/messages".to_owned(), |id| format!("/messages/{id}"));
        if let Some(history) = dom::window().and_then(|window| window.history().ok()) {
            let _ = history.push_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&path));
        }
    }
}
