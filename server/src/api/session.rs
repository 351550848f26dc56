//! Signing in and out, the person's own view, the company at hand.

use axum::extract::State;
use http::header;
use postil::backend::bus::Class;
use postil::wire::{Code, InCompany, Me, SignIn, SwitchCompany};

use super::{DELETE, GET, POST};
use crate::{
    http::{
        Answer, Body, Done, Query, Refusal,
        cookie::SessionCookie,
        credentials::{Anybody, Signed},
        table::Route,
    },
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(POST, "/session", "sign_in", sign_in)
            .says("session", "Signs in with e-mail and password; the answer sets the session cookie.")
            .weighs(Class::SignIn, 1)
            .can_fail(&[Code::InvalidCredentials]),
        Route::new(DELETE, "/session", "sign_out", sign_out)
            .says("session", "Ends the session, and with it its sockets."),
        Route::new(GET, "/me", "get_me", get_me)
            .says("session", "Who is signed in, in which company, and which others there are.")
            .can_fail(super::FORBIDDEN),
        Route::new(POST, "/context/switch-company", "switch_company", switch_company)
            .says("session", "Moves the session into another company; the answer sets a fresh session cookie.")
            .can_fail(&[Code::NotFound, Code::Forbidden]),
    ]
}

fn cookie(app: &App) -> SessionCookie {
    SessionCookie::at(&app.config().web.origin)
}

async fn sign_in(
    State(app): State<App>,
    Anybody(who): Anybody,
    Body(body): Body<SignIn>,
) -> Result<Answer<Me>, Refusal> {
    let later = |task| drop(app.lifecycle().work().spawn(task));
    let (token, me) = app.services().sign_in(body, &who, later).await?;
    Ok(Answer::new(me).header(header::SET_COOKIE, cookie(&app).set(token.reveal())))
}

async fn sign_out(State(app): State<App>, Signed(who): Signed, _: Query<InCompany>) -> Result<Done, Refusal> {
    app.services().sign_out(&who).await?;
    Ok(Done::default().cookie(cookie(&app).clear()))
}

async fn get_me(State(app): State<App>, Signed(who): Signed, _: Query<InCompany>) -> Result<Answer<Me>, Refusal> {
    Ok(Answer::new(app.services().get_me(&who).await?))
}

async fn switch_company(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<SwitchCompany>,
) -> Result<Answer<Me>, Refusal> {
    let (token, me) = app.services().switch_company(&who, &body).await?;
    Ok(Answer::new(me).header(header::SET_COOKIE, cookie(&app).set(token.reveal())))
}
