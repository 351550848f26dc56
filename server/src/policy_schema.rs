//! `postil policy-schema`: the JSON Schema of a company's policy document, from the types that read it. Committed as
//! `docs/reference/policy.schema.json`. What a schema can't say (ids that must be unique, a beginning before its end) is
//! said by [`postil::access::Policy::validate`].

use postil::access::Policy;
use schemars::{Schema, generate::SchemaSettings};

/// The schema.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Policy>();
    schema.insert("$id".to_owned(), "https://postil.example/policy.schema.json".into());
    schema
}

/// The schema as it is committed: indented, one line feed at its end.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", schema().to_value())
}

#[cfg(test)]
mod tests {
    use postil::access::preset;
    use serde_json::{Value, json};

    use super::*;

    fn accepts(document: &Value) -> bool {
        jsonschema::validator_for(&schema().to_value()).unwrap().is_valid(document)
    }

    /// A document with one rule that has these conditions.
    fn with(conditions: &Value) -> Value {
        json!({
            "roles": [{"key": "owner", "name": "Owner"}],
            "rules": [{
                "id": "r", "effect": "deny", "roles": ["owner"], "actions": ["message:edit"],
                "scope": {"type": "company"}, "conditions": conditions,
            }],
        })
    }

    #[test]
    fn the_presets_fit_and_each_condition_does() {
        assert!(accepts(&serde_json::to_value(preset::policy()).unwrap()));
        for conditions in [
            json!({}),
            json!({"memberKinds": ["external"]}),
            json!({"recordStates": ["posted", "überfällig"]}),
            json!({"from": "2026-12-01T00:00:00Z", "until": "2027-01-01T00:00:00+01:00"}),
        ] {
            let document = with(&conditions);
            assert!(accepts(&document), "{conditions}");
            assert!(serde_json::from_value::<Policy>(document).is_ok(), "{conditions}");
        }
    }

    #[test]
    fn what_the_server_refuses_at_sight_does_not_fit() {
        for conditions in [
            json!({"memberKinds": []}),
            json!({"memberKinds": ["guest"]}),
            json!({"recordStates": []}),
            json!({"recordStates": [""]}),
            json!({"recordStates": ["a,b"]}),
            json!({"recordStates": ["$projects"]}),
            json!({"since": "2026-12-01T00:00:00Z"}),
        ] {
            let document = with(&conditions);
            assert!(!accepts(&document), "{conditions}");
            let read = serde_json::from_value::<Policy>(document);
            assert!(read.is_err() || read.is_ok_and(|policy| policy.validate().is_err()), "{conditions}");
        }
    }
}
