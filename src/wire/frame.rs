//! Frames of the socket, `/api/v1/realtime`: JSON text, one object each, told apart by `type`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Message, Presence, Problem};
use crate::{
    clock::Timestamp,
    domain::RecordKey,
    ids::{CompanyId, ConnectionId, ConversationId, MessageId, UserId},
};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientFrame {
    /// Must come first: which company the client believes in, and where to resume.
    #[serde(rename = "hello")]
    Hello {
        /// The company at hand; another than the session's closes the socket with 4409.
        company_id: CompanyId,
        /// The last cursor received; without it the stream begins now.
        #[serde(default)]
        cursor: Option<String>,
        /// Whether the person is looking.
        active: bool,
    },
    /// Whether the person is looking (visible tab, recent input). Sent when that changes, and in between by clients that
    /// want to know whether the connection still lives: the answer is `pong`.
    #[serde(rename = "activity")]
    Activity {
        /// Looking, or not.
        active: bool,
    },
    /// Whose presence the client shows, replacing the former list.
    #[serde(rename = "presence.watch")]
    PresenceWatch {
        /// At most [`crate::limits::PRESENCE_USERS_MAX`] people.
        user_ids: Vec<UserId>,
    },
    /// The person is writing. At most one per conversation in [`crate::limits::TYPING_INTERVAL_MS`]; more are ignored.
    #[serde(rename = "typing")]
    Typing {
        /// Where.
        conversation_id: ConversationId,
    },
}

/// What the server sends. Frames with a `cursor` come from the durable log, in its order; the others are state, the latest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The answer to `hello`.
    #[serde(rename = "welcome")]
    Welcome {
        /// This connection.
        connection_id: ConnectionId,
        /// Where the stream stands. Events after the client's own cursor follow.
        cursor: String,
        /// Whether the client's cursor was resumed. If not, the client loads afresh.
        resumed: bool,
        /// Now, for clients whose clock is wrong.
        server_time: Timestamp,
    },
    /// A thread began.
    #[serde(rename = "message.created")]
    MessageCreated {
        /// Where the stream stands after it.
        cursor: String,
        /// The message.
        message: Message,
    },
    /// A message was edited.
    #[serde(rename = "message.updated")]
    MessageUpdated {
        /// Where the stream stands after it.
        cursor: String,
        /// The message.
        message: Message,
    },
    /// A message became a tombstone.
    #[serde(rename = "message.deleted")]
    MessageDeleted {
        /// Where the stream stands after it.
        cursor: String,
        /// The tombstone.
        message: Message,
    },
    /// A message was answered.
    #[serde(rename = "thread.reply.created")]
    ThreadReplyCreated {
        /// Where the stream stands after it.
        cursor: String,
        /// The reply.
        message: Message,
        /// The beginning of the thread.
        root_id: MessageId,
        /// Replies in the thread now.
        reply_count: u32,
    },
    /// A conversation began, or its title or participants changed: load it.
    #[serde(rename = "conversation.updated")]
    ConversationUpdated {
        /// Where the stream stands after it.
        cursor: String,
        /// Which.
        conversation_id: ConversationId,
    },
    /// A linked record changed: chips that show it load it.
    #[serde(rename = "record.updated")]
    RecordUpdated {
        /// Where the stream stands after it.
        cursor: String,
        /// Which.
        record: RecordKey,
    },
    /// These are no longer visible to this person: drop them and everything in them.
    #[serde(rename = "access.revoked")]
    AccessRevoked {
        /// Where the stream stands after it.
        cursor: String,
        /// Conversations to drop.
        conversation_ids: Vec<ConversationId>,
        /// Records whose messages, in any conversation, are to be dropped.
        records: Vec<RecordKey>,
    },
    /// Someone has read.
    #[serde(rename = "receipt.read")]
    ReceiptRead {
        /// Where.
        conversation_id: ConversationId,
        /// Who.
        user_id: UserId,
        /// Up to which position.
        seq: i64,
    },
    /// People came, went, or are idle.
    #[serde(rename = "presence.changed")]
    PresenceChanged {
        /// Only people whom the client watches.
        changes: Vec<Presence>,
    },
    /// Someone is writing.
    #[serde(rename = "typing")]
    Typing {
        /// Where.
        conversation_id: ConversationId,
        /// Who.
        user_id: UserId,
    },
    /// The client missed something that can't be replayed: it loads afresh. The connection may end after it.
    #[serde(rename = "resync")]
    Resync {
        /// Where the stream stands.
        cursor: String,
    },
    /// The answer to `activity`: the connection lives, in both directions.
    #[serde(rename = "pong")]
    Pong,
    /// A frame of the client was refused. The connection ends after it.
    #[serde(rename = "error")]
    Error {
        /// Why.
        problem: Problem,
    },
}

/// Any [`ServerFrame`], as it is written: see [`crate::domain::text`] for why reading goes through one flat struct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerFields {
    r#type: String,
    cursor: Option<String>,
    connection_id: Option<ConnectionId>,
    resumed: Option<bool>,
    server_time: Option<Timestamp>,
    message: Option<Message>,
    root_id: Option<MessageId>,
    reply_count: Option<u32>,
    conversation_id: Option<ConversationId>,
    conversation_ids: Option<Vec<ConversationId>>,
    record: Option<RecordKey>,
    records: Option<Vec<RecordKey>>,
    user_id: Option<UserId>,
    seq: Option<i64>,
    changes: Option<Vec<Presence>>,
    problem: Option<Problem>,
}

impl ServerFields {
    fn frame(self) -> Option<ServerFrame> {
        Some(match self.r#type.as_str() {
            "welcome" => ServerFrame::Welcome {
                connection_id: self.connection_id?,
                cursor: self.cursor?,
                resumed: self.resumed?,
                server_time: self.server_time?,
            },
            "message.created" => ServerFrame::MessageCreated { cursor: self.cursor?, message: self.message? },
            "message.updated" => ServerFrame::MessageUpdated { cursor: self.cursor?, message: self.message? },
            "message.deleted" => ServerFrame::MessageDeleted { cursor: self.cursor?, message: self.message? },
            "thread.reply.created" => ServerFrame::ThreadReplyCreated {
                cursor: self.cursor?,
                message: self.message?,
                root_id: self.root_id?,
                reply_count: self.reply_count?,
            },
            "conversation.updated" => {
                ServerFrame::ConversationUpdated { cursor: self.cursor?, conversation_id: self.conversation_id? }
            }
            "record.updated" => ServerFrame::RecordUpdated { cursor: self.cursor?, record: self.record? },
            "access.revoked" => ServerFrame::AccessRevoked {
                cursor: self.cursor?,
                conversation_ids: self.conversation_ids?,
                records: self.records?,
            },
            "receipt.read" => ServerFrame::ReceiptRead {
                conversation_id: self.conversation_id?,
                user_id: self.user_id?,
                seq: self.seq?,
            },
            "presence.changed" => ServerFrame::PresenceChanged { changes: self.changes? },
            "typing" => ServerFrame::Typing { conversation_id: self.conversation_id?, user_id: self.user_id? },
            "resync" => ServerFrame::Resync { cursor: self.cursor? },
            "pong" => ServerFrame::Pong,
            "error" => ServerFrame::Error { problem: self.problem? },
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for ServerFrame {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = ServerFields::deserialize(from)?;
        fields.frame().ok_or_else(|| de::Error::custom("a frame is of an unknown type or lacks a field of its type"))
    }
}

/// Close codes of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The client broke the protocol; the `error` frame before says how.
    Protocol = 1002,
    /// The server stops; connect again, to another node.
    GoingAway = 1012,
    /// The session has ended: sign in.
    SignedOut = 4401,
    /// The membership has ended: drop everything of this company.
    AccessRevoked = 4403,
    /// The client reads too slowly, or was silent: connect again and resume.
    TooSlow = 4408,
    /// The session is in another company now: load afresh.
    CompanySwitched = 4409,
    /// Too many frames or connections: wait before connecting again.
    TooMany = 4429,
}

impl CloseCode {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_by_type_and_refuse_strangers() {
        let frame: ClientFrame = serde_json::from_str(r#"{"type":"activity","active":true}"#).unwrap();
        assert_eq!(frame, ClientFrame::Activity { active: true });
        for text in
            [r#"{"type":"activity"}"#, r#"{"type":"shout"}"#, r#"{"type":"activity","active":true,"x":1}"#, "[]", "7"]
        {
            assert!(serde_json::from_str::<ClientFrame>(text).is_err(), "{text}");
        }
    }
}
