//! Messages: pages and threads, sending, answering, editing, deleting.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    backend::service::Sent,
    ids::MessageId,
    wire::{
        Code, EditMessage, InCompany, ListMessages, ListThread, Message, MessageHtml, MessagePage, SendMessage,
        SendReply, ThreadPage,
    },
};

use super::{DELETE, GET, PATCH, POST};
use crate::{
    http::{Answer, Body, Id, Key, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

/// What a send can be refused for, beside its form.
const SEND: &[Code] = &[
    Code::NotFound,
    Code::Forbidden,
    Code::ReplyTooDeep,
    Code::ReplyLinkConflict,
    Code::ParentDeleted,
    Code::DuplicateMessage,
    Code::TooManyLinks,
    Code::LinkFlood,
    Code::TooManyMentions,
    Code::MentionFlood,
    Code::NewcomerLimit,
    Code::SlowMode,
    Code::Muted,
    Code::WordRefused,
];
/// What an edit can be refused for, beside its form.
const EDIT: &[Code] = &[
    Code::Forbidden,
    Code::EditWindowClosed,
    Code::VersionConflict,
    Code::MessageDeleted,
    Code::MessageHidden,
    Code::DuplicateMessage,
    Code::TooManyLinks,
    Code::LinkFlood,
    Code::TooManyMentions,
    Code::MentionFlood,
    Code::NewcomerLimit,
    Code::Muted,
    Code::WordRefused,
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(GET, "/messages", "list_messages", list_messages)
            .says("messages", "Threads of a conversation, or everything about a record, newest first.")
            .weighs(Class::List, 1)
            .can_fail(&[Code::NotFound, Code::InvalidCursor]),
        Route::new(POST, "/messages", "send_message", send_message)
            .says("messages", "Sends a message: the beginning of a thread, or an answer when `parentId` is given.")
            .weighs(Class::Send, 1)
            .can_fail(SEND),
        Route::new(GET, "/messages/{id}", "get_message", get_message).says("messages", "One message."),
        Route::new(GET, "/messages/{id}/html", "get_message_html", get_message_html)
            .says("messages", "The text of a message as an HTML fragment that is safe to show anywhere."),
        Route::new(PATCH, "/messages/{id}", "edit_message", edit_message)
            .says("messages", "Edits an own message within the company's edit window.")
            .weighs(Class::Send, 1)
            .can_fail(EDIT),
        Route::new(DELETE, "/messages/{id}", "delete_message", delete_message)
            .says("messages", "Turns a message into a tombstone; replies to it stay.")
            .can_fail(&[Code::Forbidden, Code::BeyondOwnRights]),
        Route::new(GET, "/messages/{id}/thread", "list_thread", list_thread)
            .says("messages", "The thread that a message belongs to: its beginning, and replies in thread order.")
            .weighs(Class::List, 1)
            .can_fail(&[Code::InvalidCursor]),
        Route::new(POST, "/messages/{id}/reply", "send_reply", send_reply)
            .says("messages", "Answers a message.")
            .weighs(Class::Send, 1)
            .can_fail(SEND),
    ]
}

fn sent(sent: Sent) -> Answer<Message, 201> {
    Answer::new(sent.message).replayed(sent.replayed)
}

async fn list_messages(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListMessages>,
) -> Result<Answer<MessagePage>, Refusal> {
    Ok(Answer::new(app.services().list_messages(&who, &query).await?))
}

async fn send_message(
    State(app): State<App>,
    Signed(who): Signed,
    Key(key): Key,
    Body(body): Body<SendMessage>,
) -> Result<Answer<Message, 201>, Refusal> {
    Ok(sent(app.services().send_message(&who, &key, &body).await?))
}

async fn get_message(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    _: Query<InCompany>,
) -> Result<Answer<Message>, Refusal> {
    Ok(Answer::new(app.services().get_message(&who, id).await?))
}

async fn get_message_html(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    _: Query<InCompany>,
) -> Result<Answer<MessageHtml>, Refusal> {
    Ok(Answer::new(app.services().get_message_html(&who, id).await?))
}

async fn edit_message(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    Body(body): Body<EditMessage>,
) -> Result<Answer<Message>, Refusal> {
    Ok(Answer::new(app.services().edit_message(&who, id, &body).await?))
}

async fn delete_message(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    _: Query<InCompany>,
) -> Result<Answer<Message>, Refusal> {
    Ok(Answer::new(app.services().delete_message(&who, id).await?))
}

async fn list_thread(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    Query(query): Query<ListThread>,
) -> Result<Answer<ThreadPage>, Refusal> {
    Ok(Answer::new(app.services().list_thread(&who, id, &query).await?))
}

async fn send_reply(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<MessageId>,
    Key(key): Key,
    Body(body): Body<SendReply>,
) -> Result<Answer<Message, 201>, Refusal> {
    Ok(sent(app.services().send_reply(&who, &key, id, &body).await?))
}
