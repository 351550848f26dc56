//! Dialogs of the administration pages: native ones, so that focus is trapped and returns by itself.

use web_sys::HtmlDialogElement;

use super::{desk::Desk, form::Form};
use crate::{
    net::dom,
    node::{Element, Node, button, div, el},
    parts::icon,
};

/// A dialog with a title and a way out, around a form that `send` sends.
#[must_use]
pub fn form(
    desk: Desk,
    title: impl Into<String>,
    form: Form,
    body: Vec<Node>,
    action: (&'static str, &'static str),
    send: impl Fn() + Send + 'static,
) -> Node {
    let (class, label) = action;
    let submit = el("button", class)
        .attr("type", "submit")
        .attr_live("aria-disabled", move || form.busy.get().then_some("true"))
        .child(label);
    let foot = div("dialog-foot").child(button("button", move || close(desk)).child("Cancel")).child(submit);
    let content = el("form", "dialog-form")
        .attr("novalidate", "")
        .on("submit", move |event| {
            event.prevent_default();
            // Pressed twice, it is sent once.
            if !form.busy.get_untracked() {
                send();
            }
        })
        .child(div("dialog-body").children(body))
        .child(foot);
    frame(desk, title, content)
}

/// A dialog with a title and a way out.
#[must_use]
pub fn frame(desk: Desk, title: impl Into<String>, content: Element) -> Node {
    let slot = dom::slot();
    dom::effect(move || {
        if let Some(dialog) = dom::held::<HtmlDialogElement>(slot).filter(|dialog| !dialog.open()) {
            let _ = dialog.show_modal();
        }
    });
    let head = div("dialog-head")
        .child(el("h2", "").attr("id", "dialog-title").child(title.into()))
        .child(button("icon-button", move || close(desk)).label("Close").child(icon::icon(icon::CLOSE)));
    el("dialog", "dialog admin-dialog")
        .attr("aria-labelledby", "dialog-title")
        .known_as(move |element| slot.set(element))
        .on("close", move |_| desk.dialog.set(None))
        .child(head)
        .child(content)
        .into()
}

/// Closes the open dialog. It is closed before it goes: only then does the browser give the focus back.
pub fn close(desk: Desk) {
    let open = dom::find("dialog[open]");
    match open.and_then(|element| wasm_bindgen::JsCast::dyn_into::<HtmlDialogElement>(element).ok()) {
        Some(dialog) => dialog.close(),
        None => desk.dialog.set(None),
    }
}
