//! What an old client would trip over, when the contract it was written for becomes another one.
//!
//! What clients send may be taken more widely, never more narrowly; what they get may be said more narrowly, never more
//! widely, and nothing that was always there may be missing. A [`Break`] names the operation or frame, so that the changelog
//! can be asked whether it is meant.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Something that an old client does or expects, and that no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Break {
    /// The operation id, or the frame as `client.hello`.
    pub of: String,
    /// What, in words.
    pub what: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Clients write it.
    In,
    /// Clients read it.
    Out,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    of: String,
    /// References under comparison: schemas may contain themselves.
    open: BTreeSet<(String, String, Way)>,
    breaks: Vec<Break>,
}

/// Compares two `OpenAPI` documents.
pub fn openapi(old: &Value, new: &Value) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (path, methods) in entries(&old["paths"]) {
        for (method, was) in entries(methods) {
            let of = was["operationId"].as_str().unwrap_or(path).to_owned();
            let mut comparison = Comparison::new(old, new, of);
            let is = &new["paths"][path][method];
            if is.is_null() {
                comparison.say(format!("{} {path} is gone", method.to_uppercase()));
            } else {
                comparison.operation(was, is);
            }
            breaks.extend(comparison.breaks);
        }
    }
    breaks.extend(codes(old, new));
    breaks.sort();
    breaks.dedup();
    breaks
}

/// Compares two `AsyncAPI` documents.
pub fn asyncapi(old: &Value, new: &Value) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (name, was) in entries(&old["components"]["messages"]) {
        let mut comparison = Comparison::new(old, new, name.clone());
        let is = &new["components"]["messages"][name];
        let way = if name.starts_with("client.") { Way::In } else { Way::Out };
        if is.is_null() {
            comparison.say("the frame is gone".to_owned());
        } else {
            comparison.schema(&was["payload"], &is["payload"], way, "");
        }
        breaks.extend(comparison.breaks);
    }
    for (name, was) in entries(&old["channels"]) {
        let is = &new["channels"][name];
        let mut comparison = Comparison::new(old, new, name.clone());
        if was["address"] != is["address"] {
            comparison.say(format!("its address was {}, is {}", was["address"], is["address"]));
        }
        for (code, _) in entries(&was["x-close-codes"]) {
            if is["x-close-codes"][code].is_null() {
                comparison.say(format!("the close code {code} is gone"));
            }
        }
        breaks.extend(comparison.breaks);
    }
    breaks.sort();
    breaks.dedup();
    breaks
}

/// Error codes are what clients branch on: none disappears from the catalogue.
fn codes(old: &Value, new: &Value) -> Vec<Break> {
    let all = |document: &Value| -> BTreeSet<String> {
        let code = &document["components"]["schemas"]["Problem"]["properties"]["code"];
        values(resolved(document, code))
            .unwrap_or_default()
            .iter()
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect()
    };
    let now = all(new);
    all(old)
        .difference(&now)
        .map(|code| Break { of: code.clone(), what: "the error code is gone".to_owned() })
        .collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    while let Some(reference) = value["$ref"].as_str() {
        match document.pointer(reference.trim_start_matches('#')) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// The values that a schema lists: `enum`, `const`, or a choice of constants, as documented variants are written.
fn values(schema: &Value) -> Option<Vec<Value>> {
    if let Some(all) = schema["enum"].as_array() {
        return Some(all.clone());
    }
    if let Some(one) = schema.get("const") {
        return Some(vec![one.clone()]);
    }
    let choice = schema["oneOf"].as_array()?;
    let each: Option<Vec<Vec<Value>>> = choice.iter().map(values).collect();
    each.map(|each| each.concat())
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// The variants of a choice; what may be null besides counts as one more.
fn variants(schema: &Value) -> Option<&[Value]> {
    ["oneOf", "anyOf"].iter().find_map(|word| schema[word].as_array().map(Vec::as_slice))
}

/// By what a variant is known: its reference, its title, the constants among its properties, or its type.
fn mark(document: &Value, variant: &Value) -> String {
    if let Some(reference) = variant["$ref"].as_str() {
        return reference.to_owned();
    }
    let schema = resolved(document, variant);
    let constants: Map<String, Value> = entries(&schema["properties"])
        .filter_map(|(name, property)| Some((name.clone(), property.get("const")?.clone())))
        .collect();
    if !constants.is_empty() {
        return Value::Object(constants).to_string();
    }
    format!("{} {} {}", schema["title"], schema["const"], schema["type"])
}

impl<'a> Comparison<'a> {
    fn new(old: &'a Value, new: &'a Value, of: String) -> Self {
        Self { old, new, of, open: BTreeSet::new(), breaks: Vec::new() }
    }

    fn say(&mut self, what: String) {
        self.breaks.push(Break { of: self.of.clone(), what });
    }

    fn operation(&mut self, was: &'a Value, is: &'a Value) {
        if was["operationId"] != is["operationId"] {
            self.say(format!("its operationId is {} now", is["operationId"]));
        }
        self.parameters(list(&was["parameters"]), list(&is["parameters"]));
        for way in list(&was["security"]) {
            if !list(&is["security"]).contains(way) {
                self.say(format!("{way} no longer proves who calls"));
            }
        }
        let body = |operation: &'a Value| &operation["requestBody"]["content"]["application/json"]["schema"];
        match (body(was), body(is)) {
            (Value::Null, Value::Null) => {}
            (Value::Null, _) => self.say("needs a body now".to_owned()),
            (_, Value::Null) => self.say("takes no body any more".to_owned()),
            (was, is) => self.schema(was, is, Way::In, "body"),
        }
        for (status, was) in entries(&was["responses"]).filter(|(status, _)| status.starts_with(['1', '2'])) {
            let answer = &is["responses"][status];
            if answer.is_null() {
                self.say(format!("no longer answers {status}"));
                continue;
            }
            let schema = |document, answer| &resolved(document, answer)["content"]["application/json"]["schema"];
            match (schema(self.old, was), schema(self.new, answer)) {
                (Value::Null, _) => {}
                (_, Value::Null) => self.say(format!("{status} has no body any more")),
                (was, is) => self.schema(was, is, Way::Out, status),
            }
        }
        // A client that never met a status does not know what to do about it: its codes are in the catalogue.
    }

    fn parameters(&mut self, was: &'a [Value], is: &'a [Value]) {
        let name = |document, parameter| {
            let parameter = resolved(document, parameter);
            (parameter["in"].to_string(), parameter["name"].to_string())
        };
        for old in was {
            let old = resolved(self.old, old);
            match is.iter().find(|new| name(self.new, new) == name(self.old, old)) {
                None => self.say(format!("the parameter {} is refused now", old["name"])),
                Some(new) => {
                    let new = resolved(self.new, new);
                    if new["required"] == true && old["required"] != true {
                        self.say(format!("the parameter {} is required now", old["name"]));
                    }
                    let at = old["name"].as_str().unwrap_or_default();
                    self.schema(&old["schema"], &new["schema"], Way::In, at);
                }
            }
        }
        for new in is {
            let known = was.iter().any(|old| name(self.old, old) == name(self.new, new));
            let new = resolved(self.new, new);
            if !known && new["required"] == true {
                self.say(format!("the parameter {} is new and required", new["name"]));
            }
        }
    }

    fn schema(&mut self, was: &'a Value, is: &'a Value, way: Way, at: &str) {
        let references = [was, is].map(|schema| schema["$ref"].as_str().unwrap_or_default().to_owned());
        let [before, after] = references.clone();
        if !before.is_empty() && !self.open.insert((before.clone(), after.clone(), way)) {
            return;
        }
        let (was, is) = (resolved(self.old, was), resolved(self.new, is));
        self.values_and_types(was, is, way, at);
        self.bounds(was, is, way, at);
        self.properties(was, is, way, at);
        if let (Some(old), Some(new)) = (was.get("items"), is.get("items")) {
            self.schema(old, new, way, &format!("{at}[]"));
        }
        self.choice(was, is, way, at);
        if !before.is_empty() {
            self.open.remove(&(before, after, way));
        }
    }

    fn values_and_types(&mut self, was: &Value, is: &Value, way: Way, at: &str) {
        match (values(was), values(is), way) {
            (Some(old), Some(new), Way::In) => {
                for gone in old.iter().filter(|one| !new.contains(one)) {
                    self.say(format!("{at}: {gone} is refused now"));
                }
            }
            // New error codes come with new features; clients branch on those they know.
            (Some(old), Some(new), Way::Out) if at.rsplit('.').next() != Some("code") => {
                for more in new.iter().filter(|one| !old.contains(one)) {
                    self.say(format!("{at}: {more} is a value that old clients don't know"));
                }
            }
            (None, Some(_), Way::In) => self.say(format!("{at}: takes only some values now")),
            (Some(_), None, Way::Out) => self.say(format!("{at}: may have any value now")),
            _ => {}
        }
        let (old, new) = (types(was), types(is));
        let (narrow, wide) = if way == Way::In { (&old, &new) } else { (&new, &old) };
        // An integer is a number.
        let fits = |one: &&str| wide.contains(*one) || (**one == *"integer" && wide.contains("number"));
        let inside = !narrow.is_empty() && narrow.iter().all(fits);
        if !wide.is_empty() && !inside {
            self.say(format!("{at}: was {old:?}, is {new:?}"));
        }
    }

    fn bounds(&mut self, was: &Value, is: &Value, way: Way, at: &str) {
        let (wide, narrow) = if way == Way::In { (is, was) } else { (was, is) };
        for (word, upper) in [
            ("maxLength", true),
            ("maximum", true),
            ("maxItems", true),
            ("minLength", false),
            ("minimum", false),
            ("minItems", false),
        ] {
            let Some(limit) = wide[word].as_f64() else { continue };
            let inside = narrow[word].as_f64().is_some_and(|one| if upper { one <= limit } else { one >= limit });
            if !inside {
                self.say(format!("{at}: {word} was {}, is {}", was[word], is[word]));
            }
        }
        for word in ["pattern", "format"] {
            if !wide[word].is_null() && wide[word] != narrow[word] {
                self.say(format!("{at}: {word} was {}, is {}", was[word], is[word]));
            }
        }
    }

    fn properties(&mut self, was: &'a Value, is: &'a Value, way: Way, at: &str) {
        let needed = |schema: &'a Value| -> BTreeSet<&'a str> {
            list(&schema["required"]).iter().filter_map(Value::as_str).collect()
        };
        let (before, now) = (needed(was), needed(is));
        match way {
            Way::In => {
                for name in now.difference(&before) {
                    self.say(format!("{at}.{name} is required now"));
                }
            }
            Way::Out => {
                for name in before.difference(&now) {
                    self.say(format!("{at}.{name} may be missing now"));
                }
            }
        }
        for (name, old) in entries(&was["properties"]) {
            let at = format!("{at}.{name}");
            match is["properties"].get(name) {
                Some(new) => self.schema(old, new, way, &at),
                None if way == Way::Out => self.say(format!("{at} is gone")),
                // Unknown fields are refused.
                None => self.say(format!("{at} is refused now")),
            }
        }
    }

    fn choice(&mut self, was: &'a Value, is: &'a Value, way: Way, at: &str) {
        if values(was).is_some() && values(is).is_some() {
            return;
        }
        let (Some(old), Some(new)) = (variants(was), variants(is)) else {
            if variants(was).is_some() != variants(is).is_some() && !(was.is_null() || is.is_null()) {
                self.say(format!("{at}: is a choice in one of the two only"));
            }
            return;
        };
        for variant in old {
            let known = mark(self.old, variant);
            match new.iter().find(|one| mark(self.new, one) == known) {
                Some(one) => self.schema(variant, one, way, at),
                None if way == Way::In => self.say(format!("{at}: {known} is refused now")),
                None => {}
            }
        }
        for variant in new.iter().filter(|_| way == Way::Out) {
            let mark_now = mark(self.new, variant);
            if !old.iter().any(|one| mark(self.old, one) == mark_now) {
                self.say(format!("{at}: {mark_now} is a variant that old clients don't know"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": { "/things": { "post": {
                "operationId": "make_thing",
                "parameters": [{ "in": "query", "name": "limit", "schema": { "type": "integer", "maximum": 100 } }],
                "security": [{ "cookie": [] }, { "bearer": [] }],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Make" } } } },
                "responses": {
                    "201": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                    "404": { "$ref": "#/components/responses/not_found" },
                },
            } } },
            "components": { "schemas": {
                "Make": {
                    "type": "object", "required": ["name"], "additionalProperties": false,
                    "properties": {
                        "name": { "type": "string", "maxLength": 80 },
                        "kind": { "enum": ["big", "small"] },
                        "target": { "oneOf": [
                            { "type": "object", "properties": { "to": { "const": "person" } } },
                            { "type": "object", "properties": { "to": { "const": "group" } } },
                        ] },
                    },
                },
                "Thing": {
                    "type": "object", "required": ["id", "parts"],
                    "properties": {
                        "id": { "type": "string" },
                        "state": { "enum": ["open", "closed"] },
                        "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
                        "note": { "type": ["string", "null"] },
                    },
                },
                "Problem": { "properties": { "code": { "enum": ["not_found", "internal"] } } },
            } },
        })
    }

    /// What changing the document at a pointer breaks.
    fn broken(pointer: &str, value: Value) -> Vec<String> {
        let (old, mut new) = (document(), document());
        *new.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        openapi(&old, &new).into_iter().map(|one| format!("{}: {}", one.of, one.what)).collect()
    }

    const MAKE: &str = "/components/schemas/Make";
    const THING: &str = "/components/schemas/Thing";
    const POST: &str = "/paths/~1things/post";

    #[test]
    fn nothing_breaks_where_nothing_changes() {
        assert_eq!(openapi(&document(), &document()), []);
    }

    #[test]
    fn what_old_clients_trip_over_is_named() {
        for (pointer, value, says) in [
            ("/paths/~1things".to_owned(), json!({}), "POST /things is gone"),
            (format!("{POST}/operationId"), json!("make"), "operationId"),
            (format!("{POST}/parameters"), json!([]), "\"limit\" is refused now"),
            (format!("{POST}/parameters/0/schema/maximum"), json!(50), "maximum was 100, is 50"),
            (
                format!("{POST}/parameters"),
                json!([document()["paths"]["/things"]["post"]["parameters"][0], { "in": "header", "name": "Key", "required": true }]),
                "\"Key\" is new and required",
            ),
            (format!("{POST}/security"), json!([{ "cookie": [] }]), "no longer proves"),
            (format!("{POST}/responses"), json!({ "200": {} }), "no longer answers 201"),
            (format!("{MAKE}/required"), json!(["name", "kind"]), "body.kind is required now"),
            (
                format!("{MAKE}/properties"),
                json!({ "name": { "type": "string", "maxLength": 80 } }),
                "body.kind is refused now",
            ),
            (format!("{MAKE}/properties/name/maxLength"), json!(40), "maxLength was 80, is 40"),
            (format!("{MAKE}/properties/name/type"), json!("integer"), "body.name: was"),
            (format!("{MAKE}/properties/kind/enum"), json!(["big"]), "\"small\" is refused now"),
            (
                format!("{MAKE}/properties/target/oneOf"),
                json!([{ "type": "object", "properties": { "to": { "const": "person" } } }]),
                "group",
            ),
            (format!("{THING}/required"), json!(["id"]), "201.parts may be missing now"),
            (format!("{THING}/properties/id/type"), json!("integer"), "201.id: was"),
            (format!("{THING}/properties/note"), json!({ "type": ["string", "null", "integer"] }), "201.note: was"),
            (format!("{THING}/properties/state/enum"), json!(["open", "closed", "held"]), "\"held\" is a value"),
            (format!("{THING}/properties/state"), json!({ "type": "string" }), "may have any value now"),
            (
                "/components/schemas/Problem/properties/code/enum".to_owned(),
                json!(["internal"]),
                "not_found: the error code is gone",
            ),
        ] {
            let found = broken(&pointer, value);
            assert!(found.iter().any(|one| one.contains(says)), "{pointer}: {found:#?}");
        }
    }

    #[test]
    fn what_old_clients_do_not_notice_is_no_break() {
        for (pointer, value) in [
            (format!("{POST}/parameters/0/schema/maximum"), json!(200)),
            (format!("{MAKE}/required"), json!([])),
            (format!("{MAKE}/properties/name/maxLength"), json!(90)),
            (format!("{MAKE}/properties/kind/enum"), json!(["big", "small", "huge"])),
            (format!("{THING}/properties/note"), json!({ "type": "string" })),
            (format!("{THING}/properties/state/enum"), json!(["open"])),
            (format!("{THING}/required"), json!(["id", "parts", "note"])),
            ("/components/schemas/Problem/properties/code/enum".to_owned(), json!(["not_found", "internal", "locked"])),
        ] {
            assert_eq!(broken(&pointer, value), [] as [String; 0], "{pointer}");
        }
    }

    #[test]
    fn a_frame_is_held_to_its_direction() {
        let document = |client: Value, server: Value| {
            json!({
                "channels": { "realtime": { "address": "/ws", "x-close-codes": { "4401": "x" } } },
                "components": { "messages": {
                    "client.hello": { "payload": { "type": "object", "required": client, "properties": { "a": { "type": "string" }, "b": { "type": "string" } } } },
                    "server.welcome": { "payload": { "type": "object", "required": server, "properties": { "a": { "type": "string" }, "b": { "type": "string" } } } },
                } },
            })
        };
        let old = document(json!(["a"]), json!(["a"]));
        assert_eq!(asyncapi(&old, &document(json!([]), json!(["a", "b"]))), []);
        let found = asyncapi(&old, &document(json!(["a", "b"]), json!([])));
        let of: Vec<_> = found.iter().map(|one| one.of.as_str()).collect();
        assert_eq!(of, ["client.hello", "server.welcome"], "{found:#?}");
        let mut gone = old.clone();
        gone["components"]["messages"] = json!({});
        gone["channels"]["realtime"] = json!({ "address": "/other" });
        assert_eq!(asyncapi(&old, &gone).len(), 4);
    }
}
