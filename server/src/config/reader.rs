//! Reads settings by name and collects what is wrong with them.

use std::{fs, path::Path};

use super::Refusal;

/// A place where settings are looked up, and the complaints so far.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    complaints: Vec<String>,
}

#[expect(clippy::disallowed_methods, reason = "the one place where the server reads its environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Reader<'static> {
    /// The environment of this process.
    #[must_use]
    pub fn env() -> Self {
        Self { lookup: &environment, complaints: Vec::new() }
    }
}

impl<'a> Reader<'a> {
    /// Some other place.
    #[must_use]
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, complaints: Vec::new() }
    }

    /// The setting, or the content of the file that `NAME_FILE` names. Empty is unset.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        let direct = (self.lookup)(name).filter(|value| !value.is_empty());
        let file = (self.lookup)(&format!("{name}_FILE")).filter(|value| !value.is_empty());
        match (direct, file) {
            (Some(_), Some(_)) => {
                self.complain(format!("{name} and {name}_FILE are both set: keep one"));
                None
            }
            (Some(value), None) => Some(value),
            (None, Some(path)) => self.file(name, Path::new(&path)),
            (None, None) => None,
        }
    }

    fn file(&mut self, name: &str, path: &Path) -> Option<String> {
        match fs::read_to_string(path) {
            Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => {
                self.complain(format!("{name}_FILE names {}, which can't be read: {error}", path.display()));
                None
            }
        }
    }

    /// The setting; its absence is a complaint that says what it is for.
    pub fn required(&mut self, name: &str, what: &str) -> Option<String> {
        let before = self.complaints.len();
        let value = self.optional(name);
        if value.is_none() && self.complaints.len() == before {
            self.complain(format!("{name} (or {name}_FILE) is missing: {what}"));
        }
        value
    }

    /// A switch: `1` or `true`, `0` or `false`; unset is off.
    pub fn switch(&mut self, name: &str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                self.complain(format!("{name} is a switch: 1 or 0"));
                false
            }
        }
    }

    /// Notes a sentence about what is wrong. It must not repeat a secret.
    pub fn complain(&mut self, sentence: impl Into<String>) {
        self.complaints.push(sentence.into());
    }

    /// Ends reading.
    ///
    /// # Errors
    /// All complaints, if there are any.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        if self.complaints.is_empty() { Ok(()) } else { Err(Refusal(std::mem::take(&mut self.complaints))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_for_a_value_but_not_beside_it() {
        let path = std::env::temp_dir().join(format!("postil-reader-{}", std::process::id()));
        fs::write(&path, "from the file\n").unwrap();
        let name = path.display().to_string();
        let lookup = |key: &str| match key {
            "A_FILE" | "B_FILE" => Some(name.clone()),
            "B" => Some("direct".to_owned()),
            _ => None,
        };
        let mut reader = Reader::new(&lookup);
        assert_eq!(reader.optional("A").as_deref(), Some("from the file"));
        assert_eq!(reader.optional("B"), None);
        assert_eq!(reader.required("C", "it is for tests"), None);
        assert_eq!(reader.finish().unwrap_err().0.len(), 2);
        fs::remove_file(path).unwrap();
    }
}
