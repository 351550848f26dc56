//! The audit log: entries of requests, pages for those who may read it, exports and checkpoints for the worker. Position and
//! hashes are the database's (`migrations/*_audit.sql`).

use sqlx::{PgPool, Row, types::Json};
use uuid::Uuid;

use super::{CompanyTx, Store, StoreError, pool, rows, tx};
use crate::{
    access::{Action, Permit},
    backend::{
        audit::{Checkpoint, Hash},
        caller::Caller,
        crypto::token::TokenHash,
    },
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, UserId},
    wire::{AuditAction, AuditActor, AuditChain, AuditEntry},
};

/// Which entries.
#[derive(Clone, Copy, Debug)]
pub struct AuditQuery {
    /// Of this action.
    pub action: Option<AuditAction>,
    /// By this person.
    pub actor: Option<UserId>,
    /// Before this position.
    pub before: i64,
    /// How many.
    pub limit: u16,
}

const WRITE: &str = "-- store::audit_write
SELECT app.audit($1, $2, $3, $4, $5, $6, $7)";
const PAGE: &str = "-- store::audit_page
SELECT seq, action, actor_id, actor_name, target, detail, correlation_id, at, hash
FROM app.audit_page($1, $2, $3, $4, $5, $6, $7, $8)";
const CHAIN: &str = "-- store::audit_chain
SELECT audit_seq, audit_hash, checkpoint_seq, checkpoint_at FROM company_stream WHERE company_id = $1";
const EXPORT: &str = "-- store::audit_export
SELECT seq, entry, hash FROM app.audit_export($1, $2, $3)";
const EXPORT_CHECKPOINTS: &str = "-- store::audit_export_checkpoints
SELECT seq, hash, at, key, signature FROM app.audit_export_checkpoints($1, $2)";
const CHECKPOINT: &str = "-- store::audit_checkpoint
SELECT app.audit_checkpoint($1, $2, $3, $4, $5, $6) AS stored";

impl CompanyTx {
    /// Where the chain stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_chain(&mut self, permit: &Permit<()>) -> Result<AuditChain, StoreError> {
        // Pairs with the check in service::get_audit_chain.
        assert!(
            permit.action() == Action::AdminExport && permit.user() == self.user && permit.company() == self.company
        );
        let row = sqlx::query(CHAIN).bind(self.company.uuid()).fetch_one(&mut *self.tx).await?;
        let hash: Vec<u8> = row.try_get("audit_hash")?;
        Ok(AuditChain {
            seq: row.try_get("audit_seq")?,
            hash: crate::backend::audit::hex(&hash),
            signed_seq: row.try_get("checkpoint_seq")?,
            signed_at: rows::timestamp_or_null(&row, "checkpoint_at")?,
        })
    }

    /// Writes an entry of the audit log, in this transaction and under the caller's name. `target` and `detail` hold ids and
    /// figures: no text of messages, no secrets, no fractions (`docs/audit.md`). What triggers tell (memberships, roles,
    /// departments, projects, policies in force, settings, keys, access of records) needs no entry from here.
    ///
    /// It takes the lock on the company's stream: what else locks rows comes before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_write(
        &mut self,
        action: AuditAction,
        target: &str,
        detail: &serde_json::Value,
        correlation: CorrelationId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(WRITE)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(action.as_str())
            .bind(target)
            .bind(detail)
            .bind(correlation.uuid())
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

impl Store {
    /// A page of the audit log, newest first. Says in the log that it was read, once for each person and hour.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the database does not find that the caller may; or when it fails.
    pub async fn audit_page(
        &self,
        caller: &Caller,
        permit: Permit<()>,
        query: &AuditQuery,
        at: Timestamp,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        // Pairs with the check in service::list_audit.
        assert!(
            permit.action() == Action::AdminExport
                && permit.user() == caller.user()
                && permit.company() == caller.company()
        );
        let rows = sqlx::query(PAGE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(query.before)
            .bind(query.action.map(AuditAction::as_str))
            .bind(query.actor.map(UserId::uuid))
            .bind(i32::from(query.limit))
            .bind(caller.correlation().uuid())
            .bind(at.to_datetime())
            .fetch_all(&self.app)
            .await?;
        rows.iter()
            .map(|row| {
                let actor = row.try_get::<Option<Uuid>, _>("actor_id")?.map(UserId::from_uuid);
                let name: Option<String> = row.try_get("actor_name")?;
                let hash: Vec<u8> = row.try_get("hash")?;
                Ok(AuditEntry {
                    seq: row.try_get("seq")?,
                    at: rows::timestamp(row, "at")?,
                    action: row.try_get("action")?,
                    actor: actor.map(|id| AuditActor { id, name: name.unwrap_or_default() }),
                    target: row.try_get("target")?,
                    detail: row.try_get::<Json<_>, _>("detail")?.0,
                    correlation_id: row.try_get::<Option<Uuid>, _>("correlation_id")?.map(CorrelationId::from_uuid),
                    hash: crate::backend::audit::hex(&hash),
                })
            })
            .collect()
    }

    /// Tells each company of `user` that a sign-in to the account was refused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in_refused(
        &self,
        user: UserId,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<(), StoreError> {
        sqlx::query("-- store::sign_in_refused\nSELECT auth.sign_in_refused($1, $2, $3)")
            .bind(user.uuid())
            .bind(at.to_datetime())
            .bind(correlation.uuid())
            .execute(&self.app)
            .await?;
        Ok(())
    }

    /// Tells the audit log of a key's first use on a day; later ones are no news, and cost a look-up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key_used(
        &self,
        key: TokenHash,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<(), StoreError> {
        sqlx::query("-- store::api_key_used\nSELECT auth.api_key_used($1, $2, $3)")
            .bind(key.to_vec())
            .bind(at.to_datetime())
            .bind(correlation.uuid())
            .execute(&self.app)
            .await?;
        Ok(())
    }

    /// Where the log is exported and signed.
    #[must_use]
    pub fn audit_desk(&self) -> AuditDesk {
        AuditDesk { worker: self.worker.clone() }
    }
}

const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

/// Exports and checkpoints: a company as a whole, as the worker role, which can write neither an entry nor a past.
#[derive(Clone, Debug)]
pub struct AuditDesk {
    worker: PgPool,
}

/// An entry as it is exported: its canonical text and its hash.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its position.
    pub seq: i64,
    /// Its canonical text, as the database hashed it.
    pub entry: String,
    /// Its hash.
    pub hash: Vec<u8>,
}

fn bytes<const N: usize>(row: &sqlx::postgres::PgRow, column: &'static str) -> Result<[u8; N], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Inconsistent { table: "audit_checkpoints", column })
}

impl AuditDesk {
    /// With a pool of its own, for the command line.
    ///
    /// # Errors
    /// When the URL can't be read or the database does not answer.
    pub async fn connect(worker_url: &str) -> Result<Self, StoreError> {
        Ok(Self { worker: pool(worker_url, 1, "postil-audit").await? })
    }

    /// Companies with entries after their last checkpoint, where that is older than `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self, before: Timestamp) -> Result<Vec<CompanyId>, StoreError> {
        let rows = sqlx::query("-- store::audit_due\nSELECT company_id FROM auth.audit_due($1) AS company_id")
            .bind(before.to_datetime())
            .fetch_all(&self.worker)
            .await?;
        rows.iter().map(|row| Ok(CompanyId::from_uuid(row.try_get("company_id")?))).collect()
    }

    /// The newest entry's position and hash; `None` for a company that is not there or has no entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self, company: CompanyId) -> Result<Option<(i64, Hash)>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let row = sqlx::query("-- store::audit_head\nSELECT seq, hash FROM app.audit_head($1) WHERE seq > 0")
            .bind(company.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        row.map(|row| Ok((row.try_get("seq")?, bytes(&row, "hash")?))).transpose()
    }

    /// Stores a checkpoint; `false` when there is one for this position already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint_put(&self, checkpoint: &Checkpoint, signature: &[u8; 64]) -> Result<bool, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, checkpoint.company).await?;
        let row = sqlx::query(CHECKPOINT)
            .bind(checkpoint.company.uuid())
            .bind(checkpoint.seq)
            .bind(&checkpoint.hash[..])
            .bind(checkpoint.at.to_datetime())
            .bind(&checkpoint.key[..])
            .bind(&signature[..])
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(row.try_get("stored")?)
    }

    /// Says in the log that it is being exported from `since` on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export_begin(&self, company: CompanyId, since: i64, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        sqlx::query("-- store::audit_exported\nSELECT app.audit_exported($1, $2, $3)")
            .bind(company.uuid())
            .bind(since)
            .bind(at.to_datetime())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Entries after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export(&self, company: CompanyId, after: i64, limit: u16) -> Result<Vec<Exported>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows =
            sqlx::query(EXPORT).bind(company.uuid()).bind(after).bind(i32::from(limit)).fetch_all(&mut *tx).await?;
        rows.iter()
            .map(|row| {
                Ok(Exported { seq: row.try_get("seq")?, entry: row.try_get("entry")?, hash: row.try_get("hash")? })
            })
            .collect()
    }

    /// Checkpoints of entries from `from` on, oldest first, with their signatures.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoints(&self, company: CompanyId, from: i64) -> Result<Vec<(Checkpoint, [u8; 64])>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows = sqlx::query(EXPORT_CHECKPOINTS).bind(company.uuid()).bind(from).fetch_all(&mut *tx).await?;
        rows.iter()
            .map(|row| {
                let checkpoint = Checkpoint {
                    company,
                    seq: row.try_get("seq")?,
                    hash: bytes(row, "hash")?,
                    at: rows::timestamp(row, "at")?,
                    key: bytes(row, "key")?,
                };
                Ok((checkpoint, bytes(row, "signature")?))
            })
            .collect()
    }
}
