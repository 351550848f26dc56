//! What a company limits by itself, and what was refused.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    wire::{AbuseEntry, Code, CompanySettings, InCompany, ListAbuse, Page, PatchSettings},
};

use super::{FORBIDDEN, GET, PATCH};
use crate::{
    http::{Answer, Body, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/admin/settings", "get_settings", get_settings)
            .says("administration", "What the company limits by itself: copies, links, mentions, newcomers.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(PATCH, "/admin/settings", "update_settings", update_settings)
            .says("administration", "Changes what the company limits by itself; it holds from the next message on.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::VersionConflict]),
        Route::new(GET, "/admin/abuse", "list_abuse", list_abuse)
            .says("administration", "What was refused, to whom and how often, the latest minute first.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::InvalidCursor]),
    ]
}

async fn get_settings(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<CompanySettings>, Refusal> {
    Ok(Answer::new(app.services().get_settings(&who).await?))
}

async fn update_settings(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<PatchSettings>,
) -> Result<Answer<CompanySettings>, Refusal> {
    Ok(Answer::new(app.services().update_settings(&who, &body).await?))
}

async fn list_abuse(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListAbuse>,
) -> Result<Answer<Page<AbuseEntry>>, Refusal> {
    Ok(Answer::new(app.services().list_abuse(&who, &query).await?))
}
