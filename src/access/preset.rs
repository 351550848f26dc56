//! The role presets that a new company starts with, as ordinary rules that it may change.

use std::collections::BTreeSet;

use super::{Action, Conditions, Effect, Policy, Role, RoleKey, Rule, Scope};
use crate::domain::{Name, RecordKind};

use Action::{
    AdminModerate, AdminPolicy, AdminRecords, AttachmentRead, AttachmentUpload, MessageCreate, MessageDelete,
    MessageEdit, MessageRead, MessageReply, PresenceRead, ThreadRead,
};

const TALK: [Action; 9] = [
    MessageCreate,
    MessageRead,
    MessageReply,
    MessageEdit,
    MessageDelete,
    ThreadRead,
    PresenceRead,
    AttachmentUpload,
    AttachmentRead,
];
const GUEST: [Action; 6] = [MessageCreate, MessageRead, MessageReply, MessageEdit, ThreadRead, AttachmentRead];

fn allow(id: &str, role: RoleKey, actions: &[Action], scope: Scope) -> Rule {
    Rule {
        id: id.to_owned(),
        effect: Effect::Allow,
        roles: BTreeSet::from([role]),
        users: BTreeSet::new(),
        actions: actions.iter().copied().collect(),
        scope,
        conditions: Conditions::default(),
    }
}

/// The presets Owner, Admin, Manager, Staff and External, and Integration for the ERP's key.
///
/// # Panics
/// Never: the names are constants that fit their bound.
#[must_use]
pub fn policy() -> Policy {
    let role = |key: RoleKey, name: &str| Role { key, name: Name::new(name).expect("a constant name fits its bound") };
    let all: Vec<Action> = Action::ALL.iter().copied().filter(|action| *action != AdminRecords).collect();
    let without_policy: Vec<Action> = all.iter().copied().filter(|action| *action != AdminPolicy).collect();
    let manager: Vec<Action> = TALK.into_iter().chain([AdminModerate]).collect();
    Policy {
        roles: vec![
            role(RoleKey::OWNER, "Owner"),
            role(RoleKey::ADMIN, "Admin"),
            role(RoleKey::MANAGER, "Manager"),
            role(RoleKey::STAFF, "Staff"),
            role(RoleKey::EXTERNAL, "External"),
            role(RoleKey::INTEGRATION, "Integration"),
        ],
        rules: vec![
            allow("owner-all", RoleKey::OWNER, &all, Scope::Company),
            allow("admin-all", RoleKey::ADMIN, &without_policy, Scope::Company),
            allow("manager-talk", RoleKey::MANAGER, &manager, Scope::Company),
            allow("staff-unlinked", RoleKey::STAFF, &TALK, Scope::Unlinked),
            allow("staff-department", RoleKey::STAFF, &TALK, Scope::OwnDepartment),
            allow("staff-projects", RoleKey::STAFF, &TALK, Scope::OwnProjects),
            allow("staff-own-records", RoleKey::STAFF, &TALK, Scope::OwnRecords),
            allow("staff-topics", RoleKey::STAFF, &TALK, Scope::Kind { kind: RecordKind::Topic }),
            allow("external-unlinked", RoleKey::EXTERNAL, &GUEST, Scope::Unlinked),
            allow("external-projects", RoleKey::EXTERNAL, &GUEST, Scope::OwnProjects),
            allow("integration-records", RoleKey::INTEGRATION, &[AdminRecords, ThreadRead], Scope::Company),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_a_valid_policy() {
        assert_eq!(policy().validate(), Ok(()));
    }

    #[test]
    fn each_preset_has_a_rule_and_only_the_integration_writes_records() {
        let policy = policy();
        for role in &policy.roles {
            assert!(policy.rules.iter().any(|rule| rule.roles.contains(&role.key)), "{}", role.key);
        }
        for rule in &policy.rules {
            assert_eq!(rule.actions.contains(&AdminRecords), rule.roles.contains(&RoleKey::INTEGRATION), "{}", rule.id);
        }
    }
}
