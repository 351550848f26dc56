//! Everything that leaves the page or comes into it: REST, the socket, storage, other tabs, the host.
//!
//! Only effects and event handlers call into here: on the server nothing does.

pub mod api;
pub mod boot;
pub mod dom;
pub mod driver;
pub mod ids;
pub mod socket;
pub mod storage;
pub mod tabs;
