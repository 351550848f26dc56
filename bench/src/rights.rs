//! What `revoke` withdraws, and gives back: over REST as an administrator, the ERP or the person would, and by hand in SQL.

use core::fmt;

use anyhow::{Context as _, Result, bail};
use postil::{
    access::{Action, Conditions, Effect, Policy, Rule, Scope, preset},
    backend::{
        crypto::token::Token,
        source::Machine,
        store::{grants::policy_put, house},
    },
    clock::{Clock as _, IdSource as _},
    domain::{Name, RecordKey},
    ids::{CompanyId, DepartmentId, UserId},
};
use reqwest::{Client, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{self, Duration, Instant};
use uuid::Uuid;

use crate::{Places, world::World};

/// A right, by how it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The membership is deactivated.
    Membership,
    /// Another role, which sees no department's records.
    Role,
    /// A rule that denies the person this record.
    Rule,
    /// The record moves to another department.
    Record,
    /// The person signs out.
    Session,
}

impl Right {
    pub const ALL: [Self; 5] = [Self::Membership, Self::Role, Self::Rule, Self::Record, Self::Session];

    /// Whether nothing at all is left: then the socket is closed.
    pub const fn ends_the_socket(self) -> bool {
        matches!(self, Self::Membership | Self::Session)
    }

    /// A session's row that somebody revokes by hand is told by nothing but the regular check (docs/architecture.md).
    pub fn can_be_withdrawn(self, way: Way) -> bool {
        self != Self::Session || way == Way::Rest
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Membership => "membership deactivated",
            Self::Role => "role changed",
            Self::Rule => "deny rule saved",
            Self::Record => "record moved away",
            Self::Session => "session ended",
        })
    }
}

/// By whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the product does it.
    Rest,
    /// By hand in the database: no node is told.
    Sql,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::Rest, Self::Sql];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rest => "over REST",
            Self::Sql => "by hand in SQL",
        })
    }
}

/// The record of `person`.
pub fn record(person: usize) -> Value {
    json!({ "kind": "transaction", "id": format!("BENCH-{person}") })
}

/// The company at hand: who administers it, whose sessions there are, and the database behind it.
pub struct House<'a> {
    world: &'a World,
    url: String,
    http: Client,
    owner: PgConnection,
    company: CompanyId,
    here: DepartmentId,
    elsewhere: DepartmentId,
    key: String,
    /// Sessions of those who see everything.
    pub witnesses: Vec<String>,
    /// Everybody's session.
    pub tokens: Vec<String>,
}

impl<'a> House<'a> {
    /// Makes the witnesses owners, puts everybody into one department, and gives each of `victims` a record of it.
    pub async fn make(places: &Places, world: &'a World, witnesses: &[usize], victims: &[usize]) -> Result<Self> {
        let company = world.companies[0];
        let name = Name::new("bench").context("a name")?;
        let (_, key) = house::api_key_create(&places.database_url, &Machine, &Machine, company, &name).await?;
        let mut owner = PgConnection::connect(&places.database_url).await?;
        sqlx::query("SELECT set_config('app.company_id', $1::text, false)")
            .bind(company.uuid())
            .execute(&mut owner)
            .await?;
        let [here, elsewhere] = [(); 2].map(|()| DepartmentId::from_uuid(fresh()));
        sqlx::query("INSERT INTO departments (company_id, id, name) VALUES ($1, $2, 'Here'), ($1, $3, 'Elsewhere')")
            .bind(company.uuid())
            .bind(here.uuid())
            .bind(elsewhere.uuid())
            .execute(&mut owner)
            .await?;
        let owners: Vec<Uuid> = witnesses.iter().map(|person| world.people[*person].user.uuid()).collect();
        sqlx::query(
            "UPDATE memberships SET department_id = $2, role_key = CASE WHEN user_id = ANY ($3) THEN 'owner' ELSE role_key END
            WHERE company_id = $1",
        )
        .bind(company.uuid())
        .bind(here.uuid())
        .bind(owners)
        .execute(&mut owner)
        .await?;
        let house = Self {
            world,
            url: places.sender(),
            http: Client::builder().tcp_nodelay(true).build()?,
            owner,
            company,
            here,
            elsewhere,
            key: format!("pk_{}", key.reveal()),
            witnesses: witnesses.iter().map(|person| world.people[*person].token.clone()).collect(),
            tokens: world.people.iter().map(|person| person.token.clone()).collect(),
        };
        for person in victims {
            house.put_record(*person, house.here).await?;
        }
        Ok(house)
    }

    fn user(&self, person: usize) -> UserId {
        self.world.people[person].user
    }

    /// One request that must succeed; the moment before it was sent. Who is told to wait, waits, and begins again.
    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Result<(Instant, String)> {
        let key = fresh().simple().to_string();
        loop {
            let mut request = self
                .http
                .request(method.clone(), format!("{}{path}", self.url))
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header("Idempotency-Key", &key);
            if let Some(body) = body {
                request = request.json(body);
            }
            let begin = Instant::now();
            let answer = request.send().await.context("the server does not answer")?;
            let status = answer.status();
            let pause = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let text = answer.text().await?;
            match (status, pause) {
                (StatusCode::TOO_MANY_REQUESTS, Some(pause)) => time::sleep(Duration::from_secs(pause)).await,
                _ if status.is_success() => return Ok((begin, text)),
                _ => bail!("{method} {path}: {text}"),
            }
        }
    }

    /// Posts `body`; the answer.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, token: &str, body: &Value) -> Result<T> {
        let (_, text) = self.ask(Method::POST, path, token, Some(body)).await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn put_record(&self, person: usize, department: DepartmentId) -> Result<Instant> {
        let body = json!({ "title": format!("Record {person}"), "departmentId": department });
        let path = format!("/api/v1/records/transaction/BENCH-{person}");
        Ok(self.ask(Method::PUT, &path, &self.key, Some(&body)).await?.0)
    }

    async fn patch_member(&mut self, person: usize, change: (&str, &str)) -> Result<Instant> {
        let version: i32 = sqlx::query_scalar("SELECT version FROM memberships WHERE company_id = $1 AND user_id = $2")
            .bind(self.company.uuid())
            .bind(self.user(person).uuid())
            .fetch_one(&mut self.owner)
            .await?;
        let body = json!({ "version": version, change.0: change.1 });
        let path = format!("/api/v1/admin/members/{}", self.user(person));
        let administrator = &self.witnesses[person % self.witnesses.len()];
        Ok(self.ask(Method::PATCH, &path, administrator, Some(&body)).await?.0)
    }

    /// By hand; the moment before.
    async fn by_hand(&mut self, statement: &'static str, person: usize, value: &str) -> Result<Instant> {
        let user = self.user(person).uuid();
        let begin = Instant::now();
        let done =
            sqlx::query(statement).bind(self.company.uuid()).bind(user).bind(value).execute(&mut self.owner).await?;
        anyhow::ensure!(done.rows_affected() == 1, "by hand, nothing was changed");
        Ok(begin)
    }

    async fn put_policy(&mut self, way: Way, policy: &Policy) -> Result<Instant> {
        let version: i32 = sqlx::query_scalar("SELECT policy_version FROM companies WHERE id = $1")
            .bind(self.company.uuid())
            .fetch_one(&mut self.owner)
            .await?;
        if way == Way::Rest {
            let body = json!({ "document": policy, "comment": "bench", "baseVersion": version });
            let administrator = &self.witnesses[0];
            return Ok(self.ask(Method::PUT, "/api/v1/admin/policy", administrator, Some(&body)).await?.0);
        }
        let mut tx = self.owner.begin().await?;
        policy_put(&mut tx, self.company, version + 1, policy, "bench", None, Machine.now()).await?;
        let begin = Instant::now();
        tx.commit().await?;
        Ok(begin)
    }

    /// Takes the right away; the moment before the request was sent or the change was made.
    pub async fn withdraw(&mut self, right: Right, way: Way, person: usize) -> Result<Instant> {
        match (right, way) {
            (Right::Membership, Way::Rest) => self.patch_member(person, ("status", "deactivated")).await,
            (Right::Membership, Way::Sql) => self.by_hand(STATUS, person, "deactivated").await,
            (Right::Role, Way::Rest) => self.patch_member(person, ("role", "external")).await,
            (Right::Role, Way::Sql) => self.by_hand(ROLE, person, "external").await,
            (Right::Rule, _) => {
                let mut policy = preset::policy();
                policy.rules.push(self.denial(person)?);
                self.put_policy(way, &policy).await
            }
            (Right::Record, Way::Rest) => self.put_record(person, self.elsewhere).await,
            (Right::Record, Way::Sql) => self.move_record(person, self.elsewhere).await,
            (Right::Session, _) => Ok(self.ask(Method::DELETE, "/api/v1/session", &self.tokens[person], None).await?.0),
        }
    }

    /// As it was before.
    pub async fn give_back(&mut self, right: Right, way: Way, person: usize) -> Result<()> {
        match (right, way) {
            // With a session of its own: a check of the old one that is under way may still end what uses it.
            (Right::Membership, Way::Rest) => {
                self.patch_member(person, ("status", "active")).await?;
                self.sign_in(person).await?;
            }
            (Right::Membership, Way::Sql) => {
                self.by_hand(STATUS, person, "active").await?;
                self.sign_in(person).await?;
            }
            (Right::Role, Way::Rest) => drop(self.patch_member(person, ("role", "staff")).await?),
            (Right::Role, Way::Sql) => drop(self.by_hand(ROLE, person, "staff").await?),
            (Right::Rule, _) => drop(self.put_policy(way, &preset::policy()).await?),
            (Right::Record, Way::Rest) => drop(self.put_record(person, self.here).await?),
            (Right::Record, Way::Sql) => drop(self.move_record(person, self.here).await?),
            (Right::Session, _) => self.sign_in(person).await?,
        }
        Ok(())
    }

    async fn move_record(&mut self, person: usize, department: DepartmentId) -> Result<Instant> {
        let begin = Instant::now();
        sqlx::query(
            "UPDATE linked_records SET department_id = $3 WHERE company_id = $1 AND kind = 'transaction' AND id = $2",
        )
        .bind(self.company.uuid())
        .bind(format!("BENCH-{person}"))
        .bind(department.uuid())
        .execute(&mut self.owner)
        .await?;
        Ok(begin)
    }

    fn denial(&self, person: usize) -> Result<Rule> {
        let record: RecordKey = format!("transaction/BENCH-{person}").parse().context("a record's key")?;
        Ok(Rule {
            id: "bench".to_owned(),
            effect: Effect::Deny,
            roles: [].into(),
            users: [self.user(person)].into(),
            actions: [Action::ThreadRead, Action::MessageRead].into(),
            scope: Scope::Record { record },
            conditions: Conditions::default(),
        })
    }

    /// A new session, written as the world's were.
    async fn sign_in(&mut self, person: usize) -> Result<()> {
        let token = Token::generate(&Machine);
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, user_id, company_id, kind, created_at, seen_at, expires_at)
            VALUES ($1, $2, $3, $4, 'browser', now(), now(), now() + interval '1 day')",
        )
        .bind(fresh())
        .bind(token.hash().to_vec())
        .bind(self.user(person).uuid())
        .bind(self.company.uuid())
        .execute(&mut self.owner)
        .await?;
        token.reveal().clone_into(&mut self.tokens[person]);
        Ok(())
    }
}

const STATUS: &str = "UPDATE memberships SET status = $3 WHERE company_id = $1 AND user_id = $2";
const ROLE: &str = "UPDATE memberships SET role_key = $3 WHERE company_id = $1 AND user_id = $2";

fn fresh() -> Uuid {
    Machine.uuid(Machine.now())
}
