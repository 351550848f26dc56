//! The AsyncAPI 3.0 document of the socket, written from the types that travel, with an example of every frame.
//! Committed as `docs/reference/asyncapi.json`.

use core::{fmt::Debug, str::FromStr};

use postil::{
    clock::Timestamp,
    domain::{LinkSource, MemberKind, PresenceStatus, text},
    ids::{CompanyId, ConnectionId, ConversationId, CorrelationId, MessageId, UserId},
    wire::{ClientFrame, CloseCode, Code, Message, MessageLink, Money, Person, Presence, Problem, ServerFrame},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::upgrade::{PROTOCOL, TICKET};
use crate::figures;

const CURSOR: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ";
const AT: Timestamp = Timestamp::from_micros(1_795_427_123_456_789);

fn id<T: FromStr<Err: Debug>>(prefix: &str, number: u8) -> T {
    format!("{prefix}_01980000000070008000000000000{number:03x}").parse().expect("the prefix is the id's own")
}

fn conversation() -> ConversationId {
    id(ConversationId::PREFIX, 4)
}

fn user(number: u8) -> UserId {
    id(UserId::PREFIX, number)
}

fn message(number: u8, root: Option<u8>, body: &str) -> Message {
    let root_id = id(MessageId::PREFIX, root.unwrap_or(number));
    Message {
        id: id(MessageId::PREFIX, number),
        conversation_id: conversation(),
        seq: if root.is_some() { 18 } else { 17 },
        parent_id: root.map(|_| root_id),
        root_id,
        depth: u8::from(root.is_some()),
        path: if root.is_some() { vec![17, 18] } else { vec![17] },
        author: Person {
            id: user(2),
            name: "Anna Brandt".to_owned(),
            member_kind: MemberKind::Internal,
            job_title: Some("Accounts payable".to_owned()),
        },
        client_key: None,
        body: body.to_owned(),
        text: text::literal(body),
        link: Some(MessageLink {
            record: "transaction/INV-4711".parse().expect("a constant key is well formed"),
            source: if root.is_some() { LinkSource::Parent } else { LinkSource::Own },
            title: "Invoice 4711 · Nordwind GmbH".to_owned(),
            amount: Some(Money { minor: 118_405, currency: "EUR".to_owned() }),
            status: Some("open".to_owned()),
        }),
        version: 1,
        created_at: AT,
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        moderated: 0,
        reply_count: 0,
        last_reply_at: None,
    }
}

fn client_examples() -> Vec<ClientFrame> {
    vec![
        ClientFrame::Hello { company_id: id(CompanyId::PREFIX, 1), cursor: Some(CURSOR.to_owned()), active: true },
        ClientFrame::Activity { active: false },
        ClientFrame::PresenceWatch { user_ids: vec![user(2), user(3)] },
        ClientFrame::Typing { conversation_id: conversation() },
    ]
}

fn server_examples() -> Vec<ServerFrame> {
    let cursor = || CURSOR.to_owned();
    let root = || message(5, None, "Can you release **INV-4711** today?");
    let reply = message(6, Some(5), "Done, posted at noon.");
    vec![
        ServerFrame::Welcome {
            connection_id: id(ConnectionId::PREFIX, 7),
            cursor: cursor(),
            resumed: true,
            server_time: AT,
        },
        ServerFrame::MessageCreated { cursor: cursor(), message: root() },
        ServerFrame::MessageUpdated {
            cursor: cursor(),
            message: Message { version: 2, edited_at: Some(AT.plus_s(60)), ..root() },
        },
        ServerFrame::MessageDeleted {
            cursor: cursor(),
            message: Message {
                body: String::new(),
                text: text::Document::default(),
                deleted_at: Some(AT.plus_s(90)),
                ..root()
            },
        },
        ServerFrame::ThreadReplyCreated { cursor: cursor(), root_id: reply.root_id, message: reply, reply_count: 1 },
        ServerFrame::ConversationUpdated { cursor: cursor(), conversation_id: conversation() },
        ServerFrame::RecordUpdated {
            cursor: cursor(),
            record: "plan/Q1-2027".parse().expect("a constant key is well formed"),
        },
        ServerFrame::AccessRevoked {
            cursor: cursor(),
            conversation_ids: vec![conversation()],
            records: vec!["transaction/INV-4711".parse().expect("a constant key is well formed")],
        },
        ServerFrame::ReceiptRead { conversation_id: conversation(), user_id: user(3), seq: 18 },
        ServerFrame::PresenceChanged {
            changes: vec![
                Presence { user_id: user(2), status: PresenceStatus::Online, as_of: AT, last_seen_at: None },
                Presence {
                    user_id: user(3),
                    status: PresenceStatus::Offline,
                    as_of: AT,
                    last_seen_at: Some(AT.plus_s(-300)),
                },
            ],
        },
        ServerFrame::Typing { conversation_id: conversation(), user_id: user(3) },
        ServerFrame::Resync { cursor: cursor() },
        ServerFrame::Pong,
        ServerFrame::Error { problem: Problem::new(Code::MalformedFrame, id(CorrelationId::PREFIX, 8)) },
    ]
}

/// Each frame as a message of the document, by its type.
fn messages<T: Serialize + JsonSchema>(examples: &[T], generator: &mut SchemaGenerator) -> Map<String, Value> {
    let all = generator.root_schema_for::<T>().to_value();
    let variants = all["oneOf"].as_array().cloned().unwrap_or_default();
    let mut found = Map::new();
    for example in examples {
        let payload = serde_json::to_value(example).expect("a frame is plain data");
        let name = payload["type"].as_str().expect("a frame has a type").to_owned();
        let schema = variants.iter().find(|variant| variant["properties"]["type"]["const"] == name.as_str());
        let mut schema = schema.cloned().unwrap_or_else(|| panic!("{name} has a schema"));
        let summary = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or(Value::Null);
        found.insert(
            name.clone(),
            json!({ "name": name, "summary": summary, "payload": schema, "examples": [{ "payload": payload }] }),
        );
    }
    assert_eq!(found.len(), variants.len(), "every frame has an example");
    found
}

fn references(messages: &Map<String, Value>, at: &str) -> Vec<Value> {
    // A dot is no special character in a JSON pointer.
    messages.keys().map(|name| json!({ "$ref": format!("{at}/{name}") })).collect()
}

fn close_codes() -> Value {
    let codes = [
        (CloseCode::Protocol, "The client broke the protocol; the `error` frame before says how."),
        (CloseCode::GoingAway, "The server stops: connect again, to another node."),
        (CloseCode::SignedOut, "The session has ended: sign in."),
        (CloseCode::AccessRevoked, "The membership has ended: drop everything of this company."),
        (CloseCode::TooSlow, "The client reads too slowly, or was silent: connect again and resume."),
        (CloseCode::CompanySwitched, "The session is in another company now: load afresh."),
        (CloseCode::TooMany, "Too many frames or connections: wait before connecting again."),
    ];
    codes.iter().map(|(code, meaning)| (code.code().to_string(), json!(meaning))).collect::<Map<_, _>>().into()
}

/// The document.
///
/// # Panics
/// When a frame has no example, which the tests of this module rule out.
#[must_use]
pub fn asyncapi() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let received = messages(&client_examples(), &mut generator);
    let sent = messages(&server_examples(), &mut generator);
    let channel = "#/channels/realtime/messages";
    let component = "#/components/messages";
    let by_name: Map<String, Value> = received
        .iter()
        .map(|(name, message)| (format!("client.{name}"), message.clone()))
        .chain(sent.iter().map(|(name, message)| (format!("server.{name}"), message.clone())))
        .collect();
    let in_channel: Map<String, Value> =
        by_name.keys().map(|name| (name.clone(), json!({ "$ref": format!("{component}/{name}") }))).collect();
    let side = |prefix: &str| -> Map<String, Value> {
        by_name
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Postil, realtime",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One JSON object in each text frame, told apart by `type`. The client says `hello` first. Frames \
                with a `cursor` come from the company's log, in its order, each once: the last one received resumes the stream \
                on any node (`hello.cursor`). Frames without one are state: the latest counts. Frames hold only what the \
                person may see at the moment they are sent.",
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "defaultContentType": "application/json",
        "servers": { "this": { "host": "localhost", "protocol": "wss", "description": "This server." } },
        "channels": {
            "realtime": {
                "address": "/api/v1/realtime",
                "description": format!(
                    "Opened with the session's cookie and our own `Origin`, or with a one-time ticket of \
                    `POST /api/v1/realtime/ticket` as the protocol `{TICKET}<ticket>` beside `{PROTOCOL}`."
                ),
                "messages": in_channel,
                "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
                "x-close-codes": close_codes(),
            },
        },
        "operations": {
            "receive": {
                "action": "receive",
                "channel": { "$ref": "#/channels/realtime" },
                "summary": "What a client sends.",
                "messages": references(&side("client."), channel),
            },
            "send": {
                "action": "send",
                "channel": { "$ref": "#/channels/realtime" },
                "summary": "What the server sends.",
                "messages": references(&side("server."), channel),
            },
        },
        "components": { "messages": by_name, "schemas": generator.take_definitions(true) },
    });
    figures::write_into(&mut document);
    document
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    /// Whether `value` has the outline that `schema` asks for: required names, no unknown ones where that is refused, types.
    fn fits(value: &Value, schema: &Value, document: &Value) -> Result<(), String> {
        if let Some(path) = schema["$ref"].as_str() {
            let target =
                document.pointer(path.trim_start_matches('#')).ok_or_else(|| format!("{path} leads nowhere"))?;
            return fits(value, target, document);
        }
        for all in ["oneOf", "anyOf"] {
            if let Some(some) = schema[all].as_array() {
                let fitting = some.iter().filter(|one| fits(value, one, document).is_ok()).count();
                return if fitting > 0 { Ok(()) } else { Err(format!("{value} fits none of {all}")) };
            }
        }
        if let Some(constant) = schema.get("const").filter(|constant| *constant != value) {
            return Err(format!("{value} is not {constant}"));
        }
        if let Some(some) = schema["enum"].as_array().filter(|some| !some.contains(value)) {
            return Err(format!("{value} is none of {some:?}"));
        }
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => true,
        };
        let typed = match &schema["type"] {
            Value::String(one) => is(one),
            Value::Array(some) => some.iter().filter_map(Value::as_str).any(is),
            _ => true,
        };
        if !typed {
            return Err(format!("{value} is not of type {}", schema["type"]));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            values.iter().try_for_each(|value| fits(value, items, document))?;
        }
        if let Some(object) = value.as_object() {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    return Err(format!("{name} is missing in {value}"));
                }
            }
            for (name, value) in object {
                match schema["properties"].get(name) {
                    Some(schema) => fits(value, schema, document)?,
                    None if schema["additionalProperties"] == false => return Err(format!("{name} is unknown")),
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(frames: Vec<T>) {
        for frame in frames {
            let json = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), frame);
        }
    }

    #[test]
    fn every_example_survives_the_wire_and_fits_its_schema() {
        survives(client_examples());
        survives(server_examples());
        let document = asyncapi();
        let messages = document["components"]["messages"].as_object().unwrap();
        assert_eq!(messages.len(), client_examples().len() + server_examples().len());
        for (name, message) in messages {
            let example = &message["examples"][0]["payload"];
            fits(example, &message["payload"], &document).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut spoiled = example.clone();
            spoiled["type"] = json!("shout");
            assert!(fits(&spoiled, &message["payload"], &document).is_err(), "{name} takes any type");
        }
    }

    #[test]
    fn the_committed_document_is_this_one() {
        let committed = include_str!("../../../docs/reference/asyncapi.json");
        let written = format!("{:#}\n", asyncapi());
        assert!(committed == written, "write it anew: `postil asyncapi > docs/reference/asyncapi.json`");
    }
}
