//! Every SQL statement of Postil. One file per table family.

pub mod grants;
pub mod migrate;
pub mod seed;
