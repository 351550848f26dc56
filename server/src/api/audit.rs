//! The audit log, for those who may export.

use axum::extract::State;
use postil::backend::bus::Class;
use postil::wire::{AuditEntry, Code, ListAudit, Page};

use super::GET;
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
    ]
}

async fn list_audit(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListAudit>,
) -> Result<Answer<Page<AuditEntry>>, Refusal> {
    Ok(Answer::new(app.services().list_audit(&who, &query).await?))
}
