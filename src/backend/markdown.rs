//! Markdown in, a tree out: the one parser of messages.
//!
//! What it makes can't express raw HTML, an image, an event handler or an address other than http, https and mailto. Raw HTML
//! in the source becomes text.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{
    domain::{
        RecordKey, RecordKind,
        record::RecordId,
        text::{self, Block, Document, Inline, plain_blocks, plain_inlines},
    },
    limits,
};

/// What collects content while parsing.
enum Frame {
    Blocks { kind: Container, blocks: Vec<Block>, items: Vec<Vec<Block>>, loose: Vec<Inline> },
    Inlines { kind: Run, content: Vec<Inline> },
    Code { language: Option<String>, text: String },
}

enum Container {
    Root,
    Quote,
    List(Option<u32>),
    Item,
}

enum Run {
    Paragraph,
    Heading,
    Strong,
    Emphasis,
    Strike,
    Link(String),
}

struct Builder {
    stack: Vec<Frame>,
    nodes: usize,
    /// For each open tag that was not given a frame (too deep, unsupported), its end must be ignored too.
    skipped: Vec<bool>,
}

/// Parses Markdown. Never fails: what is not understood, too deep or too much stays plain text.
#[must_use]
pub fn parse(source: &str) -> Document {
    let mut builder = Builder { stack: vec![Builder::container(Container::Root)], nodes: 0, skipped: Vec::new() };
    for event in Parser::new_ext(source, Options::ENABLE_STRIKETHROUGH) {
        if builder.nodes >= limits::TEXT_NODES_MAX {
            // Cheaper and more honest than a tree of tens of thousands of nodes on every reader's screen.
            return text::literal(source);
        }
        builder.event(event);
    }
    while builder.stack.len() > 1 {
        builder.close();
    }
    match builder.stack.pop() {
        Some(Frame::Blocks { blocks, loose, .. }) => Document(with_loose(blocks, loose)),
        _ => Document::default(),
    }
}

fn with_loose(mut blocks: Vec<Block>, mut loose: Vec<Inline>) -> Vec<Block> {
    while matches!(loose.last(), Some(Inline::Break)) {
        loose.pop();
    }
    if !loose.is_empty() {
        blocks.push(Block::Paragraph { content: loose });
    }
    blocks
}

impl Builder {
    fn container(kind: Container) -> Frame {
        Frame::Blocks { kind, blocks: Vec::new(), items: Vec::new(), loose: Vec::new() }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(end) => {
                if matches!(end, TagEnd::HtmlBlock) {
                    self.inline(Inline::Break);
                }
                if !self.skipped.pop().unwrap_or(true) {
                    self.close();
                }
            }
            Event::Text(text) => self.text(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.inline(Inline::Code { text: text.into_string() });
            }
            Event::Html(text) | Event::InlineHtml(text) => {
                let trimmed = text.trim_end_matches('\n');
                self.inline(Inline::Text { text: trimmed.to_owned() });
            }
            Event::SoftBreak | Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => self.block(Block::Rule),
            Event::FootnoteReference(name) => self.inline(Inline::Text { text: format!("[^{name}]") }),
            Event::TaskListMarker(done) => {
                self.inline(Inline::Text { text: if done { "☑ " } else { "☐ " }.to_owned() });
            }
        }
    }

    fn open(&mut self, tag: Tag<'_>) {
        let inlines = |kind| Some(Frame::Inlines { kind, content: Vec::new() });
        let frame = match tag {
            Tag::Paragraph => inlines(Run::Paragraph),
            Tag::Heading { .. } => inlines(Run::Heading),
            Tag::BlockQuote(_) => Some(Self::container(Container::Quote)),
            Tag::List(start) => {
                Some(Self::container(Container::List(start.map(|n| u32::try_from(n).unwrap_or(u32::MAX)))))
            }
            Tag::Item => Some(Self::container(Container::Item)),
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(name) => {
                        name.split_whitespace().next().map(|word| word.chars().take(20).collect())
                    }
                    CodeBlockKind::Indented => None,
                };
                Some(Frame::Code { language, text: String::new() })
            }
            Tag::Emphasis => inlines(Run::Emphasis),
            Tag::Strong => inlines(Run::Strong),
            Tag::Strikethrough => inlines(Run::Strike),
            // An image would fetch from a stranger's server on every reader's behalf: it becomes a link.
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => inlines(Run::Link(dest_url.into_string())),
            _ => None,
        };
        let is_block = matches!(
            frame,
            Some(
                Frame::Blocks { .. } | Frame::Code { .. } | Frame::Inlines { kind: Run::Paragraph | Run::Heading, .. }
            )
        );
        // Leaves may always open, or text would be lost; containers only to the bound (a list and its item count once).
        let too_deep = self.stack.len() > 2 * limits::TEXT_DEPTH_MAX && !matches!(frame, Some(Frame::Code { .. }));
        match frame {
            Some(frame) if !too_deep => {
                if is_block {
                    self.flush_loose();
                }
                self.skipped.push(false);
                self.stack.push(frame);
            }
            _ => self.skipped.push(true),
        }
    }

    fn flush_loose(&mut self) {
        if let Some(Frame::Blocks { blocks, loose, .. }) = self.stack.last_mut() {
            let taken = core::mem::take(loose);
            *blocks = with_loose(core::mem::take(blocks), taken);
        }
    }

    fn close(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        match frame {
            Frame::Code { language, text } => {
                self.block(Block::Code { language, text: text.trim_end_matches('\n').to_owned() });
            }
            Frame::Inlines { kind, content } => match kind {
                Run::Paragraph => self.block(Block::Paragraph { content }),
                Run::Heading => self.block(Block::Heading { content }),
                Run::Strong => self.inline(Inline::Strong { content }),
                Run::Emphasis => self.inline(Inline::Emphasis { content }),
                Run::Strike => self.inline(Inline::Strike { content }),
                Run::Link(href) => self.link(&href, content),
            },
            Frame::Blocks { kind, blocks, items, loose } => {
                let blocks = with_loose(blocks, loose);
                match kind {
                    Container::Quote => self.block(Block::Quote { blocks }),
                    Container::List(start) => self.block(Block::List { start, items }),
                    Container::Item => match self.stack.last_mut() {
                        Some(Frame::Blocks { items, .. }) => items.push(blocks),
                        _ => blocks.into_iter().for_each(|block| self.block(block)),
                    },
                    Container::Root => {
                        self.stack.push(Frame::Blocks { kind: Container::Root, blocks, items, loose: Vec::new() });
                    }
                }
            }
        }
    }

    fn block(&mut self, block: Block) {
        self.nodes += 1;
        self.flush_loose();
        match self.stack.last_mut() {
            Some(Frame::Blocks { blocks, .. }) => blocks.push(block),
            Some(Frame::Inlines { content, .. }) => content.push(Inline::Text { text: plain_blocks(&[block]) }),
            Some(Frame::Code { text, .. }) => text.push_str(&plain_blocks(&[block])),
            None => {}
        }
    }

    fn inline(&mut self, inline: Inline) {
        self.nodes += 1;
        let content = match self.stack.last_mut() {
            Some(Frame::Inlines { content, .. }) => content,
            Some(Frame::Blocks { loose, .. }) => loose,
            Some(Frame::Code { text, .. }) => {
                text.push_str(&plain_inlines(&[inline]));
                return;
            }
            None => return,
        };
        if let (Some(Inline::Text { text }), Inline::Text { text: more }) = (content.last_mut(), &inline) {
            text.push_str(more);
        } else {
            content.push(inline);
        }
    }

    fn in_link(&self) -> bool {
        self.stack.iter().any(|frame| matches!(frame, Frame::Inlines { kind: Run::Link(_), .. }))
    }

    /// Text, with bare addresses and `#transaction/INV-4711` turned into what they name.
    fn text(&mut self, text: &str) {
        if let Some(Frame::Code { text: code, .. }) = self.stack.last_mut() {
            code.push_str(text);
            return;
        }
        if self.in_link() || !(text.contains("://") || text.contains('#')) {
            self.inline(Inline::Text { text: text.to_owned() });
            return;
        }
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let start = word.find(|c: char| !matches!(c, '(' | '[' | '"' | '\'' | '<')).unwrap_or(0);
            let core = word[start..].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '"', '\'', '>']);
            let found = if core.starts_with("https://") || core.starts_with("http://") {
                safe_href(core).map(|href| Inline::Link { href, content: vec![Inline::Text { text: core.to_owned() }] })
            } else {
                core.strip_prefix('#').and_then(record).map(|record| Inline::Record { record })
            };
            if let Some(found) = found {
                let (before, after) = (&piece[..start], &piece[start + core.len()..]);
                if !before.is_empty() {
                    self.inline(Inline::Text { text: before.to_owned() });
                }
                self.inline(found);
                if !after.is_empty() {
                    self.inline(Inline::Text { text: after.to_owned() });
                }
            } else {
                self.inline(Inline::Text { text: piece.to_owned() });
            }
        }
    }

    fn link(&mut self, href: &str, content: Vec<Inline>) {
        if let Some(key) = href.strip_prefix("postil:") {
            if let Some(user) = key.strip_prefix("user/").and_then(|id| id.parse().ok()) {
                let name: String = plain_inlines(&content).chars().take(limits::NAME_CHARS_MAX).collect();
                return self.inline(Inline::Mention { user, name });
            }
            if let Some(record) = record(key) {
                return self.inline(Inline::Record { record });
            }
        }
        match safe_href(href) {
            Some(href) => {
                let content = if content.is_empty() { vec![Inline::Text { text: href.clone() }] } else { content };
                self.inline(Inline::Link { href, content });
            }
            // The reader sees what was written, and nothing to click.
            None => content.into_iter().for_each(|part| self.inline(part)),
        }
    }
}

fn record(key: &str) -> Option<RecordKey> {
    let (kind, id) = key.split_once('/')?;
    Some(RecordKey { kind: kind.parse::<RecordKind>().ok()?, id: RecordId::new(id).ok()? })
}

/// Lets http, https and mailto pass. Everything else could run script (`javascript:`, `data:`) or another program.
fn safe_href(href: &str) -> Option<String> {
    let href = href.trim();
    if href.len() > limits::TEXT_LINK_BYTES_MAX || href.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let (scheme, rest) = href.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let allowed = match scheme.as_str() {
        "http" | "https" => rest.starts_with("//") && rest.len() > 2,
        "mailto" => rest.contains('@'),
        _ => false,
    };
    allowed.then(|| format!("{scheme}:{rest}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Inline {
        Inline::Text { text: text.to_owned() }
    }

    #[test]
    fn ordinary_markup_becomes_a_tree() {
        assert_eq!(
            parse("Hello **there**\nsecond `x`"),
            Document(vec![Block::Paragraph {
                content: vec![
                    text("Hello "),
                    Inline::Strong { content: vec![text("there")] },
                    Inline::Break,
                    text("second "),
                    Inline::Code { text: "x".to_owned() },
                ],
            }])
        );
        let list = parse("1. one\n2. two\n   - deep");
        let Block::List { start: Some(1), items } = &list.0[0] else { panic!("{list:?}") };
        assert_eq!(items.len(), 2);
        assert_eq!(items[1].len(), 2, "{items:?}");
    }

    #[test]
    fn html_is_text() {
        let document = parse("<script>alert(1)</script> <b onclick=x>hi</b>\n\n<iframe src=evil>");
        assert!(document.plain().contains("<script>"), "{document:?}");
        assert!(!format!("{document:?}").contains("Link"));
    }

    #[test]
    fn only_harmless_addresses_are_links() {
        for source in [
            "[x](javascript:alert(1))",
            "[x](data:text/html,hi)",
            "![x](vbscript:y)",
            "[x](//evil)",
            "[x](file:///etc)",
        ] {
            let document = parse(source);
            assert_eq!(document, Document(vec![Block::Paragraph { content: vec![text("x")] }]), "{source}");
        }
        let document = parse("see https://example.com/a?b=1, or [mail](mailto:a@b.c)");
        assert!(format!("{document:?}").contains(r#"href: "https://example.com/a?b=1""#), "{document:?}");
        assert!(format!("{document:?}").contains("mailto:a@b.c"));
    }

    #[test]
    fn records_and_people_are_references() {
        let user = "usr_0198000000007000800000000000002a";
        let document =
            parse(&format!("(#transaction/INV-4711) and [@Anna](postil:user/{user}), [the plan](postil:plan/P/7)"));
        let all = format!("{document:?}");
        assert!(all.contains(r#"kind: Transaction, id: RecordId("INV-4711")"#), "{all}");
        assert!(all.contains(r#"kind: Plan, id: RecordId("P/7")"#), "{all}");
        assert_eq!(document.mentions(), vec![user.parse().unwrap()]);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        fn depth(blocks: &[Block]) -> usize {
            blocks
                .iter()
                .map(|b| if let Block::Quote { blocks } = b { 1 + depth(blocks) } else { 1 })
                .max()
                .unwrap_or(0)
        }
        let deep = parse(&"> ".repeat(500));
        assert!(depth(&deep.0) <= 2 * limits::TEXT_DEPTH_MAX + 1);
        let many = parse(&"*a* ".repeat(2_000));
        assert_eq!(many.0.len(), 1);
    }

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(parse("# Hi\n\n- a\n- b").preview(), "Hi • a • b");
        assert_eq!(parse(&"word ".repeat(100)).preview().chars().count(), limits::PREVIEW_CHARS_MAX);
    }

    proptest! {
        #[test]
        fn nothing_written_can_become_an_active_address(source in "[\\x20-\\x7e\n]{0,200}") {
            fn inline_ok(inline: &Inline) -> bool {
                match inline {
                    Inline::Link { href, content } =>
                        (href.starts_with("http://") || href.starts_with("https://") || href.starts_with("mailto:")) && content.iter().all(inline_ok),
                    Inline::Strong { content } | Inline::Emphasis { content } | Inline::Strike { content } => content.iter().all(inline_ok),
                    _ => true,
                }
            }
            fn block_ok(block: &Block) -> bool {
                match block {
                    Block::Paragraph { content } | Block::Heading { content } => content.iter().all(inline_ok),
                    Block::Quote { blocks } => blocks.iter().all(block_ok),
                    Block::List { items, .. } => items.iter().flatten().all(block_ok),
                    Block::Code { .. } | Block::Rule => true,
                }
            }
            let document = parse(&source);
            prop_assert!(document.0.iter().all(block_ok));
            let json = serde_json::to_string(&document).unwrap();
            prop_assert_eq!(serde_json::from_str::<Document>(&json).unwrap(), document);
        }
    }
}
