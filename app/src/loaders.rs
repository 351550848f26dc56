//! What the server reads for a first paint, as a trait: the server implements it per request, through the same services
//! as REST. The app knows no database, the server knows no views.

use std::{future::Future, pin::Pin};

use postil::{
    access::Action,
    clock::Timestamp,
    ids::ConversationId,
    wire::{AdminRights, ConversationDetail, ConversationSummary, Launcher, Me, MessagePage, Page, Problem},
};

use crate::admin::{Data, Section};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Reads on behalf of whoever sent the request. Nobody signed in: [`Loader::me`] answers `None`, and nothing else is asked.
pub trait Loader: Send + Sync {
    /// Now: pages say "14:05" and "yesterday".
    fn now(&self) -> Timestamp;

    /// Who is signed in by cookie.
    fn me(&self) -> BoxFuture<'_, Result<Option<Me>, Problem>>;

    /// Where the company's stream stands, as in `welcome`. Asked before everything below, so that a socket which resumes
    /// here misses nothing. `None` when there is no cursor to give: the client then loads again after its hello.
    fn stream_cursor(&self) -> BoxFuture<'_, Result<Option<String>, Problem>> {
        Box::pin(async { Ok(None) })
    }

    /// The first page of conversations, as `GET /conversations`.
    fn conversations(&self) -> BoxFuture<'_, Result<Page<ConversationSummary>, Problem>>;

    /// One conversation, as `GET /conversations/{id}`; `None` when there is none to be seen.
    fn conversation(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<ConversationDetail>, Problem>>;

    /// The first page of its threads, as `GET /messages?conversationId=`.
    fn messages(&self, id: ConversationId) -> BoxFuture<'_, Result<MessagePage, Problem>>;

    /// The launcher, as `GET /launcher`.
    fn launcher(&self) -> BoxFuture<'_, Result<Launcher, Problem>>;

    /// What this person may administer.
    fn admin_rights(&self) -> BoxFuture<'_, Result<AdminRights, Problem>>;

    /// What a section of the administration pages shows first. Asked only of those who may see it.
    fn admin_data(&self, section: Section, rights: AdminRights) -> BoxFuture<'_, Result<Data, Problem>>;

    /// Notes that this person asked for a page which `action` opens and was told that it is not open to them.
    fn admin_refused(&self, action: Action) -> BoxFuture<'_, ()>;
}
