//! An open conversation: its header, its log, who is writing, the composer.

use postil::{
    domain::{ConversationKind, PresenceStatus},
    feed::{Failure, Feed, Input, Loading, PresenceView},
    ids::ConversationId,
    wire::{LinkedRecord, Person},
};

use super::{
    composer::{self, Target},
    log, moderation,
};
use crate::{
    net::dom,
    node::{Node, button, div, el, live, span},
    parts::{chip, face, icon, states},
    react::{Memo, untrack},
    state::{Clock, Scope, words},
};

/// What the wide page shows beside the list when nothing is open.
#[must_use]
pub fn none() -> Node {
    states::empty("Choose a conversation", "What people wrote about your records is in the list.", ())
}

/// What the header shows.
#[derive(Clone, PartialEq)]
struct Head {
    title: String,
    kind: ConversationKind,
    record: Option<LinkedRecord>,
    other: Option<Person>,
    people: u32,
    external: bool,
}

fn head(feed: &Feed, id: ConversationId) -> Option<Head> {
    let view = feed.conversation(id)?;
    Some(Head {
        title: view.title.to_owned(),
        kind: view.kind,
        record: view.record.cloned(),
        other: view.people.iter().find(|person| person.id != feed.viewer()).cloned(),
        people: view.people_count,
        external: view.has_external,
    })
}

/// How much of the conversation is there.
#[derive(Clone, PartialEq)]
enum Stage {
    Loading,
    Failed(Failure),
    Empty,
    Ready,
}

fn stage(feed: &Feed, id: ConversationId) -> Stage {
    let Some(timeline) = feed.timeline(id) else { return Stage::Loading };
    match timeline.loading {
        _ if !timeline.threads.is_empty() || !timeline.unplaced.is_empty() => Stage::Ready,
        Loading::Failed(failure) => Stage::Failed(failure.clone()),
        Loading::Idle | Loading::Busy => Stage::Loading,
        Loading::Ready => Stage::Empty,
    }
}

/// The conversation.
#[must_use]
pub fn talk(scope: Scope, id: ConversationId) -> Node {
    let head = Memo::new(move || scope.with(|feed| head(feed, id)));
    let stage = Memo::new(move || scope.with(|feed| stage(feed, id)));
    let body = move || match stage.get() {
        Stage::Loading => states::skeleton(5, "Loading messages"),
        Stage::Failed(failure) => states::error(&failure, "Your draft is kept.", move || {
            scope.apply(Input::ConversationOpened { conversation: id });
        }),
        Stage::Empty => states::empty("Nothing written yet", "The first message starts the conversation.", ()),
        Stage::Ready => log::log(scope, id),
    };
    let typing = move || {
        scope.with(|feed| {
            let view = feed.conversation(id)?;
            let name = |user| feed.person(user).map_or_else(|| "Someone".to_owned(), |person| person.name.clone());
            match view.typing.as_slice() {
                [] => None,
                [one] => Some(format!("{} is writing", name(*one))),
                [one, two] => Some(format!("{} and {} are writing", name(*one), name(*two))),
                more => Some(format!("{} people are writing", more.len())),
            }
        })
    };
    // 0: reading only; 1: yes; 2: muted.
    let can_write = Memo::new(move || {
        if moderation::muted(scope, id).is_some() {
            return 2_u16;
        }
        scope.with(|feed| u16::from(feed.conversation(id).and_then(|view| view.can).is_none_or(|can| can.create)))
    });
    dom::effect(move || {
        // Opened by the person: the focus goes where they will write, except on touch, where that would raise the keyboard.
        if scope.shell.may_focus() && dom::has_fine_pointer() {
            dom::focus_soon(".composer textarea");
        }
    });
    let compose = live(move || {
        if can_write.get() == 2 {
            let until = untrack(|| moderation::muted(scope, id)).map(|at| scope.shell.clock.get_untracked().long(at));
            let text = format!("You can't write here until {}.", until.unwrap_or_default());
            return el("p", "read-only").test_id("muted").child(icon::icon(icon::LOCK)).child(text).into();
        }
        if can_write.get() == 1 {
            return composer::composer(scope, id, Target::New);
        }
        el("p", "read-only").child(icon::icon(icon::LOCK)).child("You can read here, but not write.").into()
    });
    vec![
        live(move || head.get().map(|head| header(scope, head))),
        div("log-frame").live(body).into(),
        moderation::notices(scope, id),
        div("typing").test_id("typing").live(typing).into(),
        compose,
    ]
    .into()
}

fn header(scope: Scope, head: Head) -> Vec<Node> {
    let sub: Vec<Node> = match (head.kind, &head.other) {
        (ConversationKind::Direct, Some(other)) => {
            let presence = other.id;
            let presence = Memo::new(move || scope.with(|feed| feed.presence(presence)));
            let job = other.job_title.clone().map(|job| span("truncate").child(format!("· {job}")));
            vec![span("").live(move || presence_words(scope.shell.clock.get(), presence.get())).into(), job.into()]
        }
        _ => vec![span("").child(words::count(head.people as usize, "person", "people")).into()],
    };
    let external = head.external.then(|| span("tag").child("External"));
    let record = head.record.as_ref().map(|record| div("talk-record").child(chip::subject(scope, record)));
    let back = button("icon-button back", move || back(scope)).label("Back to conversations");
    let title = div("talk-title")
        .child(el("h2", "truncate").attr("title", head.title.clone()).child(head.title.clone()))
        .child(div("talk-sub").children(sub).child(external));
    let header = div("talk-header")
        .child(back.child(span("icon-flip").child(icon::icon(icon::BACK))))
        .child(face::of_conversation(
            scope,
            head.kind,
            head.record.as_ref().map(|record| record.kind),
            head.other.as_ref(),
        ))
        .child(title);
    vec![header.into(), record.into()]
}

fn presence_words(clock: Clock, presence: PresenceView) -> String {
    match (presence.status, presence.last_seen_at, presence.as_of) {
        (PresenceStatus::Offline, Some(at), _) => format!("last seen {}", clock.ago(at)),
        (status, _, Some(at)) if presence.stale => format!("{} {}", words::presence(status), clock.ago(at)),
        (status, ..) => words::presence(status).to_owned(),
    }
}

fn back(scope: Scope) {
    scope.close();
    dom::focus_soon(".list .row[tabindex='0'], .list-head button");
}
