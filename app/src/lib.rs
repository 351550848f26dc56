//! Postil's user interface.
//!
//! | module | holds |
//! |---|---|
//! | [`page`] | the pages, what they are asked with, the [`page::Seed`] they carry |
//! | [`loaders`] | what the server reads for a first paint (a trait the server implements) |
//! | `ssr` | `render`: a page as HTML (feature `ssr`) |
//! | [`shell`] | the document around it |
//! | [`root`] | who is signed in decides what is shown |
//! | [`pages`], [`widget`], [`parts`] | views, from large to small |
//! | [`admin`] | the administration pages: a bundle of their own |
//! | [`node`] | what views are made of: one type for everything on screen, for the size of the bundle |
//! | [`state`] | what views read and change; everything of a company in one [`state::Scope`] |
//! | [`net`] | REST, socket, storage, other tabs, the host |
//!
//! Hooks for end-to-end tests, beside roles and names: `data-testid` of `launcher`, `company`, `conversations`, `log`,
//! `message`, `failed`, `edited`, `replies`, `unread-divider`, `composer-where`, `external-warning`, `depth-limit`, `about-record`,
//! `typing`, `strip`, `polite`, `assertive`.

#![expect(
    clippy::large_types_passed_by_value,
    reason = "a scope is a handful of signal handles; only debug builds make it large, by noting where each was made"
)]

pub mod admin;
#[cfg(feature = "hydrate")]
pub mod hydrate;
pub mod loaders;
pub mod net;
pub mod node;
pub mod page;
pub mod pages;
pub mod parts;
pub mod react;
pub mod root;
pub mod shell;
pub mod state;
pub mod widget;

#[cfg(feature = "ssr")]
pub mod ssr;

#[cfg(feature = "hydrate")]
pub use hydrate::{hydrate, hydrate_admin};
pub use loaders::{BoxFuture, Loader};
pub use page::{Assets, Page};
pub use root::root;
#[cfg(feature = "ssr")]
pub use ssr::{Rendered, render};
