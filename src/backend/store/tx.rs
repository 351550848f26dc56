//! A transaction of one person in one company: the only type whose methods read and write a company's rows.

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use super::{Committed, Store, StoreError};
use crate::{
    backend::caller::Caller,
    ids::{CompanyId, UserId},
};

/// Begins a transaction and enters the company, in one round trip.
pub(super) async fn begin(
    pool: &PgPool,
    user: UserId,
    company: CompanyId,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    // Safe to compose: both are typed UUIDs, whose text has only hexadecimal digits and hyphens.
    let statement = format!("BEGIN; SELECT app.enter('{}', '{}')", user.uuid(), company.uuid());
    Ok(pool.begin_with(AssertSqlSafe(statement)).await?)
}

/// See the module.
#[derive(Debug)]
pub struct CompanyTx {
    pub(super) tx: Transaction<'static, Postgres>,
    pub(super) user: UserId,
    pub(super) company: CompanyId,
    name: &'static str,
}

impl Store {
    /// Opens a transaction for `caller`, and says of which request it is part: triggers tell the audit log. `name` tells what for, as `noun.verb`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self, caller: &Caller, name: &'static str) -> Result<CompanyTx, StoreError> {
        // Safe to compose, likewise.
        let statement = format!(
            "BEGIN; SELECT app.enter('{}', '{}') || set_config('app.correlation', '{}', true)",
            caller.user().uuid(),
            caller.company().uuid(),
            caller.correlation().uuid()
        );
        let tx = self.app.begin_with(AssertSqlSafe(statement)).await?;
        Ok(CompanyTx { tx, user: caller.user(), company: caller.company(), name })
    }
}

impl CompanyTx {
    /// Commits, and with it whatever `value` tells.
    ///
    /// # Errors
    /// When the commit fails: nothing happened.
    pub async fn commit<T>(self, value: T) -> Result<Committed<T>, StoreError> {
        tracing::trace!(transaction = self.name, "commit");
        self.tx.commit().await?;
        Ok(Committed::new(value))
    }
}
