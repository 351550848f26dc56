//! HTML for the outside: mails, exports, an ERP's own print view. Postil's own pages never use it; they render the tree.
//!
//! Written from the tree, which can't express anything active, and then cleaned by a library that knows what HTML can do:
//! whoever embeds the fragment elsewhere trusts two independent walls.

use std::{collections::HashSet, fmt::Write as _};

use crate::domain::text::{Block, Document, Inline};

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}

fn wrap(tag: &str, content: &[Inline], out: &mut String) {
    out.push('<');
    out.push_str(tag);
    out.push('>');
    inlines(content, out);
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

fn inlines(content: &[Inline], out: &mut String) {
    for inline in content {
        match inline {
            Inline::Text { text } => escape(text, out),
            Inline::Break => out.push_str("<br>"),
            Inline::Code { text } => {
                out.push_str("<code>");
                escape(text, out);
                out.push_str("</code>");
            }
            Inline::Strong { content } => wrap("strong", content, out),
            Inline::Emphasis { content } => wrap("em", content, out),
            Inline::Strike { content } => wrap("s", content, out),
            Inline::Link { href, content } => {
                out.push_str("<a href=\"");
                escape(href, out);
                out.push_str("\">");
                inlines(content, out);
                out.push_str("</a>");
            }
            // No title, no amount: whoever reads the fragment may not be allowed to see the record.
            Inline::Record { record } => escape(&format!("#{record}"), out),
            Inline::Mention { name, .. } => escape(&format!("@{}", name.trim_start_matches('@')), out),
        }
    }
}

fn blocks(all: &[Block], out: &mut String) {
    for block in all {
        match block {
            Block::Paragraph { content } => wrap("p", content, out),
            Block::Heading { content } => wrap("h4", content, out),
            Block::Code { text, .. } => {
                out.push_str("<pre><code>");
                escape(text, out);
                out.push_str("</code></pre>");
            }
            Block::Quote { blocks: inner } => {
                out.push_str("<blockquote>");
                blocks(inner, out);
                out.push_str("</blockquote>");
            }
            Block::List { start, items } => {
                let tag = if start.is_some() { "ol" } else { "ul" };
                let _ = match start {
                    Some(first) if *first != 1 => write!(out, "<ol start=\"{first}\">"),
                    _ => write!(out, "<{tag}>"),
                };
                for item in items {
                    out.push_str("<li>");
                    blocks(item, out);
                    out.push_str("</li>");
                }
                let _ = write!(out, "</{tag}>");
            }
            Block::Rule => out.push_str("<hr>"),
        }
    }
}

/// A fragment that is safe to put into any page.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut raw = String::new();
    blocks(&document.0, &mut raw);
    ammonia::Builder::empty()
        .tags(HashSet::from([
            "p",
            "h4",
            "pre",
            "code",
            "blockquote",
            "ol",
            "ul",
            "li",
            "hr",
            "br",
            "strong",
            "em",
            "s",
            "a",
        ]))
        .tag_attributes([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))].into_iter().collect())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow ugc"))
        .clean(&raw)
        .to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::markdown::parse;

    #[test]
    fn a_message_becomes_a_fragment() {
        assert_eq!(
            render(&parse("**Hi** <b>you</b>\n\n3. see [x](https://a.b/?c=1&d=\"2)")),
            "<p><strong>Hi</strong> &lt;b&gt;you&lt;/b&gt;</p><ol start=\"3\"><li><p>see \
             <a href=\"https://a.b/?c=1&amp;d=&quot;2\" rel=\"noopener noreferrer nofollow ugc\">x</a></p></li></ol>"
        );
    }

    #[test]
    fn a_tree_that_no_parser_made_is_cleaned_too() {
        let forged = Document(vec![Block::Paragraph {
            content: vec![Inline::Link {
                href: "javascript:alert(1)".to_owned(),
                content: vec![Inline::Text { text: "x".to_owned() }],
            }],
        }]);
        assert!(!render(&forged).contains("javascript"), "{}", render(&forged));
    }

    proptest! {
        #[test]
        fn no_source_makes_an_active_fragment(source in "[ -~]{0,200}") {
            let html = render(&parse(&source)).to_lowercase();
            for tag in html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                let known = ["p", "h4", "pre", "code", "blockquote", "ol", "ul", "li", "hr", "br", "strong", "em", "s", "a"];
                prop_assert!(known.contains(&name.as_str()), "{html}");
                let end = tag.find('>').unwrap_or(tag.len());
                prop_assert!(!tag[..end].contains(" on") || name == "a", "{html}");
            }
            prop_assert!(!html.contains("href=\"javascript"), "{html}");
        }
    }
}
