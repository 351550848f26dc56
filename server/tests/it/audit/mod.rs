//! The audit log: the chain and its guards, the events, who reads it, and the command that checks it.

mod chain;
mod command;
mod events;
mod reading;

use std::collections::BTreeSet;

use postil::{
    backend::{
        audit::{Fault, Report, Verifier, checkpoint_line, entry_line},
        store::AuditDesk,
    },
    ids::CompanyId,
};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::harness::{Company, House};

/// An entry, as tests look at it.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    action: String,
    actor: Option<uuid::Uuid>,
    target: String,
    detail: Value,
}

/// The company's entries for which `condition` holds, oldest first.
async fn told(company: &Company, condition: &str) -> Vec<Told> {
    let mut tx = company.house().await;
    let rows: Vec<(String, Option<uuid::Uuid>, String, Value)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT action, actor_id, target, detail FROM audit_log WHERE {condition} ORDER BY seq"
    )))
    .fetch_all(&mut *tx)
    .await
    .unwrap_or_else(|error| panic!("{condition}: {error}"));
    rows.into_iter().map(|(action, actor, target, detail)| Told { action, actor, target, detail }).collect()
}

/// The only entry of an action.
async fn only(company: &Company, action: &str) -> Told {
    let mut all = told(company, &format!("action = '{action}'")).await;
    assert_eq!(all.len(), 1, "{action}: {all:?}");
    all.remove(0)
}

/// The company's log, as `postil audit export` writes it.
async fn exported(house: &House, company: &Company) -> Vec<String> {
    let desk = AuditDesk::connect(&house.url("WORKER_DATABASE_URL")).await.unwrap();
    let id = CompanyId::from_uuid(company.id);
    let mut lines: Vec<String> = Vec::new();
    loop {
        let page = desk.export(id, i64::try_from(lines.len()).unwrap(), 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        lines.extend(page.iter().map(|entry| entry_line(&entry.entry, &entry.hash)));
    }
    for (checkpoint, signature) in desk.checkpoints(id, 0).await.unwrap() {
        lines.push(checkpoint_line(&checkpoint, &signature));
    }
    lines
}

/// What the verifier says of it.
async fn verified(house: &House, company: &Company) -> Result<Report, Fault> {
    let mut verifier = Verifier::new(BTreeSet::new());
    for line in exported(house, company).await {
        verifier.line(&line)?;
    }
    verifier.finish()
}
