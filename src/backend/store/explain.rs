//! The facts behind a verdict about somebody else, or about the past: memberships, records and participation as they are, or
//! as history tables kept them. All of it is read under row-level security, as the person who asks.

use sqlx::Row;
use uuid::Uuid;

use super::{CompanyTx, Store, StoreError, admin::member_status, rows};
use crate::{
    access::{Policy, Resource, Subject},
    backend::caller::Caller,
    clock::Timestamp,
    domain::RecordKey,
    ids::{ConversationId, UserId},
    wire::MemberStatus,
};

const MEMBER_NOW: &str = "-- store::member_facts
SELECT m.user_id, m.role_key, m.kind, m.department_id,
    CASE WHEN m.deleted_at IS NULL AND u.status = 'active' THEN m.status ELSE 'deactivated' END AS status, ARRAY(
        SELECT p.project_id FROM project_members p WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL
    ) AS projects
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.user_id = $2";
const MEMBER_THEN: &str = "-- store::member_facts (then)
SELECT h.user_id, h.role_key, h.kind, h.department_id, h.status, h.projects FROM membership_history h
WHERE h.company_id = $1 AND h.user_id = $2 AND h.valid_from <= $3 AND (h.valid_to IS NULL OR h.valid_to > $3)";
const RECORD_THEN: &str = "-- store::record_facts (then)
SELECT h.kind AS record_kind, h.record_id, h.owner_id AS record_owner_id, h.department_id AS record_department_id,
    h.project_id AS record_project_id, h.state AS record_status, h.is_deleted
FROM record_history h
WHERE h.company_id = $1 AND h.kind = $2 AND h.record_id = $3 AND h.valid_from <= $4 AND (h.valid_to IS NULL OR h.valid_to > $4)";
const PARTICIPATES: &str = "-- store::participates
SELECT EXISTS (
    SELECT 1 FROM participants p WHERE p.company_id = $1 AND p.conversation_id = $2 AND p.user_id = $3
    AND ($4::timestamptz IS NULL AND p.deleted_at IS NULL OR p.created_at <= $4 AND (p.deleted_at IS NULL OR p.deleted_at > $4))
) AS yes";
const POLICY_THEN: &str = "-- store::policy_version_then
SELECT c.history_from, coalesce((
    SELECT max(p.version) FROM policies p WHERE p.company_id = c.id AND p.version <= c.policy_version AND p.created_at <= $2
), 0) AS version
FROM companies c WHERE c.id = $1";

impl CompanyTx {
    /// What a person is in the company, or was at `at`; `None`: nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_facts(
        &mut self,
        user: UserId,
        at: Option<Timestamp>,
    ) -> Result<Option<(Subject, MemberStatus)>, StoreError> {
        let query = sqlx::query(if at.is_some() { MEMBER_THEN } else { MEMBER_NOW });
        let mut query = query.bind(self.company.uuid()).bind(user.uuid());
        if let Some(at) = at {
            query = query.bind(at.to_datetime());
        }
        let row = query.fetch_optional(&mut *self.tx).await?;
        row.map(|row| Ok((rows::subject(&row, "kind")?, member_status(row.try_get("status")?)?))).transpose()
    }

    /// What a record was at `at`; `None`: it was not there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_then(&mut self, key: &RecordKey, at: Timestamp) -> Result<Option<Resource>, StoreError> {
        let row = sqlx::query(RECORD_THEN)
            .bind(self.company.uuid())
            .bind(key.kind.as_str())
            .bind(key.id.as_str())
            .bind(at.to_datetime())
            .fetch_optional(&mut *self.tx)
            .await?;
        match row {
            Some(row) if !row.try_get::<bool, _>("is_deleted")? => {
                rows::judged_record(&row).map(|(_, resource)| Some(resource))
            }
            _ => Ok(None),
        }
    }

    /// Whether a person is in a conversation, or was at `at`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn participates(
        &mut self,
        conversation: ConversationId,
        user: UserId,
        at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(PARTICIPATES)
            .bind(self.company.uuid())
            .bind(conversation.uuid())
            .bind(user.uuid())
            .bind(at.map(Timestamp::to_datetime))
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(row.try_get("yes")?)
    }

    /// When a message was written, in the eyes of who asks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_created_at(&mut self, message: Uuid) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "-- store::message_created_at\nSELECT m.created_at FROM messages m WHERE m.company_id = $1 AND m.id = $2",
        )
        .bind(self.company.uuid())
        .bind(message)
        .fetch_optional(&mut *self.tx)
        .await?;
        row.map(|row| rows::timestamp(&row, "created_at")).transpose()
    }

    /// The policy version in force at `at` (0: none), and since when the company's history is whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_version_then(&mut self, at: Timestamp) -> Result<(u32, Timestamp), StoreError> {
        let row =
            sqlx::query(POLICY_THEN).bind(self.company.uuid()).bind(at.to_datetime()).fetch_one(&mut *self.tx).await?;
        let version = u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(0);
        Ok((version, rows::timestamp(&row, "history_from")?))
    }
}

impl Store {
    /// The policy of a version, from memory or the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_of(&self, caller: &Caller, version: u32) -> Result<std::sync::Arc<Policy>, StoreError> {
        let version = i32::try_from(version).unwrap_or(i32::MAX);
        self.policies.load(&self.app, caller.company(), caller.user(), version).await
    }
}
