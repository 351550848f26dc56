//! Takes over what the server rendered.

use any_spawner::Executor;
use postil::wire::json;

use crate::{net::dom, node, page::Seed};

/// Takes over `#postil-root`, from the seed in the page.
pub fn hydrate() {
    let Some((root, seed)) = begin::<Seed>() else { return };
    let seed = seed.unwrap_or_default();
    let widget = dom::find("html.page-widget").is_some();
    node::hydrate(&root, move || crate::root(seed, widget));
}

/// Takes over the administration pages, likewise.
pub fn hydrate_admin() {
    if let Some((root, Some(seed))) = begin::<crate::admin::Seed>() {
        node::hydrate(&root, move || crate::admin::root(seed));
    }
}

/// The root, and the seed.
fn begin<T: serde::de::DeserializeOwned>() -> Option<(web_sys::Element, Option<T>)> {
    // An error says that it was done before.
    let _ = Executor::init_wasm_bindgen();
    let root = dom::find("#postil-root")?;
    let block = dom::find("#postil-seed");
    let text = block.as_ref().and_then(|block| block.text_content());
    // The document must not go on holding what the first company showed.
    if let Some(block) = block {
        block.remove();
    }
    Some((root.into(), text.and_then(|text| json::read(&text).ok())))
}
