//! The panel of one company: header, strip, and the two levels: list, conversation.

use postil::{
    feed::{Connection, Failure, Feed},
    wire::{Code, Me},
};

use super::{dialog, keymap, list, talk};
use crate::{
    net::{
        api::{self, Call},
        boot, dom, socket, storage,
    },
    node::{Element, Node, button, div, el, live, span},
    page::Seed,
    parts::icon,
    react::{Memo, on_cleanup},
    state::{Scope, Session, Shell, Surface, company, hue_class, outbox, scope::Dialog, words},
};

/// The panel. Everything in it belongs to the owner that this is called in.
#[must_use]
pub fn panel(shell: Shell, me: Me, seed: Option<Seed>) -> Node {
    let seed = seed.filter(|seed| {
        seed.me.as_ref().is_some_and(|of| of.company_id == me.company_id && of.context_epoch == me.context_epoch)
    });
    let hue = hue_class(company(&me).map_or(250, |company| company.hue.0));
    let scope = Scope::new(shell, me, seed);
    begin(scope);
    let panes = move || {
        let talk = if scope.ui.open.with(Option::is_some) { " has-talk" } else { "" };
        let narrow = if shell.surface == Surface::Page { "" } else { " narrow" };
        format!("panes{narrow}{talk}")
    };
    let talk = el("section", "pane-talk").label("Conversation").live(move || match scope.ui.open.get() {
        Some(conversation) => talk::talk(scope, conversation),
        None => talk::none(),
    });
    let panes = div("").class_live(panes).child(list::list(scope)).child(talk);
    el("main", format!("scope panel fade-in {hue}"))
        .label("Messages")
        .child(header(scope))
        .child(strip(scope))
        .live(move || {
            let text = scope.ui.wrong.get()?;
            let away = button("link", move || scope.ui.wrong.set(None)).child("Dismiss");
            Some(div("strip error").attr("role", "alert").child(span("").child(text)).child(away))
        })
        .child(div("panel-body").child(panes))
        .child(dialog::dialogs(scope))
        .into()
}

fn header(scope: Scope) -> Element {
    let (name, several) = scope.me(|me| (company(me).map(|company| company.name.clone()), me.companies.len() > 1));
    let name = name.unwrap_or_default();
    let surface = scope.shell.surface;
    let company = if several && surface != Surface::Embedded {
        let switch = button("company", move || scope.ui.dialog.set(Some(Dialog::Switcher)))
            .attr("aria-haspopup", "dialog")
            .label(format!("{name}, switch company"))
            .test_id("company");
        el("h1", "truncate")
            .attr("tabindex", "-1")
            .child(switch.child(span("truncate").child(name)).child(icon::icon(icon::SWITCH)))
    } else {
        el("h1", "company").attr("tabindex", "-1").test_id("company").child(span("truncate").child(name))
    };
    let page = (surface == Surface::Page).then(|| {
        let out = button("icon-button", move || leave(scope)).label("Sign out").attr("title", "Sign out");
        div("panel-tools").child(out.child(icon::icon(icon::OUT)))
    });
    // Administration is a page of its own, never within a host's.
    let administration = scope.me(|me| me.administers).then(|| {
        el("a", "icon-button panel-admin")
            .attr("href", "/admin")
            .attr_if("target", (surface != Surface::Page).then_some("_blank"))
            .attr("title", "Administration")
            .label("Administration")
            .child(icon::icon(icon::SHIELD))
    });
    let find = button("icon-button panel-find", move || scope.ui.dialog.set(Some(Dialog::Find)))
        .label("Find conversations and messages")
        .attr("title", "Find (Ctrl+K, ⌘K)")
        .attr("aria-haspopup", "dialog")
        .child(icon::icon(icon::SEARCH));
    el("header", "panel-header").child(company).child(find).child(administration).child(page).child(collapse(surface))
}

/// Collapses the widget. The full page has nothing to collapse into.
#[must_use]
pub fn collapse(surface: Surface) -> Option<Element> {
    (surface != Surface::Page).then(|| {
        let collapse = button("icon-button", boot::close).label("Collapse messages").attr("title", "Collapse");
        div("panel-tools").child(collapse.child(icon::icon(icon::MINIMISE)))
    })
}

/// Asks first when something would be lost.
fn leave(scope: Scope) {
    match scope.read(|feed| feed.outbox().len()) {
        0 => sign_out(scope),
        unsent => scope.ui.dialog.set(Some(Dialog::SignOut(unsent))),
    }
}

/// Whoever signs out leaves nothing on the device: the next person at it is someone else.
pub(super) fn sign_out(scope: Scope) {
    let (shell, own) = (scope.shell, format!("postil:{}:", scope.viewer));
    scope.ui.wrong.set(None);
    dom::spawn(async move {
        let call = Call { method: "DELETE", ..Call::get("/session") };
        let answer = api::call::<Option<()>>(shell, None, call).await;
        // A session that had ended already is signed out; so is one whose socket says so before the answer is here.
        let is_over = match &answer {
            Ok(_) => true,
            Err(Failure::Problem(problem)) if problem.code == Code::Unauthenticated => true,
            Err(_) => shell.session.with_untracked(|session| *session == Session::SignedOut),
        };
        if let (Err(failure), false) = (answer, is_over) {
            scope.ui.wrong.set(Some(format!("You're still signed in. {}.", words::failure(&failure))));
            return;
        }
        shell.leave(Session::SignedOut);
        storage::remove_where(&own, |_| true);
    });
}

/// What is wrong with the connection, inside the panel, as long as it is.
fn strip(scope: Scope) -> Node {
    live(move || {
        let text = match scope.with(Feed::connection) {
            Connection::Reconnecting => "Reconnecting. What you write is kept and sent later.".to_owned(),
            Connection::Polling => {
                let (least, most) = (socket::POLL_MS / 1_000, (socket::POLL_MS + socket::POLL_JITTER_MS) / 1_000);
                format!("Live updates are away. Checking every {least} to {most} seconds.")
            }
            Connection::Connecting | Connection::Live | Connection::Over(_) => return None,
        };
        Some(
            div("strip fade-in")
                .test_id("strip")
                .child(span("").child(text))
                .child(button("link", socket::try_now).child("Try now")),
        )
    })
}

/// What only happens in a browser: the socket, storage, the address, the badge.
fn begin(scope: Scope) {
    let (shell, ui) = (scope.shell, scope.ui);
    dom::effect(move || keymap::listen(scope));
    dom::effect(move || {
        scope.settle_debts();
        restore(scope);
        socket::start(scope);
        if let Some(window) = dom::window() {
            dom::listen(&window, "online", |_| socket::network_is_back());
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
    dom::effect(move || socket::activity(shell.looking.get()));
    dom::effect(move || socket::watch(scope.with(Feed::watch_list)));
    let unread = Memo::new(move || scope.with(Feed::total_unread).0);
    dom::effect(move || boot::unread(unread.get()));
    let mut former = None;
    dom::effect(move || {
        let open = ui.open.get();
        if former.is_some_and(|former| former != open) {
            remember(scope, open);
        }
        former = Some(open);
    });
    // A conversation that is gone for this person is no longer shown.
    dom::effect(move || {
        if ui
            .open
            .get()
            .is_some_and(|id| scope.with(|feed| feed.conversation(id).is_none() && feed.timeline(id).is_none()))
        {
            ui.open.set(None);
        }
    });
}

fn in_address() -> Option<postil::ids::ConversationId> {
    dom::window()?.location().pathname().ok()?.strip_prefix("/messages/")?.parse().ok()
}

/// Unsent messages and the conversation last open.
fn restore(scope: Scope) {
    outbox::restore(scope);
    // On the full page the address says what is open.
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
