//! What a node's hub reads, as the worker role: a whole company, one at a time, never as a person. What comes from here is
//! judged by [`crate::access::decide`] for each socket before it leaves.

use std::collections::BTreeSet;

use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{EventKind, LogEvent, Store, StoreError, rows, tx};
use crate::{
    access::Resource,
    backend::caller::Caller,
    clock::Timestamp,
    domain::{ConversationKind, RecordKey},
    ids::{CompanyId, ConversationId, CorrelationId, MessageId, SessionId, UserId},
    wire::Message,
};

/// Who belongs to a conversation, and what governs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Which.
    pub conversation: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// The record that it is about, with what policies look at; or none.
    pub resource: Resource,
    /// Its participants.
    pub participants: BTreeSet<UserId>,
}

/// A message as the whole company has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The message. Its own counts are those of somebody who sees everything.
    pub message: Message,
    /// The beginning of a thread in which not everyone who sees it sees all replies: how many there are under each record.
    pub replies: Option<Vec<Replies>>,
}

/// Replies of one thread about one record, or about none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    /// What governs them.
    pub record: Option<RecordKey>,
    /// How many.
    pub count: u32,
    /// When the last was sent.
    pub last_at: Timestamp,
}

#[derive(serde::Deserialize)]
struct RepliesRow {
    kind: Option<String>,
    id: Option<String>,
    count: u32,
    last_us: i64,
}

fn replies(row: &PgRow) -> Result<Option<Vec<Replies>>, StoreError> {
    let Some(Json(parts)) = row.try_get::<Option<Json<Vec<RepliesRow>>>, _>("replies")? else { return Ok(None) };
    let part = |part: RepliesRow| {
        let record = rows::record_key(part.kind, part.id)?;
        Ok(Replies { record, count: part.count, last_at: Timestamp::from_micros(part.last_us) })
    };
    parts.into_iter().map(part).collect::<Result<_, StoreError>>().map(Some)
}

const EVENTS: &str = "-- store::event_list
SELECT seq, kind, conversation_id, message_id, link_kind, link_id, user_id FROM event_log
WHERE company_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
// A mixed thread's replies are counted by record: the hub, which sees them all, must tell each reader the count of those that
// this reader sees.
const MESSAGES: &str = "-- store::hub_message_get_many
SELECT r.*, CASE WHEN t.is_mixed THEN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', x.link_kind, 'id', x.link_id, 'count', x.count, 'last_us', x.last_us)), '[]')
    FROM (
        SELECT m.link_kind, m.link_id, count(*) AS count, (extract(epoch FROM max(m.created_at)) * 1000000)::bigint AS last_us
        FROM messages m WHERE m.company_id = r.company_id AND m.root_id = r.id AND m.parent_id IS NOT NULL GROUP BY 1, 2
    ) AS x
) END AS replies
FROM message_rows r LEFT JOIN threads t ON r.parent_id IS NULL AND t.company_id = r.company_id AND t.root_id = r.id
WHERE r.company_id = $1 AND r.id = ANY ($2)";
const AUDIENCE: &str = "-- store::hub_audience
SELECT c.id, c.kind, r.kind AS record_kind, r.id AS record_id, r.owner_id AS record_owner_id,
    r.department_id AS record_department_id, r.project_id AS record_project_id, r.status AS record_status,
    ARRAY(SELECT p.user_id FROM participants p WHERE p.company_id = c.company_id AND p.conversation_id = c.id AND p.deleted_at IS NULL) AS people
FROM conversations c
LEFT JOIN linked_records r ON r.company_id = c.company_id AND r.kind = c.link_kind AND r.id = c.link_id
WHERE c.company_id = $1 AND c.id = ANY ($2) AND c.deleted_at IS NULL AND r.deleted_at IS NULL";
const RECORDS: &str = "-- store::hub_record_facts
SELECT r.kind AS record_kind, r.id AS record_id, r.owner_id AS record_owner_id,
    r.department_id AS record_department_id, r.project_id AS record_project_id, r.status AS record_status
FROM linked_records r JOIN unnest($2::text[], $3::text[]) AS wanted (kind, id) ON r.kind = wanted.kind AND r.id = wanted.id
WHERE r.company_id = $1 AND r.deleted_at IS NULL";
const MEMBERS: &str = "-- store::hub_member_get_many
SELECT m.company_id, m.user_id, m.role_key, m.department_id, m.kind AS member_kind, c.policy_version,
    auth.narrowing(m.company_id, m.user_id) AS narrowing,
    ARRAY(SELECT pm.project_id FROM project_members pm
        WHERE pm.company_id = m.company_id AND pm.user_id = m.user_id AND pm.deleted_at IS NULL) AS projects
FROM memberships m JOIN companies c ON c.id = m.company_id AND c.deleted_at IS NULL JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.user_id = ANY ($2) AND m.status = 'active' AND m.deleted_at IS NULL AND u.status = 'active'";

/// Nobody: the worker acts for the company, not for a person.
const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

impl Store {
    /// The ends of the streams of these companies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stream_tails(&self, companies: &[CompanyId]) -> Result<Vec<(CompanyId, i64)>, StoreError> {
        let rows = sqlx::query("-- store::stream_tails\nSELECT company_id, last_seq FROM auth.stream_tails($1)")
            .bind(companies.iter().map(|company| company.uuid()).collect::<Vec<_>>())
            .fetch_all(&self.worker)
            .await?;
        rows.iter()
            .map(|row| Ok((CompanyId::from_uuid(row.try_get("company_id")?), row.try_get("last_seq")?)))
            .collect()
    }

    /// Events of a company after `seq`, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events_after(&self, company: CompanyId, seq: i64, limit: u32) -> Result<Vec<LogEvent>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows =
            sqlx::query(EVENTS).bind(company.uuid()).bind(seq).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        rows.iter()
            .map(|row| {
                Ok(LogEvent {
                    company,
                    seq: row.try_get("seq")?,
                    kind: EventKind::parse(row.try_get("kind")?)
                        .ok_or(StoreError::Inconsistent { table: "event_log", column: "kind" })?,
                    conversation: row.try_get::<Option<Uuid>, _>("conversation_id")?.map(ConversationId::from_uuid),
                    message: row.try_get::<Option<Uuid>, _>("message_id")?.map(MessageId::from_uuid),
                    record: rows::record_key(row.try_get("link_kind")?, row.try_get("link_id")?)?,
                    user: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from_uuid),
                })
            })
            .collect()
    }

    /// Messages as they are now, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_messages(&self, company: CompanyId, ids: &[MessageId]) -> Result<Vec<Whole>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows = sqlx::query(MESSAGES)
            .bind(company.uuid())
            .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
        rows.iter().map(|row| Ok(Whole { message: rows::message(row)?, replies: replies(row)? })).collect()
    }

    /// Who belongs to these conversations, and what governs them. A deleted one is missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_audience(
        &self,
        company: CompanyId,
        ids: &[ConversationId],
    ) -> Result<Vec<Audience>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows = sqlx::query(AUDIENCE)
            .bind(company.uuid())
            .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
        rows.iter()
            .map(|row| {
                let people: Vec<Uuid> = row.try_get("people")?;
                Ok(Audience {
                    conversation: ConversationId::from_uuid(row.try_get("id")?),
                    kind: ConversationKind::parse(row.try_get("kind")?)
                        .ok_or(StoreError::Inconsistent { table: "conversations", column: "kind" })?,
                    resource: rows::resource(row, "record", "record_kind", "record_id")?,
                    participants: people.into_iter().map(UserId::from_uuid).collect(),
                })
            })
            .collect()
    }

    /// What policies look at in these records. One that does not exist is missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_facts(
        &self,
        company: CompanyId,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Resource)>, StoreError> {
        let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
        let rows = sqlx::query(RECORDS)
            .bind(company.uuid())
            .bind(keys.iter().map(|key| key.kind.as_str()).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
        rows.iter().map(rows::judged_record).collect()
    }

    /// A member as the policy sees them at `at`; `None` when the membership has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn membership_view(
        &self,
        company: CompanyId,
        user: UserId,
        correlation: CorrelationId,
        at: Timestamp,
    ) -> Result<Option<Caller>, StoreError> {
        Ok(self.membership_views(company, &[user], correlation, at).await?.pop())
    }

    /// The same of several, in one read. Whose membership has ended is missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn membership_views(
        &self,
        company: CompanyId,
        users: &[UserId],
        correlation: CorrelationId,
        at: Timestamp,
    ) -> Result<Vec<Caller>, StoreError> {
        let rows = {
            let mut tx = tx::begin(&self.worker, NOBODY, company).await?;
            let ids: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
            sqlx::query(MEMBERS).bind(company.uuid()).bind(ids).fetch_all(&mut *tx).await?
        };
        let mut callers = Vec::with_capacity(rows.len());
        for row in &rows {
            callers.push(self.caller(row, None, correlation, at).await?);
        }
        Ok(callers)
    }

    /// Those of `sessions` that are still good, each with the company that it is in now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_alive(
        &self,
        sessions: &[SessionId],
        at: Timestamp,
    ) -> Result<Vec<(SessionId, CompanyId)>, StoreError> {
        let rows =
            sqlx::query("-- store::sessions_alive\nSELECT session_id, company_id FROM auth.sessions_alive($1, $2)")
                .bind(sessions.iter().map(|session| session.uuid()).collect::<Vec<_>>())
                .bind(at.to_datetime())
                .fetch_all(&self.worker)
                .await?;
        rows.iter()
            .map(|row| {
                Ok((SessionId::from_uuid(row.try_get("session_id")?), CompanyId::from_uuid(row.try_get("company_id")?)))
            })
            .collect()
    }
}
