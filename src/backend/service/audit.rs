//! The audit log: what services tell it besides what the database tells by itself, who reads it, and its signed checkpoints.
//!
//! An entry about something that happens is written in its transaction, by the door or the trigger. Here are those about
//! what did not happen (a refusal) or changes nothing (a key's first use), written right after. Should the database fail
//! just then, the answer stays what it is and the server's log says so.

use core::fmt::Display;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use serde_json::json;

use super::{ServiceError, Services, page_limit, unlinked};
use crate::{
    access::Action,
    backend::{
        bus::Bucket,
        caller::{Caller, Credentials},
        crypto::token::TokenHash,
        store::{AuditQuery, StoreError},
        toll::Toll,
    },
    ids::{CompanyId, CorrelationId, UserId},
    limits,
    wire::{AuditAction, AuditChain, AuditEntry, Code, ListAudit, Page},
};

/// Work that must not delay an answer. Whoever serves spawns it, and waits for it at the end.
pub type Later = BoxFuture<'static, ()>;

/// API keys whose use on a day this node has told of, by hash. The database knows it, too: this only saves the asking.
#[derive(Debug, Default)]
pub(super) struct KeysUsed(Mutex<HashMap<TokenHash, i64>>);

impl KeysUsed {
    /// Whether this is the key's first use on `day` here.
    fn is_first(&self, key: TokenHash, day: i64) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= limits::AUDIT_KEYS_MAX {
            keys.clear();
        }
        keys.insert(key, day) != Some(day)
    }
}

fn failed(what: &str, error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, "the audit log was not told of {what}");
}

impl Services {
    /// The refusal of `action` on `target`, which the caller sees: told to the audit log, a bounded number of times a minute.
    pub(super) async fn forbidden(&self, caller: &Caller, action: Action, target: impl Display) -> ServiceError {
        let whom = format!("{}:{}", caller.company(), caller.user());
        if self.bus().take(Bucket::Refusal, &whom).await.passes() {
            match self.note_refusal(caller, action, &target.to_string()).await {
                Ok(()) => caller.toll().into_iter().for_each(Toll::is_in_the_audit_log),
                Err(error) => failed("a refusal", &error),
            }
        }
        ServiceError::code(Code::Forbidden)
    }

    async fn note_refusal(&self, caller: &Caller, action: Action, target: &str) -> Result<(), StoreError> {
        let detail = json!({ "action": action });
        let mut tx = self.store().begin(caller, "audit.refused").await?;
        tx.audit_write(AuditAction::AccessRefused, target, &detail, caller.correlation(), self.now()).await?;
        tx.commit(()).await?;
        Ok(())
    }

    /// Tells the companies of a known account that its password was not given.
    pub(super) fn note_refused_sign_in(&self, user: UserId, who: &Credentials) -> Later {
        let (services, correlation, network) = (self.clone(), who.correlation, who.toll.network());
        Box::pin(async move {
            if let Err(error) = services.store().sign_in_refused(user, services.now(), correlation).await {
                failed("a refused sign-in", &error);
            }
            // The log says that it happened; the trail, how often and that it was from one place or from many.
            if let Err(error) = services.note_sign_in(user, network.as_deref(), Code::InvalidCredentials).await {
                failed("the place of a refused sign-in", &error);
            }
        })
    }

    /// Notes for the companies of `account`, if there is such, that somebody tries too fast; some times a minute for an account and for an
    /// address, because each costs a look-up and who names ever new accounts would else have as many as they like.
    pub(super) async fn note_limited_sign_in(&self, account: &str, who: &Credentials) -> Option<Later> {
        let by_network = format!("from {}", who.toll.network().unwrap_or_default());
        let draws = [self.bus().draw(Bucket::Refusal, &by_network, 1), self.bus().draw(Bucket::Refusal, account, 1)];
        if !self.bus().take_all(&draws, None).await.passes() {
            return None;
        }
        let (services, account, network) = (self.clone(), account.to_owned(), who.toll.network());
        Some(Box::pin(async move {
            let noted = async {
                let Some((user, _)) = services.store().account_get(&account).await? else { return Ok(()) };
                services.note_sign_in(user, network.as_deref(), Code::RateLimited).await
            };
            if let Err(error) = noted.await {
                failed("sign-ins that were too fast", &error);
            }
        }))
    }

    /// Tells of a key's first use on a day (UTC).
    pub(super) async fn note_key_use(&self, key: TokenHash, correlation: CorrelationId) {
        let now = self.now();
        if self.inner.keys.is_first(key, now.micros().div_euclid(86_400_000_000))
            && let Err(error) = self.store().api_key_used(key, now, correlation).await
        {
            failed("a key's use", &error);
        }
    }

    /// The audit log, newest first, for whom `admin:export` is allowed in the company as a whole.
    ///
    /// # Errors
    /// [`Code::Forbidden`]; [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_audit(
        &self,
        credentials: &Credentials,
        query: &ListAudit,
    ) -> Result<Page<AuditEntry>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let caller = self.open(credentials).await?;
        let Some(permit) = caller.permit(Action::AdminExport, &unlinked(), ()) else {
            return Err(self.forbidden(&caller, Action::AdminExport, caller.company()).await);
        };
        let before: Option<i64> = self.page_position("audit", caller.company(), query.cursor.as_deref())?;
        let wanted = AuditQuery {
            action: query.action,
            actor: query.actor_id,
            before: before.unwrap_or(i64::MAX),
            limit: limit + 1,
        };
        let mut items = self.store().audit_page(&caller, permit, &wanted, self.now()).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor =
            items.last().filter(|_| more).map(|last| self.page_cursor("audit", caller.company(), &last.seq));
        Ok(Page { items, next_cursor })
    }

    /// Where the chain of the audit log stands, for a person whom `admin:export` is allowed.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub async fn get_audit_chain(&self, credentials: &Credentials) -> Result<AuditChain, ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminExport).await?;
        let mut tx = self.store().begin(&caller, "audit.chain").await?;
        Ok(tx.audit_chain(&permit).await?)
    }

    /// Signs the ends of all audit logs that have new entries and whose last checkpoint is older than
    /// [`limits::AUDIT_CHECKPOINT_S`]; how many that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_due_audit(&self) -> Result<usize, StoreError> {
        let before = self.now().plus_s(-limits::AUDIT_CHECKPOINT_S.cast_signed());
        let mut signed = 0;
        for company in self.store().audit_desk().due(before).await? {
            signed += usize::from(self.sign_audit(company).await?.is_some());
        }
        Ok(signed)
    }

    /// Signs the end of one audit log now; its position, unless there is nothing new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_audit(&self, company: CompanyId) -> Result<Option<i64>, StoreError> {
        let desk = self.store().audit_desk();
        let Some((seq, hash)) = desk.head(company).await? else { return Ok(None) };
        let (checkpoint, signature) = self.sealer().audit_key().sign(company, seq, hash, self.now());
        Ok(desk.checkpoint_put(&checkpoint, &signature).await?.then_some(seq))
    }
}
