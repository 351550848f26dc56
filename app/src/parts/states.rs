//! Loading, empty and error, as parts of the interface rather than leftovers.

use postil::feed::Failure;

use super::icon;
use crate::{
    node::{Node, button, div, el, span},
    state::words,
};

/// Rows of what is about to come. They appear after 150 ms, so that a fast answer shows none.
#[must_use]
pub fn skeleton(rows: usize, what: &'static str) -> Node {
    let rows = (0..rows).map(|_| div("skeleton-row").into());
    div("skeleton").attr("role", "status").child(span("visually-hidden").child(what)).children(rows).into()
}

/// One sentence, and what to do.
#[must_use]
pub fn empty(title: &'static str, text: impl Into<Node>, action: impl Into<Node>) -> Node {
    div("state")
        .child(icon::mark())
        .child(el("h2", "").child(title))
        .child(el("p", "").child(text))
        .child(action)
        .into()
}

/// What happened, what is safe, what to do; the correlation id behind "Details".
#[must_use]
pub fn error(failure: &Failure, safe: &'static str, retry: impl Fn() + Send + 'static) -> Node {
    let details = words::correlation(failure)
        .map(|id| el("details", "").child(el("summary", "").child("Details")).child(el("code", "").child(id)));
    div("state")
        .attr("role", "alert")
        .child(el("h2", "").child(words::failure(failure)))
        .child(el("p", "").child(safe))
        .child(button("button", retry).child("Try again"))
        .child(details)
        .into()
}
