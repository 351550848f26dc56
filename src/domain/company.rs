//! Companies and their members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A company's hue in OKLCH degrees, 0–359. Lightness and chroma are the style's, so that contrast holds for every hue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Hue(pub u16);

/// Whether a member belongs to the company or is a guest in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// An employee or officer.
    Internal,
    /// A customer, supplier, auditor: everyone is told when they can read along.
    External,
}

impl MemberKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Internal, Self::External];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}
