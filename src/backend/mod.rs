//! The server half of the core: use cases, SQL, Redis, secrets. Feature `ssr` only.
//!
//! `audit ← {store, crypto} ← {bus, hook} ← toll ← service ← jobs`. HTTP and sockets live in the crate `server`, which can name no SQL.

pub mod audit;
pub mod bus;
pub mod caller;
pub mod crypto;
pub mod excerpt;
pub mod hook;
pub mod html;
pub mod jobs;
pub mod markdown;
pub mod service;
pub mod source;
pub mod store;
pub mod toll;
pub mod words;
