//! The job table: enqueued in the transaction that needs the work done, claimed under a lease, retried with a growing pause,
//! buried after [`limits::JOB_ATTEMPTS_MAX`] attempts, where an operator finds it.

use sqlx::Row;

use super::{CompanyTx, Store, StoreError, tx};
use crate::{
    clock::Timestamp,
    ids::{CompanyId, JobId, UserId},
    limits,
};

/// A job that this worker has leased.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose.
    pub company: CompanyId,
    /// Which.
    pub id: JobId,
    /// What to do.
    pub kind: String,
    /// With what.
    pub payload: serde_json::Value,
    /// Which attempt this is, from 1.
    pub attempts: u16,
}

const ENQUEUE: &str = "-- store::job_enqueue
INSERT INTO jobs (company_id, id, kind, payload, dedupe_key, run_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $6)
ON CONFLICT DO NOTHING";
const FINISH: &str = "-- store::job_finish
UPDATE jobs SET state = 'done', locked_by = NULL, locked_until = NULL, updated_at = $4
WHERE company_id = $1 AND id = $2 AND locked_by = $3 AND state = 'running'";
const FAIL: &str = "-- store::job_fail
UPDATE jobs SET state = CASE WHEN attempts >= $5 THEN 'buried' ELSE 'ready' END, locked_by = NULL, locked_until = NULL, last_error = $6,
    run_at = $7, updated_at = $4
WHERE company_id = $1 AND id = $2 AND locked_by = $3 AND state = 'running'";

impl CompanyTx {
    /// Puts a job on the table, to be done after the commit. With a `dedupe` key, one that waits already is enough.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_enqueue(
        &mut self,
        id: JobId,
        kind: &str,
        payload: &serde_json::Value,
        dedupe: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(ENQUEUE)
            .bind(self.company.uuid())
            .bind(id.uuid())
            .bind(kind)
            .bind(payload)
            .bind(dedupe)
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Leases jobs that are due, of any company, to `worker`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_claim(&self, worker: &str, at: Timestamp, limit: u16) -> Result<Vec<Claimed>, StoreError> {
        let rows = sqlx::query("-- store::job_claim\nSELECT * FROM auth.jobs_claim($1, $2, $3, $4)")
            .bind(worker)
            .bind(at.to_datetime())
            .bind(i32::try_from(limits::JOB_LEASE_S).unwrap_or(60))
            .bind(i32::from(limit))
            .fetch_all(&self.worker)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Claimed {
                    company: CompanyId::from_uuid(row.try_get("company_id")?),
                    id: JobId::from_uuid(row.try_get("id")?),
                    kind: row.try_get("kind")?,
                    payload: row.try_get("payload")?,
                    attempts: u16::try_from(row.try_get::<i16, _>("attempts")?).unwrap_or(u16::MAX),
                })
            })
            .collect()
    }

    /// Ends a job. `false` when the lease had been lost: another worker has it, and this one's work counts for nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_finish(&self, job: &Claimed, worker: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, job.company).await?;
        let done = sqlx::query(FINISH)
            .bind(job.company.uuid())
            .bind(job.id.uuid())
            .bind(worker)
            .bind(at.to_datetime())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a job back after a failure: due again after a pause that doubles, or buried.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_fail(&self, job: &Claimed, worker: &str, error: &str, at: Timestamp) -> Result<(), StoreError> {
        let pause_s = 1_i64 << job.attempts.min(12);
        let error: String = error.chars().take(500).collect();
        let mut tx = tx::begin(&self.worker, NOBODY, job.company).await?;
        sqlx::query(FAIL)
            .bind(job.company.uuid())
            .bind(job.id.uuid())
            .bind(worker)
            .bind(at.to_datetime())
            .bind(i16::try_from(limits::JOB_ATTEMPTS_MAX).unwrap_or(i16::MAX))
            .bind(error)
            .bind(at.plus_s(pause_s).to_datetime())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets sessions, tickets and token uses that expired before `before`; how many rows went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_expired(&self, before: Timestamp) -> Result<i64, StoreError> {
        let row = sqlx::query("-- store::purge_expired\nSELECT auth.purge_expired($1) AS gone")
            .bind(before.to_datetime())
            .fetch_one(&self.worker)
            .await?;
        Ok(row.try_get("gone")?)
    }
}

const NOBODY: UserId = UserId::from_uuid(uuid::Uuid::nil());
