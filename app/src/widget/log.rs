//! The log of a conversation: rows that stay in place, scroll that does not jump.

use postil::{
    feed::{Feed, Input, Loading},
    ids::ConversationId,
};
use wasm_bindgen::JsCast as _;

use super::{
    composer::{self, Target},
    message, reading,
};
use crate::{
    net::dom::{self, Slot},
    node::{Node, button, div, each, live, span},
    parts::icon,
    react::{Memo, RwSignal, StoredValue, on_cleanup, untrack},
    state::{
        Scope,
        keyed::{Keyed, key},
        rows::{self, Lens, Row},
        scope::Found,
        words,
    },
};

/// Distance from the newest message within which the log follows it, in pixels.
const FOLLOW_PX: i32 = 96;

/// The rows as they are now. Tracked when called in an effect.
fn current(scope: Scope, id: ConversationId, feed: &Feed) -> Vec<(u64, Row)> {
    let Some(timeline) = feed.timeline(id) else { return Vec::new() };
    let ui = scope.ui;
    let (collapsed, unfolded) = (ui.collapsed.get(), ui.unfolded.get());
    let view = feed.conversation(id);
    let membership = scope.membership();
    let lens = Lens {
        viewer: scope.viewer,
        can: view.as_ref().and_then(|view| view.can),
        blocked: view.as_ref().map_or(&[], |view| view.blocked),
        unfolded: &unfolded,
        collapsed: &collapsed,
        reply_to: ui.reply_to.get(),
        divider: ui.divider.get(),
        clock: scope.shell.clock.get(),
        edit_window_s: membership.map_or(0, |company| company.edit_window_s),
    };
    let alone = ui.alone.get().and_then(|root| feed.thread(id, root));
    let rows = alone.map_or_else(|| rows::rows(&timeline, &lens), |thread| rows::alone(&thread, &lens));
    rows.into_iter().map(|row| (key(&row.key()), row)).collect()
}

/// Where a message that is sought is found.
#[derive(Clone, Copy, PartialEq)]
enum Whereabouts {
    /// Something is on its way.
    Coming,
    /// On a later page of its thread.
    Further,
    /// In the log.
    Here,
    /// In a thread that is older than the log.
    Alone,
    /// Nowhere that this person can see.
    Nowhere,
}

fn whereabouts(feed: &Feed, sought: Found) -> Whereabouts {
    let Found { conversation, root, message } = sought;
    let Some(timeline) = feed.timeline(conversation) else { return Whereabouts::Coming };
    if timeline.loading == Loading::Busy {
        return Whereabouts::Coming;
    }
    let thread = feed.thread(conversation, root);
    let holds = |thread: &postil::feed::ThreadView<'_>| {
        core::iter::once(&thread.root).chain(&thread.replies).any(|item| item.id() == Some(message))
    };
    if thread.as_ref().is_some_and(holds) {
        let in_log = timeline.threads.iter().any(|thread| thread.root.id() == Some(root));
        return if in_log { Whereabouts::Here } else { Whereabouts::Alone };
    }
    match feed.thread_loading(conversation, root) {
        Some(Loading::Busy) => Whereabouts::Coming,
        Some(Loading::Ready) if thread.is_some_and(|thread| thread.more) => Whereabouts::Further,
        _ => Whereabouts::Nowhere,
    }
}

/// Goes to what is sought, as soon as it is there.
fn seek(scope: Scope, id: ConversationId) {
    let ui = scope.ui;
    dom::effect(move || {
        let Some(sought) = ui.sought.get().filter(|sought| sought.conversation == id) else { return };
        let found = scope.with(|feed| whereabouts(feed, sought));
        match found {
            Whereabouts::Coming => return,
            Whereabouts::Further => {
                return scope.apply(Input::ThreadWanted { conversation: id, root: sought.root });
            }
            Whereabouts::Here | Whereabouts::Alone => {
                ui.alone.set((found == Whereabouts::Alone).then_some(sought.root));
                reveal(scope, sought.message);
            }
            Whereabouts::Nowhere => ui.wrong.set(Some("That message can't be shown now.".to_owned())),
        }
        ui.sought.set(None);
    });
    // A thread that is withdrawn is not shown alone either.
    dom::effect(move || {
        if ui.alone.get().is_some_and(|root| scope.with(|feed| feed.thread(id, root).is_none())) {
            ui.alone.set(None);
        }
    });
}

/// The log.
#[must_use]
pub fn log(scope: Scope, id: ConversationId) -> Node {
    let node = dom::slot();
    let keyed = Keyed::new(untrack(|| scope.read(|feed| current(scope, id, feed))));
    // 0: this is the beginning; 1: there is more; 2: it is on its way.
    let older = Memo::new(move || {
        scope.with(|feed| {
            feed.timeline(id)
                .map_or(0, |timeline| u16::from(timeline.older) + u16::from(timeline.older && timeline.loading_older))
        })
    });
    let unread = Memo::new(move || scope.with(|feed| feed.conversation(id).map_or(0, |view| view.unread.0)));
    let following = RwSignal::new(true);
    let seen = StoredValue::new(Vec::<i64>::new());
    // What is shown alone has gaps around it: nothing there says up to where anything was read. Nor does what is passed on the way.
    let look = move || {
        let ui = scope.ui;
        if ui.alone.try_get_untracked() == Some(None) && ui.sought.try_get_untracked() == Some(None) {
            reading::look(scope, id, node, seen);
        }
    };
    seek(scope, id);

    // Chips that learn their names, a composer that grows, a banner: who reads the end goes on reading the end.
    dom::effect(move || {
        let Some(log) = dom::held::<web_sys::Element>(node) else { return };
        let parts: Vec<web_sys::Element> =
            [Some(log.clone()), log.first_element_child()].into_iter().flatten().collect();
        dom::on_resize(&parts, move || {
            if following.try_get_untracked() == Some(true) && scope.ui.alone.try_get_untracked() == Some(None) {
                to_end(node);
            }
        });
    });
    let mut before = None;
    dom::effect(move || {
        let rows = scope.with(|feed| current(scope, id, feed));
        // An own message just sent is followed wherever the log stands.
        let pending = matches!(rows.last(), Some((_, Row::Message(row))) if row.seq.is_none());
        let (first, sent) = (before.is_none(), pending && before == Some(false));
        let alone = untrack(|| scope.ui.alone.get()).is_some();
        before = Some(pending);
        let follow = !alone && (following.get_untracked() || sent);
        keyed.update(rows);
        dom::after(0, move || {
            if first {
                begin(node);
            } else if follow {
                to_end(node);
            }
            look();
        });
    });
    dom::effect(move || {
        let (sought, alone) = (scope.ui.sought.get(), scope.ui.alone.get());
        if scope.shell.looking.get() && sought.is_none() && alone.is_none() {
            dom::after(200, look);
        }
    });
    // The last page takes its button away, and the focus with it.
    let mut former = 0;
    dom::effect(move || {
        let older = older.get();
        if core::mem::replace(&mut former, older) > 0 && older == 0 {
            dom::keep_focus(".log");
        }
    });
    let scrolled = move |_: web_sys::Event| {
        let Some(log) = dom::held::<web_sys::Element>(node) else { return };
        let near = log.scroll_height() - log.scroll_top() - log.client_height() < FOLLOW_PX;
        if following.get_untracked() != near {
            following.set(near);
        }
        if log.scroll_top() < 160 && older.get_untracked() == 1 && scope.ui.alone.get_untracked().is_none() {
            scope.apply(Input::OlderWanted { conversation: id });
        }
        look();
    };
    let title = scope.read(|feed| feed.conversation(id).map(|view| format!("Messages: {}", view.title)));
    let more = move || {
        let older = if scope.ui.alone.get().is_some() { 0 } else { older.get() };
        (older > 0).then(|| {
            let loading = older == 2;
            let load = button("link", move || scope.apply(Input::OlderWanted { conversation: id }));
            let text = if loading { "Loading" } else { "Older messages" };
            // Never `disabled`: that would take the focus away.
            div("more").child(load.attr_if("aria-disabled", loading.then_some("true")).child(text))
        })
    };
    let rows = div("log-rows").live(more).child(each(move || keyed.keys(), move |key| row(scope, id, keyed, key)));
    let log = div("log")
        .attr("role", "log")
        .attr_if("aria-label", title)
        // New messages are announced together, elsewhere: not each with all its buttons.
        .attr("aria-live", "off")
        .attr("tabindex", "0")
        .test_id("log")
        .known_as(move |element| node.set(element))
        .on("scroll", scrolled)
        .on("keydown", move |event| arrows(&event, node))
        .child(rows);
    let newest = live(move || {
        if scope.ui.alone.get().is_some() {
            let back = button("to-newest", move || scope.ui.alone.set(None)).test_id("to-whole");
            return Some(back.child(icon::icon(icon::DOWN)).child("Back to the whole conversation"));
        }
        (!following.get()).then(|| {
            let text = match unread.get() {
                0 => "Newest".to_owned(),
                n @ 1..=99 => format!("{n} new"),
                _ => "99+ new".to_owned(),
            };
            button("to-newest", move || to_end(node)).child(icon::icon(icon::DOWN)).child(text)
        })
    });
    vec![log.into(), newest].into()
}

fn row(scope: Scope, id: ConversationId, keyed: Keyed<Row>, key: u64) -> Node {
    let Some(cell) = keyed.cell(key) else { return Node::Empty };
    match cell.get_untracked() {
        Row::Message(_) => message::message(scope, id, cell),
        Row::Reply(parent, depth) => div(format!("inline-reply depth-{depth}"))
            .child(composer::composer(scope, id, Target::Reply(parent)))
            .into(),
        Row::New => div("divider new").test_id("unread-divider").child(span("").child("New")).into(),
        Row::Day(_, at) => div("divider").child(span("").live(move || scope.shell.clock.get().date(at))).into(),
        Row::More { root, .. } => {
            dom::effect(|| on_cleanup(|| dom::keep_focus(".log")));
            div("branch depth-1")
                .live(move || {
                    let Row::More { left, loading, .. } = cell.get() else { return None };
                    let text = match (loading, left) {
                        (true, _) => "Loading replies".to_owned(),
                        (false, 0) => "More replies".to_owned(),
                        (false, left) => words::count(left, "more reply", "more replies"),
                    };
                    let more = button("link", move || scope.apply(Input::ThreadWanted { conversation: id, root }));
                    Some(more.attr_if("aria-disabled", loading.then_some("true")).child(text))
                })
                .into()
        }
    }
}

fn to_end(node: Slot) {
    if let Some(log) = dom::held::<web_sys::Element>(node) {
        log.set_scroll_top(log.scroll_height());
    }
}

/// Where a visit begins: at what is new, else at the end.
fn begin(node: Slot) {
    let Some(log) = dom::held::<web_sys::Element>(node) else { return };
    to_end(node);
    if let Ok(Some(divider)) = log.query_selector(".divider.new") {
        let above = divider.get_bounding_client_rect().top() - log.get_bounding_client_rect().top();
        if above < 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "pixels on a screen")]
            log.set_scroll_top(log.scroll_top() + above as i32 - 8);
        }
    }
}

/// Up and down go from message to message; home and end to the first and last.
fn arrows(event: &web_sys::Event, node: Slot) {
    let Some(log) = dom::held::<web_sys::Element>(node) else { return };
    let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(target) = target else { return };
    // In a composer, arrows move the caret; on a button they are the browser's.
    let on_message = target.class_list().contains("message");
    if !on_message && !target.class_list().contains("log") {
        return;
    }
    let messages = dom::find_all(&log, ".message");
    let at = messages.iter().position(|message| message.is_same_node(Some(&target)));
    let last = messages.len().saturating_sub(1);
    let to = match (event.key().as_str(), at) {
        ("ArrowUp", Some(at)) => at.saturating_sub(1),
        ("ArrowDown", Some(at)) => (at + 1).min(last),
        ("ArrowUp" | "ArrowDown", None) | ("End", _) => last,
        ("Home", _) => 0,
        _ => return,
    };
    event.prevent_default();
    if let Some(message) = messages.get(to) {
        let _ = message.focus();
    }
}

/// Shows a message of this log, unfolding what hides it.
pub fn reveal(scope: Scope, id: postil::ids::MessageId) {
    let mut ancestors = Vec::new();
    scope.read(|feed| {
        let mut at = feed.message(id).and_then(|message| message.parent_id);
        while let Some(parent) = at {
            ancestors.push(parent);
            at = feed.message(parent).and_then(|message| message.parent_id);
        }
    });
    if scope.ui.collapsed.with_untracked(|collapsed| ancestors.iter().any(|id| collapsed.contains(id))) {
        scope.ui.collapsed.update(|collapsed| collapsed.retain(|id| !ancestors.contains(id)));
    }
    dom::after(30, move || dom::reveal(&format!("m-{id}")));
}
