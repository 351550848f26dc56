//! Postil's user interface.
//!
//! | module | holds |
//! |---|---|
//! | [`page`] | the three pages, what they are asked with, the [`page::Seed`] they carry |
//! | [`loaders`] | what the server reads for a first paint (a trait the server implements) |
//! | `ssr` | [`render`]: a page as HTML (feature `ssr`) |
//! | [`shell`] | the document around it |
//! | [`pages`], [`widget`] | views |

pub mod loaders;
pub mod page;
pub mod pages;
pub mod shell;
pub mod widget;

#[cfg(feature = "ssr")]
pub mod ssr;

pub use loaders::{BoxFuture, Loader};
pub use page::{Assets, Page};
#[cfg(feature = "ssr")]
pub use ssr::{Rendered, render};

use leptos::prelude::*;

/// The root of `/messages` and `/widget`, equal on the server and in the browser.
#[must_use]
pub fn app(_seed: page::Seed, _widget: bool) -> AnyView {
    view! { <main class="scope"></main> }.into_any()
}
