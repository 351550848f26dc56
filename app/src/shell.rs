//! The HTML document around a page: head, launcher, root, and the data that the browser starts with.
//!
//! No inline script and no style attribute, so that the strictest Content-Security-Policy holds. The seed travels in a
//! data block (`application/json`), which a browser never runs.

use std::fmt::Write as _;

use crate::page::{Assets, Seed};

/// What differs between the documents.
pub struct Head<'a> {
    nonce: &'a str,
    assets: &'a Assets,
    title: String,
    page: &'static str,
    /// The document's language direction and scheme are the browser's; the class names page and state.
    class: String,
    /// Rendered launcher, for the widget.
    launcher: String,
    /// Whether the page wants the WASM bundle.
    bundle: bool,
}

impl<'a> Head<'a> {
    /// `/sign-in`
    #[must_use]
    pub fn sign_in(nonce: &'a str, assets: &'a Assets) -> Self {
        let (title, class) = ("Sign in · Postil".to_owned(), "page page-sign-in".to_owned());
        Self { nonce, assets, title, page: "sign-in", class, launcher: String::new(), bundle: false }
    }

    /// `/messages`
    #[must_use]
    pub fn messages(nonce: &'a str, assets: &'a Assets, seed: &Seed) -> Self {
        let company = seed.me.as_ref().and_then(|me| me.companies.iter().find(|company| company.id == me.company_id));
        let title =
            company.map_or_else(|| "Messages · Postil".to_owned(), |company| format!("Messages · {}", company.name));
        Self {
            nonce,
            assets,
            title,
            page: "messages",
            class: "page page-messages".to_owned(),
            launcher: String::new(),
            bundle: true,
        }
    }

    /// `/widget`
    #[must_use]
    pub fn widget(nonce: &'a str, assets: &'a Assets, seed: &Seed, open: bool, launcher: String) -> Self {
        let state = if open { "is-open" } else { "is-collapsed" };
        let embed = if seed.embedded { " is-embedded" } else { "" };
        let class = format!("page page-widget {state}{embed}");
        Self { nonce, assets, title: "Messages".to_owned(), page: "widget", class, launcher, bundle: true }
    }
}

/// The whole document.
#[must_use]
pub fn document(head: &Head<'_>, body: &str, seed: Option<&Seed>) -> String {
    let Head { nonce, assets, title, page, class, launcher, bundle } = head;
    let mut html = String::with_capacity(body.len() + launcher.len() + 8 * 1024);
    let script = if *page == "sign-in" { &assets.sign_in } else { &assets.boot };
    // Ids and paths are ours; the title holds a company's name and is escaped.
    let _ = write!(
        html,
        "<!DOCTYPE html><html lang=\"en\" dir=\"ltr\" class=\"{class}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, interactive-widget=resizes-content\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>{}</title><link rel=\"stylesheet\" href=\"{}\"><link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">",
        escape(title),
        assets.css
    );
    if *page == "messages" {
        let _ = write!(html, "<link rel=\"modulepreload\" href=\"{}\">", assets.js);
    }
    let bundle =
        if *bundle { format!(" data-js=\"{}\" data-wasm=\"{}\"", assets.js, assets.wasm) } else { String::new() };
    let _ = write!(
        html,
        "<script type=\"module\" id=\"postil-boot\" src=\"{script}\" nonce=\"{nonce}\" data-page=\"{page}\"{bundle}></script></head>\
         <body>{launcher}<div id=\"postil-root\">{body}</div>"
    );
    if let Some(seed) = seed {
        let json = serde_json::to_string(seed).unwrap_or_default();
        // `</script>` and `<!--` can't occur in a text without `<`.
        let json = json.replace('<', "\\u003c");
        let _ = write!(html, "<script type=\"application/json\" id=\"postil-seed\">{json}</script>");
    }
    html.push_str("</body></html>");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_seed_ends_its_block() {
        let assets =
            Assets { js: "/j".into(), wasm: "/w".into(), css: "/c".into(), boot: "/b".into(), sign_in: "/s".into() };
        let seed = Seed { cursor: Some("</script><script>alert(1)</script><!--".to_owned()), ..Seed::default() };
        let html = document(&Head::messages("n", &assets, &seed), "", Some(&seed));
        assert_eq!(html.matches("</script>").count(), 2, "{html}");
        assert!(!html.contains("<!--"));
    }
}
