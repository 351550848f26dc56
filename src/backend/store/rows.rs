//! From rows to wire types. Columns are read by name; a value that the code does not know is an error, never a guess.

use sqlx::{Row, postgres::PgRow, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::{
    access::{Narrowing, Resource, RoleKey, Subject},
    clock::Timestamp,
    domain::{LinkSource, MemberKind, RecordId, RecordKey, RecordKind, StatusWord, text::Document},
    ids::{ConversationId, DepartmentId, MessageId, ProjectId, UserId},
    wire::{LinkedRecord, Message, MessageLink, Money, Person},
};

pub(super) fn timestamp(row: &PgRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_datetime(row.try_get::<OffsetDateTime, _>(column)?))
}

pub(super) fn timestamp_or_null(row: &PgRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<OffsetDateTime>, _>(column)?.map(Timestamp::from_datetime))
}

pub(super) fn member_kind(text: &str) -> Result<MemberKind, StoreError> {
    match text {
        "internal" => Ok(MemberKind::Internal),
        "external" => Ok(MemberKind::External),
        _ => Err(StoreError::Inconsistent { table: "memberships", column: "kind" }),
    }
}

pub(super) fn role_key(text: &str) -> Result<RoleKey, StoreError> {
    RoleKey::new(text).map_err(|_| StoreError::Inconsistent { table: "memberships", column: "role_key" })
}

/// A member as policies see them: `user_id`, `role_key`, `department_id`, `projects`, and their kind in the column `kind`.
/// What an access hook takes from them is asked by itself, where a verdict follows.
pub(super) fn subject(row: &PgRow, kind: &str) -> Result<Subject, StoreError> {
    Ok(Subject {
        user: UserId::from_uuid(row.try_get("user_id")?),
        role: role_key(row.try_get("role_key")?)?,
        kind: member_kind(row.try_get(kind)?)?,
        department: row.try_get::<Option<Uuid>, _>("department_id")?.map(DepartmentId::from_uuid),
        projects: row.try_get::<Vec<Uuid>, _>("projects")?.into_iter().map(ProjectId::from_uuid).collect(),
        narrowing: Narrowing::None,
    })
}

/// What policies look at in the record that the columns `kind` and `id` name: `<of>_owner_id` and so on.
pub(super) fn resource(row: &PgRow, of: &str, kind: &str, id: &str) -> Result<Resource, StoreError> {
    let scope = |what: &str| row.try_get::<Option<Uuid>, _>(format!("{of}_{what}_id").as_str());
    Ok(match record_key(row.try_get(kind)?, row.try_get(id)?)? {
        None => Resource::Unlinked,
        Some(key) => Resource::Record {
            key,
            owner: scope("owner")?.map(UserId::from_uuid),
            department: scope("department")?.map(DepartmentId::from_uuid),
            project: scope("project")?.map(ProjectId::from_uuid),
            state: row.try_get::<Option<&str>, _>(format!("{of}_status").as_str())?.map(StatusWord::of_record),
        },
    })
}

/// The same of a row that is about a record: with the record's key.
pub(super) fn judged_record(row: &PgRow) -> Result<(RecordKey, Resource), StoreError> {
    let resource = resource(row, "record", "record_kind", "record_id")?;
    let key = resource.key().cloned().ok_or(StoreError::Inconsistent { table: "linked_records", column: "id" })?;
    Ok((key, resource))
}

pub(super) fn record_key(kind: Option<String>, id: Option<String>) -> Result<Option<RecordKey>, StoreError> {
    let wrong = StoreError::Inconsistent { table: "linked_records", column: "kind, id" };
    match (kind, id) {
        (Some(kind), Some(id)) => match (kind.parse::<RecordKind>(), RecordId::new(&id)) {
            (Ok(kind), Ok(id)) => Ok(Some(RecordKey { kind, id })),
            _ => Err(wrong),
        },
        (None, None) => Ok(None),
        _ => Err(wrong),
    }
}

pub(super) fn money(minor: Option<i64>, currency: Option<String>) -> Option<Money> {
    match (minor, currency) {
        (Some(minor), Some(currency)) => Some(Money { minor, currency }),
        _ => None,
    }
}

/// The record that governs a row of `message_rows`, as it was when the message was written.
pub(super) fn message_link(row: &PgRow) -> Result<Option<MessageLink>, StoreError> {
    let link = record_key(row.try_get("link_kind")?, row.try_get("link_id")?)?;
    let source: Option<String> = row.try_get("link_source")?;
    let title: Option<String> = row.try_get("link_title")?;
    Ok(match (link, source.as_deref().and_then(LinkSource::parse)) {
        (Some(record), Some(source)) => Some(MessageLink {
            title: title.unwrap_or_else(|| record.id.to_string()),
            record,
            source,
            amount: money(row.try_get("link_amount_minor")?, row.try_get("link_currency")?),
            status: row.try_get("link_status")?,
        }),
        _ => None,
    })
}

/// Who wrote a row of `message_rows`.
pub(super) fn author(row: &PgRow) -> Result<Person, StoreError> {
    Ok(Person {
        id: UserId::from_uuid(row.try_get("author_id")?),
        name: row.try_get("author_name")?,
        member_kind: member_kind(row.try_get("author_kind")?)?,
        job_title: row.try_get("author_job_title")?,
    })
}

/// A row of `message_rows`.
pub(super) fn message(row: &PgRow) -> Result<Message, StoreError> {
    Ok(Message {
        id: MessageId::from_uuid(row.try_get("id")?),
        conversation_id: ConversationId::from_uuid(row.try_get("conversation_id")?),
        seq: row.try_get("seq")?,
        parent_id: row.try_get::<Option<Uuid>, _>("parent_id")?.map(MessageId::from_uuid),
        root_id: MessageId::from_uuid(row.try_get("root_id")?),
        depth: u8::try_from(row.try_get::<i16, _>("depth")?).unwrap_or(u8::MAX),
        path: row.try_get("path")?,
        author: author(row)?,
        client_key: row.try_get("client_key")?,
        body: row.try_get("body")?,
        text: row.try_get::<Json<Document>, _>("text_ast")?.0,
        link: message_link(row)?,
        version: u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(1),
        created_at: timestamp(row, "created_at")?,
        edited_at: timestamp_or_null(row, "edited_at")?,
        deleted_at: timestamp_or_null(row, "deleted_at")?,
        hidden_at: timestamp_or_null(row, "hidden_at")?,
        // Null in what app.message_send() returns, whose message is new.
        moderated: u32::try_from(row.try_get::<Option<i32>, _>("moderated")?.unwrap_or(0)).unwrap_or(0),
        reply_count: u32::try_from(row.try_get::<i32, _>("reply_count")?).unwrap_or(0),
        last_reply_at: timestamp_or_null(row, "last_reply_at")?,
    })
}

/// A row of `linked_records`.
pub(super) fn record(row: &PgRow) -> Result<LinkedRecord, StoreError> {
    let key = record_key(row.try_get("kind")?, row.try_get("id")?)?
        .ok_or(StoreError::Inconsistent { table: "linked_records", column: "id" })?;
    Ok(LinkedRecord {
        kind: key.kind,
        id: key.id,
        title: row.try_get("title")?,
        amount: money(row.try_get("amount_minor")?, row.try_get("currency")?),
        status: row.try_get("status")?,
        url: row.try_get("url")?,
        owner_id: row.try_get::<Option<Uuid>, _>("owner_id")?.map(UserId::from_uuid),
        updated_at: timestamp(row, "updated_at")?,
    })
}

/// A row with `user_id`, `name`, `kind`, `job_title`.
pub(super) fn person(row: &PgRow) -> Result<Person, StoreError> {
    Ok(Person {
        id: UserId::from_uuid(row.try_get("user_id")?),
        name: row.try_get("name")?,
        member_kind: member_kind(row.try_get("kind")?)?,
        job_title: row.try_get("job_title")?,
    })
}
