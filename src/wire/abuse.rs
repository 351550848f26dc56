//! What a company limits by itself, and the trail of what was refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{CompanyId, ConversationId, UserId},
    limits,
    wire::Code,
};

/// `GET /admin/settings`: what the company limits by itself. An ERP's key is exempt; sends as such are limited for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompanySettings {
    /// Counts changes; 0: nothing was ever changed.
    pub version: u32,
    /// How often one person may send one text within the window, over all conversations.
    pub duplicates_max: u32,
    /// That window, in seconds.
    pub duplicate_window_s: u32,
    /// Most links in one message.
    pub links_per_message: u32,
    /// Most links of one person in a minute.
    pub links_per_minute: u32,
    /// Most people mentioned in one message.
    pub mentions_per_message: u32,
    /// Most people mentioned by one person in a minute.
    pub mentions_per_minute: u32,
    /// How long a membership is new, in hours; 0: never. Who came with the company is not new.
    pub newcomer_hours: u32,
    /// What share of the limits new members have, in percent.
    pub newcomer_percent: u32,
}

impl Default for CompanySettings {
    fn default() -> Self {
        Self {
            version: 0,
            duplicates_max: limits::DUPLICATES_MAX,
            duplicate_window_s: limits::DUPLICATE_WINDOW_S,
            links_per_message: limits::LINKS_PER_MESSAGE,
            links_per_minute: limits::LINKS_PER_MINUTE,
            mentions_per_message: limits::MENTIONS_PER_MESSAGE,
            mentions_per_minute: limits::MENTIONS_PER_MINUTE,
            newcomer_hours: limits::NEWCOMER_HOURS,
            newcomer_percent: limits::NEWCOMER_PERCENT,
        }
    }
}

/// `PATCH /admin/settings`: what is not named stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchSettings {
    /// The version that was read.
    pub version: u32,
    /// 1 to [`crate::limits::DUPLICATES_LIMIT_MAX`].
    #[serde(default)]
    pub duplicates_max: Option<u32>,
    /// [`crate::limits::DUPLICATE_WINDOW_S_MIN`] to [`crate::limits::DUPLICATE_WINDOW_S_MAX`].
    #[serde(default)]
    pub duplicate_window_s: Option<u32>,
    /// 0 to [`crate::limits::PER_MESSAGE_MAX`], and no more than in a minute.
    #[serde(default)]
    pub links_per_message: Option<u32>,
    /// 1 to [`crate::limits::PER_MINUTE_MAX`].
    #[serde(default)]
    pub links_per_minute: Option<u32>,
    /// 0 to [`crate::limits::PER_MESSAGE_MAX`], and no more than in a minute.
    #[serde(default)]
    pub mentions_per_message: Option<u32>,
    /// 1 to [`crate::limits::PER_MINUTE_MAX`].
    #[serde(default)]
    pub mentions_per_minute: Option<u32>,
    /// 0 to [`crate::limits::NEWCOMER_HOURS_MAX`].
    #[serde(default)]
    pub newcomer_hours: Option<u32>,
    /// 1 to 100.
    #[serde(default)]
    pub newcomer_percent: Option<u32>,
}

/// `PATCH /conversations/{id}`, for who may moderate there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchConversation {
    /// Seconds between two messages of one person, moderators excepted: 0 (no slow mode) to
    /// [`crate::limits::SLOW_MODE_S_MAX`].
    pub slow_mode_s: u32,
}

/// What is set of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSettings {
    /// Which.
    pub conversation_id: ConversationId,
    /// Seconds between two messages of one person, moderators excepted; 0: no slow mode.
    pub slow_mode_s: u32,
}

/// `GET /admin/abuse`: what was refused, the latest minute first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAbuse {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Only this error code, such as `slow_mode`.
    #[schemars(regex(pattern = "^[a-z_]{1,60}$"))]
    pub kind: Option<String>,
    /// Only of this person.
    pub user_id: Option<UserId>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// What goes into the trail: refusals of what a person may not do or does too much of. A wrong password is noted for the account that
/// was tried; a client's mistake is not noted.
pub const NOTED: [Code; 15] = [
    Code::RateLimited,
    Code::FrameFlood,
    Code::DuplicateMessage,
    Code::TooManyLinks,
    Code::LinkFlood,
    Code::TooManyMentions,
    Code::MentionFlood,
    Code::NewcomerLimit,
    Code::SlowMode,
    Code::WordRefused,
    Code::Muted,
    Code::Forbidden,
    Code::BeyondOwnRights,
    Code::NotFound,
    Code::InvalidCredentials,
];

/// Refusals of one person and one kind within one minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbuseEntry {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The error code that was answered.
    pub kind: String,
    /// Who was refused; for sign-ins, whose account was tried. Absent: all those together that the minute had no room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// What stands for the network address of the last one: the same for the same, and no way back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was asked for last, by its operation id; `withheld` for a report, because nobody is told who reports.
    pub operation: String,
    /// Where, last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// How often.
    pub count: i64,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
}
