//! The HTML document around a page: head, launcher, root, and the data that the browser starts with.
//!
//! No inline script and no style attribute, so that the strictest Content-Security-Policy holds. The seed travels in a
//! data block (`application/json`), which a browser never runs.

use std::fmt::Write as _;

use crate::page::{Assets, Seed};

/// What differs between the documents.
pub struct Head<'a> {
    nonce: &'a str,
    title: String,
    page: &'static str,
    /// The document's language direction and scheme are the browser's; the class names page and state.
    class: String,
    /// Rendered launcher, for the widget.
    launcher: String,
    /// The script that the page begins with.
    script: Option<&'a str>,
    /// The WASM bundle that the script loads: its JavaScript half, and itself.
    bundle: Option<(&'a str, &'a str)>,
    /// Whether the bundle is wanted at once.
    preload: bool,
    /// The style sheets, in order.
    styles: Vec<&'a str>,
    /// A style sheet for later, which the script loads with the bundle.
    later: Option<&'a str>,
}

impl<'a> Head<'a> {
    fn plain(nonce: &'a str, assets: &'a Assets, title: String, page: &'static str) -> Self {
        let class = format!("page page-{page}");
        Self {
            nonce,
            title,
            page,
            class,
            launcher: String::new(),
            script: None,
            bundle: None,
            preload: false,
            styles: vec![&assets.css, &assets.open_css],
            later: None,
        }
    }

    /// `/sign-in`
    #[must_use]
    pub fn sign_in(nonce: &'a str, assets: &'a Assets) -> Self {
        let head = Self::plain(nonce, assets, "Sign in · Postil".to_owned(), "sign-in");
        Self { script: Some(&assets.sign_in), ..head }
    }

    /// `/invitation`
    #[must_use]
    pub fn invitation(nonce: &'a str, assets: &'a Assets) -> Self {
        let head = Self::plain(nonce, assets, "Invitation · Postil".to_owned(), "invitation");
        Self { script: Some(&assets.invitation), ..head }
    }

    /// `/messages`
    #[must_use]
    pub fn messages(nonce: &'a str, assets: &'a Assets, seed: &Seed) -> Self {
        let company = seed.me.as_ref().and_then(|me| me.companies.iter().find(|company| company.id == me.company_id));
        let title =
            company.map_or_else(|| "Messages · Postil".to_owned(), |company| format!("Messages · {}", company.name));
        let head = Self::plain(nonce, assets, title, "messages");
        Self { script: Some(&assets.boot), bundle: Some((&assets.js, &assets.wasm)), preload: true, ..head }
    }

    /// `/widget`
    #[must_use]
    pub fn widget(nonce: &'a str, assets: &'a Assets, seed: &Seed, open: bool, launcher: String) -> Self {
        let state = if open { "is-open" } else { "is-collapsed" };
        let embed = if seed.embedded { " is-embedded" } else { "" };
        let class = format!("page page-widget {state}{embed}");
        let mut head = Self::plain(nonce, assets, "Messages".to_owned(), "widget");
        if !open {
            head.later = head.styles.pop();
        }
        Self { class, launcher, script: Some(&assets.boot), bundle: Some((&assets.js, &assets.wasm)), ..head }
    }

    /// `/admin/…`. A refusal needs no script.
    #[must_use]
    pub fn admin(nonce: &'a str, assets: &'a Assets, title: String, refused: bool) -> Self {
        let mut head = Self::plain(nonce, assets, title, "admin");
        head.styles.push(&assets.admin_css);
        if refused {
            return head;
        }
        let bundle = Some((assets.admin_js.as_str(), assets.admin_wasm.as_str()));
        Self { script: Some(&assets.admin_boot), bundle, preload: true, ..head }
    }
}

/// The whole document. `seed` is what the browser starts with.
#[must_use]
pub fn document(head: &Head<'_>, body: &str, seed: Option<&impl serde::Serialize>) -> String {
    let Head { nonce, title, page, class, launcher, script, bundle, preload, styles, later } = head;
    let mut html = String::with_capacity(body.len() + launcher.len() + 8 * 1024);
    // Ids and paths are ours; the title holds a company's name and is escaped.
    let _ = write!(
        html,
        "<!DOCTYPE html><html lang=\"en\" dir=\"ltr\" class=\"{class}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, interactive-widget=resizes-content\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>{}</title>",
        escape(title)
    );
    for style in styles {
        let _ = write!(html, "<link rel=\"stylesheet\" href=\"{style}\">");
    }
    html.push_str("<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">");
    let mut data = String::new();
    if let Some((js, wasm)) = bundle {
        if *preload {
            let _ = write!(html, "<link rel=\"modulepreload\" href=\"{js}\">");
        }
        let _ = write!(data, " data-js=\"{js}\" data-wasm=\"{wasm}\"");
    }
    if let Some(style) = later {
        let _ = write!(data, " data-style=\"{style}\"");
    }
    if let Some(script) = script {
        let _ = write!(
            html,
            "<script type=\"module\" id=\"postil-boot\" src=\"{script}\" nonce=\"{nonce}\" data-page=\"{page}\"{data}></script>"
        );
    }
    let _ = write!(html, "</head><body>{launcher}<div id=\"postil-root\">{body}</div>");
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
        let assets = Assets::from_manifest(|_| Some("/x")).expect("every name");
        let seed = Seed { cursor: Some("</script><script>alert(1)</script><!--".to_owned()), ..Seed::default() };
        let html = document(&Head::messages("n", &assets, &seed), "", Some(&seed));
        assert_eq!(html.matches("</script>").count(), 2, "{html}");
        assert!(!html.contains("<!--"));
    }
}
