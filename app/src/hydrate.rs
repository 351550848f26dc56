//! Takes over what the server rendered.

use any_spawner::Executor;

use crate::{net::dom, node, page::Seed};

/// Takes over `#postil-root`, from the seed in the page.
pub fn hydrate() {
    // An error says that it was done before.
    let _ = Executor::init_wasm_bindgen();
    let Some(root) = dom::find("#postil-root") else { return };
    let block = dom::find("#postil-seed");
    let text = block.as_ref().and_then(|block| block.text_content());
    let seed: Seed = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // The document must not go on holding what the first company showed.
    if let Some(block) = block {
        block.remove();
    }
    let widget = dom::find("html.page-widget").is_some();
    node::hydrate(&root, move || crate::root(seed, widget));
}
