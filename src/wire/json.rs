//! Reads JSON in the browser, with half the code that `serde_json` makes of it (`docs/bundle.md`).
//!
//! A browser can do nothing with the reason why an answer can't be read: it was not read, and is asked for again. So there
//! is one error, without a word, and with the words go the texts of what was expected, the formatting of what was found
//! instead, and the line and column. A struct is read from an object only, never from an array: half of what serde derives
//! for a struct is not compiled then.
//!
//! Else it takes what `serde_json` takes, and refuses what that refuses, which tests compare. The server reads with
//! `serde_json`: whoever writes a request wants to know what is wrong with it. Start at [`read`].

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use crate::limits;

/// The text is not JSON, or not of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON of the expected form")]
pub struct Unreadable;

impl Error for Unreadable {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads `text`, all of it.
///
/// # Errors
/// [`Unreadable`] when it is not JSON, nested deeper than [`limits::JSON_DEPTH_MAX`], or not a `T`.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Unreadable> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.peek() == 0 && reader.at == text.len() { Ok(value) } else { Err(Unreadable) }
}

/// Stands before the next byte that is not read.
struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: usize,
}

/// What generic code shares is not inlined into it: there are a hundred copies of that code.
impl<'de> Reader<'de> {
    /// The next byte that is no blank; 0, which is no JSON either, at the end.
    #[inline(never)]
    fn peek(&mut self) -> u8 {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Takes `wanted`, and blanks before it.
    #[inline(never)]
    fn take(&mut self, wanted: u8) -> Result<(), Unreadable> {
        if self.peek() != wanted {
            return Err(Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    /// Takes a word of JSON.
    #[inline(never)]
    fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        self.peek();
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Unreadable);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(never)]
    fn boolean(&mut self) -> Result<bool, Unreadable> {
        let value = self.peek() == b't';
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Takes `null` if it is next.
    #[inline(never)]
    fn null(&mut self) -> Result<bool, Unreadable> {
        let null = self.peek() == b'n';
        if null {
            self.word("null")?;
        }
        Ok(null)
    }

    /// Begins an array or object.
    #[inline(never)]
    fn begin(&mut self, bracket: u8) -> Result<(), Unreadable> {
        self.take(bracket)?;
        self.depth += 1;
        if self.depth < limits::JSON_DEPTH_MAX { Ok(()) } else { Err(Unreadable) }
    }

    /// Ends it.
    #[inline(never)]
    fn end(&mut self, bracket: u8) -> Result<(), Unreadable> {
        self.depth -= 1;
        self.take(bracket)
    }

    /// Whether another item comes before `bracket`; takes the comma between two.
    #[inline(never)]
    fn another(&mut self, bracket: u8, first: &mut bool) -> Result<bool, Unreadable> {
        if self.peek() == bracket {
            return Ok(false);
        }
        if !core::mem::take(first) {
            self.take(b',')?;
        }
        Ok(true)
    }

    /// The text of a number, as JSON writes it.
    #[inline(never)]
    fn number(&mut self) -> Result<&'de str, Unreadable> {
        self.peek();
        let start = self.at;
        self.at += usize::from(self.byte() == b'-');
        // A number begins with 0 only if that is all of it before the point.
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte().is_ascii_digit() {
            return Err(Unreadable);
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if let b'e' | b'E' = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Unreadable) }
    }

    #[inline(never)]
    fn unsigned(&mut self) -> Result<u64, Unreadable> {
        self.number()?.parse().map_err(|_| Unreadable)
    }

    #[inline(never)]
    fn signed(&mut self) -> Result<i64, Unreadable> {
        // No integer has two zeros: this one is a fraction to `serde_json`, and so it is here.
        self.number().ok().filter(|text| *text != "-0").and_then(|text| text.parse().ok()).ok_or(Unreadable)
    }

    /// A text: a part of the input, unless it has escapes.
    #[inline(never)]
    fn string(&mut self) -> Result<Cow<'de, str>, Unreadable> {
        self.take(b'"')?;
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.at;
            while !matches!(self.byte(), b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            // Both ends are ASCII, so this is whole characters.
            let plain = self.text.get(start..self.at).ok_or(Unreadable)?;
            if text.is_empty() {
                text = Cow::Borrowed(plain);
            } else {
                text.to_mut().push_str(plain);
            }
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => {
                    self.at += 1;
                    let character = self.escape()?;
                    text.to_mut().push(character);
                }
                // A control character, or the end.
                _ => return Err(Unreadable),
            }
        }
    }

    /// What comes after a backslash.
    fn escape(&mut self) -> Result<char, Unreadable> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                // The first half of a pair; a half alone is no character.
                let code = if let 0xd800..=0xdbff = unit {
                    if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                        return Err(Unreadable);
                    }
                    self.at += 2;
                    let low = self.unit()?.wrapping_sub(0xdc00);
                    if low >= 0x400 {
                        return Err(Unreadable);
                    }
                    0x1_0000 + ((unit - 0xd800) << 10) + low
                } else {
                    unit
                };
                char::from_u32(code).ok_or(Unreadable)?
            }
            _ => return Err(Unreadable),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Unreadable> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.byte()).to_digit(16).ok_or(Unreadable)?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Reads a text that nobody wants: half a pair in it spoils nothing.
    fn skip_string(&mut self) -> Result<(), Unreadable> {
        self.take(b'"')?;
        loop {
            let byte = self.byte();
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => {
                    let escaped = self.byte();
                    self.at += 1;
                    match escaped {
                        b'u' => self.unit().map(drop)?,
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        _ => return Err(Unreadable),
                    }
                }
                // A control character, or the end.
                0..0x20 => return Err(Unreadable),
                _ => {}
            }
        }
    }

    /// Reads a value that nobody wants.
    #[inline(never)]
    fn skip(&mut self) -> Result<(), Unreadable> {
        let mut first = true;
        match self.peek() {
            b'"' => self.skip_string(),
            b'n' => self.word("null"),
            b't' | b'f' => self.boolean().map(drop),
            b'[' => {
                self.begin(b'[')?;
                while self.another(b']', &mut first)? {
                    self.skip()?;
                }
                self.end(b']')
            }
            b'{' => {
                self.begin(b'{')?;
                while self.another(b'}', &mut first)? {
                    self.skip_string()?;
                    self.take(b':')?;
                    self.skip()?;
                }
                self.end(b'}')
            }
            _ => self.number().map(drop),
        }
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $read:ident;)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> { visitor.$visit(self.$read()?) }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    numbers! {
        deserialize_bool visit_bool boolean;
        deserialize_i8 visit_i64 signed;
        deserialize_i16 visit_i64 signed;
        deserialize_i32 visit_i64 signed;
        deserialize_i64 visit_i64 signed;
        deserialize_u8 visit_u64 unsigned;
        deserialize_u16 visit_u64 unsigned;
        deserialize_u32 visit_u64 unsigned;
        deserialize_u64 visit_u64 unsigned;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let value = self.number()?.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(Unreadable)?;
        visitor.visit_f64(value)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_str(&self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.word("null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.begin(b'[')?;
        let value = visitor.visit_seq(Items { reader: self, first: true })?;
        self.end(b']')?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.begin(b'{')?;
        let value = visitor.visit_map(Items { reader: self, first: true })?;
        self.end(b'}')?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let content = self.peek() == b'{';
        if content {
            self.begin(b'{')?;
        }
        let value = visitor.visit_enum(Variant { reader: self, content })?;
        if content {
            self.end(b'}')?;
        }
        Ok(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'{' => self.deserialize_map(visitor),
            _ => {
                let start = self.at;
                if let Ok(value) = self.unsigned() {
                    return visitor.visit_u64(value);
                }
                self.at = start;
                if let Ok(value) = self.signed() {
                    return visitor.visit_i64(value);
                }
                self.at = start;
                self.deserialize_f64(visitor)
            }
        }
    }
}

/// What stands between two brackets.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        if self.reader.another(b']', &mut self.first)? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Unreadable;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        if self.reader.another(b'}', &mut self.first)? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unreadable> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant: `"name"`, or `{"name": content}`.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    content: bool,
}

impl Variant<'_, '_> {
    fn has_content(&self) -> Result<(), Unreadable> {
        if self.content { Ok(()) } else { Err(Unreadable) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Unreadable> {
        let name = seed.deserialize(&mut *self.reader)?;
        if self.content {
            self.reader.take(b':')?;
        }
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        if self.content { self.reader.word("null") } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        self.has_content()?;
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.has_content()?;
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unreadable> {
        self.has_content()?;
        self.reader.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Debug;

    use proptest::{prelude::*, sample};
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::{
        access::Policy,
        wire::{Problem, ServerFrame},
    };

    const FRAME: &str = r#"{"type":"thread.reply.created","cursor":"c\u00fcr\ud83d\ude00","rootId":"msg_00000000000000000000000000000001",
        "replyCount":1,"message":{"id":"msg_00000000000000000000000000000002","conversationId":"cnv_00000000000000000000000000000001",
        "seq":4,"parentId":"msg_00000000000000000000000000000001","rootId":"msg_00000000000000000000000000000001","depth":1,
        "path":[3, 4],"author":{"id":"usr_00000000000000000000000000000001","name":"Ånn \"A\"","memberKind":"internal","jobTitle":null},
        "body":"- a\n- b","text":[{"type":"list","start":null,"items":[[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]]},
        {"type":"code","language":"rust","text":"\\\t\/"}],"link":{"record":{"kind":"transaction","id":"INV-1"},"source":"own","title":"An invoice"},
        "version":1,"createdAt":"2026-11-23T10:00:00.5Z","replyCount":0,"unknown":{"a":[1,2.5e-3,true,{}],"b":"","c":[]}}}"#;
    const PROBLEM: &str = r#"{"type":"about:blank","title":"Wrong","status":422,"code":"invalid_field","detail":"x",
        "correlationId":"cor_00000000000000000000000000000001","errors":[{"field":"body","detail":"must not be empty"}]}"#;
    const POLICY: &str = r#"{"roles":[{"key":"owner","name":"Owner"}],"rules":[{"id":"a","effect":"allow","roles":["owner"],
        "actions":["message:read"],"scope":{"type":"kind","kind":"plan"},"conditions":{"memberKinds":["internal"]}}]}"#;

    /// Both readers say the same of `text`; whether they take it.
    fn agree<T: DeserializeOwned + PartialEq + Debug>(text: &str) -> bool {
        let (ours, theirs) = (read::<T>(text).ok(), serde_json::from_str::<T>(text).ok());
        assert_eq!(ours, theirs, "{text}");
        ours.is_some()
    }

    #[test]
    fn what_travels_is_read() {
        assert!(agree::<ServerFrame>(FRAME));
        assert!(agree::<Problem>(PROBLEM));
        assert!(agree::<Policy>(POLICY));
        assert!(agree::<Value>(FRAME));
        assert!(agree::<()>("null"));
        assert!(agree::<Result<Vec<i64>, Option<String>>>(
            r#" { "Ok" : [ -9223372036854775808, 9223372036854775807 ] } "#
        ));
        assert!(agree::<(u8, f64, char)>("[255,-1.25e2,\"\\u00e4\"]"));
    }

    #[test]
    fn in_what_nobody_wants_half_a_pair_is_read_over() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct One {
            a: u8,
        }
        for ignored in [r#""\ud83d""#, r#"{"c\ud83d":[]}"#, r#"["\udc00\n\\\""]"#] {
            assert!(agree::<One>(&format!(r#"{{"a":1,"b":{ignored}}}"#)), "{ignored}");
        }
        for ignored in [r#""\ud8""#, r#""\x""#, "\"\n\"", r#"{"\u":1}"#, "\"", "\"\\"] {
            assert!(!agree::<One>(&format!(r#"{{"a":1,"b":{ignored}}}"#)), "{ignored}");
        }
    }

    #[test]
    fn numbers_have_their_bounds() {
        for text in ["256", "-1", "1.0", "1e2", "01", "+1", "-", "1.", ".5", "1e", "\"1\"", "true", "0x1", "NaN", ""] {
            assert!(!agree::<u8>(text), "{text}");
        }
        for text in ["9223372036854775808", "-9223372036854775809", "-0", "--1"] {
            assert!(!agree::<i64>(text), "{text}");
        }
        for text in ["18446744073709551615", "18446744073709551616", "-9223372036854775809", "-0", "0", "-7", "1e999"] {
            agree::<Value>(text);
        }
    }

    #[test]
    fn a_struct_is_not_read_from_an_array() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Pair {
            a: u8,
        }
        assert_eq!(read::<Pair>("[1]"), Err(Unreadable));
        assert_eq!(read(r#"{"a":1}"#), Ok(Pair { a: 1 }));
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(agree::<Value>(&nested(limits::JSON_DEPTH_MAX - 1)));
        assert!(!agree::<Value>(&nested(limits::JSON_DEPTH_MAX)));
        // Nor is a stack spent on what nobody wants.
        assert!(read::<serde::de::IgnoredAny>(&nested(100_000)).is_err());
    }

    /// Tokens, whole and broken, that make most of the mistakes there are.
    const TOKENS: [&str; 40] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\n",
        "null",
        "nul",
        "true",
        "false",
        "tru",
        "0",
        "-0",
        "1",
        "-1",
        "00",
        "1.5",
        "1.",
        "1e2",
        "1e",
        "300",
        "\"a\"",
        "\"\"",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "\"\\ud83d\\ude00\"",
        "\"\\u0041\"",
        "\u{1}",
        "é",
        "\"é\"",
        "\"\\n\"",
        "\"\\x\"",
        "\"type\"",
        "\"id\"",
        "-",
    ];

    proptest! {
        #[test]
        fn any_tokens_are_read_alike(tokens in prop::collection::vec(sample::select(&TOKENS[..]), 0..9)) {
            let text = tokens.concat();
            agree::<Value>(&text);
            agree::<Vec<Option<i64>>>(&text);
            agree::<String>(&text);
            agree::<Option<u8>>(&text);
        }

        #[test]
        fn what_travels_damaged_is_read_alike(
            from in any::<sample::Index>(), length in 0usize..8, token in sample::select(&TOKENS[..]),
        ) {
            fn damaged(text: &str, from: sample::Index, length: usize, token: &str) -> String {
                let mut characters: Vec<char> = text.chars().collect();
                let from = from.index(characters.len());
                let to = (from + length).min(characters.len());
                characters.splice(from..to, token.chars());
                characters.into_iter().collect()
            }
            agree::<ServerFrame>(&damaged(FRAME, from, length, token));
            agree::<Value>(&damaged(FRAME, from, length, token));
            agree::<Problem>(&damaged(PROBLEM, from, length, token));
            agree::<Policy>(&damaged(POLICY, from, length, token));
        }
    }
}
