//! The launcher: all that a collapsed widget shows. Rendered on the server, kept fresh by `public/js/boot.js`.

use leptos::prelude::*;
use postil::wire;

use crate::{
    parts::{face, icon},
    state::words,
};

/// The button with badge and faces, in the company's colour.
#[must_use]
pub fn launcher(hue: &str, state: Option<wire::Launcher>) -> AnyView {
    let state = state.unwrap_or(wire::Launcher { unread: 0, online: Vec::new(), online_count: 0, presence_known: false });
    let mut name = "Messages".to_owned();
    if state.unread > 0 {
        name.push_str(&format!(", {} unread", badge(state.unread)));
    }
    if state.online_count > 0 {
        name.push_str(&format!(", {} here", words::count(state.online_count as usize, "person", "people")));
    }
    let badge = (state.unread > 0).then(|| badge(state.unread));
    let faces = state.online.iter().take(3).map(|person| face::plain(person, "small")).collect_view();
    view! {
        <div id="postil-launcher" class=format!("scope launcher-dock {hue}")>
            <button type="button" class="launcher" aria-label=name aria-expanded="false" data-testid="launcher">
                <span class="launcher-mark">{icon::mark()}</span>
                <span class="launcher-faces">{faces}</span>
                <span class="badge">{badge}</span>
            </button>
        </div>
    }
    .into_any()
}

fn badge(unread: u16) -> String {
    if unread > 99 { "99+".to_owned() } else { unread.to_string() }
}
