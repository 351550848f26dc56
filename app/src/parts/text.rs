//! A message's tree as nodes. There is no way from a text to markup: nothing here takes HTML.

use postil::domain::text::{Block, Document, Inline};

use super::chip;
use crate::{
    node::{Node, el, span},
    state::Scope,
};

/// A message's text.
#[must_use]
pub fn document(scope: Scope, text: &Document) -> Vec<Node> {
    blocks(scope, &text.0)
}

fn blocks(scope: Scope, all: &[Block]) -> Vec<Node> {
    all.iter().map(|part| block(scope, part)).collect()
}

fn block(scope: Scope, block: &Block) -> Node {
    match block {
        Block::Paragraph { content } => el("p", "").children(inlines(scope, content)).into(),
        Block::Heading { content } => el("p", "").child(el("strong", "").children(inlines(scope, content))).into(),
        // Long lines scroll, and what scrolls can be reached by key.
        Block::Code { text, .. } => {
            el("pre", "").attr("tabindex", "0").child(el("code", "").child(text.clone())).into()
        }
        Block::Quote { blocks: inner } => el("blockquote", "").children(blocks(scope, inner)).into(),
        Block::List { start, items } => {
            let list = match start {
                Some(start) => el("ol", "").attr("start", start.to_string()),
                None => el("ul", ""),
            };
            list.children(items.iter().map(|item| el("li", "").children(blocks(scope, item)).into())).into()
        }
        Block::Rule => el("hr", "").into(),
    }
}

fn inlines(scope: Scope, all: &[Inline]) -> Vec<Node> {
    all.iter().map(|part| inline(scope, part)).collect()
}

fn inline(scope: Scope, inline: &Inline) -> Node {
    let around = |tag: &'static str, content: &[Inline]| el(tag, "").children(inlines(scope, content)).into();
    match inline {
        Inline::Text { text } => text.clone().into(),
        Inline::Break => el("br", "").into(),
        Inline::Code { text } => el("code", "").child(text.clone()).into(),
        Inline::Strong { content } => around("strong", content),
        Inline::Emphasis { content } => around("em", content),
        Inline::Strike { content } => around("s", content),
        Inline::Link { href, content } => {
            let link = el("a", "")
                .attr("href", href.clone())
                .attr("target", "_blank")
                .attr("rel", "noopener noreferrer nofollow");
            link.children(inlines(scope, content)).into()
        }
        Inline::Record { record } => chip::reference(scope, record.clone()),
        Inline::Mention { user, name } => {
            let class = if *user == scope.viewer { "mention me" } else { "mention" };
            span(class).child(if name.starts_with('@') { name.clone() } else { format!("@{name}") }).into()
        }
    }
}
