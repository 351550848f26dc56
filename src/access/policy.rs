//! Policy documents: what a company has written down. Versioned; a version never changes, so its compiled form can be cached.

use core::fmt;
use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::Action;
use crate::{
    clock::Timestamp,
    domain::{MemberKind, Name, RecordKey, RecordKind, StatusWord, bounded::BoundError},
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

/// When a rule holds, besides its subject, action and scope: all that is said must hold. Says nothing: always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// Only for members of these kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub member_kinds: Option<BTreeSet<MemberKind>>,
    /// Only for things about a record whose status is one of these; never for talk about no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::POLICY_STATES_MAX))]
    pub record_states: Option<BTreeSet<StatusWord>>,
    /// From this moment on, it included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until this moment, it excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Conditions {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `at` is within `from` and `until`.
    #[must_use]
    pub fn hold_at(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
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
    /// When it holds.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions,
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
    /// An action that is asked for the company as a whole, in a narrower scope: the rule would never do anything.
    #[error("rule {rule:?} is about {action}, which is asked for the company as a whole, in a narrower scope")]
    ScopedAdmin {
        /// The rule.
        rule: String,
        /// The action.
        action: Action,
    },
    /// A condition with an empty set: the rule would never hold.
    #[error("rule {rule:?} has an empty {condition}; leave the condition out to have none")]
    EmptyCondition {
        /// The rule.
        rule: String,
        /// The condition, as it is written.
        condition: &'static str,
    },
    /// More than [`limits::POLICY_STATES_MAX`] record states.
    #[error("rule {0:?} names too many record states, at most {max} are allowed", max = limits::POLICY_STATES_MAX)]
    TooManyStates(String),
    /// Record states where there is no record: talk about none, or an action asked for the company as a whole.
    #[error("rule {0:?} asks for the state of a record where there is none")]
    StateWithoutRecord(String),
    /// `from` is not before `until`.
    #[error("rule {0:?} ends before it begins")]
    EndsBeforeItBegins(String),
    /// More than [`limits::POLICY_GRANTS_MAX`] pairs of subject, action and record state.
    #[error("has {0} pairs of subject, action and record state, at most {max} are allowed", max = limits::POLICY_GRANTS_MAX)]
    TooManyGrants(usize),
}

impl PolicyError {
    /// What is wrong, in one word that never changes: for clients, which translate it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyRules(_) => "too_many_rules",
            Self::DuplicateRule(_) => "duplicate_rule",
            Self::DuplicateRole(_) => "duplicate_role",
            Self::UnknownRole { .. } => "unknown_role",
            Self::EmptyRule(_) => "empty_rule",
            Self::NoOwner => "no_owner",
            Self::ScopedAdmin { .. } => "scoped_admin",
            Self::EmptyCondition { .. } => "empty_condition",
            Self::TooManyStates(_) => "too_many_states",
            Self::StateWithoutRecord(_) => "state_without_record",
            Self::EndsBeforeItBegins(_) => "ends_before_it_begins",
            Self::TooManyGrants(_) => "too_many_grants",
        }
    }

    /// The rule in which it is wrong, if it is one rule's fault.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::DuplicateRule(rule)
            | Self::UnknownRole { rule, .. }
            | Self::EmptyRule(rule)
            | Self::ScopedAdmin { rule, .. }
            | Self::EmptyCondition { rule, .. }
            | Self::TooManyStates(rule)
            | Self::StateWithoutRecord(rule)
            | Self::EndsBeforeItBegins(rule) => Some(rule),
            Self::TooManyRules(_) | Self::DuplicateRole(_) | Self::NoOwner | Self::TooManyGrants(_) => None,
        }
    }
}

impl Rule {
    /// How many rows of `policy_grants` it becomes.
    fn grants(&self) -> usize {
        let states = self.conditions.record_states.as_ref().map_or(1, BTreeSet::len);
        (self.roles.len() + self.users.len()) * self.actions.len() * states
    }

    /// Whether its scope and its conditions make sense together with its actions.
    fn check_reach(&self) -> Result<(), PolicyError> {
        let rule = || self.id.clone();
        let whole = self.actions.iter().copied().find(|action| action.is_of_the_company());
        if let Some(action) = whole.filter(|_| self.scope != Scope::Company) {
            return Err(PolicyError::ScopedAdmin { rule: rule(), action });
        }
        let Conditions { member_kinds, record_states, from, until } = &self.conditions;
        if member_kinds.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(PolicyError::EmptyCondition { rule: rule(), condition: "memberKinds" });
        }
        if let Some(states) = record_states {
            if states.is_empty() {
                return Err(PolicyError::EmptyCondition { rule: rule(), condition: "recordStates" });
            }
            if states.len() > limits::POLICY_STATES_MAX {
                return Err(PolicyError::TooManyStates(rule()));
            }
            if self.scope == Scope::Unlinked || whole.is_some() {
                return Err(PolicyError::StateWithoutRecord(rule()));
            }
        }
        if from.zip(*until).is_some_and(|(from, until)| from >= until) {
            return Err(PolicyError::EndsBeforeItBegins(rule()));
        }
        Ok(())
    }
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
            rule.check_reach()?;
        }
        let grants = self.rules.iter().map(Rule::grants).sum();
        if grants > limits::POLICY_GRANTS_MAX {
            return Err(PolicyError::TooManyGrants(grants));
        }
        Ok(())
    }

    /// The moments at which a rule begins or ends.
    fn moments(&self) -> impl Iterator<Item = Timestamp> {
        self.rules.iter().flat_map(|rule| [rule.conditions.from, rule.conditions.until]).flatten()
    }

    /// The next moment after `at` at which a rule begins or ends: until then, verdicts on the same facts stay.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.moments().filter(|moment| *moment > at).min()
    }

    /// The last moment up to `at` at which a rule began or ended: since then, verdicts on the same facts are the same.
    #[must_use]
    pub fn last_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.moments().filter(|moment| *moment <= at).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(actions: &[Action], scope: Scope, conditions: Conditions) -> Rule {
        Rule {
            id: "r".to_owned(),
            effect: Effect::Allow,
            roles: BTreeSet::from([RoleKey::OWNER]),
            users: BTreeSet::new(),
            actions: actions.iter().copied().collect(),
            scope,
            conditions,
        }
    }

    fn checked(rule: Rule) -> Result<(), &'static str> {
        let owner = Role { key: RoleKey::OWNER, name: Name::new("Owner").unwrap() };
        Policy { roles: vec![owner], rules: vec![rule] }.validate().map_err(|error| {
            assert!(error.rule().is_none_or(|rule| rule == "r"));
            error.code()
        })
    }

    fn states(words: &[&str]) -> Conditions {
        let words = words.iter().map(|word| StatusWord::new(word).unwrap()).collect();
        Conditions { record_states: Some(words), ..Conditions::default() }
    }

    #[test]
    fn what_is_asked_for_the_company_needs_its_scope_and_moderation_does_not() {
        for action in [Action::AdminPolicy, Action::AdminMembers, Action::AdminRecords, Action::AdminExport] {
            assert_eq!(checked(rule(&[action], Scope::OwnDepartment, Conditions::default())), Err("scoped_admin"));
            assert_eq!(checked(rule(&[action], Scope::Unlinked, Conditions::default())), Err("scoped_admin"));
            assert_eq!(checked(rule(&[action], Scope::Company, Conditions::default())), Ok(()));
            assert_eq!(checked(rule(&[action], Scope::Company, states(&["open"]))), Err("state_without_record"));
        }
        assert_eq!(checked(rule(&[Action::AdminModerate], Scope::OwnDepartment, Conditions::default())), Ok(()));
    }

    #[test]
    fn conditions_that_could_never_hold_are_refused() {
        let read = [Action::MessageRead];
        let ask = |scope, conditions| checked(rule(&read, scope, conditions));
        let at = |from, until| Conditions {
            from: Some(Timestamp::from_micros(from)),
            until: Some(Timestamp::from_micros(until)),
            ..Conditions::default()
        };
        let nobody = Conditions { member_kinds: Some(BTreeSet::new()), ..Conditions::default() };
        assert_eq!(ask(Scope::Company, nobody), Err("empty_condition"));
        assert_eq!(ask(Scope::Company, states(&[])), Err("empty_condition"));
        assert_eq!(ask(Scope::Unlinked, states(&["open"])), Err("state_without_record"));
        assert_eq!(ask(Scope::Company, states(&["open", " OPEN"])), Ok(()));
        assert_eq!(ask(Scope::Company, at(5, 5)), Err("ends_before_it_begins"));
        assert_eq!(ask(Scope::Company, at(5, 6)), Ok(()));
        let many: Vec<String> = (0..=limits::POLICY_STATES_MAX).map(|n| format!("state {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(ask(Scope::Company, states(&many)), Err("too_many_states"));
    }

    #[test]
    fn a_document_that_would_fill_the_table_is_refused() {
        let mut rule = rule(Action::ALL, Scope::Company, Conditions::default());
        rule.users =
            (0..limits::POLICY_GRANTS_MAX as u128).map(|n| UserId::from_uuid(uuid::Uuid::from_u128(n))).collect();
        assert_eq!(checked(rule), Err("too_many_grants"));
    }

    #[test]
    fn documents_from_before_conditions_read_as_ever_and_write_as_ever() {
        let old = serde_json::json!({
            "id": "r", "effect": "deny", "roles": ["owner"], "users": [], "actions": ["message:read"], "scope": {"type": "company"},
        });
        let rule: Rule = serde_json::from_value(old.clone()).unwrap();
        assert!(rule.conditions.is_empty());
        assert_eq!(serde_json::to_value(&rule).unwrap(), old);
    }

    #[test]
    fn a_document_knows_when_its_verdicts_change() {
        let mut policy = crate::access::preset::policy();
        let moment = Timestamp::from_micros;
        assert_eq!((policy.next_change(moment(0)), policy.last_change(moment(0))), (None, None));
        policy.rules[0].conditions.from = Some(moment(10));
        policy.rules[0].conditions.until = Some(moment(20));
        policy.rules[1].conditions.until = Some(moment(15));
        for (at, last, next) in
            [(9, None, Some(10)), (10, Some(10), Some(15)), (15, Some(15), Some(20)), (20, Some(20), None)]
        {
            let found = (policy.last_change(moment(at)), policy.next_change(moment(at)));
            assert_eq!(found, (last.map(moment), next.map(moment)), "{at}");
        }
    }
}
