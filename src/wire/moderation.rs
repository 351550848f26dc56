//! Moderation: reports, cases and acts, the notices that authors get, blocks, the word list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Person;
use crate::{
    clock::Timestamp,
    domain::{Note, RecordKey, text::Document},
    ids::{CompanyId, ConversationId, MessageId, NoticeId, UserId},
};

words! {
    /// Why a message is reported.
    ReportReason {
        /// It attacks or belittles somebody.
        Harassment = "harassment",
        /// It tells what should not be told here.
        Confidential = "confidential",
        /// It is advertising, or the same again and again.
        Spam = "spam",
        /// It may be against the law.
        Illegal = "illegal",
        /// Something else, which the note says.
        Other = "other",
        /// The company's word list found something. Only the server gives this reason.
        WordList = "word_list",
    }
}

words! {
    /// Whether somebody has to look at a case.
    CaseState {
        /// Yes.
        Open = "open",
        /// A moderator is done with it.
        Resolved = "resolved",
    }
}

words! {
    /// What a moderator does about a reported message.
    ModerationAct {
        /// The text is taken from everybody, its author included; a tombstone stays.
        Hide = "hide",
        /// The text comes back.
        Restore = "restore",
        /// The author gets a notice, nothing else.
        Warn = "warn",
        /// The author may read and not write, here or everywhere, until a moment.
        Mute = "mute",
        /// The author may write again.
        Unmute = "unmute",
        /// The author is taken out of the group in which the message stands.
        Remove = "remove",
        /// They are taken in again.
        Readmit = "readmit",
        /// The case is closed. Nobody gets a notice.
        Resolve = "resolve",
        /// The word list covered words in the message. Only the server does this.
        Mask = "mask",
    }
}

words! {
    /// What happens to a message in which a listed word is found.
    WordAction {
        /// It passes, and is reported to the moderators.
        Flag = "flag",
        /// The word is covered before the message is stored.
        Mask = "mask",
        /// The message is not stored.
        Refuse = "refuse",
    }
}

/// `POST /messages/{id}/reports`: once per person and version of a message; again answers that report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateReport {
    /// Why.
    pub reason: ReportReason,
    /// More about it, for the moderators.
    #[serde(default)]
    pub note: Option<Note>,
}

/// One's own report of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was reported.
    pub message_id: MessageId,
    /// Why.
    pub reason: ReportReason,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// `GET /moderation/reports`: the queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListReports {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Open ones, unless said otherwise.
    pub state: Option<CaseState>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// How often a reason was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReasonCount {
    /// The reason.
    pub reason: ReportReason,
    /// How often.
    pub count: u32,
}

/// A reported message in the queue: everything about it but its text and who reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportCase {
    /// The message, by which the case is named.
    pub message_id: MessageId,
    /// Where it stands.
    pub conversation_id: ConversationId,
    /// Who wrote it.
    pub author: Person,
    /// The record that governs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordKey>,
    /// Whether somebody has to look at it.
    pub state: CaseState,
    /// Why it was reported.
    pub reasons: Vec<ReasonCount>,
    /// How often.
    pub report_count: u32,
    /// When last.
    pub reported_at: Timestamp,
    /// When a moderator was done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
}

/// `GET /moderation/reports/{id}`: what a judgement needs and no more. Looking is told in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenedCase {
    /// The case.
    pub case: ReportCase,
    /// The reported message as it stands, with its text even if it is hidden or deleted.
    pub message: CaseMessage,
    /// What was reported of it and is not there any more, because it was edited since: up to
    /// [`crate::limits::REPORTED_VERSIONS_MAX`] versions, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported: Vec<CaseVersion>,
    /// Up to two messages before it in its thread, oldest first, as far as the moderator's right reaches.
    pub before: Vec<CaseMessage>,
    /// Up to two after it.
    pub after: Vec<CaseMessage>,
    /// The newest reports, without who reported.
    pub reports: Vec<CaseReport>,
    /// What was done, newest first.
    pub acts: Vec<CaseAct>,
}

/// A message in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseMessage {
    /// Which.
    pub id: MessageId,
    /// Who wrote it.
    pub author: Person,
    /// The Markdown source.
    pub body: String,
    /// The parsed text.
    pub text: Document,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When a moderator hid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_at: Option<Timestamp>,
    /// Whether a deny rule keeps its text from this moderator: `body` and `text` are empty.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub withheld: bool,
}

/// An earlier version of a reported message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseVersion {
    /// Which.
    pub version: u32,
    /// The Markdown source.
    pub body: String,
    /// The parsed text.
    pub text: Document,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A report in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    /// Why.
    pub reason: ReportReason,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// Something that was done about a reported message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseAct {
    /// What.
    pub act: ModerationAct,
    /// Why, as the author reads it.
    pub reason: String,
    /// For `mute`: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For `mute`: in the whole company.
    pub everywhere: bool,
    /// Who did it; nobody for the word list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderator: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// `POST /moderation/reports/{id}/acts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moderate {
    /// What.
    pub act: ModerationAct,
    /// Why. The author reads it, except with `resolve`.
    pub reason: Note,
    /// For `mute`: until when, at most [`crate::limits::MUTE_DAYS_MAX`] days from now.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// For `mute`: in the whole company; needs `admin:moderate` in all of it.
    #[serde(default)]
    pub everywhere: bool,
}

/// What a moderator, or the word list, did about a message of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Which.
    pub id: NoticeId,
    /// What was done.
    pub act: ModerationAct,
    /// About which message.
    pub message_id: MessageId,
    /// Where that stands.
    pub conversation_id: ConversationId,
    /// Why; for `mask`, the words.
    pub reason: String,
    /// For `mute`: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For `mute`: in the whole company.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub everywhere: bool,
    /// When.
    pub created_at: Timestamp,
}

/// `GET /moderation/notices`: the newest that one has not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notices {
    /// Newest first, at most [`crate::limits::NOTICES_MAX`].
    pub items: Vec<Notice>,
}

/// `GET /blocks`: whom one has blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocks {
    /// By name, at most [`crate::limits::BLOCKS_MAX`].
    pub items: Vec<Person>,
}

/// One word or phrase of the word list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WordEntry {
    /// A word, or several in order. Found whole, whatever its capitals, and written apart or with signs in between.
    pub words: String,
    /// What then happens.
    pub action: WordAction,
}

/// `GET /admin/words`: the word list in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WordList {
    /// Counts changes; 0 when there never was a list.
    pub version: u32,
    /// The entries.
    pub entries: Vec<WordEntry>,
    /// When it came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Who put it in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<UserId>,
}

/// `PUT /admin/words`: the whole list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutWordList {
    /// At most [`crate::limits::WORD_ENTRIES_MAX`] entries of at most [`crate::limits::WORD_CHARS_MAX`] characters.
    pub entries: Vec<WordEntry>,
    /// The version that was changed; another one in the database is `version_conflict`.
    pub base_version: u32,
}
