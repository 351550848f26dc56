//! The members of a company.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use uuid::Uuid;

use super::{CompanyTx, StoreError, rows};
use crate::{clock::Timestamp, domain::PresenceStatus, ids::UserId, wire::Person};

/// Where a page of people ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeopleCursor {
    /// The last name, lower case.
    pub name: String,
    /// Whose.
    pub id: UserId,
}

impl PeopleCursor {
    /// A page that ends with this person.
    #[must_use]
    pub fn after(last: &Person) -> Self {
        Self { name: last.name.to_lowercase(), id: last.id }
    }
}

const LIST: &str = "-- store::person_list
SELECT m.user_id, u.name, m.kind, m.job_title FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.status = 'active' AND m.deleted_at IS NULL AND m.role_key <> 'integration' AND u.status = 'active'
    AND ($2::text IS NULL OR (lower(u.name), u.id) > ($2, $3))
    -- A guest meets only the people that they share a conversation with.
    AND ($4 = false OR m.user_id = $5 OR EXISTS (
        SELECT 1 FROM participants p WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL
        AND p.conversation_id = ANY ((SELECT app.my_conversation_ids())::uuid[])
    ))
ORDER BY lower(u.name), u.id
LIMIT $6";
const BY_ID: &str = "-- store::person_get_many
SELECT m.user_id, u.name, m.kind, m.job_title FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.user_id = ANY ($2) AND m.status = 'active'
    AND ($3 = false OR m.user_id = $4 OR EXISTS (
        SELECT 1 FROM participants p WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL
        AND p.conversation_id = ANY ((SELECT app.my_conversation_ids())::uuid[])
    ))";
const LAST_SEEN: &str = "-- store::person_last_seen
SELECT p.user_id, p.last_seen_at FROM user_presence p WHERE p.company_id = $1 AND p.user_id = ANY ($2)";
const SEEN: &str = "-- store::person_seen
INSERT INTO user_presence AS p (company_id, user_id, status, last_seen_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (company_id, user_id) DO UPDATE SET status = excluded.status, last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at)";

impl CompanyTx {
    /// Members by name, after `after`. A guest sees only people that they share a conversation with.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_list(
        &mut self,
        guest: bool,
        after: Option<&PeopleCursor>,
        limit: u16,
    ) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(self.company.uuid())
            .bind(after.map(|cursor| cursor.name.as_str()))
            .bind(after.map_or(Uuid::nil(), |cursor| cursor.id.uuid()))
            .bind(guest)
            .bind(self.user.uuid())
            .bind(i64::from(limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(rows::person).collect()
    }

    /// Those of `users` who are members and whom the caller may meet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_get_many(&mut self, guest: bool, users: &[UserId]) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(BY_ID)
            .bind(self.company.uuid())
            .bind(users.iter().map(|user| user.uuid()).collect::<Vec<_>>())
            .bind(guest)
            .bind(self.user.uuid())
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(rows::person).collect()
    }

    /// When people were last seen, as far as known and allowed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_last_seen(&mut self, users: &[UserId]) -> Result<Vec<(UserId, Timestamp)>, StoreError> {
        let rows = sqlx::query(LAST_SEEN)
            .bind(self.company.uuid())
            .bind(users.iter().map(|user| user.uuid()).collect::<Vec<_>>())
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter()
            .map(|row| Ok((UserId::from_uuid(row.try_get("user_id")?), rows::timestamp(row, "last_seen_at")?)))
            .collect()
    }
}

impl super::Store {
    /// Remembers a change of presence, for "last seen". Written on transitions only.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_seen(
        &self,
        company: crate::ids::CompanyId,
        user: UserId,
        status: PresenceStatus,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if status == PresenceStatus::Unknown {
            return Ok(());
        }
        let mut tx = super::tx::begin(&self.worker, user, company).await?;
        sqlx::query(SEEN)
            .bind(company.uuid())
            .bind(user.uuid())
            .bind(status.as_str())
            .bind(at.to_datetime())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
