//! `postil errors`: the catalogue of error codes as a page, made of [`Code`] rather than written down.

use core::fmt::Write as _;

use postil::wire::Code;

/// The page.
///
/// # Panics
/// Never: writing to a string does not fail.
#[must_use]
pub fn catalogue() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery refusal is an RFC 9457 problem document whose `code` is one of these; a socket that is closed for \
         one says it in an `error` frame. Codes are never renamed, and none goes away. Branch on them, never on texts. Which \
         operation answers with which is in [openapi.json](openapi.json); every server has this page at `/docs/errors`.\n\n\
         | code | status | in short | what it means, and what to do |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let help = code.help().split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(page, "| `{}` | {} | {} | {help} |", code.as_str(), code.status(), code.title())
            .expect("a string takes everything");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_a_row_for_each_code() {
        let page = catalogue();
        for code in Code::ALL {
            assert!(page.contains(&format!("\n| `{}` | {} |", code.as_str(), code.status())), "{code:?}");
        }
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), Code::ALL.len());
        assert!(page.lines().filter(|line| line.starts_with("| `")).all(|line| line.matches('|').count() == 5));
    }
}
