//! The launcher: all that a collapsed widget shows. Rendered on the server, kept fresh by `public/js/boot.js`.

use leptos::prelude::*;
use postil::wire;

/// The button with badge and faces.
#[must_use]
pub fn launcher(_launcher: Option<wire::Launcher>) -> AnyView {
    view! { <div id="postil-launcher" class="scope"><button type="button">"Messages"</button></div> }.into_any()
}
