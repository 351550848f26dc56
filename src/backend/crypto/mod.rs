//! Secrets: passwords, session tokens, sealed values. Small, and nothing of it home-made below the level of a construction.

pub mod password;
pub mod seal;
pub mod token;

pub use seal::Sealer;
