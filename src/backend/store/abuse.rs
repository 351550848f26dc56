//! What a company limits by itself, slow mode, and the trail of what was refused.

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{CompanyTx, Store, StoreError, rows, tx};
use crate::{
    access::{Action, Permit},
    clock::Timestamp,
    ids::{CompanyId, ConversationId, UserId},
    limits,
    wire::{AbuseEntry, CompanySettings},
};

/// Refusals of one person (or of what stands for an address) and one kind within one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The code.
    pub kind: &'static str,
    /// The person, or what stands for their address.
    pub subject: Uuid,
    /// The person.
    pub user: Option<UserId>,
    /// What stands for the address of the last one.
    pub address: Option<String>,
    /// What was asked for last.
    pub operation: &'static str,
    /// Where, last.
    pub conversation: Option<ConversationId>,
    /// How often.
    pub count: i64,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
}

/// Which refusals.
#[derive(Clone, Debug)]
pub struct RefusalQuery<'a> {
    /// Of this kind.
    pub kind: Option<&'a str>,
    /// Of this person.
    pub user: Option<UserId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before this place.
    pub before: Option<RefusalPlace>,
    /// How many.
    pub limit: u16,
}

/// The place of a row in the list.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct RefusalPlace {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The code.
    pub kind: String,
    /// The person, or what stands for their address.
    pub subject: Uuid,
}

const SETTINGS: &str = "-- store::settings_get
SELECT version AS limits_version, duplicates_max, duplicate_window_s, links_per_message, links_per_minute, mentions_per_message,
    mentions_per_minute, newcomer_hours, newcomer_percent
FROM company_limits WHERE company_id = $1";
const SETTINGS_PUT: &str = "-- store::settings_put
INSERT INTO company_limits AS l (company_id, version, duplicates_max, duplicate_window_s, links_per_message, links_per_minute,
    mentions_per_message, mentions_per_minute, newcomer_hours, newcomer_percent, updated_at, updated_by)
VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (company_id) DO UPDATE SET version = excluded.version, duplicates_max = excluded.duplicates_max,
    duplicate_window_s = excluded.duplicate_window_s, links_per_message = excluded.links_per_message,
    links_per_minute = excluded.links_per_minute, mentions_per_message = excluded.mentions_per_message,
    mentions_per_minute = excluded.mentions_per_minute, newcomer_hours = excluded.newcomer_hours,
    newcomer_percent = excluded.newcomer_percent, updated_at = excluded.updated_at, updated_by = excluded.updated_by
WHERE l.version = $2";
const SLOW_MODE: &str = "-- store::conversation_slow_mode
UPDATE conversations SET slow_mode_s = $3, updated_at = $4 WHERE company_id = $1 AND id = $2";
const PUT: &str = "-- store::refusal_put
INSERT INTO refusals AS r (company_id, minute, kind, subject, user_id, address, operation, conversation_id, count, first_at, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (company_id, minute, kind, subject) DO UPDATE SET address = excluded.address, operation = excluded.operation,
    conversation_id = excluded.conversation_id, count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)";
// Whoever reads the trail learns of no conversation that row-level security hides from them: its id comes from the conversation.
const PAGE: &str = "-- store::refusal_page
SELECT r.minute, r.kind, r.subject, r.user_id, r.address, r.operation, c.id AS conversation_id, r.count, r.first_at, r.last_at
FROM refusals r LEFT JOIN conversations c ON c.company_id = r.company_id AND c.id = r.conversation_id
WHERE r.company_id = $1 AND ($2::text IS NULL OR r.kind = $2) AND ($3::uuid IS NULL OR r.user_id = $3)
    AND ($4::timestamptz IS NULL OR r.minute >= $4)
    AND ($5::timestamptz IS NULL OR (r.minute, r.kind, r.subject) < ($5, $6, $7))
ORDER BY r.minute DESC, r.kind DESC, r.subject DESC LIMIT $8";

/// The company's limits in a row that may have none.
pub(super) fn settings(row: &PgRow) -> Result<CompanySettings, StoreError> {
    let figure = |column: &str, default: u32| -> Result<u32, StoreError> {
        Ok(row.try_get::<Option<i32>, _>(column)?.map_or(default, i32::cast_unsigned))
    };
    Ok(CompanySettings {
        version: figure("limits_version", 0)?,
        duplicates_max: figure("duplicates_max", limits::DUPLICATES_MAX)?,
        duplicate_window_s: figure("duplicate_window_s", limits::DUPLICATE_WINDOW_S)?,
        links_per_message: figure("links_per_message", limits::LINKS_PER_MESSAGE)?,
        links_per_minute: figure("links_per_minute", limits::LINKS_PER_MINUTE)?,
        mentions_per_message: figure("mentions_per_message", limits::MENTIONS_PER_MESSAGE)?,
        mentions_per_minute: figure("mentions_per_minute", limits::MENTIONS_PER_MINUTE)?,
        newcomer_hours: figure("newcomer_hours", limits::NEWCOMER_HOURS)?,
        newcomer_percent: figure("newcomer_percent", limits::NEWCOMER_PERCENT)?,
    })
}

fn figure(value: u32) -> i32 {
    // Every bound in `limits` is far below 2^31.
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl CompanyTx {
    /// What the company limits by itself; `None`: it never said.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settings_get(&mut self) -> Result<Option<CompanySettings>, StoreError> {
        let row = sqlx::query(SETTINGS).bind(self.company.uuid()).fetch_optional(&mut *self.tx).await?;
        row.as_ref().map(settings).transpose()
    }

    /// Puts limits in force, made from version `settings.version`; `false` when another is stored.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the database does not find that the caller may; or when it fails.
    pub async fn settings_put(
        &mut self,
        permit: &Permit<()>,
        settings: &CompanySettings,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        // Pairs with the check in service::update_settings.
        assert!(permit.action() == Action::AdminMembers && permit.company() == self.company);
        let done = sqlx::query(SETTINGS_PUT)
            .bind(self.company.uuid())
            .bind(figure(settings.version))
            .bind(figure(settings.duplicates_max))
            .bind(figure(settings.duplicate_window_s))
            .bind(figure(settings.links_per_message))
            .bind(figure(settings.links_per_minute))
            .bind(figure(settings.mentions_per_message))
            .bind(figure(settings.mentions_per_minute))
            .bind(figure(settings.newcomer_hours))
            .bind(figure(settings.newcomer_percent))
            .bind(at.to_datetime())
            .bind(self.user.uuid())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Sets the slow mode of the conversation that `permit` is for; whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the database does not find that the caller may; or when it fails.
    pub async fn conversation_slow_mode(
        &mut self,
        permit: &Permit<ConversationId>,
        slow_mode_s: u32,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        // Pairs with the check in service::update_conversation.
        assert!(permit.action() == Action::AdminModerate && permit.company() == self.company);
        let done = sqlx::query(SLOW_MODE)
            .bind(self.company.uuid())
            .bind(permit.target().uuid())
            .bind(figure(slow_mode_s))
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Refusals, the latest minute first, with their places.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refusal_page(
        &mut self,
        permit: &Permit<()>,
        query: &RefusalQuery<'_>,
    ) -> Result<Vec<(AbuseEntry, RefusalPlace)>, StoreError> {
        // Pairs with the check in service::list_abuse.
        assert!(permit.action() == Action::AdminMembers && permit.company() == self.company);
        let rows = sqlx::query(PAGE)
            .bind(self.company.uuid())
            .bind(query.kind)
            .bind(query.user.map(UserId::uuid))
            .bind(query.since.map(Timestamp::to_datetime))
            .bind(query.before.as_ref().map(|place| place.minute.to_datetime()))
            .bind(query.before.as_ref().map(|place| place.kind.as_str()))
            .bind(query.before.as_ref().map(|place| place.subject))
            .bind(i32::from(query.limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter()
            .map(|row| {
                let place = RefusalPlace {
                    minute: rows::timestamp(row, "minute")?,
                    kind: row.try_get("kind")?,
                    subject: row.try_get("subject")?,
                };
                let entry = AbuseEntry {
                    minute: place.minute,
                    kind: place.kind.clone(),
                    user_id: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from_uuid),
                    address: row.try_get("address")?,
                    operation: row.try_get("operation")?,
                    conversation_id: row.try_get::<Option<Uuid>, _>("conversation_id")?.map(ConversationId::from_uuid),
                    count: row.try_get("count")?,
                    first_at: rows::timestamp(row, "first_at")?,
                    last_at: rows::timestamp(row, "last_at")?,
                };
                Ok((entry, place))
            })
            .collect()
    }
}

impl Store {
    /// Adds refusals to a company's trail, as the worker: no request can write there.
    ///
    /// # Errors
    /// When the database fails; then nothing was added.
    pub async fn refusals_put(&self, company: CompanyId, refusals: &[RefusalRow]) -> Result<(), StoreError> {
        let mut tx = tx::begin(&self.worker, UserId::from_uuid(Uuid::nil()), company).await?;
        for row in refusals {
            sqlx::query(PUT)
                .bind(company.uuid())
                .bind(row.minute.to_datetime())
                .bind(row.kind)
                .bind(row.subject)
                .bind(row.user.map(UserId::uuid))
                .bind(&row.address)
                .bind(row.operation)
                .bind(row.conversation.map(ConversationId::uuid))
                .bind(row.count)
                .bind(row.first_at.to_datetime())
                .bind(row.last_at.to_datetime())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets refusals of minutes before `before`; how many rows went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_refusals(&self, before: Timestamp) -> Result<i64, StoreError> {
        let row = sqlx::query("-- store::purge_refusals\nSELECT auth.purge_refusals($1) AS gone")
            .bind(before.to_datetime())
            .fetch_one(&self.worker)
            .await?;
        Ok(row.try_get("gone")?)
    }
}
