//! The OpenAPI 3.1 document, written from the table and the types. Served at `/api/v1/openapi.json`, printed by
//! `postil openapi`, committed as `docs/reference/openapi.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use postil::{
    ids::CompanyId,
    limits,
    wire::{Code, Problem},
};
use serde_json::{Map, Value, json};

use super::{
    describe::{Auth, Operation},
    table::{self, Route},
};
use crate::figures;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = write();
    figures::write_into(&mut document);
    document
});
static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", *DOCUMENT));

/// The document.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as it is committed: indented, one line feed at its end.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

const TAGS: [(&str, &str); 10] = [
    ("session", "Signing in, the person's own view, the company at hand."),
    ("conversations", "Conversations that the viewer may see."),
    ("messages", "Messages, threads, replies."),
    ("records", "The ERP's records that talk is about."),
    ("people", "Colleagues and who is there."),
    ("embedding", "What the widget and its host use."),
    ("realtime", "The socket."),
    ("moderation", "Reports, what moderators do about them, the word list."),
    ("administration", "What a company's administrators do and see."),
    ("meta", "About the API itself."),
];

fn write() -> Value {
    let mut schemas = table::generator();
    // Referred to by name from every operation.
    schemas.subschema_for::<Problem>();
    let company = schemas.subschema_for::<CompanyId>().to_value();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut alone = BTreeSet::new();
    for route in table::table() {
        let operation = operation(route, &mut schemas, &mut alone);
        paths.entry(route.path()).or_default().insert(route.method().as_str().to_ascii_lowercase(), operation);
    }
    let mut schemas = schemas.take_definitions(true);
    for (name, example) in examples() {
        let schema = schemas.get_mut(&name).and_then(Value::as_object_mut);
        schema
            .unwrap_or_else(|| panic!("there is no {name} to give an example of"))
            .insert("examples".to_owned(), json!([example]));
    }
    json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{ "url": "/", "description": "This server." }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters(&company),
            "headers": headers(),
            "responses": responses(&alone),
            "securitySchemes": security_schemes(),
        },
    })
}

/// One for each body that clients send, and for most that they get. That they fit is for contract/lint.mjs to say.
fn examples() -> Map<String, Value> {
    serde_json::from_str(include_str!("examples.json")).expect("the file beside this one is an object")
}

fn info() -> Value {
    json!({
        "title": "Postil",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Secure messaging beside the records of an ERP.",
        "description": "One door for writes, for the widget as for an ERP: same bodies, same problems, same limits.\n\n\
            Every request may state its company (`X-Postil-Company` or `companyId`); another one than the session's is \
            `company_context_changed`. What is not visible is `not_found`, byte for byte like what does not exist. Errors \
            are RFC 9457 problem documents with a stable `code` (catalogue: `/docs/errors`) and the request's \
            `correlationId`, which every answer also has as `X-Correlation-Id`. Lists end where there is no `nextCursor`; \
            cursors are opaque and belong to one list of one company. Unknown fields and parameters are refused.",
        "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
    })
}

fn operation(route: &Route, schemas: &mut schemars::SchemaGenerator, alone: &mut BTreeSet<&'static str>) -> Value {
    let info = route.info();
    let described = route.describe(schemas);
    let mut parameters = described.parameters.clone();
    if described.company && !parameters.iter().any(|parameter| parameter["name"] == "companyId") {
        parameters.push(reference("parameters", "companyId"));
    }
    if described.company {
        parameters.push(reference("parameters", "X-Postil-Company"));
    }
    if described.needs_key {
        parameters.push(reference("parameters", "Idempotency-Key"));
    }
    let mut operation = json!({
        "operationId": info.operation,
        "tags": [info.tag],
        "summary": info.summary,
        "security": security(&described),
        "responses": answers(&described, alone),
    });
    operation["x-limit"] = json!({ "class": info.class.name(), "weight": info.weight });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = &described.request {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn security(operation: &Operation<'_>) -> Value {
    match operation.auth {
        Auth::Anonymous => json!([{}]),
        Auth::Session => json!([{ "cookie": [] }, { "bearer": [] }]),
        Auth::ApiKey => json!([{ "apiKey": [] }]),
    }
}

/// The success, and one answer for each status that a problem can have, naming the codes. `alone` collects those that are
/// the only one of their status.
fn answers(operation: &Operation<'_>, alone: &mut BTreeSet<&'static str>) -> Value {
    let mut answers = Map::new();
    let mut success = json!({ "description": "Done.", "headers": answer_headers(None) });
    if let Some(schema) = &operation.response {
        success["content"] = json!({ "application/json": { "schema": schema } });
    }
    if operation.success == 101 {
        success["description"] = "The connection is a WebSocket now; its frames are in the AsyncAPI document.".into();
    }
    if operation.or_found {
        let mut found = success.clone();
        found["description"] = "It was there already.".into();
        answers.insert("200".to_owned(), found);
    }
    answers.insert(operation.success.to_string(), success);
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in &operation.problems {
        by_status.entry(code.status()).or_default().push(*code);
    }
    for (status, mut codes) in by_status {
        codes.sort_by_key(|code| code.as_str());
        if let [code] = codes.as_slice() {
            alone.insert(code.as_str());
            answers.insert(status.to_string(), reference("responses", code.as_str()));
            continue;
        }
        let text: Vec<_> = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
        answers.insert(status.to_string(), refusal(status, &text.join(" ")));
    }
    Value::Object(answers)
}

fn parameters(company: &Value) -> Value {
    json!({
        "companyId": {
            "name": "companyId", "in": "query", "required": false, "schema": company,
            "description": "The company that the client believes in.",
        },
        "X-Postil-Company": {
            "name": "X-Postil-Company", "in": "header", "required": false, "schema": company,
            "description": "The company that the client believes in; must agree with `companyId` where both are given.",
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key", "in": "header", "required": true,
            "schema": { "type": "string", "pattern": "^[!-~]+$", "maxLength": limits::IDEMPOTENCY_KEY_BYTES_MAX },
            "description": "Names this intent. The same key with the same request answers the same and changes nothing \
                (`Idempotency-Replayed: true`); with another request it is refused.",
        },
    })
}

fn headers() -> Value {
    json!({
        "X-Correlation-Id": {
            "description": "The request's id, as in the logs. A client may send one of its own.",
            "schema": reference("schemas", "CorrelationId"),
        },
        "RateLimit-Policy": {
            "description": "The quota that this operation takes from (draft-ietf-httpapi-ratelimit-headers): `q` units in `w` \
                seconds.",
            "schema": { "type": "string", "examples": ["\"send\";q=30;w=15"] },
        },
        "RateLimit": {
            "description": "What is left of the tightest quota that the caller may know of: `r` units; `t` seconds until it is \
                whole again. Absent where nobody could count.",
            "schema": { "type": "string", "examples": ["\"send\";r=29;t=1"] },
        },
        "Retry-After": {
            "description": "Seconds after which to ask again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

/// The headers that every answer has, and those that say when to ask again.
fn answer_headers(refused: Option<u16>) -> Value {
    let mut names = vec!["X-Correlation-Id", "RateLimit-Policy", "RateLimit"];
    if let Some(429 | 503) = refused {
        names.push("Retry-After");
    }
    names.into_iter().map(|name| (name.to_owned(), reference("headers", name))).collect::<Map<_, _>>().into()
}

/// An answer that carries a problem.
fn refusal(status: u16, description: &str) -> Value {
    let content = json!({ "application/problem+json": { "schema": reference("schemas", "Problem") } });
    json!({ "description": description, "headers": answer_headers(Some(status)), "content": content })
}

/// One for each code that is some operation's only one of its status.
fn responses(alone: &BTreeSet<&'static str>) -> Value {
    let of = |code: &Code| {
        let help: Vec<_> = code.help().split_whitespace().collect();
        (
            code.as_str().to_owned(),
            refusal(code.status(), &format!("`{}`: {}. {}", code.as_str(), code.title(), help.join(" "))),
        )
    };
    Code::ALL.iter().filter(|code| alone.contains(code.as_str())).map(of).collect::<Map<_, _>>().into()
}

fn security_schemes() -> Value {
    json!({
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-postil",
            "description": "Set by `POST /session`. Requests that change something also need `X-Postil-Csrf: 1` and an \
                Origin that is Postil's own.",
        },
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "The session token of an embedded widget, from `POST /embed/token`.",
        },
        "apiKey": { "type": "http", "scheme": "bearer", "description": "An ERP's API key, `pk_…`." },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = document();
        let mut operations = 0;
        for route in table::routes() {
            let operation = &document["paths"][&route.path][route.method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["operationId"], route.operation, "{}", route.path);
            assert!(operation["responses"][route.success.to_string()].is_object(), "{}", route.operation);
            let names: Vec<_> = route.path.split('/').filter(|part| part.starts_with('{')).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, names.len(), "{}: the path's parameters", route.operation);
            assert!(TAGS.iter().any(|(tag, _)| *tag == route.tag), "{}", route.tag);
            operations += 1;
        }
        let written: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(written, operations);
    }

    #[test]
    fn what_clients_send_most_has_an_example_that_is_taken() {
        let all = examples();
        let of = |name: &str| {
            assert!(document()["components"]["schemas"][name]["examples"].is_array(), "{name}");
            all[name].clone()
        };
        serde_json::from_value::<postil::wire::SendMessage>(of("SendMessage")).unwrap();
        serde_json::from_value::<postil::wire::SendReply>(of("SendReply")).unwrap();
        serde_json::from_value::<postil::wire::CreateConversation>(of("CreateConversation")).unwrap();
        serde_json::from_value::<postil::wire::UpsertRecord>(of("UpsertRecord")).unwrap();
        serde_json::from_value::<postil::wire::Message>(of("Message")).unwrap();
        serde_json::from_value::<postil::wire::CreateInvitation>(of("CreateInvitation")).unwrap();
        serde_json::from_value::<postil::wire::PatchMember>(of("PatchMember")).unwrap();
        let put = serde_json::from_value::<postil::wire::PutPolicy>(of("PutPolicy")).unwrap();
        put.document.validate().expect("the document would be taken");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.strip_prefix('#').expect("references stay inside");
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    object.values().for_each(|value| walk(value, document));
                }
                Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
                _ => {}
            }
        }
        walk(document(), document());
    }

    #[test]
    fn a_send_names_its_refusals() {
        let send = &document()["paths"]["/api/v1/messages"]["post"];
        let text = send["responses"]["422"]["description"].as_str().unwrap();
        assert!(text.contains("`reply_too_deep`") && text.contains("`idempotency_mismatch`"), "{text}");
        assert_eq!(
            send["requestBody"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/SendMessage"
        );
    }
}
