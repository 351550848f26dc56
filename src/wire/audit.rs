//! The audit log, as whoever may export reads it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, UserId},
};

/// `GET /admin/audit`: what must be answerable for, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAudit {
    /// The company at hand.
    pub company_id: Option<CompanyId>,
    /// Only this action, such as `message.delete`.
    #[schemars(regex(pattern = "^[a-z_.]{1,60}$"))]
    pub action: Option<String>,
    /// Only what this person did.
    pub actor_id: Option<UserId>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Page size.
    pub limit: Option<u16>,
}

/// `GET /admin/audit/chain`: where the audit log's chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditChain {
    /// Position of the newest entry, which is how many there are.
    pub seq: i64,
    /// Its hash, in hexadecimal digits: whoever notes it elsewhere can prove what stood before it.
    pub hash: String,
    /// The position up to which the newest signed checkpoint vouches; 0: there is none yet.
    pub signed_seq: i64,
    /// When that was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    /// The person.
    pub id: UserId,
    /// Their name as it is now.
    pub name: String,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its place in the company's log: from 1, dense.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What was done, such as `message.delete`.
    pub action: String,
    /// Who did it; absent: the system, somebody at the database, or nobody who proved to be anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<AuditActor>,
    /// To what: an id, or kind and id of a record.
    pub target: String,
    /// What else must be known. Never text of messages, never secrets.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// The request, as in its answer and in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// SHA-256 of the entry and the hash before it, in hexadecimal digits: to be compared with an export.
    pub hash: String,
}
