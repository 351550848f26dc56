//! Single rules, as sentences.
