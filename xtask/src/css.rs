//! One style sheet from many: inlines `@import`, drops comments and superfluous white space.
//!
//! Not a CSS parser. It knows strings, comments and `@import "…" layer(…) <media>;`, which is all `style/` uses.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The style sheet `main` with everything it imports, minified.
pub fn bundle(main: &Path) -> Result<String> {
    if !main.exists() {
        return Ok(String::new());
    }
    Ok(minify(&inline(main, 0)?))
}

fn inline(file: &Path, depth: usize) -> Result<String> {
    if depth > 8 {
        bail!("{} is imported in a circle", file.display());
    }
    let source = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    let source = without_comments(&source);
    let mut css = String::new();
    for line in source.split_inclusive('\n') {
        let Some(import) = line.trim().strip_prefix("@import ") else {
            css += line;
            continue;
        };
        let (name, wrappers) =
            parse_import(import).with_context(|| format!("{}: can't read `{}`", file.display(), line.trim()))?;
        let content = inline(&file.with_file_name(name), depth + 1)?;
        for wrapper in &wrappers {
            css.extend([wrapper.as_str(), " {\n"]);
        }
        css += &content;
        css += &"}\n".repeat(wrappers.len());
    }
    Ok(css)
}

/// `"a.css" layer(x) (width > 1px);` or `url(a.css) …` → the file and the blocks around its content.
fn parse_import(import: &str) -> Option<(&str, Vec<String>)> {
    let import = import.trim().strip_suffix(';')?.trim();
    let (name, rest) = if let Some(rest) = import.strip_prefix("url(") {
        rest.split_once(')')?
    } else {
        let quote = import.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        import[1..].split_once(quote)?
    };
    let mut rest = rest.trim();
    let mut wrappers = Vec::new();
    if let Some(layer) = rest.strip_prefix("layer(") {
        let (layer, after) = layer.split_once(')')?;
        wrappers.push(format!("@layer {layer}"));
        rest = after.trim();
    }
    if let Some(condition) = rest.strip_prefix("supports(") {
        let (condition, after) = condition.split_once(')')?;
        wrappers.push(format!("@supports ({condition})"));
        rest = after.trim();
    }
    if !rest.is_empty() {
        wrappers.push(format!("@media {rest}"));
    }
    Some((name.trim_matches(['"', '\'']), wrappers))
}

/// Splits into pieces of code, strings and comments, in order.
fn pieces(css: &str) -> Vec<(Piece, &str)> {
    let bytes = css.as_bytes();
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        let (kind, end) = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                (Piece::Comment, css[at + 2..].find("*/").map_or(css.len(), |length| at + 2 + length + 2))
            }
            quote @ (b'"' | b'\'') => {
                let mut end = at + 1;
                while end < bytes.len() && bytes[end] != quote {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                (Piece::Text, (end + 1).min(css.len()))
            }
            _ => {
                at += 1;
                continue;
            }
        };
        pieces.push((Piece::Code, &css[start..at]));
        pieces.push((kind, &css[at..end]));
        (start, at) = (end, end);
    }
    pieces.push((Piece::Code, &css[start..]));
    pieces
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Code,
    Text,
    Comment,
}

fn without_comments(css: &str) -> String {
    pieces(css).into_iter().filter(|(kind, _)| *kind != Piece::Comment).map(|(_, text)| text).collect()
}

/// White space goes where it can't mean anything. Around `+`, `-`, `:` and parentheses it can, so there it stays.
fn minify(css: &str) -> String {
    let mut small = String::with_capacity(css.len());
    for (kind, text) in pieces(css) {
        if kind != Piece::Code {
            small += text;
            continue;
        }
        let mut space = false;
        for character in text.chars() {
            if character.is_whitespace() {
                space = true;
                continue;
            }
            let last = small.chars().next_back();
            if space && last.is_some_and(|last| !"{};,".contains(last)) && !"{};,".contains(character) {
                small.push(' ');
            }
            space = false;
            if character == '}' && small.ends_with(';') {
                small.pop();
            }
            small.push(character);
        }
        // A string may follow: what separated it from the code before matters, as in `font: 1rem "Inter"`.
        if space && small.chars().next_back().is_some_and(|last| !"{};,".contains(last)) {
            small.push(' ');
        }
    }
    small.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_white_space_go_and_strings_stay() {
        let css = "/* a */ .a > .b {\n  content: \" /* no */ ; \";\n  margin: calc(1px + 2px) -1px;\n}\n\n@media (width > 1px) { .c , .d { color : red; } }\n";
        assert_eq!(
            minify(&without_comments(css)),
            ".a > .b{content: \" /* no */ ; \";margin: calc(1px + 2px) -1px}@media (width > 1px){.c,.d{color : red}}"
        );
    }

    #[test]
    fn an_import_keeps_its_layer_and_its_condition() {
        assert_eq!(parse_import("\"a.css\";"), Some(("a.css", vec![])));
        assert_eq!(
            parse_import("url('a/b.css') layer(parts) screen and (width > 1px);"),
            Some(("a/b.css", vec!["@layer parts".to_owned(), "@media screen and (width > 1px)".to_owned()]))
        );
        assert_eq!(parse_import("a.css;"), None);
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string() {
        assert_eq!(minify(r#".a { content: "\"}  " ; }"#), r#".a{content: "\"}  "}"#);
    }
}
