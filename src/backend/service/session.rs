//! Signing in and out, the person's own view, switching companies, tickets for sockets.

use super::{Later, ServiceError, Services, member::administers, person};
use crate::{
    backend::{
        bus::{Bucket, Class, Draw},
        caller::{Credentials, Proof, Session},
        crypto::{password, token::Token},
        store::NewSession,
    },
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, SessionId, UserId},
    limits,
    wire::{Code, Me, RealtimeTicket, SessionKind, SignIn, SwitchCompany},
};

/// A guess at an account's password, perhaps: what it counts towards.
pub(super) struct Guess {
    /// What to give back should it fit.
    pub suspicion: Vec<Draw>,
    /// The account and the neighbourhood, which a success makes familiar.
    place: String,
}

const fn seconds(s: u64) -> i64 {
    // Every bound in `limits` is far below 2^63.
    s.cast_signed()
}

impl Services {
    /// Signs in with e-mail and password. The session begins in the first of the person's companies. The audit log is told,
    /// and of a wrong password for a known account, too: `later`, because what an unknown account does not take, a known one
    /// must not take either, or the time tells which accounts there are.
    ///
    /// # Errors
    /// [`Code::InvalidCredentials`], the same after the same time for an unknown account, a wrong password and an account
    /// without a company; [`Code::RateLimited`].
    pub async fn sign_in(
        &self,
        request: SignIn,
        who: &Credentials,
        later: impl FnOnce(Later),
    ) -> Result<(Token, Me), ServiceError> {
        let correlation = who.correlation;
        let attempt = match self.attempt(who, request.email.as_str()).await {
            Ok(attempt) => attempt,
            Err(error) => {
                if error.as_code() == Code::RateLimited
                    && let Some(task) = self.note_limited_sign_in(request.email.as_str(), who).await
                {
                    later(task);
                }
                return Err(error);
            }
        };
        let wrong = || ServiceError::code(Code::InvalidCredentials);
        if request.password.len() > limits::PASSWORD_BYTES_MAX {
            return Err(wrong());
        }
        let account = self.store().account_get(request.email.as_str()).await?;
        let hash = account.as_ref().and_then(|(_, hash)| hash.clone());
        let fits = self.inner.passwords.work(move || password::verify(&request.password, hash.as_deref())).await?;
        let user = match account {
            Some((user, _)) if fits => user,
            Some((user, _)) => {
                later(self.note_refused_sign_in(user, who));
                return Err(wrong());
            }
            None => return Err(wrong()),
        };
        let company = self.store().company_list(user).await?.first().map(|company| company.id).ok_or_else(wrong)?;
        self.bus().give_back(&attempt.suspicion, None).await;
        self.bus().grow_familiar(&attempt.place).await;
        let expires_at = self.now().plus_s(seconds(limits::SESSION_IDLE_S));
        let (token, session) =
            self.begin_session(user, company, SessionKind::Browser, None, expires_at, correlation).await?;
        let me = self.describe_new(&token, &session, correlation).await?;
        Ok((token, me))
    }

    /// Counts an attempt to sign in, before anything is looked up, so that a known and an unknown account are the same.
    async fn attempt(&self, who: &Credentials, account: &str) -> Result<Guess, ServiceError> {
        let guess = self.guess(who, account).await;
        let network = who.toll.network().unwrap_or_default();
        let mut draws = guess.suspicion.clone();
        draws.push(self.bus().draw(Bucket::SignInAccount, &format!("{account}@{network}"), 1));
        self.take(&who.toll, &draws, None).await?;
        Ok(guess)
    }

    /// What a guess at the password of `account` counts towards; all of it is given back if it fits.
    ///
    /// An attacker with one address is stopped by the address; one with a rack, by the neighbourhood; one with a botnet and one
    /// account in mind, by what the account takes from places that it does not know. None of these locks the owner out: where they
    /// signed in before, only guesses at their own account from there count, whatever is tried elsewhere, and whatever the neighbour
    /// behind the same address tries at others.
    pub(super) async fn guess(&self, who: &Credentials, account: &str) -> Guess {
        let neighbourhood = who.toll.neighbourhood().unwrap_or_default();
        let place = format!("{account}@{neighbourhood}");
        let suspicion = if self.bus().is_familiar(&place).await {
            vec![self.bus().draw(Bucket::SignInFamiliar, &place, 1)]
        } else {
            let network = who.toll.network().unwrap_or_default();
            vec![
                self.bus().draw(Bucket::Address(Class::SignIn), &network, 1),
                self.bus().draw(Bucket::SignInNeighbourhood, &neighbourhood, 1),
                self.bus().draw(Bucket::SignInElsewhere, account, 1),
            ]
        };
        Guess { suspicion, place }
    }

    pub(super) async fn begin_session(
        &self,
        user: UserId,
        company: CompanyId,
        kind: SessionKind,
        origin: Option<&str>,
        expires_at: Timestamp,
        correlation: CorrelationId,
    ) -> Result<(Token, Session), ServiceError> {
        let token = Token::generate(self.ids().as_ref());
        let session = Session { id: SessionId::from_uuid(self.uuid()), kind, context_epoch: 1, expires_at };
        let new = NewSession {
            id: session.id,
            token_hash: token.hash(),
            user,
            company,
            kind,
            origin,
            at: self.now(),
            expires_at,
            correlation,
        };
        if !self.store().session_create(new).await? {
            return Err(ServiceError::code(Code::InvalidCredentials));
        }
        Ok((token, session))
    }

    /// Ends the session and its sockets. Ending one that has ended is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, credentials: &Credentials) -> Result<(), ServiceError> {
        let Some(Proof::Session(token)) = &credentials.proof else {
            return Err(ServiceError::code(Code::Unauthenticated));
        };
        if let Some((session, company)) =
            self.store().session_end(token.hash(), self.now(), credentials.correlation).await?
        {
            self.bus().session_ended(company, session);
        }
        Ok(())
    }

    /// Who is signed in, where, and where else they could be. Shows nothing of the company's: an access hook that is silent keeps
    /// nobody from their other companies.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::CompanyContextChanged`].
    pub async fn get_me(&self, credentials: &Credentials) -> Result<Me, ServiceError> {
        let caller = self.open_apart_from_hook(credentials).await?;
        let session = person(&caller)?;
        self.describe(caller.user(), caller.company(), &session, administers(&caller)).await
    }

    /// As [`Self::describe`], of a session that has just begun.
    pub(super) async fn describe_new(
        &self,
        token: &Token,
        session: &Session,
        correlation: CorrelationId,
    ) -> Result<Me, ServiceError> {
        let look = async || {
            let opened = self.store().session_open(token.hash(), None, self.now(), correlation).await?;
            opened.ok_or_else(|| ServiceError::code(Code::Unauthenticated))
        };
        let caller = self.judged(look().await?, look).await?.caller;
        self.describe(caller.user(), caller.company(), session, administers(&caller)).await
    }

    async fn describe(
        &self,
        user: UserId,
        company: CompanyId,
        session: &Session,
        administers: bool,
    ) -> Result<Me, ServiceError> {
        let [name, email, locale, time_zone] =
            self.store().profile_get(user).await?.ok_or_else(|| ServiceError::code(Code::Unauthenticated))?;
        let mut companies = self.store().company_list(user).await?;
        // A host that embeds one company's widget learns nothing of the person's other companies.
        if session.kind == SessionKind::Embed {
            companies.retain(|one| one.id == company);
        }
        Ok(Me {
            id: user,
            name,
            email,
            locale,
            time_zone,
            session_id: session.id,
            session_kind: session.kind,
            company_id: company,
            context_epoch: session.context_epoch,
            companies,
            administers,
        })
    }

    /// Moves the session into another company of the person: a fresh token, a higher context epoch, and the old token's sockets
    /// closed.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the person is no active member there; [`Code::Forbidden`] for an embedded session.
    pub async fn switch_company(
        &self,
        credentials: &Credentials,
        request: &SwitchCompany,
    ) -> Result<(Token, Me), ServiceError> {
        // The request is about leaving the company that the client believes in: a stale belief is no obstacle to it.
        let here = Credentials { company: None, ..credentials.clone() };
        // Nor is an access hook there that takes everything: they are leaving.
        let caller = self.counted(&here, None).await?.caller;
        let (Some(session), Some(Proof::Session(old))) = (caller.session().cloned(), &credentials.proof) else {
            return Err(ServiceError::code(Code::Forbidden));
        };
        if session.kind == SessionKind::Embed {
            return Err(ServiceError::detail(
                Code::Forbidden,
                "an embedded session belongs to the company that its host named",
            ));
        }
        let token = Token::generate(self.ids().as_ref());
        let (now, correlation) = (self.now(), credentials.correlation);
        if !self.store().session_switch(old.hash(), token.hash(), request.company_id, now, correlation).await? {
            return Err(ServiceError::code(Code::NotFound));
        }
        self.bus().session_ended(caller.company(), session.id);
        let session = Session { context_epoch: session.context_epoch + 1, ..session };
        let me = self.describe_new(&token, &session, correlation).await?;
        Ok((token, me))
    }

    /// A one-time ticket with which this session can open a socket where cookies do not reach.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::CompanyContextChanged`].
    pub async fn create_ticket(&self, credentials: &Credentials) -> Result<RealtimeTicket, ServiceError> {
        let (_, session) = self.open_person(credentials).await?;
        let ticket = Token::generate(self.ids().as_ref());
        let expires_at = self.now().plus_s(seconds(limits::TICKET_TTL_S));
        self.store().ticket_create(ticket.hash(), session.id, expires_at).await?;
        Ok(RealtimeTicket { ticket: ticket.reveal().to_owned(), expires_at })
    }
}
