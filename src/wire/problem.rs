//! Errors as clients see them: RFC 9457 problem details with a stable code and the request's correlation id.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CorrelationId;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, as a name that never changes. The catalogue is append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code { $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// One line for people.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }

            /// What it means and what to do, for the catalogue.
            #[must_use]
            pub const fn help(self) -> &'static str { match self { $(Self::$name => concat!($($doc),+),)* } }
        }
    };
}

codes! {
    /// The body is not JSON, or not of this operation's shape. `errors` names the field where one can be named.
    MalformedBody = "malformed_body", 400, "The request body can't be read";
    /// A value is outside its bounds. `errors` names the field and what would be right.
    InvalidField = "invalid_field", 422, "A value is not allowed";
    /// A query parameter is missing, unknown, or can't be read.
    InvalidQuery = "invalid_query", 400, "A query parameter is not allowed";
    /// An id in the path or body is not written as such an id.
    InvalidId = "invalid_id", 400, "An id is malformed";
    /// The cursor was not made by this server for this list and company, or is too old. Start without one.
    InvalidCursor = "invalid_cursor", 400, "The cursor is not valid here";
    /// The request needs `Content-Type: application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "Send JSON";
    /// The request body is larger than this operation takes.
    BodyTooLarge = "body_too_large", 413, "The request is too large";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// There is no session, or it has ended. Sign in.
    Unauthenticated = "unauthenticated", 401, "Sign in first";
    /// E-mail and password do not fit. The answer is the same for an unknown account.
    InvalidCredentials = "invalid_credentials", 401, "E-mail or password is wrong";
    /// The embed token is not signed by a current key of the company, has expired, or is for another origin.
    InvalidEmbedToken = "invalid_embed_token", 401, "The embed token is not valid";
    /// The embed token was used before. The host mints a new one.
    EmbedTokenReplayed = "embed_token_replayed", 401, "The embed token was already used";
    /// The action is not allowed on something that you may see.
    Forbidden = "forbidden", 403, "You may not do this";
    /// The request came from another origin without the header that only our own pages send.
    CrossOrigin = "cross_origin", 403, "Requests from this origin are refused";
    /// There is no such thing, or you may not see it: the answer is the same.
    NotFound = "not_found", 404, "Not found";
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not allowed here";
    /// The request is about another company than the session's. Load afresh, then ask again.
    CompanyContextChanged = "company_context_changed", 409, "The company has changed";
    /// A request with this idempotency key is under way. Ask again shortly.
    IdempotencyInFlight = "idempotency_in_flight", 409, "The same request is under way";
    /// The idempotency key was used for another request. Use a fresh key for a fresh message.
    IdempotencyMismatch = "idempotency_mismatch", 422, "The idempotency key belongs to another request";
    /// The operation needs an `Idempotency-Key` header of 1 to 64 visible ASCII characters.
    IdempotencyKeyRequired = "idempotency_key_required", 400, "An idempotency key is needed";
    /// The reply would be deeper than the company allows. `legalParentId` names the deepest message that can be answered.
    ReplyTooDeep = "reply_too_deep", 422, "The thread is too deep here";
    /// The reply links to another record than the message it answers.
    ReplyLinkConflict = "reply_link_conflict", 422, "A reply can't link to another record";
    /// The message it answers has been deleted.
    ParentDeleted = "parent_deleted", 409, "The message has been deleted";
    /// The company's edit window for this message has passed.
    EditWindowClosed = "edit_window_closed", 409, "The message can't be edited any more";
    /// The message has been deleted.
    MessageDeleted = "message_deleted", 409, "The message has been deleted";
    /// The message, membership or policy was changed since it was read. Load it, then change it again.
    VersionConflict = "version_conflict", 409, "The message has changed";
    /// The change would leave the company without an active owner who can administer it. Make somebody else an owner first.
    LastOwner = "last_owner", 409, "The last owner stays";
    /// The change would hand on, or concerns somebody who has, a right that you do not hold company-wide.
    BeyondOwnRights = "beyond_own_rights", 403, "You can't grant what you don't hold";
    /// The address belongs to a member of the company, active or not, or an invitation to it is open.
    AlreadyMember = "already_member", 409, "Already a member, or invited";
    /// The invitation is unknown, used, withdrawn or expired, or the password is not that of the account. The answer is the same.
    InvalidInvitation = "invalid_invitation", 401, "The invitation can't be accepted";
    /// The moment lies before the company's history begins, so nobody can say what held then.
    HistoryNotKept = "history_not_kept", 422, "The history does not go back so far";
    /// The same text was sent too often just now. `Retry-After` says when it may be sent again; short answers are never copies.
    DuplicateMessage = "duplicate_message", 429, "You have sent this already";
    /// There are more links in the message than the company allows.
    TooManyLinks = "too_many_links", 422, "Too many links in one message";
    /// There were more links within a minute than the company allows. `Retry-After` says when to send this one.
    LinkFlood = "link_flood", 429, "Too many links at once";
    /// The message mentions more people than the company allows.
    TooManyMentions = "too_many_mentions", 422, "Too many people mentioned in one message";
    /// More people were mentioned within a minute than the company allows. `Retry-After` says when to send this one.
    MentionFlood = "mention_flood", 429, "Too many people mentioned at once";
    /// New members send less than others at first. `Retry-After` says when to send this one.
    NewcomerLimit = "newcomer_limit", 429, "New members write more slowly at first";
    /// The conversation is in slow mode: a person writes once in a while. `Retry-After` says when to send this one.
    SlowMode = "slow_mode", 429, "This conversation is in slow mode";
    /// You are muted, here or in the whole company: `errors` says until when. Reading goes on.
    Muted = "muted", 403, "You can't write here for now";
    /// A moderator has hidden the message.
    MessageHidden = "message_hidden", 409, "The message was hidden by a moderator";
    /// The company does not want this word written. `errors` names the field and the word.
    WordRefused = "word_refused", 422, "This word is not allowed here";
    /// Nobody can be taken out of this conversation: who sees a record's talk is the record's to say, and of two who talk alone, one can block the other.
    NotAGroup = "not_a_group", 409, "Only groups have members to remove";
    /// Too many requests. `Retry-After` says when to ask again.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// Something failed that is not your doing. Give the correlation id to support.
    Internal = "internal", 500, "Something went wrong";
    /// The company lets an access hook of its own judge its members, and that does not answer. Nothing is shown or stored meanwhile; ask again.
    HookUnavailable = "hook_unavailable", 503, "Access can't be checked right now";
    /// A part of the system is away for a moment. Nothing was stored; ask again.
    Unavailable = "unavailable", 503, "Not available right now";

    /// The first frame was not a well-formed `hello`, or came too late.
    HelloExpected = "hello_expected", 400, "Say hello first";
    /// A frame is not JSON, of an unknown type, or not of its type's shape.
    MalformedFrame = "malformed_frame", 400, "The frame can't be read";
    /// A frame is larger than 16 KiB, which is more than any that a client may send.
    FrameTooLarge = "frame_too_large", 413, "The frame is too large";
    /// Frames come faster than a person could cause them.
    FrameFlood = "frame_flood", 429, "Too many frames";
}

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    /// Its name, as in the request (`body`, `linked.id`).
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// An RFC 9457 problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A page about this code: `/docs/errors#` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable name of what went wrong.
    pub code: Code,
    /// More about this case, never internals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Fields that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// For `reply_too_deep`: the message that can be answered instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_parent_id: Option<crate::ids::MessageId>,
    /// The request's id, to be found in the logs.
    pub correlation_id: CorrelationId,
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: Code, correlation_id: CorrelationId) -> Self {
        Self {
            kind: format!("/docs/errors#{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: None,
            errors: Vec::new(),
            legal_parent_id: None,
            correlation_id,
        }
    }

    /// With more about this case.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a field that was refused.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} twice");
            assert!(code.help().len() > 20 && code.title().len() > 5, "{code:?}");
            assert!(!code.help().contains("crate::"), "{code:?}: a link that leads nowhere outside of the source");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert_eq!(crate::limits::FRAME_IN_BYTES_MAX, 16 * 1024, "as frame_too_large says");
    }
}
