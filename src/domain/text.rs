//! The text of a message, as a tree. [`crate::backend::markdown`] makes it from Markdown, once, on the server.
//!
//! The tree is what is stored, sent and rendered, by the same Rust on the server and in the browser. It can't express
//! raw HTML, an image, an event handler or an address other than http, https and mailto: markup injection is impossible
//! because there is nothing to inject into. Raw HTML in the source becomes text.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{domain::RecordKey, ids::UserId, limits};

/// A parsed message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Document(pub Vec<Block>);

/// A block of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// Running text.
    Paragraph {
        /// Its content.
        content: Vec<Inline>,
    },
    /// A heading; all levels look the same in a message.
    Heading {
        /// Its content.
        content: Vec<Inline>,
    },
    /// Verbatim text.
    Code {
        /// The language named after the fence, if any.
        language: Option<String>,
        /// The text, unchanged.
        text: String,
    },
    /// Quoted blocks.
    Quote {
        /// What is quoted.
        blocks: Vec<Block>,
    },
    /// A list.
    List {
        /// The first number of a numbered list; `null` for bullets.
        start: Option<u32>,
        /// Items, each of blocks.
        items: Vec<Vec<Block>>,
    },
    /// A horizontal rule.
    Rule,
}

/// A run of text within a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Inline {
    /// Plain text.
    Text {
        /// The characters.
        text: String,
    },
    /// A line break.
    Break,
    /// Verbatim text in a line.
    Code {
        /// The text, unchanged.
        text: String,
    },
    /// Bold.
    Strong {
        /// Its content.
        content: Vec<Inline>,
    },
    /// Italic.
    Emphasis {
        /// Its content.
        content: Vec<Inline>,
    },
    /// Struck out.
    Strike {
        /// Its content.
        content: Vec<Inline>,
    },
    /// A link to the web: http, https or mailto, nothing else.
    Link {
        /// The address.
        href: String,
        /// What is shown.
        content: Vec<Inline>,
    },
    /// A reference to a record, written `transaction/INV-4711` after `#` or as a `postil:` link. It names no title or amount: clients
    /// ask for those as the viewer, and show "restricted" when they get no answer.
    Record {
        /// The record.
        record: RecordKey,
    },
    /// A person, written as a link to `postil:user/usr_…`.
    Mention {
        /// Who.
        user: UserId,
        /// The name as the author wrote it.
        name: String,
    },
}

// Reading goes through one flat struct of every field. serde's own way to read an enum tagged inside buffers each object and
// builds every type below it a second time: a tenth of the browser's bundle, and slower.

/// Any [`Block`], as it is written.
#[derive(Deserialize)]
struct BlockFields {
    r#type: String,
    content: Option<Vec<Inline>>,
    text: Option<String>,
    language: Option<String>,
    blocks: Option<Vec<Block>>,
    start: Option<u32>,
    items: Option<Vec<Vec<Block>>>,
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = BlockFields::deserialize(from)?;
        let missing = || de::Error::custom("a block lacks a field of its type");
        Ok(match fields.r#type.as_str() {
            "paragraph" => Self::Paragraph { content: fields.content.ok_or_else(missing)? },
            "heading" => Self::Heading { content: fields.content.ok_or_else(missing)? },
            "code" => Self::Code { language: fields.language, text: fields.text.ok_or_else(missing)? },
            "quote" => Self::Quote { blocks: fields.blocks.ok_or_else(missing)? },
            "list" => Self::List { start: fields.start, items: fields.items.ok_or_else(missing)? },
            "rule" => Self::Rule,
            _ => return Err(de::Error::custom("a block is of an unknown type")),
        })
    }
}

/// Any [`Inline`], as it is written.
#[derive(Deserialize)]
struct InlineFields {
    r#type: String,
    text: Option<String>,
    content: Option<Vec<Inline>>,
    href: Option<String>,
    record: Option<RecordKey>,
    user: Option<UserId>,
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Inline {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = InlineFields::deserialize(from)?;
        let missing = || de::Error::custom("a run of text lacks a field of its type");
        Ok(match fields.r#type.as_str() {
            "text" => Self::Text { text: fields.text.ok_or_else(missing)? },
            "break" => Self::Break,
            "code" => Self::Code { text: fields.text.ok_or_else(missing)? },
            "strong" => Self::Strong { content: fields.content.ok_or_else(missing)? },
            "emphasis" => Self::Emphasis { content: fields.content.ok_or_else(missing)? },
            "strike" => Self::Strike { content: fields.content.ok_or_else(missing)? },
            "link" => {
                Self::Link { href: fields.href.ok_or_else(missing)?, content: fields.content.ok_or_else(missing)? }
            }
            "record" => Self::Record { record: fields.record.ok_or_else(missing)? },
            "mention" => {
                Self::Mention { user: fields.user.ok_or_else(missing)?, name: fields.name.ok_or_else(missing)? }
            }
            _ => return Err(de::Error::custom("a run of text is of an unknown type")),
        })
    }
}
/// A source as it was typed, line by line: what an author sees until the server has parsed it. The parser is not in the
/// browser's bundle, a fifth of which it would be.
#[must_use]
pub fn literal(source: &str) -> Document {
    let mut content = Vec::new();
    for (n, line) in source.lines().take(limits::TEXT_NODES_MAX / 2).enumerate() {
        if n > 0 {
            content.push(Inline::Break);
        }
        content.push(Inline::Text { text: line.to_owned() });
    }
    Document(if content.is_empty() { Vec::new() } else { vec![Block::Paragraph { content }] })
}

impl Document {
    /// The text without markup, for previews, search and screen readers; records by their key, mentions by name.
    #[must_use]
    pub fn plain(&self) -> String {
        plain_blocks(&self.0)
    }

    /// The beginning of [`Self::plain`] on one line, cut to [`limits::PREVIEW_CHARS_MAX`].
    #[must_use]
    pub fn preview(&self) -> String {
        let plain = self.plain();
        let mut words = String::new();
        for word in plain.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
            if words.len() > limits::PREVIEW_CHARS_MAX * 4 {
                break;
            }
        }
        if words.chars().count() <= limits::PREVIEW_CHARS_MAX {
            return words;
        }
        let mut cut: String = words.chars().take(limits::PREVIEW_CHARS_MAX - 1).collect();
        cut.truncate(cut.trim_end().len());
        cut.push('…');
        cut
    }

    /// Where its links lead, in order: one that stands twice is two.
    #[must_use]
    pub fn links(&self) -> Vec<&str> {
        fn visit<'a>(inlines: &'a [Inline], found: &mut Vec<&'a str>) {
            for inline in inlines {
                match inline {
                    Inline::Link { href, content } => {
                        found.push(href);
                        visit(content, found);
                    }
                    Inline::Strong { content } | Inline::Emphasis { content } | Inline::Strike { content } => {
                        visit(content, found);
                    }
                    _ => {}
                }
            }
        }
        fn blocks<'a>(all: &'a [Block], found: &mut Vec<&'a str>) {
            for block in all {
                match block {
                    Block::Paragraph { content } | Block::Heading { content } => visit(content, found),
                    Block::Quote { blocks: inner } => blocks(inner, found),
                    Block::List { items, .. } => items.iter().for_each(|item| blocks(item, found)),
                    Block::Code { .. } | Block::Rule => {}
                }
            }
        }
        let mut found = Vec::new();
        blocks(&self.0, &mut found);
        found
    }

    /// Everyone mentioned, each once, in order.
    #[must_use]
    pub fn mentions(&self) -> Vec<UserId> {
        fn visit(inlines: &[Inline], found: &mut Vec<UserId>) {
            for inline in inlines {
                match inline {
                    Inline::Mention { user, .. } if !found.contains(user) => found.push(*user),
                    Inline::Strong { content } | Inline::Emphasis { content } | Inline::Strike { content } => {
                        visit(content, found);
                    }
                    _ => {}
                }
            }
        }
        fn blocks(all: &[Block], found: &mut Vec<UserId>) {
            for block in all {
                match block {
                    Block::Paragraph { content } | Block::Heading { content } => visit(content, found),
                    Block::Quote { blocks: inner } => blocks(inner, found),
                    Block::List { items, .. } => items.iter().for_each(|item| blocks(item, found)),
                    Block::Code { .. } | Block::Rule => {}
                }
            }
        }
        let mut found = Vec::new();
        blocks(&self.0, &mut found);
        found
    }
}

/// The text of blocks without markup.
pub(crate) fn plain_blocks(blocks: &[Block]) -> String {
    let parts: Vec<String> = blocks
        .iter()
        .map(|block| match block {
            Block::Paragraph { content } | Block::Heading { content } => plain_inlines(content),
            Block::Code { text, .. } => text.clone(),
            Block::Quote { blocks } => plain_blocks(blocks),
            Block::List { items, .. } => {
                items.iter().map(|item| format!("• {}", plain_blocks(item))).collect::<Vec<_>>().join("\n")
            }
            Block::Rule => "—".to_owned(),
        })
        .collect();
    parts.join("\n")
}

/// The text of runs without markup.
pub(crate) fn plain_inlines(inlines: &[Inline]) -> String {
    inlines
        .iter()
        .map(|inline| match inline {
            Inline::Text { text } | Inline::Code { text } => text.clone(),
            Inline::Break => "\n".to_owned(),
            Inline::Strong { content }
            | Inline::Emphasis { content }
            | Inline::Strike { content }
            | Inline::Link { content, .. } => plain_inlines(content),
            Inline::Record { record } => format!("#{record}"),
            Inline::Mention { name, .. } => {
                if name.starts_with('@') {
                    name.clone()
                } else {
                    format!("@{name}")
                }
            }
        })
        .collect()
}
