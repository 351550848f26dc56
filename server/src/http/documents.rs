//! The few pages that are no part of the app: a refusal for someone who navigates, and the catalogue of errors.
//! Plain HTML, the app's style sheet, no script.

use std::fmt::Write as _;

use postil::wire::{Code, Problem};

/// `text` as HTML text or attribute value.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A document with the style sheet at `css`.
fn document(css: &str, title: &str, class: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\" dir=\"ltr\" class=\"page {class}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>\
         <link rel=\"stylesheet\" href=\"{css}\"><link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\"></head>\
         <body>{body}</body></html>",
        escape(title)
    )
}

/// The page of a refusal.
#[must_use]
pub fn refusal(problem: &Problem, css: &str) -> String {
    let detail = problem.detail.as_deref().map_or_else(String::new, |detail| format!("<p>{}</p>", escape(detail)));
    let body = format!(
        "<main class=\"scope document\"><h1>{}</h1>{detail}<p><a href=\"/messages\">To your messages</a></p>\
         <p class=\"document-id\">{} · {}</p></main>",
        escape(&problem.title),
        problem.status,
        problem.correlation_id
    );
    document(css, &format!("{} · Postil", problem.title), "page-document", &body)
}

/// `/docs/errors`: the page that every problem's `type` names.
#[must_use]
pub fn errors(css: &str) -> String {
    let mut rows = String::new();
    for code in Code::ALL {
        let (name, help) = (code.as_str(), escape(code.help().trim()));
        let _ = write!(
            rows,
            "<section id=\"{name}\"><h2><code>{name}</code></h2><p>{} · {}</p><p>{help}</p></section>",
            code.status(),
            escape(code.title())
        );
    }
    let body = format!(
        "<main class=\"scope document\"><h1>Errors</h1><p>Every error of the API is an RFC 9457 problem document with one \
         of these codes and the request's <code>correlationId</code>. Codes are never renamed or reused. Socket frames of \
         type <code>error</code> carry the same.</p>{rows}</main>"
    );
    document(css, "Errors · Postil", "page-document", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_anchor() {
        let page = errors("/c.css");
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.as_str())), "{code:?}");
        }
    }

    #[test]
    fn markup_in_a_detail_stays_text() {
        let correlation = postil::ids::CorrelationId::from_uuid(uuid::Uuid::nil());
        let page = refusal(
            &Problem::new(Code::InvalidQuery, correlation).with_detail("<script>alert('x')</script>"),
            "/c.css",
        );
        assert!(!page.contains("<script>"), "{page}");
    }
}
