//! The people of a company, as the caller may meet them.

use super::{ServiceError, Services, page_limit};
use crate::{
    backend::{caller::Credentials, store::PeopleCursor},
    domain::MemberKind,
    wire::{ListPeople, Page, Person},
};

impl Services {
    /// Members by name. A guest meets only those that they share a conversation with.
    ///
    /// # Errors
    /// [`crate::wire::Code::InvalidCursor`].
    pub async fn list_people(
        &self,
        credentials: &Credentials,
        query: &ListPeople,
    ) -> Result<Page<Person>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let caller = self.open(credentials).await?;
        let after: Option<PeopleCursor> = self.page_position("people", caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "person.list").await?;
        let mut items = tx.person_list(caller.member_kind() == MemberKind::External, after.as_ref(), limit + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            self.page_cursor("people", caller.company(), &PeopleCursor { name: last.name.to_lowercase(), id: last.id })
        });
        Ok(Page { items, next_cursor })
    }
}
