//! Administration: policy versions, members, roles, departments, projects, invitations. Row-level security and guard
//! triggers (`migrations/*_admin.sql`) judge every write once more; [`refusal`] reads which of them said no.

use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{
    CompanyTx, Store, StoreError,
    grants::{self, PolicyPutError},
    hook,
    people::PeopleCursor,
    rows,
};
use crate::{
    access::{Action, Narrowing, Permit, Policy, Resource, RoleKey, Subject},
    backend::crypto::token::TokenHash,
    clock::Timestamp,
    domain::{MemberKind, RecordKey},
    ids::{CompanyId, DepartmentId, InvitationId, ProjectId, UserId},
    limits,
    wire::{Department, Invitation, Member, MemberStatus, Person, PolicyVersion, PolicyVersionInfo, Project},
};

/// Which guard of the database refused a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The right to administer is missing.
    Administer,
    /// It would hand on what is not held.
    Beyond,
    /// It would leave no owner who administers.
    Owner,
    /// Somebody else was quicker.
    Version,
    /// There is one already.
    Taken,
    /// A department, project or role is not the company's.
    Reference,
}

/// The guard that speaks in `error`, if it is one of administration.
#[must_use]
pub fn refusal(error: &StoreError) -> Option<Guard> {
    let name = match error {
        StoreError::Refused { constraint } => constraint.as_str(),
        StoreError::Database(error) => error.as_database_error()?.constraint()?,
        _ => return None,
    };
    match name {
        "memberships_last_owner" | "policies_owner" => Some(Guard::Owner),
        "policies_pkey" | "policies_next" => Some(Guard::Version),
        "invitations_open" => Some(Guard::Taken),
        "memberships_company_id_department_id_fkey"
        | "memberships_company_id_role_key_fkey"
        | "project_members_company_id_project_id_fkey"
        | "invitations_company_id_role_key_fkey" => Some(Guard::Reference),
        name if name.ends_with("_beyond") => Some(Guard::Beyond),
        name if name.ends_with("_administer") => Some(Guard::Administer),
        _ => None,
    }
}

/// What a membership is to become; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct MemberChange {
    /// The role.
    pub role: Option<RoleKey>,
    /// The department, or none.
    pub department: Option<Option<DepartmentId>>,
    /// All projects.
    pub projects: Option<Vec<ProjectId>>,
    /// Member or guest.
    pub kind: Option<MemberKind>,
    /// Whether it counts.
    pub status: Option<MemberStatus>,
}

/// An invitation to be stored.
#[derive(Clone, Debug)]
pub struct NewInvitation<'a> {
    /// Its id.
    pub id: InvitationId,
    /// Whom it asks.
    pub email: &'a str,
    /// Their name.
    pub name: &'a str,
    /// Their role.
    pub role: &'a RoleKey,
    /// Member or guest.
    pub kind: MemberKind,
    /// Of its secret.
    pub token_hash: TokenHash,
    /// Now.
    pub at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// What acceptance must know: the address, and its account with the password's hash, if there is one.
#[derive(Clone, Debug)]
pub struct OpenInvitation {
    /// The address.
    pub email: String,
    /// The account of that address.
    pub account: Option<(UserId, Option<String>)>,
}

/// A member as a dry run judges them.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Who.
    pub person: Person,
    /// As policies see them, which know no access hook.
    pub subject: Subject,
    /// What the access hook takes from them, by its newest answer. Dry runs tell of the policy alone.
    pub narrowing: Narrowing,
}

const VERSION_GET: &str = "-- store::policy_version_get
SELECT p.version, p.document, p.comment, p.created_at, p.version = c.policy_version AS in_force, u.id AS user_id, u.name, m.kind, m.job_title
FROM companies c
JOIN policies p ON p.company_id = c.id AND p.version = coalesce($2, c.policy_version)
LEFT JOIN memberships m ON m.company_id = p.company_id AND m.user_id = p.created_by
LEFT JOIN users u ON u.id = m.user_id
WHERE c.id = $1";
const VERSION_LIST: &str = "-- store::policy_version_list
SELECT p.version, p.comment, p.created_at, p.version = c.policy_version AS in_force, u.id AS user_id, u.name, m.kind, m.job_title
FROM companies c
JOIN policies p ON p.company_id = c.id
LEFT JOIN memberships m ON m.company_id = p.company_id AND m.user_id = p.created_by
LEFT JOIN users u ON u.id = m.user_id
WHERE c.id = $1 AND ($2::integer IS NULL OR p.version < $2)
ORDER BY p.version DESC
LIMIT $3";
const JUDGED: &str = "-- store::member_judged
SELECT m.user_id, u.name, m.kind, m.job_title, m.role_key, m.department_id, own.projects,
    CASE WHEN EXISTS (SELECT 1 FROM access_hooks h WHERE h.company_id = $1 AND h.ended_at IS NULL) THEN coalesce((
        SELECT jsonb_build_object('untilUs', (extract(epoch FROM n.until) * 1000000)::bigint, 'denials', n.denials)
        FROM (
            SELECT x.until, x.denials, x.attributes FROM narrowings x
            WHERE x.company_id = $1 AND x.user_id = m.user_id ORDER BY x.since DESC LIMIT 1
        ) AS n
        WHERE n.attributes = app.hook_attributes(m.role_key, m.kind, m.department_id, own.projects)
    ), '{}') END AS narrowing
FROM memberships m JOIN users u ON u.id = m.user_id
CROSS JOIN LATERAL (SELECT ARRAY(
    SELECT p.project_id FROM project_members p WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL
) AS projects) AS own
WHERE m.company_id = $1 AND m.status = 'active' AND m.deleted_at IS NULL AND u.status = 'active'
    AND ($2::text IS NULL OR m.role_key = $2) AND ($3::text IS NULL OR (lower(u.name), u.id) > ($3, $4))
ORDER BY lower(u.name), u.id
LIMIT $5";
const RECORDS: &str = "-- store::record_judged
SELECT r.kind AS record_kind, r.id AS record_id, r.owner_id AS record_owner_id, r.department_id AS record_department_id,
    r.project_id AS record_project_id, r.status AS record_status
FROM linked_records r
WHERE r.company_id = $1 AND r.deleted_at IS NULL AND ($2::text IS NULL OR (r.kind, r.id) > ($2, $3))
ORDER BY r.kind, r.id
LIMIT $4";
const ROLES: &str = "-- store::role_counts
SELECT m.role_key, count(*) AS count FROM memberships m
WHERE m.company_id = $1 AND m.status = 'active' AND m.deleted_at IS NULL GROUP BY m.role_key";
const DEPARTMENTS: &str = "-- store::department_list
SELECT d.id, d.name FROM departments d WHERE d.company_id = $1 AND d.deleted_at IS NULL ORDER BY lower(d.name), d.id LIMIT $2";
const PROJECTS: &str = "-- store::project_list
SELECT p.id, p.name FROM projects p WHERE p.company_id = $1 AND p.deleted_at IS NULL ORDER BY lower(p.name), p.id LIMIT $2";
const MEMBER_LIST: &str = "-- store::member_list
SELECT m.user_id, u.name, u.email, m.role_key, m.kind, m.status, m.job_title, m.department_id, m.version, m.updated_at, ARRAY(
        SELECT p.project_id FROM project_members p
        WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL ORDER BY p.project_id
    ) AS projects
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.deleted_at IS NULL
    AND ($2::uuid IS NULL OR m.user_id = $2)
    AND ($3::text IS NULL OR starts_with(lower(u.name), $3) OR starts_with(u.email, $3))
    AND ($4::text IS NULL OR m.status = $4)
    AND ($5::text IS NULL OR (lower(u.name), u.id) > ($5, $6))
    AND ($8::text IS NULL OR m.role_key = $8)
ORDER BY lower(u.name), u.id
LIMIT $7";
const MEMBER_UPDATE: &str = "-- store::member_update
UPDATE memberships SET
    role_key = coalesce($4, role_key),
    department_id = CASE WHEN $5 THEN $6 ELSE department_id END,
    kind = coalesce($7, kind),
    status = coalesce($8, status),
    updated_at = $9
WHERE company_id = $1 AND user_id = $2 AND version = $3 AND deleted_at IS NULL";
const PROJECTS_END: &str = "-- store::member_update (projects that end)
UPDATE project_members SET deleted_at = $4, deleted_by = $5, updated_at = $4
WHERE company_id = $1 AND user_id = $2 AND deleted_at IS NULL AND project_id <> ALL ($3)";
const PROJECTS_AGAIN: &str = "-- store::member_update (projects again)
UPDATE project_members SET deleted_at = NULL, deleted_by = NULL, updated_at = $4
WHERE company_id = $1 AND user_id = $2 AND deleted_at IS NOT NULL AND project_id = ANY ($3)";
const PROJECTS_NEW: &str = "-- store::member_update (new projects)
INSERT INTO project_members (company_id, project_id, user_id, created_at, created_by, updated_at)
SELECT $1, p.id, $2, $4, $5, $4 FROM unnest($3::uuid[]) AS p (id) ON CONFLICT DO NOTHING";
const INVITATION_LIST: &str = "-- store::invitation_list
SELECT i.id, i.email, i.name, i.role_key, i.kind, i.created_at, i.created_by, i.expires_at FROM invitations i
WHERE i.company_id = $1 AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND ($2::uuid IS NULL OR i.id < $2)
ORDER BY i.id DESC
LIMIT $3";
// One that has run out makes room for the next to the same address.
const INVITATION_ROOM: &str = "-- store::invitation_create (room)
UPDATE invitations SET revoked_at = $3, revoked_by = $4
WHERE company_id = $1 AND email = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at <= $3";
const INVITATION_CREATE: &str = "-- store::invitation_create
INSERT INTO invitations (company_id, id, email, name, role_key, kind, token_hash, created_at, created_by, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
WHERE NOT EXISTS (
    SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.company_id = $1 AND u.email = $3
)";
const INVITATION_REVOKE: &str = "-- store::invitation_revoke
UPDATE invitations SET revoked_at = $3, revoked_by = $4
WHERE company_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL";

fn version_info(row: &PgRow) -> Result<PolicyVersionInfo, StoreError> {
    Ok(PolicyVersionInfo {
        version: u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(0),
        in_force: row.try_get("in_force")?,
        comment: row.try_get("comment")?,
        created_at: rows::timestamp(row, "created_at")?,
        created_by: row.try_get::<Option<Uuid>, _>("user_id")?.map(|_| rows::person(row)).transpose()?,
    })
}

pub(super) fn member_status(text: &str) -> Result<MemberStatus, StoreError> {
    match text {
        "active" => Ok(MemberStatus::Active),
        "deactivated" => Ok(MemberStatus::Deactivated),
        _ => Err(StoreError::Inconsistent { table: "memberships", column: "status" }),
    }
}

fn member(row: &PgRow) -> Result<Member, StoreError> {
    Ok(Member {
        id: UserId::from_uuid(row.try_get("user_id")?),
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        role: rows::role_key(row.try_get("role_key")?)?,
        kind: rows::member_kind(row.try_get("kind")?)?,
        status: member_status(row.try_get("status")?)?,
        job_title: row.try_get("job_title")?,
        department_id: row.try_get::<Option<Uuid>, _>("department_id")?.map(DepartmentId::from_uuid),
        project_ids: row.try_get::<Vec<Uuid>, _>("projects")?.into_iter().map(ProjectId::from_uuid).collect(),
        version: u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(0),
        updated_at: rows::timestamp(row, "updated_at")?,
    })
}

fn invitation(row: &PgRow) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: InvitationId::from_uuid(row.try_get("id")?),
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        role: rows::role_key(row.try_get("role_key")?)?,
        kind: rows::member_kind(row.try_get("kind")?)?,
        created_at: rows::timestamp(row, "created_at")?,
        created_by: row.try_get::<Option<Uuid>, _>("created_by")?.map(UserId::from_uuid),
        expires_at: rows::timestamp(row, "expires_at")?,
    })
}

fn number(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

impl CompanyTx {
    fn assert(&self, permit: &Permit<()>, action: Action) {
        assert!(permit.action() == action && permit.user() == self.user && permit.company() == self.company);
    }

    /// A policy version, or the one in force.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_version_get(&mut self, version: Option<u32>) -> Result<Option<PolicyVersion>, StoreError> {
        let row = sqlx::query(VERSION_GET)
            .bind(self.company.uuid())
            .bind(version.map(number))
            .fetch_optional(&mut *self.tx)
            .await?;
        row.map(|row| {
            Ok(PolicyVersion { info: version_info(&row)?, document: row.try_get::<Json<Policy>, _>("document")?.0 })
        })
        .transpose()
    }

    /// Policy versions before `before`, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_version_list(
        &mut self,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<PolicyVersionInfo>, StoreError> {
        let rows = sqlx::query(VERSION_LIST)
            .bind(self.company.uuid())
            .bind(before.map(number))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(version_info).collect()
    }

    /// Writes `policy` as `version` and puts it in force. [`refusal`] tells guards apart.
    ///
    /// # Errors
    /// [`PolicyPutError`]: what is wrong with the document, with the version, or what the database refuses.
    pub async fn policy_version_put(
        &mut self,
        permit: &Permit<()>,
        version: u32,
        policy: &Policy,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), PolicyPutError> {
        self.assert(permit, Action::AdminPolicy);
        grants::policy_put(&mut self.tx, self.company, number(version), policy, comment, Some(self.user), at).await
    }

    /// Active members as policies see them, all or those of one role, by name after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_judged(
        &mut self,
        role: Option<&RoleKey>,
        after: Option<&PeopleCursor>,
        limit: Option<u16>,
    ) -> Result<Vec<Judged>, StoreError> {
        let rows = sqlx::query(JUDGED)
            .bind(self.company.uuid())
            .bind(role.map(RoleKey::as_str))
            .bind(after.map(|last| last.name.as_str()))
            .bind(after.map_or(Uuid::nil(), |last| last.id.uuid()))
            .bind(limit.map(i64::from))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter()
            .map(|row| {
                let (person, subject) = (rows::person(row)?, rows::subject(row, "kind")?);
                Ok(Judged { person, subject, narrowing: hook::narrowing(row)? })
            })
            .collect()
    }

    /// Records that the caller may see, as policies see them, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_judged(
        &mut self,
        after: Option<&RecordKey>,
        limit: u16,
    ) -> Result<Vec<(RecordKey, Resource)>, StoreError> {
        let rows = sqlx::query(RECORDS)
            .bind(self.company.uuid())
            .bind(after.map(|key| key.kind.as_str()))
            .bind(after.map(|key| key.id.as_str()))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(rows::judged_record).collect()
    }

    /// How many active members have each role.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn role_counts(&mut self) -> Result<Vec<(RoleKey, u32)>, StoreError> {
        let rows = sqlx::query(ROLES).bind(self.company.uuid()).fetch_all(&mut *self.tx).await?;
        rows.iter()
            .map(|row| {
                let count = u32::try_from(row.try_get::<i64, _>("count")?).unwrap_or(u32::MAX);
                Ok((rows::role_key(row.try_get("role_key")?)?, count))
            })
            .collect()
    }

    /// The company's departments, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn department_list(&mut self) -> Result<Vec<Department>, StoreError> {
        let places = self.places(DEPARTMENTS).await?;
        Ok(places.into_iter().map(|(id, name)| Department { id: DepartmentId::from_uuid(id), name }).collect())
    }

    /// The company's projects, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn project_list(&mut self) -> Result<Vec<Project>, StoreError> {
        let places = self.places(PROJECTS).await?;
        Ok(places.into_iter().map(|(id, name)| Project { id: ProjectId::from_uuid(id), name }).collect())
    }

    async fn places(&mut self, sql: &'static str) -> Result<Vec<(Uuid, String)>, StoreError> {
        let places = sqlx::query_as(sql).bind(self.company.uuid()).bind(limits::PLACES_MAX);
        Ok(places.fetch_all(&mut *self.tx).await?)
    }

    /// Members by name, after `after`; `search` begins a name or an address, in lower case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_list(
        &mut self,
        search: Option<&str>,
        status: Option<MemberStatus>,
        role: Option<&RoleKey>,
        after: Option<&PeopleCursor>,
        limit: u16,
    ) -> Result<Vec<Member>, StoreError> {
        let rows = sqlx::query(MEMBER_LIST)
            .bind(self.company.uuid())
            .bind(None::<Uuid>)
            .bind(search)
            .bind(status.map(MemberStatus::as_str))
            .bind(after.map(|cursor| cursor.name.as_str()))
            .bind(after.map_or(Uuid::nil(), |cursor| cursor.id.uuid()))
            .bind(i64::from(limit))
            .bind(role.map(RoleKey::as_str))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(member).collect()
    }

    /// One member.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_get(&mut self, user: UserId) -> Result<Option<Member>, StoreError> {
        let row = sqlx::query(MEMBER_LIST)
            .bind(self.company.uuid())
            .bind(user.uuid())
            .bind(None::<&str>)
            .bind(None::<&str>)
            .bind(None::<&str>)
            .bind(Uuid::nil())
            .bind(1_i64)
            .bind(None::<&str>)
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(member).transpose()
    }

    /// Changes a membership; `false` when it is no longer at `version`. [`refusal`] tells guards apart.
    ///
    /// # Errors
    /// What guards and the database refuse.
    pub async fn member_update(
        &mut self,
        permit: &Permit<()>,
        user: UserId,
        version: u32,
        change: &MemberChange,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.assert(permit, Action::AdminMembers);
        let (company, at) = (self.company.uuid(), at.to_datetime());
        let done = sqlx::query(MEMBER_UPDATE)
            .bind(company)
            .bind(user.uuid())
            .bind(number(version))
            .bind(change.role.as_ref().map(RoleKey::as_str))
            .bind(change.department.is_some())
            .bind(change.department.flatten().map(DepartmentId::uuid))
            .bind(change.kind.map(MemberKind::as_str))
            .bind(change.status.map(MemberStatus::as_str))
            .bind(at)
            .execute(&mut *self.tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(projects) = &change.projects {
            let projects: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
            let me = self.user.uuid();
            sqlx::query(PROJECTS_END)
                .bind(company)
                .bind(user.uuid())
                .bind(&projects)
                .bind(at)
                .bind(me)
                .execute(&mut *self.tx)
                .await?;
            sqlx::query(PROJECTS_AGAIN)
                .bind(company)
                .bind(user.uuid())
                .bind(&projects)
                .bind(at)
                .execute(&mut *self.tx)
                .await?;
            sqlx::query(PROJECTS_NEW)
                .bind(company)
                .bind(user.uuid())
                .bind(&projects)
                .bind(at)
                .bind(me)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(true)
    }

    /// Open invitations, newest first, before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation_list(
        &mut self,
        before: Option<InvitationId>,
        limit: u16,
    ) -> Result<Vec<Invitation>, StoreError> {
        let rows = sqlx::query(INVITATION_LIST)
            .bind(self.company.uuid())
            .bind(before.map(InvitationId::uuid))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(invitation).collect()
    }

    /// Stores an invitation; `false` when the address is a member's. [`refusal`] tells guards apart.
    ///
    /// # Errors
    /// What guards and the database refuse.
    pub async fn invitation_create(
        &mut self,
        permit: &Permit<()>,
        new: &NewInvitation<'_>,
    ) -> Result<bool, StoreError> {
        self.assert(permit, Action::AdminMembers);
        sqlx::query(INVITATION_ROOM)
            .bind(self.company.uuid())
            .bind(new.email)
            .bind(new.at.to_datetime())
            .bind(self.user.uuid())
            .execute(&mut *self.tx)
            .await?;
        let done = sqlx::query(INVITATION_CREATE)
            .bind(self.company.uuid())
            .bind(new.id.uuid())
            .bind(new.email)
            .bind(new.name)
            .bind(new.role.as_str())
            .bind(new.kind.as_str())
            .bind(new.token_hash.to_vec())
            .bind(new.at.to_datetime())
            .bind(self.user.uuid())
            .bind(new.expires_at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Withdraws an invitation; `false` when none of that id is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation_revoke(
        &mut self,
        permit: &Permit<()>,
        id: InvitationId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.assert(permit, Action::AdminMembers);
        let done = sqlx::query(INVITATION_REVOKE)
            .bind(self.company.uuid())
            .bind(id.uuid())
            .bind(at.to_datetime())
            .bind(self.user.uuid())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Store {
    /// The open invitation of that secret.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation_find(&self, token: TokenHash, at: Timestamp) -> Result<Option<OpenInvitation>, StoreError> {
        let row = sqlx::query(
            "-- store::invitation_find\nSELECT i.email, i.user_id, i.password_hash FROM auth.invitation_find($1, $2) AS i",
        )
        .bind(token.to_vec())
        .bind(at.to_datetime())
        .fetch_optional(&self.app)
        .await?;
        row.map(|row| {
            let user = row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from_uuid);
            let hash = row.try_get("password_hash")?;
            Ok(OpenInvitation { email: row.try_get("email")?, account: user.map(|user| (user, hash)) })
        })
        .transpose()
    }

    /// Accepts an invitation: for a new account with its name and password hash, or for the one that there is. The company,
    /// its name and the address; `None` when the secret opens nothing (any more).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation_accept(
        &self,
        token: TokenHash,
        user: UserId,
        name: &str,
        password_hash: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<(CompanyId, String, String)>, StoreError> {
        let row = sqlx::query(
            "-- store::invitation_accept
            SELECT a.company_id, a.company_name, a.email FROM auth.invitation_accept($1, $2, $3, $4, $5) AS a",
        )
        .bind(token.to_vec())
        .bind(user.uuid())
        .bind(name)
        .bind(password_hash)
        .bind(at.to_datetime())
        .fetch_optional(&self.app)
        .await?;
        row.map(|row| {
            Ok((CompanyId::from_uuid(row.try_get("company_id")?), row.try_get("company_name")?, row.try_get("email")?))
        })
        .transpose()
    }
}
