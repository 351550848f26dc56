//! Postil's messaging core: what a company, a conversation and a message are, who may see them, and how they travel.
//!
//! Pure Rust for the server and the browser alike, except [`backend`], which only the server builds. Nothing here knows
//! HTTP or Leptos. Where to start reading, and where to add what:
//!
//! | module | holds | add here |
//! |---|---|---|
//! | [`limits`] | every bound of every input, queue and page | a new bound, with its arithmetic |
//! | [`ids`] | one type per id | a new kind of id |
//! | [`clock`] | time and ids as parameters | nothing |
//! | [`domain`] | the nouns: company, conversation, message, record, presence, text | a rule about one noun |
//! | [`access`] | actions, roles, policy documents, [`access::decide`] | a scope, a condition, a preset |
//! | [`wire`] | REST bodies, socket frames, problem codes | a field, a frame, an error code |
//! | [`feed`] | the client's state as a pure reducer | an event's effect on what a person sees |
//! | [`backend`] | use cases, SQL, Redis, tokens (server only) | a use case, a statement |
//!
//! Direction: `limits, ids, clock ← domain ← access ← wire ← feed` and `backend::{store, crypto} ← backend::bus ←
//! backend::service ← backend::jobs`. Nothing points back.

pub mod access;
pub mod clock;
pub mod domain;
pub mod feed;
pub mod ids;
pub mod limits;
pub mod wire;

#[cfg(feature = "ssr")]
pub mod backend;
