//! Small views that several parts of the interface share. Data in, nodes out.

pub mod chip;
pub mod face;
pub mod icon;
pub mod states;
pub mod text;
