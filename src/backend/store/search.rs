//! Full-text search: a page of hits, and the words of messages from before it.

use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::{Store, StoreError, rows, tx};
use crate::{
    backend::{caller::Caller, excerpt::Words},
    clock::Timestamp,
    domain::{ConversationKind, RecordKey, text::Document},
    ids::{CompanyId, ConversationId, JobId, MessageId, UserId},
    wire::{Hit, HitPlace},
};

/// What is searched for, and where to go on.
#[derive(Clone, Copy, Debug)]
pub struct SearchQuery<'a> {
    /// As typed.
    pub text: &'a str,
    /// Only there.
    pub conversation: Option<ConversationId>,
    /// Only what this governs.
    pub record: Option<&'a RecordKey>,
    /// Only by them.
    pub author: Option<UserId>,
    /// Only from this moment on.
    pub from: Option<Timestamp>,
    /// Only before this one.
    pub to: Option<Timestamp>,
    /// Only what stands before this.
    pub before: (Timestamp, MessageId),
    /// Most.
    pub limit: u16,
}

const SEARCH: &str = "-- store::search_page
SELECT * FROM app.search($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const FILL: &str = "-- store::search_fill
SELECT app.search_fill($1, $2) AS last";
const FILL_ON: &str = "-- store::search_fill_on
INSERT INTO jobs (company_id, id, kind, payload, run_at, created_at, updated_at) VALUES ($1, $2, $3, jsonb_build_object('after', $4::uuid), $5, $5, $5)";

const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

impl Store {
    /// Messages that the caller may read and whose words match, newest first; `words` are marked in them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_page(
        &self,
        caller: &Caller,
        query: &SearchQuery<'_>,
        words: &Words,
    ) -> Result<Vec<Hit>, StoreError> {
        let found = sqlx::query(SEARCH)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(query.text)
            .bind(query.conversation.map(ConversationId::uuid))
            .bind(query.record.map(|record| record.kind.as_str()))
            .bind(query.record.map(|record| record.id.as_str()))
            .bind(query.author.map(UserId::uuid))
            .bind(query.from.map(Timestamp::to_datetime))
            .bind(query.to.map(Timestamp::to_datetime))
            .bind(query.before.0.to_datetime())
            .bind(query.before.1.uuid())
            .bind(i32::from(query.limit))
            .fetch_all(&self.app)
            .await?;
        found
            .iter()
            .map(|row| {
                let kind: String = row.try_get("place_kind")?;
                let conversation = HitPlace {
                    id: ConversationId::from_uuid(row.try_get("conversation_id")?),
                    kind: ConversationKind::parse(&kind)
                        .ok_or(StoreError::Inconsistent { table: "conversations", column: "kind" })?,
                    title: row.try_get::<Option<String>, _>("place_title")?.unwrap_or_default(),
                    record: rows::record_key(row.try_get("place_link_kind")?, row.try_get("place_link_id")?)?,
                };
                Ok(Hit {
                    id: MessageId::from_uuid(row.try_get("id")?),
                    conversation,
                    root_id: MessageId::from_uuid(row.try_get("root_id")?),
                    seq: row.try_get("seq")?,
                    author: rows::author(row)?,
                    created_at: rows::timestamp(row, "created_at")?,
                    edited_at: rows::timestamp_or_null(row, "edited_at")?,
                    link: rows::message_link(row)?,
                    excerpt: words.excerpt(&row.try_get::<Json<Document>, _>("text_ast")?.0),
                })
            })
            .collect()
    }

    /// Fills in the words of up to `limit` messages after `after`; the last one looked at, or nothing when there is none left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_fill(&self, company: CompanyId, after: Uuid, limit: u16) -> Result<Option<Uuid>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let row = sqlx::query(FILL).bind(after).bind(i32::from(limit)).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(row.try_get("last")?)
    }

    /// Puts the rest on the table, as a job of `kind`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_fill_on(
        &self,
        company: CompanyId,
        id: JobId,
        after: Uuid,
        kind: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        sqlx::query(FILL_ON)
            .bind(company.uuid())
            .bind(id.uuid())
            .bind(kind)
            .bind(after)
            .bind(at.to_datetime())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
