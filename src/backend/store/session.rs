//! Sign-in, sessions, API keys, tickets; and the opening of every request: who asks, and the facts its verdict needs, in one
//! round trip.

use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, hook, rows};
use crate::{
    access::{Resource, Subject},
    backend::{
        caller::{Caller, Session},
        crypto::token::TokenHash,
    },
    clock::Timestamp,
    domain::{ConversationKind, Hue, LinkSource, RecordKey},
    ids::{CompanyId, ConversationId, CorrelationId, MessageId, SessionId, UserId},
    wire::{CompanyMembership, CompanySettings, SessionKind},
};

/// What a request is about, as far as its verdict depends on stored facts.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// This conversation.
    pub conversation: Option<ConversationId>,
    /// This message (and its conversation).
    pub message: Option<MessageId>,
    /// This record, to be linked; or, without a conversation, the one whose conversation is meant.
    pub record: Option<RecordKey>,
    /// Also by what a send there is counted.
    pub terms: bool,
}

/// By what a person's send is counted.
#[derive(Clone, Debug)]
pub struct SendTerms {
    /// Seconds between two messages of one person in the conversation; 0: no slow mode.
    pub slow_mode_s: u32,
    /// When the membership began.
    pub joined_at: Timestamp,
    /// When the company did.
    pub founded_at: Timestamp,
    /// What the company limits by itself.
    pub settings: CompanySettings,
}

/// A conversation, as its verdict needs it.
#[derive(Clone, Debug)]
pub struct ConversationFacts {
    /// Which.
    pub id: ConversationId,
    /// Direct, group or record.
    pub kind: ConversationKind,
    /// The record that it is about, with what policies look at; or none.
    pub resource: Resource,
}

/// A message, as its verdict needs it.
#[derive(Clone, Debug)]
pub struct MessageFacts {
    /// Which.
    pub id: MessageId,
    /// The beginning of its thread.
    pub root_id: MessageId,
    /// Its author.
    pub author_id: UserId,
    /// The record that governs it, and where that comes from.
    pub link: Option<(RecordKey, LinkSource)>,
}

/// What the database says about a [`Target`], as far as the caller may see it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The conversation; `None` when a record has none yet.
    pub conversation: Option<ConversationFacts>,
    /// The message.
    pub message: Option<MessageFacts>,
    /// What governs: the record to be linked, else the message's, else the conversation's, else none.
    pub resource: Resource,
    /// By what a send is counted, if that was asked.
    pub terms: Option<SendTerms>,
    /// Until when the caller may not write in the conversation, or begin one.
    pub muted_until: Option<Timestamp>,
    /// The version of the word list in force; 0: none.
    pub words_version: i32,
}

/// An opened request.
#[derive(Debug)]
pub struct Opened {
    /// Who asks.
    pub caller: Caller,
    /// The facts asked for; `None` when the target is not visible or does not exist: the two are not told apart.
    pub facts: Option<Facts>,
}

/// A session to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Of its token.
    pub token_hash: TokenHash,
    /// Whose.
    pub user: UserId,
    /// The company that it begins in.
    pub company: CompanyId,
    /// Browser or embedded.
    pub kind: SessionKind,
    /// The embedding page's origin.
    pub origin: Option<&'a str>,
    /// Now.
    pub at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The request that opens it, for the audit log.
    pub correlation: CorrelationId,
}

const OPEN: &str = "-- store::session_open
SELECT s.*, auth.narrowing(s.company_id, s.user_id, $1) AS narrowing FROM auth.session_open($1, $2) AS s";
const OPEN_KEY: &str = "-- store::api_key_open
SELECT k.*, auth.narrowing(k.company_id, k.user_id, $1) AS narrowing FROM auth.api_key_open($1) AS k";

// What is asked after app.facts() comes after it because it has entered the company, and is made of its rows.
macro_rules! with_facts {
    ($name:literal, $who:literal, $target:literal, $at:literal, $more:literal, $terms:literal) => {
        concat!(
            "-- store::",
            $name,
            "
SELECT s.*, auth.narrowing(s.company_id, s.user_id, $1) AS narrowing, f.conversation_id, f.conversation_kind, f.conversation_link_kind, f.conversation_link_id,
    f.conversation_owner_id, f.conversation_department_id, f.conversation_project_id, f.conversation_status,
    f.message_id, f.root_id, f.author_id, f.message_link_kind, f.message_link_id, f.message_link_source, f.record_kind, f.record_id,
    f.owner_id AS record_owner_id, f.department_id AS record_department_id, f.project_id AS record_project_id, f.status AS record_status,
    f.found, app.muted_until(s.user_id, f.conversation_id, ",
            $at,
            ") AS muted_until, app.word_list_version() AS words_version",
            $more,
            "
FROM ",
            $who,
            " AS s
LEFT JOIN LATERAL (SELECT x.*, true AS found FROM app.facts(s.user_id, s.company_id, ",
            $target,
            ") AS x) AS f ON true",
            $terms
        )
    };
    ($name:literal, $who:literal, $target:literal, $at:literal) => {
        with_facts!($name, $who, $target, $at, "", "")
    };
    ($name:literal, $who:literal, $target:literal, $at:literal, terms) => {
        with_facts!(
            $name,
            $who,
            $target,
            $at,
            ", t.slow_mode_s, t.joined_at, t.founded_at, t.limits_version, t.duplicates_max, t.duplicate_window_s,
    t.links_per_message, t.links_per_minute, t.mentions_per_message, t.mentions_per_minute, t.newcomer_hours, t.newcomer_percent",
            "
LEFT JOIN LATERAL app.send_terms(s.user_id, s.company_id, f.conversation_id) AS t ON f.found"
        )
    };
}

const OPEN_WITH_FACTS: &str =
    with_facts!("session_open_with_facts", "auth.session_open($1, $2)", "$3, $4, $5, $6", "$2");
const OPEN_TO_SEND: &str =
    with_facts!("session_open_to_send", "auth.session_open($1, $2)", "$3, $4, $5, $6", "$2", terms);
const OPEN_KEY_WITH_FACTS: &str =
    with_facts!("api_key_open_with_facts", "auth.api_key_open($1)", "$2, $3, $4, $5", "now()");
const OPEN_KEY_TO_SEND: &str =
    with_facts!("api_key_open_to_send", "auth.api_key_open($1)", "$2, $3, $4, $5", "now()", terms);

pub(super) fn session_kind(text: &str) -> Result<SessionKind, StoreError> {
    match text {
        "browser" => Ok(SessionKind::Browser),
        "embed" => Ok(SessionKind::Embed),
        _ => Err(StoreError::Inconsistent { table: "sessions", column: "kind" }),
    }
}

const fn session_kind_str(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::Browser => "browser",
        SessionKind::Embed => "embed",
    }
}

fn facts(row: &PgRow, with_terms: bool) -> Result<Option<Facts>, StoreError> {
    if row.try_get::<Option<bool>, _>("found")? != Some(true) {
        return Ok(None);
    }
    let conversation = match row.try_get::<Option<Uuid>, _>("conversation_id")? {
        None => None,
        Some(id) => Some(ConversationFacts {
            id: ConversationId::from_uuid(id),
            kind: ConversationKind::parse(row.try_get("conversation_kind")?)
                .ok_or(StoreError::Inconsistent { table: "conversations", column: "kind" })?,
            resource: rows::resource(row, "conversation", "conversation_link_kind", "conversation_link_id")?,
        }),
    };
    let message = match row.try_get::<Option<Uuid>, _>("message_id")? {
        None => None,
        Some(id) => {
            let link = rows::record_key(row.try_get("message_link_kind")?, row.try_get("message_link_id")?)?;
            let source =
                row.try_get::<Option<String>, _>("message_link_source")?.as_deref().and_then(LinkSource::parse);
            Some(MessageFacts {
                id: MessageId::from_uuid(id),
                root_id: MessageId::from_uuid(row.try_get("root_id")?),
                author_id: UserId::from_uuid(row.try_get("author_id")?),
                link: link.zip(source),
            })
        }
    };
    let resource = rows::resource(row, "record", "record_kind", "record_id")?;
    let (muted_until, words_version) = (rows::timestamp_or_null(row, "muted_until")?, row.try_get("words_version")?);
    let terms = if with_terms { Some(terms(row)?) } else { None };
    Ok(Some(Facts { conversation, message, resource, terms, muted_until, words_version }))
}

fn terms(row: &PgRow) -> Result<SendTerms, StoreError> {
    Ok(SendTerms {
        slow_mode_s: u32::try_from(row.try_get::<i32, _>("slow_mode_s")?).unwrap_or(0),
        joined_at: rows::timestamp(row, "joined_at")?,
        founded_at: rows::timestamp(row, "founded_at")?,
        settings: super::abuse::settings(row)?,
    })
}

impl Store {
    /// A row with the membership's columns, `company_id`, `policy_version` and `narrowing`.
    pub(super) async fn caller(
        &self,
        row: &PgRow,
        session: Option<Session>,
        correlation: CorrelationId,
        at: Timestamp,
    ) -> Result<Caller, StoreError> {
        let company = CompanyId::from_uuid(row.try_get("company_id")?);
        let subject = Subject { narrowing: hook::narrowing(row)?, ..rows::subject(row, "member_kind")? };
        let policy = self.policies.load(&self.app, company, subject.user, row.try_get("policy_version")?).await?;
        Ok(Caller::new(company, subject, policy, session, correlation, at))
    }

    /// Opens a request by session: the live session, its membership as of now, and the facts of `target` under row-level
    /// security; one round trip. `None` when there is no such live session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_open(
        &self,
        token: TokenHash,
        target: Option<&Target>,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<Option<Opened>, StoreError> {
        let query = if let Some(target) = target {
            sqlx::query(if target.terms { OPEN_TO_SEND } else { OPEN_WITH_FACTS })
                .bind(token.to_vec())
                .bind(at.to_datetime())
                .bind(target.conversation.map(ConversationId::uuid))
                .bind(target.message.map(MessageId::uuid))
                .bind(target.record.as_ref().map(|record| record.kind.as_str()))
                .bind(target.record.as_ref().map(|record| record.id.as_str()))
        } else {
            sqlx::query(OPEN).bind(token.to_vec()).bind(at.to_datetime())
        };
        let Some(row) = query.fetch_optional(&self.app).await? else { return Ok(None) };
        let session = Session {
            id: SessionId::from_uuid(row.try_get("session_id")?),
            kind: session_kind(row.try_get("session_kind")?)?,
            context_epoch: u32::try_from(row.try_get::<i32, _>("context_epoch")?).unwrap_or(0),
            expires_at: rows::timestamp(&row, "expires_at")?,
        };
        let facts = if let Some(target) = target { facts(&row, target.terms)? } else { None };
        Ok(Some(Opened { caller: self.caller(&row, Some(session), correlation, at).await?, facts }))
    }

    /// Opens a request by an ERP's API key, likewise.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key_open(
        &self,
        key: TokenHash,
        target: Option<&Target>,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<Option<Opened>, StoreError> {
        let query = if let Some(target) = target {
            sqlx::query(if target.terms { OPEN_KEY_TO_SEND } else { OPEN_KEY_WITH_FACTS })
                .bind(key.to_vec())
                .bind(target.conversation.map(ConversationId::uuid))
                .bind(target.message.map(MessageId::uuid))
                .bind(target.record.as_ref().map(|record| record.kind.as_str()))
                .bind(target.record.as_ref().map(|record| record.id.as_str()))
        } else {
            sqlx::query(OPEN_KEY).bind(key.to_vec())
        };
        let Some(row) = query.fetch_optional(&self.app).await? else { return Ok(None) };
        let facts = if let Some(target) = target { facts(&row, target.terms)? } else { None };
        Ok(Some(Opened { caller: self.caller(&row, None, correlation, at).await?, facts }))
    }

    /// The account of that address: its id and password hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account_get(&self, email: &str) -> Result<Option<(UserId, Option<String>)>, StoreError> {
        let row = sqlx::query("-- store::account_get\nSELECT user_id, password_hash FROM auth.account($1)")
            .bind(email)
            .fetch_optional(&self.app)
            .await?;
        row.map(|row| Ok((UserId::from_uuid(row.try_get("user_id")?), row.try_get("password_hash")?))).transpose()
    }

    /// Name, address, language and time zone of a person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile_get(&self, user: UserId) -> Result<Option<[String; 4]>, StoreError> {
        let row = sqlx::query("-- store::profile_get\nSELECT name, email, locale, time_zone FROM auth.profile($1)")
            .bind(user.uuid())
            .fetch_optional(&self.app)
            .await?;
        row.map(|row| {
            Ok([row.try_get("name")?, row.try_get("email")?, row.try_get("locale")?, row.try_get("time_zone")?])
        })
        .transpose()
    }

    /// The companies that a person is an active member of, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn company_list(&self, user: UserId) -> Result<Vec<CompanyMembership>, StoreError> {
        let rows = sqlx::query("-- store::company_list\nSELECT * FROM auth.companies($1)")
            .bind(user.uuid())
            .fetch_all(&self.app)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(CompanyMembership {
                    id: CompanyId::from_uuid(row.try_get("id")?),
                    name: row.try_get("name")?,
                    hue: Hue(u16::try_from(row.try_get::<i16, _>("hue")?).unwrap_or(0)),
                    role: rows::role_key(row.try_get("role_key")?)?,
                    role_name: row.try_get("role_name")?,
                    member_kind: rows::member_kind(row.try_get("kind")?)?,
                    reply_depth_max: u8::try_from(row.try_get::<i16, _>("reply_depth_max")?).unwrap_or(0),
                    edit_window_s: u32::try_from(row.try_get::<i32, _>("edit_window_s")?).unwrap_or(0),
                })
            })
            .collect()
    }

    /// Opens a session. `false` when the person is no active member of the company.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_create(&self, new: NewSession<'_>) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "-- store::session_create\nSELECT auth.session_create($1, $2, $3, $4, $5, $6, $7, $8, $9) AS created",
        )
        .bind(new.id.uuid())
        .bind(new.token_hash.to_vec())
        .bind(new.user.uuid())
        .bind(new.company.uuid())
        .bind(session_kind_str(new.kind))
        .bind(new.origin)
        .bind(new.at.to_datetime())
        .bind(new.expires_at.to_datetime())
        .bind(new.correlation.uuid())
        .fetch_one(&self.app)
        .await?;
        Ok(row.try_get("created")?)
    }

    /// Moves a session into another company under a new token. `false` when it is no live browser session, or the person no
    /// member there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_switch(
        &self,
        old: TokenHash,
        new: TokenHash,
        company: CompanyId,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("-- store::session_switch\nSELECT auth.session_switch($1, $2, $3, $4, $5) AS switched")
            .bind(old.to_vec())
            .bind(new.to_vec())
            .bind(company.uuid())
            .bind(at.to_datetime())
            .bind(correlation.uuid())
            .fetch_one(&self.app)
            .await?;
        Ok(row.try_get("switched")?)
    }

    /// Ends a session; which one it was and in which company, if it was live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_end(
        &self,
        token: TokenHash,
        at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<Option<(SessionId, CompanyId)>, StoreError> {
        let row = sqlx::query("-- store::session_end\nSELECT id, company_id FROM auth.session_end($1, $2, $3)")
            .bind(token.to_vec())
            .bind(at.to_datetime())
            .bind(correlation.uuid())
            .fetch_optional(&self.app)
            .await?;
        row.map(|row| Ok((SessionId::from_uuid(row.try_get("id")?), CompanyId::from_uuid(row.try_get("company_id")?))))
            .transpose()
    }

    /// Stores a one-time ticket for a session's socket.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ticket_create(
        &self,
        ticket: TokenHash,
        session: SessionId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("-- store::ticket_create\nSELECT auth.ticket_create($1, $2, $3)")
            .bind(ticket.to_vec())
            .bind(session.uuid())
            .bind(expires_at.to_datetime())
            .execute(&self.app)
            .await?;
        Ok(())
    }

    /// Uses a ticket up; the hash of its session's token, if it was good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ticket_redeem(&self, ticket: TokenHash, at: Timestamp) -> Result<Option<TokenHash>, StoreError> {
        let row = sqlx::query("-- store::ticket_redeem\nSELECT auth.ticket_redeem($1, $2) AS hash")
            .bind(ticket.to_vec())
            .bind(at.to_datetime())
            .fetch_one(&self.app)
            .await?;
        let hash: Option<Vec<u8>> = row.try_get("hash")?;
        Ok(hash.and_then(|hash| hash.try_into().ok()))
    }

    /// A company's embed key and the origins it may be used from.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn embed_key_get(
        &self,
        company: CompanyId,
        kid: &str,
    ) -> Result<Option<(Vec<u8>, Vec<String>)>, StoreError> {
        let row =
            sqlx::query("-- store::embed_key_get\nSELECT secret_sealed, embed_origins FROM auth.embed_key($1, $2)")
                .bind(company.uuid())
                .bind(kid)
                .fetch_optional(&self.app)
                .await?;
        row.map(|row| Ok((row.try_get("secret_sealed")?, row.try_get("embed_origins")?))).transpose()
    }

    /// The origins that may frame a company's widget; none for an unknown company.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn embed_origins(&self, company: CompanyId) -> Result<Vec<String>, StoreError> {
        let row = sqlx::query("-- store::embed_origins\nSELECT auth.embed_origins($1) AS origins")
            .bind(company.uuid())
            .fetch_one(&self.app)
            .await?;
        Ok(row.try_get::<Option<Vec<String>>, _>("origins")?.unwrap_or_default())
    }

    /// Records the use of an embed token; `false` when it was used before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn embed_token_use(
        &self,
        company: CompanyId,
        jti: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("-- store::embed_token_use\nSELECT auth.embed_token_use($1, $2, $3) AS first")
            .bind(company.uuid())
            .bind(jti)
            .bind::<OffsetDateTime>(expires_at.to_datetime())
            .fetch_one(&self.app)
            .await?;
        Ok(row.try_get("first")?)
    }

    /// The active member of a company with that address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_by_email(&self, company: CompanyId, email: &str) -> Result<Option<UserId>, StoreError> {
        let row = sqlx::query("-- store::member_by_email\nSELECT auth.member_by_email($1, $2) AS user_id")
            .bind(company.uuid())
            .bind(email)
            .fetch_one(&self.app)
            .await?;
        Ok(row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from_uuid))
    }
}
