//! What travels between nodes: pointers to facts in the log, and whispers that may be lost. Never text, so that whoever
//! reads Redis reads no message.

use serde::{Deserialize, Serialize};

use crate::{
    backend::store::LogEvent,
    clock::Timestamp,
    domain::PresenceStatus,
    ids::{ConversationId, SessionId, UserId},
};

/// Someone's presence has become this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceChange {
    /// Who.
    pub user: UserId,
    /// What they are now.
    pub status: PresenceStatus,
    /// Since when.
    pub at: Timestamp,
}

/// One thing that a node tells the others about a company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Signal {
    /// The log has this event. A hint to look: only what PostgreSQL says is shown to anyone.
    Event(LogEvent),
    /// Someone has read up to a position.
    Receipt {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Up to which position.
        seq: i64,
    },
    /// Someone is writing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
    },
    /// People came, went, or are idle.
    Presence {
        /// Each person once.
        changes: Vec<PresenceChange>,
    },
    /// A session was ended or moved to another company: ask PostgreSQL about it now.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
}

/// A signal and who sent it; a node knows its own echo by it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The sending process.
    pub node: u64,
    /// What it says.
    pub signal: Signal,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{backend::store::EventKind, ids::CompanyId};

    #[test]
    fn a_pointer_survives_the_wire_and_holds_no_text() {
        let event = LogEvent {
            company: CompanyId::from_uuid(Uuid::from_u128(1)),
            seq: 7,
            kind: EventKind::MessageCreated,
            conversation: Some(ConversationId::from_uuid(Uuid::from_u128(2))),
            message: None,
            record: Some("transaction/INV-1".parse().unwrap()),
            user: None,
        };
        let json = serde_json::to_string(&Envelope { node: 3, signal: Signal::Event(event.clone()) }).unwrap();
        let back: Envelope = serde_json::from_str(&json).unwrap();
        assert_eq!((back.node, back.signal), (3, Signal::Event(event)));
        assert!(json.len() < 400, "{json}");
    }
}
