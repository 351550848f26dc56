//! JSON in the one form that is hashed: RFC 8785 (JCS) for the values that the log holds. The database writes the same bytes
//! (`app.canonical`), and a property test compares the two.
//!
//! * keys sorted; only ASCII letters, digits and `_ . : / -`, so that bytes and UTF-16 units sort alike;
//! * no spaces;
//! * whole numbers up to 2^53 - 1, which every reader of JSON holds exactly;
//! * of the escapes only `\" \\ \b \f \n \r \t`, and `\u00xx` in lower case for the other control characters.

use serde_json::Value;

/// What has no canonical form here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A fraction, or a number that a double does not hold exactly.
    #[error("the audit log holds whole numbers up to 2^53 - 1")]
    Number,
    /// A key with other characters, or too long.
    #[error("this key can't stand in the audit log")]
    Key,
    /// More than [`DEPTH_MAX`] levels.
    #[error("nested too deeply for the audit log")]
    Depth,
}

/// Levels of arrays and objects in one detail.
pub const DEPTH_MAX: usize = 16;
const KEY_BYTES_MAX: usize = 80;
const INTEGER_MAX: u64 = (1 << 53) - 1;

fn is_key(key: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'/' | b'-'))
}

fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Number(number) => {
            let size =
                number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)).ok_or(NotCanonical::Number)?;
            if size > INTEGER_MAX {
                return Err(NotCanonical::Number);
            }
            *out += &number.to_string();
        }
        Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => return Err(NotCanonical::Depth),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            // Whether serde_json keeps them sorted depends on features that another crate may turn on.
            fields.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (n, (key, item)) in fields.into_iter().enumerate() {
                if !is_key(key) {
                    return Err(NotCanonical::Key);
                }
                if n > 0 {
                    out.push(',');
                }
                out.push('"');
                *out += key;
                *out += "\":";
                write(item, depth + 1, out)?;
            }
            out.push('}');
        }
        // serde_json escapes exactly what RFC 8785 asks for.
        Value::String(_) | Value::Bool(_) | Value::Null => *out += &value.to_string(),
    }
    Ok(())
}

/// The canonical text of `value`.
///
/// # Errors
/// What has no such form is refused rather than approximated.
pub fn text(value: &Value) -> Result<String, NotCanonical> {
    let mut out = String::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_rfc_8785() {
        let value = json!({ "b": [1, null, { "z": "\u{1f}\t\u{7f}€\u{1f600}</", "a": -5 }], "a": 9_007_199_254_740_991_u64, "B": true });
        assert_eq!(
            text(&value).unwrap(),
            "{\"B\":true,\"a\":9007199254740991,\"b\":[1,null,{\"a\":-5,\"z\":\"\\u001f\\t\u{7f}€\u{1f600}</\"}]}"
        );
        assert_eq!(text(&json!({})).unwrap(), "{}");
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for (value, why) in [
            (json!({ "a": 1.5 }), NotCanonical::Number),
            (json!({ "a": 1.0 }), NotCanonical::Number),
            (json!({ "a": 9_007_199_254_740_992_u64 }), NotCanonical::Number),
            (json!({ "a": -9_007_199_254_740_992_i64 }), NotCanonical::Number),
            (json!({ "é": 1 }), NotCanonical::Key),
            (json!({ "": 1 }), NotCanonical::Key),
            (json!({ "a b": 1 }), NotCanonical::Key),
            ((0..17).fold(json!(1), |inner, _| json!([inner])), NotCanonical::Depth),
        ] {
            assert_eq!(text(&value), Err(why), "{value}");
        }
        assert!(text(&(0..16).fold(json!(1), |inner, _| json!([inner]))).is_ok());
    }
}
