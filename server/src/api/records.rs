//! Linked records: what the ERP tells about them, and what chips ask.

use axum::extract::State;
use postil::backend::bus::Class;
use postil::wire::{InCompany, LinkedRecord, ResolveRecords, ResolvedRecords, UpsertRecord};

use super::{GET, POST, PUT};
use crate::{
    http::{
        Answer, Body, InPath, Query, Refusal,
        credentials::{ByKey, Signed},
        table::Route,
    },
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/records/{kind}/{id}", "get_record", get_record).says("records", "One linked record."),
        Route::new(PUT, "/records/{kind}/{id}", "upsert_record", upsert_record)
            .says("records", "Tells what a record is now; what is not named is cleared.")
            .can_fail(super::FORBIDDEN),
        Route::new(POST, "/records/resolve", "resolve_records", resolve_records)
            .says("records", "The records of a list that exist and may be seen; the rest is restricted.")
            .weighs(Class::List, 1),
    ]
}

async fn get_record(
    State(app): State<App>,
    Signed(who): Signed,
    InPath(key): InPath,
    _: Query<InCompany>,
) -> Result<Answer<LinkedRecord>, Refusal> {
    Ok(Answer::new(app.services().get_record(&who, &key).await?))
}

async fn upsert_record(
    State(app): State<App>,
    ByKey(who): ByKey,
    InPath(key): InPath,
    Body(body): Body<UpsertRecord>,
) -> Result<Answer<LinkedRecord>, Refusal> {
    Ok(Answer::new(app.services().upsert_record(&who, &key, &body).await?))
}

async fn resolve_records(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<ResolveRecords>,
) -> Result<Answer<ResolvedRecords>, Refusal> {
    Ok(Answer::new(app.services().resolve_records(&who, &body).await?))
}
