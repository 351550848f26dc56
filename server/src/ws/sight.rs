//! Who sees what: the one place in the realtime half that asks [`decide`]. The same law as row-level security:
//! a conversation is visible to its participants where `thread:read` is allowed on talk about no record, or, if it is about
//! a record, to whom `thread:read` is allowed on that; a message where its conversation is visible and `message:read` is
//! allowed on the record that governs it, which must itself be visible.

use std::collections::HashMap;

use postil::{
    access::{Action, Resource, decide},
    clock::Timestamp,
    domain::{ConversationKind, RecordKey},
    limits,
    wire::Message,
};

use super::ledger::{Audience, Member, Whole};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rights {
    thread: bool,
    message: bool,
}

/// One person's rights in one company as of one moment, with the verdicts remembered for as long as the facts behind them
/// hold. Whoever keeps it makes another when a rule of the policy has begun or ended.
#[derive(Debug)]
pub(super) struct Sight {
    member: Member,
    at: Timestamp,
    unlinked: Rights,
    presence: bool,
    records: HashMap<RecordKey, Rights>,
}

impl Sight {
    pub fn new(member: Member, at: Timestamp) -> Self {
        let allowed = |action| decide(&member.policy, &member.subject, action, &Resource::Unlinked, at).is_allowed();
        let unlinked = Rights { thread: allowed(Action::ThreadRead), message: allowed(Action::MessageRead) };
        let presence = allowed(Action::PresenceRead);
        Self { member, at, unlinked, presence, records: HashMap::new() }
    }

    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// The moment that it is judged as of.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether the person may see who is online.
    pub const fn presence(&self) -> bool {
        self.presence
    }

    /// What the policy looks at in this record has changed.
    pub fn forget(&mut self, record: &RecordKey) {
        self.records.remove(record);
    }

    fn rights(&mut self, resource: &Resource) -> Rights {
        let Resource::Record { key, .. } = resource else { return self.unlinked };
        if let Some(known) = self.records.get(key) {
            return *known;
        }
        let rights = self.judge(resource);
        if self.records.len() >= limits::HUB_VERDICTS_MAX {
            self.records.clear();
        }
        self.records.insert(key.clone(), rights);
        rights
    }

    fn judge(&self, resource: &Resource) -> Rights {
        let allowed =
            |action| decide(&self.member.policy, &self.member.subject, action, resource, self.at).is_allowed();
        Rights { thread: allowed(Action::ThreadRead), message: allowed(Action::MessageRead) }
    }

    pub fn record(&mut self, resource: &Resource) -> bool {
        self.rights(resource).thread
    }

    /// Without the memory: for facts that hold no more.
    pub fn saw_record(&self, resource: &Resource) -> bool {
        self.judge(resource).thread
    }

    /// Whether messages about this record are read, where their conversation is seen. Without the memory.
    pub fn read_about(&self, resource: &Resource) -> bool {
        let rights = self.judge(resource);
        rights.thread && rights.message
    }

    pub fn conversation(&mut self, audience: &Audience) -> bool {
        match audience.kind {
            ConversationKind::Record => self.rights(&audience.resource).thread,
            ConversationKind::Direct | ConversationKind::Group => {
                self.unlinked.thread && audience.participants.contains(&self.member.subject.user)
            }
        }
    }

    /// The message as this person has it: the replies that it counts are those that they see. The same bytes for everyone
    /// unless the thread is mixed, which [`Whole::replies`] tells.
    pub fn counted<'a>(
        &mut self,
        whole: &Whole,
        audience: &Audience,
        record: impl Fn(&RecordKey) -> Option<&'a Resource>,
    ) -> Message {
        let mut message = whole.message.clone();
        let Some(parts) = &whole.replies else { return message };
        (message.reply_count, message.last_reply_at) = (0, None);
        for part in parts {
            let governing = match &part.record {
                None => Some(&Resource::Unlinked),
                Some(key) => record(key),
            };
            if governing.is_some_and(|governing| self.message(audience, governing)) {
                message.reply_count += part.count;
                message.last_reply_at = message.last_reply_at.max(Some(part.last_at));
            }
        }
        message
    }

    /// `governing` is the record that the message names, or none.
    pub fn message(&mut self, audience: &Audience, governing: &Resource) -> bool {
        if !self.conversation(audience) {
            return false;
        }
        let rights = self.rights(governing);
        rights.message && (rights.thread || matches!(governing, Resource::Unlinked))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use postil::{
        access::{Conditions, Effect, Narrowing, RoleKey, Rule, Scope, Subject, preset},
        domain::{MemberKind, RecordKind},
        ids::{ConversationId, DepartmentId, UserId},
    };
    use uuid::Uuid;

    use super::*;

    fn sight(role: RoleKey, department: u128) -> Sight {
        let subject = Subject {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            role,
            kind: MemberKind::Internal,
            department: Some(DepartmentId::from_uuid(Uuid::from_u128(department))),
            projects: BTreeSet::new(),
            narrowing: Narrowing::None,
        };
        Sight::new(Member { subject, policy: Arc::new(preset::policy()) }, Timestamp::from_micros(0))
    }

    fn invoice(department: u128) -> Resource {
        Resource::Record {
            key: "transaction/INV-1".parse().unwrap(),
            owner: None,
            department: Some(DepartmentId::from_uuid(Uuid::from_u128(department))),
            project: None,
            state: None,
        }
    }

    fn audience(kind: ConversationKind, resource: Resource, people: &[u128]) -> Audience {
        Audience {
            conversation: ConversationId::from_uuid(Uuid::from_u128(9)),
            kind,
            resource,
            participants: people.iter().map(|n| UserId::from_uuid(Uuid::from_u128(*n))).collect(),
        }
    }

    #[test]
    fn only_participants_see_a_group_and_everyone_with_the_record_sees_its_talk() {
        let mut staff = sight(RoleKey::STAFF, 7);
        assert!(staff.conversation(&audience(ConversationKind::Group, Resource::Unlinked, &[1, 2])));
        assert!(!staff.conversation(&audience(ConversationKind::Group, Resource::Unlinked, &[2])));
        assert!(staff.conversation(&audience(ConversationKind::Record, invoice(7), &[])));
        staff.forget(&"transaction/INV-1".parse().unwrap());
        assert!(
            !staff.conversation(&audience(ConversationKind::Record, invoice(8), &[1])),
            "taking part is not enough"
        );
    }

    #[test]
    fn a_message_about_a_hidden_record_is_hidden_in_a_visible_conversation() {
        let group = audience(ConversationKind::Group, Resource::Unlinked, &[1]);
        assert!(sight(RoleKey::STAFF, 7).message(&group, &invoice(7)));
        assert!(sight(RoleKey::STAFF, 7).message(&group, &Resource::Unlinked));
        assert!(!sight(RoleKey::STAFF, 7).message(&group, &invoice(8)));
        assert!(sight(RoleKey::OWNER, 7).message(&group, &invoice(8)));
    }

    #[test]
    fn reading_about_a_record_takes_both_its_thread_and_its_messages() {
        let group = audience(ConversationKind::Group, Resource::Unlinked, &[1]);
        for taken in [Action::ThreadRead, Action::MessageRead] {
            let mut policy = preset::policy();
            policy.rules.push(Rule {
                id: "kept-back".to_owned(),
                effect: Effect::Deny,
                roles: BTreeSet::from([RoleKey::OWNER]),
                users: BTreeSet::new(),
                actions: BTreeSet::from([taken]),
                scope: Scope::Kind { kind: RecordKind::Transaction },
                conditions: Conditions::default(),
            });
            let subject = sight(RoleKey::OWNER, 7).member.subject;
            let mut owner = Sight::new(Member { subject, policy: Arc::new(policy) }, Timestamp::from_micros(0));
            assert!(!owner.message(&group, &invoice(7)), "{taken:?}");
            assert!(!owner.read_about(&invoice(7)), "{taken:?}");
            assert!(owner.message(&group, &Resource::Unlinked), "only records are kept back");
        }
    }

    #[test]
    fn guests_do_not_see_who_is_online() {
        assert!(sight(RoleKey::STAFF, 7).presence());
        assert!(!sight(RoleKey::EXTERNAL, 7).presence());
    }
}
