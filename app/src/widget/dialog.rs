//! Dialogs: native ones, so that focus is trapped and returns by itself.

use postil::{feed::Input, ids::MessageId};
use web_sys::HtmlDialogElement;

use crate::{
    net::dom,
    node::{Node, button, div, el, live},
    parts::icon,
    state::{Scope, scope::Dialog, words},
    widget::{find, keymap, message, moderation, panel, picker, switcher},
};

/// Whatever is open over the panel.
#[must_use]
pub fn dialogs(scope: Scope) -> Node {
    live(move || {
        scope.ui.dialog.get().map(|dialog| match dialog {
            Dialog::Switcher => switcher::switcher(scope),
            Dialog::Picker => picker::picker(scope),
            Dialog::Find => find::find(scope),
            Dialog::Keys => keymap::sheet(scope),
            Dialog::Delete(message) => delete(scope, message),
            Dialog::Report(message) => moderation::report(scope, message),
            Dialog::Block(person, conversation) => moderation::block(scope, person, conversation),
            Dialog::SignOut(unsent) => sign_out(scope, unsent),
        })
    })
}

/// A dialog with a title and a way out.
#[must_use]
pub fn frame(scope: Scope, title: &'static str, body: Vec<Node>) -> Node {
    let slot = dom::slot();
    dom::effect(move || {
        if let Some(dialog) = dom::held::<HtmlDialogElement>(slot).filter(|dialog| !dialog.open()) {
            let _ = dialog.show_modal();
        }
    });
    let head = div("dialog-head")
        .child(el("h2", "").attr("id", "dialog-title").child(title))
        .child(button("icon-button", move || close(scope)).label("Close").child(icon::icon(icon::CLOSE)));
    el("dialog", "dialog")
        .attr("aria-labelledby", "dialog-title")
        .known_as(move |element| slot.set(element))
        .on("close", move |_| scope.ui.dialog.set(None))
        .child(head)
        .children(body)
        .into()
}

/// Closes the open dialog. It is closed before it goes: only then does the browser give the focus back.
pub fn close(scope: Scope) {
    match dom::find("dialog[open]")
        .and_then(|element| wasm_bindgen::JsCast::dyn_into::<HtmlDialogElement>(element).ok())
    {
        Some(dialog) => dialog.close(),
        None => scope.ui.dialog.set(None),
    }
}

fn sign_out(scope: Scope, unsent: usize) -> Node {
    let out = move || {
        close(scope);
        panel::sign_out(scope);
    };
    let text = format!(
        "{} not sent yet. Whoever signs out leaves nothing on this device: what is not sent is lost.",
        words::count(unsent, "message is", "messages are")
    );
    let foot = div("dialog-foot")
        .child(button("button", move || close(scope)).child("Stay"))
        .child(button("button danger", out).child("Sign out"));
    frame(scope, "Sign out now?", vec![div("dialog-body").child(el("p", "").child(text)).into(), foot.into()])
}

fn delete(scope: Scope, message: MessageId) -> Node {
    let delete = move || {
        close(scope);
        // The button that the dialog gives the focus back to goes with the text.
        dom::focus_id(&message::node_id(message));
        scope.apply(Input::Delete { message });
    };
    let text = "Its text goes for everyone. Its place in the thread stays, and so do the replies.";
    let foot = div("dialog-foot")
        .child(button("button", move || close(scope)).child("Keep it"))
        .child(button("button danger", delete).child("Delete"));
    frame(scope, "Delete this message?", vec![div("dialog-body").child(el("p", "").child(text)).into(), foot.into()])
}
