//! Conversations: lists with previews and unread counts, creation, read pointers, participants.

use serde::Deserialize;
use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{Committed, CompanyTx, EventKind, LogEvent, Store, StoreError, message::is_guard, rows};
use crate::{
    access::{Action, Permit},
    backend::caller::Caller,
    clock::Timestamp,
    domain::{ConversationKind, RecordKey, RecordKind, Title},
    ids::{ConversationId, MessageId, UserId},
    limits,
    wire::{ConversationSummary, LinkedRecord, MessagePreview, Participant, Person, ReadState},
};

/// Which conversations are wanted.
#[derive(Clone, Debug)]
pub struct InboxQuery<'a> {
    /// Only this one.
    pub conversation: Option<ConversationId>,
    /// Only those about records of this kind.
    pub kind: Option<RecordKind>,
    /// Only the one about this record of that kind.
    pub record: Option<&'a str>,
    /// Before this activity and id.
    pub before: Option<(Timestamp, ConversationId)>,
    /// At most so many.
    pub limit: u16,
}

/// A conversation about to begin.
#[derive(Clone, Debug)]
pub struct NewConversation<'a> {
    /// Its id, fresh.
    pub id: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// Of a group.
    pub title: Option<&'a Title>,
    /// The others.
    pub people: Vec<UserId>,
    /// Of a record's.
    pub record: Option<&'a RecordKey>,
    /// The idempotency key and the request's hash; `None` when a send creates it on the way.
    pub key: Option<(&'a str, [u8; 32])>,
    /// Now.
    pub at: Timestamp,
}

/// What became of a creation.
#[derive(Debug)]
pub enum CreateOutcome {
    /// Stored, with its event.
    Created(Committed<(ConversationId, LogEvent)>),
    /// There was one between these two, or about this record.
    Existing(ConversationId),
    /// The same request had been stored before.
    Replayed {
        /// What it answered.
        id: ConversationId,
        /// Whether it had made it.
        made: bool,
    },
    /// The key belongs to another request.
    Mismatch,
    /// A person or the record is not there, or not for this person.
    NotFound,
}

const INBOX: &str = "-- store::conversation_inbox
SELECT * FROM app.inbox($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const CREATE: &str = "-- store::conversation_create
SELECT * FROM app.conversation_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const REPLAYED: &str = "-- store::conversation_replayed
SELECT k.request_hash = $4 AND k.conversation_id IS NOT NULL AS is_same, k.conversation_id, c.created_at = k.created_at AS made
FROM idempotency_keys k LEFT JOIN conversations c ON c.company_id = k.company_id AND c.id = k.conversation_id
WHERE k.company_id = $1 AND k.user_id = $2 AND k.key = $3";
const MARK_READ: &str = "-- store::conversation_mark_read
SELECT * FROM app.mark_read($1, $2, $3, $4, $5, $6)";
const UNREAD_TOTAL: &str = "-- store::conversation_unread_total
SELECT app.unread_total($1, $2, $3) AS unread";
const PARTICIPANTS: &str = "-- store::participant_list
SELECT p.user_id, u.name, m.kind, m.job_title, coalesce(r.read_seq, 0) AS read_seq
FROM participants p
JOIN users u ON u.id = p.user_id
JOIN memberships m ON m.company_id = p.company_id AND m.user_id = p.user_id
LEFT JOIN read_receipts r ON r.company_id = p.company_id AND r.conversation_id = p.conversation_id AND r.user_id = p.user_id
WHERE p.company_id = $1 AND p.conversation_id = $2 AND p.deleted_at IS NULL
ORDER BY u.name, p.user_id
LIMIT $3";

#[derive(Deserialize)]
struct PersonJson {
    id: Uuid,
    name: String,
    kind: String,
    job_title: Option<String>,
}

fn summary(row: &PgRow) -> Result<ConversationSummary, StoreError> {
    let kind = ConversationKind::parse(row.try_get("kind")?)
        .ok_or(StoreError::Inconsistent { table: "conversations", column: "kind" })?;
    let key = rows::record_key(row.try_get("link_kind")?, row.try_get("link_id")?)?;
    let record = match (key, row.try_get::<Option<String>, _>("record_title")?) {
        (Some(key), Some(title)) => Some(LinkedRecord {
            kind: key.kind,
            id: key.id,
            title,
            amount: rows::money(row.try_get("record_amount_minor")?, row.try_get("record_currency")?),
            status: row.try_get("record_status")?,
            url: row.try_get("record_url")?,
            owner_id: row.try_get::<Option<Uuid>, _>("record_owner_id")?.map(UserId::from_uuid),
            updated_at: rows::timestamp(row, "record_updated_at")?,
        }),
        _ => None,
    };
    let people = row
        .try_get::<Json<Vec<PersonJson>>, _>("people")?
        .0
        .into_iter()
        .map(|person| {
            Ok(Person {
                id: UserId::from_uuid(person.id),
                name: person.name,
                member_kind: rows::member_kind(&person.kind)?,
                job_title: person.job_title,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let title = match kind {
        ConversationKind::Group => row.try_get::<Option<String>, _>("title")?.unwrap_or_default(),
        ConversationKind::Direct => people.first().map(|person| person.name.clone()).unwrap_or_default(),
        ConversationKind::Record => record.as_ref().map(|record| record.title.clone()).unwrap_or_default(),
    };
    let last = match row.try_get::<Option<Uuid>, _>("last_id")? {
        None => None,
        Some(id) => Some(MessagePreview {
            id: MessageId::from_uuid(id),
            author_id: UserId::from_uuid(row.try_get("last_author_id")?),
            author_name: row.try_get::<Option<String>, _>("last_author_name")?.unwrap_or_default(),
            text: row.try_get("last_preview")?,
            created_at: rows::timestamp(row, "last_created_at")?,
            deleted: rows::timestamp_or_null(row, "last_deleted_at")?.is_some(),
            blocked: row.try_get("last_blocked")?,
        }),
    };
    Ok(ConversationSummary {
        id: ConversationId::from_uuid(row.try_get("id")?),
        kind,
        title,
        record,
        people,
        people_count: u32::try_from(row.try_get::<i64, _>("people_count")?).unwrap_or(u32::MAX),
        has_external: row.try_get("has_external")?,
        last,
        unread: count(row, "unread")?,
        read_seq: row.try_get("read_seq")?,
        last_seq: row.try_get("last_seq")?,
        activity_at: rows::timestamp(row, "activity_at")?,
        blocked_ids: row.try_get::<Vec<Uuid>, _>("blocked_ids")?.into_iter().map(UserId::from_uuid).collect(),
    })
}

fn count(row: &PgRow, column: &str) -> Result<u16, StoreError> {
    Ok(u16::try_from(row.try_get::<i32, _>(column)?).unwrap_or(limits::UNREAD_COUNT_MAX))
}

impl Store {
    /// A page of conversations, most recent activity first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_inbox(
        &self,
        caller: &Caller,
        query: &InboxQuery<'_>,
    ) -> Result<Vec<ConversationSummary>, StoreError> {
        // The end of time and of ids: before it comes everything.
        let far = (Timestamp::from_millis(32_503_680_000_000), ConversationId::from_uuid(Uuid::max()));
        let (before_at, before_id) = query.before.unwrap_or(far);
        let rows = sqlx::query(INBOX)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(query.conversation.map(ConversationId::uuid))
            .bind(query.kind.map(RecordKind::as_str))
            .bind(query.record)
            .bind(before_at.to_datetime())
            .bind(before_id.uuid())
            .bind(i32::from(query.limit))
            .bind(i32::from(limits::UNREAD_COUNT_MAX))
            .fetch_all(&self.app)
            .await?;
        rows.iter().map(summary).collect()
    }

    /// Begins a conversation. `permit` is for `message:create` on what governs it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_create(
        &self,
        caller: &Caller,
        permit: Permit<ConversationKind>,
        new: &NewConversation<'_>,
    ) -> Result<CreateOutcome, StoreError> {
        assert!(
            permit.action() == Action::MessageCreate && permit.target() == new.kind && permit.user() == caller.user()
        );
        let row = sqlx::query(CREATE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(new.key.map(|(key, _)| key))
            .bind(new.key.map(|(_, hash)| hash.to_vec()))
            .bind(new.id.uuid())
            .bind(new.kind.as_str())
            .bind(new.title.map(Title::as_str))
            .bind(new.people.iter().map(|user| user.uuid()).collect::<Vec<_>>())
            .bind(new.record.map(|record| record.kind.as_str()))
            .bind(new.record.map(|record| record.id.as_str()))
            .bind(new.at.to_datetime())
            .fetch_one(&self.app)
            .await
            .map_err(StoreError::from);
        let row = match row {
            // A group of two with somebody who has blocked the caller: out of reach, as whoever does not exist.
            Err(StoreError::Database(error)) if is_guard(&error, "participants_blocked") => {
                return Ok(CreateOutcome::NotFound);
            }
            other => other?,
        };
        let id = row.try_get::<Option<Uuid>, _>("conversation_id")?.map(ConversationId::from_uuid);
        Ok(match (row.try_get("outcome")?, id) {
            ("created", Some(id)) => {
                let event = LogEvent {
                    company: caller.company(),
                    seq: row.try_get("event_seq")?,
                    kind: EventKind::ConversationUpdated,
                    conversation: Some(id),
                    message: None,
                    record: None,
                    user: Some(caller.user()),
                };
                CreateOutcome::Created(Committed::new((id, event)))
            }
            ("existing", Some(id)) => CreateOutcome::Existing(id),
            (again @ ("replayed" | "found_again"), Some(id)) => {
                CreateOutcome::Replayed { id, made: again == "replayed" }
            }
            ("mismatch", _) => CreateOutcome::Mismatch,
            ("not_found", _) => CreateOutcome::NotFound,
            _ => return Err(StoreError::Inconsistent { table: "conversation_create", column: "outcome" }),
        })
    }

    /// Moves the caller's read pointer; whether it moved. `None` when the conversation is not visible.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_mark_read(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        seq: i64,
        at: Timestamp,
    ) -> Result<Option<Committed<(ReadState, bool)>>, StoreError> {
        let row = sqlx::query(MARK_READ)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(conversation.uuid())
            .bind(seq)
            .bind(at.to_datetime())
            .bind(i32::from(limits::UNREAD_COUNT_MAX))
            .fetch_optional(&self.app)
            .await?;
        row.map(|row| {
            let state = ReadState {
                conversation_id: conversation,
                read_seq: row.try_get("read_seq")?,
                unread: count(&row, "unread")?,
            };
            Ok(Committed::new((state, row.try_get("moved")?)))
        })
        .transpose()
    }

    /// Unread messages in all of the caller's conversations, bounded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_unread_total(&self, caller: &Caller) -> Result<u16, StoreError> {
        let row = sqlx::query(UNREAD_TOTAL)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(i32::from(limits::UNREAD_COUNT_MAX))
            .fetch_one(&self.app)
            .await?;
        count(&row, "unread")
    }
}

impl CompanyTx {
    /// What the caller's key was answered when it was used first, and what it would be answered now: as far as they still see it. `None`:
    /// it was never used. Changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conversation_replayed(
        &mut self,
        key: &str,
        request_hash: &[u8; 32],
    ) -> Result<Option<CreateOutcome>, StoreError> {
        let row = sqlx::query(REPLAYED)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(key)
            .bind(request_hash.to_vec())
            .fetch_optional(&mut *self.tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id = row.try_get::<Option<Uuid>, _>("conversation_id")?.map(ConversationId::from_uuid);
        // Without a row of its own the conversation is gone, or out of their sight: it must not come back through a retry.
        let made = row.try_get::<Option<bool>, _>("made")?;
        Ok(Some(match (row.try_get("is_same")?, id, made) {
            (false, ..) => CreateOutcome::Mismatch,
            (true, Some(id), Some(made)) => CreateOutcome::Replayed { id, made },
            (true, ..) => CreateOutcome::NotFound,
        }))
    }

    /// The participants of a conversation, by name, with their read positions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn participant_list(&mut self, conversation: ConversationId) -> Result<Vec<Participant>, StoreError> {
        let rows = sqlx::query(PARTICIPANTS)
            .bind(self.company.uuid())
            .bind(conversation.uuid())
            .bind(i64::try_from(limits::PARTICIPANTS_MAX).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter()
            .map(|row| Ok(Participant { person: rows::person(row)?, read_seq: row.try_get("read_seq")? }))
            .collect()
    }
}
