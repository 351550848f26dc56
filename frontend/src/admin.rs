//! The WASM entry point of the administration pages: takes over what the server rendered, and nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by `public/js/admin.js`.
#[wasm_bindgen]
pub fn hydrate() {
    app::hydrate_admin();
}

/// What there is to do begins when the page asks for it.
fn main() {}
