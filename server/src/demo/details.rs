//! What the demo ERP knows beyond what Postil knows: the lines of an invoice, the shifts of a plan. Title, amount, status
//! and owner come from Postil's own record, so that the page shows what the widget shows.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// The body of one record's page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The part of the ERP that it belongs to.
    pub module: String,
    /// Names and values at its head.
    pub facts: Vec<(String, String)>,
    /// Its lines.
    pub table: Option<Table>,
    /// Remarks.
    pub text: Vec<String>,
}

/// The lines of a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the lines are.
    pub title: String,
    /// Columns.
    pub head: Vec<String>,
    /// Lines.
    pub rows: Vec<Vec<String>>,
    /// The sum.
    #[serde(default)]
    pub foot: Vec<String>,
    /// How many columns at the beginning are text; the rest are numbers.
    pub text_columns: usize,
}

static ALL: LazyLock<BTreeMap<String, Details>> =
    LazyLock::new(|| serde_json::from_str(include_str!("details.json")).expect("a test reads details.json"));

/// What the ERP of `company` knows about `record` (`kind/id`), if it has more than the registry.
pub fn of(company: &str, record: &str) -> Option<&'static Details> {
    ALL.get(&format!("{company}/{record}"))
}

#[cfg(test)]
mod tests {
    use postil::backend::store::seed;

    use super::*;

    #[test]
    fn each_company_has_one_detailed_page_per_kind_and_every_page_is_of_a_seeded_record() {
        for company in &seed::fixture().companies {
            let records: Vec<_> = company.records.iter().map(|record| record.record.to_string()).collect();
            let mut kinds = Vec::new();
            for name in ALL.keys().filter_map(|key| key.strip_prefix(&format!("{}/", company.key))) {
                assert!(records.iter().any(|record| record == name), "{name}");
                kinds.push(name.split('/').next().unwrap().to_owned());
            }
            assert_eq!(kinds, ["plan", "topic", "transaction"], "{}", company.key);
        }
    }

    #[test]
    fn every_line_has_all_columns() {
        for (key, details) in ALL.iter() {
            let Some(table) = &details.table else { continue };
            for row in table.rows.iter().chain((!table.foot.is_empty()).then_some(&table.foot)) {
                assert_eq!(row.len(), table.head.len(), "{key}: {row:?}");
            }
        }
    }
}
