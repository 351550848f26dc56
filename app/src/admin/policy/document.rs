//! The text of a policy document: laid out for reading, with places in it found by their path, and two of them compared.

use postil::access::Policy;

/// Widest line that a list or an object is kept on, in characters: the editor shows about as many without scrolling.
const LINE_CHARS: usize = 96;
/// Most lines that are compared line by line; above it, the rest counts as changed.
const DIFF_LINES_MAX: usize = 4_000;

/// The document as people read it: what fits on a line stands on one.
#[must_use]
pub fn pretty(document: &Policy) -> String {
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the innermost outwards. A line that opens ends with its bracket: texts end with a quote or a comma.
    loop {
        let joined = join(&lines);
        if joined.len() == lines.len() {
            return joined.join("\n");
        }
        lines = joined;
    }
}

fn opens(line: &str) -> bool {
    line.ends_with('[') || line.ends_with('{')
}

fn closes(line: &str) -> bool {
    line.trim_start().starts_with([']', '}'])
}

/// One pass: whatever opens, holds nothing that opens, and fits on a line.
fn join(lines: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(lines.len());
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        // The document and its two lists stay open, however short.
        let depth = (line.len() - line.trim_start().len()) / 2;
        if opens(line) && depth >= 2 {
            let inner = lines[at + 1..].iter().take_while(|line| !opens(line) && !closes(line)).count();
            let end = at + 1 + inner;
            if lines.get(end).is_some_and(|line| closes(line)) {
                let space = if line.ends_with('{') && inner > 0 { " " } else { "" };
                let body: Vec<&str> = lines[at + 1..end].iter().map(|line| line.trim()).collect();
                let joined = format!("{line}{space}{}{space}{}", body.join(" "), lines[end].trim());
                if joined.chars().count() <= LINE_CHARS {
                    out.push(joined);
                    at = end + 1;
                    continue;
                }
            }
        }
        out.push(line.clone());
        at += 1;
    }
    out
}

/// The line (from 1) of what `path` names in a text that is JSON, or of the nearest thing around it: `rules[3].scope`.
#[must_use]
pub fn line_of(text: &str, path: &str) -> usize {
    let path = path.strip_prefix("document").unwrap_or(path).trim_start_matches('.');
    let steps: Vec<Step<'_>> = path
        .split(['.', '['])
        .filter(|step| !step.is_empty())
        .map(|step| step.strip_suffix(']').and_then(|at| at.parse().ok()).map_or(Step::Key(step), Step::At))
        .collect();
    let mut walk = Walk { text: text.as_bytes(), at: 0, found: 0 };
    let _ = walk.value(&steps);
    1 + text.get(..walk.found).map_or(0, |before| before.matches('\n').count())
}

enum Step<'a> {
    Key(&'a str),
    At(usize),
}

/// A walk along a JSON text. `None` ends it: found, or not to be found.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the deepest step so far leads to.
    found: usize,
}

impl Walk<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Behind the string that begins here; what is in it, as it is written.
    fn string(&mut self) -> Option<&[u8]> {
        let begin = self.at + 1;
        self.at = begin;
        loop {
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(&self.text[begin..self.at - 1])
    }

    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b'}' | b']' => return Some(()),
                b',' if depth == 0 => return Some(()),
                _ => self.at += 1,
            }
            if depth == 0 && matches!(self.peek()?, b',' | b'}' | b']') {
                return Some(());
            }
        }
    }

    fn value(&mut self, steps: &[Step<'_>]) -> Option<()> {
        let (step, rest) = steps.split_first()?;
        let open = self.peek()?;
        if !matches!((step, open), (Step::Key(_), b'{') | (Step::At(_), b'[')) {
            return None;
        }
        self.at += 1;
        for place in 0.. {
            if matches!(self.peek()?, b'}' | b']') {
                return None;
            }
            let begin = self.at;
            let here = match step {
                Step::At(wanted) => place == *wanted,
                Step::Key(wanted) => {
                    let wanted = wanted.as_bytes();
                    let here = self.string()? == wanted;
                    self.peek()?;
                    self.at += 1;
                    here
                }
            };
            if here {
                self.peek()?;
                self.found = if matches!(step, Step::Key(_)) { begin } else { self.at };
                return self.value(rest);
            }
            self.skip()?;
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        None
    }
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is in both.
    Same,
    /// It is in the new one only.
    Added,
    /// It is in the old one only.
    Removed,
}

/// The lines of both texts, in order.
#[must_use]
pub fn compare<'t>(old: &'t str, new: &'t str) -> Vec<(Change, &'t str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out: Vec<_> = old[..head].iter().map(|line| (Change::Same, *line)).collect();
    if a.len() > DIFF_LINES_MAX || b.len() > DIFF_LINES_MAX || a.len() * b.len() > DIFF_LINES_MAX * DIFF_LINES_MAX / 4 {
        out.extend(a.iter().map(|line| (Change::Removed, *line)));
        out.extend(b.iter().map(|line| (Change::Added, *line)));
    } else {
        middle(a, b, &mut out);
    }
    out.extend(old[old.len() - tail..].iter().map(|line| (Change::Same, *line)));
    out
}

/// By the longest common subsequence.
fn middle<'t>(a: &[&'t str], b: &[&'t str], out: &mut Vec<(Change, &'t str)>) {
    let width = b.len() + 1;
    let mut longest = vec![0_u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((Change::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
            out.push((Change::Removed, a[i]));
            i += 1;
        } else {
            out.push((Change::Added, b[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use postil::access::preset;

    use super::*;

    #[test]
    fn a_document_reads_back_as_it_was() {
        let policy = preset::policy();
        let text = pretty(&policy);
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        assert!(text.contains("\n    { \"key\": \"owner\", \"name\": \"Owner\" },\n"), "{text}");
        assert!(text.lines().count() < serde_json::to_string_pretty(&policy).unwrap().lines().count());
    }

    #[test]
    fn a_path_leads_to_its_line() {
        let text = "{\n  \"roles\": [],\n  \"rules\": [\n    {\"id\": \"a,]}\\\"\"},\n    {\n      \"id\": \"b\",\n      \"scope\": {\"type\": \"x\"}\n    }\n  ]\n}";
        for (path, line) in [
            ("document.rules", 3),
            ("document.rules[0]", 4),
            ("document.rules[1]", 5),
            ("document.rules[1].scope.type", 7),
            ("rules[1].conditions.until", 5),
            ("document.rules[7]", 3),
            ("document", 1),
            ("", 1),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
        assert_eq!(line_of("{\"rules\": [", "rules[0]"), 1, "half a text has places, too");
    }

    #[test]
    fn what_is_compared_can_be_put_together_again() {
        let (old, new) = ("a\nb\nc\nd\ne", "a\nc\nx\nd\ny\ne");
        let lines = compare(old, new);
        let side = |gone: Change| {
            lines.iter().filter(|(change, _)| *change != gone).map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        };
        assert_eq!((side(Change::Added).as_str(), side(Change::Removed).as_str()), (old, new));
        assert_eq!(lines.iter().filter(|(change, _)| *change != Change::Same).count(), 3);
        assert!(compare("a", "a").iter().all(|(change, _)| *change == Change::Same));
    }
}
