//! The registry of linked records.

use sqlx::Row;

use super::{Committed, CompanyTx, EventKind, LogEvent, Store, StoreError, rows};
use crate::{
    access::{Action, Permit},
    backend::caller::Caller,
    clock::Timestamp,
    domain::RecordKey,
    ids::{DepartmentId, ProjectId, UserId},
    wire::{LinkedRecord, UpsertRecord},
};

/// What the ERP says a record is.
pub type RecordState = UpsertRecord;

const GET_MANY: &str = "-- store::record_get_many
SELECT r.kind, r.id, r.title, r.amount_minor, r.currency, r.status, r.url, r.owner_id, r.updated_at
FROM linked_records r JOIN unnest($2::text[], $3::text[]) AS wanted (kind, id) ON r.kind = wanted.kind AND r.id = wanted.id
WHERE r.company_id = $1 AND r.deleted_at IS NULL";
const UPSERT: &str = "-- store::record_upsert
SELECT app.record_upsert($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event_seq";

impl CompanyTx {
    /// Those of `keys` that exist and that the caller may see.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_get_many(&mut self, keys: &[RecordKey]) -> Result<Vec<LinkedRecord>, StoreError> {
        let kinds: Vec<&str> = keys.iter().map(|key| key.kind.as_str()).collect();
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        let rows =
            sqlx::query(GET_MANY).bind(self.company.uuid()).bind(kinds).bind(ids).fetch_all(&mut *self.tx).await?;
        rows.iter().map(rows::record).collect()
    }
}

impl Store {
    /// Stores what a record is now.
    ///
    /// # Errors
    /// When the database fails, or owner, department or project are not the company's.
    pub async fn record_upsert(
        &self,
        caller: &Caller,
        permit: Permit<()>,
        key: &RecordKey,
        state: &RecordState,
        at: Timestamp,
    ) -> Result<Committed<LogEvent>, StoreError> {
        assert!(
            permit.action() == Action::AdminRecords
                && permit.user() == caller.user()
                && permit.company() == caller.company()
        );
        let row = sqlx::query(UPSERT)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(key.kind.as_str())
            .bind(key.id.as_str())
            .bind(&state.title)
            .bind(state.amount.as_ref().map(|amount| amount.minor))
            .bind(state.amount.as_ref().map(|amount| amount.currency.as_str()))
            .bind(state.status.as_deref())
            .bind(state.url.as_deref())
            .bind(state.owner_id.map(UserId::uuid))
            .bind(state.department_id.map(DepartmentId::uuid))
            .bind(state.project_id.map(ProjectId::uuid))
            .bind(at.to_datetime())
            .fetch_one(&self.app)
            .await?;
        Ok(Committed::new(LogEvent {
            company: caller.company(),
            seq: row.try_get("event_seq")?,
            kind: EventKind::RecordUpdated,
            conversation: None,
            message: None,
            record: Some(key.clone()),
            user: Some(caller.user()),
        }))
    }
}
