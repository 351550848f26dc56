//! What can go wrong between us and the database.

use crate::{access::PolicyError, domain::BoundError};

/// Why a statement did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away or overloaded. Nothing was stored; trying again is safe.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Row-level security or a guard refused what the service had permitted: the walls disagree, which is a bug worth an alarm.
    #[error("the database refused: {constraint}")]
    Refused {
        /// The constraint or policy, if named.
        constraint: String,
    },
    /// The same idempotency key is being used by another request right now.
    #[error("a request with the same idempotency key is under way")]
    InFlight,
    /// Anything else the database says.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// A stored value that the code does not know.
    #[error("{table}.{column} holds a value that this build does not know")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A stored policy that can't be read.
    #[error("a stored policy is not valid")]
    Policy(#[from] PolicyError),
}

/// Why the server must not start on this database.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema is older or newer than this build knows.
    #[error(transparent)]
    Schema(#[from] super::migrate::SchemaError),
    /// A role or a table would let someone see through the walls.
    #[error(transparent)]
    Walls(#[from] super::migrate::WallsError),
}

impl StoreError {
    /// SQLSTATE of the database's answer, if it gave one.
    #[must_use]
    pub fn sqlstate(error: &sqlx::Error) -> Option<String> {
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(cause) => {
                let code = cause.code().unwrap_or_default();
                let constraint = cause.constraint().unwrap_or_default().to_owned();
                match code.as_ref() {
                    // insufficient_privilege: also "new row violates row-level security policy".
                    "42501" => Self::Refused { constraint },
                    // Shutting down, starting up, too many connections, statement timeout, lock timeout.
                    "57P01" | "57P02" | "57P03" | "53300" | "57014" | "55P03" => Self::Unavailable(error),
                    "PT409" => Self::InFlight,
                    "23505" if constraint == "idempotency_keys_pkey" => Self::InFlight,
                    _ => Self::Database(error),
                }
            }
            _ => Self::Database(error),
        }
    }
}

impl From<BoundError> for StoreError {
    fn from(_: BoundError) -> Self {
        Self::Inconsistent { table: "?", column: "?" }
    }
}
