//! What the keys and buttons of the composer do to its text. Positions are bytes of that text.

/// A piece of the text that is replaced, and what is selected after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Where the piece begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What stands there instead.
    pub put: String,
    /// Where the selection begins, in the new text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What lies around a piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `**bold**`
    Bold,
    /// `_italic_`, and `*italic*` within a word
    Italic,
    /// `~~struck out~~`
    Strike,
    /// `` `code` ``, and a block of it over several lines
    Code,
}

/// What stands before lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// `- item`
    Bullets,
    /// `1. item`
    Numbers,
    /// `> said`
    Quote,
}

/// Whether a word goes on over `c`.
fn joins(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_whitespace() && !c.is_ascii_punctuation())
}

/// Puts a mark around what is selected, or takes it away.
pub fn mark(text: &str, start: usize, end: usize, mark: Mark) -> Change {
    // Spaces at its ends would keep the mark from being one.
    let chosen = &text[start..end];
    let (start, end) = match chosen.trim() {
        "" => (start, end),
        trimmed => {
            let start = start + chosen.len() - chosen.trim_start().len();
            (start, start + trimmed.len())
        }
    };
    let (before, chosen, after) = (&text[..start], &text[start..end], &text[end..]);
    if mark == Mark::Code && chosen.contains('\n') {
        let lead = if before.is_empty() || before.ends_with('\n') { "```\n" } else { "\n```\n" };
        let trail = if after.is_empty() || after.starts_with('\n') { "\n```" } else { "\n```\n" };
        return around(start, chosen, lead, trail);
    }
    let signs: &[&'static str] = match mark {
        Mark::Bold => &["**"],
        Mark::Italic if joins(before.chars().next_back()) || joins(after.chars().next()) => &["*", "_"],
        Mark::Italic => &["_", "*"],
        Mark::Strike => &["~~"],
        Mark::Code => &["`"],
    };
    for sign in signs {
        let len = sign.len();
        // One star of two is no mark of its own, but one of three is.
        let stands = |stars: usize| *sign != "*" || stars % 2 == 1;
        let outside = || before.len() - before.trim_end_matches('*').len();
        if before.ends_with(sign) && after.starts_with(sign) && stands(outside()) {
            let put = chosen.to_owned();
            return Change { from: start - len, to: end + len, start: start - len, end: end - len, put };
        }
        let inside = || chosen.len() - chosen.trim_start_matches('*').len();
        if chosen.len() >= 2 * len && chosen.starts_with(sign) && chosen.ends_with(sign) && stands(inside()) {
            let put = chosen[len..chosen.len() - len].to_owned();
            return Change { from: start, to: end, start, end: end - 2 * len, put };
        }
    }
    around(start, chosen, signs[0], signs[0])
}

fn around(start: usize, chosen: &str, lead: &str, trail: &str) -> Change {
    let put = [lead, chosen, trail].concat();
    let first = start + lead.len();
    Change { from: start, to: start + chosen.len(), put, start: first, end: first + chosen.len() }
}

/// Makes what is selected a link.
pub fn link(text: &str, start: usize, end: usize) -> Change {
    let chosen = &text[start..end];
    if is_address(chosen) {
        let put = ["[](", &target(chosen), ")"].concat();
        return Change { from: start, to: end, put, start: start + 1, end: start + 1 };
    }
    let put = ["[", chosen, "](https://)"].concat();
    // What is missing is selected.
    let at = start + put.len() - 1;
    Change { from: start, to: end, put, start: at - "https://".len(), end: at }
}

/// An address that is pasted over words becomes the link of these words.
pub fn pasted(text: &str, start: usize, end: usize, pasted: &str) -> Option<Change> {
    let (chosen, address) = (&text[start..end], pasted.trim());
    if chosen.trim().is_empty() || chosen.contains(['\n', '[', ']', '`']) || is_address(chosen) || !is_address(address)
    {
        return None;
    }
    let put = ["[", chosen, "](", &target(address), ")"].concat();
    let at = start + put.len();
    Some(Change { from: start, to: end, put, start: at, end: at })
}

/// As the target of a link: one with brackets in it would end at the first.
fn target(address: &str) -> String {
    if address.contains(['(', ')']) { ["<", address, ">"].concat() } else { address.to_owned() }
}

fn is_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>'))
}

/// What stands before the words of a line: how far it is moved in, what it is, and where the words begin.
fn lead(line: &str) -> Option<(usize, Lines, usize)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let rest = &line[indent..];
    if let Some(words) = rest.strip_prefix("> ") {
        return Some((indent, Lines::Quote, line.len() - words.len()));
    }
    if ["- ", "* ", "+ "].iter().any(|sign| rest.starts_with(sign)) {
        return Some((indent, Lines::Bullets, indent + 2));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = &rest[digits..];
    // Longer numbers are numbers, not items.
    ((1..=4).contains(&digits) && (after.starts_with(". ") || after.starts_with(") ")))
        .then(|| (indent, Lines::Numbers, indent + digits + 2))
}

/// Puts a lead before each of the lines that are selected, or takes it away from all.
pub fn lines(text: &str, start: usize, end: usize, kind: Lines) -> Change {
    let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
    // A selection that ends where a line begins has nothing of that line.
    let end = if end > start && text[..end].ends_with('\n') { end - 1 } else { end };
    let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let all = || text[from..to].split('\n');
    let has = |line: &str| lead(line).is_some_and(|(_, of, _)| of == kind);
    let away = all().all(|line| has(line) || line.trim().is_empty()) && all().any(has);
    let several = all().count() > 1;
    let (mut put, mut number) = (String::new(), 0);
    for line in all() {
        if !put.is_empty() || number > 0 {
            put.push('\n');
        }
        let (indent, words) = lead(line).map_or((0, line), |(indent, _, at)| (indent, &line[at..]));
        put.push_str(&line[..indent]);
        number += 1;
        match kind {
            _ if away || (several && words.trim().is_empty()) => {}
            Lines::Bullets => put.push_str("- "),
            Lines::Quote => put.push_str("> "),
            Lines::Numbers => {
                push_number(&mut put, number);
                put.push_str(". ");
            }
        }
        put.push_str(words);
    }
    let end = from + put.len();
    // What was a caret stays one, at the end of its line.
    let start = if several { from } else { end };
    Change { from, to, put, start, end }
}

/// By hand: the formatting of numbers is a kilobyte.
fn push_number(out: &mut String, number: usize) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
}

/// A new line in a list or a quote goes on with it; in an empty item it ends it. `None` where it is a new line like any.
pub fn new_line(text: &str, at: usize) -> Option<Change> {
    let from = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let to = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = &text[from..to];
    let (indent, kind, words) = lead(line)?;
    if at - from < words {
        return None;
    }
    if line[words..].trim().is_empty() {
        return Some(Change { from, to, put: String::new(), start: from, end: from });
    }
    let mut put = "\n".to_owned();
    if kind == Lines::Numbers {
        put.push_str(&line[..indent]);
        let number = line[indent..words - 2].bytes().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        push_number(&mut put, number + 1);
        put.push_str(&line[words - 2..words]);
    } else {
        put.push_str(&line[..words]);
    }
    let end = at + put.len();
    Some(Change { from: at, to: at, put, start: end, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with its selection between `‹` and `›`, or a caret `|`.
    fn parse(shown: &str) -> (String, usize, usize) {
        let (before, chosen, after) = if let Some((before, after)) = shown.split_once('|') {
            (before, "", after)
        } else {
            let (before, rest) = shown.split_once('‹').expect("a selection");
            let (chosen, after) = rest.split_once('›').expect("its end");
            (before, chosen, after)
        };
        ([before, chosen, after].concat(), before.len(), before.len() + chosen.len())
    }

    fn show(text: &str, change: &Change) -> String {
        let new = [&text[..change.from], &change.put, &text[change.to..]].concat();
        let (start, end) = (change.start, change.end);
        if start == end {
            format!("{}|{}", &new[..start], &new[start..])
        } else {
            format!("{}‹{}›{}", &new[..start], &new[start..end], &new[end..])
        }
    }

    fn after(shown: &str, act: impl Fn(&str, usize, usize) -> Change) -> String {
        let (text, start, end) = parse(shown);
        show(&text, &act(&text, start, end))
    }

    #[test]
    fn a_mark_is_put_and_taken_away_again() {
        for (kind, cases) in [
            (
                Mark::Bold,
                vec![
                    ("pay ‹now› please", "pay **‹now›** please"),
                    ("pay **‹now›** please", "pay ‹now› please"),
                    ("pay ‹**now**› please", "pay ‹now› please"),
                    ("pay |", "pay **|**"),
                    ("pay **|**", "pay |"),
                    ("pay‹ now ›please", "pay **‹now›** please"),
                    ("*‹now›*", "***‹now›***"),
                ],
            ),
            (
                Mark::Italic,
                vec![
                    ("‹now›", "_‹now›_"),
                    ("_‹now›_", "‹now›"),
                    ("*‹now›*", "‹now›"),
                    ("un‹believ›able", "un*‹believ›*able"),
                    ("un*‹believ›*able", "un‹believ›able"),
                    ("**‹now›**", "**_‹now›_**"),
                    ("***‹now›***", "**‹now›**"),
                    ("‹**now**›", "_‹**now**›_"),
                ],
            ),
            (Mark::Strike, vec![("‹no›", "~~‹no›~~"), ("~~‹no›~~", "‹no›")]),
            (
                Mark::Code,
                vec![
                    ("run ‹ls›", "run `‹ls›`"),
                    ("run `‹ls›`", "run ‹ls›"),
                    ("‹a\nb›", "```\n‹a\nb›\n```"),
                    ("so: ‹a\nb› ok", "so: \n```\n‹a\nb›\n```\n ok"),
                ],
            ),
        ] {
            for (before, then) in cases {
                assert_eq!(after(before, |text, start, end| mark(text, start, end, kind)), then, "{kind:?} {before}");
            }
        }
    }

    #[test]
    fn marks_leave_characters_of_every_script_whole() {
        assert_eq!(after("‹Größe 日本 🙂›", |t, s, e| mark(t, s, e, Mark::Bold)), "**‹Größe 日本 🙂›**");
        assert_eq!(after("日‹本›語", |t, s, e| mark(t, s, e, Mark::Italic)), "日*‹本›*語");
    }

    #[test]
    fn lines_become_items_and_words_again() {
        for (kind, before, then) in [
            (Lines::Bullets, "one|", "- one|"),
            (Lines::Bullets, "|", "- |"),
            (Lines::Bullets, "- one|", "one|"),
            (Lines::Bullets, "‹one\ntwo›", "‹- one\n- two›"),
            (Lines::Bullets, "‹- one\n- two›", "‹one\ntwo›"),
            (Lines::Bullets, "‹one\n\ntwo›", "‹- one\n\n- two›"),
            (Lines::Bullets, "‹one\n›two", "- one|\ntwo"),
            (Lines::Numbers, "a\n‹- one\n- two›\nb", "a\n‹1. one\n2. two›\nb"),
            (Lines::Numbers, "‹1. one\ntwo›", "‹1. one\n2. two›"),
            (Lines::Quote, "said|", "> said|"),
            (Lines::Quote, "> said|", "said|"),
            (Lines::Bullets, "  - one|", "  one|"),
            (Lines::Bullets, "2026 was|", "- 2026 was|"),
        ] {
            assert_eq!(after(before, |text, start, end| lines(text, start, end, kind)), then, "{kind:?} {before}");
        }
    }

    #[test]
    fn the_tenth_item_is_the_tenth() {
        let all = ["x"; 12].join("\n");
        assert!(lines(&all, 0, all.len(), Lines::Numbers).put.ends_with("\n9. x\n10. x\n11. x\n12. x"));
    }

    #[test]
    fn a_new_line_goes_on_with_a_list_and_an_empty_item_ends_it() {
        for (before, then) in [
            ("- one|", Some("- one\n- |")),
            ("- one| two", Some("- one\n- | two")),
            ("  * one|", Some("  * one\n  * |")),
            ("9. nine|", Some("9. nine\n10. |")),
            ("3) three|", Some("3) three\n4) |")),
            ("> said|", Some("> said\n> |")),
            ("- one\n- |", Some("- one\n|")),
            ("1. |", Some("|")),
            ("one|", None),
            ("|- one", None),
            ("-|", None),
            ("12345. far|", None),
            ("- one\ntwo|", None),
        ] {
            let (text, at, _) = parse(before);
            assert_eq!(new_line(&text, at).map(|change| show(&text, &change)).as_deref(), then, "{before}");
        }
    }

    #[test]
    fn what_is_selected_becomes_a_link() {
        assert_eq!(after("see ‹this›", link), "see [this](‹https://›)");
        assert_eq!(after("see |", link), "see [](‹https://›)");
        assert_eq!(after("‹https://example.com/a›", link), "[|](https://example.com/a)");
    }

    #[test]
    fn an_address_pasted_over_words_is_their_link() {
        let paste = |shown: &str, address: &str| {
            let (text, start, end) = parse(shown);
            pasted(&text, start, end, address).map(|change| show(&text, &change))
        };
        assert_eq!(paste("see ‹this›", "https://example.com\n").as_deref(), Some("see [this](https://example.com)|"));
        assert_eq!(paste("‹it›", "http://e.org/a_(b)").as_deref(), Some("[it](<http://e.org/a_(b)>)|"));
        for (over, address) in [
            ("see |", "https://example.com"),
            ("‹this›", "example"),
            ("‹this›", "https://"),
            ("‹this›", "https://a b"),
            ("‹this›", "javascript:alert(1)"),
            ("‹https://old.example›", "https://new.example"),
            ("‹two\nlines›", "https://example.com"),
            ("‹[this]›", "https://example.com"),
        ] {
            assert_eq!(paste(over, address), None, "{over} {address}");
        }
    }
}
