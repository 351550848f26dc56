//! Finding: a conversation by its name, a message by its words. One field for both, reached by Ctrl+K or ⌘K.

use std::fmt::Write as _;

use postil::{
    domain::RecordKey,
    feed::Failure,
    ids::{ConversationId, MessageId},
    limits,
    wire::{Hit, Page, RunKind},
};
use wasm_bindgen::JsCast as _;

use super::dialog;
use crate::{
    net::{
        api::{self, Call},
        dom,
    },
    node::{Element, Node, button, div, el, live, span},
    parts::{face, icon, states},
    react::{RwSignal, StoredValue, event_target_value},
    state::{Scope, scope::Found, words},
};

/// How long nobody types before the server is asked.
const PAUSE_MS: u32 = 250;
/// Conversations that are offered.
const CONVERSATIONS: usize = 6;

/// Where messages are looked for.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Everywhere,
    Conversation(ConversationId),
    Record(RecordKey),
}

/// What was found so far.
#[derive(Clone)]
enum Hits {
    /// Nothing was asked for.
    Idle,
    Loading,
    Failed(Failure),
    Ready {
        items: Vec<Hit>,
        /// The question for the next page.
        next: Option<String>,
    },
}

/// What becomes of another page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Idle,
    Loading,
    Failed,
}

#[derive(Clone, Copy)]
struct Search {
    scope: Scope,
    text: RwSignal<String>,
    place: RwSignal<Place>,
    hits: RwSignal<Hits>,
    /// Whether what was found answers what is asked for now.
    fresh: RwSignal<bool>,
    more: RwSignal<More>,
    /// Counts what was asked: an answer to anything but the last question is dropped.
    asked: StoredValue<u32>,
}

impl Search {
    /// Asks, once nobody has typed for a moment.
    fn soon(self) {
        let turn = self.turn();
        if !has_word(&self.text.get_untracked()) {
            self.hits.set(Hits::Idle);
            return;
        }
        if matches!(self.hits.get_untracked(), Hits::Idle | Hits::Failed(_)) {
            self.hits.set(Hits::Loading);
        }
        dom::after(PAUSE_MS, move || {
            if self.is_last(turn) {
                self.ask(turn, self.question(), false);
            }
        });
    }

    fn now(self) {
        self.hits.set(Hits::Loading);
        self.again();
    }

    /// Asks anew, and leaves what is there until the answer comes.
    fn again(self) {
        let turn = self.turn();
        self.ask(turn, self.question(), false);
    }

    /// A message was changed (none: something was withdrawn), so that what was found of it may hold no more.
    fn recheck(self, changed: Option<MessageId>) {
        let shows = |hits: &Hits| match (hits, changed) {
            (Hits::Ready { items, .. }, Some(id)) => items.iter().any(|hit| hit.id == id),
            (hits, None) => matches!(hits, Hits::Ready { .. }),
            _ => false,
        };
        if self.hits.with_untracked(shows) {
            // What was withdrawn is not shown while the server is asked.
            if changed.is_none() {
                self.now();
            } else {
                self.again();
            }
        }
    }

    fn further(self) {
        let Hits::Ready { next: Some(question), .. } = self.hits.get_untracked() else { return };
        if self.fresh.get_untracked() && self.more.get_untracked() != More::Loading {
            self.more.set(More::Loading);
            self.ask(self.asked.get_value(), question, true);
        }
    }

    /// From now on answers to what was asked before are dropped.
    fn turn(self) -> u32 {
        self.asked.update_value(|asked| *asked += 1);
        self.fresh.set(false);
        self.more.set(More::Idle);
        self.asked.get_value()
    }

    fn is_last(self, turn: u32) -> bool {
        self.asked.try_get_value() == Some(turn)
    }

    fn question(self) -> String {
        let mut path = format!("/search?q={}", api::encoded(first_words(self.text.get_untracked().trim())));
        match self.place.get_untracked() {
            Place::Everywhere => {}
            Place::Conversation(id) => {
                let _ = write!(path, "&conversationId={id}");
            }
            Place::Record(key) => {
                let (kind, id) = (key.kind.as_str(), api::encoded(key.id.as_str()));
                let _ = write!(path, "&linkedType={kind}&linkedId={id}");
            }
        }
        path
    }

    fn ask(self, turn: u32, question: String, further: bool) {
        let Self { scope, hits, more, fresh, .. } = self;
        let bare = question.split("&cursor=").next().unwrap_or_default().to_owned();
        dom::spawn(async move {
            let answer = api::call::<Page<Hit>>(scope.shell, Some(scope.company), Call::get(question)).await;
            if !self.is_last(turn) {
                return;
            }
            match answer {
                Ok(page) => {
                    let next = page.next_cursor.map(|cursor| format!("{bare}&cursor={}", api::encoded(&cursor)));
                    more.set(More::Idle);
                    // The last page takes its button away, and the focus with it.
                    if further && next.is_none() {
                        dom::keep_focus(".find li:last-child > .hit");
                    }
                    hits.update(|hits| {
                        let mut items = match hits {
                            Hits::Ready { items, .. } if further => core::mem::take(items),
                            _ => Vec::new(),
                        };
                        items.extend(page.items);
                        *hits = Hits::Ready { items, next };
                    });
                    fresh.set(true);
                }
                Err(_) if further => more.set(More::Failed),
                Err(failure) => hits.set(Hits::Failed(failure)),
            }
        });
    }
}

/// As many words as are looked for: what is pasted may have more.
fn first_words(text: &str) -> &str {
    let (mut words, mut within) = (0, false);
    for (at, c) in text.char_indices() {
        let before = core::mem::replace(&mut within, c.is_alphanumeric());
        if within && !before {
            words += 1;
            if words > limits::SEARCH_WORDS_MAX {
                return &text[..at];
            }
        }
    }
    text
}

/// Whether there is anything to look for. What a word is, the server knows better.
fn has_word(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The dialog.
#[must_use]
pub fn find(scope: Scope) -> Node {
    let search = Search {
        scope,
        text: RwSignal::new(String::new()),
        place: RwSignal::new(Place::Everywhere),
        hits: RwSignal::new(Hits::Idle),
        fresh: RwSignal::new(false),
        more: RwSignal::new(More::Idle),
        asked: StoredValue::new(0),
    };
    let mut began = false;
    dom::effect(move || {
        let changed = scope.ui.changed.get();
        if core::mem::replace(&mut began, true) {
            search.recheck(changed);
        }
    });
    // The host went on to another record, or the conversation was closed: that choice is no longer there.
    dom::effect(move || {
        let there = match search.place.get() {
            Place::Everywhere => true,
            Place::Conversation(id) => scope.ui.open.get() == Some(id),
            Place::Record(key) => scope.host_record().is_some_and(|record| record == key),
        };
        if !there {
            search.place.set(Place::Everywhere);
            search.soon();
        }
    });
    let field = el("input", "field")
        .attr("id", "find-text")
        .attr("type", "search")
        .attr("autocomplete", "off")
        .attr("spellcheck", "false")
        .attr("dir", "auto")
        .attr("placeholder", "A conversation, or words of a message")
        .attr("maxlength", limits::SEARCH_TEXT_CHARS_MAX.to_string())
        .attr("autofocus", "")
        .label("Find conversations and messages")
        .field(move || search.text.get())
        .on("input", move |event| {
            search.text.set(event_target_value(&event));
            search.soon();
        });
    let body = vec![
        div("dialog-field").child(field).child(live(move || places(search))).into(),
        div("dialog-list find")
            .attr("tabindex", "-1")
            .class_live(move || {
                let stale = !search.fresh.get() && has_word(&search.text.get());
                if stale { "dialog-list find stale" } else { "dialog-list find" }
            })
            .child(live(move || conversations(search)))
            .child(live(move || messages(search)))
            .into(),
        // Said once it is there, not with every letter.
        div("visually-hidden").attr("role", "status").live(move || told(&search.hits.get())).into(),
    ];
    div("").on("keydown", move |event| keys(search, &event)).child(dialog::frame(scope, "Find", body)).into()
}

/// Where to look, when there is a choice.
fn places(search: Search) -> Option<Element> {
    let scope = search.scope;
    let here = scope.ui.open.get();
    let record = scope.host_record();
    if here.is_none() && record.is_none() {
        return None;
    }
    let filter = |label: String, place: Place| {
        let own = place.clone();
        let choose = move || {
            search.place.set(place.clone());
            search.soon();
        };
        button("filter", choose)
            .attr_live("aria-pressed", move || Some(if search.place.with(|at| *at == own) { "true" } else { "false" }))
            .child(label)
    };
    let group = div("filters")
        .attr("role", "group")
        .label("Where to look")
        .child(filter("Everywhere".to_owned(), Place::Everywhere));
    let group = match here {
        Some(id) => group.child(filter("This conversation".to_owned(), Place::Conversation(id))),
        None => group,
    };
    Some(match record {
        Some(key) => group.child(filter("This record".to_owned(), Place::Record(key))),
        None => group,
    })
}

fn told(hits: &Hits) -> Option<String> {
    match hits {
        Hits::Ready { items, .. } if items.is_empty() => Some("No messages found".to_owned()),
        Hits::Ready { items, next: None } => {
            Some(format!("{} found", words::count(items.len(), "message", "messages")))
        }
        Hits::Ready { items, next: Some(_) } => Some(format!("{} messages found, and there are more", items.len())),
        _ => None,
    }
}

/// Loaded conversations whose title has the text in it; without a text, those with something new, then the latest.
fn conversations(search: Search) -> Option<Node> {
    let scope = search.scope;
    if search.place.with(|place| *place != Place::Everywhere) {
        return None;
    }
    let wanted = dom::lower_case(search.text.get().trim());
    let found: Vec<Node> = scope.with(|feed| {
        let all = feed.inbox().conversations;
        let mut fitting: Vec<_> =
            all.iter().filter(|view| wanted.is_empty() || dom::lower_case(view.title).contains(&wanted)).collect();
        // Stable: among equals the latest stays first.
        fitting.sort_by_key(|view| view.unread.0 == 0);
        fitting.truncate(CONVERSATIONS);
        let row = |view: &&postil::feed::ConversationView<'_>| {
            let id = view.id;
            let other = view.people.iter().find(|person| person.id != scope.viewer);
            let unread = (view.unread.0 > 0)
                .then(|| span("badge").child(view.unread.to_string()).child(span("visually-hidden").child(" unread")));
            let go = button("option", move || {
                dialog::close(scope);
                scope.open(id);
            });
            let go = go
                .child(face::of_conversation(scope, view.kind, view.record.map(|record| record.kind), other))
                .child(span("option-main").child(span("truncate").child(view.title.to_owned())))
                .child(unread);
            el("li", "").child(go).into()
        };
        fitting.iter().map(row).collect()
    });
    (!found.is_empty()).then(|| section("Conversations", found))
}

fn section(title: &'static str, rows: Vec<Node>) -> Node {
    el("section", "").label(title).child(el("h3", "find-head").child(title)).child(el("ul", "").children(rows)).into()
}

fn messages(search: Search) -> Node {
    match search.hits.get() {
        Hits::Idle => Node::Empty,
        Hits::Loading => states::skeleton(3, "Looking for messages"),
        Hits::Failed(failure) => states::error(&failure, "Nothing was changed.", move || search.now()),
        Hits::Ready { items, .. } if items.is_empty() => {
            states::empty("No messages found", "All words must be in the message; the last may be its beginning.", ())
        }
        Hits::Ready { items, next } => {
            let rows = items.into_iter().map(|hit| row(search.scope, hit)).collect();
            let more = next.map(|_| {
                let state = search.more.get();
                let more = button("link", move || search.further())
                    .attr_if("aria-disabled", (state == More::Loading).then_some("true"));
                div("more").child(more.child(match state {
                    More::Idle => "More messages",
                    More::Loading => "Loading",
                    More::Failed => "More could not be loaded. Try again",
                }))
            });
            vec![section("Messages", rows), more.into()].into()
        }
    }
}

fn row(scope: Scope, hit: Hit) -> Node {
    let found = Found { conversation: hit.conversation.id, root: hit.root_id, message: hit.id };
    let go = button("option hit", move || {
        dialog::close(scope);
        scope.show(found);
    });
    let clock = scope.shell.clock.get_untracked();
    let excerpt = hit.excerpt.into_iter().map(|run| match run.kind {
        RunKind::Found => el("mark", "").child(run.text).into(),
        _ => Node::from(run.text),
    });
    let head = span("row-line")
        .child(span("row-title truncate").child(hit.author.name.clone()))
        .child(face::guest_tag(&hit.author))
        .child(span("row-time").attr("title", clock.long(hit.created_at)).child(clock.short(hit.created_at)));
    let place = span("option-sub find-place")
        .child(match hit.conversation.record {
            Some(record) => icon::record(record.kind),
            None => icon::icon(icon::PEOPLE),
        })
        .child(span("truncate").child(hit.conversation.title));
    let main =
        span("option-main").child(head).child(span("find-excerpt").attr("dir", "auto").children(excerpt)).child(place);
    el("li", "").child(go.child(face::plain(&hit.author, "")).child(main)).into()
}

/// Up and down go from the field through what was found and back; Enter in the field takes the first.
fn keys(search: Search, event: &web_sys::Event) {
    let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
    // While an input method composes, the keys are its own.
    if event.is_composing() || event.key_code() == 229 {
        return;
    }
    if event.key() == "Escape" {
        // A search field would empty itself first.
        event.prevent_default();
        return dialog::close(search.scope);
    }
    let Some(list) = dom::find(".find") else { return };
    let stops = dom::find_all(&list, ".option, .link");
    let at = stops.iter().position(|stop| stop.matches(":focus").unwrap_or(false));
    let in_field = dom::find("#find-text:focus").is_some();
    let to = match (event.key().as_str(), at) {
        ("ArrowDown", None) if in_field => stops.first(),
        ("ArrowDown", Some(at)) => stops.get(at + 1).or_else(|| stops.get(at)),
        ("ArrowUp", Some(0)) => None,
        ("ArrowUp", Some(at)) => stops.get(at - 1),
        ("Enter", None) if in_field => {
            event.prevent_default();
            match stops.first() {
                // It answers what was typed before.
                Some(first) if first.matches(".hit").unwrap_or(false) && !search.fresh.get_untracked() => {
                    search.again();
                }
                Some(first) => first.click(),
                None => {}
            }
            return;
        }
        _ => return,
    };
    event.prevent_default();
    match to {
        Some(stop) => drop(stop.focus()),
        None => dom::focus_id("find-text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_pasted_sentence_as_many_words_are_looked_for_as_may_be() {
        assert_eq!(first_words("one two"), "one two");
        let ten = "1 2 3 4 5 6-7 8 9 10";
        assert_eq!(first_words(ten), ten);
        assert_eq!(first_words(&format!("{ten}, 11 12")), format!("{ten}, "));
        assert_eq!(first_words("a b c d e f g h i j-k"), "a b c d e f g h i j-");
    }
}
