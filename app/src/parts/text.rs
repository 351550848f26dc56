//! A message's tree as nodes. There is no way from a text to markup: nothing here takes HTML.

use leptos::prelude::*;
use postil::domain::text::{Block, Document, Inline};

use super::chip;
use crate::state::Scope;

/// A message's text.
#[must_use]
pub fn document(scope: Scope, text: &Document) -> AnyView {
    blocks(scope, &text.0)
}

fn blocks(scope: Scope, all: &[Block]) -> AnyView {
    all.iter().map(|part| block(scope, part)).collect_view().into_any()
}

fn block(scope: Scope, block: &Block) -> AnyView {
    match block {
        Block::Paragraph { content } => view! { <p>{inlines(scope, content)}</p> }.into_any(),
        Block::Heading { content } => view! { <p><strong>{inlines(scope, content)}</strong></p> }.into_any(),
        Block::Code { text, .. } => view! { <pre tabindex="0"><code>{text.clone()}</code></pre> }.into_any(),
        Block::Quote { blocks: inner } => view! { <blockquote>{blocks(scope, inner)}</blockquote> }.into_any(),
        Block::List { start, items } => {
            let items = items.iter().map(|item| view! { <li>{blocks(scope, item)}</li> }.into_any()).collect_view().into_any();
            match start {
                Some(start) => view! { <ol start=start.to_string()>{items}</ol> }.into_any(),
                None => view! { <ul>{items}</ul> }.into_any(),
            }
        }
        Block::Rule => view! { <hr /> }.into_any(),
    }
}

fn inlines(scope: Scope, all: &[Inline]) -> AnyView {
    all.iter().map(|part| inline(scope, part)).collect_view().into_any()
}

fn inline(scope: Scope, inline: &Inline) -> AnyView {
    match inline {
        Inline::Text { text } => text.clone().into_any(),
        Inline::Break => view! { <br /> }.into_any(),
        Inline::Code { text } => view! { <code>{text.clone()}</code> }.into_any(),
        Inline::Strong { content } => view! { <strong>{inlines(scope, content)}</strong> }.into_any(),
        Inline::Emphasis { content } => view! { <em>{inlines(scope, content)}</em> }.into_any(),
        Inline::Strike { content } => view! { <s>{inlines(scope, content)}</s> }.into_any(),
        Inline::Link { href, content } => {
            view! { <a href=href.clone() target="_blank" rel="noopener noreferrer nofollow">{inlines(scope, content)}</a> }.into_any()
        }
        Inline::Record { record } => chip::reference(scope, record.clone()),
        Inline::Mention { user, name } => {
            let class = if *user == scope.viewer { "mention me" } else { "mention" };
            let name = if name.starts_with('@') { name.clone() } else { format!("@{name}") };
            view! { <span class=class>{name}</span> }.into_any()
        }
    }
}
