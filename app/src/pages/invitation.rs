//! `/invitation#…`: the page behind an invitation's link. Plain HTML and a small script of its own, as for signing in.
//!
//! The secret stands behind `#`: the page's address reaches servers and logs without it. The page can't know whether the
//! address has an account already (nobody may find out by asking), so one form serves both.

use super::sign_in::field;
use crate::{
    node::{Node, div, el},
    parts::icon,
};

/// The form. `public/js/invitation.js` sends it, and says when the link carries no secret.
#[must_use]
pub fn invitation() -> Node {
    let hint = |id: &'static str, text: String| Node::from(el("p", "sign-in-hint").attr("id", id).child(text));
    let least = postil::limits::PASSWORD_CHARS_MIN;
    let form = el("form", "sign-in-card")
        .attr("method", "post")
        .attr("action", "/invitation")
        .attr("novalidate", "")
        .child(div("sign-in-brand").child(icon::mark()).child("Postil"))
        .child(el("h1", "").child("Accept the invitation"))
        .child(el("p", "sign-in-error").attr("role", "alert").attr("hidden", ""))
        .children(field("name", "Your name", "text", "name"))
        .child(hint("name-hint", "An account that you have already keeps its name.".to_owned()))
        .children(field("password", "Password", "password", "new-password"))
        .child(hint(
            "password-hint",
            format!(
                "New here: at least {least} characters. If you have an account for this address already: its password."
            ),
        ))
        .child(el("button", "button primary").attr("type", "submit").child("Accept and sign in"));
    el("main", "sign-in scope hue-16").child(form).into()
}
