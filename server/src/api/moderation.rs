//! Moderation: reports, the queue, what moderators do, notices, blocks, the word list.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    ids::{MessageId, NoticeId, UserId},
    wire::{
        Blocks, Code, CreateReport, InCompany, ListReports, Moderate, Notices, OpenedCase, Page, PutWordList, Report,
        ReportCase, WordList,
    },
};

use super::{DELETE, FORBIDDEN, GET, POST, PUT};
use crate::{
    http::{Answer, Body, Done, Id, MadeOrFound, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = cases();
    routes.extend(own());
    routes
}

fn cases() -> Vec<Route> {
    vec![
        Route::new(POST, "/messages/{id}/reports", "create_report", create_report)
            .says("moderation", "Reports a message to the moderators, once; its author is not told by whom.")
            .weighs(Class::Write, 2)
            .can_fail(&[Code::Forbidden, Code::MessageDeleted]),
        Route::new(GET, "/moderation/reports", "list_reports", list_reports)
            .says("moderation", "Reported messages that the viewer may judge, the newest reports first, without text.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::InvalidCursor]),
        Route::new(GET, "/moderation/reports/{id}", "open_report", open_report)
            .says("moderation", "A reported message with its nearest neighbours; each look is told in the audit log.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(POST, "/moderation/reports/{id}/acts", "moderate", moderate)
            .says(
                "moderation",
                "Hides or restores a reported message, warns, mutes or removes its author, or resolves.",
            )
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::BeyondOwnRights, Code::MessageDeleted, Code::NotAGroup]),
        Route::new(GET, "/admin/words", "get_words", get_words)
            .says("moderation", "The company's word list.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(PUT, "/admin/words", "put_words", put_words)
            .says("moderation", "Puts a word list in force.")
            .weighs(Class::Admin, 5)
            .can_fail(&[Code::Forbidden, Code::VersionConflict]),
    ]
}

fn own() -> Vec<Route> {
    vec![
        Route::new(GET, "/moderation/notices", "list_notices", list_notices)
            .says("moderation", "What was done about the viewer's own messages, as far as not acknowledged.")
            .weighs(Class::Read, 1)
            .can_fail(FORBIDDEN),
        Route::new(POST, "/moderation/notices/{id}/acknowledge", "acknowledge_notice", acknowledge_notice)
            .says("moderation", "Notes that the viewer has read a notice.")
            .weighs(Class::Write, 1)
            .can_fail(FORBIDDEN),
        Route::new(GET, "/blocks", "list_blocks", list_blocks)
            .says("people", "Whom the viewer has blocked.")
            .weighs(Class::Read, 1)
            .can_fail(FORBIDDEN),
        Route::new(PUT, "/people/{id}/block", "block_person", block_person)
            .says("people", "Blocks somebody for the viewer, in talk about no record; they are not told.")
            .weighs(Class::Write, 1)
            .can_fail(&[Code::Forbidden, Code::InvalidField]),
        Route::new(DELETE, "/people/{id}/block", "unblock_person", unblock_person)
            .says("people", "Lifts a block.")
            .weighs(Class::Write, 1)
            .can_fail(FORBIDDEN),
    ]
}

async fn create_report(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    Body(body): Body<CreateReport>,
) -> Result<MadeOrFound<Report>, Refusal> {
    let (report, made) = app.services().create_report(&who, id, &body).await?;
    Ok(if made { MadeOrFound::Made(Answer::new(report)) } else { MadeOrFound::Found(Answer::new(report)) })
}

async fn list_reports(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListReports>,
) -> Result<Answer<Page<ReportCase>>, Refusal> {
    Ok(Answer::new(app.services().list_reports(&who, &query).await?))
}

async fn open_report(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    _: Query<InCompany>,
) -> Result<Answer<OpenedCase>, Refusal> {
    Ok(Answer::new(app.services().open_report(&who, id).await?))
}

async fn moderate(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    Body(body): Body<Moderate>,
) -> Result<Answer<ReportCase>, Refusal> {
    Ok(Answer::new(app.services().moderate(&who, id, &body).await?))
}

async fn get_words(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<WordList>, Refusal> {
    Ok(Answer::new(app.services().get_words(&who).await?))
}

async fn put_words(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<PutWordList>,
) -> Result<Answer<WordList>, Refusal> {
    Ok(Answer::new(app.services().put_words(&who, &body).await?))
}

async fn list_notices(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Notices>, Refusal> {
    Ok(Answer::new(app.services().list_notices(&who).await?))
}

async fn acknowledge_notice(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<NoticeId>,
    _: Query<InCompany>,
) -> Result<Done, Refusal> {
    app.services().acknowledge_notice(&who, id).await?;
    Ok(Done::default())
}

async fn list_blocks(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Blocks>, Refusal> {
    Ok(Answer::new(app.services().list_blocks(&who).await?))
}

async fn block_person(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<UserId>,
    _: Query<InCompany>,
) -> Result<Done, Refusal> {
    app.services().block_person(&who, id).await?;
    Ok(Done::default())
}

async fn unblock_person(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<UserId>,
    _: Query<InCompany>,
) -> Result<Done, Refusal> {
    app.services().unblock_person(&who, id).await?;
    Ok(Done::default())
}
