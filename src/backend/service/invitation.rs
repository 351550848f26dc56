//! Asking people into a company. No mail is sent yet: the answer carries the link, and whoever asked hands it on. So an
//! address is as good as the way that the link took; `docs/administration.md` says what follows from that.

use serde::{Deserialize, Serialize};

use super::{Later, ServiceError, Services, member::assignable, page_limit, policy::guarded};
use crate::{
    access::Action,
    backend::{
        bus::{Bucket, Class},
        caller::Credentials,
        crypto::{password, token::Token},
        store::admin::{NewInvitation, OpenInvitation},
    },
    ids::{InvitationId, UserId},
    limits,
    wire::{
        AcceptInvitation, AcceptedInvitation, Code, CreateInvitation, CreatedInvitation, Invitation, ListInvitations,
        Page,
    },
};

#[derive(Serialize, Deserialize)]
struct Before {
    id: InvitationId,
}

/// Where an invitation is accepted. The secret stands behind `#`: browsers send it to nobody, so no log has it.
#[must_use]
pub fn invitation_link(origin: &str, token: &Token) -> String {
    format!("{origin}/invitation#{}", token.reveal())
}

impl Services {
    /// Asks somebody into the company. The secret is told this once.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::InvalidField`]; [`Code::BeyondOwnRights`] for a role that holds
    /// more than the caller; [`Code::AlreadyMember`].
    pub async fn create_invitation(
        &self,
        credentials: &Credentials,
        request: &CreateInvitation,
    ) -> Result<CreatedInvitation, ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminMembers).await?;
        let now = self.now();
        assignable(&caller, &request.role, now)?;
        let token = Token::generate(self.ids().as_ref());
        let new = NewInvitation {
            id: InvitationId::from_uuid(self.uuid()),
            email: request.email.as_str(),
            name: request.name.as_str(),
            role: &request.role,
            kind: request.kind,
            token_hash: token.hash(),
            at: now,
            expires_at: now.plus_s(limits::INVITATION_S.cast_signed()),
        };
        let mut tx = self.store().begin(&caller, "invitation.create").await?;
        if !tx.invitation_create(&permit, &new).await.map_err(guarded)? {
            return Err(ServiceError::code(Code::AlreadyMember));
        }
        let invitation = Invitation {
            id: new.id,
            email: new.email.to_owned(),
            name: new.name.to_owned(),
            role: request.role.clone(),
            kind: request.kind,
            created_at: now,
            created_by: Some(caller.user()),
            expires_at: new.expires_at,
        };
        let link = invitation_link(&self.inner.origin, &token);
        let created = CreatedInvitation { invitation, token: token.reveal().to_owned(), link };
        Ok(tx.commit(created).await?.into_inner())
    }

    /// Invitations neither accepted nor withdrawn, newest first.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::InvalidCursor`].
    pub async fn list_invitations(
        &self,
        credentials: &Credentials,
        query: &ListInvitations,
    ) -> Result<Page<Invitation>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let before: Option<Before> = self.page_position("invitations", caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "invitation.list").await?;
        let mut items = tx.invitation_list(before.map(|before| before.id), limit + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| self.page_cursor("invitations", caller.company(), &Before { id: last.id }));
        Ok(Page { items, next_cursor })
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::NotFound`] when none of that id is open.
    pub async fn revoke_invitation(&self, credentials: &Credentials, id: InvitationId) -> Result<(), ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "invitation.revoke").await?;
        if !tx.invitation_revoke(&permit, id, self.now()).await.map_err(guarded)? {
            return Err(ServiceError::code(Code::NotFound));
        }
        tx.commit(()).await?;
        Ok(())
    }

    /// Accepts an invitation, with a new account or with the one that has the address. A password that is not that account's is told as
    /// at the door: `later`, for the same reason.
    ///
    /// # Errors
    /// [`Code::InvalidField`] for a password that nobody could choose, whatever the invitation;
    /// [`Code::InvalidInvitation`], the same after the same work for an unknown, used, withdrawn or expired one, an inviter
    /// who may no longer invite, and a password that is not the account's; [`Code::RateLimited`].
    pub async fn accept_invitation(
        &self,
        request: AcceptInvitation,
        who: &Credentials,
        later: impl FnOnce(Later),
    ) -> Result<AcceptedInvitation, ServiceError> {
        let network = who.toll.network().unwrap_or_default();
        self.take(&who.toll, &[self.bus().draw(Bucket::Address(Class::SignIn), &network, 1)], None).await?;
        if request.password.chars().count() < limits::PASSWORD_CHARS_MIN
            || request.password.len() > limits::PASSWORD_BYTES_MAX
        {
            let detail = format!(
                "must have at least {} characters and at most {} bytes",
                limits::PASSWORD_CHARS_MIN,
                limits::PASSWORD_BYTES_MAX
            );
            return Err(ServiceError::field(Code::InvalidField, "password", detail));
        }
        let wrong = || ServiceError::code(Code::InvalidInvitation);
        let token = Token::parse(&request.token).ok_or_else(wrong)?;
        let hash = token.hash();
        // What one link can be tried with, whoever it is for.
        let link = format!("{:016x}", u64::from_be_bytes(*hash.first_chunk::<8>().unwrap_or(&[0; 8])));
        self.take(&who.toll, &[self.bus().draw(Bucket::SignInAccount, &link, 1)], None).await?;
        let found = self.store().invitation_find(hash, self.now()).await?;
        let (password, ids) = (request.password, std::sync::Arc::clone(self.ids()));
        let account = found.as_ref().and_then(|found| found.account.clone());
        // Who may invite holds the link to anybody's account, of whatever company: guessing its password here counts towards what
        // guessing at the door counts towards, and is told to the same people.
        let suspicion = match &found {
            Some(OpenInvitation { email, account: Some(_) }) => {
                let suspicion = self.guess(who, email).await.suspicion;
                if let Err(error) = self.take(&who.toll, &suspicion, None).await {
                    if error.as_code() == Code::RateLimited
                        && let Some(task) = self.note_limited_sign_in(email, who).await
                    {
                        later(task);
                    }
                    return Err(error);
                }
                suspicion
            }
            _ => Vec::new(),
        };
        // One hash of the same cost, whatever there is to check or to make.
        let makes = found.is_some() && account.is_none();
        let known = account.as_ref().and_then(|(_, hash)| hash.clone());
        let work = move || {
            if makes {
                (false, Some(password::hash(&password, ids.as_ref())))
            } else {
                (password::verify(&password, known.as_deref()), None)
            }
        };
        let (fits, made) = self.inner.passwords.work(work).await?;
        let user = match (account, &made) {
            (Some((user, _)), None) if fits => {
                self.bus().give_back(&suspicion, None).await;
                user
            }
            (Some((user, _)), None) => {
                later(self.note_refused_sign_in(user, who));
                return Err(wrong());
            }
            (None, Some(_)) => UserId::from_uuid(self.uuid()),
            _ => return Err(wrong()),
        };
        let name = request.name.as_str();
        let (company_id, company_name, email) =
            self.store().invitation_accept(hash, user, name, made.as_deref(), self.now()).await?.ok_or_else(wrong)?;
        Ok(AcceptedInvitation { company_id, company_name, email })
    }
}
