//! Can they, and why? The questions that wall 1 asks, one by one, with the rule that answers each.
//!
//! Who asks sees no more by asking: what is not visible to them is not found, for others' eyes as for their own. An
//! administrator of the policy may ask about anybody, everyone about themselves.

use std::{collections::BTreeSet, sync::Arc};

use super::{ServiceError, Services, page_limit};
use crate::{
    access::{Action, Conditions, Effect, Policy, Reason, Resource, Rule, Subject, Verdict, decide},
    backend::{
        caller::{Caller, Credentials},
        store::{CompanyTx, Facts, PeopleCursor, Target, admin::Judged},
    },
    clock::Timestamp,
    domain::{ConversationKind, RecordKey},
    limits,
    wire::{
        Code, Explain, ExplainFacts, ExplainQuestion, ExplainReason, ExplainRecord, ExplainStep, Explanation,
        ListReaders, MemberStatus, Page, Person,
    },
};

struct Trial<'t> {
    policy: &'t Policy,
    subject: &'t Subject,
    at: Timestamp,
    /// Whether the answer is for the person themselves, who learns of no one else.
    own: bool,
    steps: Vec<ExplainStep>,
}

impl Trial<'_> {
    fn is_over(&self) -> bool {
        self.steps.last().is_some_and(|step| !step.allowed)
    }

    fn fact(&mut self, question: ExplainQuestion, allowed: bool) {
        if !self.is_over() {
            self.steps.push(ExplainStep { question, allowed, reason: ExplainReason::Fact, rule: None });
        }
    }

    fn asks(&mut self, question: ExplainQuestion, action: Action, resource: &Resource) {
        if self.is_over() {
            return;
        }
        let verdict = decide(self.policy, self.subject, action, resource, self.at);
        let ruled = |id: &str| self.policy.rules.iter().find(|rule| rule.id == id).map(|rule| self.shown(rule));
        let (reason, rule) = match &verdict {
            Verdict::Allow { rule } | Verdict::Deny(Reason::Rule { rule }) => (ExplainReason::Rule, ruled(rule)),
            Verdict::Deny(Reason::NothingAllows) => (ExplainReason::NothingAllows, None),
            Verdict::Deny(Reason::Hook { denial }) => (ExplainReason::Hook, self.denial(denial)),
            Verdict::Deny(Reason::Unanswered) => (ExplainReason::Unanswered, None),
        };
        self.steps.push(ExplainStep { question, allowed: verdict.is_allowed(), reason, rule });
    }

    /// The hook's denial, as the rule that it amounts to.
    fn denial(&self, id: &str) -> Option<Rule> {
        let denials = self.subject.narrowing.denials(self.at).unwrap_or_default();
        denials.iter().find(|denial| denial.id == id).map(|denial| Rule {
            id: denial.id.clone(),
            effect: Effect::Deny,
            roles: BTreeSet::new(),
            users: BTreeSet::from([self.subject.user]),
            actions: denial.actions.clone(),
            scope: denial.scope.clone(),
            conditions: Conditions { record_states: denial.record_states.clone(), ..Conditions::default() },
        })
    }

    /// The rule, whole; to the person themselves without the others whom it names.
    fn shown(&self, rule: &Rule) -> Rule {
        let mut rule = rule.clone();
        if self.own {
            rule.roles.retain(|role| *role == self.subject.role);
            rule.users.retain(|user| *user == self.subject.user);
        }
        rule
    }
}

fn describe(resource: &Resource, subject: Option<&Subject>, own: bool) -> Option<ExplainRecord> {
    let Resource::Record { key, owner, department, project, state } = resource else { return None };
    Some(ExplainRecord {
        key: key.clone(),
        is_owner: subject.is_some_and(|subject| *owner == Some(subject.user)),
        is_own_department: department.is_some() && subject.is_some_and(|subject| subject.department == *department),
        is_own_project: project.is_some_and(|project| subject.is_some_and(|who| who.projects.contains(&project))),
        owner_id: owner.filter(|_| !own),
        department_id: department.filter(|_| !own),
        project_id: project.filter(|_| !own),
        state: state.as_ref().map(ToString::to_string),
    })
}

fn target(query: &Explain) -> Result<Option<Target>, ServiceError> {
    let record = match (&query.linked_type, &query.linked_id) {
        (Some(kind), Some(id)) => Some(RecordKey { kind: *kind, id: id.clone() }),
        (None, None) => None,
        _ => return Err(ServiceError::field(Code::InvalidQuery, "linkedId", "and linkedType go together")),
    };
    let named =
        [query.message_id.is_some(), query.conversation_id.is_some(), record.is_some()].into_iter().filter(|is| *is);
    match named.count() {
        0 => Ok(None),
        1 => Ok(Some(Target {
            conversation: query.conversation_id,
            message: query.message_id,
            record,
            ..Target::default()
        })),
        _ => {
            Err(ServiceError::field(Code::InvalidQuery, "messageId", "conversationId and linkedId exclude each other"))
        }
    }
}

impl Services {
    /// Whether somebody may do something, or might at a moment of the past, with every question and its deciding rule.
    ///
    /// # Errors
    /// [`Code::NotFound`] for what the asker may not see, and for who is nobody's colleague; [`Code::Forbidden`] about
    /// others without `admin:policy`; [`Code::InvalidQuery`]; [`Code::HistoryNotKept`].
    pub async fn explain_access(
        &self,
        credentials: &Credentials,
        query: &Explain,
    ) -> Result<Explanation, ServiceError> {
        let target = target(query)?;
        let (caller, facts) = match &target {
            Some(target) => {
                let (caller, facts) = self.open_for(credentials, target).await?;
                (caller, Some(facts))
            }
            None => (self.open(credentials).await?, None),
        };
        let own = caller.user() == query.user_id;
        if !caller.may(Action::AdminPolicy, &Resource::Unlinked) && !own {
            return Err(self.forbidden(&caller, Action::AdminPolicy, query.user_id).await);
        }
        // Who may ask about others is told everything, about themselves, too.
        let own = own && !caller.may(Action::AdminPolicy, &Resource::Unlinked);
        let now = self.now();
        if query.at.is_some_and(|at| at > now) {
            return Err(ServiceError::field(Code::InvalidQuery, "at", "lies in the future"));
        }
        if query.at.is_none() && caller.subject().narrowing.is_required() {
            // What would be, if they asked now: without an answer, "not answered" is the explanation. Before anything is held.
            let _ = self.hooks().ensure(caller.company(), query.user_id, limits::HOOK_MARGIN_S).await;
        }
        let mut tx = self.store().begin(&caller, "access.explain").await?;
        let (policy_version, policy) = match query.at {
            None => {
                let version = tx.policy_version_get(None).await?.map_or(0, |version| version.info.version);
                (version, Arc::clone(caller.policy()))
            }
            Some(at) => {
                let (version, history_from) = tx.policy_version_then(at).await?;
                if at < history_from {
                    let detail = format!("the company's history begins at {history_from}");
                    return Err(ServiceError::detail(Code::HistoryNotKept, detail));
                }
                (version, self.store().policy_of(&caller, version).await?)
            }
        };
        let member = tx.member_facts(query.user_id, query.at).await?;
        if member.is_none() && tx.member_facts(query.user_id, None).await?.is_none() {
            return Err(ServiceError::code(Code::NotFound));
        }
        // After that answer: it holds from when it was asked for.
        let at = query.at.unwrap_or_else(|| self.now());
        let member = match member {
            None => None,
            Some((subject, status)) => {
                let narrowing = tx.narrowing_then(&subject, at).await?;
                Some((Subject { narrowing, ..subject }, status))
            }
        };
        let (steps, facts) = self.steps(&mut tx, &caller, query, (&policy, member), facts.as_ref(), at, own).await?;
        let because = steps.last().cloned().ok_or_else(|| ServiceError::code(Code::Internal))?;
        Ok(Explanation {
            user_id: query.user_id,
            action: query.action,
            at,
            policy_version,
            allowed: because.allowed,
            because,
            steps,
            facts,
        })
    }

    /// Who can read a message: those of a page of the company's active members, each judged as [`Self::explain_access`] does,
    /// by what the access hook has said of them so far.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a message that the asker may not see; [`Code::Forbidden`] without `admin:policy`;
    /// [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_readers(
        &self,
        credentials: &Credentials,
        query: &ListReaders,
    ) -> Result<Page<Person>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let target = Target { message: Some(query.message_id), ..Target::default() };
        let (caller, found) = self.open_for(credentials, &target).await?;
        if !caller.may(Action::AdminPolicy, &Resource::Unlinked) {
            return Err(self.forbidden(&caller, Action::AdminPolicy, query.message_id).await);
        }
        let after: Option<PeopleCursor> = self.page_position("readers", caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "reader.list").await?;
        let mut members = tx.member_judged(None, after.as_ref(), Some(limit + 1)).await?;
        let more = members.len() > usize::from(limit);
        members.truncate(limit.into());
        let next_cursor = members
            .last()
            .filter(|_| more)
            .map(|last| self.page_cursor("readers", caller.company(), &PeopleCursor::after(&last.person)));
        let (policy, at) = (Arc::clone(caller.policy()), self.now());
        let mut items = Vec::new();
        // By what the hook has said, and of nobody is it asked: who is not answered for reads nothing now.
        for Judged { person, subject, narrowing } in members {
            let subject = Subject { narrowing, ..subject };
            let asked = Explain {
                company_id: None,
                user_id: person.id,
                action: Action::MessageRead,
                message_id: Some(query.message_id),
                conversation_id: None,
                linked_type: None,
                linked_id: None,
                at: None,
            };
            let member = Some((subject, MemberStatus::Active));
            let (steps, _) = self.steps(&mut tx, &caller, &asked, (&policy, member), Some(&found), at, false).await?;
            if steps.last().is_some_and(|step| step.allowed) {
                items.push(person);
            }
        }
        Ok(Page { items, next_cursor })
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one verdict, gathered by one caller")]
    async fn steps(
        &self,
        tx: &mut CompanyTx,
        caller: &Caller,
        query: &Explain,
        (policy, member): (&Policy, Option<(Subject, MemberStatus)>),
        found: Option<&Facts>,
        at: Timestamp,
        own: bool,
    ) -> Result<(Vec<ExplainStep>, ExplainFacts), ServiceError> {
        // What they were not yet, or are not: somebody without anything, so that the record's facts can be told.
        let (subject, status) = match member {
            Some((subject, status)) => (subject, Some(status)),
            None => (
                Subject {
                    user: query.user_id,
                    projects: BTreeSet::new(),
                    department: None,
                    ..caller.subject().clone()
                },
                None,
            ),
        };
        let mut trial = Trial { policy, subject: &subject, at, own, steps: Vec::new() };
        trial.fact(ExplainQuestion::Member, status == Some(MemberStatus::Active));
        let mut facts = ExplainFacts {
            role: status.map(|_| subject.role.clone()),
            kind: status.map(|_| subject.kind),
            status,
            department_id: subject.department,
            project_ids: subject.projects.iter().copied().collect(),
            is_participant: None,
            is_author: None,
            record: None,
        };
        let Some(found) = found else {
            trial.asks(ExplainQuestion::Action, query.action, &Resource::Unlinked);
            return Ok((trial.steps, facts));
        };
        let then = async |tx: &mut CompanyTx, resource: &Resource| -> Result<Option<Resource>, ServiceError> {
            match (query.at, resource.key()) {
                (Some(at), Some(key)) => Ok(tx.record_then(key, at).await?),
                _ => Ok(Some(resource.clone())),
            }
        };
        let Some(resource) = then(tx, &found.resource).await? else {
            // The record was not there yet: nothing about it could be seen.
            trial.fact(ExplainQuestion::RecordVisible, false);
            return Ok((trial.steps, facts));
        };
        facts.record = describe(&resource, status.map(|_| &subject), own);
        if query.conversation_id.is_none() && query.message_id.is_none() {
            trial.asks(ExplainQuestion::RecordVisible, Action::ThreadRead, &resource);
            trial.asks(ExplainQuestion::Action, query.action, &resource);
            return Ok((trial.steps, facts));
        }
        if let Some(conversation) = &found.conversation {
            if conversation.kind != ConversationKind::Record {
                let is = tx.participates(conversation.id, query.user_id, query.at).await?;
                facts.is_participant = Some(is);
                trial.fact(ExplainQuestion::Participant, is);
            }
            match then(tx, &conversation.resource).await? {
                Some(its) => trial.asks(ExplainQuestion::ConversationVisible, Action::ThreadRead, &its),
                None => trial.fact(ExplainQuestion::ConversationVisible, false),
            }
        }
        let Some(message) = &found.message else {
            trial.asks(ExplainQuestion::Action, query.action, &resource);
            return Ok((trial.steps, facts));
        };
        let written_at = tx.message_created_at(message.id.uuid()).await?;
        if written_at.is_some_and(|written_at| written_at > at) {
            return Err(ServiceError::field(Code::InvalidQuery, "at", "is before the message was written"));
        }
        if resource.key().is_some() {
            trial.asks(ExplainQuestion::RecordVisible, Action::ThreadRead, &resource);
        }
        trial.asks(ExplainQuestion::MessageRead, Action::MessageRead, &resource);
        let is_author = message.author_id == query.user_id;
        facts.is_author = Some(is_author);
        if matches!(query.action, Action::MessageEdit | Action::MessageDelete) {
            trial.fact(ExplainQuestion::Author, is_author);
        }
        if query.action != Action::MessageRead {
            trial.asks(ExplainQuestion::Action, query.action, &resource);
        }
        Ok((trial.steps, facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Narrowing, RoleKey, Scope},
        domain::MemberKind,
        ids::UserId,
    };

    #[test]
    fn a_rule_told_to_the_person_names_nobody_else() {
        let (me, other) = (UserId::from_uuid(uuid::Uuid::from_u128(1)), UserId::from_uuid(uuid::Uuid::from_u128(2)));
        let rule = Rule {
            id: "r".to_owned(),
            effect: Effect::Allow,
            roles: BTreeSet::from([RoleKey::STAFF, RoleKey::OWNER]),
            users: BTreeSet::from([me, other]),
            actions: BTreeSet::from([Action::MessageRead]),
            scope: Scope::Company,
            conditions: Conditions::default(),
        };
        let subject = Subject {
            user: me,
            role: RoleKey::STAFF,
            kind: MemberKind::Internal,
            department: None,
            projects: BTreeSet::new(),
            narrowing: Narrowing::None,
        };
        let policy = Policy { roles: Vec::new(), rules: vec![rule] };
        let told = |own| {
            let mut trial =
                Trial { policy: &policy, subject: &subject, at: Timestamp::from_millis(0), own, steps: Vec::new() };
            trial.asks(ExplainQuestion::Action, Action::MessageRead, &Resource::Unlinked);
            trial.steps.remove(0).rule.unwrap()
        };
        assert_eq!((told(true).roles.len(), told(true).users.len()), (1, 1));
        assert_eq!((told(false).roles.len(), told(false).users.len()), (2, 2));
    }
}
