//! Full pages.

pub mod sign_in;
