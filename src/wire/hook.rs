//! What travels between Postil and a company's access hook.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    access::{Denial, RoleKey},
    clock::Timestamp,
    domain::MemberKind,
    ids::{CompanyId, DepartmentId, ProjectId, UserId},
    limits,
};

/// Asks what to take from one member of one company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookQuestion {
    /// The company.
    pub company_id: CompanyId,
    /// The person.
    pub user_id: UserId,
    /// Their address, by which an ERP knows them.
    pub email: String,
    /// Their role in the company.
    pub role: RoleKey,
    /// Of the company or from outside.
    pub member_kind: MemberKind,
    /// Their department in the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// Their projects in the company.
    pub project_ids: Vec<ProjectId>,
    /// When it is asked.
    pub at: Timestamp,
}

fn valid_for_s() -> u32 {
    limits::HOOK_VALID_S
}

/// What a hook says: what to take from the person, and for how long to believe it. There is no word for giving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HookAnswer {
    /// What is taken; empty: nothing.
    #[schemars(length(max = limits::HOOK_DENIALS_MAX))]
    pub denials: Vec<Denial>,
    /// How long the answer holds, in seconds, 10 to 300.
    #[serde(default = "valid_for_s")]
    #[schemars(range(min = limits::HOOK_VALID_S_MIN, max = limits::HOOK_VALID_S_MAX))]
    pub valid_for_s: u32,
}
