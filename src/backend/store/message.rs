//! Messages: sending, editing, deleting, and their pages. Each is one SQL function of `doors.sql`, one round trip.

use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{Committed, EventKind, LogEvent, Store, StoreError, rows};
use crate::{
    access::{Action, Permit},
    backend::caller::Caller,
    clock::Timestamp,
    domain::{MessageBody, RecordKey, text::Document},
    ids::{ConversationId, MessageId, UserId},
    limits,
    wire::Message,
};

/// What the word list found in a text, in words for moderators and the author.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'a> {
    /// Reported to moderators.
    pub flagged: Option<&'a str>,
    /// Covered.
    pub masked: Option<&'a str>,
}

impl Found<'_> {
    const fn is_nothing(&self) -> bool {
        self.flagged.is_none() && self.masked.is_none()
    }
}

/// A message about to be sent.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Its id, fresh.
    pub id: MessageId,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// The record that its author links it to.
    pub record: Option<&'a RecordKey>,
    /// Markdown.
    pub body: &'a MessageBody,
    /// Parsed.
    pub text: &'a Document,
    /// The idempotency key.
    pub key: &'a str,
    /// What the word list found in it.
    pub found: Found<'a>,
    /// Hash of the request, to tell a retry from a mistake.
    pub request_hash: [u8; 32],
    /// Now.
    pub at: Timestamp,
}

/// A message as it became, and the event that says so.
#[derive(Clone, Debug)]
pub struct Change {
    /// The message.
    pub message: Message,
    /// Its event.
    pub event: LogEvent,
}

/// What became of a send.
#[derive(Debug)]
pub enum SendOutcome {
    /// Stored, with its event.
    Created(Committed<Box<Change>>),
    /// The same request had been stored before.
    Replayed(Box<Message>),
    /// The key belongs to another request.
    Mismatch,
    /// Conversation, parent or record is not there, or not for this person.
    NotFound,
    /// Deeper than the company allows; the deepest message on the way that can be answered.
    TooDeep(Option<MessageId>),
    /// The message to be answered has been deleted.
    ParentDeleted,
    /// The message to be answered is about another record.
    LinkConflict,
}

/// What became of an edit.
#[derive(Debug)]
pub enum EditOutcome {
    /// Stored, with its event.
    Updated(Committed<Box<Change>>),
    /// Not there, not theirs, or not allowed.
    NotFound,
    /// A tombstone.
    Deleted,
    /// Hidden by a moderator.
    Hidden,
    /// Someone was faster.
    Version,
    /// Too late.
    WindowClosed,
}

/// What became of a deletion.
#[derive(Debug)]
pub enum DeleteOutcome {
    /// A tombstone now, with its event.
    Deleted(Committed<Box<Change>>),
    /// Not there, or not allowed.
    NotFound,
    /// Its author is not theirs to judge.
    Beyond,
    /// It was a tombstone already.
    Already,
}

const SEND: &str = "-- store::message_send
SELECT s.outcome, s.event_seq, s.legal_parent_id, (s.message).*
FROM app.message_send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS s";
const SEND_WATCHED: &str = "-- store::message_send (watched)
SELECT s.outcome, s.event_seq, s.legal_parent_id, (s.message).*
FROM app.message_send_watched($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS s";
const REPLAYED: &str = "-- store::message_replayed
SELECT r.outcome, (r.message).*
FROM idempotency_keys k CROSS JOIN LATERAL app.message_replay(k.company_id, k.request_hash, k.message_id, $4) AS r
WHERE k.company_id = $1 AND k.user_id = $2 AND k.key = $3";
const EDIT: &str = "-- store::message_edit
SELECT s.outcome, s.event_seq, (s.message).* FROM app.message_edit($1, $2, $3, $4, $5, $6, $7, $8, $9) AS s";
const EDIT_WATCHED: &str = "-- store::message_edit (watched)
SELECT s.outcome, s.event_seq, (s.message).* FROM app.message_edit_watched($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS s";
const DELETE: &str = "-- store::message_delete
SELECT s.outcome, s.event_seq, (s.message).* FROM app.message_delete($1, $2, $3, $4, $5) AS s";
const PAGE: &str = "-- store::message_page
SELECT * FROM app.message_page($1, $2, $3, $4, $5, $6)";
const RECORD_PAGE: &str = "-- store::message_record_page
SELECT * FROM app.record_page($1, $2, $3, $4, $5, $6, $7)";
const THREAD: &str = "-- store::message_thread
SELECT * FROM app.thread_page($1, $2, $3, $4, $5)";

pub(super) fn is_guard(error: &sqlx::Error, name: &str) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(name)
}

fn event(kind: EventKind, row: &PgRow, message: &Message, caller: &Caller) -> Result<LogEvent, StoreError> {
    Ok(LogEvent {
        company: caller.company(),
        seq: row.try_get("event_seq")?,
        kind,
        conversation: Some(message.conversation_id),
        message: Some(message.id),
        record: message.link.as_ref().map(|link| link.record.clone()),
        user: Some(caller.user()),
    })
}

fn committed(kind: EventKind, row: &PgRow, caller: &Caller) -> Result<Committed<Box<Change>>, StoreError> {
    let message = rows::message(row)?;
    let event = event(kind, row, &message, caller)?;
    Ok(Committed::new(Box::new(Change { message, event })))
}

impl Store {
    /// Sends `draft` to the conversation that `permit` names.
    ///
    /// # Errors
    /// [`StoreError::InFlight`] when a twin with the same key won the race: ask again, it will be a replay.
    pub async fn message_send(
        &self,
        caller: &Caller,
        permit: Permit<ConversationId>,
        draft: &Draft<'_>,
    ) -> Result<SendOutcome, StoreError> {
        // Pairs with the verdict in service::message.
        let action = if draft.parent.is_some() { Action::MessageReply } else { Action::MessageCreate };
        assert!(permit.action() == action && permit.user() == caller.user() && permit.company() == caller.company());
        let mentions: Vec<Uuid> = draft.text.mentions().into_iter().map(UserId::uuid).collect();
        let mut query = sqlx::query(if draft.found.is_nothing() { SEND } else { SEND_WATCHED })
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(draft.key)
            .bind(draft.request_hash.to_vec())
            .bind(draft.id.uuid())
            .bind(permit.target().uuid())
            .bind(draft.parent.map(MessageId::uuid))
            .bind(draft.record.map(|record| record.kind.as_str()))
            .bind(draft.record.map(|record| record.id.as_str()))
            .bind(draft.body.as_str())
            .bind(Json(draft.text))
            .bind(draft.text.preview())
            .bind(mentions)
            .bind(draft.at.to_datetime());
        if !draft.found.is_nothing() {
            query = query.bind(draft.found.flagged).bind(draft.found.masked);
        }
        let row = query.fetch_one(&self.app).await?;
        Ok(match row.try_get("outcome")? {
            "created" => {
                let kind =
                    if draft.parent.is_some() { EventKind::ThreadReplyCreated } else { EventKind::MessageCreated };
                SendOutcome::Created(committed(kind, &row, caller)?)
            }
            "replayed" => SendOutcome::Replayed(Box::new(rows::message(&row)?)),
            "mismatch" => SendOutcome::Mismatch,
            "too_deep" => {
                SendOutcome::TooDeep(row.try_get::<Option<Uuid>, _>("legal_parent_id")?.map(MessageId::from_uuid))
            }
            "parent_deleted" => SendOutcome::ParentDeleted,
            "link_conflict" => SendOutcome::LinkConflict,
            "not_found" => SendOutcome::NotFound,
            _ => return Err(StoreError::Inconsistent { table: "message_send", column: "outcome" }),
        })
    }

    /// Edits the message that `permit` names, if it still has `version`.
    ///
    /// # Errors
    /// When the database fails.
    #[expect(clippy::too_many_arguments, reason = "each is another thing")]
    pub async fn message_edit(
        &self,
        caller: &Caller,
        permit: Permit<MessageId>,
        version: u32,
        body: &MessageBody,
        text: &Document,
        found: Found<'_>,
        at: Timestamp,
    ) -> Result<EditOutcome, StoreError> {
        assert!(
            permit.action() == Action::MessageEdit
                && permit.user() == caller.user()
                && permit.company() == caller.company()
        );
        let mut query = sqlx::query(if found.is_nothing() { EDIT } else { EDIT_WATCHED })
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(permit.target().uuid())
            .bind(i32::try_from(version).unwrap_or(i32::MAX))
            .bind(body.as_str())
            .bind(Json(text))
            .bind(text.preview())
            .bind(at.to_datetime())
            .bind(caller.correlation().uuid());
        if !found.is_nothing() {
            query = query.bind(found.flagged).bind(found.masked);
        }
        let row = match query.fetch_one(&self.app).await.map_err(StoreError::from) {
            // The guard trigger: hidden between the opening and now, or before.
            Err(StoreError::Database(error)) if is_guard(&error, "messages_edit_hidden") => {
                return Ok(EditOutcome::Hidden);
            }
            other => other?,
        };
        Ok(match row.try_get("outcome")? {
            "updated" => EditOutcome::Updated(committed(EventKind::MessageUpdated, &row, caller)?),
            "not_found" => EditOutcome::NotFound,
            "deleted" => EditOutcome::Deleted,
            "version" => EditOutcome::Version,
            "window" => EditOutcome::WindowClosed,
            _ => return Err(StoreError::Inconsistent { table: "message_edit", column: "outcome" }),
        })
    }

    /// Makes the message that `permit` names a tombstone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_delete(
        &self,
        caller: &Caller,
        permit: Permit<MessageId>,
        at: Timestamp,
    ) -> Result<DeleteOutcome, StoreError> {
        assert!(
            matches!(permit.action(), Action::MessageDelete | Action::AdminModerate) && permit.user() == caller.user()
        );
        assert!(permit.company() == caller.company());
        let row = sqlx::query(DELETE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(permit.target().uuid())
            .bind(at.to_datetime())
            .bind(caller.correlation().uuid())
            .fetch_one(&self.app)
            .await?;
        Ok(match row.try_get("outcome")? {
            "deleted" => DeleteOutcome::Deleted(committed(EventKind::MessageDeleted, &row, caller)?),
            "not_found" => DeleteOutcome::NotFound,
            "beyond" => DeleteOutcome::Beyond,
            "already" => DeleteOutcome::Already,
            _ => return Err(StoreError::Inconsistent { table: "message_delete", column: "outcome" }),
        })
    }

    /// Threads of a conversation below position `before`, newest first, then their first replies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_page(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        before: i64,
        limit: u16,
    ) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(PAGE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(conversation.uuid())
            .bind(before)
            .bind(i32::from(limit))
            .bind(i32::from(limits::THREAD_PREVIEW_REPLIES))
            .fetch_all(&self.app)
            .await?;
        rows.iter().map(rows::message).collect()
    }

    /// Messages about a record in any conversation, before `(at, id)`, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_record_page(
        &self,
        caller: &Caller,
        record: &RecordKey,
        before: (Timestamp, MessageId),
        limit: u16,
    ) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(RECORD_PAGE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(record.kind.as_str())
            .bind(record.id.as_str())
            .bind(before.0.to_datetime())
            .bind(before.1.uuid())
            .bind(i32::from(limit))
            .fetch_all(&self.app)
            .await?;
        rows.iter().map(rows::message).collect()
    }

    /// The root of a thread and its replies after `after` (a path), in thread order. Empty when the root is not visible.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_thread(
        &self,
        caller: &Caller,
        root: MessageId,
        after: &[i64],
        limit: u16,
    ) -> Result<Option<(Message, Vec<Message>)>, StoreError> {
        let rows = sqlx::query(THREAD)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(root.uuid())
            .bind(after)
            .bind(i32::from(limit))
            .fetch_all(&self.app)
            .await?;
        let mut messages = rows.iter().map(rows::message).collect::<Result<Vec<_>, _>>()?.into_iter();
        Ok(messages.next().filter(|first| first.id == root).map(|first| (first, messages.collect())))
    }
}

impl super::CompanyTx {
    /// One message, if the caller may see it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_get(&mut self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let row = sqlx::query("-- store::message_get\nSELECT * FROM message_rows WHERE company_id = $1 AND id = $2")
            .bind(self.company.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(rows::message).transpose()
    }

    /// What the caller's key was answered when it was used first, and what it would be answered now: as far as they still see it. `None`:
    /// it was never used. Changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_replayed(
        &mut self,
        key: &str,
        request_hash: &[u8; 32],
    ) -> Result<Option<SendOutcome>, StoreError> {
        let row = sqlx::query(REPLAYED)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(key)
            .bind(request_hash.to_vec())
            .fetch_optional(&mut *self.tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(match row.try_get("outcome")? {
            "replayed" => SendOutcome::Replayed(Box::new(rows::message(&row)?)),
            "mismatch" => SendOutcome::Mismatch,
            "not_found" => SendOutcome::NotFound,
            _ => return Err(StoreError::Inconsistent { table: "message_replay", column: "outcome" }),
        }))
    }
}
