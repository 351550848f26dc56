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
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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

/// Where a destination that begins at `start` ends: at a blank, an angle bracket, or a closing parenthesis that it did not open.
fn end_of_destination(text: &str, start: usize) -> usize {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in text[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 0 => return start + at,
            ')' => depth -= 1,
            '<' if at == 0 => {}
            c if c.is_whitespace() || matches!(c, '<' | '>') => return start + at,
            _ => {}
        }
    }
    text.len()
}

/// Where links in the source lead: what stands there is followed and not read, and covered it would lead elsewhere. Rather too much
/// than too little: a bare address is one, too.
fn destinations(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut note = |start: usize| {
        // Each text once, however many signs of a link are in it: they come in order.
        if found.last().is_none_or(|last| last.end <= start) {
            found.push(start..end_of_destination(text, start));
        }
    };
    let bytes = text.as_bytes();
    let mut line = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, bytes.get(at + 1)) {
            (b'\n', _) => line = at + 1,
            // `[text](destination)`, and at the beginning of a line `[name]: destination`.
            (b']', Some(next @ (b'(' | b':'))) if *next == b'(' || text[line..].trim_start().starts_with('[') => {
                let rest = &text[at + 2..];
                note(at + 2 + (rest.len() - rest.trim_start().len()));
            }
            (b'<', Some(next))
                if next.is_ascii_alphabetic() && text[at..end_of_destination(text, at)].contains([':', '@']) =>
            {
                note(at);
            }
            (b':', _) if text[at..].starts_with("://") => {
                let scheme = bytes[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                note(at - scheme);
            }
            _ => {}
        }
    }
    found
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Whether any of `sorted`, which do not overlap each other, overlaps `place`.
fn is_among(sorted: &[Range<usize>], place: &Range<usize>) -> bool {
    let next = sorted.partition_point(|one| one.end <= place.start);
    sorted.get(next).is_some_and(|one| overlap(one, place))
}

/// The ways in which a text can be read, without what stands in `without`.
fn readings(text: &str, without: &[Range<usize>]) -> [Vec<Piece>; 3] {
    let mut pieces = pieces(text);
    pieces.retain(|piece| !is_among(without, &piece.place));
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
    /// It has a control character, which no message has and the database does not take.
    #[error("has a control character")]
    Control,
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
}

/// A place in the tree of entries, reached by the words on the way to it.
#[derive(Debug, Default)]
struct Node {
    next: HashMap<String, usize>,
    /// The entry that ends here.
    entry: Option<usize>,
}

/// A version of a company's word list, ready to be asked.
#[derive(Debug, Default)]
pub struct Words {
    entries: Vec<Entry>,
    /// Two trees, so that entries that begin alike cost what one of them costs: the first node is the root of the entries without
    /// diacritics, the second that of those with.
    nodes: Vec<Node>,
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
        let mut words = Self { entries: Vec::new(), nodes: vec![Node::default(), Node::default()] };
        for (place, entry) in entries.iter().enumerate() {
            let pieces = pieces(&entry.words);
            if pieces.is_empty() {
                return Err((place, EntryError::Empty));
            }
            if pieces.len() > limits::WORD_PHRASE_MAX || entry.words.chars().count() > limits::WORD_CHARS_MAX {
                return Err((place, EntryError::TooLong));
            }
            let exact = pieces.iter().any(|piece| piece.exact != piece.bare);
            let mut node = usize::from(exact);
            for piece in pieces {
                let fresh = words.nodes.len();
                node = *words.nodes[node].next.entry(if exact { piece.exact } else { piece.bare }).or_insert(fresh);
                if node == fresh {
                    words.nodes.push(Node::default());
                }
            }
            if words.nodes[node].entry.replace(place).is_some() {
                return Err((place, EntryError::Twice));
            }
            words.entries.push(Entry { words: entry.words.trim().to_owned(), action: entry.action });
        }
        Ok(words)
    }

    /// As [`Self::new`], for a list that is to be stored: lists from before control characters were refused are still read.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn checked(entries: &[WordEntry]) -> Result<Self, (usize, EntryError)> {
        match entries.iter().position(|entry| entry.words.contains(char::is_control)) {
            Some(place) => Err((place, EntryError::Control)),
            None => Self::new(entries),
        }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, text: &str, without: &[Range<usize>]) -> Vec<Found> {
        self.walk(text, without).0
    }

    /// What is found, and in how many steps: at most one for each word of a phrase, from each word of the text, in either tree and
    /// each reading.
    fn walk(&self, text: &str, without: &[Range<usize>]) -> (Vec<Found>, usize) {
        let (mut found, mut steps) = (Vec::new(), 0);
        for reading in readings(text, without) {
            for at in 0..reading.len() {
                for exact in [false, true] {
                    let mut node = usize::from(exact);
                    for piece in &reading[at..] {
                        steps += 1;
                        let word = if exact { &piece.exact } else { &piece.bare };
                        let Some(next) = self.nodes[node].next.get(word) else { break };
                        node = *next;
                        if let Some(entry) = self.nodes[node].entry {
                            found.push(Found { entry, place: reading[at].place.start..piece.place.end });
                        }
                    }
                }
            }
        }
        (found, steps)
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
        let destinations = destinations(body);
        // Postil's own addresses are ids: nobody reads them, and covered they would name nobody.
        let own: Vec<Range<usize>> = destinations
            .iter()
            .filter(|place| body[place.start..place.end].trim_start_matches('<').starts_with("postil:"))
            .cloned()
            .collect();
        let in_body = self.find(body, &own);
        let mut all = self.find(&shown, &[]);
        all.extend(in_body.iter().map(|one| Found { entry: one.entry, place: one.place.clone() }));
        let mut judgement = Judgement {
            refused: self.named(&all, WordAction::Refuse).into_iter().next(),
            flagged: self.named(&all, WordAction::Flag),
            masked: self.named(&all, WordAction::Mask),
            body: None,
        };
        if judgement.refused.is_none() && !judgement.masked.is_empty() {
            let (led, read): (Vec<Found>, Vec<Found>) = in_body
                .into_iter()
                .filter(|one| self.entries[one.entry].action == WordAction::Mask)
                .partition(|one| is_among(&destinations, &one.place));
            let masked = covered(body, &merged(read.into_iter().map(|one| one.place).collect()));
            // What can't be covered in the source would be shown all the same; and a link is not made to lead elsewhere.
            let mut left = self.find(&parse(&masked).plain(), &[]);
            left.extend(led);
            judgement.refused = self.named(&left, WordAction::Mask).into_iter().next();
            judgement.body = Some(masked);
        }
        judgement
    }
}

/// These places in order, those that overlap or touch made one.
fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_unstable_by_key(|place| place.start);
    let mut found: Vec<Range<usize>> = Vec::new();
    for place in places {
        match found.last_mut() {
            Some(last) if last.end >= place.start => last.end = last.end.max(place.end),
            _ => found.push(place),
        }
    }
    found
}

/// The text with each letter in these merged places covered. Signs stay, so that no markup is torn apart.
fn covered(text: &str, places: &[Range<usize>]) -> String {
    let mut ahead = places.iter().peekable();
    text.char_indices()
        .filter_map(|(at, c)| {
            while ahead.next_if(|place| place.end <= at).is_some() {}
            match ahead.peek().is_some_and(|place| place.contains(&at)) {
                true if c.is_alphanumeric() => Some('•'),
                true if is_combining_mark(c) || is_invisible(c) => None,
                _ => Some(c),
            }
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
            "da\u{fff0}rn",
            "d\u{fff9}arn",
            "da\u{1bca0}rn",
            "dar\u{1d173}n",
            "[see](https://darn.example/a)",
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
    fn no_link_is_made_to_lead_elsewhere_and_no_mention_is_lost() {
        let words = list(&[("darn", WordAction::Mask), ("user", WordAction::Mask), ("postil", WordAction::Refuse)]);
        let mention = "[@Ben](postil:user/usr_01890a5d-ac96-774b-bcce-b302099a8057)";
        // What nobody reads is nothing to find; beside it, words are covered.
        assert_eq!(words.judge(mention, markdown::parse), Judgement::default());
        let found = words.judge(&format!("{mention} oh darn user"), markdown::parse);
        assert_eq!((found.body, found.refused), (Some(format!("{mention} oh •••• ••••")), None));
        for text in [
            "[here](https://darn.example/a)",
            "[here](<https://darn.example/a>)",
            "[here](https://a.example/(b)/darn)",
            "<https://darn.example>",
            "https://darn.example/a",
            "[here][1]\n\n[1]: https://darn.example",
        ] {
            let found = words.judge(text, markdown::parse);
            assert_eq!(found.refused.as_deref(), Some("darn"), "{text}");
        }
        // What is shown of a link is covered like any other text.
        let found = words.judge("[darn](https://a.example/b) darn", markdown::parse);
        assert_eq!((found.body.as_deref(), found.refused), (Some("[••••](https://a.example/b) ••••"), None));
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
        let stored = [WordEntry { words: "a\tb".to_owned(), action: WordAction::Flag }];
        assert_eq!(Words::checked(&stored).unwrap_err(), (0, EntryError::Control));
        assert!(Words::new(&stored).is_ok(), "what was stored before is read");
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

    #[test]
    fn a_list_of_likes_costs_no_more_steps_than_one_of_them() {
        // Phrases within phrases, and hundreds that begin alike.
        let nested: Vec<String> = (1..=limits::WORD_PHRASE_MAX).map(|n| vec!["a"; n].join(" ")).collect();
        let alike =
            (0..limits::WORD_ENTRIES_MAX).map(|n| format!("{} w{n}", ["a"; limits::WORD_PHRASE_MAX - 1].join(" ")));
        for entries in [nested, alike.collect()] {
            let entries: Vec<(&str, WordAction)> =
                entries.iter().map(|words| (words.as_str(), WordAction::Mask)).collect();
            let (words, text) = (list(&entries), "a ".repeat(4_000));
            let pieces: usize = readings(&text, &[]).iter().map(Vec::len).sum();
            let (found, steps) = words.walk(&text, &[]);
            assert!(steps <= 2 * pieces * (limits::WORD_PHRASE_MAX + 1), "{steps} steps for {pieces} words");
            assert!(found.len() <= pieces * limits::WORD_PHRASE_MAX, "{} finds", found.len());
        }
        // Covering goes through the text once: thousands of finds that overlap are few places.
        let overlapping = (0..4_000).rev().map(|n| n * 2..n * 2 + 15).collect();
        assert_eq!(merged(overlapping), vec![0..8_013; 1]);
        assert_eq!(merged(vec![7..9, 0..2, 1..3]), [0..3, 7..9]);
    }
}
