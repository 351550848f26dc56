//! Companies, and people who act in them through the application role, as a request does.

use std::collections::BTreeSet;

use postil::{
    access::{Policy, RoleKey, preset},
    backend::store::grants::{self, GrantRow},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool, Postgres, Transaction, types::time::OffsetDateTime};
use uuid::Uuid;

use super::{
    Attempt, House,
    attempt::{attempt, refusal},
    fresh_id, now,
};

/// Inserts `rows` into `table`: the keys of the first are the columns of all.
pub async fn fill(connection: &mut PgConnection, table: &str, rows: &[Value]) {
    let Some(first) = rows.first() else { return };
    let columns: Vec<&str> = first.as_object().expect("a row is an object").keys().map(String::as_str).collect();
    let columns = columns.join(", ");
    let sql =
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(Value::from(rows))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{table}: {error}"));
}

/// The rules of `policy` as row-level security reads them: compiled as in production, also where the document as a whole
/// would be refused (a random rule may be for nobody).
pub fn grant_rows(company: Uuid, version: i32, policy: &Policy) -> Vec<Value> {
    let row = |row: GrantRow| {
        json!({
            "company_id": company, "version": version, "ordinal": row.ordinal, "rule_id": row.rule_id, "effect": row.effect,
            "role_key": row.role_key, "user_id": row.user_id, "action": row.action, "scope": row.scope, "target": row.target,
            "member_kind": row.member_kind, "state": row.state, "valid_from": row.valid_from, "valid_until": row.valid_until,
        })
    };
    grants::compile(policy).into_iter().map(row).collect()
}

/// A company of one test.
#[derive(Clone)]
pub struct Company {
    /// Its id.
    pub id: Uuid,
    owner: PgPool,
    app: PgPool,
}

impl Company {
    /// Founds a company with the role presets.
    pub async fn found(house: &House, name: &str) -> Self {
        let company = Self { id: fresh_id(), owner: house.owner.clone(), app: house.app.clone() };
        let slug = format!("{}-{}", name.to_lowercase(), &company.id.simple().to_string()[20..]);
        let mut tx = company.house().await;
        fill(&mut tx, "companies", &[json!({ "id": company.id, "name": name, "slug": slug, "hue": 200, "reply_depth_max": 8, "edit_window_s": 900, "embed_origins": ["https://erp.example"], "policy_version": 0, "created_at": stamp(), "updated_at": stamp() })]).await;
        fill(&mut tx, "company_stream", &[json!({ "company_id": company.id, "last_seq": 0, "audit_seq": 0 })]).await;
        tx.commit().await.unwrap();
        company.has_policy(1, &preset::policy()).await;
        company
    }

    /// A transaction of the house (`postil_owner`) in this company.
    pub async fn house(&self) -> Transaction<'static, Postgres> {
        let mut tx = self.owner.begin().await.unwrap();
        sqlx::query("SELECT app.enter(NULL, $1)").bind(self.id).execute(&mut *tx).await.unwrap();
        tx
    }

    /// Runs one statement as the house, and keeps what it did.
    pub async fn arranges(&self, sql: &str) -> u64 {
        let mut tx = self.house().await;
        let rows = attempt(&mut tx, sql).await.unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}"));
        tx.commit().await.unwrap();
        rows
    }

    /// What one value is, as the house sees it.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
    {
        let mut tx = self.house().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut *tx)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Puts `policy` in force as `version`.
    pub async fn has_policy(&self, version: i32, policy: &Policy) {
        let mut tx = self.house().await;
        let roles: Vec<Value> =
            policy.roles.iter().map(|role| json!({ "company_id": self.id, "key": role.key, "name": role.name, "created_at": stamp(), "updated_at": stamp() })).collect();
        if version == 1 {
            fill(&mut tx, "roles", &roles).await;
        }
        fill(&mut tx, "policies", &[json!({ "company_id": self.id, "version": version, "document": policy, "comment": "", "created_at": stamp() })]).await;
        fill(&mut tx, "policy_grants", &grant_rows(self.id, version, policy)).await;
        sqlx::query("UPDATE companies SET policy_version = $1 WHERE id = $2")
            .bind(version)
            .bind(self.id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A new department.
    pub async fn department(&self, name: &str) -> Uuid {
        self.place("departments", name).await
    }

    /// A new project.
    pub async fn project(&self, name: &str) -> Uuid {
        self.place("projects", name).await
    }

    async fn place(&self, table: &str, name: &str) -> Uuid {
        let id = fresh_id();
        let mut tx = self.house().await;
        fill(
            &mut tx,
            table,
            &[json!({ "company_id": self.id, "id": id, "name": name, "created_at": stamp(), "updated_at": stamp() })],
        )
        .await;
        tx.commit().await.unwrap();
        id
    }

    /// Somebody who belongs to no company yet joins this one.
    pub async fn hires(&self, name: &str, role: RoleKey, department: Option<Uuid>) -> Actor {
        let id = fresh_id();
        let mut tx = self.house().await;
        let email = format!("{}.{}@example.test", name.to_lowercase(), &id.simple().to_string()[20..]);
        fill(&mut tx, "users", &[json!({ "id": id, "email": email, "name": name, "locale": "en", "time_zone": "UTC", "password_hash": "$argon2id$none", "status": "active", "created_at": stamp(), "updated_at": stamp() })]).await;
        tx.commit().await.unwrap();
        self.admits(id, role, department).await
    }

    /// Somebody whom other companies know already joins this one, too.
    pub async fn admits(&self, user: Uuid, role: RoleKey, department: Option<Uuid>) -> Actor {
        let kind = if role == RoleKey::EXTERNAL { "external" } else { "internal" };
        let mut tx = self.house().await;
        fill(&mut tx, "memberships", &[json!({ "company_id": self.id, "user_id": user, "role_key": role, "department_id": department, "kind": kind, "status": "active", "created_at": stamp(), "updated_at": stamp() })]).await;
        tx.commit().await.unwrap();
        Actor { id: user, company: self.id, app: self.app.clone() }
    }

    /// Puts someone on a project.
    pub async fn assigns(&self, actor: &Actor, project: Uuid) {
        let mut tx = self.house().await;
        fill(&mut tx, "project_members", &[json!({ "company_id": self.id, "project_id": project, "user_id": actor.id, "created_at": stamp(), "updated_at": stamp() })]).await;
        tx.commit().await.unwrap();
    }

    /// A record that the ERP has told us of.
    pub async fn record(
        &self,
        kind: &'static str,
        id: &str,
        owner: Option<&Actor>,
        department: Option<Uuid>,
        project: Option<Uuid>,
    ) -> Record {
        let mut tx = self.house().await;
        fill(&mut tx, "linked_records", &[json!({
            "company_id": self.id, "kind": kind, "id": id, "title": format!("{kind} {id}"), "owner_id": owner.map(|actor| actor.id),
            "department_id": department, "project_id": project, "created_at": stamp(), "updated_at": stamp(),
        })])
        .await;
        tx.commit().await.unwrap();
        Record { kind, id: id.to_owned() }
    }

    /// The kinds of the company's events, in order. Asserts on the way that their positions are dense.
    pub async fn events(&self) -> Vec<String> {
        let mut tx = self.house().await;
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT seq, kind FROM event_log WHERE company_id = $1 ORDER BY seq")
                .bind(self.id)
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        for (place, (seq, kind)) in (1..).zip(&rows) {
            assert_eq!(*seq, place, "the log has a gap before {kind}");
        }
        let last: i64 = sqlx::query_scalar("SELECT last_seq FROM company_stream WHERE company_id = $1")
            .bind(self.id)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(usize::try_from(last).unwrap(), rows.len(), "the stream's end is the log's end");
        rows.into_iter().map(|(_, kind)| kind).collect()
    }
}

/// Names a record of the company at hand.
#[derive(Clone, Debug)]
pub struct Record {
    /// transaction, plan or topic.
    pub kind: &'static str,
    /// The ERP's id.
    pub id: String,
}

/// Someone at work in one company, with the application role.
#[derive(Clone)]
pub struct Actor {
    /// The person.
    pub id: Uuid,
    /// The company they are in at the moment.
    pub company: Uuid,
    app: PgPool,
}

impl Actor {
    /// The same person, claiming to be at work elsewhere.
    pub fn claims(&self, company: Uuid) -> Self {
        Self { company, ..self.clone() }
    }

    /// A transaction with this person's context.
    pub async fn enters(&self) -> Transaction<'static, Postgres> {
        let mut tx = self.app.begin().await.unwrap();
        self.steps_in(&mut tx).await;
        tx
    }

    /// Sets this person's context on a transaction that is open.
    pub async fn steps_in(&self, tx: &mut PgConnection) {
        sqlx::query("SELECT app.enter($1, $2)").bind(self.id).bind(self.company).execute(tx).await.unwrap();
    }

    /// Runs raw SQL with this person's context, and keeps what it did.
    pub async fn tries(&self, sql: &str) -> Attempt {
        let mut tx = self.enters().await;
        let outcome = attempt(&mut tx, sql).await?;
        // Deferred constraints speak here.
        tx.commit().await.map_err(|error| refusal(&error))?;
        Ok(outcome)
    }

    /// How many rows `sql` finds for this person.
    pub async fn counts(&self, sql: &str) -> usize {
        let mut tx = self.enters().await;
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut *tx)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .len()
    }

    /// The ids that `SELECT id FROM table` shows this person.
    pub async fn sees(&self, table: &str) -> BTreeSet<Uuid> {
        let mut tx = self.enters().await;
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT id FROM {table}")))
            .fetch_all(&mut *tx)
            .await
            .unwrap()
            .into_iter()
            .collect()
    }

    /// The verdict of row-level security about one action on one record, or on talk about none.
    pub async fn may(&self, action: &str, record: Option<&Record>) -> bool {
        let mut tx = self.enters().await;
        sqlx::query_scalar("SELECT app.may($1, $2, $3)")
            .bind(action)
            .bind(record.map(|record| record.kind))
            .bind(record.map(|record| &record.id))
            .fetch_one(&mut *tx)
            .await
            .unwrap()
    }

    /// Begins a group with `people`.
    pub async fn gathers(&self, title: &str, people: &[&Actor]) -> Uuid {
        self.opens("group", Some(title), people, None).await.expect("a group is made").1
    }

    /// Begins, or finds, the conversation with one other.
    pub async fn meets(&self, other: &Actor) -> Uuid {
        self.opens("direct", None, &[other], None).await.expect("a direct conversation is made").1
    }

    /// Begins, or finds, the conversation about a record. `None`: not found.
    pub async fn discusses(&self, record: &Record) -> Option<Uuid> {
        self.opens("record", None, &[], Some(record)).await.map(|(_, id)| id)
    }

    /// The outcome of `app.conversation_create` and the conversation, without one when it is not found.
    pub async fn opens(
        &self,
        kind: &str,
        title: Option<&str>,
        people: &[&Actor],
        record: Option<&Record>,
    ) -> Option<(String, Uuid)> {
        let (outcome, id) = self.opens_keyed(None, &[0; 32], kind, title, people, record).await.unwrap();
        id.map(|id| (outcome, id))
    }

    /// Like [`Self::opens`], with an idempotency key.
    pub async fn opens_keyed(
        &self,
        key: Option<&str>,
        hash: &[u8; 32],
        kind: &str,
        title: Option<&str>,
        people: &[&Actor],
        record: Option<&Record>,
    ) -> Result<(String, Option<Uuid>), super::Refusal> {
        let people: Vec<Uuid> = people.iter().map(|actor| actor.id).collect();
        sqlx::query_as("SELECT outcome, conversation_id FROM app.conversation_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
            .bind(self.id)
            .bind(self.company)
            .bind(key)
            .bind(&hash[..])
            .bind(fresh_id())
            .bind(kind)
            .bind(title)
            .bind(people)
            .bind(record.map(|record| record.kind))
            .bind(record.map(|record| &record.id))
            .bind(now())
            .fetch_one(&self.app)
            .await
            .map_err(|error| refusal(&error))
    }

    /// Sends, and expects it to work.
    pub async fn writes(&self, conversation: Uuid, body: &str) -> Sent {
        self.sends(&Draft::new(conversation, body)).await.unwrap().sent()
    }

    /// Answers, and expects it to work.
    pub async fn answers(&self, parent: &Sent, body: &str) -> Sent {
        self.sends(&Draft::new(parent.conversation_id, body).under(parent.id)).await.unwrap().sent()
    }

    /// One call of `app.message_send`.
    pub async fn sends(&self, draft: &Draft) -> Result<Outcome, super::Refusal> {
        let mut connection = self.app.acquire().await.unwrap();
        self.sends_on(&mut connection, draft).await
    }

    /// One call of `app.message_send` on a connection of the test's choice.
    pub async fn sends_on(&self, connection: &mut PgConnection, draft: &Draft) -> Result<Outcome, super::Refusal> {
        sqlx::query_as(
            "SELECT outcome, event_seq, legal_parent_id, (message).id, (message).seq, (message).depth, (message).conversation_id,
                (message).link_kind, (message).link_id, (message).link_source, (message).body
             FROM app.message_send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                jsonb_build_array(jsonb_build_object('type', 'paragraph', 'content', jsonb_build_array(jsonb_build_object('type', 'text', 'text', $10)))),
                $11, $12, $13)",
        )
        .bind(self.id)
        .bind(self.company)
        .bind(&draft.key)
        .bind(&draft.hash[..])
        .bind(draft.id)
        .bind(draft.conversation)
        .bind(draft.parent)
        .bind(draft.record.as_ref().map(|record| record.kind))
        .bind(draft.record.as_ref().map(|record| &record.id))
        .bind(&draft.body)
        .bind(draft.body.chars().take(140).collect::<String>())
        .bind(&draft.mentions)
        .bind(draft.at)
        .fetch_one(connection)
        .await
        .map_err(|error| refusal(&error))
    }

    /// One call of `app.message_edit`: its outcome and event.
    pub async fn edits(
        &self,
        message: Uuid,
        version: i32,
        body: &str,
        at: OffsetDateTime,
    ) -> Result<(String, Option<i64>), super::Refusal> {
        sqlx::query_as(
            "SELECT outcome, event_seq FROM app.message_edit($1, $2, $3, $4, $5,
                jsonb_build_array(jsonb_build_object('type', 'paragraph', 'content', jsonb_build_array(jsonb_build_object('type', 'text', 'text', $5)))),
                $5, $6, NULL)",
        )
            .bind(self.id)
            .bind(self.company)
            .bind(message)
            .bind(version)
            .bind(body)
            .bind(at)
            .fetch_one(&self.app)
            .await
            .map_err(|error| refusal(&error))
    }

    /// One call of `app.message_delete`: its outcome and event.
    pub async fn deletes(&self, message: Uuid) -> Result<(String, Option<i64>), super::Refusal> {
        sqlx::query_as("SELECT outcome, event_seq FROM app.message_delete($1, $2, $3, $4, NULL)")
            .bind(self.id)
            .bind(self.company)
            .bind(message)
            .bind(now())
            .fetch_one(&self.app)
            .await
            .map_err(|error| refusal(&error))
    }

    /// One call of `app.mark_read`: position, what is left, whether it moved. `None` when not visible.
    pub async fn reads(&self, conversation: Uuid, seq: i64) -> Option<(i64, i32, bool)> {
        sqlx::query_as("SELECT read_seq, unread, moved FROM app.mark_read($1, $2, $3, $4, $5, 100)")
            .bind(self.id)
            .bind(self.company)
            .bind(conversation)
            .bind(seq)
            .bind(now())
            .fetch_optional(&self.app)
            .await
            .unwrap()
    }

    /// The inbox: conversation, unread, preview of the newest visible message.
    pub async fn inbox(&self) -> Vec<(Uuid, i32, Option<String>)> {
        sqlx::query_as("SELECT id, unread, last_preview FROM app.inbox($1, $2, NULL, NULL, NULL, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 100, 100)")
            .bind(self.id)
            .bind(self.company)
            .fetch_all(&self.app)
            .await
            .unwrap()
    }

    /// Unread in all conversations.
    pub async fn unread_total(&self) -> i32 {
        sqlx::query_scalar("SELECT app.unread_total($1, $2, 100)")
            .bind(self.id)
            .bind(self.company)
            .fetch_one(&self.app)
            .await
            .unwrap()
    }
}

/// A message about to be sent.
#[derive(Clone)]
pub struct Draft {
    /// Its id, which the server chooses.
    pub id: Uuid,
    /// The idempotency key.
    pub key: String,
    /// The hash of the request.
    pub hash: [u8; 32],
    conversation: Uuid,
    parent: Option<Uuid>,
    record: Option<Record>,
    body: String,
    mentions: Vec<Uuid>,
    /// When it is sent.
    pub at: OffsetDateTime,
}

impl Draft {
    /// To that conversation, with a key of its own.
    pub fn new(conversation: Uuid, body: &str) -> Self {
        let id = fresh_id();
        Self {
            id,
            key: id.to_string(),
            hash: [7; 32],
            conversation,
            parent: None,
            record: None,
            body: body.to_owned(),
            mentions: Vec::new(),
            at: now(),
        }
    }

    /// As an answer.
    pub fn under(self, parent: Uuid) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// About a record.
    pub fn about(self, record: &Record) -> Self {
        Self { record: Some(record.clone()), ..self }
    }

    /// With a key of the test's choice.
    pub fn keyed(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// Mentioning people.
    pub fn mentioning(self, people: &[&Actor]) -> Self {
        Self { mentions: people.iter().map(|actor| actor.id).collect(), ..self }
    }

    /// The same request once more, as a retry: another message id, because the server chooses that anew.
    pub fn again(&self) -> Self {
        Self { id: fresh_id(), ..self.clone() }
    }
}

/// What `app.message_send` answered.
#[derive(Clone, Debug, FromRow, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "as the function's columns are called")]
pub struct Outcome {
    /// created, replayed, mismatch …
    pub outcome: String,
    /// The event's position, if one was written.
    pub event_seq: Option<i64>,
    /// For `too_deep`: who can be answered instead.
    pub legal_parent_id: Option<Uuid>,
    /// The message, if there is one.
    pub id: Option<Uuid>,
    /// Its position.
    pub seq: Option<i64>,
    /// Its depth.
    pub depth: Option<i16>,
    /// Where it stands.
    pub conversation_id: Option<Uuid>,
    /// Its record's kind.
    pub link_kind: Option<String>,
    /// Its record.
    pub link_id: Option<String>,
    /// Where the link comes from.
    pub link_source: Option<String>,
    /// Its text.
    pub body: Option<String>,
}

impl Outcome {
    /// The message that was created.
    #[track_caller]
    pub fn sent(self) -> Sent {
        assert_eq!(self.outcome, "created", "{self:?}");
        Sent {
            id: self.id.unwrap(),
            conversation_id: self.conversation_id.unwrap(),
            seq: self.seq.unwrap(),
            depth: self.depth.unwrap(),
        }
    }
}

/// A message that stands.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Which.
    pub id: Uuid,
    /// Where.
    pub conversation_id: Uuid,
    /// Its position.
    pub seq: i64,
    /// Its depth.
    pub depth: i16,
}

/// Now, as a JSON row has it.
pub fn stamp() -> String {
    postil::clock::Timestamp::from_datetime(now()).to_string()
}
