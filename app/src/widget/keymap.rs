//! Keys that work everywhere in the panel, and the sheet that tells of all of them. The widget stands in a document of its own:
//! no key that is pressed in the page around it comes here, and none that is pressed here goes there.

use postil::ids::ConversationId;
use wasm_bindgen::JsCast as _;

use super::dialog;
use crate::{
    net::dom,
    node::{Node, div, el, span},
    state::{Scope, scope::Dialog},
};

/// Keys pressed together, and what they do.
type Does = (&'static [&'static str], &'static str);

/// What keys do, and where.
const KEYS: &[(&str, &[Does])] = &[
    (
        "Everywhere",
        &[
            (&["Ctrl", "K"], "Find a conversation or a message"),
            (&["Alt", "Shift", "↓"], "Next conversation with something new"),
            (&["?"], "This list"),
            (&["Esc"], "Close what is open, the widget last"),
        ],
    ),
    (
        "Lists",
        &[(&["↑", "↓"], "Row by row, message by message"), (&["Home", "End"], "First and last"), (&["Enter"], "Open")],
    ),
    (
        "Writing",
        &[
            (&["Enter"], "Send, or a new line: as you chose beside “Formatting”"),
            (&["Ctrl", "Enter"], "Send"),
            (&["Shift", "Enter"], "New line; in a list, the next item"),
            (&["Ctrl", "B"], "Bold"),
            (&["Ctrl", "I"], "Italic"),
            (&["Ctrl", "Shift", "X"], "Struck out"),
            (&["Ctrl", "E"], "Code"),
            (&["Ctrl", "Shift", "U"], "Link; or paste an address over the words"),
            (&["Ctrl", "Shift", "7 8 9"], "Numbered list, list, quote"),
            (&["↑"], "Edit your last message, in an empty field"),
            (&["Esc"], "Stop answering or editing"),
        ],
    ),
];

/// The sheet.
#[must_use]
pub fn sheet(scope: Scope) -> Node {
    let is_mac = dom::is_mac();
    let rows = |rows: &[Does]| {
        let mut list = el("dl", "keys");
        for (keys, does) in rows {
            // Keys stand as on the keyboard, whichever way the text runs.
            let mut combination = el("dd", "").attr("dir", "ltr");
            for key in *keys {
                let shown = match *key {
                    "Ctrl" if is_mac => "⌘",
                    "Alt" if is_mac => "⌥",
                    key => key,
                };
                combination = combination.child(el("kbd", "").child(shown));
            }
            list = list.child(el("dt", "").child(*does)).child(combination);
        }
        list
    };
    let mut body = div("dialog-body keys-sheet").attr("tabindex", "0");
    for (place, all) in KEYS {
        body = body.child(el("h3", "find-head").child(span("").child(*place))).child(rows(all));
    }
    dialog::frame(scope, "Keys", vec![body.into()])
}

/// Hears the keys that work everywhere.
pub fn listen(scope: Scope) {
    let Some(document) = dom::document() else { return };
    dom::listen(&document, "keydown", move |event| {
        let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
        if event.is_composing() || event.default_prevented() || event.key_code() == 229 {
            return;
        }
        let key = event.key();
        if dom::with_command(event) && !event.shift_key() && dom::says(event, "k", "KeyK") {
            event.prevent_default();
            // Again closes it: a key that opens something by mistake takes it back.
            match open_dialog(scope) {
                Some(Dialog::Find) => dialog::close(scope),
                Some(_) => {}
                None => scope.ui.dialog.set(Some(Dialog::Find)),
            }
        } else if key == "ArrowDown" && event.alt_key() && event.shift_key() && open_dialog(scope).is_none() {
            event.prevent_default();
            if let Some(next) = next_unread(scope) {
                scope.open(next);
            } else {
                scope.shell.polite.set("Nothing new in other conversations".to_owned());
            }
        } else if key == "?" && !writes(event) && open_dialog(scope).is_none() {
            event.prevent_default();
            scope.ui.dialog.set(Some(Dialog::Keys));
        }
    });
}

fn open_dialog(scope: Scope) -> Option<Dialog> {
    scope.ui.dialog.try_get_untracked().flatten()
}

/// Whether the key goes into a field.
fn writes(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|element| element.matches("input, textarea, select, [contenteditable]").unwrap_or(true))
}

/// The next conversation below the open one with something new in it, or the first from the top.
fn next_unread(scope: Scope) -> Option<ConversationId> {
    let open = scope.ui.open.try_get_untracked().flatten();
    scope.read(|feed| {
        let all = feed.inbox().conversations;
        let at = all.iter().position(|view| open == Some(view.id)).map_or(0, |at| at + 1);
        let (above, below) = all.split_at(at.min(all.len()));
        below.iter().chain(above).find(|view| view.unread.0 > 0 && open != Some(view.id)).map(|view| view.id)
    })
}
