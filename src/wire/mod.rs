//! What travels: REST bodies, socket frames, problems. One definition for the server and the browser; the OpenAPI and
//! AsyncAPI documents are generated from these types.

pub mod abuse;
pub mod admin;
pub mod audit;
pub mod frame;
pub mod json;
pub mod moderation;
pub mod problem;
pub mod rest;

pub use abuse::*;
pub use admin::*;
pub use audit::{AuditActor, AuditChain, AuditEntry, ListAudit};
pub use frame::{ClientFrame, CloseCode, ServerFrame};
pub use moderation::*;
pub use problem::{Code, FieldError, Problem};
pub use rest::*;
