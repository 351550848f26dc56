//! The keys and the bar that put marks, links and lists into what is written.

use std::ops::Range;

use wasm_bindgen::JsCast as _;
use web_sys::{ClipboardEvent, HtmlTextAreaElement, KeyboardEvent};

use super::{
    Editor,
    markup::{self, Change, Lines, Mark},
};
use crate::{
    net::dom,
    node::{Node, button, div, el, span},
    parts::icon,
    state::writing,
};

/// What a key or a button does.
#[derive(Clone, Copy)]
enum Act {
    Mark(Mark),
    Link,
    Lines(Lines),
}

/// A button of the bar, and its keys.
struct Tool {
    act: Act,
    name: &'static str,
    icon: &'static str,
    /// Beside Ctrl or ⌘: whether Shift is pressed, what the key says, and what it is called where it says something else.
    keys: (bool, &'static str, &'static str),
    shortcut: &'static str,
}

const TOOLS: [Tool; 8] = [
    tool(Act::Mark(Mark::Bold), "Bold", icon::BOLD, (false, "b", "KeyB"), "Control+B"),
    tool(Act::Mark(Mark::Italic), "Italic", icon::ITALIC, (false, "i", "KeyI"), "Control+I"),
    tool(Act::Mark(Mark::Strike), "Strike out", icon::STRIKE, (true, "x", "KeyX"), "Control+Shift+X"),
    tool(Act::Mark(Mark::Code), "Code", icon::CODE, (false, "e", "KeyE"), "Control+E"),
    tool(Act::Link, "Link", icon::LINK, (true, "u", "KeyU"), "Control+Shift+U"),
    tool(Act::Lines(Lines::Bullets), "List", icon::BULLETS, (true, "8", "Digit8"), "Control+Shift+8"),
    tool(Act::Lines(Lines::Numbers), "Numbered list", icon::NUMBERS, (true, "7", "Digit7"), "Control+Shift+7"),
    tool(Act::Lines(Lines::Quote), "Quote", icon::QUOTE, (true, "9", "Digit9"), "Control+Shift+9"),
];

const fn tool(
    act: Act,
    name: &'static str,
    icon: &'static str,
    keys: (bool, &'static str, &'static str),
    shortcut: &'static str,
) -> Tool {
    Tool { act, name, icon, keys, shortcut }
}

/// Carries out what a key with Ctrl or ⌘ asks for; whether it asked for anything.
pub(super) fn key(editor: Editor, event: &KeyboardEvent) -> bool {
    if !dom::with_command(event) {
        return false;
    }
    let asked = TOOLS.iter().find(|tool| {
        let (shift, key, code) = tool.keys;
        // A digit with Shift is another sign on each keyboard: it goes by its place.
        shift == event.shift_key()
            && if code.starts_with('D') { event.code() == code } else { dom::says(event, key, code) }
    });
    if let Some(tool) = asked {
        run(editor, tool.act);
    }
    asked.is_some()
}

/// Begins a new line in a list or a quote; whether it was in one.
pub(super) fn new_line(editor: Editor) -> bool {
    let Some((area, text, chosen)) = selection(editor) else { return false };
    if !chosen.is_empty() {
        return false;
    }
    let change = markup::new_line(&text, chosen.start);
    if let Some(change) = &change {
        apply(editor, &area, &text, change);
    }
    change.is_some()
}

/// Makes an address that is pasted over words their link.
pub(super) fn paste(editor: Editor, event: &web_sys::Event) {
    let Some(data) = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data) else { return };
    let Some((area, text, chosen)) = selection(editor) else { return };
    let pasted = data.get_data("text/plain").unwrap_or_default();
    if let Some(change) = markup::pasted(&text, chosen.start, chosen.end, &pasted) {
        event.prevent_default();
        apply(editor, &area, &text, &change);
    }
}

fn run(editor: Editor, act: Act) {
    let Some((area, text, chosen)) = selection(editor) else { return };
    let Range { start, end } = chosen;
    let change = match act {
        Act::Mark(mark) => markup::mark(&text, start, end, mark),
        Act::Link => markup::link(&text, start, end),
        Act::Lines(kind) => markup::lines(&text, start, end, kind),
    };
    apply(editor, &area, &text, &change);
}

/// The field, its text and what is selected in it.
fn selection(editor: Editor) -> Option<(HtmlTextAreaElement, String, Range<usize>)> {
    let area = dom::held::<HtmlTextAreaElement>(editor.area)?;
    let text = area.value();
    let at = |place: Option<u32>| byte(&text, place.unwrap_or(0));
    let chosen = at(area.selection_start().ok()?)..at(area.selection_end().ok()?);
    Some((area, text, chosen))
}

/// The browser counts in UTF-16.
fn byte(text: &str, units: u32) -> usize {
    let mut left = units as usize;
    let mut bytes = 0;
    for c in text.chars() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(c.len_utf16());
        bytes += c.len_utf8();
    }
    bytes
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// Types it as the person would: the browser's own undo takes it back, and the field says itself what it holds then.
fn apply(editor: Editor, area: &HtmlTextAreaElement, text: &str, change: &Change) {
    let _ = area.focus();
    let _ = area.set_selection_range(units(&text[..change.from]), units(&text[..change.to]));
    let (command, put) = if change.put.is_empty() { ("delete", "") } else { ("insertText", change.put.as_str()) };
    let document = area.owner_document().and_then(|document| document.dyn_into::<web_sys::HtmlDocument>().ok());
    let typed = document
        .and_then(|document| document.exec_command_with_show_ui_and_value(command, false, put).ok())
        .unwrap_or(false);
    if !typed {
        // A browser that types nothing by command: then without undo.
        let _ = area.set_range_text(&change.put);
        editor.write(area.value());
    }
    let now = area.value();
    let at = |byte: usize| units(now.get(..byte).unwrap_or(&now));
    let _ = area.set_selection_range(at(change.start), at(change.end));
}

/// The bar, and what it says about Enter.
pub(super) fn bar(editor: Editor) -> Node {
    let ui = editor.scope.ui;
    let mut bar = div("composer-bar").attr("role", "toolbar").label("Formatting").test_id("format-bar");
    for (n, tool) in TOOLS.iter().enumerate() {
        let shown = if dom::is_mac() { tool.shortcut.replace("Control", "Meta") } else { tool.shortcut.to_owned() };
        bar = bar.child(
            button("icon-button", move || run(editor, tool.act))
                .attr("aria-label", tool.name)
                .attr("title", [tool.name, " (", &shown.replace("Control", "Ctrl").replace("Meta", "⌘"), ")"].concat())
                .attr("aria-keyshortcuts", shown)
                .attr("tabindex", if n == 0 { "0" } else { "-1" })
                .child(icon::icon(tool.icon)),
        );
    }
    let sends =
        button("link composer-enter", move || writing::set_enter_sends(editor.scope, !ui.enter_sends.get_untracked()))
            .attr("tabindex", "-1")
            .attr_live("aria-pressed", move || Some(if ui.enter_sends.get() { "true" } else { "false" }))
            .child("Enter sends");
    bar.child(span("composer-bar-gap"))
        .child(sends)
        .on("keydown", move |event| rove(editor, &event))
        .on("mousedown", |event| event.prevent_default())
        .into()
}

/// Arrows go from button to button; only one of them is a stop of Tab.
fn rove(editor: Editor, event: &web_sys::Event) {
    let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
    let element =
        |target: Option<web_sys::EventTarget>| target.and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let (Some(bar), Some(at)) = (element(event.current_target()), element(event.target())) else { return };
    let all = dom::find_all(&bar, "button");
    let Some(from) = all.iter().position(|one| **one == at) else { return };
    let last = all.len() - 1;
    let reversed = dom::is_rtl(&bar);
    let to = match event.key().as_str() {
        "Escape" => {
            // Back to the text, and no further: the same key closes the widget.
            event.prevent_default();
            event.stop_propagation();
            return dom::focus(editor.area);
        }
        "Home" => 0,
        "End" => last,
        "ArrowRight" | "ArrowLeft" => {
            if (event.key() == "ArrowRight") == reversed {
                from.checked_sub(1).unwrap_or(last)
            } else if from == last {
                0
            } else {
                from + 1
            }
        }
        _ => return,
    };
    event.prevent_default();
    let _ = all[from].set_attribute("tabindex", "-1");
    let _ = all[to].set_attribute("tabindex", "0");
    let _ = all[to].focus();
}

/// The button that shows the bar and hides it.
pub(super) fn toggle(editor: Editor) -> Node {
    let ui = editor.scope.ui;
    el("button", "icon-button composer-format")
        .attr("type", "button")
        .attr("aria-label", "Formatting")
        .attr("title", "Formatting")
        .attr_live("aria-expanded", move || Some(if ui.bar.get() { "true" } else { "false" }))
        .on("click", move |_| writing::set_bar(editor.scope, !ui.bar.get_untracked()))
        .on("mousedown", |event| event.prevent_default())
        .child(icon::icon(icon::FORMAT))
        .into()
}
