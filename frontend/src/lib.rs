//! The WASM entry point of the widget and `/messages`: hydrates what the server rendered, and nothing else.
//!
//! The administration pages have their own, in `admin.rs`.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by `public/js/boot.js`.
#[wasm_bindgen]
pub fn hydrate() {
    app::hydrate();
}
