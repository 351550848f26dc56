//! The verdict: default deny, any deny wins, a hook may only narrow, pure.

use std::collections::BTreeSet;

use super::{Action, Conditions, Effect, Narrowing, Policy, RoleKey, Rule, Scope, narrowing::Objection};
use crate::{
    clock::Timestamp,
    domain::{MemberKind, RecordKey, StatusWord},
    ids::{DepartmentId, ProjectId, UserId},
};

/// Who asks, within one company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The person.
    pub user: UserId,
    /// Their role in this company.
    pub role: RoleKey,
    /// Of the company or from outside.
    pub kind: MemberKind,
    /// Their department in this company, if any.
    pub department: Option<DepartmentId>,
    /// Their projects in this company.
    pub projects: BTreeSet<ProjectId>,
    /// What the company's access hook takes from them.
    pub narrowing: Narrowing,
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
        /// Its status in the ERP.
        state: Option<StatusWord>,
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

    /// The status of the record, if there is a record and it has one.
    #[must_use]
    pub const fn state(&self) -> Option<&StatusWord> {
        match self {
            Self::Unlinked => None,
            Self::Record { state, .. } => state.as_ref(),
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
    /// The company's access hook denies; it wins over every allow.
    Hook {
        /// The denial's id.
        denial: String,
    },
    /// The company requires an access hook, which has not answered for this person.
    Unanswered,
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
        let Resource::Record { key, owner, department, project, state: _ } = resource else {
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

impl Conditions {
    /// Whether all of them hold when `subject` asks about `resource` at `at`.
    #[must_use]
    pub fn hold(&self, subject: &Subject, resource: &Resource, at: Timestamp) -> bool {
        self.member_kinds.as_ref().is_none_or(|kinds| kinds.contains(&subject.kind))
            && self
                .record_states
                .as_ref()
                .is_none_or(|states| resource.state().is_some_and(|state| states.contains(state)))
            && self.hold_at(at)
    }
}

impl Rule {
    /// Whether the rule has a say when `subject` asks for `action` on `resource` at `at`.
    #[must_use]
    pub fn applies(&self, subject: &Subject, action: Action, resource: &Resource, at: Timestamp) -> bool {
        self.actions.contains(&action)
            && (self.roles.contains(&subject.role) || self.users.contains(&subject.user))
            && self.scope.matches(subject, resource)
            && self.conditions.hold(subject, resource, at)
    }
}

/// Whether `subject` may do `action` to `resource` under `policy`, as of `at`.
#[must_use]
pub fn decide(policy: &Policy, subject: &Subject, action: Action, resource: &Resource, at: Timestamp) -> Verdict {
    match subject.narrowing.objects(subject, action, resource, at) {
        Objection::No => {}
        Objection::Denied(denial) => return Verdict::Deny(Reason::Hook { denial: denial.id.clone() }),
        Objection::Unanswered => return Verdict::Deny(Reason::Unanswered),
    }
    let mut allowed_by = None;
    for rule in policy.rules.iter().filter(|rule| rule.applies(subject, action, resource, at)) {
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
            kind: MemberKind::Internal,
            department: department.map(|n| DepartmentId::from_uuid(Uuid::from_u128(n))),
            projects: BTreeSet::new(),
            narrowing: Narrowing::None,
        }
    }

    fn invoice(department: Option<u128>) -> Resource {
        Resource::Record {
            key: "transaction/INV-1".parse().unwrap(),
            owner: None,
            department: department.map(|n| DepartmentId::from_uuid(Uuid::from_u128(n))),
            project: None,
            state: Some(StatusWord::of_record("Posted")),
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_427_123_456);

    #[test]
    fn nothing_is_allowed_by_default() {
        let empty = Policy { roles: vec![], rules: vec![] };
        for action in Action::ALL {
            let verdict = decide(&empty, &subject(RoleKey::OWNER, None), *action, &Resource::Unlinked, NOW);
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
            conditions: Conditions::default(),
        };
        for place in [0, policy.rules.len()] {
            let mut policy = policy.clone();
            policy.rules.insert(place, deny.clone());
            let owner = subject(RoleKey::OWNER, None);
            assert_eq!(
                decide(&policy, &owner, Action::MessageRead, &invoice(None), NOW),
                Verdict::Deny(Reason::Rule { rule: "no-invoices".to_owned() })
            );
            assert!(decide(&policy, &owner, Action::MessageRead, &Resource::Unlinked, NOW).is_allowed());
        }
        policy.rules.clear();
    }

    #[test]
    fn staff_see_their_own_department_only() {
        let policy = preset::policy();
        let ask = |mine, its| {
            decide(&policy, &subject(RoleKey::STAFF, mine), Action::ThreadRead, &invoice(its), NOW).is_allowed()
        };
        assert!(ask(Some(7), Some(7)));
        assert!(!ask(Some(7), Some(8)));
        assert!(!ask(None, None), "no department must not match no department");
    }

    fn with(effect: Effect, conditions: Conditions) -> Rule {
        Rule {
            id: format!("{effect:?}"),
            effect,
            roles: BTreeSet::from([RoleKey::STAFF]),
            users: BTreeSet::new(),
            actions: BTreeSet::from([Action::MessageRead]),
            scope: Scope::Company,
            conditions,
        }
    }

    fn says(rules: Vec<Rule>, subject: &Subject, resource: &Resource, at: Timestamp) -> Verdict {
        decide(&Policy { roles: vec![], rules }, subject, Action::MessageRead, resource, at)
    }

    /// With the condition, an allow allows and a deny denies where it holds; where it doesn't, neither has a say.
    fn holds(conditions: &Conditions, subject: &Subject, resource: &Resource, at: Timestamp) -> bool {
        let allow = says(vec![with(Effect::Allow, conditions.clone())], subject, resource, at).is_allowed();
        let open = with(Effect::Allow, Conditions::default());
        let mut both = vec![with(Effect::Deny, conditions.clone()), open];
        let deny = !says(both.clone(), subject, resource, at).is_allowed();
        both.reverse();
        assert_eq!(deny, !says(both, subject, resource, at).is_allowed(), "order means nothing");
        assert_eq!(allow, deny);
        allow
    }

    #[test]
    fn a_rule_holds_for_the_kinds_of_member_that_it_names() {
        let (us, mut guest) = (subject(RoleKey::STAFF, None), subject(RoleKey::STAFF, None));
        guest.kind = MemberKind::External;
        let only = |kind| Conditions { member_kinds: Some(BTreeSet::from([kind])), ..Conditions::default() };
        assert!(holds(&only(MemberKind::Internal), &us, &Resource::Unlinked, NOW));
        assert!(!holds(&only(MemberKind::Internal), &guest, &Resource::Unlinked, NOW));
        assert!(holds(&only(MemberKind::External), &guest, &Resource::Unlinked, NOW));
        assert!(holds(&Conditions::default(), &guest, &Resource::Unlinked, NOW));
    }

    #[test]
    fn a_rule_holds_for_records_in_the_states_that_it_names_and_never_without_a_record() {
        let staff = subject(RoleKey::STAFF, None);
        let words = |words: &[&str]| Conditions {
            record_states: Some(words.iter().map(|word| StatusWord::new(word).unwrap()).collect()),
            ..Conditions::default()
        };
        assert!(holds(&words(&[" POSTED"]), &staff, &invoice(None), NOW));
        assert!(holds(&words(&["draft", "posted"]), &staff, &invoice(None), NOW));
        assert!(!holds(&words(&["draft"]), &staff, &invoice(None), NOW));
        assert!(!holds(&words(&["posted"]), &staff, &Resource::Unlinked, NOW));
        let mut stateless = invoice(None);
        let Resource::Record { state, .. } = &mut stateless else { unreachable!() };
        *state = None;
        assert!(!holds(&words(&["posted"]), &staff, &stateless, NOW));
    }

    #[test]
    fn a_rule_begins_at_its_first_moment_and_is_over_at_its_last() {
        let staff = subject(RoleKey::STAFF, None);
        let within = Conditions { from: Some(NOW), until: Some(NOW.plus_s(60)), ..Conditions::default() };
        let at = |micros| Timestamp::from_micros(NOW.micros() + micros);
        for (moment, expected) in [(-1, false), (0, true), (59_999_999, true), (60_000_000, false)] {
            assert_eq!(holds(&within, &staff, &Resource::Unlinked, at(moment)), expected, "{moment}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let staff = subject(RoleKey::STAFF, None);
        let all = Conditions {
            member_kinds: Some(BTreeSet::from([MemberKind::Internal])),
            record_states: Some(BTreeSet::from([StatusWord::new("posted").unwrap()])),
            from: Some(NOW),
            until: None,
        };
        assert!(holds(&all, &staff, &invoice(None), NOW));
        assert!(!holds(&all, &staff, &invoice(None), NOW.plus_s(-1)));
        assert!(!holds(&all, &staff, &Resource::Unlinked, NOW));
        let guest = Subject { kind: MemberKind::External, ..staff };
        assert!(!holds(&all, &guest, &invoice(None), NOW));
    }
}
