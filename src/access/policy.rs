//! Policy documents: what a company has written down. Versioned; a version never changes, so its compiled form can be cached.

use core::fmt;
use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::Action;
use crate::{
    domain::{Name, RecordKey, RecordKind, bounded::BoundError},
    ids::{DepartmentId, ProjectId, UserId},
    limits,
};

/// The key of a role within a company: lower-case letters, digits and `_`, at most 40.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RoleKey(Cow<'static, str>);

impl RoleKey {
    /// The preset that a company can't be without.
    pub const OWNER: Self = Self::preset("owner");
    /// Runs the company's Postil.
    pub const ADMIN: Self = Self::preset("admin");
    /// Leads people and moderates.
    pub const MANAGER: Self = Self::preset("manager");
    /// Works on the records of their department and projects.
    pub const STAFF: Self = Self::preset("staff");
    /// A guest from outside.
    pub const EXTERNAL: Self = Self::preset("external");
    /// An ERP's service account; no person has it.
    pub const INTEGRATION: Self = Self::preset("integration");

    const fn preset(key: &'static str) -> Self {
        Self(Cow::Borrowed(key))
    }

    /// Checks a key.
    ///
    /// # Errors
    /// When it is empty, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, BoundError> {
        let good = !text.is_empty()
            && text.len() <= 40
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if good {
            Ok(Self(text.to_owned().into()))
        } else {
            Err(BoundError::Malformed { expected: "a role key such as staff" })
        }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoleKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for RoleKey {
    fn schema_name() -> Cow<'static, str> {
        "RoleKey".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9_]{1,40}$" })
    }
}

/// What a matching rule says. Any deny wins over every allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Yes, unless something denies.
    Allow,
    /// No, whatever else allows.
    Deny,
}

/// Which things a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// Everything in the company.
    Company,
    /// Talk that is about no record.
    Unlinked,
    /// Records of one department.
    Department {
        /// Which.
        id: DepartmentId,
    },
    /// Records of the member's own department.
    OwnDepartment,
    /// Records of one project.
    Project {
        /// Which.
        id: ProjectId,
    },
    /// Records of the projects that the member is in.
    OwnProjects,
    /// All records of one kind.
    Kind {
        /// Which.
        kind: RecordKind,
    },
    /// One record.
    Record {
        /// Which.
        record: RecordKey,
    },
    /// Records that the member owns in the ERP.
    OwnRecords,
}

/// One rule: for these roles or users, these actions on these things are allowed or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Unique within the document; shown by "why?".
    pub id: String,
    /// Allow or deny.
    pub effect: Effect,
    /// Roles it is for.
    #[serde(default)]
    pub roles: BTreeSet<RoleKey>,
    /// People it is for, besides.
    #[serde(default)]
    pub users: BTreeSet<UserId>,
    /// What it is about.
    pub actions: BTreeSet<Action>,
    /// Where it holds.
    pub scope: Scope,
}

/// A role of a company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// Its key.
    pub key: RoleKey,
    /// Its name, as people see it.
    pub name: Name,
}

/// A company's policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The roles that members can have.
    pub roles: Vec<Role>,
    /// The rules, in no particular order: order means nothing, deny wins.
    pub rules: Vec<Rule>,
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// More than [`limits::POLICY_RULES_MAX`] rules.
    #[error("has {0} rules, at most {max} are allowed", max = limits::POLICY_RULES_MAX)]
    TooManyRules(usize),
    /// Two rules of the same id.
    #[error("has two rules with the id {0:?}")]
    DuplicateRule(String),
    /// Two roles of the same key.
    #[error("has two roles with the key {0}")]
    DuplicateRole(RoleKey),
    /// A rule for a role that the document does not define.
    #[error("rule {rule:?} is for the unknown role {role}")]
    UnknownRole {
        /// The rule.
        rule: String,
        /// The role.
        role: RoleKey,
    },
    /// A rule for nobody, or about nothing.
    #[error("rule {0:?} names no role or user, or no action")]
    EmptyRule(String),
    /// No Owner role.
    #[error("has no role owner")]
    NoOwner,
}

impl Policy {
    /// Checks the document as a whole.
    ///
    /// # Errors
    /// The first thing wrong, named.
    pub fn validate(&self) -> Result<(), PolicyError> {
        if self.rules.len() > limits::POLICY_RULES_MAX {
            return Err(PolicyError::TooManyRules(self.rules.len()));
        }
        let mut keys = BTreeSet::new();
        for role in &self.roles {
            if !keys.insert(&role.key) {
                return Err(PolicyError::DuplicateRole(role.key.clone()));
            }
        }
        if !keys.contains(&RoleKey::OWNER) {
            return Err(PolicyError::NoOwner);
        }
        let mut ids = BTreeSet::new();
        for rule in &self.rules {
            if !ids.insert(rule.id.as_str()) {
                return Err(PolicyError::DuplicateRule(rule.id.clone()));
            }
            if (rule.roles.is_empty() && rule.users.is_empty()) || rule.actions.is_empty() || rule.id.trim().is_empty()
            {
                return Err(PolicyError::EmptyRule(rule.id.clone()));
            }
            if let Some(role) = rule.roles.iter().find(|role| !keys.contains(role)) {
                return Err(PolicyError::UnknownRole { rule: rule.id.clone(), role: role.clone() });
            }
        }
        Ok(())
    }
}
