//! The demo ERP's pages as HTML: no inline script, no inline style.

use std::fmt::Write as _;

use postil::{
    backend::store::seed,
    domain::RecordKind,
    wire::{LinkedRecord, Money},
};

use super::details::{self, Details, Table};
use crate::{config::Origin, http::documents::escape};

/// One window: who looks at which company's ERP, and where Postil is.
pub struct Window<'a> {
    /// Whose ERP.
    pub company: &'static seed::Company,
    /// Who looks.
    pub person: &'static seed::Person,
    /// What they are there.
    pub member: &'static seed::Member,
    /// Where the widget comes from.
    pub postil: &'a Origin,
}

fn document(title: &str, body_class: &str, body: &str, script: Option<&Origin>) -> String {
    let script = script.map_or_else(String::new, |postil| format!("<script async src=\"{postil}/embed.js\"></script>"));
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <link rel=\"stylesheet\" href=\"/demo.css\"><link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">{script}</head>\
         <body class=\"{body_class}\">{body}</body></html>",
        escape(title)
    )
}

/// `/demo`: everybody, one click to be one of them.
pub fn door(postil: &Origin) -> String {
    let mut lists = String::new();
    for company in &seed::fixture().companies {
        let _ = write!(
            lists,
            "<section><h2>{}</h2><form method=\"post\" action=\"/demo/sign-in\"><ul class=\"erp-people\">",
            escape(&company.name)
        );
        for member in &company.members {
            let person = seed::person(&member.person);
            let _ = write!(
                lists,
                "<li><button name=\"who\" value=\"{}/{}\"><strong>{}</strong><small>{}</small></button></li>",
                company.key,
                person.key,
                escape(&person.name),
                escape(&member.job_title)
            );
        }
        lists.push_str("</ul></form></section>");
    }
    let fixture = seed::fixture();
    let body = format!(
        "<main class=\"erp-door\"><h1>Demo ERP</h1>\
         <p>Click on Élise Fournier of Nordwerk Industries here, then open this page in a second window and click on Marco \
         Conti of Nordwerk Industries: both look at the invoice that is disputed between their companies. Open the \
         messages at the bottom right in both windows, and what one of them writes appears at the other.</p>\
         {lists}\
         <p class=\"erp-note\">Each window is the person whom its address names. The full page is at \
         <a href=\"{postil}/messages\">{postil}/messages</a>: sign in as {} with the password <code>{}</code>.</p></main>",
        escape(&fixture.people[0].email),
        escape(&fixture.password)
    );
    document("Demo ERP", "erp-start", &body, None)
}

/// The address of a record's page. Ids are of letters, digits and `. _ / - : #`.
pub fn link(company: &seed::Company, record: &str, person: &seed::Person) -> String {
    format!("/demo/{}/{}?as={}", company.key, record.replace('#', "%23"), person.key)
}

impl Window<'_> {
    fn frame(&self, title: &str, current: &str, main: &str, widget: &str) -> String {
        let (company, person) = (escape(&self.company.name), escape(&self.person.name));
        let body = format!(
            "<header class=\"erp-top\"><span class=\"erp-brand\">{company}</span>\
             <span class=\"erp-search\">Search records</span><span class=\"erp-user\">{person} <small>{}</small> \
             <a href=\"/demo\">Be someone else</a></span></header>\
             <nav class=\"erp-nav\" aria-label=\"Records\">{}</nav><main class=\"erp-main\">{main}</main>{widget}",
            escape(&self.member.job_title),
            self.navigation(current)
        );
        let hue = self.company.hue.rem_euclid(360) / 15;
        document(title, &format!("erp hue-{hue}"), &body, Some(self.postil))
    }

    fn navigation(&self, current: &str) -> String {
        let mut nav = String::new();
        for (kind, name) in
            [(RecordKind::Transaction, "Transactions"), (RecordKind::Plan, "Plans"), (RecordKind::Topic, "Topics")]
        {
            let _ = write!(nav, "<h2>{name}</h2>");
            for record in self.company.records.iter().filter(|record| record.record.kind == kind) {
                let path = record.record.to_string();
                let here = if path == current { " aria-current=\"page\"" } else { "" };
                let _ = write!(
                    nav,
                    "<a href=\"{}\"{here}>{}</a>",
                    link(self.company, &path, self.person),
                    escape(record.record.id.as_str())
                );
            }
        }
        nav
    }

    /// The messenger, as a customer embeds it.
    fn widget(&self, record: Option<&LinkedRecord>) -> String {
        let about = record.map_or_else(String::new, |record| {
            format!(" record-kind=\"{}\" record-id=\"{}\"", record.kind, escape(record.id.as_str()))
        });
        format!(
            "<postil-messenger src=\"{}\" company=\"{}\" token-url=\"/demo/token?company={}&amp;as={}\"{about}>\
             </postil-messenger>",
            self.postil, self.company.id, self.company.key, self.person.key
        )
    }

    /// A record's page.
    pub fn record(&self, record: &LinkedRecord) -> String {
        let path = format!("{}/{}", record.kind, record.id);
        let details = details::of(&self.company.key, &path);
        let module = details.map_or_else(|| kind_name(record.kind), |details| details.module.as_str());
        let main = format!(
            "<p class=\"erp-crumbs\">{} / {}</p><div class=\"erp-title\"><h1>{}</h1>{}</div><dl class=\"erp-facts\">{}</dl>{}",
            escape(module),
            escape(record.id.as_str()),
            escape(&record.title),
            status(record.status.as_deref()),
            facts(record, details),
            details.map_or_else(String::new, body)
        );
        self.frame(&record.title, &path, &main, &self.widget(Some(record)))
    }

    /// The ERP's own "no": the record may not be seen, or there is none. Which of the two is not told.
    pub fn no_access(&self, record: &str) -> String {
        let main = format!(
            "<p class=\"erp-crumbs\">{}</p><div class=\"erp-title\"><h1>No access</h1></div>\
             <p>This record does not exist, or {} may not see it.</p>",
            escape(record),
            escape(&self.person.name)
        );
        self.frame("No access", record, &main, &self.widget(None))
    }
}

/// For someone whom this company's ERP does not know.
pub fn stranger(company: &seed::Company, person: &seed::Person) -> String {
    let body = format!(
        "<main class=\"erp-door\"><h1>{}</h1><p>{} has no account here.</p><p><a href=\"/demo\">Be someone else</a></p></main>",
        escape(&company.name),
        escape(&person.name)
    );
    document("No account", "erp-start", &body, None)
}

const fn kind_name(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Transaction => "Transactions",
        RecordKind::Plan => "Plans",
        RecordKind::Topic => "Topics",
    }
}

fn status(status: Option<&str>) -> String {
    let Some(status) = status else { return String::new() };
    let tone = match status {
        "disputed" | "documents refused" | "awaiting approval" | "open question" | "confidential" => "warn",
        "approved" | "confirmed" | "in force" => "ok",
        _ => "info",
    };
    format!("<span class=\"erp-status {tone}\">{}</span>", escape(status))
}

fn facts(record: &LinkedRecord, details: Option<&Details>) -> String {
    let owner = seed::fixture().people.iter().find(|person| Some(person.id) == record.owner_id);
    let own = [("Amount", record.amount.as_ref().map(money)), ("Owner", owner.map(|person| person.name.clone()))];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let more = details.into_iter().flat_map(|details| details.facts.iter().cloned());
    let mut out = String::new();
    for (name, value) in own.chain(more) {
        let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(&name), escape(&value));
    }
    out
}

/// "48,250.00 EUR"; the yen has no minor unit.
fn money(amount: &Money) -> String {
    let decimals = if amount.currency == "JPY" { 0 } else { 2 };
    let (whole, rest) = (amount.minor / 10_i64.pow(decimals), (amount.minor % 10_i64.pow(decimals)).abs());
    let digits = whole.abs().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.minor < 0 { "-" } else { "" };
    let rest = if decimals == 0 { String::new() } else { format!(".{rest:02}") };
    format!("{sign}{grouped}{rest} {}", amount.currency)
}

fn body(details: &Details) -> String {
    let mut out = details.table.as_ref().map_or_else(String::new, table);
    if !details.text.is_empty() {
        out.push_str("<section class=\"erp-card\"><h2>Remarks</h2>");
        for paragraph in &details.text {
            let _ = write!(out, "<p>{}</p>", escape(paragraph));
        }
        out.push_str("</section>");
    }
    out
}

fn table(table: &Table) -> String {
    let row = |cells: &[String], tag: &str| {
        let mut out = String::from("<tr>");
        for (at, cell) in cells.iter().enumerate() {
            let class = if at >= table.text_columns { " class=\"num\"" } else { "" };
            let _ = write!(out, "<{tag}{class}>{}</{tag}>", escape(cell));
        }
        out + "</tr>"
    };
    let rows: String = table.rows.iter().map(|cells| row(cells, "td")).collect();
    let foot = if table.foot.is_empty() { String::new() } else { format!("<tfoot>{}</tfoot>", row(&table.foot, "td")) };
    format!(
        "<section class=\"erp-card\"><h2>{}</h2><table class=\"erp-table\"><thead>{}</thead><tbody>{rows}</tbody>{foot}</table></section>",
        escape(&table.title),
        row(&table.head, "th")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        let of = |minor, currency: &str| money(&Money { minor, currency: currency.to_owned() });
        assert_eq!(of(4_825_000, "EUR"), "48,250.00 EUR");
        assert_eq!(of(3_480_000, "JPY"), "3,480,000 JPY");
        assert_eq!(of(-5, "EUR"), "-0.05 EUR");
    }

    #[test]
    fn no_page_has_inline_script_or_style() {
        let page = door(&Origin::parse("http://localhost:3000").unwrap());
        assert!(!page.contains("style=") && !page.contains("<script>") && !page.contains(" onclick"), "{page}");
    }
}
