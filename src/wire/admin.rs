//! Bodies and queries of administration: policies, members, invitations; and of "why can they see this?".

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::rest::Person;
use crate::{
    access::{Action, Policy, RoleKey, Rule},
    clock::Timestamp,
    domain::{Comment, Email, MemberKind, Name, RecordId, RecordKey, RecordKind},
    ids::{CompanyId, ConversationId, DepartmentId, InvitationId, MessageId, ProjectId, UserId},
};

/// A field that is there, `null` included; a missing one stays `None`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// What somebody may administer, so that pages offer nothing that would be refused. Each use case judges anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "rights that have nothing to do with each other")]
pub struct AdminRights {
    /// `admin:members`
    pub members: bool,
    /// `admin:policy`
    pub policy: bool,
    /// `admin:export`, which is asked for the audit log
    pub audit: bool,
    /// `admin:moderate` on something, be it one department's records: the queue holds what it reaches
    pub moderate: bool,
    /// `admin:moderate` in the whole company, which is asked for the word list and for muting everywhere
    pub moderate_all: bool,
    /// No policy is in force: then nobody may do anything, and no owner can help
    pub no_policy: bool,
}

// ------------------------------------------------------------------------------------------------------------- policy

/// A policy version in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersionInfo {
    /// Its number, from 1.
    pub version: u32,
    /// Whether it is in force.
    pub in_force: bool,
    /// Why it was written.
    pub comment: String,
    /// When.
    pub created_at: Timestamp,
    /// By whom; nobody: set-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Person>,
}

/// A policy version with its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// When, by whom, why.
    #[serde(flatten)]
    pub info: PolicyVersionInfo,
    /// The document.
    pub document: Policy,
}

/// `GET /admin/policy/versions`: newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPolicyVersions {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// `PUT /admin/policy`: the next version, in force at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutPolicy {
    /// The whole document.
    pub document: Policy,
    /// Why.
    pub comment: Comment,
    /// The version in force that the document was made from.
    pub base_version: u32,
}

/// `POST /admin/policy/versions/{id}/restore`: an old document as the next version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestorePolicy {
    /// Why.
    pub comment: Comment,
    /// The version in force that is replaced.
    pub base_version: u32,
}

/// `POST /admin/policy/dry-run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DryRunPolicy {
    /// The whole document.
    pub document: Policy,
}

/// What a person would gain or lose by one action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunReach {
    /// On talk about no record.
    pub unlinked: bool,
    /// On how many linked records.
    pub record_count: u32,
    /// The first of them, at most [`crate::limits::DRY_RUN_EXAMPLES_MAX`].
    pub records: Vec<RecordKey>,
}

/// What would change for one person and one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunChange {
    /// For whom.
    pub person: Person,
    /// Which action.
    pub action: Action,
    /// Allowed then, not now.
    pub gained: DryRunReach,
    /// Allowed now, not then.
    pub lost: DryRunReach,
}

/// What a document would change, were it in force. Nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The version in force that it was compared with.
    pub base_version: u32,
    /// What would change, by name and action; at most [`crate::limits::DRY_RUN_CHANGES_MAX`].
    pub changes: Vec<DryRunChange>,
    /// How many changes there are, listed or not.
    pub change_count: u32,
    /// Members looked at.
    pub member_count: u32,
    /// Linked records looked at: those that the asker may see.
    pub record_count: u32,
    /// Whether more members, records or changes were left out.
    pub truncated: bool,
    /// Whether the asker could put it in force, as far as their own rights go.
    pub within_own_rights: bool,
}

// ------------------------------------------------------------------------------------------------------------ members

/// Whether a membership counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// It does.
    Active,
    /// It has ended; the name stays on what they wrote.
    Deactivated,
}

impl MemberStatus {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

/// A member, as an administrator sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role.
    pub role: RoleKey,
    /// Member or guest.
    pub kind: MemberKind,
    /// Whether the membership counts.
    pub status: MemberStatus,
    /// What they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// Their department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// Their projects.
    pub project_ids: Vec<ProjectId>,
    /// Counts changes; a change names the version that it was made from.
    pub version: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// `GET /admin/members`: by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMembers {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// The beginning of a name or an address.
    pub search: Option<String>,
    /// Only these.
    pub status: Option<MemberStatus>,
    /// Only those who have this role.
    pub role: Option<RoleKey>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// `PATCH /admin/members/{id}`: what is not named stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchMember {
    /// The version that was read.
    pub version: u32,
    /// Another role.
    #[serde(default)]
    pub role: Option<RoleKey>,
    /// Another department; `null` for none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DepartmentId>")]
    pub department_id: Option<Option<DepartmentId>>,
    /// All projects, at most [`crate::limits::MEMBER_PROJECTS_MAX`].
    #[serde(default)]
    pub project_ids: Option<Vec<ProjectId>>,
    /// Member or guest.
    #[serde(default)]
    pub kind: Option<MemberKind>,
    /// Whether the membership counts.
    #[serde(default)]
    pub status: Option<MemberStatus>,
}

/// A role of the policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleInfo {
    /// Its key.
    pub key: RoleKey,
    /// Its name.
    pub name: String,
    /// Active members who have it.
    pub member_count: u32,
    /// Whether the asker could give it to somebody.
    pub assignable: bool,
}

/// `GET /admin/roles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    /// In the order of the policy.
    pub items: Vec<RoleInfo>,
}

/// A department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Department {
    /// Which.
    pub id: DepartmentId,
    /// Its name.
    pub name: String,
}

/// `GET /admin/departments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Departments {
    /// By name, at most [`crate::limits::PLACES_MAX`].
    pub items: Vec<Department>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// Which.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
}

/// `GET /admin/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Projects {
    /// By name, at most [`crate::limits::PLACES_MAX`].
    pub items: Vec<Project>,
}

// -------------------------------------------------------------------------------------------------------- invitations

/// An invitation that can still be accepted, or has just run out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Whom it asks.
    pub email: String,
    /// Their name, as the inviter wrote it.
    pub name: String,
    /// The role that they will have.
    pub role: RoleKey,
    /// Member or guest.
    pub kind: MemberKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; nobody: the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<UserId>,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// `POST /admin/invitations`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInvitation {
    /// Whom to ask.
    pub email: Email,
    /// Their name.
    pub name: Name,
    /// The role that they will have.
    pub role: RoleKey,
    /// Member or guest.
    pub kind: MemberKind,
}

/// The answer to [`CreateInvitation`]: the only time that the secret is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedInvitation {
    /// What was made.
    pub invitation: Invitation,
    /// The secret, good once.
    pub token: String,
    /// The same as a link. The secret stands behind `#`, which no server log sees.
    pub link: String,
}

/// `GET /admin/invitations`: those neither accepted nor withdrawn, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListInvitations {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// `POST /invitations/accept`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The link's secret.
    pub token: String,
    /// How one is called; an existing account keeps its name.
    pub name: Name,
    /// A new password of at least [`crate::limits::PASSWORD_CHARS_MIN`] characters, or that of the account of the address.
    pub password: String,
}

/// The answer to [`AcceptInvitation`]. Sign in next.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedInvitation {
    /// The company that one belongs to now.
    pub company_id: CompanyId,
    /// Its name.
    pub company_name: String,
    /// What to sign in with.
    pub email: String,
}

// ------------------------------------------------------------------------------------------------------------ explain

/// `GET /access/explain`. Names at most one of a message, a conversation and a record; none asks about talk about no record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Explain {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// About whom.
    pub user_id: UserId,
    /// Which action.
    pub action: Action,
    /// On this message.
    pub message_id: Option<MessageId>,
    /// On this conversation.
    pub conversation_id: Option<ConversationId>,
    /// On this kind of record, with `linkedId`.
    pub linked_type: Option<RecordKind>,
    /// On this record.
    pub linked_id: Option<RecordId>,
    /// As of this moment; now, when it is not given.
    pub at: Option<Timestamp>,
}

/// `GET /access/readers`: who can read a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListReaders {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Which message.
    pub message_id: MessageId,
    /// Where to go on.
    pub cursor: Option<String>,
    /// How many members are judged for a page. Those who can't read it are left out: a page may be empty, and another follow.
    pub limit: Option<u16>,
}

/// One of the questions of which each must be answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplainQuestion {
    /// Are they an active member of the company?
    Member,
    /// Are they in the conversation (asked of direct and group conversations)?
    Participant,
    /// Is the conversation visible: `thread:read` on what it is about?
    ConversationVisible,
    /// Is the record visible that governs the message: `thread:read` on it?
    RecordVisible,
    /// May they read the message: `message:read` on what governs it?
    MessageRead,
    /// Did they write it (asked for `message:edit` and `message:delete`)?
    Author,
    /// May they do the action itself?
    Action,
}

/// Why a question was answered as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplainReason {
    /// The rule named says so.
    Rule,
    /// No rule allows it, and what is not allowed is denied.
    NothingAllows,
    /// It follows from the facts.
    Fact,
    /// The company's access hook denies it: `rule` is its denial, in the words of a rule.
    Hook,
    /// The company requires an access hook, which had not answered.
    Unanswered,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainStep {
    /// What is asked.
    pub question: ExplainQuestion,
    /// Yes or no.
    pub allowed: bool,
    /// Why.
    pub reason: ExplainReason,
    /// The deciding rule. About oneself it names oneself and one's own role only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

/// What policies look at in the record. About oneself: only how it stands to oneself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainRecord {
    /// Which.
    pub key: RecordKey,
    /// Whether the person owns it.
    pub is_owner: bool,
    /// Whether it is of the person's department.
    pub is_own_department: bool,
    /// Whether it is of one of the person's projects.
    pub is_own_project: bool,
    /// Its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// Its department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Its state, as conditions compare it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The facts that the verdict looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainFacts {
    /// Their role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleKey>,
    /// Member or guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MemberKind>,
    /// Whether the membership counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MemberStatus>,
    /// Their department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// Their projects.
    pub project_ids: Vec<ProjectId>,
    /// Whether they are in the conversation, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_participant: Option<bool>,
    /// Whether they wrote the message, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_author: Option<bool>,
    /// The record that governs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ExplainRecord>,
}

/// Can they, and why?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// About whom.
    pub user_id: UserId,
    /// Which action.
    pub action: Action,
    /// As of when.
    pub at: Timestamp,
    /// The policy version in force then; 0: none.
    pub policy_version: u32,
    /// Yes or no.
    pub allowed: bool,
    /// The step that decided: the first no, or the action itself.
    pub because: ExplainStep,
    /// All questions that were asked, in order. The first no ends them.
    pub steps: Vec<ExplainStep>,
    /// What they were judged by.
    pub facts: ExplainFacts,
}
