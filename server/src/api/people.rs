//! Colleagues, who is there, and what a collapsed widget shows.

use axum::extract::State;
use postil::backend::bus::Class;
use postil::wire::{
    Code, GetPresence, Heartbeat, HeartbeatAck, InCompany, Launcher, ListPeople, Page, Person, PresenceList,
};

use super::{GET, POST};
use crate::{
    http::{Answer, Body, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/people", "list_people", list_people)
            .says("people", "The members of the company whom the viewer may talk to, by name.")
            .weighs(Class::List, 1)
            .can_fail(&[Code::InvalidCursor]),
        Route::new(GET, "/presence", "get_presence", get_presence)
            .says("people", "Who of these is online, away or offline.")
            .can_fail(super::FORBIDDEN),
        Route::new(POST, "/presence/heartbeat", "heartbeat", heartbeat)
            .says("people", "Says that a client without a socket is there.")
            .can_fail(super::FORBIDDEN),
        Route::new(GET, "/launcher", "get_launcher", get_launcher)
            .says("people", "All that a collapsed widget shows: unread messages, and who is online.")
            .can_fail(super::FORBIDDEN),
    ]
}

async fn list_people(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListPeople>,
) -> Result<Answer<Page<Person>>, Refusal> {
    Ok(Answer::new(app.services().list_people(&who, &query).await?))
}

async fn get_presence(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<GetPresence>,
) -> Result<Answer<PresenceList>, Refusal> {
    Ok(Answer::new(app.services().get_presence(&who, &query).await?))
}

async fn heartbeat(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<Heartbeat>,
) -> Result<Answer<HeartbeatAck>, Refusal> {
    Ok(Answer::new(app.services().heartbeat(&who, &body).await?))
}

async fn get_launcher(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Launcher>, Refusal> {
    Ok(Answer::new(app.services().get_launcher(&who).await?))
}
