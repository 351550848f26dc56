//! The word list: which of a company's words are in a text, and the text with them covered.
//!
//! Words are compared whole, so that a listed word inside a longer, innocent one is no find. Before that, capitals, full-width
//! and other compatibility forms, invisible characters and (unless the entry has some itself) diacritics are taken away, and
//! letters that signs or blanks keep apart are read together. Letters of other scripts that look alike and digits for letters
//! are not seen through: each such guess finds innocent words, too.

use std::{collections::HashMap, ops::Range};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    domain::text::Document,
    limits,
    wire::{WordAction, WordEntry},
};

/// What stands between a piece of text and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Markup only, which is not shown: `**f**uck`.
    Markup,
    /// Other signs, no blank.
    Signs,
    /// One blank.
    Blank,
    /// An apostrophe: *he'll* is no *hell*.
    Apostrophe,
    /// Anything else.
    Wide,
}

/// A run of letters and digits.
#[derive(Clone, Debug)]
struct Piece {
    /// Without capitals and compatibility forms.
    exact: String,
    /// And without diacritics.
    bare: String,
    /// Letters in it.
    letters: usize,
    gap: Gap,
    place: Range<usize>,
}

/// Shows as nothing: it parts no word, and is in none.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

fn fold(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_invisible(*c)).nfkc();
    // By capitals to small letters, so that ß and ss, ς and σ are the same.
    visible.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

fn gap_of(between: &str) -> Gap {
    let mut visible = between.chars().filter(|c| !is_invisible(*c)).peekable();
    if between.contains(['\'', '\u{2019}']) {
        return Gap::Apostrophe;
    }
    if visible.peek().is_none() {
        return Gap::Wide;
    }
    let blanks = between.chars().filter(|c| c.is_whitespace()).count();
    match blanks {
        0 if visible.all(|c| matches!(c, '*' | '_' | '~' | '`' | '\\')) => Gap::Markup,
        0 => Gap::Signs,
        1 if visible.count() == 1 => Gap::Blank,
        _ => Gap::Wide,
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut close = |range: Range<usize>| {
        let exact = fold(&text[range.clone()]);
        let bare: String = exact.nfkd().filter(|c| !is_combining_mark(*c)).nfkc().collect();
        let gap = found.last().map_or(Gap::Wide, |before| gap_of(&text[before.place.end..range.start]));
        found.push(Piece { letters: bare.chars().count(), exact, bare, gap, place: range });
    };
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if c.is_alphanumeric() {
            open = Some(open.map_or(at..end, |range| range.start..end));
        } else if is_combining_mark(c) || is_invisible(c) {
            // Part of the word that it stands in, or of nothing.
            open = open.map(|range| range.start..end);
        } else if let Some(range) = open.take() {
            close(range);
        }
    }
    if let Some(range) = open {
        close(range);
    }
    found
}

/// Pieces that `together` says belong to one word are one.
fn joined(pieces: &[Piece], least: usize, together: impl Fn(&Piece, &Piece) -> bool) -> Vec<Piece> {
    let mut groups: Vec<Vec<&Piece>> = Vec::new();
    for piece in pieces {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|before| together(before, piece)) => group.push(piece),
            _ => groups.push(vec![piece]),
        }
    }
    let one = |group: Vec<&Piece>| -> Vec<Piece> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Vec::new() };
        if group.len() < least {
            return group.into_iter().cloned().collect();
        }
        vec![Piece {
            exact: group.iter().map(|piece| piece.exact.as_str()).collect(),
            bare: group.iter().map(|piece| piece.bare.as_str()).collect(),
            letters: group.iter().map(|piece| piece.letters).sum(),
            gap: first.gap,
            place: first.place.start..last.place.end,
        }]
    };
    groups.into_iter().flat_map(one).collect()
}

/// The ways in which a text can be read.
fn readings(text: &str) -> [Vec<Piece>; 3] {
    let pieces = pieces(text);
    // f.u.c.k and fu-ck, but not pen.is: pieces that could be words by themselves stay apart.
    let signs = joined(&pieces, 2, |before, piece| match piece.gap {
        Gap::Markup => true,
        Gap::Signs => before.letters <= 2 && piece.letters <= 2,
        Gap::Blank | Gap::Apostrophe | Gap::Wide => false,
    });
    // f u c k: three single letters at least.
    let blanks = joined(&pieces, 3, |before, piece| {
        piece.gap == Gap::Blank && before.letters == 1 && piece.letters == 1 && before.gap != Gap::Apostrophe
    });
    [pieces, signs, blanks]
}

/// Why an entry can't stand in a word list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It has no letter and no digit.
    #[error("has no letter or digit")]
    Empty,
    /// It is too long.
    #[error("is longer than {} characters, or than {} words", limits::WORD_CHARS_MAX, limits::WORD_PHRASE_MAX)]
    TooLong,
    /// The same words stand in an earlier entry.
    #[error("stands in the list already")]
    Twice,
}

#[derive(Debug)]
struct Entry {
    words: String,
    action: WordAction,
    /// Folded, in order; with diacritics only if the entry has any.
    parts: Vec<String>,
    exact: bool,
}

/// A version of a company's word list, ready to be asked.
#[derive(Debug, Default)]
pub struct Words {
    entries: Vec<Entry>,
    /// By the first word.
    first: HashMap<String, Vec<usize>>,
}

/// What is to become of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The entry because of which it is refused.
    pub refused: Option<String>,
    /// Entries that moderators are told of.
    pub flagged: Vec<String>,
    /// Entries that were covered.
    pub masked: Vec<String>,
    /// The source with them covered.
    pub body: Option<String>,
}

struct Found {
    entry: usize,
    place: Range<usize>,
}

impl Words {
    /// Reads a list. Which entry is wrong, and why, if one is.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn new(entries: &[WordEntry]) -> Result<Self, (usize, EntryError)> {
        let mut words = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            let pieces = pieces(&entry.words);
            if pieces.is_empty() {
                return Err((place, EntryError::Empty));
            }
            if pieces.len() > limits::WORD_PHRASE_MAX || entry.words.chars().count() > limits::WORD_CHARS_MAX {
                return Err((place, EntryError::TooLong));
            }
            let exact = pieces.iter().any(|piece| piece.exact != piece.bare);
            let parts: Vec<String> =
                pieces.into_iter().map(|piece| if exact { piece.exact } else { piece.bare }).collect();
            let known = words.first.entry(parts[0].clone()).or_default();
            if known.iter().any(|index| words.entries[*index].parts == parts) {
                return Err((place, EntryError::Twice));
            }
            known.push(place);
            words.entries.push(Entry { words: entry.words.trim().to_owned(), action: entry.action, parts, exact });
        }
        Ok(words)
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        for reading in readings(text) {
            for (at, piece) in reading.iter().enumerate() {
                let mut candidates: Vec<usize> = Vec::new();
                for word in [&piece.bare, &piece.exact] {
                    candidates.extend(self.first.get(word).into_iter().flatten());
                }
                candidates.dedup();
                for index in candidates {
                    let entry = &self.entries[index];
                    let Some(window) = reading.get(at..at + entry.parts.len()) else { continue };
                    let same = |(part, piece): (&String, &Piece)| {
                        *part == *(if entry.exact { &piece.exact } else { &piece.bare })
                    };
                    if entry.parts.iter().zip(window).all(same) {
                        let place = window[0].place.start..window[window.len() - 1].place.end;
                        found.push(Found { entry: index, place });
                    }
                }
            }
        }
        found
    }

    /// The entries with this action among those found, each once, in the list's order.
    fn named(&self, found: &[Found], action: WordAction) -> Vec<String> {
        let mut indices: Vec<usize> =
            found.iter().map(|one| one.entry).filter(|index| self.entries[*index].action == action).collect();
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().map(|index| self.entries[index].words.clone()).collect()
    }

    /// What is to become of a message. Looked at are its source and what readers are shown of it: a word written with character
    /// references is in the one and not in the other. `parse` is what makes the one of the other.
    pub fn judge(&self, body: &str, parse: impl Fn(&str) -> Document) -> Judgement {
        if self.is_empty() {
            return Judgement::default();
        }
        let shown = parse(body).plain();
        let in_body = self.find(body);
        let mut all = self.find(&shown);
        all.extend(in_body.iter().map(|one| Found { entry: one.entry, place: one.place.clone() }));
        let mut judgement = Judgement {
            refused: self.named(&all, WordAction::Refuse).into_iter().next(),
            flagged: self.named(&all, WordAction::Flag),
            masked: self.named(&all, WordAction::Mask),
            body: None,
        };
        if judgement.refused.is_none() && !judgement.masked.is_empty() {
            let places: Vec<Range<usize>> = in_body
                .into_iter()
                .filter(|one| self.entries[one.entry].action == WordAction::Mask)
                .map(|one| one.place)
                .collect();
            let masked = covered(body, &places);
            // What can't be covered in the source would be shown all the same.
            let left = self.named(&self.find(&parse(&masked).plain()), WordAction::Mask);
            judgement.refused = left.into_iter().next();
            judgement.body = Some(masked);
        }
        judgement
    }
}

/// The text with each letter in these places covered. Signs stay, so that no markup is torn apart.
fn covered(text: &str, places: &[Range<usize>]) -> String {
    text.char_indices()
        .filter_map(|(at, c)| match places.iter().any(|place| place.contains(&at)) {
            true if c.is_alphanumeric() => Some('•'),
            true if is_combining_mark(c) || is_invisible(c) => None,
            _ => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::markdown;

    fn list(entries: &[(&str, WordAction)]) -> Words {
        let entries: Vec<WordEntry> =
            entries.iter().map(|(words, action)| WordEntry { words: (*words).to_owned(), action: *action }).collect();
        Words::new(&entries).unwrap()
    }

    fn finds(entry: &str, text: &str) -> bool {
        list(&[(entry, WordAction::Flag)]).judge(text, markdown::parse) != Judgement::default()
    }

    #[test]
    fn a_word_is_found_however_it_is_dressed() {
        for text in [
            "darn",
            "Oh, DARN!",
            "ｄａｒｎ",
            "𝐝𝐚𝐫𝐧 it",
            "da\u{200b}rn",
            "\u{feff}d\u{ad}arn",
            "dárn",
            "d\u{336}a\u{336}r\u{336}n\u{336}",
            "d.a.r.n",
            "d--a__r..n!",
            "da*rn*",
            "**d**arn",
            "d a r n",
            "that's d a r n good",
            "da&#114;n",
            "dar\\n",
            "(darn)",
            "darn,darn",
            "x\ndarn\ny",
        ] {
            assert!(finds("darn", text), "{text:?}");
        }
    }

    #[test]
    fn innocent_words_stay_innocent() {
        for (entry, text) in [
            ("cunt", "Scunthorpe"),
            ("ass", "Assess the class, pass the assets"),
            ("hell", "he'll say hello; he\u{2019}ll shell out"),
            ("penis", "My pen.is on the table"),
            ("darn", "darning is not darned"),
            ("darn", "da rn"),
            ("darn", "d a. Rn"),
            ("schön", "schon bezahlt"),
            ("is it", "It is. Italy"),
            ("ab", "a b"),
            ("", "anything"),
        ] {
            if entry.is_empty() {
                assert!(Words::default().is_empty());
                continue;
            }
            assert!(!finds(entry, text), "{entry:?} in {text:?}");
        }
    }

    #[test]
    fn phrases_are_found_in_order_over_blanks_and_signs() {
        for text in ["project blue heron", "Project: Blue-Heron", "**Project** blue\n\nheron"] {
            assert!(finds("project blue heron", text), "{text:?}");
        }
        for text in ["blue heron project", "project heron", "project blue herons"] {
            assert!(!finds("project blue heron", text), "{text:?}");
        }
    }

    #[test]
    fn an_entry_with_diacritics_is_found_only_with_them_and_sharp_s_is_double_s() {
        assert!(finds("schön", "SCHÖN") && finds("schön", "scho\u{308}n"));
        assert!(finds("strasse", "Straße") && finds("straße", "STRASSE"));
    }

    #[test]
    fn masking_covers_letters_and_nothing_else() {
        let words = list(&[("darn", WordAction::Mask), ("blue heron", WordAction::Mask)]);
        let masked = |text: &str| words.judge(text, markdown::parse);
        let cases = [
            ("Oh darn, **d.a.r.n**!", "Oh ••••, **•.•.•.•**!"),
            ("the blue\nheron flies", "the ••••\n••••• flies"),
            ("da\u{200b}rn da\u{301}rn", "•••• ••••"),
        ];
        for (text, expected) in cases {
            let found = masked(text);
            assert_eq!((found.body.as_deref(), found.refused), (Some(expected), None), "{text}");
        }
        // What is only in what is shown can't be covered: it is refused instead of passing.
        assert_eq!(masked("da&#114;n").refused.as_deref(), Some("darn"));
    }

    #[test]
    fn refusing_goes_before_masking_and_every_flag_is_told_once() {
        let words = list(&[("a1", WordAction::Mask), ("b2", WordAction::Refuse), ("c3", WordAction::Flag)]);
        let found = words.judge("c3 a1 b2 c3", markdown::parse);
        assert_eq!((found.refused.as_deref(), found.body), (Some("b2"), None));
        assert_eq!(words.judge("c3 and C3", markdown::parse).flagged, ["c3"]);
        assert_eq!(words.judge("nothing", markdown::parse), Judgement::default());
    }

    #[test]
    fn entries_have_bounds() {
        let one = |words: &str| Words::new(&[WordEntry { words: words.to_owned(), action: WordAction::Flag }]);
        assert_eq!(one(" ?! ").unwrap_err(), (0, EntryError::Empty));
        assert_eq!(one(&"x".repeat(limits::WORD_CHARS_MAX + 1)).unwrap_err(), (0, EntryError::TooLong));
        assert_eq!(one("a b c d e f g h i").unwrap_err(), (0, EntryError::TooLong));
        let twice = ["Darn", "dárn", "d\u{200b}arn"]
            .map(|words| WordEntry { words: words.to_owned(), action: WordAction::Flag });
        assert_eq!(Words::new(&[twice[0].clone(), twice[2].clone()]).unwrap_err(), (1, EntryError::Twice));
        assert!(Words::new(&[twice[0].clone(), twice[1].clone()]).is_ok());
    }

    #[test]
    fn the_longest_message_is_judged_quickly_whatever_is_in_it() {
        let words = list(&[("darn", WordAction::Mask)]);
        for text in
            ["a ".repeat(4_000), ".".repeat(8_000), "darn ".repeat(1_600), "\u{301}".repeat(8_000), "a.".repeat(4_000)]
        {
            let found = words.judge(&text, markdown::parse);
            assert_eq!(found.masked.is_empty(), !text.contains("darn"));
        }
    }
}
