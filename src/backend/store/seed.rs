//! The demo: two companies, eight people, their records and their talk. One set for development, tests and proofs of
//! isolation; never for production.
//!
//! Everything is said in `fixtures/seed.json`; this module turns it into rows. Ids are fixed, times are relative to the
//! moment of seeding, so that a newcomer finds a conversation of this morning. Who refers to the demo by name (tests,
//! the demo ERP) finds ids with [`company`], [`user`], [`conversation`] and [`message`]. Start reading at [`seed`].

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, de};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, types::Json};
use uuid::Uuid;

use super::grants::{PolicyPutError, policy_put};
use crate::{
    access::{Policy, RoleKey, Rule, preset},
    backend::crypto::{
        Sealer, password,
        seal::Purpose,
        token::{Token, sha256},
    },
    clock::{Clock, IdSource, Timestamp},
    domain::{RecordKey, conversation::ConversationKind},
    ids::{ApiKeyId, CompanyId, ConversationId, DepartmentId, MessageId, ProjectId, UserId},
};

/// The embed key that both demo companies have.
pub const EMBED_KID: &str = "demo";

/// All of `fixtures/seed.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fixture {
    /// Everybody's password. It opens the demo and nothing else.
    pub password: String,
    /// The people.
    pub people: Vec<Person>,
    /// The companies.
    pub companies: Vec<Company>,
}

/// One person.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Person {
    /// Their short name in the fixture.
    pub key: String,
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// What they sign in with.
    pub email: String,
    /// Their language.
    pub locale: String,
    /// Where their clock stands.
    pub time_zone: String,
}

/// One company with all it has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Company {
    /// Its short name in the fixture, and its slug.
    pub key: String,
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// Its colour, in degrees.
    pub hue: i16,
    /// How deep replies go.
    pub reply_depth_max: i16,
    /// How long a message can be edited, in seconds.
    pub edit_window_s: i32,
    /// The ERP's service account and its key.
    pub erp: Erp,
    /// With what its ERP signs embed tokens (HS256), under [`EMBED_KID`].
    pub embed_secret: String,
    /// Its departments.
    pub departments: Vec<Named<DepartmentId>>,
    /// Its projects.
    pub projects: Vec<Project>,
    /// Who is in it, as what.
    pub members: Vec<Member>,
    /// What it added to the presets, as version 2; without it the presets are in force as version 1.
    pub policy: Option<Addition>,
    /// The records that its ERP has told us of.
    pub records: Vec<Record>,
    /// Its talk.
    pub conversations: Vec<Conversation>,
}

/// A company's ERP, as one of its members.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Erp {
    /// The service account.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Its address; it has no password.
    pub email: String,
    /// The id of its API key.
    pub key_id: ApiKeyId,
    /// The API key itself.
    pub secret: String,
}

/// A department.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Named<Id> {
    /// Its short name in the fixture.
    pub key: String,
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
}

/// A project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// Its short name in the fixture.
    pub key: String,
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub members: Vec<String>,
}

/// What a person is in a company.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// Who.
    pub person: String,
    /// Their role.
    pub role: RoleKey,
    /// Their department.
    pub department: Option<String>,
    /// Whether they come from outside.
    #[serde(default)]
    pub external: bool,
    /// What they do.
    pub job_title: String,
}

/// Rules on top of the presets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addition {
    /// Why.
    pub comment: String,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// A record of the ERP.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// `kind/id`.
    #[serde(deserialize_with = "parsed")]
    pub record: RecordKey,
    /// Its title.
    pub title: String,
    /// Its amount.
    pub amount: Option<Amount>,
    /// Its status.
    pub status: Option<String>,
    /// Its owner.
    pub owner: Option<String>,
    /// Its department.
    pub department: Option<String>,
    /// Its project.
    pub project: Option<String>,
}

/// An amount of money.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Amount {
    /// In the currency's smallest unit.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A conversation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// Its short name within the company.
    pub key: String,
    /// Its id.
    pub id: ConversationId,
    /// Direct, group or record.
    #[serde(deserialize_with = "kind")]
    pub kind: ConversationKind,
    /// A group's title.
    pub title: Option<String>,
    /// What it is about.
    #[serde(default, deserialize_with = "parsed_or_none")]
    pub record: Option<RecordKey>,
    /// Who began it.
    pub by: String,
    /// Who is in it.
    pub with: Vec<String>,
    /// Up to which message who has read.
    pub read: BTreeMap<String, String>,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
}

/// A message. In its text `{@anna}` mentions Anna.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// Its short name within the conversation; its id is derived from it.
    pub key: String,
    /// Who wrote it.
    pub by: String,
    /// When, counted back from the moment of seeding.
    pub ago: Ago,
    /// Which message it answers.
    pub re: Option<String>,
    /// The record it is about, if it names one itself.
    #[serde(default, deserialize_with = "parsed_or_none")]
    pub about: Option<RecordKey>,
    /// What was changed later.
    pub edited: Option<Edited>,
    /// When its author deleted it.
    pub deleted: Option<Deleted>,
    /// Its Markdown, as it stands now (before it was deleted).
    pub text: String,
}

/// An edit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edited {
    /// When.
    pub ago: Ago,
    /// What it said before.
    pub from: String,
}

/// A deletion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deleted {
    /// When.
    pub ago: Ago,
}

/// A time before now, such as `2d5h30m`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ago(i64);

impl Ago {
    fn parse(text: &str) -> Option<Self> {
        let (mut seconds, mut digits) = (0, String::new());
        for c in text.chars() {
            let unit = match c {
                '0'..='9' => {
                    digits.push(c);
                    continue;
                }
                'd' => 86_400,
                'h' => 3_600,
                'm' => 60,
                _ => return None,
            };
            seconds += core::mem::take(&mut digits).parse::<i64>().ok()? * unit;
        }
        (digits.is_empty() && seconds > 0).then_some(Self(seconds))
    }

    fn before(self, now: Timestamp) -> Timestamp {
        now.plus_s(-self.0)
    }
}

impl<'de> Deserialize<'de> for Ago {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a time before now is written like 2d5h30m"))
    }
}

fn parsed<'de, D: de::Deserializer<'de>>(from: D) -> Result<RecordKey, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

fn parsed_or_none<'de, D: de::Deserializer<'de>>(from: D) -> Result<Option<RecordKey>, D::Error> {
    parsed(from).map(Some)
}

fn kind<'de, D: de::Deserializer<'de>>(from: D) -> Result<ConversationKind, D::Error> {
    ConversationKind::parse(&String::deserialize(from)?).ok_or_else(|| de::Error::custom("direct, group or record"))
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/seed.json")).expect("a test reads fixtures/seed.json")
});

/// What `fixtures/seed.json` says.
///
/// # Panics
/// Never: a test reads the file, which is part of the binary.
pub fn fixture() -> &'static Fixture {
    &FIXTURE
}

/// The demo company of that name.
///
/// # Panics
/// When there is none: the name is a constant of the caller.
pub fn company(key: &str) -> &'static Company {
    fixture().companies.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("the demo has no company {key}"))
}

/// The demo person of that name.
///
/// # Panics
/// When there is none.
pub fn person(key: &str) -> &'static Person {
    fixture().people.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("the demo has no person {key}"))
}

/// The id of the demo person of that name.
///
/// # Panics
/// When there is none.
pub fn user(key: &str) -> UserId {
    person(key).id
}

/// The id of a demo conversation, such as `nordwerk/dispute`.
///
/// # Panics
/// When there is none.
pub fn conversation(path: &str) -> ConversationId {
    let found =
        path.split_once('/').and_then(|(house, key)| company(house).conversations.iter().find(|it| it.key == key));
    found.unwrap_or_else(|| panic!("the demo has no conversation {path}")).id
}

/// The id of a demo message, such as `nordwerk/dispute/price`.
///
/// # Panics
/// When there is no such conversation.
pub fn message(path: &str) -> MessageId {
    let (talk, key) =
        path.rsplit_once('/').unwrap_or_else(|| panic!("a message is named company/conversation/message, not {path}"));
    message_id(conversation(talk), key)
}

impl Company {
    /// The id of the department of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn department(&self, key: &str) -> DepartmentId {
        self.departments
            .iter()
            .find(|it| it.key == key)
            .unwrap_or_else(|| panic!("{} has no department {key}", self.key))
            .id
    }

    /// The id of the project of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn project(&self, key: &str) -> ProjectId {
        self.projects.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("{} has no project {key}", self.key)).id
    }

    /// The policies in the order in which they came into force, with the reason for each.
    pub fn policies(&self) -> Vec<(Policy, &str)> {
        let first = preset::policy();
        let second = self.policy.as_ref().map(|added| {
            let rules = first.rules.iter().chain(&added.rules).cloned().collect();
            (Policy { rules, ..first.clone() }, added.comment.as_str())
        });
        [(first, "The presets")].into_iter().chain(second).collect()
    }

    fn record(&self, key: &RecordKey) -> &Record {
        self.records.iter().find(|it| it.record == *key).unwrap_or_else(|| panic!("{} has no record {key}", self.key))
    }
}

/// A fixed UUIDv7 for a thing that the fixture only names.
fn derived(of: Uuid, name: &str) -> Uuid {
    /// When the demo was made up: 2026-01-12T08:00:00Z.
    const MADE_MS: u64 = 1_768_204_800_000;
    let hash = sha256(&[of.as_bytes(), name.as_bytes()].concat());
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    uuid::Builder::from_unix_timestamp_millis(MADE_MS, &random).into_uuid()
}

fn message_id(talk: ConversationId, key: &str) -> MessageId {
    MessageId::from_uuid(derived(talk.uuid(), key))
}

/// The Markdown of a fixture's text, with `{@anna}` written out.
fn markdown(source: &str) -> String {
    let mut out = source.to_owned();
    for person in &fixture().people {
        let link = format!("[{}](postil:user/{})", person.name, person.id);
        out = out.replace(&format!("{{@{}}}", person.key), &link);
    }
    out
}

/// What [`seed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedReport {
    /// Whether the demo was written now. When it was there already, only its origins and sealed secrets were refreshed.
    pub written: bool,
    /// Companies of the demo.
    pub companies: usize,
    /// People of the demo.
    pub people: usize,
    /// Messages of the demo.
    pub messages: usize,
}

/// Why the demo was not written.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database refused; nothing of the demo is there.
    #[error("the database refused the demo")]
    Database(#[from] sqlx::Error),
    /// The policy was refused; nothing of the demo is there.
    #[error("the demo's policy was refused")]
    Policy(#[from] PolicyPutError),
    /// There are real people here: the demo's passwords and keys are public, so it must not be.
    #[error("the database has {people} people who are not of the demo: the demo is for empty databases")]
    NotEmpty {
        /// How many.
        people: i64,
    },
}

/// Writes the demo into the database at `owner_url`, in one transaction. A second time it only brings `origins` (which
/// pages may embed the widget; the first is where the demo ERP is) and sealed secrets up to date: a few milliseconds.
///
/// # Errors
/// [`SeedError::NotEmpty`] when there are other people in the database, the others when it refuses.
///
/// # Panics
/// Never: tests check the fixture.
pub async fn seed(
    owner_url: &str,
    sealer: &Sealer,
    ids: &dyn IdSource,
    clock: &dyn Clock,
    origins: &[String],
) -> Result<SeedReport, SeedError> {
    let fixture = fixture();
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    // One seeding at a time: the second waits here and then finds it done.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('postil/seed'))").execute(&mut *tx).await?;
    let (known, others): (bool, i64) = sqlx::query_as(
        "-- store::seed_known
        SELECT coalesce(bool_or(u.id = $1), false), count(*) FILTER (WHERE u.id <> ALL ($2)) FROM users u",
    )
    .bind(fixture.people[0].id.uuid())
    .bind(everyone().map(|(id, ..)| id.uuid()).collect::<Vec<_>>())
    .fetch_one(&mut *tx)
    .await?;
    if !known {
        if others > 0 {
            return Err(SeedError::NotEmpty { people: others });
        }
        people(&mut tx, ids, clock.now()).await?;
    }
    for company in &fixture.companies {
        sqlx::query("SELECT app.enter(NULL, $1)").bind(company.id.uuid()).execute(&mut *tx).await?;
        if !known {
            house(&mut tx, company, clock.now()).await?;
            Talk::of(company, clock.now(), origins).insert(&mut tx).await?;
        }
        doors(&mut tx, company, sealer, clock.now(), origins).await?;
    }
    tx.commit().await?;
    conn.close().await?;
    Ok(SeedReport {
        written: !known,
        companies: fixture.companies.len(),
        people: fixture.people.len(),
        messages: fixture.companies.iter().flat_map(|it| &it.conversations).map(|it| it.messages.len()).sum(),
    })
}

/// Everyone who gets a row in `users`: people and service accounts.
fn everyone() -> impl Iterator<Item = (UserId, &'static str, &'static str, Option<&'static Person>)> {
    let people = fixture().people.iter().map(|it| (it.id, it.email.as_str(), it.name.as_str(), Some(it)));
    people.chain(fixture().companies.iter().map(|it| (it.erp.id, it.erp.email.as_str(), it.erp.name.as_str(), None)))
}

/// Inserts rows given as JSON objects whose keys are columns; what PostgreSQL types need no spelling out here.
macro_rules! insert {
    ($conn:expr, $rows:expr, $table:literal, $columns:literal) => {
        sqlx::query(concat!(
            "-- store::seed (",
            $table,
            ")\nINSERT INTO ",
            $table,
            " (",
            $columns,
            ")\nSELECT ",
            $columns,
            " FROM jsonb_populate_recordset(NULL::",
            $table,
            ", $1)"
        ))
        .bind(Json($rows))
        .execute(&mut *$conn)
        .await?
    };
}

async fn people(conn: &mut PgConnection, ids: &dyn IdSource, now: Timestamp) -> Result<(), SeedError> {
    // One password, one hash: a few tens of milliseconds, once in the life of a database.
    let hash = password::hash(&fixture().password, ids);
    let at = now.plus_s(-40 * 86_400);
    let rows: Vec<Value> = everyone()
        .map(|(id, email, name, person)| {
            json!({
                "id": id.uuid(), "email": email, "name": name, "status": "active",
                "locale": person.map_or("en", |it| it.locale.as_str()),
                "time_zone": person.map_or("UTC", |it| it.time_zone.as_str()),
                "password_hash": person.map(|_| hash.as_str()), "created_at": at, "updated_at": at,
            })
        })
        .collect();
    insert!(conn, rows, "users", "id, email, name, locale, time_zone, password_hash, status, created_at, updated_at");
    Ok(())
}

/// Company, roles, policy, departments, projects, members.
async fn house(conn: &mut PgConnection, company: &Company, now: Timestamp) -> Result<(), SeedError> {
    let id = company.id.uuid();
    let at = now.plus_s(-30 * 86_400);
    let owner = company.members.iter().find(|it| it.role == RoleKey::OWNER).map(|it| user(&it.person));
    let by = owner.map(UserId::uuid);
    let stamped = |mut row: Value| {
        row["company_id"] = json!(id);
        row["created_at"] = json!(at);
        row["updated_at"] = json!(at);
        row["created_by"] = json!(by);
        row
    };
    let rows = vec![json!({
        "id": id, "name": company.name, "slug": company.key, "hue": company.hue,
        "reply_depth_max": company.reply_depth_max, "edit_window_s": company.edit_window_s,
        "embed_origins": [], "policy_version": 0,
        "created_at": at, "created_by": by, "updated_at": at,
    })];
    insert!(
        conn,
        rows,
        "companies",
        "id, name, slug, hue, reply_depth_max, edit_window_s, embed_origins, policy_version, \
         created_at, created_by, updated_at"
    );
    for ((policy, comment), version) in company.policies().into_iter().zip(1..) {
        policy_put(conn, company.id, version, &policy, comment, owner, at.plus_s(i64::from(version) * 86_400)).await?;
    }
    let rows: Vec<_> =
        company.departments.iter().map(|it| stamped(json!({ "id": it.id.uuid(), "name": it.name }))).collect();
    insert!(conn, rows, "departments", "company_id, id, name, created_at, created_by, updated_at");
    let rows: Vec<_> =
        company.projects.iter().map(|it| stamped(json!({ "id": it.id.uuid(), "name": it.name }))).collect();
    insert!(conn, rows, "projects", "company_id, id, name, created_at, created_by, updated_at");
    let mut rows: Vec<_> = company
        .members
        .iter()
        .map(|it| {
            stamped(json!({
                "user_id": user(&it.person).uuid(), "role_key": it.role.as_str(), "job_title": it.job_title,
                "status": "active", "kind": if it.external { "external" } else { "internal" },
                "department_id": it.department.as_ref().map(|key| company.department(key).uuid()),
            }))
        })
        .collect();
    rows.push(stamped(json!({
        "user_id": company.erp.id.uuid(), "role_key": RoleKey::INTEGRATION.as_str(), "kind": "internal",
        "status": "active",
    })));
    insert!(
        conn,
        rows,
        "memberships",
        "company_id, user_id, role_key, department_id, kind, job_title, status, created_at, created_by, updated_at"
    );
    let rows: Vec<_> = company
        .projects
        .iter()
        .flat_map(|it| it.members.iter().map(|key| (it.id, user(key))))
        .map(|(project, user)| stamped(json!({ "project_id": project.uuid(), "user_id": user.uuid() })))
        .collect();
    insert!(conn, rows, "project_members", "company_id, project_id, user_id, created_at, created_by, updated_at");
    Ok(())
}

/// The ways in: the ERP's key, the embed key, the origins. They depend on the machine, so every run looks after them.
async fn doors(
    conn: &mut PgConnection,
    company: &Company,
    sealer: &Sealer,
    now: Timestamp,
    origins: &[String],
) -> Result<(), SeedError> {
    let token = Token::parse(&company.erp.secret).expect("a test checks the outline of the demo's keys");
    let sealed = sealer.seal(Purpose::EmbedSecret, company.id, company.embed_secret.as_bytes());
    sqlx::query(
        "-- store::seed_api_key
        INSERT INTO api_keys (company_id, id, user_id, name, key_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING",
    )
    .bind(company.id.uuid())
    .bind(company.erp.key_id.uuid())
    .bind(company.erp.id.uuid())
    .bind(&company.erp.name)
    .bind(token.hash())
    .bind(now.to_datetime())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "-- store::seed_embed_key
        INSERT INTO embed_keys AS k (company_id, kid, secret_sealed, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (company_id, kid) DO UPDATE SET secret_sealed = excluded.secret_sealed
        WHERE k.secret_sealed <> excluded.secret_sealed",
    )
    .bind(company.id.uuid())
    .bind(EMBED_KID)
    .bind(sealed)
    .bind(now.to_datetime())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "-- store::seed_origins
        UPDATE companies SET embed_origins = $2, updated_at = $3 WHERE id = $1 AND embed_origins <> $2",
    )
    .bind(company.id.uuid())
    .bind(origins)
    .bind(now.to_datetime())
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows of everything that is said, in the order in which they can be inserted.
#[derive(Debug, Default)]
struct Talk {
    records: Vec<Value>,
    conversations: Vec<Value>,
    participants: Vec<Value>,
    messages: Vec<Value>,
    threads: Vec<Value>,
    versions: Vec<Value>,
    links: Vec<Value>,
    receipts: Vec<Value>,
    notifications: Vec<Value>,
    presence: Vec<Value>,
    events: Vec<Value>,
    audit: Vec<Value>,
    stream: Vec<Value>,
}

/// A message's bare id, as it is on the wire.
fn wire_message(id: &Value) -> Option<String> {
    id.as_str().and_then(|id| id.parse().ok()).map(|id| MessageId::from_uuid(id).to_string())
}

/// A message that is placed in its conversation.
struct Placed {
    id: Uuid,
    root: Uuid,
    path: Vec<i64>,
    at: Timestamp,
    link: Option<(RecordKey, &'static str)>,
    replies: i64,
    last_reply_at: Timestamp,
    is_mixed: bool,
}

impl Talk {
    /// The rows of `company`'s records and conversations, as of `now`.
    fn of(company: &'static Company, now: Timestamp, origins: &[String]) -> Self {
        let mut talk = Self::default();
        let mut happened = Vec::new();
        talk.records(company, now, origins, &mut happened);
        for conversation in &company.conversations {
            talk.conversation(company, conversation, now, &mut happened);
        }
        talk.presence(company, now);
        // Stable: what happened in the same second stays in the order in which it was told.
        happened.sort_by_key(|(at, _)| *at);
        for ((at, mut event), seq) in happened.into_iter().zip(1_i64..) {
            event["company_id"] = json!(company.id.uuid());
            event["seq"] = json!(seq);
            event["at"] = json!(at);
            talk.events.push(event);
        }
        talk.audit(company);
        talk.stream.push(json!({
            "company_id": company.id.uuid(), "last_seq": talk.events.len(), "audit_seq": 0,
        }));
        talk
    }

    fn records(
        &mut self,
        company: &Company,
        now: Timestamp,
        origins: &[String],
        happened: &mut Vec<(Timestamp, Value)>,
    ) {
        let at = now.plus_s(-20 * 86_400);
        for it in &company.records {
            let (kind, id) = (it.record.kind.as_str(), it.record.id.as_str());
            self.records.push(json!({
                "company_id": company.id.uuid(), "kind": kind, "id": id, "title": it.title, "status": it.status,
                "amount_minor": it.amount.as_ref().map(|amount| amount.minor),
                "currency": it.amount.as_ref().map(|amount| amount.currency.as_str()),
                "url": origins.first().map(|origin| format!("{origin}/demo/{}/{kind}/{id}", company.key)),
                "owner_id": it.owner.as_ref().map(|key| user(key).uuid()),
                "department_id": it.department.as_ref().map(|key| company.department(key).uuid()),
                "project_id": it.project.as_ref().map(|key| company.project(key).uuid()),
                "created_at": at, "created_by": company.erp.id.uuid(), "updated_at": at,
            }));
            happened.push((
                at,
                json!({ "kind": "record.updated", "link_kind": kind, "link_id": id, "user_id": company.erp.id.uuid() }),
            ));
        }
    }

    fn conversation(
        &mut self,
        company: &Company,
        it: &'static Conversation,
        now: Timestamp,
        happened: &mut Vec<(Timestamp, Value)>,
    ) {
        let (house, id, by) = (company.id.uuid(), it.id.uuid(), user(&it.by).uuid());
        let first = it.messages.first().map_or(now, |first| first.ago.before(now));
        let created_at = first.plus_s(-30);
        let direct_key = (it.kind == ConversationKind::Direct).then(|| {
            let mut pair: Vec<String> = it.with.iter().map(|key| user(key).uuid().to_string()).collect();
            pair.sort_unstable();
            pair.join(":")
        });
        self.conversations.push(json!({
            "company_id": house, "id": id, "kind": it.kind.as_str(), "title": it.title, "direct_key": direct_key,
            "link_kind": it.record.as_ref().map(|key| key.kind.as_str()),
            "link_id": it.record.as_ref().map(|key| key.id.as_str()),
            "last_seq": it.messages.len(),
            "activity_at": it.messages.last().map_or(created_at, |last| last.ago.before(now)),
            "created_at": created_at, "created_by": by, "updated_at": created_at,
        }));
        happened.push((created_at, json!({ "kind": "conversation.updated", "conversation_id": id, "user_id": by })));
        for key in &it.with {
            self.participants.push(json!({
                "company_id": house, "conversation_id": id, "user_id": user(key).uuid(),
                "created_at": created_at, "created_by": by, "updated_at": created_at,
            }));
        }
        let mut placed: BTreeMap<&str, Placed> = BTreeMap::new();
        for (message, seq) in it.messages.iter().zip(1_i64..) {
            let place = Placed::new(it, message, seq, &placed, now);
            if let Some(parent) = message.re.as_deref() {
                let root = it.root_of(parent);
                if let Some(root) = placed.get_mut(root) {
                    root.replies += 1;
                    root.last_reply_at = place.at;
                    root.is_mixed |= place.link.as_ref().is_some_and(|(_, source)| *source == "own");
                }
            }
            self.message(company, it, message, &place, now, happened);
            placed.insert(&message.key, place);
        }
        self.threads.extend(placed.values().filter(|root| root.replies > 0).map(|root| {
            json!({
                "company_id": house, "root_id": root.id, "conversation_id": id, "reply_count": root.replies,
                "last_reply_at": root.last_reply_at, "is_mixed": root.is_mixed, "updated_at": root.last_reply_at,
            })
        }));
        for (key, upto) in &it.read {
            let place = &placed[upto.as_str()];
            self.receipts.push(json!({
                "company_id": house, "conversation_id": id, "user_id": user(key).uuid(), "read_seq": place.path.last(),
                "read_at": place.at.plus_s(90).min(now),
            }));
        }
    }

    fn message(
        &mut self,
        company: &Company,
        conversation: &Conversation,
        it: &Message,
        place: &Placed,
        now: Timestamp,
        happened: &mut Vec<(Timestamp, Value)>,
    ) {
        let (house, by, at, seq) = (company.id.uuid(), user(&it.by).uuid(), place.at, place.path.last().copied());
        let body = markdown(&it.text);
        let document = crate::backend::markdown::parse(&body);
        let edited_at = it.edited.as_ref().map(|edit| edit.ago.before(now));
        let deleted_at = it.deleted.as_ref().map(|gone| gone.ago.before(now));
        let version = 1 + i32::from(it.edited.is_some());
        let (link_kind, link_id) = (
            place.link.as_ref().map(|(key, _)| key.kind.as_str()),
            place.link.as_ref().map(|(key, _)| key.id.as_str()),
        );
        let parent = it.re.as_ref().map(|re| message_id(conversation.id, re).uuid());
        self.messages.push(json!({
            "company_id": house, "id": place.id, "conversation_id": conversation.id.uuid(), "seq": seq,
            "parent_id": parent, "root_id": place.root, "path": place.path, "depth": place.path.len() - 1,
            "author_id": by, "body": if deleted_at.is_none() { body.as_str() } else { "" },
            "text_ast": if deleted_at.is_none() { json!(document) } else { json!([]) },
            "preview": if deleted_at.is_none() { document.preview() } else { String::new() },
            "link_kind": link_kind, "link_id": link_id, "link_source": place.link.as_ref().map(|(_, source)| *source),
            "version": version, "created_at": at, "created_by": by,
            "updated_at": deleted_at.or(edited_at).unwrap_or(at), "edited_at": edited_at,
            "deleted_at": deleted_at, "deleted_by": deleted_at.map(|_| by),
        }));
        let version_row = |version: i32, body: &str, at: Timestamp| {
            json!({
                "company_id": house, "message_id": place.id, "version": version, "body": body,
                "text_ast": crate::backend::markdown::parse(body), "created_at": at, "created_by": by,
            })
        };
        if let (Some(edit), Some(edited_at)) = (&it.edited, edited_at) {
            self.versions.push(version_row(1, &markdown(&edit.from), at));
            self.versions.push(version_row(2, &body, edited_at));
        } else {
            self.versions.push(version_row(1, &body, at));
        }
        if let Some((key, _)) = &place.link {
            let record = company.record(key);
            self.links.push(json!({
                "company_id": house, "message_id": place.id, "kind": link_kind, "record_id": link_id,
                "title": record.title, "amount_minor": record.amount.as_ref().map(|amount| amount.minor),
                "currency": record.amount.as_ref().map(|amount| amount.currency.as_str()),
                "status": record.status, "created_at": at, "created_by": by,
            }));
        }
        for mentioned in document.mentions().into_iter().filter(|mentioned| mentioned.uuid() != by) {
            let seen = conversation.read.iter().any(|(key, upto)| {
                user(key) == mentioned && conversation.position(upto) >= conversation.position(&it.key)
            });
            self.notifications.push(json!({
                "company_id": house, "id": derived(place.id, &mentioned.to_string()), "user_id": mentioned.uuid(),
                "kind": "mention", "message_id": place.id, "created_at": at,
                "seen_at": seen.then(|| at.plus_s(90).min(now)),
            }));
        }
        let event = |kind: &str| {
            json!({
                "kind": kind, "conversation_id": conversation.id.uuid(), "message_id": place.id,
                "link_kind": link_kind, "link_id": link_id, "user_id": by,
            })
        };
        happened.push((at, event(if it.re.is_none() { "message.created" } else { "thread.reply.created" })));
        happened.extend(edited_at.map(|at| (at, event("message.updated"))));
        happened.extend(deleted_at.map(|at| (at, event("message.deleted"))));
    }

    /// Last seen when they wrote last.
    fn presence(&mut self, company: &Company, now: Timestamp) {
        for member in &company.members {
            let wrote = company.conversations.iter().flat_map(|it| &it.messages).filter(|it| it.by == member.person);
            let seen_at = wrote.map(|it| it.ago.before(now)).max().unwrap_or(now.plus_s(-86_400));
            self.presence.push(json!({
                "company_id": company.id.uuid(), "user_id": user(&member.person).uuid(), "status": "offline",
                "last_seen_at": seen_at.plus_s(60).min(now),
            }));
        }
    }

    /// Edits and deletions, as the doors would have written them. Their positions and hashes are the database's.
    fn audit(&mut self, company: &Company) {
        let kept = self.events.iter().filter_map(|event| {
            let (action, detail) = match event["kind"].as_str() {
                Some("message.updated") => ("message.edit", json!({ "version": 2 })),
                Some("message.deleted") => ("message.delete", json!({ "author": event["user_id"] })),
                _ => return None,
            };
            Some((action, detail, event))
        });
        self.audit = kept
            .map(|(action, detail, event)| {
                json!({
                    "company_id": company.id.uuid(), "action": action, "actor_id": event["user_id"],
                    "target": wire_message(&event["message_id"]), "detail": detail, "at": event["at"],
                })
            })
            .collect();
    }

    async fn insert(self, conn: &mut PgConnection) -> Result<(), SeedError> {
        insert!(
            conn,
            self.records,
            "linked_records",
            "company_id, kind, id, title, amount_minor, currency, status, url, owner_id, department_id, project_id, \
             created_at, created_by, updated_at"
        );
        insert!(
            conn,
            self.conversations,
            "conversations",
            "company_id, id, kind, title, direct_key, link_kind, link_id, last_seq, activity_at, \
             created_at, created_by, updated_at"
        );
        insert!(
            conn,
            self.participants,
            "participants",
            "company_id, conversation_id, user_id, created_at, created_by, updated_at"
        );
        insert!(
            conn,
            self.messages,
            "messages",
            "company_id, id, conversation_id, seq, parent_id, root_id, path, depth, author_id, body, text_ast, \
             preview, link_kind, link_id, link_source, version, created_at, created_by, updated_at, edited_at, \
             deleted_at, deleted_by"
        );
        insert!(
            conn,
            self.threads,
            "threads",
            "company_id, root_id, conversation_id, reply_count, last_reply_at, is_mixed, updated_at"
        );
        insert!(
            conn,
            self.versions,
            "message_versions",
            "company_id, message_id, version, body, text_ast, created_at, created_by"
        );
        insert!(
            conn,
            self.links,
            "message_links",
            "company_id, message_id, kind, record_id, title, amount_minor, currency, status, created_at, created_by"
        );
        insert!(conn, self.receipts, "read_receipts", "company_id, conversation_id, user_id, read_seq, read_at");
        insert!(
            conn,
            self.notifications,
            "notification_queue",
            "company_id, id, user_id, kind, message_id, created_at, seen_at"
        );
        insert!(conn, self.presence, "user_presence", "company_id, user_id, status, last_seen_at");
        insert!(conn, self.stream, "company_stream", "company_id, last_seq, audit_seq");
        insert!(
            conn,
            self.events,
            "event_log",
            "company_id, seq, kind, conversation_id, message_id, link_kind, link_id, user_id, at"
        );
        insert!(conn, self.audit, "audit_log", "company_id, action, actor_id, target, detail, at");
        Ok(())
    }
}

impl Conversation {
    fn position(&self, key: &str) -> Option<usize> {
        self.messages.iter().position(|it| it.key == key)
    }

    fn root_of<'a>(&'a self, key: &'a str) -> &'a str {
        let parent = self.messages.iter().find(|it| it.key == key).and_then(|it| it.re.as_deref());
        parent.map_or(key, |parent| self.root_of(parent))
    }
}

impl Placed {
    fn new(talk: &Conversation, it: &Message, seq: i64, before: &BTreeMap<&str, Self>, now: Timestamp) -> Self {
        let id = message_id(talk.id, &it.key).uuid();
        let at = it.ago.before(now);
        let parent = it.re.as_deref().and_then(|re| before.get(re));
        let inherited = parent.and_then(|parent| parent.link.as_ref()).filter(|(_, source)| *source != "conversation");
        let link = match (inherited, &it.about, &talk.record) {
            (Some((key, _)), _, _) => Some((key.clone(), "parent")),
            (None, Some(key), _) => Some((key.clone(), "own")),
            (None, None, Some(key)) => Some((key.clone(), "conversation")),
            (None, None, None) => None,
        };
        let mut path = parent.map_or_else(Vec::new, |parent| parent.path.clone());
        path.push(seq);
        Self {
            id,
            root: parent.map_or(id, |parent| parent.root),
            path,
            at,
            link,
            replies: 0,
            last_reply_at: at,
            is_mixed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        access::{Action, Narrowing, Resource, Subject, decide},
        domain::{
            MemberKind, MessageBody, StatusWord, Title,
            text::{self, Inline},
        },
        limits,
    };

    fn subject(company: &Company, key: &str) -> Subject {
        let member = company.members.iter().find(|it| it.person == key).unwrap();
        Subject {
            user: user(key),
            role: member.role.clone(),
            kind: if member.external { MemberKind::External } else { MemberKind::Internal },
            department: member.department.as_ref().map(|key| company.department(key)),
            projects: company
                .projects
                .iter()
                .filter(|it| it.members.iter().any(|m| m == key))
                .map(|it| it.id)
                .collect(),
            narrowing: Narrowing::None,
        }
    }

    fn resource(company: &Company, key: Option<&RecordKey>) -> Resource {
        key.map_or(Resource::Unlinked, |key| {
            let it = company.record(key);
            Resource::Record {
                key: key.clone(),
                owner: it.owner.as_ref().map(|key| user(key)),
                department: it.department.as_ref().map(|key| company.department(key)),
                project: it.project.as_ref().map(|key| company.project(key)),
                state: it.status.as_deref().map(StatusWord::of_record),
            }
        })
    }

    fn may(company: &Company, person: &str, action: Action, key: Option<&RecordKey>) -> bool {
        let policy = company.policies().pop().unwrap().0;
        let at = Timestamp::from_micros(0);
        decide(&policy, &subject(company, person), action, &resource(company, key), at).is_allowed()
    }

    fn all() -> impl Iterator<Item = (&'static Company, &'static Conversation, &'static Message)> {
        fixture().companies.iter().flat_map(|company| {
            company.conversations.iter().flat_map(move |talk| talk.messages.iter().map(move |it| (company, talk, it)))
        })
    }

    #[test]
    fn two_companies_and_eight_people_three_of_them_in_both_as_something_else() {
        let [a, b] = fixture().companies.as_slice() else { panic!("two companies") };
        assert_eq!(fixture().people.len(), 8);
        let both: Vec<_> = a
            .members
            .iter()
            .filter_map(|here| Some((here, b.members.iter().find(|there| there.person == here.person)?)))
            .collect();
        assert_eq!(both.len(), 3);
        assert!(both.iter().all(|(here, there)| here.role != there.role));
        let here: BTreeSet<_> = a.members.iter().map(|it| it.role.as_str()).collect();
        assert_eq!(here, BTreeSet::from(["owner", "admin", "manager", "staff", "external"]));
    }

    #[test]
    fn the_policies_are_valid_and_one_company_denies_more() {
        for company in &fixture().companies {
            assert!(company.policies().iter().all(|(policy, _)| policy.validate().is_ok()));
        }
        assert_eq!(company("nordwerk").policies().len(), 2);
        assert_eq!(company("alba").policies().len(), 1);
    }

    #[test]
    fn secrets_have_their_outline_and_say_what_they_are() {
        assert!(fixture().password.chars().count() >= limits::PASSWORD_CHARS_MIN);
        for company in &fixture().companies {
            assert!(Token::parse(&company.erp.secret).is_some(), "{}", company.erp.secret.len());
            assert!(company.embed_secret.len() >= 32);
            assert!(company.erp.secret.starts_with("dev-") && company.embed_secret.starts_with("dev-"));
        }
    }

    #[test]
    fn ids_are_version_7_and_unique() {
        let mut seen = BTreeSet::new();
        for company in &fixture().companies {
            let parts =
                company.departments.iter().map(|it| it.id.uuid()).chain(company.projects.iter().map(|it| it.id.uuid()));
            for id in parts.chain(company.conversations.iter().map(|it| it.id.uuid())).chain([company.id.uuid()]) {
                assert!(seen.insert(id) && id.get_version_num() == 7, "{id}");
            }
        }
        for (id, ..) in everyone() {
            assert!(seen.insert(id.uuid()) && id.uuid().get_version_num() == 7, "{id}");
        }
        for (_, talk, it) in all() {
            let id = message_id(talk.id, &it.key).uuid();
            assert!(seen.insert(id) && id.get_version_num() == 7, "{}/{}", talk.key, it.key);
        }
    }

    #[test]
    fn everyone_says_only_what_the_policy_lets_them_say() {
        for (company, talk, it) in all() {
            let name = format!("{}/{}/{}", company.key, talk.key, it.key);
            assert!(talk.with.contains(&it.by), "{name}");
            let root = talk.messages.iter().find(|m| m.key == talk.root_of(&it.key)).unwrap();
            let about = root.about.as_ref().or(talk.record.as_ref());
            let action = if it.re.is_some() { Action::MessageReply } else { Action::MessageCreate };
            assert!(may(company, &it.by, action, about), "{name}");
            assert!(may(company, &it.by, Action::ThreadRead, talk.record.as_ref()), "{name}");
            for mentioned in crate::backend::markdown::parse(&markdown(&it.text)).mentions() {
                assert!(talk.with.iter().any(|key| user(key) == mentioned), "{name} mentions someone outside");
            }
            assert!(!markdown(&it.text).contains("{@"), "{name} mentions nobody");
        }
    }

    #[test]
    fn everything_fits_its_bounds_and_stands_in_order() {
        for company in &fixture().companies {
            for talk in &company.conversations {
                assert!(talk.title.as_ref().is_none_or(|title| Title::new(title).is_ok()), "{}", talk.key);
                assert!(talk.messages.windows(2).all(|pair| pair[0].ago > pair[1].ago), "{} is out of order", talk.key);
                assert!(talk.read.iter().all(|(key, upto)| talk.with.contains(key) && talk.position(upto).is_some()));
                assert!(talk.read.len() <= talk.with.len());
                for it in &talk.messages {
                    assert!(MessageBody::new(&markdown(&it.text)).is_ok(), "{}", it.key);
                    let parent = it.re.as_ref().map(|re| talk.position(re).unwrap());
                    assert!(parent.is_none_or(|parent| Some(parent) < talk.position(&it.key)), "{}", it.key);
                    if let Some(edit) = &it.edited {
                        assert!(it.ago.0 - edit.ago.0 <= i64::from(company.edit_window_s), "{}", it.key);
                    }
                }
            }
        }
    }

    #[test]
    fn threads_go_four_deep_and_as_deep_as_a_company_allows() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let deepest = |key| {
            let talk = Talk::of(company(key), now, &[]);
            talk.messages.iter().map(|it| it["depth"].as_u64().unwrap()).max().unwrap()
        };
        assert!(deepest("nordwerk") >= 5);
        assert_eq!(deepest("alba"), 4);
        assert_eq!(company("alba").reply_depth_max, 4);
    }

    #[test]
    fn the_log_is_dense_and_in_the_order_of_time() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        for company in &fixture().companies {
            let talk = Talk::of(company, now, &["http://localhost:3000".to_owned()]);
            let times: Vec<_> = talk.events.iter().map(|it| it["at"].as_str().unwrap().to_owned()).collect();
            assert!(times.is_sorted());
            assert!(talk.events.iter().zip(1..).all(|(it, seq)| it["seq"] == seq));
            assert_eq!(talk.stream[0]["last_seq"], talk.events.len());
            assert!(talk.messages.iter().filter(|it| it["link_kind"].is_string()).count() == talk.links.len());
        }
        let edits = Talk::of(company("nordwerk"), now, &[]).audit;
        assert_eq!(
            edits.iter().map(|it| it["action"].as_str().unwrap()).collect::<Vec<_>>(),
            ["message.delete", "message.edit"]
        );
    }

    #[test]
    fn some_chip_is_refused_and_some_message_is_hidden() {
        let blind = |company: &Company, talk: &Conversation, about: Option<&RecordKey>| {
            talk.with.iter().filter(|key| !may(company, key, Action::ThreadRead, about)).count()
        };
        let (mut refused, mut hidden) = (0, 0);
        for (company, talk, it) in all() {
            let root = talk.messages.iter().find(|m| m.key == talk.root_of(&it.key)).unwrap();
            hidden += blind(company, talk, root.about.as_ref().or(talk.record.as_ref()));
            for block in crate::backend::markdown::parse(&markdown(&it.text)).0 {
                let text::Block::Paragraph { content } = block else { continue };
                for inline in content {
                    if let Inline::Record { record } = inline {
                        refused += blind(company, talk, Some(&record));
                    }
                }
            }
        }
        assert!(refused >= 5 && hidden >= 3, "{refused} {hidden}");
    }

    #[test]
    fn names_lead_to_ids() {
        assert_eq!(message("nordwerk/dispute/price"), message_id(conversation("nordwerk/dispute"), "price"));
        assert_ne!(message("nordwerk/dispute/price"), message("alba/bearings/price"));
        assert_eq!(user("katrin"), fixture().people[0].id);
        assert_eq!(Ago::parse("1d2h3m"), Some(Ago(93_780)));
        assert!(Ago::parse("soon").is_none() && Ago::parse("5").is_none());
    }
}
