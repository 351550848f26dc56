//! The launcher: all that a collapsed widget shows. Rendered on the server, kept fresh by `public/js/boot.js`.

use postil::wire;

use crate::{
    node::{Node, el, span},
    parts::{face, icon},
    state::words,
};

/// The button with badge and faces, in the company's colour.
#[must_use]
pub fn launcher(hue: &str, state: Option<wire::Launcher>) -> Node {
    let state =
        state.unwrap_or(wire::Launcher { unread: 0, online: Vec::new(), online_count: 0, presence_known: false });
    let mut name = "Messages".to_owned();
    if state.unread > 0 {
        name = format!("{name}, {} unread", badge(state.unread));
    }
    if state.online_count > 0 {
        name = format!("{name}, {} here", words::count(state.online_count as usize, "person", "people"));
    }
    let badge = (state.unread > 0).then(|| badge(state.unread));
    let faces = state.online.iter().take(3).map(|person| face::plain(person, "small"));
    let button = el("button", "launcher")
        .attr("type", "button")
        .label(name)
        .attr("aria-expanded", "false")
        // Until the boot module listens.
        .attr("disabled", "")
        .test_id("launcher")
        .child(span("launcher-mark").child(icon::mark()))
        .child(span("launcher-faces").children(faces))
        .child(span("badge").child(badge));
    // The page's landmark and heading while the panel, with its own, is not shown.
    el("main", format!("scope launcher-dock {hue}"))
        .attr("id", "postil-launcher")
        .child(el("h1", "visually-hidden").child("Messages"))
        .child(button)
        .into()
}

fn badge(unread: u16) -> String {
    if unread > 99 { "99+".to_owned() } else { unread.to_string() }
}
