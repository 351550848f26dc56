//! Role × action, of the text in the editor while that is a document, else of what is in force.

use postil::access::{Action, Policy, matrix};

use super::Draft;
use crate::{
    admin::words,
    node::{Node, div, el, span},
    state::words::count,
};

/// The view.
#[must_use]
pub fn matrix(draft: Draft) -> Node {
    let changed = draft.is_changed();
    let written = draft.text.with(|text| serde_json::from_str::<Policy>(text).ok()).filter(|_| changed);
    let lead = match (changed, written.is_some()) {
        (true, true) => "As your changed text says, before it is saved.",
        (true, false) => "Your text is no document yet: this is what is in force.",
        (false, _) => "As it is in force.",
    };
    let policy = written.unwrap_or_else(|| draft.in_force.get());
    let people = policy.rules.iter().filter(|rule| !rule.users.is_empty()).count();
    let more = (people > 0).then(|| {
        format!(" {} named people, whom this table does not show.", count(people, "rule is about", "rules are about"))
    });
    let names: Vec<String> = policy.roles.iter().map(|role| role.name.as_str().to_owned()).collect();
    let head = names
        .iter()
        .map(|name| el("th", "").attr("scope", "col").attr("role", "columnheader").child(name.clone()).into());
    let head = el("tr", "")
        .attr("role", "row")
        .child(el("th", "").attr("scope", "col").attr("role", "columnheader").child("Action"))
        .children(head);
    let row = |action: &Action| {
        let cells = policy.roles.iter().zip(&names).map(|(role, name)| cell(&policy, &role.key, *action, name));
        let name = el("th", "")
            .attr("scope", "row")
            .attr("role", "rowheader")
            .child(words::action(*action))
            .child(span("matrix-key").child(action.as_str()));
        el("tr", "").attr("role", "row").child(name).children(cells).into()
    };
    let table = el("table", "matrix")
        .attr("role", "table")
        .label("What each role may do, and where")
        .test_id("matrix")
        .child(el("thead", "").attr("role", "rowgroup").child(head))
        .child(el("tbody", "").attr("role", "rowgroup").children(Action::ALL.iter().map(row)));
    div("")
        .child(
            el("p", "admin-lead").child(format!(
                "{lead} What is not listed is denied, and any “never” wins.{}",
                more.unwrap_or_default()
            )),
        )
        .child(div("matrix-frame").attr("tabindex", "0").attr("role", "region").label("Matrix").child(table))
        .into()
}

fn cell(policy: &Policy, role: &postil::access::RoleKey, action: Action, name: &str) -> Node {
    let cell = matrix::cell(policy, role, action);
    let td = el("td", if cell.allowed.is_empty() { "is-none" } else { "" })
        .attr("role", "cell")
        .attr("data-role", name.to_owned());
    if cell.allowed.is_empty() {
        return td
            .child(span("visually-hidden").child("denied"))
            .child(span("").attr("aria-hidden", "true").child("–"))
            .into();
    }
    // The words are those of the Markdown page: its marks for code are not for here.
    let plain = |place: String| place.replace('`', "");
    let allowed = cell.allowed.into_iter().map(|place| el("p", "").child(plain(place)).into());
    let denied =
        cell.denied.into_iter().map(|place| el("p", "matrix-never").child(format!("never {}", plain(place))).into());
    td.children(allowed).children(denied).into()
}
