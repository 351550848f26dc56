//! One message in its place.

use postil::{
    feed::{Failure, Input, ItemKey},
    ids::{ConversationId, MessageId},
    wire::Code,
};

use super::{
    composer::{self, Target},
    log, moderation,
};
use crate::{
    net::{dom, ids},
    node::{Element, Node, button, div, el, span},
    parts::{chip, face, icon, text},
    react::{ArcRwSignal, Memo},
    state::{
        Scope,
        rows::{MessageRow, Progress, RAILS_MAX, Row},
        scope::Dialog,
        words,
    },
};

/// The id of a message's node.
#[must_use]
pub fn node_id(id: MessageId) -> String {
    format!("m-{id}")
}

/// What a message's cell holds.
#[derive(Clone)]
struct Shown(ArcRwSignal<Row>);

impl Shown {
    fn with<R>(&self, read: impl FnOnce(&MessageRow) -> R) -> R {
        self.0.with(|row| match row {
            Row::Message(row) => read(row),
            _ => unreachable!("a message's key names a message"),
        })
    }
}

/// A message. Its node stays while what it shows changes.
#[must_use]
pub fn message(scope: Scope, conversation: ConversationId, cell: ArcRwSignal<Row>) -> Node {
    let row = Shown(cell);
    let (of_class, of_node, of_seq, of_label) = (row.clone(), row.clone(), row.clone(), row.clone());
    let (of_face, of_head, of_body, of_foot, of_actions, of_editing) =
        (row.clone(), row.clone(), row.clone(), row.clone(), row.clone(), row);
    let class = move || of_class.with(class);
    let seq = move || of_seq.with(|row| row.seq.map(|seq| seq.to_string()));
    let node = move || of_node.with(|row| row.id.map(node_id));
    let label = move || of_label.with(|row| label(scope, row));
    let editing = Memo::new(move || {
        u16::from(of_editing.with(|row| row.id).is_some_and(|id| scope.ui.editing.get() == Some(id)))
    });
    el("article", "")
        .class_live(class)
        .attr_live("id", node)
        .attr_live("data-seq", seq)
        .attr("tabindex", "-1")
        .attr_live("aria-label", move || Some(label()))
        .test_id("message")
        .child(div("message-face").live(move || of_face.with(|row| gutter(scope, row))))
        .child(
            div("message-body")
                .live(move || of_head.with(|row| head(scope, row)))
                .live(move || match (editing.get(), scope.ui.editing.get_untracked()) {
                    (1, Some(id)) => composer::composer(scope, conversation, Target::Edit(id)),
                    _ => of_body.with(|row| body(scope, row)).into(),
                })
                .live(move || of_foot.with(|row| foot(scope, row))),
        )
        .live(move || if editing.get() == 1 { None } else { of_actions.with(|row| actions(scope, conversation, row)) })
        .into()
}

fn class(row: &MessageRow) -> String {
    let mut class = format!("message depth-{}", row.depth.min(RAILS_MAX));
    let flags = [
        (row.depth == 0, " root"),
        (row.head, " head"),
        (row.new, " is-new"),
        (row.deleted || row.hidden || row.blocked, " deleted"),
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

fn gutter(scope: Scope, row: &MessageRow) -> Node {
    if row.head {
        return face::with_presence(scope, &row.author, "");
    }
    span("message-hover-time").attr("aria-hidden", "true").child(scope.shell.clock.get().time(row.at)).into()
}

fn head(scope: Scope, row: &MessageRow) -> Option<Vec<Node>> {
    let context = row.context.clone().zip(row.parent).map(|((name, beginning), parent)| {
        let text = format!("replying to {name}: {beginning}");
        button("message-context", move || log::reveal(scope, parent))
            .child(icon::icon(icon::REPLY))
            .child(span("truncate").child(text))
    });
    row.head.then(|| {
        let clock = scope.shell.clock.get();
        let time = el("time", "message-time").attr("datetime", row.at.to_string()).attr("title", clock.long(row.at));
        let head = div("message-head")
            .child(span("message-author truncate").child(row.author.name.clone()))
            .child(face::guest_tag(&row.author))
            .child(time.child(clock.time(row.at)));
        vec![context.into(), head.into()]
    })
}

fn body(scope: Scope, row: &MessageRow) -> Vec<Node> {
    if row.deleted {
        return vec![div("message-text").child("Message deleted").into()];
    }
    if row.hidden {
        return vec![
            div("message-text").test_id("hidden").child("Hidden by a moderator").into(),
            state(scope, row).into(),
        ];
    }
    if let Some(id) = row.id.filter(|_| row.blocked) {
        let show = move || scope.ui.unfolded.update(|unfolded| unfolded.push(id));
        let text = div("message-text").test_id("folded").child("Message from a blocked person ");
        return vec![text.child(button("link", show).child("Show")).into()];
    }
    let edited = row.edited_at.map(|at| {
        let title = format!("Edited {}", scope.shell.clock.get().long(at));
        div("message-mark").attr("title", title).test_id("edited").child("edited")
    });
    vec![
        div("message-text").attr("dir", "auto").children(text::document(scope, &row.text)).into(),
        row.link.clone().map(|link| chip::link(scope, link)).into(),
        edited.into(),
        state(scope, row).into(),
    ]
}

/// How far it has come, in place: nothing is lost by looking away.
fn state(scope: Scope, row: &MessageRow) -> Option<Element> {
    let plain = |text: &'static str| Some(div("message-state").child(icon::icon(icon::CLOCK)).child(text));
    let link = |text: &'static str, input: Input| button("link", move || scope.apply(input.clone())).child(text);
    match &row.progress {
        Progress::Settled => None,
        Progress::Busy(what) => plain(what),
        Progress::Waiting => plain("Waiting for the connection"),
        Progress::SendFailed(failure) => {
            let ItemKey::Own(key) = row.key.clone() else { return None };
            let first = match legal_parent(scope, failure) {
                Some(parent) => instead(scope, key.clone(), parent),
                None => link("Retry", Input::Retry { key: key.clone() }),
            };
            let text = format!("Not sent: {}", words::failure(failure));
            Some(failed(text, failure).child(first).child(link("Discard", Input::Discard { key })))
        }
        Progress::ChangeFailed(failure) => {
            let message = row.id?;
            let text = format!("Not changed: {}", words::failure(failure));
            let retry = link("Retry", Input::ChangeRetry { message });
            Some(failed(text, failure).child(retry).child(link("Discard", Input::ChangeDiscard { message })))
        }
    }
}

fn failed(text: String, failure: &Failure) -> Element {
    let title = words::correlation(failure).map(|id| format!("Correlation id {id}"));
    div("message-state failed")
        .attr_if("title", title)
        .test_id("failed")
        .child(icon::icon(icon::WARNING))
        .child(span("").child(text))
}

fn legal_parent(scope: Scope, failure: &Failure) -> Option<MessageId> {
    let Failure::Problem(problem) = failure else { return None };
    let parent = problem.legal_parent_id.filter(|_| problem.code == Code::ReplyTooDeep)?;
    scope.read(|feed| feed.message(parent).is_some()).then_some(parent)
}

/// Sends what was too deep as a reply to the message that can be answered.
fn instead(scope: Scope, key: String, parent: MessageId) -> Element {
    let name = scope.read(|feed| feed.message(parent).map(|message| message.author.name.clone())).unwrap_or_default();
    let send = move || {
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
    button("link", send).child(format!("Reply to {name} instead"))
}

/// Replies: how many, and a way to fold and unfold them.
fn foot(scope: Scope, row: &MessageRow) -> Option<Element> {
    let id = row.id?;
    let (text, glyph, expanded) = match &row.folded {
        Some((hidden, author, at)) => {
            let ago = scope.shell.clock.get().ago(*at);
            (format!("{}, last by {author} {ago}", words::count(*hidden, "reply", "replies")), icon::UNFOLD, "false")
        }
        None if row.depth == 0 && row.replies > 0 => {
            (words::count(row.replies, "reply", "replies"), icon::FOLD, "true")
        }
        None => return None,
    };
    let fold = button("link", move || fold(scope, id)).attr("aria-expanded", expanded).test_id("replies");
    Some(div("message-foot").child(fold.child(icon::icon(glyph)).child(text)))
}

fn fold(scope: Scope, id: MessageId) {
    scope.ui.collapsed.update(|collapsed| match collapsed.iter().position(|of| *of == id) {
        Some(at) => drop(collapsed.swap_remove(at)),
        None => collapsed.push(id),
    });
}

/// An action without words on it has them in its name.
pub(super) fn action(name: &'static str, glyph: &'static str, act: impl FnMut() + Send + 'static) -> Node {
    button("action", act).label(name).attr("title", name).child(icon::icon(glyph)).into()
}

fn actions(scope: Scope, conversation: ConversationId, row: &MessageRow) -> Option<Vec<Node>> {
    let id = row.id?;
    let (reply, edit, delete) = row.can;
    let ui = scope.ui;
    let mut actions = Vec::new();
    if reply {
        let start = move || {
            ui.editing.set(None);
            ui.reply_to.set(Some(id));
        };
        actions.push(button("action", start).child(icon::icon(icon::REPLY)).child("Reply").into());
    }
    if let Some(parent) = row.parent {
        actions.push(action("Go to the message it answers", icon::UP, move || log::reveal(scope, parent)));
    }
    if row.replies > 0 && row.depth > 0 && row.folded.is_none() {
        actions.push(action("Collapse replies", icon::FOLD, move || fold(scope, id)));
    }
    if edit {
        actions.push(action("Edit", icon::PENCIL, move || ui.editing.set(Some(id))));
    }
    if delete {
        actions.push(action("Delete", icon::TRASH, move || ui.dialog.set(Some(Dialog::Delete(id)))));
    }
    if !row.own && !row.deleted {
        if !row.hidden {
            actions.push(action("Report", icon::WARNING, move || ui.dialog.set(Some(Dialog::Report(id)))));
        }
        actions.push(moderation::block_action(scope, conversation, row.author.id));
    }
    if actions.is_empty() {
        return None;
    }
    // On touch there is no hover: the dots give the message the focus, which shows its actions.
    let name = format!("Actions for the message of {}", row.author.name);
    let more = button("icon-button message-more", move || dom::focus_id(&node_id(id))).label(name.clone());
    let bar = div("actions").attr("role", "group").label(name).children(actions);
    Some(vec![more.child(icon::icon(icon::DOTS)).into(), bar.into()])
}
