//! The WASM entry point: hydrates what the server rendered, and nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by `public/js/boot.js`.
#[wasm_bindgen]
pub fn hydrate() {
    app::hydrate();
}
