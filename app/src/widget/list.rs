//! The list of conversations.

use leptos::prelude::*;
use postil::{
    clock::Timestamp,
    domain::{ConversationKind, RecordKind},
    feed::{ConversationView, Failure, Feed, Input, Loading, Unread},
    ids::ConversationId,
    wire::{CreateConversation, MessagePreview, Person},
};

use super::picker;
use crate::{
    net::{dom, socket},
    parts::{face, icon, states},
    state::{Scope, chips::ChipState, keyed::Keyed, scope::Dialog},
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
    let typing = view.typing.first().map(|user| feed.person(*user).map_or_else(|| "Someone".to_owned(), |person| person.name.clone()));
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
pub fn list(scope: Scope) -> AnyView {
    let ui = scope.ui;
    let rows = move |feed: &Feed, unread_only: bool, open: Option<ConversationId>| {
        let all = feed.inbox().conversations;
        all.iter()
            // The open one stays while it is being read, or it would vanish under the cursor.
            .filter(|view| !unread_only || view.unread.0 > 0 || open == Some(view.id))
            .map(|view| (view.id, row(feed, view)))
            .collect::<Vec<_>>()
    };
    let keyed = Keyed::new(scope.read(|feed| rows(feed, false, None)));
    Effect::new(move |_| {
        let (unread_only, open) = (ui.unread_only.get(), ui.open.get());
        keyed.update(scope.with(|feed| rows(feed, unread_only, open)));
    });
    let stage = Memo::new(move |_| scope.with(stage));
    // One stop for the tab key: the open conversation, else the first; arrows go on from there.
    let stop = Memo::new(move |_| {
        let keys = keyed.keys();
        ui.open.get().filter(|open| keys.contains(open)).or_else(|| keys.first().copied())
    });
    let filter = move |label: &'static str, unread_only: bool| {
        let pressed = move || if ui.unread_only.get() == unread_only { "true" } else { "false" };
        view! {
            <button type="button" class="filter" aria-pressed=pressed on:click=move |_| ui.unread_only.set(unread_only)>{label}</button>
        }
        .into_any()
    };
    let body = move || match stage.get() {
        Stage::Loading => states::skeleton(6, "Loading conversations"),
        Stage::Failed(failure) => states::error(&failure, "Nothing was changed.", move || {
            scope.apply(Input::InboxOpened);
            socket::try_now();
        }),
        Stage::Ready { more, loading_more } => view! {
            {move || keyed.keys().is_empty().then(|| nothing(scope))}
            <ul on:keydown=arrows>
                <For each=move || keyed.keys() key=|id| *id children=move |id| entry(scope, keyed, stop, id) />
            </ul>
            {more.then(|| view! {
                <div class="more">
                    <button type="button" class="link" disabled=loading_more on:click=move |_| scope.apply(Input::InboxMoreWanted)>
                        {if loading_more { "Loading" } else { "More conversations" }}
                    </button>
                </div>
            })}
        }
        .into_any(),
    };
    view! {
        <section class="pane-list" aria-label="Conversations">
            <div class="list-head">
                <h2>"Conversations"</h2>
                <div class="filters" role="group" aria-label="Show">{filter("All", false)}{filter("Unread", true)}</div>
                <button type="button" class="icon-button" aria-label="New conversation" title="New conversation" aria-haspopup="dialog"
                    on:click=move |_| ui.dialog.set(Some(Dialog::Picker))>{icon::icon(icon::COMPOSE)}</button>
            </div>
            {about(scope)}
            <div class="list" data-testid="conversations">{body}</div>
        </section>
    }
    .into_any()
}

fn nothing(scope: Scope) -> AnyView {
    if scope.ui.unread_only.get() {
        return states::empty("All read", "Nothing new for you here.".to_owned(), None);
    }
    let start = view! {
        <button type="button" class="button primary" on:click=move |_| scope.ui.dialog.set(Some(Dialog::Picker))>"Start a conversation"</button>
    }
    .into_any();
    states::empty("No conversations yet", "Talk to a colleague, or about a record on your screen.".to_owned(), Some(start))
}

/// The record on the host's screen: its conversation is one click away.
fn about(scope: Scope) -> AnyView {
    Effect::new(move |_| {
        if let Some(key) = scope.host_record() {
            scope.chips.want(scope, &key);
        }
    });
    view! {
        {move || {
            let key = scope.host_record()?;
            let ChipState::Known(record) = scope.chips.get(&key) else { return None };
            let start = move |_| picker::create(scope, CreateConversation::Record { record: key.clone() });
            Some(view! {
                <button type="button" class="row-about" data-testid="about-record" on:click=start>
                    {icon::record(record.kind)}<span class="truncate">{format!("Talk about {}", record.title)}</span>
                </button>
            }.into_any())
        }}
    }
    .into_any()
}

fn entry(scope: Scope, keyed: Keyed<ConversationId, Row>, stop: Memo<Option<ConversationId>>, id: ConversationId) -> AnyView {
    let Some(cell) = keyed.cell(&id) else { return ().into_any() };
    let (of_class, of_face) = (cell.clone(), cell.clone());
    let class = move || if of_class.with(|row| row.unread.0 > 0) { "row unread" } else { "row" };
    let current = move || (scope.ui.open.get() == Some(id)).then_some("true");
    let tab = move || if stop.get() == Some(id) { "0" } else { "-1" };
    // A new face would lose its presence for a moment: it is made anew only when it is another's.
    let face = Memo::new(move |_| of_face.with(|row| (row.kind, row.record, row.other.clone())));
    view! {
        <li>
            <button type="button" class=class aria-current=current tabindex=tab on:click=move |_| scope.open(id)>
                {move || face.with(|(kind, record, other)| face::of_conversation(scope, *kind, *record, other.as_ref()))}
                <span class="row-main">{move || cell.with(|row| main(scope, row))}</span>
            </button>
        </li>
    }
    .into_any()
}

fn main(scope: Scope, row: &Row) -> AnyView {
    let clock = scope.shell.clock.get();
    let preview = match (&row.typing, &row.last) {
        (Some(name), _) => format!("{name} is writing"),
        (None, Some(last)) if last.deleted => "Message deleted".to_owned(),
        (None, Some(last)) if last.author_id == scope.viewer => format!("You: {}", last.text),
        (None, Some(last)) if row.kind == ConversationKind::Direct => last.text.clone(),
        (None, Some(last)) => format!("{}: {}", last.author_name.split(' ').next().unwrap_or_default(), last.text),
        (None, None) => "No messages yet".to_owned(),
    };
    let unread = (row.unread.0 > 0).then(|| {
        view! { <span class="badge">{row.unread.to_string()}<span class="visually-hidden">" unread"</span></span> }.into_any()
    });
    let failed = (row.failed > 0).then(|| view! { <span class="failed-note">"Not sent · "</span> }.into_any());
    let waiting = (row.failed == 0 && row.pending > 0).then(|| view! { <span>"Sending · "</span> }.into_any());
    view! {
        <span class="row-line">
            <span class="row-title truncate">{row.title.clone()}</span>
            <span class="row-time">{clock.short(row.at)}</span>
        </span>
        <span class="row-line">
            <span class="row-preview truncate">{failed}{waiting}{preview}</span>{unread}
        </span>
    }
    .into_any()
}

/// Up, down, home and end go from row to row.
fn arrows(event: web_sys::KeyboardEvent) {
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
