//! Bodies and queries of the REST API, `/api/v1`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Notice;
use crate::{
    access::RoleKey,
    clock::Timestamp,
    domain::{
        ConversationKind, Email, Hue, LinkSource, MemberKind, MessageBody, PresenceStatus, RecordId, RecordKey,
        RecordKind, Title, text::Document,
    },
    ids::{CompanyId, ConnectionId, ConversationId, DepartmentId, MessageId, ProjectId, SessionId, UserId},
};

/// One page of a list. No `nextCursor` means that this is the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

// ---------------------------------------------------------------------------------------------- session and company

/// `POST /session`: signs in with e-mail and password.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// The account.
    pub email: Email,
    /// Its password, at most [`crate::limits::PASSWORD_BYTES_MAX`] bytes.
    pub password: String,
}

/// A person, as colleagues see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Belongs to the company, or is a guest in it. The UI says so beside the name.
    pub member_kind: MemberKind,
    /// What they do ("Accounts payable"), if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
}

/// A company that the signed-in person belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompanyMembership {
    /// Which.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// The person's role there.
    pub role: RoleKey,
    /// The role's name.
    pub role_name: String,
    /// Member or guest.
    pub member_kind: MemberKind,
    /// Deepest reply that the company allows; a direct reply has depth 1.
    pub reply_depth_max: u8,
    /// How long messages can be edited, in seconds.
    pub edit_window_s: u32,
}

/// How a session came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Signed in with a password, carried by a cookie.
    Browser,
    /// Exchanged for an embed token; bound to one company, no switching.
    Embed,
}

/// `GET /me`, and the answer to signing in and switching.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Who is signed in.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// Their language, as a BCP 47 tag.
    pub locale: String,
    /// Their time zone, as an IANA name.
    pub time_zone: String,
    /// The session.
    pub session_id: SessionId,
    /// How it came about.
    pub session_kind: SessionKind,
    /// The company it is in. Every other request must be about this one.
    pub company_id: CompanyId,
    /// Counts company switches of this session; belongs to everything that is cached.
    pub context_epoch: u32,
    /// All companies of the person (of an embedded session: only its own).
    pub companies: Vec<CompanyMembership>,
    /// Whether something of `/admin` is open to the person in this company, in a session of its own: a hint for a link.
    #[serde(default)]
    pub administers: bool,
}

/// `POST /context/switch-company`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchCompany {
    /// The company to work in from now on.
    pub company_id: CompanyId,
}

/// `POST /embed/token`: exchanges a host's signed token for a session.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeToken {
    /// The JWT that the ERP's backend signed: `iss` company id, `aud` `postil`, `sub` e-mail, `origin`, `jti`, `iat`, `exp`.
    pub token: String,
    /// Origin of the page that embeds the widget; must equal the token's.
    pub origin: String,
}

/// The answer to [`ExchangeToken`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmbedSession {
    /// Bearer token of the session; kept in memory, sent as `Authorization: Bearer`.
    pub session_token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who is signed in.
    pub me: Me,
}

/// `POST /realtime/ticket`: a way to open a socket where cookies do not reach.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RealtimeTicket {
    /// One-time, for 30 s: goes into `Sec-WebSocket-Protocol` as `postil.ticket.<ticket>`, beside `postil.v1`.
    pub ticket: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

// ------------------------------------------------------------------------------------------------------------ records

/// An amount of money, as the ERP states it: no arithmetic is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Money {
    /// In minor units (cents).
    pub minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// A linked record that the viewer may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkedRecord {
    /// Transaction, plan or topic.
    pub kind: RecordKind,
    /// The ERP's id.
    pub id: RecordId,
    /// "Invoice 4711 · Nordwind GmbH".
    pub title: String,
    /// The amount now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The status now ("open", "posted").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Where it is in the ERP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its owner in the ERP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// When the ERP last told us.
    pub updated_at: Timestamp,
}

/// `PUT /records/{kind}/{id}`, by the ERP with an API key: what is not named is cleared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpsertRecord {
    /// Its title, at most [`crate::limits::RECORD_TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// The amount.
    #[serde(default)]
    pub amount: Option<Money>,
    /// The status.
    #[serde(default)]
    pub status: Option<String>,
    /// An https address (http on loopback) in the ERP.
    #[serde(default)]
    pub url: Option<String>,
    /// Its owner.
    #[serde(default)]
    pub owner_id: Option<UserId>,
    /// Its department: decides who may see it.
    #[serde(default)]
    pub department_id: Option<DepartmentId>,
    /// Its project: decides who may see it.
    #[serde(default)]
    pub project_id: Option<ProjectId>,
}

/// `POST /records/resolve`: what chips ask for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveRecords {
    /// At most [`crate::limits::RECORDS_RESOLVE_MAX`] records.
    pub records: Vec<RecordKey>,
}

/// The answer to [`ResolveRecords`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedRecords {
    /// Those that exist and may be seen. The others are restricted: which of the two is not told.
    pub items: Vec<LinkedRecord>,
}

/// A message's link: the record, and what it was when the message was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageLink {
    /// The record.
    pub record: RecordKey,
    /// Where the link comes from.
    pub source: LinkSource,
    /// Its title then.
    pub title: String,
    /// Its amount then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Its status then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

// ------------------------------------------------------------------------------------------------------ conversations

/// A conversation in a list, for one viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    /// Which.
    pub id: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// Its title; for a direct conversation the other person's name, for a record's the record's title.
    pub title: String,
    /// The record that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<LinkedRecord>,
    /// Up to five participants, the viewer last.
    pub people: Vec<Person>,
    /// How many participants there are.
    pub people_count: u32,
    /// Whether a guest reads along.
    pub has_external: bool,
    /// The last message that the viewer may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<MessagePreview>,
    /// Unread messages that the viewer may see, counted to [`crate::limits::UNREAD_COUNT_MAX`].
    ///
    /// Hidden messages are not counted, nor those about no record of people in `blockedIds`.
    pub unread: u16,
    /// Position up to which the viewer has read.
    pub read_seq: i64,
    /// Position of the newest message.
    pub last_seq: i64,
    /// When something last happened.
    pub activity_at: Timestamp,
    /// Participants whom the viewer has blocked, in a conversation about no record: their messages about no record are folded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_ids: Vec<UserId>,
}

/// One line about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePreview {
    /// Which.
    pub id: MessageId,
    /// Who wrote it.
    pub author_id: UserId,
    /// The writer's name.
    pub author_name: String,
    /// Its beginning; empty for a deleted, hidden or folded message.
    pub text: String,
    /// When it was sent.
    pub created_at: Timestamp,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// Whether it is folded, because the viewer has blocked its author.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub blocked: bool,
}

/// `GET /conversations`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListConversations {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Only those about records of this kind; with `linkedId`, about that record.
    pub linked_type: Option<RecordKind>,
    /// Only the conversation about this record.
    pub linked_id: Option<RecordId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size, 1 to [`crate::limits::PAGE_MAX`].
    pub limit: Option<u16>,
}

/// `POST /conversations`, with an idempotency key. A direct conversation, or one about a record, that exists already is returned as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum CreateConversation {
    /// With one other person.
    Direct {
        /// Who.
        user_id: UserId,
    },
    /// With several.
    Group {
        /// Its title.
        title: Title,
        /// The others, at most [`crate::limits::PARTICIPANTS_CREATE_MAX`].
        user_ids: Vec<UserId>,
    },
    /// About a record.
    Record {
        /// Which.
        record: RecordKey,
    },
}

/// `GET /conversations/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationDetail {
    /// What lists show.
    pub summary: ConversationSummary,
    /// All participants, up to [`crate::limits::PARTICIPANTS_MAX`], with how far they have read.
    pub participants: Vec<Participant>,
    /// What the viewer may do here.
    pub can: ConversationRights,
    /// Until when the viewer may read here and not write, if they are muted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// What moderators did about messages of the viewer here, as far as the viewer has not acknowledged it; newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// Someone in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Who.
    pub person: Person,
    /// Position up to which they have read.
    pub read_seq: i64,
}

/// What the viewer may do in a conversation; the server asks again at each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent right")]
pub struct ConversationRights {
    /// Begin a thread.
    pub create: bool,
    /// Answer.
    pub reply: bool,
    /// Edit own messages.
    pub edit: bool,
    /// Delete own messages.
    pub delete: bool,
    /// Delete others' messages.
    pub moderate: bool,
}

/// `POST /conversations/{id}/read`: everything up to `seq` has been seen. Never moves back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkRead {
    /// The position of the last message seen.
    pub seq: i64,
}

/// The answer to [`MarkRead`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadState {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// Position up to which the viewer has read, now.
    pub read_seq: i64,
    /// What is left unread.
    pub unread: u16,
}

/// `GET /people`: the members of the company whom the viewer may talk to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPeople {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

// ----------------------------------------------------------------------------------------------------------- messages

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A message, equal for everyone who may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Which.
    pub id: MessageId,
    /// Where it stands.
    pub conversation_id: ConversationId,
    /// Its position in the conversation: dense, in the order of commits.
    pub seq: i64,
    /// What it answers; `null` for the beginning of a thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<MessageId>,
    /// The beginning of its thread; itself for a root.
    pub root_id: MessageId,
    /// 0 for a root, 1 for a direct reply.
    pub depth: u8,
    /// Positions of its ancestors from the root, and its own: the order within a thread.
    pub path: Vec<i64>,
    /// Who wrote it.
    pub author: Person,
    /// The author's idempotency key, by which the author's own client knows its pending message again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// The Markdown source; empty for a tombstone.
    pub body: String,
    /// The parsed text, which clients render; empty for a tombstone.
    pub text: Document,
    /// The record that governs it, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<MessageLink>,
    /// 1 as sent; one more with each edit.
    pub version: u32,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When a moderator hid it: body and text are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_at: Option<Timestamp>,
    /// How often it was hidden and restored: of two states of one version, the one with more is newer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moderated: u32,
    /// Replies in its thread; 0 unless it is a root.
    pub reply_count: u32,
    /// When its thread was last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reply_at: Option<Timestamp>,
}

/// `POST /messages`, with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendMessage {
    /// Where. Without it `record` is needed, and the message goes to that record's conversation, which begins if there is none.
    #[serde(default)]
    pub conversation_id: Option<ConversationId>,
    /// What it answers.
    #[serde(default)]
    pub parent_id: Option<MessageId>,
    /// Markdown.
    pub body: MessageBody,
    /// The one record that it is about.
    #[serde(default)]
    pub record: Option<RecordKey>,
}

/// `POST /messages/{id}/reply`, with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendReply {
    /// Markdown.
    pub body: MessageBody,
    /// The one record that it is about; must be the thread's where that has one of its own.
    #[serde(default)]
    pub record: Option<RecordKey>,
}

/// `PATCH /messages/{id}`, by its author within the edit window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditMessage {
    /// Markdown.
    pub body: MessageBody,
    /// The version that was edited; another one in the database is `version_conflict`.
    pub version: u32,
}

/// `GET /messages`: threads of one conversation, or of one record, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMessages {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// The conversation.
    pub conversation_id: Option<ConversationId>,
    /// With `linkedId`: everything about this record that the viewer may see, in any conversation.
    pub linked_type: Option<RecordKind>,
    /// The record.
    pub linked_id: Option<RecordId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Threads per page.
    pub limit: Option<u16>,
}

/// A page of threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// Beginnings of threads, newest first (with `linkedType`: single messages, newest first).
    pub items: Vec<Message>,
    /// The first replies of each, at most [`crate::limits::THREAD_PREVIEW_REPLIES`] a thread, in thread order.
    pub replies: Vec<Message>,
    /// Where older ones begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `GET /messages/{id}/thread`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListThread {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Replies per page.
    pub limit: Option<u16>,
}

/// `GET /messages/{id}/html`: the text for a place that takes HTML, such as a mail or an ERP's own form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageHtml {
    /// Which.
    pub id: MessageId,
    /// Which version of it.
    pub version: u32,
    /// How often it was hidden or restored: a version that is hidden is not the one that was fetched before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moderated: u32,
    /// When a moderator hid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_at: Option<Timestamp>,
    /// A fragment of paragraphs, lists, code and links; empty for a tombstone and for what is hidden. Cleaned: no script, style, image or class.
    pub html: String,
}

/// A thread: its beginning, and a page of replies in thread order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadPage {
    /// The beginning.
    pub root: Message,
    /// Replies in the order of the thread.
    pub items: Vec<Message>,
    /// Where the next ones begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `GET /launcher`: all that a collapsed widget shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Launcher {
    /// Unread messages in all conversations, counted to [`crate::limits::UNREAD_COUNT_MAX`].
    pub unread: u16,
    /// Up to three people who are online, without the viewer.
    pub online: Vec<Person>,
    /// How many are online, without the viewer.
    pub online_count: u32,
    /// Whether presence is known at all.
    pub presence_known: bool,
}

/// `GET /launcher` and other requests that only state their company.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InCompany {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
}

// ----------------------------------------------------------------------------------------------------------- presence

/// `POST /presence/heartbeat`, for clients without a socket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// One per tab, made by the client, kept while the tab lives.
    pub connection_id: ConnectionId,
    /// Whether the person is looking (visible tab, recent input).
    pub active: bool,
}

/// The answer to [`Heartbeat`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatAck {
    /// When to beat again at the latest, in seconds.
    pub refresh_s: u64,
    /// When the lease ends, in seconds.
    pub lease_s: u64,
}

/// `GET /presence`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetPresence {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Ids separated by commas, at most [`crate::limits::PRESENCE_USERS_MAX`].
    pub user_ids: String,
}

/// One person's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Online, away, offline, unknown.
    pub status: PresenceStatus,
    /// When this was true.
    pub as_of: Timestamp,
    /// When they were last seen, if offline and known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
}

/// The answer to [`GetPresence`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceList {
    /// One entry for each person asked for who is a member that the viewer may see.
    pub items: Vec<Presence>,
}

// ------------------------------------------------------------------------------------------------------------- health

/// `GET /health/ready`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Whether requests are served.
    pub ready: bool,
    /// PostgreSQL answers, with the schema that this build expects.
    pub database: bool,
    /// Redis answers. Without it messages flow, presence is unknown.
    pub redis: bool,
}
