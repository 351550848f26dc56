//! The published contract, held against everything that tests see: every answer of the API must be one that the OpenAPI
//! document tells of, every frame one of the AsyncAPI document. What is not documented fails the test that meets it.

use std::{collections::HashMap, sync::LazyLock};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use server::{
    http::{openapi, table},
    ws,
};

use super::server::Reply;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

struct Contract {
    /// By operation: its parts of the path, its method, the codes that it may refuse with, and its answer.
    operations: Vec<Operation>,
    problem: Validator,
    /// By `type`.
    frames: HashMap<String, Validator>,
}

struct Operation {
    method: Method,
    path: Vec<String>,
    name: &'static str,
    refusals: Vec<&'static str>,
    /// By status.
    answers: HashMap<u16, Option<Validator>>,
}

/// A validator of the schema at `pointer` in `document`, whose components it may refer to.
fn validator(document: &Value, pointer: &str) -> Validator {
    let schema =
        json!({ "$ref": format!("#{pointer}"), "components": document["components"], "paths": document["paths"] });
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

/// A name as a part of a JSON pointer in a fragment.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D")
}

impl Contract {
    fn read() -> Self {
        let rest = openapi::document();
        let operations = table::routes().iter().map(|route| {
            let method = route.method.as_str().to_lowercase();
            let responses = &rest["paths"][&route.path][&method]["responses"];
            let good = responses.as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
            let answers = good.map(|(status, answer)| {
                let at = format!(
                    "/paths/{}/{method}/responses/{status}/content/application~1json/schema",
                    escaped(&route.path)
                );
                (status.parse().unwrap(), answer.get("content").map(|_| validator(rest, &at)))
            });
            Operation {
                method: route.method.clone(),
                path: route.path.split('/').map(str::to_owned).collect(),
                name: route.operation,
                refusals: route.problems.iter().map(|code| code.as_str()).collect(),
                answers: answers.collect(),
            }
        });
        let realtime = ws::asyncapi();
        let messages = realtime["components"]["messages"].as_object().unwrap().keys();
        let frames = messages.filter_map(|name| {
            let kind = name.strip_prefix("server.")?;
            Some((kind.to_owned(), validator(&realtime, &format!("/components/messages/{name}/payload"))))
        });
        Self {
            operations: operations.collect(),
            problem: validator(rest, "/components/schemas/Problem"),
            frames: frames.collect(),
        }
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Operation> {
        let path: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        let fits = |operation: &&Operation| {
            operation.method == *method
                && operation.path.len() == path.len()
                && operation.path.iter().zip(&path).all(|(known, asked)| known.starts_with('{') || known == asked)
        };
        // A constant part wins over a variable one, as in the router.
        let variables = |operation: &&Operation| operation.path.iter().filter(|part| part.starts_with('{')).count();
        self.operations.iter().filter(fits).min_by_key(variables)
    }
}

/// Panics when the document does not tell of this answer. Paths outside the table are not its business.
#[track_caller]
pub fn holds(method: &Method, path: &str, reply: &Reply) {
    let Some(operation) = CONTRACT.operation(method, path) else { return };
    let name = operation.name;
    if reply.status >= 400 {
        assert!(CONTRACT.problem.is_valid(&reply.body), "{name}: not a problem as documented: {reply:?}");
        assert!(
            operation.refusals.contains(&reply.code()),
            "{name} does not tell of {}; it tells of {:?}",
            reply.code(),
            operation.refusals
        );
        return;
    }
    match operation.answers.get(&reply.status) {
        None => panic!("{name} does not tell of {}", reply.status),
        Some(None) => assert_eq!(reply.body, Value::from(""), "{name} says that there is no body"),
        Some(Some(schema)) => {
            let errors: Vec<String> =
                schema.iter_errors(&reply.body).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{name}: {errors:#?} in {:#}", reply.body);
        }
    }
}

/// Panics when the document does not tell of this frame.
#[track_caller]
pub fn frame_holds(frame: &Value) {
    let kind = frame["type"].as_str().unwrap_or_default();
    let schema = CONTRACT.frames.get(kind).unwrap_or_else(|| panic!("no frame is called {kind}: {frame}"));
    let errors: Vec<String> =
        schema.iter_errors(frame).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?} in {frame:#}");
}

#[test]
#[should_panic(expected = "message.created")]
fn a_frame_with_a_missing_part_is_found() {
    frame_holds(&json!({ "type": "message.created", "cursor": "x" }));
}

#[test]
#[should_panic(expected = "does not tell of")]
fn an_undocumented_refusal_is_found() {
    let body = json!({ "type": "about:blank", "title": "x", "status": 409, "code": "version_conflict", "correlationId": "cor_0198000000007000800000000000002a" });
    holds(&Method::GET, "/api/v1/me", &Reply { status: 409, headers: http::HeaderMap::new(), body });
}
