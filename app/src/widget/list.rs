//! The list of conversations.

use postil::{
    clock::Timestamp,
    domain::{ConversationKind, RecordKind},
    feed::{ConversationView, Failure, Feed, Input, Loading, Unread},
    ids::ConversationId,
    wire::{CreateConversation, MessagePreview, Person},
};
use wasm_bindgen::JsCast as _;

use super::picker;
use crate::{
    net::{dom, socket},
    node::{Node, button, div, each, el, live, span},
    parts::{face, icon, states},
    react::{Memo, RwSignal},
    state::{
        Scope,
        chips::ChipState,
        keyed::{Keyed, key},
        scope::{Dialog, Show},
    },
};

/// A row as it is shown.
#[derive(Clone, PartialEq)]
struct Row {
    id: ConversationId,
    kind: ConversationKind,
    record: Option<RecordKind>,
    other: Option<Person>,
    title: String,
    last: Option<MessagePreview>,
    unread: Unread,
    failed: usize,
    pending: usize,
    typing: Option<String>,
    at: Timestamp,
}

fn row(feed: &Feed, view: &ConversationView<'_>) -> Row {
    let typing = view
        .typing
        .first()
        .map(|user| feed.person(*user).map_or_else(|| "Someone".to_owned(), |person| person.name.clone()));
    Row {
        id: view.id,
        kind: view.kind,
        record: view.record.map(|record| record.kind),
        other: (view.kind == ConversationKind::Direct)
            .then(|| view.people.iter().find(|person| person.id != feed.viewer()).cloned())
            .flatten(),
        title: view.title.to_owned(),
        last: view.last.cloned(),
        unread: view.unread,
        failed: view.failed,
        pending: view.pending,
        typing,
        at: view.activity_at,
    }
}

/// What is offered, as it stands in the field and as it is said.
const SHOWS: [(Show, &str, &str); 6] = [
    (Show::All, "all", "Conversations"),
    (Show::Direct, "direct", "Direct messages"),
    (Show::Group, "group", "Groups"),
    (Show::Record(RecordKind::Transaction), "transaction", "Transactions"),
    (Show::Record(RecordKind::Plan), "plan", "Plans"),
    (Show::Record(RecordKind::Topic), "topic", "Topics"),
];

fn fits(show: Show, view: &ConversationView<'_>) -> bool {
    match show {
        Show::All => true,
        Show::Direct => view.kind == ConversationKind::Direct,
        Show::Group => view.kind == ConversationKind::Group,
        Show::Record(kind) => view.record.is_some_and(|record| record.kind == kind),
    }
}

/// A narrowed list with fewer rows than this looks further by itself: what fits may stand on a page that is not loaded.
const ROWS_WANTED: usize = 20;

/// How much of the list is there.
#[derive(Clone, PartialEq)]
enum Stage {
    Loading,
    Failed(Failure),
    Ready { more: bool, loading_more: bool },
}

fn stage(feed: &Feed) -> Stage {
    let inbox = feed.inbox();
    match inbox.loading {
        Loading::Failed(failure) if inbox.conversations.is_empty() => Stage::Failed(failure.clone()),
        Loading::Idle | Loading::Busy if inbox.conversations.is_empty() => Stage::Loading,
        _ => Stage::Ready { more: inbox.more, loading_more: inbox.loading_more },
    }
}

/// The list with its head.
#[must_use]
pub fn list(scope: Scope) -> Node {
    let ui = scope.ui;
    let rows = move |feed: &Feed, show: Show, unread_only: bool, open: Option<ConversationId>| {
        let all = feed.inbox().conversations;
        all.iter()
            .filter(|view| fits(show, view))
            // The open one stays while it is being read, or it would vanish under the cursor.
            .filter(|view| !unread_only || view.unread.0 > 0 || open == Some(view.id))
            .map(|view| (key(&view.id), row(feed, view)))
            .collect::<Vec<_>>()
    };
    let keyed = Keyed::new(scope.read(|feed| rows(feed, Show::All, false, None)));
    dom::effect(move || {
        let (show, unread_only, open) = (ui.show.get(), ui.unread_only.get(), ui.open.get());
        keyed.update(scope.with(|feed| rows(feed, show, unread_only, open)));
    });
    let stage = Memo::new(move || scope.with(stage));
    let narrowed = move || (ui.show.get(), ui.unread_only.get());
    let mut looked = None;
    dom::effect(move || {
        let (now, found) = (narrowed(), keyed.keys().len());
        let idle = stage.with(|stage| matches!(stage, Stage::Ready { more: true, loading_more: false }));
        if now == (Show::All, false) || found >= ROWS_WANTED || !idle {
            return;
        }
        // Once for each number of rows that are loaded: a page that fails is not asked for over and over.
        let loaded = scope.read(|feed| feed.inbox().conversations.len());
        if looked.replace((now, loaded)) != Some((now, loaded)) {
            scope.apply(Input::InboxMoreWanted);
        }
    });
    // The last page takes its button away, and the focus with it.
    let mut former = false;
    dom::effect(move || {
        let more = stage.with(|stage| matches!(stage, Stage::Ready { more: true, .. }));
        if core::mem::replace(&mut former, more) && !more {
            dom::keep_focus(".list .row[tabindex='0']");
        }
    });
    // One stop for the tab key: the open conversation, else the first; arrows go on from there.
    let stop = Memo::new(move || {
        let keys = keyed.keys();
        ui.open
            .get()
            .map(|open| key(&open))
            .filter(|open| keys.contains(open))
            .or_else(|| keys.first().copied())
            .unwrap_or(0)
    });
    let filter = move |label: &'static str, unread_only: bool| {
        button("filter", move || ui.unread_only.set(unread_only))
            .attr_live("aria-pressed", move || Some(if ui.unread_only.get() == unread_only { "true" } else { "false" }))
            .child(label)
    };
    let body = move || match stage.get() {
        Stage::Loading => states::skeleton(6, "Loading conversations"),
        Stage::Failed(failure) => states::error(&failure, "Nothing was changed.", move || {
            scope.apply(Input::InboxOpened);
            socket::try_now();
        }),
        Stage::Ready { more, loading_more } => vec![
            live(move || keyed.keys().is_empty().then(|| nothing(scope, more, loading_more))),
            el("ul", "")
                .on("keydown", arrows)
                .child(each(move || keyed.keys(), move |key| entry(scope, keyed, stop, key)))
                .into(),
            more.then(|| {
                let more = button("link", move || scope.apply(Input::InboxMoreWanted))
                    .attr_if("aria-disabled", loading_more.then_some("true"));
                div("more").child(more.child(if loading_more { "Loading" } else { "More conversations" }))
            })
            .into(),
        ]
        .into(),
    };
    let compose = button("icon-button", move || ui.dialog.set(Some(Dialog::Picker)))
        .label("New conversation")
        .attr("title", "New conversation")
        .attr("aria-haspopup", "dialog")
        .child(icon::icon(icon::COMPOSE));
    let chosen = move |event: web_sys::Event| {
        let value = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok());
        let value = value.map(|select| select.value()).unwrap_or_default();
        if let Some((show, ..)) = SHOWS.iter().find(|(_, name, _)| *name == value) {
            ui.show.set(*show);
        }
    };
    let kinds = SHOWS.iter().map(|(_, value, said)| el("option", "").attr("value", *value).child(*said).into());
    let kind = el("select", "list-kind").label("Kind of conversation").on("change", chosen).children(kinds);
    let head = div("list-head")
        .child(el("h2", "visually-hidden").child("Conversations"))
        .child(span("list-kind-box").child(kind).child(icon::icon(icon::FOLD)))
        .child(
            div("filters")
                .attr("role", "group")
                .label("Show")
                .child(filter("All", false))
                .child(filter("Unread", true)),
        )
        .child(compose);
    let wrong = RwSignal::new(None::<String>);
    el("section", "pane-list")
        .label("Conversations")
        .child(head)
        .child(about(scope, wrong))
        .live(move || wrong.get().map(|text| el("p", "strip error").attr("role", "alert").child(text)))
        .child(div("list").test_id("conversations").live(body))
        .into()
}

fn nothing(scope: Scope, more: bool, loading_more: bool) -> Node {
    if loading_more {
        return states::skeleton(3, "Loading conversations");
    }
    let narrowed = (scope.ui.show.get(), scope.ui.unread_only.get());
    match narrowed {
        (Show::All, false) => {}
        // The rest could not be loaded: what is not known is not said.
        _ if more => return states::empty("Nothing yet", "Not all conversations are loaded.", ()),
        (Show::All, true) => return states::empty("All read", "Nothing new for you here.", ()),
        (_, true) => return states::empty("All read", "Nothing new for you of this kind.", ()),
        _ => return states::empty("None of this kind", "The other kinds are in the list above.", ()),
    }
    let start =
        button("button primary", move || scope.ui.dialog.set(Some(Dialog::Picker))).child("Start a conversation");
    states::empty("No conversations yet", "Talk to a colleague, or about a record on your screen.", start)
}

/// The record on the host's screen: its conversation is one click away.
fn about(scope: Scope, wrong: RwSignal<Option<String>>) -> Node {
    dom::effect(move || {
        if let Some(key) = scope.host_record() {
            scope.chips.want(scope, &key);
        }
    });
    live(move || {
        let key = scope.host_record()?;
        let ChipState::Known(record) = scope.chips.get(&key) else { return None };
        let start = move || picker::create(scope, CreateConversation::Record { record: key.clone() }, wrong);
        let text = format!("Talk about {}", record.title);
        Some(
            button("row-about", start)
                .test_id("about-record")
                .child(icon::record(record.kind))
                .child(span("truncate").child(text)),
        )
    })
}

fn entry(scope: Scope, keyed: Keyed<Row>, stop: Memo<u64>, key: u64) -> Node {
    let Some(cell) = keyed.cell(key) else { return Node::Empty };
    let id = cell.with_untracked(|row| row.id);
    let (of_class, of_face) = (cell.clone(), cell.clone());
    let row = button("", move || scope.open(id))
        .class_live(move || if of_class.with(|row| row.unread.0 > 0) { "row unread" } else { "row" })
        .attr_live("aria-current", move || (scope.ui.open.get() == Some(id)).then_some("true"))
        .attr_live("tabindex", move || Some(if stop.get() == key { "0" } else { "-1" }))
        .live(move || of_face.with(|row| face::of_conversation(scope, row.kind, row.record, row.other.as_ref())))
        .child(span("row-main").live(move || cell.with(|row| main(scope, row))));
    el("li", "").child(row).into()
}

fn main(scope: Scope, row: &Row) -> Vec<Node> {
    let clock = scope.shell.clock.get();
    let preview = match (&row.typing, &row.last) {
        (Some(name), _) => format!("{name} is writing"),
        (None, Some(last)) if last.deleted => "Message deleted".to_owned(),
        (None, Some(last)) if last.blocked => "Message from a blocked person".to_owned(),
        // Hidden by a moderator; or a message of signs that no line can show.
        (None, Some(last)) if last.text.is_empty() => "…".to_owned(),
        (None, Some(last)) if last.author_id == scope.viewer => format!("You: {}", last.text),
        (None, Some(last)) if row.kind == ConversationKind::Direct => last.text.clone(),
        (None, Some(last)) => format!("{}: {}", last.author_name.split(' ').next().unwrap_or_default(), last.text),
        (None, None) => "No messages yet".to_owned(),
    };
    let unread = (row.unread.0 > 0)
        .then(|| span("badge").child(row.unread.to_string()).child(span("visually-hidden").child(" unread")));
    let state = match (row.failed, row.pending) {
        (0, 0) => None,
        (0, _) => Some(span("").child("Sending · ")),
        _ => Some(span("failed-note").child("Not sent · ")),
    };
    let title = span("row-line")
        .child(span("row-title truncate").child(row.title.clone()))
        .child(span("row-time").child(clock.short(row.at)));
    let below = span("row-line").child(span("row-preview truncate").child(state).child(preview)).child(unread);
    vec![title.into(), below.into()]
}

/// Up, down, home and end go from row to row.
fn arrows(event: web_sys::Event) {
    let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
    let Some(list) = dom::find(".list") else { return };
    let rows = dom::find_all(&list, ".row");
    let at = rows.iter().position(|row| row.matches(":focus").unwrap_or(false)).unwrap_or(0);
    let to = match event.key().as_str() {
        "ArrowDown" => (at + 1).min(rows.len().saturating_sub(1)),
        "ArrowUp" => at.saturating_sub(1),
        "Home" => 0,
        "End" => rows.len().saturating_sub(1),
        _ => return,
    };
    event.prevent_default();
    if let Some(row) = rows.get(to) {
        let _ = row.focus();
    }
}
