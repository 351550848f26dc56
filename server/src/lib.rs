//! Postil's server: HTTP and sockets around the messaging core, and the `postil` command.
//!
//! | module | holds | add here |
//! |---|---|---|
//! | [`cli`] | the subcommands | a subcommand |
//! | [`config`] | what the operator says | a setting |
//! | [`lifecycle`], [`telemetry`] | start, end, logs | |
//! | [`hook`] | the access hook behind HTTP | |
//! | [`http`] | layers, extractors, the route table, OpenAPI, pages | a layer |
//! | `api` | the operations of the REST API | an operation: a row and a handler |
//! | [`demo`] | a small ERP that embeds the widget as a customer would | |
//!
//! No SQL and no Redis here: the manifest lists neither. Handlers read a request, call the use case of the same name in
//! `postil::backend::service` and answer.

mod api;
mod audit;
pub mod cli;
pub mod config;
pub mod demo;
pub mod errors;
mod figures;
pub mod hook;
pub mod http;
mod jobs;
pub mod lifecycle;
mod listen;
pub mod matrix;
pub mod policy_schema;
mod serve;
mod setup;
pub mod state;
pub mod telemetry;
pub mod ws;
