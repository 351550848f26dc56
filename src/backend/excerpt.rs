//! What is shown of a message that was found: the text around the first match, with the matches marked.
//!
//! What is found is decided in SQL (`app.search_terms()`, `app.search_query()`). This only marks, by the same rule: a letter that
//! the two fold differently is found and not marked.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use crate::{
    domain::text::Document,
    limits,
    wire::{Run, RunKind},
};

/// Longest part of a word that is compared, in characters, as in `app.search_terms()`.
const WORD_CHARS: usize = 40;

/// A word that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    folded: String,
    /// Its beginning is enough.
    open: bool,
    /// Written without blanks around it.
    joined: bool,
}

/// What a person searches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<Wanted>);

/// What is left out where words are compared: accents, vowel points, the Arabic line that stretches words.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}')
}

/// Thai, Lao, Burmese, Khmer, Chinese and Japanese, which are written without blanks.
const fn is_joined(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ece}' | '\u{1000}'..='\u{1049}'
        | '\u{1780}'..='\u{17d3}' | '\u{2e80}'..='\u{2fdf}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}')
}

/// Letters and figures, and the vowel signs of India's scripts, which are none and belong to their words.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || is_accent(c) || is_joined(c) || matches!(c, '\u{900}'..='\u{963}' | '\u{966}'..='\u{dff}')
}

fn fold(chars: &[char]) -> String {
    let small: String = chars.iter().flat_map(|c| c.to_lowercase()).collect();
    let bare: String = small.replace('ß', "ss").nfkd().filter(|c| !is_accent(*c)).collect();
    bare.nfkc().collect()
}

/// The places of words in a text, and whether they are written without blanks.
fn words(chars: &[char]) -> Vec<(Range<usize>, bool)> {
    let mut found: Vec<(Range<usize>, bool)> = Vec::new();
    for (n, c) in chars.iter().enumerate() {
        if !is_of_a_word(*c) {
            continue;
        }
        let joined = is_joined(*c);
        match found.last_mut() {
            Some((range, before)) if range.end == n && *before == joined => range.end = n + 1,
            _ => found.push((n..n + 1, joined)),
        }
    }
    found
}

impl Words {
    /// The words of what was typed.
    #[must_use]
    pub fn of(typed: &str) -> Self {
        let chars: Vec<char> = typed.chars().collect();
        let places = words(&chars);
        let last = places.len().saturating_sub(1);
        let wanted = places.into_iter().enumerate().map(|(n, (range, joined))| {
            let folded: String = fold(&chars[range]).chars().take(WORD_CHARS).collect();
            Wanted { open: n == last && folded.chars().count() > 1, folded, joined }
        });
        Self(wanted.filter(|wanted| !wanted.folded.is_empty()).collect())
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The parts of the word at `place` that are looked for, in order.
    fn matches(&self, chars: &[char], place: &Range<usize>, joined: bool) -> Vec<Range<usize>> {
        let folded = fold(&chars[place.clone()]);
        let wanted = self.0.iter().filter(|wanted| wanted.joined == joined);
        if !joined {
            let folded: String = folded.chars().take(WORD_CHARS).collect();
            let hit = wanted
                .into_iter()
                .any(|wanted| folded == wanted.folded || (wanted.open && folded.starts_with(&wanted.folded)));
            return if hit { vec![place.clone()] } else { Vec::new() };
        }
        let letters: Vec<char> = folded.chars().collect();
        let mut marked = vec![false; letters.len()];
        for wanted in wanted {
            let sought: Vec<char> = wanted.folded.chars().collect();
            for from in 0..(letters.len() + 1).saturating_sub(sought.len()) {
                if letters[from..].starts_with(&sought) {
                    marked[from..from + sought.len()].fill(true);
                }
            }
        }
        if letters.len() != place.len() {
            // Folding made it longer or shorter: which letter was which is not known.
            return if marked.contains(&true) { vec![place.clone()] } else { Vec::new() };
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        for (n, _) in marked.iter().enumerate().filter(|(_, marked)| **marked) {
            let at = place.start + n;
            match found.last_mut() {
                Some(range) if range.end == at => range.end = at + 1,
                _ => found.push(at..at + 1),
            }
        }
        found
    }

    /// The text of `document` around the first match, on one line.
    #[must_use]
    pub fn excerpt(&self, document: &Document) -> Vec<Run> {
        let plain = document.plain();
        let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        let chars: Vec<char> = line.chars().collect();
        let places = words(&chars);
        let marks: Vec<Range<usize>> =
            places.iter().flat_map(|(place, joined)| self.matches(&chars, place, *joined)).collect();
        let first = marks.first().map_or(0, |mark| mark.start);
        // From the beginning of a word, if one begins there; and room for both ellipses.
        let from = first.saturating_sub(limits::SEARCH_EXCERPT_LEAD_CHARS);
        let from = if from == 0 {
            0
        } else {
            places.iter().map(|(place, _)| place.start).find(|start| (from..=first).contains(start)).unwrap_or(from)
        };
        let to = (from + limits::SEARCH_EXCERPT_CHARS_MAX - 2).min(chars.len());
        let mut runs: Vec<Run> = Vec::new();
        let mut add = |kind: RunKind, text: &mut dyn Iterator<Item = char>| {
            let text: String = text.collect();
            match runs.last_mut() {
                _ if text.is_empty() => {}
                Some(run) if run.kind == kind => run.text.push_str(&text),
                _ => runs.push(Run { kind, text }),
            }
        };
        if from > 0 {
            add(RunKind::Same, &mut "…".chars());
        }
        let mut done = from;
        for mark in marks {
            let (start, end) = (mark.start.clamp(from, to), mark.end.clamp(from, to));
            add(RunKind::Same, &mut chars[done..start.max(done)].iter().copied());
            add(RunKind::Found, &mut chars[start..end].iter().copied());
            done = done.max(end);
        }
        add(RunKind::Same, &mut chars[done..to].iter().copied());
        if to < chars.len() {
            add(RunKind::Same, &mut "…".chars());
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{backend::markdown, domain::text};

    /// With what was found in brackets.
    fn shown(typed: &str, body: &str) -> String {
        let runs = Words::of(typed).excerpt(&markdown::parse(body));
        let show = |run: &Run| match run.kind {
            RunKind::Found => format!("[{}]", run.text),
            _ => run.text.clone(),
        };
        runs.iter().map(show).collect()
    }

    #[test]
    fn what_was_searched_for_is_marked_whatever_its_capitals_and_accents() {
        assert_eq!(shown("boxes open", "Two *boxes* were **open**"), "Two [boxes] were [open]");
        assert_eq!(shown("cafe", "Ein CAFÉ, ein cafe\u{301}"), "Ein [CAFÉ], ein [cafe\u{301}]");
        assert_eq!(shown("inv", "invoice, reinvest, INV-4711"), "[invoice], reinvest, [INV]-4711");
        // Only the last word may be unfinished.
        assert_eq!(shown("inv open", "invoice inv opened"), "invoice [inv] [opened]");
        assert_eq!(shown("東京", "来週東京に行きます"), "来週[東京]に行きます");
        assert_eq!(shown("strasse", "Neue Straße 7"), "Neue [Straße] 7");
        assert_eq!(shown("भुग", "कृपया भुगतान करें"), "कृपया [भुगतान] करें");
        assert_eq!(shown("แจ้ง", "ใบแจ้งหนี้ใหม่"), "ใบ[แจ้ง]หนี้ใหม่");
        assert_eq!(shown("احمد", "من أحمد"), "من [أحمد]");
        assert_eq!(shown("nothing", "Hello"), "Hello");
        assert_eq!(shown("", "Hello"), "Hello");
    }

    #[test]
    fn an_excerpt_of_a_long_text_begins_before_the_first_match() {
        let body = format!("{} needle {}", "hay ".repeat(500), "stack ".repeat(500));
        let shown = shown("needle", &body);
        assert!(shown.starts_with("…hay ") && shown.contains("[needle]") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() <= limits::SEARCH_EXCERPT_CHARS_MAX + 2, "{shown}");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_a_part_of_the_text_within_its_bound(typed in "\\PC{0,20}", body in "\\PC{0,600}") {
            let document = text::literal(&body);
            let runs = Words::of(&typed).excerpt(&document);
            let shown: String = runs.iter().map(|run| run.text.as_str()).collect();
            prop_assert!(runs.iter().all(|run| !run.text.is_empty()));
            prop_assert!(shown.chars().count() <= limits::SEARCH_EXCERPT_CHARS_MAX);
            let line = document.plain().split_whitespace().collect::<Vec<_>>().join(" ");
            let part = shown.strip_prefix('…').filter(|_| !line.starts_with('…')).unwrap_or(&shown);
            let part = part.strip_suffix('…').unwrap_or(part);
            prop_assert!(line.contains(part), "{:?} in {:?}", part, line);
        }
    }
}
