//! Realtime: `GET /api/v1/realtime`, a WebSocket. Nothing lost, nothing twice, nothing seen that may not be.
//!
//! | module | holds |
//! |---|---|
//! | [`upgrade`](realtime) | the door: origin, cookie or ticket |
//! | `socket`, `state`, `transport` | one socket: its life, what frames mean, the wire |
//! | `hub`, `company` | the node: companies with sockets here, from the log to queues |
//! | `sight` | who sees what |
//! | `replay` | resuming from a cursor |
//! | [`place`] | what a cursor says |
//! | `leases` | presence of this node's sockets |
//! | [`ledger`] | what is read from the database |
//! | [`asyncapi`] | the contract, as a document |
//!
//! The way of one message: a commit makes a `Committed` event; the bus tells this node in process and the others by a
//! pointer; the company's task considers it in the order of the log, judges it for each person and queues the shared bytes.

mod asyncapi;
mod company;
mod hub;
mod leases;
pub mod ledger;
pub mod place;
mod replay;
mod sight;
mod socket;
mod state;
mod transport;
mod upgrade;

#[cfg(test)]
mod tests;

pub use self::{
    asyncapi::asyncapi,
    hub::Hub,
    ledger::{Ledger, StoreLedger},
    upgrade::{Realtime, realtime},
};
