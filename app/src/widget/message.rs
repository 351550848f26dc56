//! One message in its place.

use leptos::prelude::*;
use postil::{
    clock::Timestamp,
    feed::{Failure, Input, ItemKey},
    ids::{ConversationId, MessageId},
    wire::Code,
};

use super::{
    composer::{self, Target},
    log,
};
use crate::{
    net::{dom, ids},
    parts::{chip, face, icon, text},
    state::{
        Scope,
        rows::{MessageRow, Progress, RAILS_MAX, Row},
        scope::Dialog,
        words,
    },
};

/// The id of a message's node.
fn node_id(id: MessageId) -> String {
    format!("m-{id}")
}

/// A message. Its node stays while what it shows changes.
#[must_use]
pub fn message(scope: Scope, conversation: ConversationId, cell: ArcRwSignal<Row>) -> AnyView {
    let read = move || {
        cell.with(|row| match row {
            Row::Message(row) => (**row).clone(),
            _ => unreachable!("a message's key names a message"),
        })
    };
    let row = Memo::new(move |_| read());
    let class = move || row.with(class);
    let seq = move || row.with(|row| row.seq.map(|seq| seq.to_string()));
    let node = move || row.with(|row| row.id.map(node_id));
    let label = move || row.with(|row| label(scope, row));
    let editing = Memo::new(move |_| row.with(|row| row.id).filter(|id| scope.ui.editing.get() == Some(*id)));
    view! {
        <article class=class id=node data-seq=seq tabindex="-1" aria-label=label data-testid="message">
            <div class="message-face">{move || row.with(|row| gutter(scope, row))}</div>
            <div class="message-body">
                {move || row.with(|row| head(scope, row))}
                {move || match editing.get() {
                    Some(id) => composer::composer(scope, conversation, Target::Edit(id)),
                    None => row.with(|row| body(scope, row)),
                }}
                {move || row.with(|row| foot(scope, conversation, row))}
            </div>
            {move || editing.get().is_none().then(|| row.with(|row| actions(scope, row)))}
        </article>
    }
    .into_any()
}

fn class(row: &MessageRow) -> String {
    let mut class = format!("message depth-{}", row.depth.min(RAILS_MAX));
    let flags = [
        (row.depth == 0, " root"),
        (row.head, " head"),
        (row.new, " is-new"),
        (row.deleted, " deleted"),
        (matches!(row.progress, Progress::Busy(_) | Progress::Waiting), " pending"),
        (matches!(row.progress, Progress::SendFailed(_)), " failed"),
    ];
    flags.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| class.push_str(name));
    class
}

fn label(scope: Scope, row: &MessageRow) -> String {
    let what = if row.depth == 0 { "" } else { ", reply" };
    let new = if row.new { ", new" } else { "" };
    format!("{}{what}{new}, {}", row.author.name, scope.shell.clock.get().long(row.at))
}

fn gutter(scope: Scope, row: &MessageRow) -> AnyView {
    if row.head {
        return face::with_presence(scope, &row.author, "");
    }
    let time = scope.shell.clock.get().time(row.at);
    view! { <span class="message-hover-time" aria-hidden="true">{time}</span> }.into_any()
}

fn time(scope: Scope, at: Timestamp, class: &'static str) -> AnyView {
    let clock = scope.shell.clock.get();
    view! { <time class=class datetime=at.to_string() title=clock.long(at)>{clock.time(at)}</time> }.into_any()
}

fn head(scope: Scope, row: &MessageRow) -> Option<AnyView> {
    let context = row.context.clone().zip(row.parent).map(|((name, beginning), parent)| {
        let text = format!("replying to {name}: {beginning}");
        view! {
            <button type="button" class="message-context" on:click=move |_| log::reveal(scope, parent)>
                {icon::icon(icon::REPLY)}<span class="truncate">{text}</span>
            </button>
        }
        .into_any()
    });
    row.head.then(|| {
        view! {
            {context}
            <div class="message-head">
                <span class="message-author truncate">{row.author.name.clone()}</span>
                {face::guest_tag(&row.author)}
                {time(scope, row.at, "message-time")}
            </div>
        }
        .into_any()
    })
}

fn body(scope: Scope, row: &MessageRow) -> AnyView {
    if row.deleted {
        return view! { <div class="message-text">"Message deleted"</div> }.into_any();
    }
    let edited = row.edited_at.map(|at| {
        let title = format!("Edited {}", scope.shell.clock.get().long(at));
        view! { <span class="message-mark" title=title data-testid="edited">"edited"</span> }.into_any()
    });
    let link = row.link.clone().map(|link| chip::link(scope, link));
    view! { <div class="message-text" dir="auto">{text::document(scope, &row.text)}</div>{link}{edited}{state(scope, row)} }.into_any()
}

/// How far it has come, in place: nothing is lost by looking away.
fn state(scope: Scope, row: &MessageRow) -> Option<AnyView> {
    let plain = |icon_path: &'static str, text: &'static str| {
        Some(view! { <div class="message-state">{icon::icon(icon_path)}{text}</div> }.into_any())
    };
    match &row.progress {
        Progress::Settled => None,
        Progress::Busy(what) => plain(icon::CLOCK, what),
        Progress::Waiting => plain(icon::CLOCK, "Waiting for the connection"),
        Progress::SendFailed(failure) => {
            let ItemKey::Own(key) = row.key.clone() else { return None };
            let (again, away) = (key.clone(), key.clone());
            let retry = view! {
                <button type="button" class="link" on:click=move |_| scope.apply(Input::Retry { key: again.clone() })>"Retry"</button>
            }
            .into_any();
            let discard = view! {
                <button type="button" class="link" on:click=move |_| scope.apply(Input::Discard { key: away.clone() })>"Discard"</button>
            }
            .into_any();
            let first = legal_parent(scope, failure).map_or(retry, |parent| instead(scope, key, parent));
            Some(failed(format!("Not sent: {}", words::failure(failure)), failure, view! { {first}{discard} }.into_any()))
        }
        Progress::ChangeFailed(failure) => {
            let message = row.id?;
            let buttons = view! {
                <button type="button" class="link" on:click=move |_| scope.apply(Input::ChangeRetry { message })>"Retry"</button>
                <button type="button" class="link" on:click=move |_| scope.apply(Input::ChangeDiscard { message })>"Discard"</button>
            }
            .into_any();
            Some(failed(format!("Not changed: {}", words::failure(failure)), failure, buttons))
        }
    }
}

fn failed(text: String, failure: &Failure, buttons: AnyView) -> AnyView {
    let title = words::correlation(failure).map(|id| format!("Correlation id {id}"));
    view! { <div class="message-state failed" title=title data-testid="failed">{icon::icon(icon::WARNING)}<span>{text}</span>{buttons}</div> }.into_any()
}

fn legal_parent(scope: Scope, failure: &Failure) -> Option<MessageId> {
    let Failure::Problem(problem) = failure else { return None };
    let parent = problem.legal_parent_id.filter(|_| problem.code == Code::ReplyTooDeep)?;
    scope.read(|feed| feed.message(parent).is_some()).then_some(parent)
}

/// Sends what was too deep as a reply to the message that can be answered.
fn instead(scope: Scope, key: String, parent: MessageId) -> AnyView {
    let name = scope.read(|feed| feed.message(parent).map(|message| message.author.name.clone())).unwrap_or_default();
    let send = move |_| {
        let unsent = scope.read(|feed| feed.unsent().into_iter().find(|unsent| unsent.key == key));
        let Some(unsent) = unsent else { return };
        scope.apply(Input::Discard { key: key.clone() });
        scope.apply(Input::Send {
            key: ids::idempotency_key(),
            conversation: unsent.conversation,
            parent: Some(parent),
            body: unsent.body,
            record: unsent.record,
            author: unsent.author,
            at: dom::now(),
        });
    };
    view! { <button type="button" class="link" on:click=send>{format!("Reply to {name} instead")}</button> }.into_any()
}

/// Replies: how many, and a way to fold and unfold them.
fn foot(scope: Scope, _conversation: ConversationId, row: &MessageRow) -> Option<AnyView> {
    let id = row.id?;
    let (text, open) = match &row.folded {
        Some((hidden, author, at)) => {
            let ago = scope.shell.clock.get().ago(*at);
            (format!("{}, last by {author} {ago}", words::count(*hidden, "reply", "replies")), false)
        }
        None if row.depth == 0 && row.replies > 0 => (words::count(row.replies, "reply", "replies"), true),
        None => return None,
    };
    let glyph = if open { icon::FOLD } else { icon::UNFOLD };
    let expanded = if open { "true" } else { "false" };
    Some(
        view! {
            <div class="message-foot">
                <button type="button" class="link" aria-expanded=expanded data-testid="replies" on:click=move |_| fold(scope, id)>
                    {icon::icon(glyph)}{text}
                </button>
            </div>
        }
        .into_any(),
    )
}

fn fold(scope: Scope, id: MessageId) {
    scope.ui.collapsed.update(|collapsed| {
        if !collapsed.remove(&id) {
            collapsed.insert(id);
        }
    });
}

fn actions(scope: Scope, row: &MessageRow) -> Option<AnyView> {
    let id = row.id?;
    let (reply, edit, delete) = row.can;
    let ui = scope.ui;
    let reply = reply.then(|| {
        let start = move |_| {
            ui.editing.set(None);
            ui.reply_to.set(Some(id));
        };
        view! { <button type="button" class="action" on:click=start>{icon::icon(icon::REPLY)}"Reply"</button> }.into_any()
    });
    let edit = edit.then(|| {
        view! { <button type="button" class="action" aria-label="Edit" title="Edit" on:click=move |_| ui.editing.set(Some(id))>{icon::icon(icon::PENCIL)}</button> }.into_any()
    });
    let delete = delete.then(|| {
        view! {
            <button type="button" class="action destructive" aria-label="Delete" title="Delete" aria-haspopup="dialog"
                on:click=move |_| ui.dialog.set(Some(Dialog::Delete(id)))>{icon::icon(icon::TRASH)}</button>
        }
        .into_any()
    });
    let parent = row.parent.map(|parent| {
        view! {
            <button type="button" class="action" aria-label="Go to the message it answers" title="Go to the message it answers"
                on:click=move |_| log::reveal(scope, parent)>{icon::icon(icon::UP)}</button>
        }
        .into_any()
    });
    let folding = (row.replies > 0 && row.depth > 0 && row.folded.is_none()).then(|| {
        view! { <button type="button" class="action" aria-label="Collapse replies" title="Collapse replies" on:click=move |_| fold(scope, id)>{icon::icon(icon::FOLD)}</button> }.into_any()
    });
    if reply.is_none() && edit.is_none() && delete.is_none() && parent.is_none() && folding.is_none() {
        return None;
    }
    // On touch there is no hover: the dots give the message the focus, which shows its actions.
    let name = format!("Actions for the message of {}", row.author.name);
    let more = move |_| dom::focus_id(&node_id(id));
    Some(
        view! {
            <button type="button" class="icon-button message-more" aria-label=name.clone() on:click=more>{icon::icon(icon::DOTS)}</button>
            <div class="actions" role="group" aria-label=name>{reply}{parent}{folding}{edit}{delete}</div>
        }
        .into_any(),
    )
}
