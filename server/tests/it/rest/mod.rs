//! The real server, over HTTP.

mod abuse;
mod admin;
mod bad_input;
mod conversations;
mod embed;
mod explain;
mod limits;
mod pages;
mod replay;
mod search;
mod sweep;
mod trips;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::harness::{Company, House, house::setting};

/// How many rows each table of `company` has, and how many sessions and tickets there are: what a request leaves behind.
async fn footprint(house: &House, company: &Company) -> Value {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
    )
    .fetch_all(&house.owner)
    .await
    .unwrap();
    let mut counts = json!({});
    let mut tx = company.house().await;
    for table in tables {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        counts[&table] = count.into();
    }
    counts
}

/// Forgets what was paid for, as Redis does after [`postil::limits::RECEIPT_S`].
async fn forgets_receipts(house: &House) {
    let client = redis::Client::open(setting("REDIS_URL")).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let pattern = format!("{}:{{rate}}:receipt:*", house.name);
    let keys: Vec<String> = redis::cmd("KEYS").arg(&pattern).query_async(&mut redis).await.unwrap();
    assert!(!keys.is_empty(), "nothing was paid for");
    redis::cmd("DEL").arg(keys).exec_async(&mut redis).await.unwrap();
}
