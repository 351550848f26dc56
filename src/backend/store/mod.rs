//! Every SQL statement of Postil. One file per table family; no other module can name a connection.
//!
//! Two ways to the data, both bound to one person and one company for one transaction:
//! * [`CompanyTx`], from [`Store::begin`], for whatever takes several statements;
//! * methods of [`Store`] that call one SQL function of `migrations/*_doors.sql`: one round trip, which enters the company,
//!   works under row-level security and commits.
//!
//! Statements are constants that begin with `-- store::name`, so that `pg_stat_statements` finds them again.

mod abuse;
pub mod admin;
mod audit;
mod committed;
mod conversation;
mod error;
mod explain;
pub mod grants;
pub mod hook;
pub mod house;
pub mod hub;
pub mod job;
mod message;
pub mod migrate;
pub mod moderation;
mod people;
mod policy;
mod record;
mod rows;
mod search;
pub mod seed;
mod session;
mod tx;

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use self::{
    abuse::{RefusalPlace, RefusalQuery, RefusalRow},
    audit::{AuditDesk, AuditQuery},
    committed::{Committed, EventKind, LogEvent},
    conversation::{CreateOutcome, InboxQuery, NewConversation},
    error::{StartError, StoreError},
    message::{Change, DeleteOutcome, Draft, EditOutcome, Found, SendOutcome},
    people::PeopleCursor,
    policy::PolicyCache,
    record::RecordState,
    search::SearchQuery,
    session::{ConversationFacts, Facts, MessageFacts, NewSession, Opened, SendTerms, Target},
    tx::CompanyTx,
};
use crate::limits;

/// The database, as the application role and as the worker role.
#[derive(Clone, Debug)]
pub struct Store {
    app: PgPool,
    worker: PgPool,
    policies: PolicyCache,
    words: moderation::WordCache,
}

async fn pool(url: &str, connections: u32, name: &str) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(limits::DB_ACQUIRE_S))
        .test_before_acquire(false)
        .connect_with(options.application_name(name))
        .await?)
}

impl Store {
    /// Opens both pools.
    ///
    /// # Errors
    /// When a URL can't be read or the database does not answer.
    pub async fn connect(app_url: &str, worker_url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            app: pool(app_url, limits::DB_POOL_CONNECTIONS, "postil").await?,
            worker: pool(worker_url, limits::DB_WORKER_CONNECTIONS, "postil-worker").await?,
            policies: PolicyCache::default(),
            words: moderation::WordCache::default(),
        })
    }

    /// Refuses to serve with a role that could see through the walls, or on a schema that this build does not know.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub async fn check(&self) -> Result<(), StartError> {
        migrate::check_schema(&self.app).await?;
        migrate::check_walls(&self.app).await?;
        migrate::check_walls(&self.worker).await?;
        Ok(())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> bool {
        sqlx::query("-- store::ping\nSELECT 1").execute(&self.app).await.is_ok()
    }

    /// Closes both pools; statements under way finish first.
    pub async fn close(&self) {
        self.app.close().await;
        self.worker.close().await;
    }
}
