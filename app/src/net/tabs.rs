//! Other tabs of the same person: a switch of company in one ends what the others show.

use postil::{
    ids::{CompanyId, UserId},
    wire::{Me, json},
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{BroadcastChannel, MessageEvent};

use crate::state::{Session, Shell, company_name};

#[derive(Serialize, Deserialize)]
struct Switched {
    user: String,
    company: String,
    name: String,
}

thread_local! {
    // One for the life of the page.
    static CHANNEL: Option<BroadcastChannel> = BroadcastChannel::new("postil").ok();
}

/// Tells other tabs that this person is in `me`'s company now.
pub fn tell(me: &Me) {
    let news = Switched { user: me.id.to_string(), company: me.company_id.to_string(), name: company_name(me) };
    let text = serde_json::to_string(&news).unwrap_or_default();
    CHANNEL.with(|channel| channel.as_ref().map(|channel| channel.post_message(&JsValue::from_str(&text))));
}

/// Listens for switches in other tabs, for the life of the page.
pub fn listen(shell: Shell) {
    hear(move |news| {
        let here = shell.session.with_untracked(|session| match session {
            Session::In(me) if me.id.to_string() == news.user && me.company_id.to_string() != news.company => {
                Some(company_name(me))
            }
            _ => None,
        });
        if let Some(from) = here {
            shell.leave(Session::Locked { from, to: Some(news.name) });
        }
    });
}

/// Likewise for a page that is one person's in one company: `left` is called when a tab says that this browser is elsewhere.
pub fn follow(viewer: UserId, company: CompanyId, left: impl Fn() + 'static) {
    let (viewer, company) = (viewer.to_string(), company.to_string());
    hear(move |news| {
        if news.user != viewer || news.company != company {
            left();
        }
    });
}

fn hear(mut heard: impl FnMut(Switched) + 'static) {
    let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(news) = event.data().as_string().and_then(|text| json::read::<Switched>(&text).ok()) {
            heard(news);
        }
    });
    CHANNEL.with(|channel| {
        if let Some(channel) = channel {
            channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        }
    });
    heard.forget();
}
