//! The few pages that are no part of the app: a refusal for someone who navigates, and the catalogue of errors.
//! Plain HTML, a style sheet of their own, no script.

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

/// Where their style sheet is.
pub const STYLE_PATH: &str = "/docs/style.css";
/// The JSON Schema of policy documents: the same for everybody, and in the repository, too.
pub const POLICY_SCHEMA_PATH: &str = "/docs/policy.schema.json";
/// Their style sheet.
pub const STYLE: &str = include_str!("document.css");

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\" dir=\"ltr\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{} · Postil</title>\
         <link rel=\"stylesheet\" href=\"{STYLE_PATH}\"><link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\"></head>\
         <body><main>{body}</main></body></html>",
        escape(title)
    )
}

/// The page of a refusal.
#[must_use]
pub fn refusal(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().map_or_else(String::new, |detail| format!("<p>{}</p>", escape(detail)));
    let body = format!(
        "<h1>{}</h1>{detail}<p><a href=\"/messages\">To your messages</a></p><p><small>{} · {}</small></p>",
        escape(&problem.title),
        problem.status,
        problem.correlation_id
    );
    document(&problem.title, &body)
}

/// Escaped text whose `quoted` words are code.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        let (open, close) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        out.extend([open, &escape(part), close]);
    }
    out
}

/// `/docs/errors`: the page that every problem's `type` names.
#[must_use]
pub fn errors() -> String {
    let mut body = String::from(
        "<h1>Errors</h1><p>Every error of the API is an RFC 9457 problem document with one of these codes and the \
         request's <code>correlationId</code>. Codes are never renamed or reused. Socket frames of type \
         <code>error</code> carry the same.</p>",
    );
    for code in Code::ALL {
        let help: Vec<_> = code.help().split_whitespace().collect();
        let _ = write!(
            body,
            "<section id=\"{name}\"><h2><code>{name}</code></h2><p class=\"soft\">{} · {}</p><p>{}</p></section>",
            code.status(),
            escape(code.title()),
            prose(&help.join(" ")),
            name = code.as_str(),
        );
    }
    document("Errors", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_anchor() {
        let page = errors();
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.as_str())), "{code:?}");
        }
    }

    #[test]
    fn markup_in_a_detail_stays_text() {
        let correlation = postil::ids::CorrelationId::from_uuid(uuid::Uuid::nil());
        let page = refusal(&Problem::new(Code::InvalidQuery, correlation).with_detail("<script>alert('x')</script>"));
        assert!(!page.contains("<script>"), "{page}");
    }
}
