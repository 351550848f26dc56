//! Linked records: what chips show, and what the ERP states.

use super::{ServiceError, Services};
use crate::{
    access::Action,
    backend::{caller::Credentials, store::StoreError},
    domain::RecordKey,
    limits,
    wire::{Code, LinkedRecord, ResolveRecords, ResolvedRecords, UpsertRecord},
};

impl Services {
    /// Those of the records named that exist and that the caller may see; the others are not told apart.
    ///
    /// # Errors
    /// [`Code::InvalidField`] for more than [`limits::RECORDS_RESOLVE_MAX`].
    pub async fn resolve_records(
        &self,
        credentials: &Credentials,
        request: &ResolveRecords,
    ) -> Result<ResolvedRecords, ServiceError> {
        if request.records.len() > limits::RECORDS_RESOLVE_MAX {
            let detail =
                format!("names {}, at most {} are allowed", request.records.len(), limits::RECORDS_RESOLVE_MAX);
            return Err(ServiceError::field(Code::InvalidField, "records", detail));
        }
        let caller = self.open(credentials).await?;
        let mut tx = self.store().begin(&caller, "record.resolve").await?;
        Ok(ResolvedRecords { items: tx.record_get_many(&request.records).await? })
    }

    /// One record.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_record(&self, credentials: &Credentials, key: &RecordKey) -> Result<LinkedRecord, ServiceError> {
        let caller = self.open(credentials).await?;
        let mut tx = self.store().begin(&caller, "record.get").await?;
        tx.record_get_many(core::slice::from_ref(key)).await?.pop().ok_or_else(|| ServiceError::code(Code::NotFound))
    }

    /// Stores what a record is now. For the ERP's API key.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:records`; [`Code::InvalidField`].
    pub async fn upsert_record(
        &self,
        credentials: &Credentials,
        key: &RecordKey,
        request: &UpsertRecord,
    ) -> Result<LinkedRecord, ServiceError> {
        check(request)?;
        let caller = self.open(credentials).await?;
        // The right is asked for the company as a whole: the record may not exist yet, so that no narrower scope can match.
        let whole = super::unlinked();
        let Some(permit) = caller.permit(Action::AdminRecords, &whole, ()) else {
            return Err(self.forbidden(&caller, Action::AdminRecords, key).await);
        };
        let at = self.now();
        let event =
            self.store().record_upsert(&caller, permit, key, request, at).await.map_err(|error| match &error {
                StoreError::Database(cause) if StoreError::sqlstate(cause).as_deref() == Some("23503") => {
                    ServiceError::field(
                        Code::InvalidField,
                        "ownerId, departmentId, projectId",
                        "must be a member, a department and a project of this company",
                    )
                }
                _ => error.into(),
            })?;
        self.announce(&event);
        // What was stored, not what could be read back: who states records need not be allowed to see them.
        Ok(LinkedRecord {
            kind: key.kind,
            id: key.id.clone(),
            title: request.title.clone(),
            amount: request.amount.clone(),
            status: request.status.clone(),
            url: request.url.clone(),
            owner_id: request.owner_id,
            updated_at: at,
        })
    }
}

fn check(request: &UpsertRecord) -> Result<(), ServiceError> {
    let refuse = |field: &str, detail: String| Err(ServiceError::field(Code::InvalidField, field, detail));
    let plain = |text: &str| !text.chars().any(char::is_control) && !text.trim().is_empty();
    if !plain(&request.title) || request.title.chars().count() > limits::RECORD_TITLE_CHARS_MAX {
        return refuse("title", format!("must have 1 to {} characters on one line", limits::RECORD_TITLE_CHARS_MAX));
    }
    if let Some(status) = &request.status
        && (!plain(status) || status.chars().count() > limits::RECORD_STATUS_CHARS_MAX)
    {
        return refuse("status", format!("must have 1 to {} characters on one line", limits::RECORD_STATUS_CHARS_MAX));
    }
    if let Some(amount) = &request.amount
        && (amount.currency.len() != 3 || !amount.currency.bytes().all(|b| b.is_ascii_uppercase()))
    {
        return refuse("amount.currency", "must be an ISO 4217 code such as EUR".to_owned());
    }
    if let Some(url) = &request.url {
        // A link that people click: it must not run script in whoever opens it.
        let loopback = ["http://localhost", "http://127.0.0.1"].iter().any(|start| {
            url.strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':') || rest.starts_with('/'))
        });
        let good =
            (url.starts_with("https://") || loopback) && !url.chars().any(|c| c.is_control() || c.is_whitespace());
        if !good || url.len() > limits::RECORD_URL_BYTES_MAX {
            return refuse(
                "url",
                format!("must be an https address of at most {} bytes", limits::RECORD_URL_BYTES_MAX),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(url: &str) -> UpsertRecord {
        UpsertRecord {
            title: "Invoice".to_owned(),
            amount: None,
            status: None,
            url: Some(url.to_owned()),
            owner_id: None,
            department_id: None,
            project_id: None,
        }
    }

    #[test]
    fn only_addresses_that_are_safe_to_click_are_stored() {
        for good in ["https://erp.example/i/1", "http://localhost:3000/demo", "http://127.0.0.1/x"] {
            assert!(check(&record(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://erp.example",
            "javascript:alert(1)",
            "http://localhost.evil.example/",
            "https://a b",
            "data:text/html,x",
        ] {
            assert!(check(&record(bad)).is_err(), "{bad}");
        }
    }
}
