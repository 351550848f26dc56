//! Policies by company and version. A version never changes (a trigger sees to it), so what was read once is right for ever.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use sqlx::{PgPool, Row, types::Json};

use super::{StoreError, tx};
use crate::{
    access::Policy,
    ids::{CompanyId, UserId},
};

/// Versions kept; beyond that the cache starts anew.
const VERSIONS_MAX: usize = 10_000;

type Versions = HashMap<(CompanyId, i32), Arc<Policy>>;

/// The policies that this process has read.
#[derive(Clone, Debug, Default)]
pub struct PolicyCache(Arc<RwLock<Versions>>);

impl PolicyCache {
    fn get(&self, company: CompanyId, version: i32) -> Option<Arc<Policy>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(company, version)).cloned()
    }

    /// The policy of that version, from memory or the database. A company without one allows nothing.
    pub(super) async fn load(
        &self,
        pool: &PgPool,
        company: CompanyId,
        user: UserId,
        version: i32,
    ) -> Result<Arc<Policy>, StoreError> {
        if let Some(policy) = self.get(company, version) {
            return Ok(policy);
        }
        let mut tx = tx::begin(pool, user, company).await?;
        let row =
            sqlx::query("-- store::policy_get\nSELECT document FROM policies WHERE company_id = $1 AND version = $2")
                .bind(company.uuid())
                .bind(version)
                .fetch_optional(&mut *tx)
                .await?;
        let policy = match row {
            Some(row) => row.try_get::<Json<Policy>, _>("document")?.0,
            None => return Ok(Arc::new(Policy { roles: Vec::new(), rules: Vec::new() })),
        };
        // Not checked again: it was when it was stored, and a later build may ask more of new documents than of old ones.
        let policy = Arc::new(policy);
        let mut cache = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= VERSIONS_MAX {
            cache.clear();
        }
        cache.insert((company, version), Arc::clone(&policy));
        Ok(policy)
    }
}
