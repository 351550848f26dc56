//! Members, as an administrator keeps them: roles, departments, projects, the end of a membership. Nobody grants what they
//! do not hold, nobody changes who holds more, and the last owner stays; guard triggers hold the same in the database.

use super::{
    ServiceError, Services, page_limit,
    policy::{guarded, holds},
    unlinked,
};
use crate::{
    access::{Action, Effect, RoleKey},
    backend::{
        caller::{Caller, Credentials},
        store::{PeopleCursor, admin::MemberChange},
    },
    clock::Timestamp,
    ids::UserId,
    limits,
    wire::{
        AdminRights, Code, Departments, ListMembers, Member, MemberStatus, Page, PatchMember, Projects, RoleInfo,
        Roles, SessionKind,
    },
};

/// The actions that rules allow whoever has this role, or is this person, in any scope and under any condition.
fn allowed_anywhere<'c>(
    caller: &'c Caller,
    role: &'c RoleKey,
    user: Option<UserId>,
) -> impl Iterator<Item = Action> + 'c {
    caller
        .policy()
        .rules
        .iter()
        .filter(move |rule| rule.effect == Effect::Allow)
        .filter(move |rule| rule.roles.contains(role) || user.is_some_and(|user| rule.users.contains(&user)))
        .flat_map(|rule| rule.actions.iter().copied())
}

/// Whether this member holds rights to administer, moderate or audit that the caller does not: then they are not the caller's to judge.
pub(super) fn administers_more(caller: &Caller, role: &RoleKey, user: UserId, at: Timestamp) -> bool {
    allowed_anywhere(caller, role, Some(user))
        .filter(|action| {
            matches!(action, Action::AdminMembers | Action::AdminPolicy | Action::AdminModerate | Action::AdminExport)
        })
        .any(|action| !holds(caller, action, at))
}

/// Whether the caller could give this role to somebody: they hold all of it, company-wide.
pub(super) fn may_assign(caller: &Caller, role: &RoleKey, at: Timestamp) -> bool {
    allowed_anywhere(caller, role, None).all(|action| holds(caller, action, at))
}

/// A role that the policy in force defines, for people, and that the caller could give to somebody.
pub(super) fn assignable(caller: &Caller, role: &RoleKey, at: Timestamp) -> Result<(), ServiceError> {
    if *role == RoleKey::INTEGRATION {
        return Err(ServiceError::field(Code::InvalidField, "role", "is for an ERP's key; no person has it"));
    }
    if !caller.policy().roles.iter().any(|one| one.key == *role) {
        return Err(ServiceError::field(Code::InvalidField, "role", "is no role of the policy in force"));
    }
    if !may_assign(caller, role, at) {
        return Err(ServiceError::field(Code::BeyondOwnRights, "role", "holds more than you do"));
    }
    Ok(())
}

/// Whether anything of administration is open to the caller, in a session of their own.
pub(super) fn administers(caller: &Caller) -> bool {
    [Action::AdminMembers, Action::AdminPolicy, Action::AdminExport]
        .iter()
        .any(|action| caller.may(*action, &unlinked()))
        || super::moderation::moderates(caller)
}

impl Services {
    /// What the caller may administer: a hint for pages, which decides nothing. An embedding page administers nothing.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`]; [`Code::Forbidden`] for an API key.
    pub async fn admin_rights(&self, credentials: &Credentials) -> Result<AdminRights, ServiceError> {
        let (caller, session) = self.open_person(credentials).await?;
        if session.kind != SessionKind::Browser {
            return Ok(AdminRights::default());
        }
        let may = |action| caller.permit(action, &unlinked(), ()).is_some();
        Ok(AdminRights {
            members: may(Action::AdminMembers),
            policy: may(Action::AdminPolicy),
            audit: may(Action::AdminExport),
            moderate: super::moderation::moderates(&caller),
            moderate_all: may(Action::AdminModerate) && holds(&caller, Action::AdminModerate, self.now()),
            // One that is in force has an owner's role at least.
            no_policy: caller.policy().roles.is_empty(),
        })
    }

    /// Members by name.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_members(
        &self,
        credentials: &Credentials,
        query: &ListMembers,
    ) -> Result<Page<Member>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let search = query.search.as_deref().map(|search| search.trim().to_lowercase());
        if search.as_ref().is_some_and(|search| search.len() > limits::SEARCH_BYTES_MAX || search.contains('\0')) {
            let detail = format!("is longer than {} bytes, or no text", limits::SEARCH_BYTES_MAX);
            return Err(ServiceError::field(Code::InvalidQuery, "search", detail));
        }
        let search = search.filter(|search| !search.is_empty());
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let after: Option<PeopleCursor> = self.page_position("members", caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "member.list").await?;
        let mut items =
            tx.member_list(search.as_deref(), query.status, query.role.as_ref(), after.as_ref(), limit + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            self.page_cursor("members", caller.company(), &PeopleCursor { name: last.name.to_lowercase(), id: last.id })
        });
        Ok(Page { items, next_cursor })
    }

    /// Changes a membership. Open sockets follow within two seconds.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::NotFound`]; [`Code::VersionConflict`]; [`Code::InvalidField`];
    /// [`Code::BeyondOwnRights`]; [`Code::LastOwner`].
    pub async fn update_member(
        &self,
        credentials: &Credentials,
        user: UserId,
        request: &PatchMember,
    ) -> Result<Member, ServiceError> {
        if request.project_ids.as_ref().is_some_and(|projects| projects.len() > limits::MEMBER_PROJECTS_MAX) {
            let detail = format!("names more than {}", limits::MEMBER_PROJECTS_MAX);
            return Err(ServiceError::field(Code::InvalidField, "projectIds", detail));
        }
        let (caller, permit) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "member.update").await?;
        let was = tx.member_get(user).await?.ok_or_else(|| ServiceError::code(Code::NotFound))?;
        if was.version != request.version {
            let detail = format!("version {} is stored", was.version);
            return Err(ServiceError::detail(Code::VersionConflict, detail));
        }
        let now = self.now();
        let role = request.role.as_ref().filter(|role| **role != was.role);
        if let Some(role) = role {
            assignable(&caller, role, now)?;
        }
        let ends_only = request.status == Some(MemberStatus::Deactivated)
            && role.is_none()
            && request.kind.is_none_or(|kind| kind == was.kind)
            && request.department_id.is_none_or(|department| department == was.department_id)
            && request.project_ids.is_none();
        // Who holds more than the caller is not theirs to change: neither up, nor down, nor into another department. Ending a
        // membership asks about the rights to administer only, so that an ERP's account can be put out.
        let beyond = allowed_anywhere(&caller, &was.role, Some(user))
            .filter(|action| !ends_only || matches!(action, Action::AdminMembers | Action::AdminPolicy))
            .any(|action| !holds(&caller, action, now));
        if beyond {
            return Err(ServiceError::detail(Code::BeyondOwnRights, "this member holds more than you do"));
        }
        if let Some(Some(department)) = request.department_id
            && !tx.department_list().await?.iter().any(|one| one.id == department)
        {
            return Err(ServiceError::field(Code::InvalidField, "departmentId", "is no department of the company"));
        }
        if let Some(projects) = &request.project_ids {
            let known = tx.project_list().await?;
            if let Some(place) = projects.iter().position(|id| !known.iter().any(|one| one.id == *id)) {
                let field = format!("projectIds[{place}]");
                return Err(ServiceError::field(Code::InvalidField, field, "is no project of the company"));
            }
        }
        let change = MemberChange {
            role: role.cloned(),
            department: request.department_id,
            projects: request.project_ids.clone(),
            kind: request.kind,
            status: request.status,
        };
        if !tx.member_update(&permit, user, request.version, &change, now).await.map_err(guarded)? {
            return Err(ServiceError::code(Code::VersionConflict));
        }
        let stored = tx.member_get(user).await?.ok_or_else(|| ServiceError::code(Code::Internal))?;
        Ok(tx.commit(stored).await.map_err(guarded)?.into_inner())
    }

    /// The roles of the policy in force.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`.
    pub async fn list_roles(&self, credentials: &Credentials) -> Result<Roles, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "role.list").await?;
        let counts = tx.role_counts().await?;
        let now = self.now();
        let info = |role: &crate::access::Role| RoleInfo {
            key: role.key.clone(),
            name: role.name.as_str().to_owned(),
            member_count: counts.iter().find(|(key, _)| *key == role.key).map_or(0, |(_, count)| *count),
            assignable: assignable(&caller, &role.key, now).is_ok(),
        };
        Ok(Roles { items: caller.policy().roles.iter().map(info).collect() })
    }

    /// The company's departments.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`.
    pub async fn list_departments(&self, credentials: &Credentials) -> Result<Departments, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "department.list").await?;
        Ok(Departments { items: tx.department_list().await? })
    }

    /// The company's projects.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`.
    pub async fn list_projects(&self, credentials: &Credentials) -> Result<Projects, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "project.list").await?;
        Ok(Projects { items: tx.project_list().await? })
    }
}
