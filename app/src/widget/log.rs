//! The log of a conversation: rows that stay in place, scroll that does not jump.

use std::collections::HashSet;

use leptos::{html, prelude::*};
use postil::{
    feed::{Feed, Input},
    ids::ConversationId,
};

use super::{
    composer::{self, Target},
    message, reading,
};
use crate::{
    net::dom,
    parts::icon,
    state::{
        Scope,
        keyed::Keyed,
        rows::{self, Lens, Row, RowKey},
        words,
    },
};

/// Distance from the newest message within which the log follows it, in pixels.
const FOLLOW_PX: i32 = 96;

/// The rows as they are now. Tracked when called in an effect.
fn current(scope: Scope, id: ConversationId, feed: &Feed) -> Vec<(RowKey, Row)> {
    let Some(timeline) = feed.timeline(id) else { return Vec::new() };
    let ui = scope.ui;
    let collapsed = ui.collapsed.get();
    let membership = scope.membership();
    let lens = Lens {
        viewer: scope.viewer,
        can: feed.conversation(id).and_then(|view| view.can),
        collapsed: &collapsed,
        reply_to: ui.reply_to.get(),
        divider: ui.divider.get(),
        clock: scope.shell.clock.get(),
        edit_window_s: membership.map_or(0, |company| company.edit_window_s),
    };
    rows::rows(&timeline, &lens).into_iter().map(|row| (row.key(), row)).collect()
}

/// The log.
#[must_use]
pub fn log(scope: Scope, id: ConversationId) -> AnyView {
    let node = NodeRef::<html::Div>::new();
    let keyed = Keyed::new(untrack(|| scope.read(|feed| current(scope, id, feed))));
    let older = Memo::new(move |_| scope.with(|feed| feed.timeline(id).map_or((false, false), |timeline| (timeline.older, timeline.loading_older))));
    let unread = Memo::new(move |_| scope.with(|feed| feed.conversation(id).map_or(0, |view| view.unread.0)));
    let following = RwSignal::new(true);
    let seen = StoredValue::new(HashSet::<i64>::new());
    let look = move || reading::look(scope, id, node, seen);

    Effect::new(move |before: Option<bool>| {
        let rows = scope.with(|feed| current(scope, id, feed));
        // An own message just sent is followed wherever the log stands.
        let sent = matches!(rows.last(), Some((_, Row::Message(row))) if row.seq.is_none()) && before == Some(false);
        let follow = following.get_untracked() || sent;
        keyed.update(rows);
        dom::after(0, move || {
            if before.is_none() {
                begin(node);
            } else if follow {
                to_end(node);
            }
            look();
        });
        sent
    });
    Effect::new(move |_| {
        if scope.shell.looking.get() {
            dom::after(200, look);
        }
    });
    let scrolled = move |_| {
        let Some(log) = node.get_untracked() else { return };
        let near = log.scroll_height() - log.scroll_top() - log.client_height() < FOLLOW_PX;
        if following.get_untracked() != near {
            following.set(near);
        }
        if log.scroll_top() < 160 && older.get_untracked() == (true, false) {
            scope.apply(Input::OlderWanted { conversation: id });
        }
        look();
    };
    let title = scope.read(|feed| feed.conversation(id).map(|view| format!("Messages: {}", view.title)));
    view! {
        <div class="log" role="log" aria-label=title aria-live="off" tabindex="0" node_ref=node data-testid="log" on:scroll=scrolled
            on:keydown=move |event| arrows(&event, node)>
            <div class="log-rows">
                {move || older.get().0.then(|| view! {
                    <div class="more">
                        <button type="button" class="link" disabled=move || older.get().1
                            on:click=move |_| scope.apply(Input::OlderWanted { conversation: id })>
                            {move || if older.get().1 { "Loading" } else { "Older messages" }}
                        </button>
                    </div>
                })}
                <For each=move || keyed.keys() key=RowKey::clone children=move |key| row(scope, id, keyed, &key) />
            </div>
        </div>
        {move || (!following.get()).then(|| {
            let text = match unread.get() {
                0 => "Newest".to_owned(),
                n => format!("{} new", if n > 99 { "99+".to_owned() } else { n.to_string() }),
            };
            view! { <button type="button" class="to-newest" on:click=move |_| to_end(node)>{icon::icon(icon::DOWN)}{text}</button> }.into_any()
        })}
    }
    .into_any()
}

fn row(scope: Scope, id: ConversationId, keyed: Keyed<RowKey, Row>, key: &RowKey) -> AnyView {
    let Some(cell) = keyed.cell(key) else { return ().into_any() };
    match key {
        RowKey::Message(_) => message::message(scope, id, cell),
        RowKey::Reply(parent) => {
            let depth = cell.with_untracked(|row| if let Row::Reply(_, depth) = row { *depth } else { 1 });
            let class = format!("inline-reply depth-{depth}");
            view! { <div class=class>{composer::composer(scope, id, Target::Reply(*parent))}</div> }.into_any()
        }
        RowKey::New => view! { <div class="divider new" data-testid="unread-divider"><span>"New"</span></div> }.into_any(),
        RowKey::Day(_) => view! {
            {move || cell.with(|row| {
                let Row::Day(_, at) = row else { return None };
                let day = scope.shell.clock.get().date(*at);
                Some(view! { <div class="divider"><span>{day}</span></div> }.into_any())
            })}
        }
        .into_any(),
        RowKey::More(root) => {
            let root = *root;
            view! {
                {move || cell.with(|row| {
                    let Row::More { left, loading, .. } = row else { return None };
                    let text = match (loading, left) {
                        (true, _) => "Loading replies".to_owned(),
                        (false, 0) => "More replies".to_owned(),
                        (false, left) => words::count(*left, "more reply", "more replies"),
                    };
                    let (loading, more) = (*loading, move |_| scope.apply(Input::ThreadWanted { conversation: id, root }));
                    Some(view! {
                        <div class="branch depth-1"><button type="button" class="link" disabled=loading on:click=more>{text}</button></div>
                    }.into_any())
                })}
            }
            .into_any()
        }
    }
}

fn to_end(node: NodeRef<html::Div>) {
    if let Some(log) = node.get_untracked() {
        log.set_scroll_top(log.scroll_height());
    }
}

/// Where a visit begins: at what is new, else at the end.
fn begin(node: NodeRef<html::Div>) {
    let Some(log) = node.get_untracked() else { return };
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
fn arrows(event: &web_sys::KeyboardEvent, node: NodeRef<html::Div>) {
    let Some(log) = node.get_untracked() else { return };
    let target = event.target().and_then(|target| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(target).ok());
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
