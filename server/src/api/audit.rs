//! The audit log, for those who may export.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    wire::{AuditChain, AuditEntry, Code, InCompany, ListAudit, Page},
};

use super::{FORBIDDEN, GET};
use crate::{
    http::{Answer, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/admin/audit", "list_audit", list_audit)
            .says("administration", "The audit log, newest first; reading it is an entry itself, once an hour.")
            .weighs(Class::Heavy, 1)
            .can_fail(&[Code::Forbidden, Code::InvalidCursor]),
        Route::new(GET, "/admin/audit/chain", "get_audit_chain", get_audit_chain)
            .says("administration", "Where the audit log's chain stands: its newest hash, and what is signed.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
    ]
}

async fn list_audit(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListAudit>,
) -> Result<Answer<Page<AuditEntry>>, Refusal> {
    Ok(Answer::new(app.services().list_audit(&who, &query).await?))
}

async fn get_audit_chain(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<AuditChain>, Refusal> {
    Ok(Answer::new(app.services().get_audit_chain(&who).await?))
}
