//! Linked records: the transaction, plan or topic that talk is about. The ERP keeps them; Postil has a registry.

use core::{fmt, str::FromStr};
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::bounded::BoundError;
use crate::limits;

/// The three kinds of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An invoice, order, payment, journal entry.
    Transaction,
    /// A production plan, budget, project plan.
    Plan,
    /// A policy, question, subject.
    Topic,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transaction, Self::Plan, Self::Topic];

    /// As stored and written in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Plan => "plan",
            Self::Topic => "topic",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordKind {
    type Err = BoundError;
    fn from_str(text: &str) -> Result<Self, BoundError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(BoundError::Malformed { expected: "one of transaction, plan, topic" })
    }
}

/// The ERP's own id of a record: visible ASCII without blanks, at most [`limits::RECORD_ID_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordId(String);

impl RecordId {
    /// Checks an ERP's id.
    ///
    /// # Errors
    /// When it is empty, too long, or holds anything but letters, digits and `. _ / - : #`.
    pub fn new(text: &str) -> Result<Self, BoundError> {
        if text.is_empty() {
            return Err(BoundError::Empty);
        }
        if text.len() > limits::RECORD_ID_BYTES_MAX {
            return Err(BoundError::TooLong { len: text.len(), max: limits::RECORD_ID_BYTES_MAX });
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-:#".contains(&b)) {
            return Err(BoundError::Malformed { expected: "letters, digits and . _ / - : #" });
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for RecordId {
    fn schema_name() -> Cow<'static, str> {
        "RecordId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._/:#-]+$", "maxLength": limits::RECORD_ID_BYTES_MAX })
    }
}

/// Names one record of the company at hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordKey {
    /// Transaction, plan or topic.
    pub kind: RecordKind,
    /// The ERP's id.
    pub id: RecordId,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl FromStr for RecordKey {
    type Err = BoundError;
    /// Reads `kind/id`.
    fn from_str(text: &str) -> Result<Self, BoundError> {
        let (kind, id) =
            text.split_once('/').ok_or(BoundError::Malformed { expected: "kind/id, such as transaction/INV-4711" })?;
        Ok(Self { kind: kind.parse()?, id: RecordId::new(id)? })
    }
}
