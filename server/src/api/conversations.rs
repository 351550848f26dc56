//! Conversations: the inbox, one of them, beginning one, how far it was read.

use axum::extract::State;
use postil::{
    backend::bus::Class,
    ids::ConversationId,
    wire::{
        Code, ConversationDetail, ConversationSettings, ConversationSummary, CreateConversation, InCompany,
        ListConversations, MarkRead, Page, PatchConversation, ReadState,
    },
};

use super::{GET, PATCH, POST};
use crate::{
    http::{Answer, Body, Id, Key, MadeOrFound, Query, Refusal, credentials::Signed, table::Route},
    state::App,
};

/// What the beginning of a conversation can be refused for, beside its form.
const BEGIN: &[Code] = &[
    Code::NotFound,
    Code::Forbidden,
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
        Route::new(GET, "/conversations", "list_conversations", list_conversations)
            .says("conversations", "The viewer's conversations, the latest activity first.")
            .weighs(Class::List, 1)
            .can_fail(&[Code::InvalidCursor]),
        Route::new(POST, "/conversations", "create_conversation", create_conversation)
            .says("conversations", "Begins a conversation with someone, with several, or about a record.")
            .weighs(Class::Write, 5)
            .can_fail(BEGIN),
        Route::new(GET, "/conversations/{id}", "get_conversation", get_conversation)
            .says("conversations", "One conversation with its participants and what the viewer may do there."),
        Route::new(PATCH, "/conversations/{id}", "update_conversation", update_conversation)
            .says("conversations", "Sets how slowly a person may write there, for who may moderate.")
            .can_fail(&[Code::NotFound, Code::Forbidden]),
        Route::new(POST, "/conversations/{id}/read", "mark_read", mark_read)
            .says("conversations", "Notes that everything up to a position has been seen; never moves back.")
            .can_fail(super::FORBIDDEN),
    ]
}

async fn list_conversations(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListConversations>,
) -> Result<Answer<Page<ConversationSummary>>, Refusal> {
    Ok(Answer::new(app.services().list_conversations(&who, &query).await?))
}

async fn create_conversation(
    State(app): State<App>,
    Signed(who): Signed,
    Key(key): Key,
    Body(body): Body<CreateConversation>,
) -> Result<MadeOrFound<ConversationDetail>, Refusal> {
    let (detail, begun) = app.services().create_conversation(&who, &key, &body).await?;
    Ok(if begun.made {
        MadeOrFound::Made(Answer::new(detail).replayed(begun.replayed))
    } else {
        MadeOrFound::Found(Answer::new(detail).replayed(begun.replayed))
    })
}

async fn get_conversation(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<ConversationId>,
    _: Query<InCompany>,
) -> Result<Answer<ConversationDetail>, Refusal> {
    Ok(Answer::new(app.services().get_conversation(&who, id).await?))
}

async fn update_conversation(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<ConversationId>,
    Body(body): Body<PatchConversation>,
) -> Result<Answer<ConversationSettings>, Refusal> {
    Ok(Answer::new(app.services().update_conversation(&who, id, &body).await?))
}

async fn mark_read(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<ConversationId>,
    Body(body): Body<MarkRead>,
) -> Result<Answer<ReadState>, Refusal> {
    Ok(Answer::new(app.services().mark_read(&who, id, &body).await?))
}
