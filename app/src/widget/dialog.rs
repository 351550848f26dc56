//! Dialogs: native ones, so that focus is trapped and returns by itself.

use leptos::{html, prelude::*};
use postil::{feed::Input, ids::MessageId};

use crate::{
    parts::icon,
    state::{Scope, scope::Dialog},
    widget::{picker, switcher},
};

/// Whatever is open over the panel.
#[must_use]
pub fn dialogs(scope: Scope) -> AnyView {
    view! {
        {move || scope.ui.dialog.get().map(|dialog| match dialog {
            Dialog::Switcher => switcher::switcher(scope),
            Dialog::Picker => picker::picker(scope),
            Dialog::Delete(message) => delete(scope, message),
        })}
    }
    .into_any()
}

/// A dialog with a title and a way out.
#[must_use]
pub fn frame(scope: Scope, title: &'static str, body: AnyView) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        if let Some(dialog) = node.get()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
        }
    });
    let close = move || {
        // Closed before it goes: only then does the browser give the focus back.
        if let Some(dialog) = node.get_untracked() {
            dialog.close();
        }
    };
    view! {
        <dialog class="dialog" node_ref=node aria-labelledby="dialog-title" on:close=move |_| scope.ui.dialog.set(None)>
            <div class="dialog-head">
                <h2 id="dialog-title">{title}</h2>
                <button type="button" class="icon-button" aria-label="Close" on:click=move |_| close()>{icon::icon(icon::CLOSE)}</button>
            </div>
            {body}
        </dialog>
    }
    .into_any()
}

/// Closes the open dialog, giving the focus back.
pub fn close(scope: Scope) {
    match crate::net::dom::find("dialog[open]").and_then(|element| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlDialogElement>(element).ok()) {
        Some(dialog) => dialog.close(),
        None => scope.ui.dialog.set(None),
    }
}

fn delete(scope: Scope, message: MessageId) -> AnyView {
    let delete = move |_| {
        close(scope);
        scope.apply(Input::Delete { message });
    };
    let body = view! {
        <div class="dialog-body"><p>"Its text goes for everyone. Its place in the thread stays, and so do the replies."</p></div>
        <div class="dialog-foot">
            <button type="button" class="button" on:click=move |_| close(scope)>"Keep it"</button>
            <button type="button" class="button danger" on:click=delete>"Delete"</button>
        </div>
    }
    .into_any();
    frame(scope, "Delete this message?", body)
}
