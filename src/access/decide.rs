//! The verdict: default deny, any deny wins, pure.

use std::collections::BTreeSet;

use super::{Action, Effect, Policy, RoleKey, Rule, Scope};
use crate::{
    domain::RecordKey,
    ids::{DepartmentId, ProjectId, UserId},
};

/// Who asks, within one company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The person.
    pub user: UserId,
    /// Their role in this company.
    pub role: RoleKey,
    /// Their department in this company, if any.
    pub department: Option<DepartmentId>,
    /// Their projects in this company.
    pub projects: BTreeSet<ProjectId>,
}

/// What is asked about: talk about no record, or about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// No record.
    Unlinked,
    /// A record, with what policies look at.
    Record {
        /// Which.
        key: RecordKey,
        /// Its owner in the ERP.
        owner: Option<UserId>,
        /// Its department.
        department: Option<DepartmentId>,
        /// Its project.
        project: Option<ProjectId>,
    },
}

impl Resource {
    /// Which record, if any.
    #[must_use]
    pub const fn key(&self) -> Option<&RecordKey> {
        match self {
            Self::Unlinked => None,
            Self::Record { key, .. } => Some(key),
        }
    }
}

/// Yes or no, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed by this rule; nothing denies.
    Allow {
        /// The rule's id.
        rule: String,
    },
    /// Denied.
    Deny(Reason),
}

/// Why a verdict is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This rule denies; it wins over every allow.
    Rule {
        /// The rule's id.
        rule: String,
    },
    /// No rule allows.
    NothingAllows,
}

impl Verdict {
    /// Whether the answer is yes.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

impl Scope {
    /// Whether a rule of this scope is about `resource` when `subject` asks.
    #[must_use]
    pub fn matches(&self, subject: &Subject, resource: &Resource) -> bool {
        let Resource::Record { key, owner, department, project } = resource else {
            return matches!(self, Self::Company | Self::Unlinked);
        };
        match self {
            Self::Company => true,
            Self::Unlinked => false,
            Self::Department { id } => *department == Some(*id),
            // A member without a department owns no department's records: None never equals None here.
            Self::OwnDepartment => subject.department.is_some() && *department == subject.department,
            Self::Project { id } => *project == Some(*id),
            Self::OwnProjects => project.is_some_and(|project| subject.projects.contains(&project)),
            Self::Kind { kind } => key.kind == *kind,
            Self::Record { record } => key == record,
            Self::OwnRecords => *owner == Some(subject.user),
        }
    }
}

impl Rule {
    fn applies(&self, subject: &Subject, action: Action, resource: &Resource) -> bool {
        self.actions.contains(&action)
            && (self.roles.contains(&subject.role) || self.users.contains(&subject.user))
            && self.scope.matches(subject, resource)
    }
}

/// Whether `subject` may do `action` to `resource` under `policy`.
#[must_use]
pub fn decide(policy: &Policy, subject: &Subject, action: Action, resource: &Resource) -> Verdict {
    let mut allowed_by = None;
    for rule in policy.rules.iter().filter(|rule| rule.applies(subject, action, resource)) {
        match rule.effect {
            Effect::Deny => return Verdict::Deny(Reason::Rule { rule: rule.id.clone() }),
            Effect::Allow => allowed_by = allowed_by.or(Some(rule)),
        }
    }
    allowed_by.map_or(Verdict::Deny(Reason::NothingAllows), |rule| Verdict::Allow { rule: rule.id.clone() })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::access::preset;

    fn subject(role: RoleKey, department: Option<u128>) -> Subject {
        Subject {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            role,
            department: department.map(|n| DepartmentId::from_uuid(Uuid::from_u128(n))),
            projects: BTreeSet::new(),
        }
    }

    fn invoice(department: Option<u128>) -> Resource {
        Resource::Record {
            key: "transaction/INV-1".parse().unwrap(),
            owner: None,
            department: department.map(|n| DepartmentId::from_uuid(Uuid::from_u128(n))),
            project: None,
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let empty = Policy { roles: vec![], rules: vec![] };
        for action in Action::ALL {
            let verdict = decide(&empty, &subject(RoleKey::OWNER, None), *action, &Resource::Unlinked);
            assert_eq!(verdict, Verdict::Deny(Reason::NothingAllows));
        }
    }

    #[test]
    fn deny_wins_wherever_it_stands() {
        let mut policy = preset::policy();
        let deny = Rule {
            id: "no-invoices".to_owned(),
            effect: Effect::Deny,
            roles: BTreeSet::from([RoleKey::OWNER]),
            users: BTreeSet::new(),
            actions: BTreeSet::from([Action::MessageRead]),
            scope: Scope::Kind { kind: crate::domain::RecordKind::Transaction },
        };
        for place in [0, policy.rules.len()] {
            let mut policy = policy.clone();
            policy.rules.insert(place, deny.clone());
            let owner = subject(RoleKey::OWNER, None);
            assert_eq!(
                decide(&policy, &owner, Action::MessageRead, &invoice(None)),
                Verdict::Deny(Reason::Rule { rule: "no-invoices".to_owned() })
            );
            assert!(decide(&policy, &owner, Action::MessageRead, &Resource::Unlinked).is_allowed());
        }
        policy.rules.clear();
    }

    #[test]
    fn staff_see_their_own_department_only() {
        let policy = preset::policy();
        let ask =
            |mine, its| decide(&policy, &subject(RoleKey::STAFF, mine), Action::ThreadRead, &invoice(its)).is_allowed();
        assert!(ask(Some(7), Some(7)));
        assert!(!ask(Some(7), Some(8)));
        assert!(!ask(None, None), "no department must not match no department");
    }
}
