//! Pages as the server renders them: real data in the HTML, nothing that a strict Content-Security-Policy would block.
//!
//! `POSTIL_PREVIEW=dir cargo test -p app --features ssr --test pages` also writes them as files, to be looked at.

#![cfg(feature = "ssr")]
#![expect(clippy::disallowed_methods, reason = "where to write previews is no setting of the product")]

mod sample;

use std::sync::Arc;

use app::{Assets, Page, Rendered, render};
use sample::{INVOICE, Sample};

fn assets() -> Assets {
    Assets::from_manifest(|_| Some("/pkg/a")).expect("every name is known")
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the sample loader never waits"),
    }
}

fn html(address: &str, signed_in: bool) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let page = Page::parse(path, query).expect("one of our pages");
    match now(render(page, Arc::new(Sample { signed_in }), "n0nce", &assets())) {
        Ok(Rendered::Html(html)) => {
            if let Ok(dir) = std::env::var("POSTIL_PREVIEW") {
                let name = address.replace(['/', '?', '=', '&'], "_");
                std::fs::write(format!("{dir}/{name}.html"), &html).expect("the preview folder can be written");
            }
            html
        }
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn a_conversation_is_in_the_first_html() {
    let html = html(&format!("/messages/{}", sample::conversation(INVOICE)), true);
    for part in [
        "Acme Industrial",
        "Invoice 4711 · Nordwind GmbH",
        "88 pieces short",
        "External people will see this",
        "Restricted",
        "replying to",
    ] {
        // Chips are resolved per viewer in the browser: until then nothing is called restricted.
        assert_eq!(html.contains(part), part != "Restricted", "{part}");
    }
}

#[test]
fn no_page_needs_inline_script_or_style() {
    for (address, signed_in) in [
        ("/sign-in", false),
        ("/messages", true),
        ("/widget", true),
        ("/widget?embed=1", false),
        ("/widget?state=open", true),
    ] {
        let html = html(address, signed_in);
        let before_seed = html.split("<script type=\"application/json\"").next().expect("a beginning");
        assert!(
            !before_seed.contains(" style=") && !before_seed.contains("<style") && !before_seed.contains(" onclick="),
            "{address}"
        );
        assert_eq!(before_seed.matches("<script").count(), 1, "{address}");
        assert!(before_seed.contains("nonce=\"n0nce\""), "{address}");
    }
}

#[test]
fn an_embedded_widget_shows_nothing_of_a_cookie_session() {
    let html = html("/widget?embed=1", true);
    assert!(!html.contains("Acme") && !html.contains("Keller"), "{html}");
}

#[test]
fn who_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let id = sample::conversation(INVOICE);
    let page = Page::parse(&format!("/messages/{id}"), "").expect("a page");
    let answer = now(render(page, Arc::new(Sample { signed_in: false }), "n", &assets()));
    assert_eq!(answer, Ok(Rendered::Redirect(format!("/sign-in?next=/messages/{id}"))));
}
