//! What travels: REST bodies, socket frames, problems. One definition for the server and the browser; the OpenAPI and
//! AsyncAPI documents are generated from these types.

/// A closed set of words that travel: an enum, so that a typo does not compile.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$each])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As stored and as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text,)* } }

            /// From what is stored.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { Self::ALL.iter().copied().find(|one| one.as_str() == text) }
        }
    };
}

pub mod abuse;
pub mod admin;
pub mod audit;
pub mod frame;
pub mod hook;
pub mod json;
pub mod moderation;
pub mod problem;
pub mod rest;
pub mod search;

pub use abuse::*;
pub use admin::*;
pub use audit::{AuditAction, AuditActor, AuditChain, AuditEntry, ListAudit};
pub use frame::{ClientFrame, CloseCode, ServerFrame};
pub use hook::{HookAnswer, HookQuestion};
pub use moderation::*;
pub use problem::{Code, FieldError, Problem};
pub use rest::*;
pub use search::{Hit, HitPlace, Run, RunKind, SearchMessages};
