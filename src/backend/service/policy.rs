//! The policy of a company: versions, what one would change, putting one in force. Row-level security and a guard trigger
//! hold every rail once more (`migrations/*_admin.sql`).

use serde::{Deserialize, Serialize};

use super::{ServiceError, Services, page_limit};
use crate::{
    access::{Action, Effect, Permit, Policy, PolicyError, Resource, RoleKey, Rule, Scope, Subject, decide},
    backend::{
        caller::{Caller, Credentials},
        store::{
            CompanyTx, PeopleCursor,
            admin::{self, Guard, Judged},
            grants::{self, GrantRow, PolicyPutError},
        },
    },
    clock::Timestamp,
    domain::RecordKey,
    limits,
    wire::{
        Code, DryRun, DryRunChange, DryRunPolicy, DryRunReach, FieldError, ListPolicyVersions, Page, PolicyVersion,
        PolicyVersionInfo, PutPolicy, RestorePolicy, SessionKind,
    },
};

#[derive(Serialize, Deserialize)]
struct Before {
    version: u32,
}

/// The rules of this effect that have a say, now, when the caller asks for `action`, whatever the state of a record.
fn mine(caller: &Caller, effect: Effect, action: Action, at: Timestamp) -> impl Iterator<Item = &Rule> {
    caller.policy().rules.iter().filter(move |rule| {
        rule.effect == effect
            && rule.actions.contains(&action)
            && (rule.roles.contains(&caller.subject().role) || rule.users.contains(&caller.user()))
            && rule.conditions.hold(caller.subject(), &Resource::Unlinked, at)
    })
}

/// Whether a right is held company-wide: allowed everywhere, and not denied everywhere. Only such a right can be handed on.
pub(super) fn holds(caller: &Caller, action: Action, at: Timestamp) -> bool {
    let whole = |effect| mine(caller, effect, action, at).any(|rule| rule.scope == Scope::Company);
    whole(Effect::Allow) && !whole(Effect::Deny)
}

/// Whether the caller is denied `action` in the very scope of `rule`: what is kept from them there is not theirs to give there.
fn is_denied_there(caller: &Caller, action: Action, rule: Option<&Rule>, at: Timestamp) -> bool {
    rule.is_some_and(|new| mine(caller, Effect::Deny, action, at).any(|deny| deny.scope == new.scope))
}

/// What the rows say, without their place and rule: two that say the same grant the same.
fn says(row: &GrantRow) -> GrantRow {
    GrantRow { ordinal: 0, rule_id: String::new(), ..row.clone() }
}

/// What `new` would hand on that `caller` does not hold: one sentence each.
fn beyond(caller: &Caller, new: &Policy, at: Timestamp) -> Vec<FieldError> {
    let (old_rows, new_rows) = (grants::compile(caller.policy()), grants::compile(new));
    let (old_says, new_says): (Vec<_>, Vec<_>) =
        (old_rows.iter().map(says).collect(), new_rows.iter().map(says).collect());
    let mut errors: Vec<FieldError> = Vec::new();
    let mut tell = |rule: &str, detail: String| {
        let place = new.rules.iter().position(|one| one.id == rule);
        let field = place.map_or_else(|| "document.rules".to_owned(), |place| format!("document.rules[{place}]"));
        let error = FieldError { field, detail };
        if !errors.contains(&error) {
            errors.push(error);
        }
    };
    for (row, its) in new_rows.iter().zip(&new_says) {
        let Ok(action) = row.action.parse::<Action>() else { continue };
        let rule = new.rules.iter().find(|rule| rule.id == row.rule_id);
        let theirs = || holds(caller, action, at) && !is_denied_there(caller, action, rule, at);
        if row.effect == "allow" && !old_says.contains(its) && !theirs() {
            tell(&row.rule_id, format!("rule {:?} allows {action}, which you do not hold company-wide", row.rule_id));
        }
    }
    for (row, its) in old_rows.iter().zip(&old_says) {
        let Ok(action) = row.action.parse::<Action>() else { continue };
        let lifted = row.effect == "deny" && !new_says.contains(its);
        if lifted && (row.user_id == Some(caller.user().uuid()) || !allowed_everywhere(caller, action, at)) {
            tell(&row.rule_id, format!("the deny of {action} by rule {:?} is not yours to lift", row.rule_id));
        }
    }
    errors
}

fn allowed_everywhere(caller: &Caller, action: Action, at: Timestamp) -> bool {
    mine(caller, Effect::Allow, action, at).any(|rule| rule.scope == Scope::Company)
}

/// Which part of the document an error is about.
fn field_of(document: &Policy, error: &PolicyError) -> String {
    let rule = |id: &str| {
        let place = document.rules.iter().rposition(|rule| rule.id == *id);
        place.map_or_else(|| "document.rules".to_owned(), |place| format!("document.rules[{place}]"))
    };
    match error {
        PolicyError::DuplicateRole(key) => {
            let place = document.roles.iter().rposition(|role| role.key == *key).unwrap_or_default();
            format!("document.roles[{place}].key")
        }
        PolicyError::NoOwner => "document.roles".to_owned(),
        PolicyError::DuplicateRule(id) => format!("{}.id", rule(id)),
        PolicyError::UnknownRole { rule: id, .. } => format!("{}.roles", rule(id)),
        PolicyError::EmptyRule(id) => rule(id),
        PolicyError::ScopedAdmin { rule: id, .. } => format!("{}.scope", rule(id)),
        PolicyError::EmptyCondition { rule: id, condition } => format!("{}.conditions.{condition}", rule(id)),
        PolicyError::TooManyStates(id) | PolicyError::StateWithoutRecord(id) => {
            format!("{}.conditions.recordStates", rule(id))
        }
        PolicyError::EndsBeforeItBegins(id) => format!("{}.conditions.until", rule(id)),
        PolicyError::TooManyRules(_) | PolicyError::TooManyGrants(_) => "document.rules".to_owned(),
    }
}

pub(super) fn invalid(document: &Policy, error: &PolicyError) -> ServiceError {
    ServiceError::field(Code::InvalidField, field_of(document, error), error.to_string())
}

/// A refusal of the database as a client sees it.
pub(super) fn guarded(error: crate::backend::store::StoreError) -> ServiceError {
    match admin::refusal(&error) {
        Some(Guard::Administer) => ServiceError::code(Code::Forbidden),
        Some(Guard::Beyond) => ServiceError::code(Code::BeyondOwnRights),
        Some(Guard::Owner) => ServiceError::code(Code::LastOwner),
        Some(Guard::Version) => ServiceError::code(Code::VersionConflict),
        Some(Guard::Taken) => ServiceError::code(Code::AlreadyMember),
        Some(Guard::Reference) => ServiceError::detail(Code::InvalidField, "a role, department or project is unknown"),
        None => error.into(),
    }
}

/// Whether some owner can still administer the company under `policy`, in person, unconditionally.
fn leaves_an_owner(policy: &Policy, owners: &[Judged], at: Timestamp) -> bool {
    let is_plain = |action: Action| {
        policy.rules.iter().any(|rule| {
            rule.effect == Effect::Allow
                && rule.scope == Scope::Company
                && rule.roles.contains(&RoleKey::OWNER)
                && rule.actions.contains(&action)
                && rule.conditions.is_empty()
        })
    };
    let may = |owner: &Judged, action| decide(policy, &owner.subject, action, &Resource::Unlinked, at).is_allowed();
    is_plain(Action::AdminMembers)
        && is_plain(Action::AdminPolicy)
        && owners.iter().any(|owner| may(owner, Action::AdminMembers) && may(owner, Action::AdminPolicy))
}

impl Services {
    /// A person in a browser session who may administer: an embedding page or a key never may.
    pub(super) async fn open_admin(
        &self,
        credentials: &Credentials,
        action: Action,
    ) -> Result<(Caller, Permit<()>), ServiceError> {
        let (caller, session) = self.open_person(credentials).await?;
        if session.kind != SessionKind::Browser {
            return Err(ServiceError::detail(Code::Forbidden, "administration needs a session of its own"));
        }
        match caller.permit(action, &Resource::Unlinked, ()) {
            Some(permit) => Ok((caller, permit)),
            None => Err(self.forbidden(&caller, action, caller.company()).await),
        }
    }

    /// Tells of a page that `action` opens and that is not open to the caller: nothing behind it was asked, so that nothing
    /// else tells of it. In the audit log or, where that has no more room, in the trail of refusals.
    pub async fn note_refused_page(&self, credentials: &Credentials, action: Action) {
        // Whose session ended meanwhile was refused nothing.
        let Ok((caller, _)) = self.open_person(credentials).await else { return };
        let refusal = self.forbidden(&caller, action, caller.company()).await;
        self.note_refused(&credentials.toll, refusal.as_code());
    }

    /// The policy in force.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:policy`.
    pub async fn get_policy(&self, credentials: &Credentials) -> Result<PolicyVersion, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let mut tx = self.store().begin(&caller, "policy.get").await?;
        tx.policy_version_get(None).await?.ok_or_else(|| ServiceError::code(Code::NotFound))
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:policy`; [`Code::InvalidCursor`].
    pub async fn list_policy_versions(
        &self,
        credentials: &Credentials,
        query: &ListPolicyVersions,
    ) -> Result<Page<PolicyVersionInfo>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let (caller, _) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let before: Option<Before> =
            self.page_position("policy_versions", caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "policy_version.list").await?;
        let mut items = tx.policy_version_list(before.map(|before| before.version), limit + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| self.page_cursor("policy_versions", caller.company(), &Before { version: last.version }));
        Ok(Page { items, next_cursor })
    }

    /// One version with its document.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:policy`; [`Code::NotFound`].
    pub async fn get_policy_version(
        &self,
        credentials: &Credentials,
        version: u32,
    ) -> Result<PolicyVersion, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let mut tx = self.store().begin(&caller, "policy_version.get").await?;
        tx.policy_version_get(Some(version)).await?.ok_or_else(|| ServiceError::code(Code::NotFound))
    }

    /// Puts a document in force as the next version.
    ///
    /// # Errors
    /// [`Code::Forbidden`]; [`Code::InvalidField`] with the place in the document; [`Code::BeyondOwnRights`] with each rule
    /// that hands on what the editor does not hold; [`Code::LastOwner`]; [`Code::VersionConflict`].
    pub async fn put_policy(
        &self,
        credentials: &Credentials,
        request: &PutPolicy,
    ) -> Result<PolicyVersion, ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let mut tx = self.store().begin(&caller, "policy.put").await?;
        self.policy_in_force(&mut tx, &caller, request.base_version).await?;
        self.put(tx, &caller, &permit, request).await
    }

    /// Puts an old version's document in force as the next version. The rails are those of any change.
    ///
    /// # Errors
    /// As [`Self::put_policy`]; [`Code::NotFound`].
    pub async fn restore_policy(
        &self,
        credentials: &Credentials,
        version: u32,
        request: &RestorePolicy,
    ) -> Result<PolicyVersion, ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let mut tx = self.store().begin(&caller, "policy.restore").await?;
        let old = tx.policy_version_get(Some(version)).await?.ok_or_else(|| ServiceError::code(Code::NotFound))?;
        self.policy_in_force(&mut tx, &caller, request.base_version).await?;
        let request =
            PutPolicy { document: old.document, comment: request.comment.clone(), base_version: request.base_version };
        self.put(tx, &caller, &permit, &request).await
    }

    /// The request was made from the version in force, and the caller was judged by it.
    async fn policy_in_force(&self, tx: &mut CompanyTx, caller: &Caller, base: u32) -> Result<(), ServiceError> {
        let now = tx.policy_version_get(None).await?.ok_or_else(|| ServiceError::code(Code::NotFound))?;
        if now.info.version != base || now.document != **caller.policy() {
            let detail = format!("version {} is in force", now.info.version);
            return Err(ServiceError::detail(Code::VersionConflict, detail));
        }
        Ok(())
    }

    async fn put(
        &self,
        mut tx: CompanyTx,
        caller: &Caller,
        permit: &Permit<()>,
        request: &PutPolicy,
    ) -> Result<PolicyVersion, ServiceError> {
        let (document, now) = (&request.document, self.now());
        document.validate().map_err(|error| invalid(document, &error))?;
        for (role, count) in tx.role_counts().await? {
            if !document.roles.iter().any(|one| one.key == role) {
                let detail = format!("leaves out the role {role}, which {count} members have");
                return Err(ServiceError::field(Code::InvalidField, "document.roles", detail));
            }
        }
        let errors = beyond(caller, document, now);
        if !errors.is_empty() {
            return Err(ServiceError::Refused {
                code: Code::BeyondOwnRights,
                detail: None,
                errors,
                legal_parent_id: None,
                retry_after_s: None,
            });
        }
        if !leaves_an_owner(document, &tx.member_judged(Some(&RoleKey::OWNER), None, None).await?, now) {
            return Err(ServiceError::code(Code::LastOwner));
        }
        let version = request.base_version + 1;
        tx.policy_version_put(permit, version, document, request.comment.as_str(), now).await.map_err(|error| {
            match error {
                PolicyPutError::Policy(error) => invalid(document, &error),
                PolicyPutError::Version { .. } => ServiceError::code(Code::VersionConflict),
                PolicyPutError::Database(error) => guarded(error.into()),
            }
        })?;
        let stored = tx.policy_version_get(Some(version)).await?.ok_or_else(|| ServiceError::code(Code::Internal))?;
        Ok(tx.commit(stored).await?.into_inner())
    }

    /// What a document would change for whom, were it in force. Stores nothing.
    ///
    /// # Errors
    /// [`Code::Forbidden`]; [`Code::InvalidField`] with the place in the document.
    pub async fn dry_run_policy(
        &self,
        credentials: &Credentials,
        request: DryRunPolicy,
    ) -> Result<DryRun, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminPolicy).await?;
        let (document, now) = (request.document, self.now());
        document.validate().map_err(|error| invalid(&document, &error))?;
        let mut tx = self.store().begin(&caller, "policy.dry_run").await?;
        let base_version = tx.policy_version_get(None).await?.map_or(0, |version| version.info.version);
        let mut members: Vec<Judged> = Vec::new();
        while members.len() <= limits::DRY_RUN_MEMBERS_MAX {
            let after = members.last().map(|last| PeopleCursor::after(&last.person));
            let page = tx.member_judged(None, after.as_ref(), Some(limits::DRY_RUN_PAGE_ROWS)).await?;
            let last = page.len() < usize::from(limits::DRY_RUN_PAGE_ROWS);
            members.extend(page);
            if last {
                break;
            }
        }
        let mut records: Vec<(RecordKey, Resource)> = Vec::new();
        while records.len() <= limits::DRY_RUN_RECORDS_MAX {
            let page = tx.record_judged(records.last().map(|(key, _)| key), limits::DRY_RUN_PAGE_ROWS).await?;
            let last = page.len() < usize::from(limits::DRY_RUN_PAGE_ROWS);
            records.extend(page);
            if last {
                break;
            }
        }
        drop(tx);
        let within_own_rights = beyond(&caller, &document, now).is_empty();
        let old = std::sync::Arc::clone(caller.policy());
        // Up to two million verdicts: not among the requests that wait for a socket.
        let compared = tokio::task::spawn_blocking(move || compare(&old, &document, members, records, now))
            .await
            .map_err(|_| ServiceError::code(Code::Internal))?;
        Ok(DryRun { base_version, within_own_rights, ..compared })
    }
}

/// The rules that can have a say when `subject` asks for `action`, in any order.
fn about<'p>(policy: &'p Policy, subject: &Subject, action: Action) -> Vec<&'p Rule> {
    policy
        .rules
        .iter()
        .filter(|rule| {
            rule.actions.contains(&action) && (rule.roles.contains(&subject.role) || rule.users.contains(&subject.user))
        })
        .collect()
}

/// Whether two sets of rules say the same, whatever else is in them.
fn same(a: &[&Rule], b: &[&Rule]) -> bool {
    let says = |a: &Rule, b: &Rule| (a.effect, &a.scope, &a.conditions) == (b.effect, &b.scope, &b.conditions);
    a.iter().all(|one| b.iter().any(|other| says(one, other)))
        && b.iter().all(|one| a.iter().any(|other| says(one, other)))
}

fn compare(
    old: &Policy,
    new: &Policy,
    mut members: Vec<Judged>,
    mut records: Vec<(RecordKey, Resource)>,
    at: Timestamp,
) -> DryRun {
    let mut truncated = members.len() > limits::DRY_RUN_MEMBERS_MAX || records.len() > limits::DRY_RUN_RECORDS_MAX;
    members.truncate(limits::DRY_RUN_MEMBERS_MAX);
    records.truncate(limits::DRY_RUN_RECORDS_MAX);
    let (mut changes, mut change_count, mut verdicts) = (Vec::new(), 0_usize, 0_usize);
    let mut member_count = 0_usize;
    'members: for Judged { person, subject, .. } in &members {
        for action in Action::ALL {
            // Most people are touched by few changes: whose rules say the same needs no verdict.
            if same(&about(old, subject, *action), &about(new, subject, *action)) {
                continue;
            }
            verdicts += 2 * (records.len() + 1);
            if verdicts > limits::DRY_RUN_VERDICTS_MAX {
                truncated = true;
                break 'members;
            }
            let (mut gained, mut lost) = (DryRunReach::default(), DryRunReach::default());
            let mut judge = |resource: &Resource, key: Option<&RecordKey>| {
                let may = |policy| decide(policy, subject, *action, resource, at).is_allowed();
                let reach = match (may(old), may(new)) {
                    (false, true) => &mut gained,
                    (true, false) => &mut lost,
                    _ => return,
                };
                match key {
                    None => reach.unlinked = true,
                    Some(key) => {
                        reach.record_count += 1;
                        if reach.records.len() < limits::DRY_RUN_EXAMPLES_MAX {
                            reach.records.push(key.clone());
                        }
                    }
                }
            };
            judge(&Resource::Unlinked, None);
            // Some are asked for the company as a whole, never for one record.
            if !action.is_of_the_company() {
                for (key, resource) in &records {
                    judge(resource, Some(key));
                }
            }
            if gained != DryRunReach::default() || lost != DryRunReach::default() {
                change_count += 1;
                if changes.len() < limits::DRY_RUN_CHANGES_MAX {
                    changes.push(DryRunChange { person: person.clone(), action: *action, gained, lost });
                }
            }
        }
        member_count += 1;
    }
    truncated |= change_count > changes.len();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    DryRun {
        base_version: 0,
        changes,
        change_count: count(change_count),
        member_count: count(member_count),
        record_count: count(records.len()),
        truncated,
        within_own_rights: false,
    }
}
