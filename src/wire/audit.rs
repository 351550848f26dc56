//! The audit log, as whoever may export reads it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, UserId},
};

words! {
    /// What an entry of the audit log is about: all that the services, the database's triggers and its functions write. A
    /// test reads the database's part from its catalogue.
    AuditAction {
        /// A browser's session began.
        SessionSignIn = "session.sign_in",
        /// A wrong password was given for a known account.
        SessionSignInRefused = "session.sign_in_refused",
        /// A session was ended by its holder.
        SessionSignOut = "session.sign_out",
        /// A host's token was exchanged for a session.
        SessionEmbed = "session.embed",
        /// A session moved from one company to another.
        SessionSwitch = "session.switch",
        /// Somebody was told "forbidden" about something that they see.
        AccessRefused = "access.refused",
        /// A message was edited.
        MessageEdit = "message.edit",
        /// A message was deleted.
        MessageDelete = "message.delete",
        /// A message was reported.
        MessageReport = "message.report",
        /// A moderator looked at the queue of reports.
        ModerationList = "moderation.list",
        /// A moderator looked at a reported message.
        ModerationView = "moderation.view",
        /// A message's text was taken from everybody.
        ModerationHide = "moderation.hide",
        /// It came back.
        ModerationRestore = "moderation.restore",
        /// An author was warned.
        ModerationWarn = "moderation.warn",
        /// An author may not write.
        ModerationMute = "moderation.mute",
        /// They may again.
        ModerationUnmute = "moderation.unmute",
        /// An author was taken out of a group.
        ModerationRemove = "moderation.remove",
        /// They were let in again.
        ModerationReadmit = "moderation.readmit",
        /// A case was closed.
        ModerationResolve = "moderation.resolve",
        /// Another version of the word list is in force.
        WordsVersion = "words.version",
        /// Slow mode was set or ended.
        ConversationSlowMode = "conversation.slow_mode",
        /// Somebody was taken out of a conversation, or let in again.
        ParticipantChange = "participant.change",
        /// A membership began.
        MembershipCreate = "membership.create",
        /// Its role, department, kind or status is another.
        MembershipChange = "membership.change",
        /// It is gone.
        MembershipDelete = "membership.delete",
        /// Another version of the policy is in force.
        PolicyVersion = "policy.version",
        /// A role was made.
        RoleCreate = "role.create",
        /// It has another name, or was deleted.
        RoleChange = "role.change",
        /// It is gone.
        RoleDelete = "role.delete",
        /// A department was made.
        DepartmentCreate = "department.create",
        /// It has another name, or was deleted.
        DepartmentChange = "department.change",
        /// It is gone.
        DepartmentDelete = "department.delete",
        /// A project was made.
        ProjectCreate = "project.create",
        /// It has another name, or was deleted.
        ProjectChange = "project.change",
        /// It is gone.
        ProjectDelete = "project.delete",
        /// Somebody was added to a project.
        ProjectMemberCreate = "project_member.create",
        /// Their part in it is another, or has ended.
        ProjectMemberChange = "project_member.change",
        /// It is gone.
        ProjectMemberDelete = "project_member.delete",
        /// A record has another owner, department or project, or was deleted.
        RecordAccess = "record.access",
        /// The company was made.
        CompanyCreate = "company.create",
        /// Its settings are others.
        CompanyChange = "company.change",
        /// The company requires its access hook.
        AccessHookCreate = "access_hook.create",
        /// The company released its access hook.
        AccessHookChange = "access_hook.change",
        /// The company set limits of its own.
        LimitsCreate = "limits.create",
        /// They are others.
        LimitsChange = "limits.change",
        /// An API key or embed key was made.
        KeyCreate = "key.create",
        /// It was renamed, revoked or retired.
        KeyChange = "key.change",
        /// It is gone.
        KeyDelete = "key.delete",
        /// An API key was used, for the first time on a day.
        KeyUse = "key.use",
        /// An account was closed, opened, or got another password.
        UserChange = "user.change",
        /// The audit log was read.
        AuditRead = "audit.read",
        /// The audit log was exported.
        AuditExport = "audit.export",
    }
}

/// `GET /admin/audit`: what must be answerable for, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAudit {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Only this action.
    pub action: Option<AuditAction>,
    /// Only what this person did.
    pub actor_id: Option<UserId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// `GET /admin/audit/chain`: where the audit log's chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditChain {
    /// Position of the newest entry, which is how many there are.
    pub seq: i64,
    /// Its hash, in hexadecimal digits: whoever notes it elsewhere can prove what stood before it.
    pub hash: String,
    /// The position up to which the newest signed checkpoint vouches; 0: there is none yet.
    pub signed_seq: i64,
    /// When that was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    /// The person.
    pub id: UserId,
    /// Their name as it is now.
    pub name: String,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its place in the company's log: from 1, dense.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What was done: an [`AuditAction`], or what a later version will have written while nodes of both serve.
    pub action: String,
    /// Who did it; absent: the system, somebody at the database, or nobody who proved to be anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<AuditActor>,
    /// To what: an id, or kind and id of a record.
    pub target: String,
    /// What else must be known. Never text of messages, never secrets.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// The request, as in its answer and in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// SHA-256 of the entry and the hash before it, in hexadecimal digits: to be compared with an export.
    pub hash: String,
}
