//! Full-text search.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    wire::{Code, Hit, Page, SearchMessages},
};

use super::GET;
use crate::{
    http::{Answer, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/search", "search_messages", search_messages)
            .says("messages", "Messages that the viewer may read and whose words match, newest first; no total.")
            .weighs(Class::List, 5)
            .can_fail(&[Code::NotFound, Code::InvalidCursor]),
    ]
}

async fn search_messages(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<SearchMessages>,
) -> Result<Answer<Page<Hit>>, Refusal> {
    Ok(Answer::new(app.services().search_messages(&who, &query).await?))
}
