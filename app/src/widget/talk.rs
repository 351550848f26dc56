//! An open conversation: its header, its log, who is writing, the composer.

use leptos::prelude::*;
use postil::{
    domain::{ConversationKind, PresenceStatus},
    feed::{Failure, Feed, Input, Loading},
    ids::ConversationId,
    wire::{LinkedRecord, Person},
};

use super::{
    composer::{self, Target},
    log,
};
use crate::{
    net::dom,
    parts::{chip, face, icon, states},
    state::{Scope, words},
};

/// What the wide page shows beside the list when nothing is open.
#[must_use]
pub fn none() -> AnyView {
    states::empty("Choose a conversation", "What people wrote about your records is on the left.".to_owned(), None)
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
pub fn talk(scope: Scope, id: ConversationId) -> AnyView {
    let head = Memo::new(move |_| scope.with(|feed| head(feed, id)));
    let stage = Memo::new(move |_| scope.with(|feed| stage(feed, id)));
    let body = move || match stage.get() {
        Stage::Loading => states::skeleton(5, "Loading messages"),
        Stage::Failed(failure) => states::error(&failure, "Your draft is kept.", move || scope.apply(Input::ConversationOpened { conversation: id })),
        Stage::Empty => states::empty("Nothing written yet", "The first message starts the conversation.".to_owned(), None),
        Stage::Ready => log::log(scope, id),
    };
    let typing = Memo::new(move |_| {
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
    });
    let can_write = Memo::new(move |_| scope.with(|feed| feed.conversation(id).and_then(|view| view.can).is_none_or(|can| can.create)));
    Effect::new(move |_| {
        // Opened by the person: the focus goes where they will write, except on touch, where that would raise the keyboard.
        if scope.shell.looking.get_untracked() && dom::has_fine_pointer() {
            dom::focus_soon(".composer textarea");
        }
    });
    view! {
        {move || head.get().map(|head| header(scope, head))}
        <div class="log-frame">{body}</div>
        <div class="typing" data-testid="typing">{move || typing.get()}</div>
        {move || if can_write.get() {
            composer::composer(scope, id, Target::New)
        } else {
            view! { <p class="read-only">{icon::icon(icon::LOCK)}"You can read here, but not write."</p> }.into_any()
        }}
    }
    .into_any()
}

fn header(scope: Scope, head: Head) -> AnyView {
    let sub = match (head.kind, &head.other) {
        (ConversationKind::Direct, Some(other)) => {
            let (id, job) = (other.id, other.job_title.clone());
            let status = Memo::new(move |_| scope.with(|feed| feed.presence(id)));
            view! {
                {move || {
                    let presence = status.get();
                    let clock = scope.shell.clock.get();
                    let word = match (presence.status, presence.last_seen_at, presence.as_of) {
                        (PresenceStatus::Offline, Some(at), _) => format!("last seen {}", clock.ago(at)),
                        (status, _, Some(at)) if presence.stale => format!("{} {}", words::presence(status), clock.ago(at)),
                        (status, ..) => words::presence(status).to_owned(),
                    };
                    view! { <span>{word}</span> }.into_any()
                }}
                {job.map(|job| view! { <span class="truncate">"· "{job}</span> }.into_any())}
            }
            .into_any()
        }
        _ => view! { <span>{words::count(head.people as usize, "person", "people")}</span> }.into_any(),
    };
    let external = head.external.then(|| view! { <span class="tag">"External"</span> }.into_any());
    let record = head.record.as_ref().map(|record| view! { <div class="talk-record">{chip::subject(scope, record)}</div> }.into_any());
    view! {
        <div class="talk-header">
            <button type="button" class="icon-button back" aria-label="Back to conversations" on:click=move |_| back(scope)>
                <span class="icon-flip">{icon::icon(icon::BACK)}</span>
            </button>
            {face::of_conversation(scope, head.kind, head.record.as_ref().map(|record| record.kind), head.other.as_ref())}
            <div class="talk-title">
                <h2 class="truncate" title=head.title.clone()>{head.title.clone()}</h2>
                <div class="talk-sub">{sub}{external}</div>
            </div>
        </div>
        {record}
    }
    .into_any()
}

fn back(scope: Scope) {
    scope.close();
    dom::focus_soon(".list .row[tabindex='0'], .list-head button");
}
