//! Moderation: reports, cases, acts, notices, mutes, blocks, word lists. Cases are opened and judged through two narrow doors of
//! `migrations/*_moderation.sql`; everything else is row-level security.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{Committed, CompanyTx, EventKind, LogEvent, Store, StoreError, message::is_guard, rows, tx};
use crate::{
    access::{Action, Permit, Resource, RoleKey},
    backend::{caller::Caller, words::Words},
    clock::Timestamp,
    domain::text::Document,
    ids::{CompanyId, ConversationId, MessageId, NoticeId, UserId},
    limits,
    wire::{
        CaseAct, CaseMessage, CaseReport, CaseState, CaseVersion, Moderate, ModerationAct, Notice, Person, ReasonCount,
        Report, ReportCase, ReportReason, WordEntry, WordList,
    },
};

/// A case, with what its verdict looks at.
#[derive(Clone, Debug)]
pub struct JudgedCase {
    /// The case.
    pub case: ReportCase,
    /// What governs the message.
    pub resource: Resource,
    /// What governs the conversation in which it stands; `None` for a record that this person does not see.
    pub place: Option<Resource>,
    /// The role of its author.
    pub author_role: RoleKey,
}

/// What is told when a case is opened.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The reported message, as it stands.
    pub message: CaseMessage,
    /// What was reported of it and is not there any more, the newest version first.
    pub reported: Vec<CaseVersion>,
    /// Those before it, oldest first.
    pub before: Vec<CaseMessage>,
    /// Those after it.
    pub after: Vec<CaseMessage>,
    /// Reports.
    pub reports: Vec<CaseReport>,
    /// Acts.
    pub acts: Vec<CaseAct>,
}

/// What became of an act.
#[derive(Clone, Debug)]
pub enum ActOutcome {
    /// It is done; its events, where there are some.
    Done(Option<Committed<LogEvent>>),
    /// It was so already.
    Already,
    /// Not reported, not theirs to judge, or their own.
    NotFound,
    /// The author administers more than the moderator.
    Beyond,
    /// The message has been deleted.
    Deleted,
    /// It stands in no group.
    NotAGroup,
}

/// What a conversation has to tell its viewer beside its messages.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Until when they may not write.
    pub muted_until: Option<Timestamp>,
    /// Notices that they have not acknowledged.
    pub notices: Vec<Notice>,
}

type Versions = HashMap<(CompanyId, i32), Arc<Words>>;

/// Word lists by company and version, which never change.
#[derive(Clone, Debug, Default)]
pub struct WordCache(Arc<RwLock<Versions>>);

const REPORT: &str = "-- store::report_insert
INSERT INTO message_reports (company_id, id, message_id, reporter_id, reason, note, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (company_id, message_id, reporter_id, version) DO NOTHING";
const REPORT_GET: &str = "-- store::report_get
SELECT r.reason, r.note, r.created_at FROM message_reports r WHERE r.company_id = $1 AND r.message_id = $2 AND r.reporter_id = $3
ORDER BY r.version DESC LIMIT 1";
const CASES: &str = "-- store::case_list
SELECT c.message_id, c.conversation_id, c.state, c.reasons, c.report_count, c.reported_at, c.resolved_at,
    c.author_id AS user_id, u.name, m.kind, m.job_title, m.role_key,
    r.kind AS record_kind, r.id AS record_id, r.owner_id AS record_owner_id, r.department_id AS record_department_id,
    r.project_id AS record_project_id, r.status AS record_status,
    q.kind AS place_kind, q.id AS place_id, q.owner_id AS place_owner_id, q.department_id AS place_department_id,
    q.project_id AS place_project_id, q.status AS place_status, place.id IS NOT NULL AND q.id IS NULL AS is_out_of_sight
FROM moderation_cases c
JOIN users u ON u.id = c.author_id
JOIN memberships m ON m.company_id = c.company_id AND m.user_id = c.author_id
LEFT JOIN linked_records r ON r.company_id = c.company_id AND r.kind = c.link_kind AND r.id = c.link_id
LEFT JOIN LATERAL app.case_place(c.message_id) AS place ON true
LEFT JOIN linked_records q ON q.company_id = c.company_id AND q.kind = place.kind AND q.id = place.id
WHERE c.company_id = $1 AND (r.id IS NOT NULL OR c.link_id IS NULL) AND ($2::uuid IS NULL OR c.message_id = $2)
AND ($3::text IS NULL OR c.state = $3) AND ($4::timestamptz IS NULL OR (c.reported_at, c.message_id) < ($4, $5))
ORDER BY c.reported_at DESC, c.message_id DESC LIMIT $6";
const OPEN: &str = "-- store::case_open
SELECT place, message_id, author_id AS user_id, author_name AS name, author_kind AS kind, author_job_title AS job_title, body, text_ast,
    created_at, edited_at, deleted_at, hidden_at, version, is_current, is_withheld
FROM app.case_open($1, $2, $3, $4, $5)";
const HISTORY: &str = "-- store::case_history
SELECT source, what, detail, until, everywhere, actor_name, at FROM app.case_history($1, $2, $3)";
const MODERATE: &str = "-- store::moderate
SELECT outcome, conversation_id, author_id, link_kind, link_id, event_seq FROM app.moderate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const NOTICES: &str = "-- store::notice_list
SELECT a.id, a.act, a.message_id, a.conversation_id, a.reason, a.until, a.everywhere, a.created_at FROM moderation_acts a
WHERE a.company_id = $1 AND a.user_id = $2 AND a.act <> 'resolve' AND a.acknowledged_at IS NULL AND ($3::uuid IS NULL OR a.conversation_id = $3)
ORDER BY a.created_at DESC, a.id DESC LIMIT $4";
const ACKNOWLEDGE: &str = "-- store::notice_acknowledge
UPDATE moderation_acts SET acknowledged_at = coalesce(acknowledged_at, $4) WHERE company_id = $1 AND id = $2 AND user_id = $3 AND act <> 'resolve'";
const MUTED: &str = "-- store::muted_until
SELECT app.muted_until($1, $2, $3) AS muted_until";
const BLOCK: &str = "-- store::block_put
INSERT INTO blocks AS b (company_id, user_id, blocked_id, created_at)
SELECT $1, $2, $3, $4
WHERE (SELECT count(*) FROM blocks x WHERE x.company_id = $1 AND x.user_id = $2 AND x.blocked_id <> $3 AND x.deleted_at IS NULL) < $5
ON CONFLICT (company_id, user_id, blocked_id) DO UPDATE SET
    created_at = CASE WHEN b.deleted_at IS NULL THEN b.created_at ELSE excluded.created_at END, deleted_at = NULL";
const UNBLOCK: &str = "-- store::block_lift
UPDATE blocks SET deleted_at = $4 WHERE company_id = $1 AND user_id = $2 AND blocked_id = $3 AND deleted_at IS NULL";
const BLOCKS: &str = "-- store::block_list
SELECT b.blocked_id AS user_id, u.name, m.kind, m.job_title FROM blocks b
JOIN users u ON u.id = b.blocked_id JOIN memberships m ON m.company_id = b.company_id AND m.user_id = b.blocked_id
WHERE b.company_id = $1 AND b.user_id = $2 AND b.deleted_at IS NULL ORDER BY u.name, b.blocked_id LIMIT $3";
const WORDS: &str = "-- store::word_list_get
SELECT w.version, w.entries, w.created_at, w.created_by FROM word_lists w WHERE w.company_id = $1 ORDER BY w.version DESC LIMIT 1";
const WORDS_PUT: &str = "-- store::word_list_insert
INSERT INTO word_lists (company_id, version, entries, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING";

const fn inconsistent(table: &'static str, column: &'static str) -> StoreError {
    StoreError::Inconsistent { table, column }
}

fn case(row: &PgRow) -> Result<JudgedCase, StoreError> {
    let Json(reasons) = row.try_get::<Json<std::collections::BTreeMap<String, u32>>, _>("reasons")?;
    let reasons = reasons
        .into_iter()
        .map(|(reason, count)| {
            let reason = ReportReason::parse(&reason).ok_or(inconsistent("moderation_cases", "reasons"))?;
            Ok(ReasonCount { reason, count })
        })
        .collect::<Result<_, StoreError>>()?;
    let resource = rows::resource(row, "record", "record_kind", "record_id")?;
    let case = ReportCase {
        message_id: MessageId::from_uuid(row.try_get("message_id")?),
        conversation_id: ConversationId::from_uuid(row.try_get("conversation_id")?),
        author: rows::person(row)?,
        record: resource.key().cloned(),
        state: CaseState::parse(row.try_get("state")?).ok_or(inconsistent("moderation_cases", "state"))?,
        reasons,
        report_count: u32::try_from(row.try_get::<i32, _>("report_count")?).unwrap_or(0),
        reported_at: rows::timestamp(row, "reported_at")?,
        resolved_at: rows::timestamp_or_null(row, "resolved_at")?,
    };
    let place = if row.try_get("is_out_of_sight")? {
        None
    } else {
        Some(rows::resource(row, "place", "place_kind", "place_id")?)
    };
    Ok(JudgedCase { case, resource, place, author_role: rows::role_key(row.try_get("role_key")?)? })
}

fn case_message(row: &PgRow) -> Result<CaseMessage, StoreError> {
    Ok(CaseMessage {
        id: MessageId::from_uuid(row.try_get("message_id")?),
        author: rows::person(row)?,
        body: row.try_get("body")?,
        text: row.try_get::<Json<Document>, _>("text_ast")?.0,
        created_at: rows::timestamp(row, "created_at")?,
        edited_at: rows::timestamp_or_null(row, "edited_at")?,
        deleted_at: rows::timestamp_or_null(row, "deleted_at")?,
        hidden_at: rows::timestamp_or_null(row, "hidden_at")?,
        withheld: row.try_get("is_withheld")?,
    })
}

fn case_version(row: &PgRow) -> Result<CaseVersion, StoreError> {
    Ok(CaseVersion {
        version: u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(0),
        body: row.try_get("body")?,
        text: row.try_get::<Json<Document>, _>("text_ast")?.0,
        created_at: rows::timestamp(row, "created_at")?,
    })
}

fn notice(row: &PgRow) -> Result<Notice, StoreError> {
    Ok(Notice {
        id: NoticeId::from_uuid(row.try_get("id")?),
        act: ModerationAct::parse(row.try_get("act")?).ok_or(inconsistent("moderation_acts", "act"))?,
        message_id: MessageId::from_uuid(row.try_get("message_id")?),
        conversation_id: ConversationId::from_uuid(row.try_get("conversation_id")?),
        reason: row.try_get("reason")?,
        until: rows::timestamp_or_null(row, "until")?,
        everywhere: row.try_get("everywhere")?,
        created_at: rows::timestamp(row, "created_at")?,
    })
}

impl CompanyTx {
    /// Reports a message as it stands; `false` when this person had reported this version before, `None` when it is a tombstone.
    ///
    /// # Errors
    /// When the database fails, or refuses what is not theirs to report.
    pub async fn report_insert(
        &mut self,
        id: Uuid,
        message: MessageId,
        reason: ReportReason,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let done = sqlx::query(REPORT)
            .bind(self.company.uuid())
            .bind(id)
            .bind(message.uuid())
            .bind(self.user.uuid())
            .bind(reason.as_str())
            .bind(note)
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await
            .map_err(StoreError::from);
        match done {
            // The trigger, under the message's lock: deleted between the opening and now.
            Err(StoreError::Database(error)) if is_guard(&error, "message_reports_tombstone") => Ok(None),
            other => Ok(Some(other?.rows_affected() == 1)),
        }
    }

    /// This person's own report of a message: that of its newest version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn report_get(&mut self, message: MessageId) -> Result<Option<Report>, StoreError> {
        let row = sqlx::query(REPORT_GET)
            .bind(self.company.uuid())
            .bind(message.uuid())
            .bind(self.user.uuid())
            .fetch_optional(&mut *self.tx)
            .await?;
        row.map(|row| {
            Ok(Report {
                message_id: message,
                reason: ReportReason::parse(row.try_get("reason")?).ok_or(inconsistent("message_reports", "reason"))?,
                note: row.try_get("note")?,
                created_at: rows::timestamp(&row, "created_at")?,
            })
        })
        .transpose()
    }

    /// Cases that this person may judge, the newest reports first, before a position.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_list(
        &mut self,
        state: CaseState,
        before: Option<(Timestamp, MessageId)>,
        limit: u16,
    ) -> Result<Vec<JudgedCase>, StoreError> {
        let rows = sqlx::query(CASES)
            .bind(self.company.uuid())
            .bind(None::<Uuid>)
            .bind(state.as_str())
            .bind(before.map(|before| before.0.to_datetime()))
            .bind(before.map(|before| before.1.uuid()))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(case).collect()
    }

    /// Tells the audit log that this person looks at the queue: once an hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_list_told(&mut self, caller: &Caller, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("-- store::case_list_told\nSELECT app.cases_listed($1, $2)")
            .bind(caller.correlation().uuid())
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_get(&mut self, message: MessageId) -> Result<Option<JudgedCase>, StoreError> {
        let row = sqlx::query(CASES)
            .bind(self.company.uuid())
            .bind(message.uuid())
            .bind(None::<&str>)
            .bind(None::<time::OffsetDateTime>)
            .bind(None::<Uuid>)
            .bind(1_i64)
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(case).transpose()
    }

    /// Opens the case that `permit` names, and says so in the audit log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_open(
        &mut self,
        caller: &Caller,
        permit: Permit<MessageId>,
        at: Timestamp,
    ) -> Result<Option<CaseView>, StoreError> {
        assert!(
            permit.action() == Action::AdminModerate && permit.user() == self.user && permit.company() == self.company
        );
        let (user, company, message) = (self.user.uuid(), self.company.uuid(), permit.target().uuid());
        let found = sqlx::query(OPEN)
            .bind(user)
            .bind(company)
            .bind(message)
            .bind(caller.correlation().uuid())
            .bind(at.to_datetime())
            .fetch_all(&mut *self.tx)
            .await?;
        let (mut before, mut standing, mut reported, mut after) = (Vec::new(), None, Vec::new(), Vec::new());
        for row in &found {
            match row.try_get::<i32, _>("place")? {
                0 if row.try_get("is_current")? => standing = Some(case_message(row)?),
                0 => reported.push(case_version(row)?),
                place if place < 0 => before.push(case_message(row)?),
                _ => after.push(case_message(row)?),
            }
        }
        let Some(message_shown) = standing else { return Ok(None) };
        let (mut reports, mut acts) = (Vec::new(), Vec::new());
        let history = sqlx::query(HISTORY).bind(user).bind(company).bind(message).fetch_all(&mut *self.tx).await?;
        for row in &history {
            let (what, created_at) = (row.try_get::<&str, _>("what")?, rows::timestamp(row, "at")?);
            if row.try_get::<&str, _>("source")? == "report" {
                let reason = ReportReason::parse(what).ok_or(inconsistent("message_reports", "reason"))?;
                reports.push(CaseReport { reason, note: row.try_get("detail")?, created_at });
            } else {
                acts.push(CaseAct {
                    act: ModerationAct::parse(what).ok_or(inconsistent("moderation_acts", "act"))?,
                    reason: row.try_get("detail")?,
                    until: rows::timestamp_or_null(row, "until")?,
                    everywhere: row.try_get("everywhere")?,
                    moderator: row.try_get("actor_name")?,
                    created_at,
                });
            }
        }
        Ok(Some(CaseView { message: message_shown, reported, before, after, reports, acts }))
    }

    /// Notices that this person has not acknowledged, newest first; of one conversation or all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notice_list(&mut self, conversation: Option<ConversationId>) -> Result<Vec<Notice>, StoreError> {
        let rows = sqlx::query(NOTICES)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(conversation.map(ConversationId::uuid))
            .bind(limits::NOTICES_MAX)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(notice).collect()
    }

    /// Notes that a notice of this person was read; whether there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notice_acknowledge(&mut self, id: NoticeId, at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(ACKNOWLEDGE)
            .bind(self.company.uuid())
            .bind(id.uuid())
            .bind(self.user.uuid())
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// What a conversation has to tell this person beside its messages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&mut self, conversation: ConversationId, at: Timestamp) -> Result<Standing, StoreError> {
        let row = sqlx::query(MUTED)
            .bind(self.user.uuid())
            .bind(conversation.uuid())
            .bind(at.to_datetime())
            .fetch_one(&mut *self.tx)
            .await?;
        let muted_until = rows::timestamp_or_null(&row, "muted_until")?;
        Ok(Standing { muted_until, notices: self.notice_list(Some(conversation)).await? })
    }

    /// Blocks somebody for this person; `false` when they block as many as they can.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn block_put(&mut self, blocked: UserId, at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(BLOCK)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(blocked.uuid())
            .bind(at.to_datetime())
            .bind(limits::BLOCKS_MAX)
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lifts a block of this person; whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn block_lift(&mut self, blocked: UserId, at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(UNBLOCK)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(blocked.uuid())
            .bind(at.to_datetime())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whom this person has blocked, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn block_list(&mut self) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(BLOCKS)
            .bind(self.company.uuid())
            .bind(self.user.uuid())
            .bind(limits::BLOCKS_MAX)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(rows::person).collect()
    }

    /// Whether this person would begin a direct conversation with somebody who has blocked them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_shut_out(&mut self, by: UserId) -> Result<bool, StoreError> {
        let (a, b) = (self.user.uuid().min(by.uuid()), self.user.uuid().max(by.uuid()));
        let row = sqlx::query("-- store::is_shut_out\nSELECT app.is_shut_out($1) AS yes")
            .bind(format!("{a}:{b}"))
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(row.try_get("yes")?)
    }

    /// The word list in force.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn word_list_get(&mut self) -> Result<WordList, StoreError> {
        let row = sqlx::query(WORDS).bind(self.company.uuid()).fetch_optional(&mut *self.tx).await?;
        let Some(row) = row else {
            return Ok(WordList { version: 0, entries: Vec::new(), created_at: None, created_by: None });
        };
        Ok(WordList {
            version: u32::try_from(row.try_get::<i32, _>("version")?).unwrap_or(0),
            entries: row.try_get::<Json<Vec<WordEntry>>, _>("entries")?.0,
            created_at: rows::timestamp_or_null(&row, "created_at")?,
            created_by: row.try_get::<Option<Uuid>, _>("created_by")?.map(UserId::from_uuid),
        })
    }

    /// Puts a word list in force as `version`; `false` when somebody was quicker.
    ///
    /// # Errors
    /// When the database fails, or refuses.
    pub async fn word_list_insert(
        &mut self,
        permit: &Permit<CompanyId>,
        version: u32,
        entries: &[WordEntry],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        assert!(
            permit.action() == Action::AdminModerate && permit.user() == self.user && permit.company() == self.company
        );
        let done = sqlx::query(WORDS_PUT)
            .bind(self.company.uuid())
            .bind(i32::try_from(version).unwrap_or(i32::MAX))
            .bind(Json(entries))
            .bind(at.to_datetime())
            .bind(self.user.uuid())
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Store {
    /// Does one thing about the reported message that `permit` names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn moderate(
        &self,
        caller: &Caller,
        permit: Permit<MessageId>,
        act: &Moderate,
        id: Uuid,
        at: Timestamp,
    ) -> Result<ActOutcome, StoreError> {
        assert!(
            permit.action() == Action::AdminModerate
                && permit.user() == caller.user()
                && permit.company() == caller.company()
        );
        let row = sqlx::query(MODERATE)
            .bind(caller.user().uuid())
            .bind(caller.company().uuid())
            .bind(permit.target().uuid())
            .bind(act.act.as_str())
            .bind(id)
            .bind(act.reason.as_str())
            .bind(act.until.map(Timestamp::to_datetime))
            .bind(act.everywhere)
            .bind(caller.correlation().uuid())
            .bind(at.to_datetime())
            .fetch_one(&self.app)
            .await?;
        Ok(match row.try_get("outcome")? {
            "done" => ActOutcome::Done(match row.try_get::<Option<i64>, _>("event_seq")? {
                None => None,
                // The last of its events: hubs that hear of it read everything before it, too.
                Some(seq) => Some(Committed::new(LogEvent {
                    company: caller.company(),
                    seq,
                    kind: EventKind::AccessChanged,
                    conversation: row.try_get::<Option<Uuid>, _>("conversation_id")?.map(ConversationId::from_uuid),
                    message: None,
                    record: None,
                    user: row.try_get::<Option<Uuid>, _>("author_id")?.map(UserId::from_uuid),
                })),
            }),
            "already" | "not_hidden" | "not_muted" => ActOutcome::Already,
            "not_found" => ActOutcome::NotFound,
            "beyond" => ActOutcome::Beyond,
            "deleted" => ActOutcome::Deleted,
            "record" | "direct" => ActOutcome::NotAGroup,
            _ => return Err(inconsistent("moderate", "outcome")),
        })
    }

    /// A version of a company's word list, from memory or the database. Read as the worker: what is in it is not for those whose
    /// messages it judges.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn words(&self, company: CompanyId, version: i32) -> Result<Arc<Words>, StoreError> {
        if version == 0 {
            return Ok(Arc::default());
        }
        let key = (company, version);
        if let Some(known) = self.words.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned() {
            return Ok(known);
        }
        let mut tx = tx::begin(&self.worker, UserId::from_uuid(Uuid::nil()), company).await?;
        let row = sqlx::query(
            "-- store::word_list_load\nSELECT w.entries FROM word_lists w WHERE w.company_id = $1 AND w.version = $2",
        )
        .bind(company.uuid())
        .bind(version)
        .fetch_one(&mut *tx)
        .await?;
        let Json(entries) = row.try_get::<Json<Vec<WordEntry>>, _>("entries")?;
        // It was checked when it was stored.
        let words = Arc::new(Words::new(&entries).map_err(|_| inconsistent("word_lists", "entries"))?);
        let mut cache = self.words.0.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= limits::WORD_LISTS_CACHED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&words));
        Ok(words)
    }
}
