//! What operations read from a request: JSON bodies, queries, ids in the path, idempotency keys. Every extractor refuses
//! with a code of the catalogue and, where it can, the field's name.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use http::{HeaderMap, HeaderName, header, request::Parts};
use postil::{
    backend::service::IdempotencyKey,
    domain::{RecordId, RecordKey, RecordKind},
    limits,
    wire::Code,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Refusal,
    describe::{Describe, Operation},
};

// --------------------------------------------------------------------------------------------------------------- body

/// A JSON body.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        only_company(request.uri().query().unwrap_or_default())?;
        if !is_json(request.headers()) {
            return Err(Refusal::new(Code::UnsupportedMediaType));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| Refusal::for_status(error.status()))?;
        parse(&bytes).map(Self)
    }
}

/// Operations with a body have no query but the company.
fn only_company(query: &str) -> Result<(), Refusal> {
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
    match names.find(|name| *name != "companyId") {
        Some(name) => {
            Err(Refusal::new(Code::InvalidQuery).detail(format!("unknown field `{name}`, expected `companyId`")))
        }
        None => Ok(()),
    }
}

/// `application/json`, with or without parameters. A form or `text/plain`, which a foreign page can send without asking
/// first, is not.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        body_refusal(&path, error.inner())
    })?;
    reader.end().map_err(|error| body_refusal(".", &error))?;
    Ok(value)
}

/// serde tells kinds of errors by their words alone. These are its own; every other message comes from our types, whose
/// shape was right and whose value was not.
const SHAPE: [&str; 7] = [
    "invalid type",
    "invalid length",
    "missing field",
    "unknown field",
    "unknown variant",
    "duplicate field",
    "data did not match",
];

fn body_refusal(path: &str, error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    // The position is of no use beside the path, and none at all for values inside of a tagged enum.
    let message = text.split(" at line ").next().unwrap_or_default().to_owned();
    if !error.is_data() {
        return Refusal::new(Code::MalformedBody).detail(text);
    }
    let code = if message.starts_with("an id of this kind") {
        Code::InvalidId
    } else if SHAPE.iter().any(|shape| message.starts_with(shape)) {
        Code::MalformedBody
    } else {
        Code::InvalidField
    };
    // A field that is missing or there twice has no path of its own: its name is in the message.
    let named = ["missing field `", "duplicate field `"].iter().find_map(|prefix| message.strip_prefix(prefix));
    let named = named.and_then(|rest| rest.split('`').next());
    let field = match (path, named) {
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (".", None) => return Refusal::new(code).detail(message),
        (path, None) => path.to_owned(),
    };
    Refusal::new(code).field(field, message)
}

impl<T: JsonSchema> Describe for Body<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.request = Some(operation.schema::<T>());
        operation.can_fail(&[
            Code::MalformedBody,
            Code::InvalidField,
            Code::InvalidId,
            Code::UnsupportedMediaType,
            Code::BodyTooLarge,
            Code::RequestTimeout,
            Code::InvalidQuery,
        ]);
    }
}

// -------------------------------------------------------------------------------------------------------------- query

/// The query; parameters that the operation doesn't know are refused.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        if parts.uri.query().is_some_and(|query| query.len() > limits::QUERY_BYTES_MAX) {
            return Err(Refusal::new(Code::InvalidQuery).detail("the query is too long"));
        }
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => {
                let text = error.body_text();
                let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Refusal::new(Code::InvalidQuery).detail(text.to_owned()))
            }
        }
    }
}

impl<T: JsonSchema> Describe for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = T::json_schema(operation.schemas).to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let mut property = property.clone();
            let description = property.as_object_mut().and_then(|object| object.remove("description"));
            if name == "limit" {
                // The type says what an integer may be, the services what a page may be.
                let (default, maximum) = (limits::PAGE_DEFAULT, limits::PAGE_MAX);
                property = json!({ "type": "integer", "minimum": 1, "maximum": maximum, "default": default });
            }
            operation.parameters.push(json!({
                "name": name,
                "in": "query",
                "required": required.contains(&Value::from(name.as_str())),
                "description": description,
                "schema": without_null(property),
            }));
        }
        operation.can_fail(&[Code::InvalidQuery]);
    }
}

/// An absent parameter is absent; a query can't say `null`.
fn without_null(mut schema: Value) -> Value {
    if let Some(choices) = schema["anyOf"].as_array()
        && let [only, null] = choices.as_slice()
        && null["type"] == "null"
    {
        return only.clone();
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            schema["type"] = only.clone();
        }
    }
    schema
}

// --------------------------------------------------------------------------------------------------------------- path

/// An id in the path, `{id}`.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: std::str::FromStr + Send,
    T::Err: std::fmt::Display,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(malformed_path)?;
        text.parse().map(Self).map_err(|error: T::Err| Refusal::new(Code::InvalidId).field("id", error.to_string()))
    }
}

fn malformed_path<E>(_: E) -> Refusal {
    Refusal::new(Code::InvalidId).detail("the path is not percent-encoded UTF-8")
}

impl<T: JsonSchema> Describe for Id<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.path_parameter::<T>("id", "Which one.");
        operation.can_fail(&[Code::InvalidId, Code::NotFound]);
    }
}

/// A record in the path, `{kind}/{id}`. Slashes in the ERP's id are written `%2F`.
#[derive(Clone, Debug)]
pub struct InPath(pub RecordKey);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path((kind, id)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(malformed_path)?;
        let kind = kind.parse().map_err(|error| Refusal::new(Code::InvalidId).field("kind", format!("{error}")))?;
        let id = RecordId::new(&id).map_err(|error| Refusal::new(Code::InvalidId).field("id", error.to_string()))?;
        Ok(Self(RecordKey { kind, id }))
    }
}

impl Describe for InPath {
    fn describe(operation: &mut Operation<'_>) {
        operation.path_parameter::<RecordKind>("kind", "The kind of record.");
        operation.path_parameter::<RecordId>("id", "The ERP's id; a slash in it is written `%2F`.");
        operation.can_fail(&[Code::InvalidId, Code::NotFound]);
    }
}

// ---------------------------------------------------------------------------------------------------- idempotency key

/// The header by which a retry is known as one.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The `Idempotency-Key` of a request that makes something.
#[derive(Clone, Debug)]
pub struct Key(pub IdempotencyKey);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let refused = Refusal::new(Code::IdempotencyKeyRequired);
        let key = parts.headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()).and_then(IdempotencyKey::new);
        key.map(Self).ok_or(refused)
    }
}

impl Describe for Key {
    fn describe(operation: &mut Operation<'_>) {
        operation.needs_key = true;
        operation.can_fail(&[Code::IdempotencyKeyRequired, Code::IdempotencyInFlight, Code::IdempotencyMismatch]);
    }
}

#[cfg(test)]
mod tests {
    use postil::wire::{CreateConversation, SendMessage, SignIn};

    use super::*;

    fn refused<T: DeserializeOwned>(body: &str) -> (Code, Vec<String>) {
        let Err(refusal) = parse::<T>(body.as_bytes()) else { panic!("{body} was taken") };
        let problem = refusal.problem(postil::ids::CorrelationId::from_uuid(uuid::Uuid::nil()));
        (problem.code, problem.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_refused_body_names_its_code_and_field() {
        let cnv = "cnv_0198000000007000800000000000002a";
        for (body, code, field) in [
            ("", Code::MalformedBody, None),
            ("{", Code::MalformedBody, None),
            ("[]", Code::MalformedBody, None),
            (r#"{"body":"x"} x"#, Code::MalformedBody, None),
            ("{}", Code::MalformedBody, Some("body")),
            (r#"{"body":7}"#, Code::MalformedBody, Some("body")),
            (r#"{"body":"x","shout":1}"#, Code::MalformedBody, Some("shout")),
            (r#"{"body":"x","body":"y"}"#, Code::MalformedBody, Some("body")),
            (r#"{"body":" "}"#, Code::InvalidField, Some("body")),
            (r#"{"body":"a\u0000b"}"#, Code::InvalidField, Some("body")),
            (r#"{"body":"x","conversationId":"cnv_1"}"#, Code::InvalidId, Some("conversationId")),
            (r#"{"body":"x","record":{"kind":"transaction","id":"a b"}}"#, Code::InvalidField, Some("record.id")),
            (r#"{"body":"x","record":{"kind":"invoice","id":"a"}}"#, Code::MalformedBody, Some("record.kind")),
            (r#"{"body":"x","record":{"kind":"plan"}}"#, Code::MalformedBody, Some("record.id")),
        ] {
            let fields = Vec::from_iter(field.map(str::to_owned));
            assert_eq!(refused::<SendMessage>(body), (code, fields), "{body}");
        }
        let good = format!(r#"{{"body":"x","conversationId":"{cnv}"}}"#);
        assert!(parse::<SendMessage>(good.as_bytes()).is_ok());
        assert_eq!(refused::<SignIn>(r#"{"email":"x","password":"y"}"#).0, Code::InvalidField);
        assert_eq!(refused::<CreateConversation>(r#"{"kind":"direct","userId":"usr_1"}"#).0, Code::InvalidId);
    }

    #[test]
    fn only_json_is_json() {
        let of =
            |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(kind))]);
        assert!(is_json(&of("application/json")) && is_json(&of("Application/JSON; charset=utf-8")));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            assert!(!is_json(&of(kind)), "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_query_can_not_be_null() {
        assert_eq!(without_null(json!({ "type": ["string", "null"] })), json!({ "type": "string" }));
        assert_eq!(without_null(json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }] })), json!({ "$ref": "#/x" }));
    }
}
