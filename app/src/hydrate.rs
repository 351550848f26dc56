//! Takes over what the server rendered.

use crate::{net::dom, page::Seed};

/// Hydrates `#postil-root` from the seed in the page.
pub fn hydrate() {
    let Some(root) = dom::find("#postil-root") else { return };
    let seed: Seed = dom::find("#postil-seed")
        .and_then(|block| block.text_content())
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let widget = dom::find("html.page-widget").is_some();
    leptos::mount::hydrate_from(root, move || crate::root(seed, widget)).forget();
}
