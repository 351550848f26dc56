//! Who may do what. [`decide`] is the one verdict of wall 1: REST, server functions, sockets, notifications and exports
//! all ask it. Wall 2 (row-level security) derives the same verdict in SQL from the same policy rows, by other means;
//! a property test holds the two together.

pub mod action;
pub mod decide;
pub mod matrix;
pub mod narrowing;
pub mod permit;
pub mod policy;
pub mod preset;

pub use action::Action;
pub use decide::{Reason, Resource, Subject, Verdict, decide};
pub use narrowing::{Denial, Narrowing};
pub use permit::Permit;
pub use policy::{Conditions, Effect, Policy, PolicyError, Role, RoleKey, Rule, Scope};
