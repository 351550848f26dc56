//! The boot module (`public/js/boot.js`): it holds the embedded session and speaks to the host page.
//!
//! It hands over as `window.postilBoot`; what the host wants later arrives as `postil-host` events on the window.

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use postil::domain::RecordKey;
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::dom;
use crate::state::Shell;

fn call(name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let boot = Reflect::get(&dom::window()?.into(), &JsValue::from_str("postilBoot")).ok()?;
    let function: Function = Reflect::get(&boot, &JsValue::from_str(name)).ok()?.dyn_into().ok()?;
    function.apply(&boot, &arguments.iter().collect()).ok()
}

async fn wait(name: &str) -> Option<String> {
    let promise: Promise = call(name, &[])?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()?.as_string()
}

/// The embedded session, as the JSON of `wire::EmbedSession`, once the host's token was exchanged; ends boot's own socket.
pub async fn session() -> Option<String> {
    wait("session").await
}

/// A new session from a new token of the host.
pub async fn renew() -> Option<String> {
    wait("renew").await
}

/// What the launcher and the host show: unread messages.
pub fn unread(count: u16) {
    call("unread", &[JsValue::from_f64(f64::from(count))]);
}

/// Collapses the widget.
pub fn close() {
    call("close", &[]);
}

/// Asks the host to show a record.
pub fn navigate(record: &RecordKey, url: Option<&str>) {
    let url = url.map_or(JsValue::NULL, JsValue::from_str);
    call("navigate", &[record.kind.as_str().into(), record.id.as_str().into(), url]);
}

#[derive(Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
enum Verb {
    Open,
    Close,
    Context { record: Option<RecordKey> },
}

/// Listens to what the host wants, for the life of the page.
pub fn listen(shell: Shell) {
    let Some(window) = dom::window() else { return };
    dom::listen(&window, "postil-host", move |event| {
        let text = event.dyn_ref::<web_sys::CustomEvent>().and_then(|event| event.detail().as_string());
        match text.and_then(|text| serde_json::from_str::<Verb>(&text).ok()) {
            Some(Verb::Open) => {
                shell.looking.set(dom::tab_visible());
                dom::focus_soon(".panel textarea, .panel .row, .panel button");
            }
            Some(Verb::Close) => shell.looking.set(false),
            Some(Verb::Context { record }) => shell.record.set(record),
            None => {}
        }
    });
}
