//! What comes of an attack: rows touched, or a refusal by name.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

/// Why PostgreSQL said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE.
    pub code: String,
    /// The constraint, where one has a name.
    pub constraint: String,
    /// In words, for whoever reads the failed test.
    pub message: String,
}

/// Rows touched, or the refusal.
pub type Attempt = Result<u64, Refusal>;

/// A policy, a missing grant or a guard.
pub const NOT_ALLOWED: &str = "42501";
/// A CHECK or a guard that speaks like one.
pub const CHECK: &str = "23514";
/// A reference to nothing.
pub const NO_TARGET: &str = "23503";

/// Reads a refusal out of `error`.
///
/// # Panics
/// When the error is none of PostgreSQL's: then the attack did not even arrive.
pub fn refusal(error: &sqlx::Error) -> Refusal {
    let sqlx::Error::Database(error) = error else { panic!("the attack did not arrive: {error}") };
    Refusal {
        code: error.code().unwrap_or_default().into_owned(),
        constraint: error.constraint().unwrap_or_default().to_owned(),
        message: error.message().to_owned(),
    }
}

/// Runs one statement.
pub async fn attempt(connection: &mut PgConnection, sql: &str) -> Attempt {
    connection
        .execute(AssertSqlSafe(sql.to_owned()))
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| refusal(&error))
}

/// Asserts that the wall itself refused: not a syntax error, not a missing table, not some other constraint.
#[track_caller]
pub fn assert_refused(what: &str, attempt: &Attempt, code: &str) {
    match attempt {
        Err(refusal) => assert_eq!(refusal.code, code, "{what}: refused, but for another reason: {refusal:?}"),
        Ok(rows) => panic!("{what}: was not refused, touched {rows} rows"),
    }
}

/// Asserts that nothing was there to touch: the answer for what one can't see.
#[track_caller]
pub fn assert_untouched(what: &str, attempt: &Attempt) {
    assert_eq!(attempt, &Ok(0), "{what}");
}
