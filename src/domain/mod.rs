//! The nouns of Postil and the rules that concern one of them. No I/O; who may do what is in [`crate::access`].

pub mod bounded;
pub mod company;
pub mod conversation;
pub mod message;
pub mod presence;
pub mod record;
pub mod status;
pub mod text;

pub use bounded::{BoundError, Comment, Email, MessageBody, Name, Note, Title};
pub use company::{Hue, MemberKind};
pub use conversation::ConversationKind;
pub use message::{LinkSource, MessageState};
pub use presence::{PresenceStatus, best_of};
pub use record::{RecordId, RecordKey, RecordKind};
pub use status::StatusWord;
