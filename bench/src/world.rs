//! Two companies of the run's own, with people, sessions and rooms, written straight into the database: signing in a
//! thousand people by password would measure argon2.

use anyhow::{Context as _, Result};
use postil::{
    access::preset,
    backend::{crypto::token::Token, source::Machine, store::grants::policy_put},
    clock::{Clock as _, IdSource as _, Timestamp},
    ids::{CompanyId, ConversationId, UserId},
};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// Somebody with a session.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// The session's token.
    pub token: String,
    /// Index of their company.
    pub company: usize,
    /// Index of their room.
    pub room: usize,
}

/// Where people talk.
#[derive(Clone, Debug)]
pub struct Room {
    /// The conversation.
    pub conversation: ConversationId,
    /// Index of its company.
    pub company: usize,
    /// Indices of its people.
    pub people: Vec<usize>,
}

/// Everything that the run uses.
#[derive(Clone, Debug)]
pub struct World {
    /// The companies.
    pub companies: Vec<CompanyId>,
    /// The people, one socket each.
    pub people: Vec<Person>,
    /// The rooms.
    pub rooms: Vec<Room>,
}

fn fresh() -> Uuid {
    Machine.uuid(Machine.now())
}

impl World {
    /// Writes the companies.
    pub async fn make(owner_url: &str, people: usize, rooms: usize) -> Result<Self> {
        let mut conn = PgConnection::connect(owner_url).await.context("the database can't be reached as its owner")?;
        let companies: Vec<CompanyId> = (0..2).map(|_| CompanyId::from_uuid(fresh())).collect();
        let mut world = Self { companies, people: Vec::new(), rooms: Vec::new() };
        for room in 0..rooms {
            let conversation = ConversationId::from_uuid(fresh());
            world.rooms.push(Room { conversation, company: room % 2, people: Vec::new() });
        }
        for index in 0..people {
            let room = index % rooms;
            let token = Token::generate(&Machine).reveal().to_owned();
            let user = UserId::from_uuid(fresh());
            world.people.push(Person { user, token, company: room % 2, room });
            world.rooms[room].people.push(index);
        }
        let mut tx = conn.begin().await?;
        let now = Machine.now();
        world.write_people(&mut tx, now).await?;
        for company in 0..world.companies.len() {
            world.write_company(&mut tx, company, now).await.context("the run's company can't be written")?;
        }
        tx.commit().await?;
        // Fresh tables have no statistics, and plans without any are nobody's plans.
        for table in ["memberships", "participants", "conversations", "users", "sessions", "policy_grants"] {
            let analyze = format!("ANALYZE {table}");
            let _ = sqlx::query(sqlx::AssertSqlSafe(analyze)).execute(&mut conn).await;
        }
        conn.close().await?;
        Ok(world)
    }

    async fn write_people(&self, conn: &mut PgConnection, now: Timestamp) -> Result<()> {
        let ids: Vec<Uuid> = self.people.iter().map(|person| person.user.uuid()).collect();
        sqlx::query(
            "INSERT INTO users (id, email, name, created_at, updated_at)
            SELECT p.id, p.id::text || '@load.example', 'Load ' || p.n, $2, $2 FROM unnest($1::uuid[]) WITH ORDINALITY AS p (id, n)",
        )
        .bind(ids)
        .bind(now.to_datetime())
        .execute(conn)
        .await?;
        Ok(())
    }

    async fn write_company(&self, conn: &mut PgConnection, index: usize, now: Timestamp) -> Result<()> {
        let company = self.companies[index];
        let (id, at) = (company.uuid(), now.to_datetime());
        let people: Vec<&Person> = self.people.iter().filter(|person| person.company == index).collect();
        let users: Vec<Uuid> = people.iter().map(|person| person.user.uuid()).collect();
        sqlx::query("SELECT app.enter(NULL, $1)").bind(id).execute(&mut *conn).await?;
        sqlx::query("INSERT INTO companies (id, name, slug, hue) VALUES ($1, 'Load test', 'load-' || substr(md5($1::text), 1, 16), 200)")
            .bind(id)
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO company_stream (company_id) VALUES ($1)").bind(id).execute(&mut *conn).await?;
        policy_put(conn, company, 1, &preset::policy(), "load test", None, now).await?;
        sqlx::query(
            "INSERT INTO memberships (company_id, user_id, role_key) SELECT $1, p.id, 'staff' FROM unnest($2::uuid[]) AS p (id)",
        )
        .bind(id)
        .bind(&users)
        .execute(&mut *conn)
        .await?;
        let hashes: Vec<Vec<u8>> = people
            .iter()
            .map(|person| Token::parse(&person.token).expect("it was generated").hash().to_vec())
            .collect();
        let sessions: Vec<Uuid> = people.iter().map(|_| fresh()).collect();
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, user_id, company_id, kind, created_at, seen_at, expires_at)
            SELECT s.id, s.hash, s.user_id, $1, 'browser', $5, $5, $5 + interval '1 day'
            FROM unnest($2::uuid[], $3::bytea[], $4::uuid[]) AS s (id, hash, user_id)",
        )
        .bind(id)
        .bind(sessions)
        .bind(hashes)
        .bind(&users)
        .bind(at)
        .execute(&mut *conn)
        .await?;
        for room in self.rooms.iter().filter(|room| room.company == index) {
            let members: Vec<Uuid> = room.people.iter().map(|person| self.people[*person].user.uuid()).collect();
            sqlx::query(
                "INSERT INTO conversations (company_id, id, kind, title, activity_at, created_at, created_by, updated_at)
                VALUES ($1, $2, 'group', 'Load', $3, $3, $4, $3)",
            )
            .bind(id)
            .bind(room.conversation.uuid())
            .bind(at)
            .bind(members[0])
            .execute(&mut *conn)
            .await?;
            sqlx::query(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at)
                SELECT $1, $2, p.id, $4, $5, $4 FROM unnest($3::uuid[]) AS p (id)",
            )
            .bind(id)
            .bind(room.conversation.uuid())
            .bind(&members)
            .bind(at)
            .bind(members[0])
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}
