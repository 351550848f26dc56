//! `/sign-in`: plain HTML and a small script of its own; no WASM before someone has signed in.

use crate::{
    node::{Node, div, el},
    parts::icon,
};

/// The form. `public/js/sign-in.js` sends it.
#[must_use]
pub fn sign_in(next: String) -> Node {
    let form = el("form", "sign-in-card")
        .attr("method", "post")
        .attr("action", "/sign-in")
        .attr("data-next", next)
        .attr("novalidate", "")
        .child(div("sign-in-brand").child(icon::mark()).child("Postil"))
        .child(el("h1", "").child("Sign in"))
        .child(el("p", "sign-in-error").attr("role", "alert").attr("hidden", ""))
        .children(field("email", "E-mail", "email", "username"))
        .children(field("password", "Password", "password", "current-password"))
        .child(el("button", "button primary").attr("type", "submit").child("Sign in"));
    el("main", "sign-in scope hue-16").child(form).into()
}

/// A labelled field.
pub(super) fn field(id: &'static str, label: &'static str, kind: &'static str, fill: &'static str) -> Vec<Node> {
    let label = el("label", "").attr("for", id).child(label).into();
    let field = el("input", "field")
        .attr("id", id)
        .attr("name", id)
        .attr("type", kind)
        .attr("autocomplete", fill)
        .attr("required", "");
    vec![label, field.into()]
}
