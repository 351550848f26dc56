//! The boot module (`public/js/boot.js`): it holds the embedded session and speaks to the host page.
//!
//! It hands over as `window.postilBoot`; what the host wants later arrives as `postil-host` events on the window.

use js_sys::{Function, Promise, Reflect};
use postil::{
    domain::RecordKey,
    feed::Failure,
    wire::{EmbedSession, Me, json},
};
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

async fn wait(name: &str, arguments: &[JsValue]) -> Result<Option<EmbedSession>, Failure> {
    let promise: Promise = call(name, arguments).and_then(|value| value.dyn_into().ok()).ok_or(Failure::Network)?;
    match JsFuture::from(promise).await {
        Ok(known) => match known.as_string() {
            Some(text) => json::read(&text).map(Some).map_err(|_| Failure::Network),
            None => Ok(None),
        },
        Err(problem) => {
            let problem = problem.as_string().and_then(|text| json::read(&text).ok());
            Err(problem.map_or(Failure::Network, Failure::Problem))
        }
    }
}

/// The embedded session, once the host's token was exchanged; `None` when the host says that nobody is signed in.
///
/// # Errors
/// The server's refusal of the token, or [`Failure::Network`] when host or server did not answer. Not remembered: asking
/// again tries again.
pub async fn session() -> Result<Option<EmbedSession>, Failure> {
    wait("session", &[]).await
}

/// A session from a new token of the host, in place of the one with the token `stale`. Asked for by several at once, it
/// is one and the same.
///
/// # Errors
/// As of [`session`].
pub async fn renew(stale: Option<&str>) -> Result<Option<EmbedSession>, Failure> {
    wait("renew", &[stale.map_or(JsValue::NULL, JsValue::from_str)]).await
}

/// Tells who is signed in now, or that nobody is: launcher, title and what boot remembers are theirs from then on.
pub fn context(me: Option<&Me>) {
    call("context", &[JsValue::from_str(&serde_json::to_string(&me).unwrap_or_default())]);
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

/// What the host wants, whichever verb it is: a type that is told apart by a field is read twice, and costs as much code.
#[derive(Deserialize)]
struct Wish {
    verb: String,
    focus: Option<bool>,
    record: Option<RecordKey>,
}

/// Listens to what the host wants, for the life of the page.
pub fn listen(shell: Shell) {
    let Some(window) = dom::window() else { return };
    dom::listen(&window, "postil-host", move |event| {
        let text = event.dyn_ref::<web_sys::CustomEvent>().and_then(|event| event.detail().as_string());
        let Some(wish) = text.and_then(|text| json::read::<Wish>(&text).ok()) else { return };
        match (wish.verb.as_str(), wish.focus) {
            ("open", Some(focus)) => {
                shell.look_up();
                // A widget that is restored leaves the keyboard where it is: in a form of the host, perhaps.
                if focus {
                    shell.attended.set(true);
                    dom::focus_soon(".panel textarea, .panel .row, .panel button");
                }
            }
            ("close", _) => shell.look_up(),
            ("context", _) => shell.record.set(wish.record),
            _ => {}
        }
    });
}
