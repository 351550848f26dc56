//! Full pages.

pub mod invitation;
pub mod sign_in;
