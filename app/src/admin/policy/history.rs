//! Versions of the policy: who, when, why; how one differs from what is in force; putting one in force again.

use postil::wire::{PolicyVersion, PolicyVersionInfo};

use super::{
    Draft, document,
    editor::{self, Editor},
};
use crate::{
    admin::{
        Desk, dialog,
        form::{self, Form},
        list::List,
    },
    net::api::Call,
    node::{Node, button, div, el, live, span},
    parts::{face, states},
    react::RwSignal,
};

/// The view.
#[must_use]
pub fn history(desk: Desk, editor: Editor, draft: Draft, versions: List<PolicyVersionInfo>) -> Node {
    let none = || states::empty("No versions", "There is no policy yet.", ());
    let form = Form::new();
    let rows = versions.view("entries", "Versions", none, move |info| row(desk, editor, draft, form, info));
    div("").child(form.alert()).child(rows).into()
}

/// By whom and when.
fn origin(desk: Desk, info: &PolicyVersionInfo) -> Node {
    let (at, who) =
        (info.created_at, info.created_by.as_ref().map_or("set-up".to_owned(), |person| person.name.clone()));
    live(move || format!("{who} · {}", desk.clock.get().long(at)))
}

fn row(desk: Desk, editor: Editor, draft: Draft, form: Form, info: &PolicyVersionInfo) -> Node {
    let version = info.version;
    let view = move || {
        form.send(desk, Call::get(format!("/admin/policy/versions/{version}")), move |of: PolicyVersion| {
            desk.open(move || detail(desk, editor, draft, &of));
        });
    };
    let glyph = span("avatar large glyph").attr("aria-hidden", "true").child(version.to_string());
    let face = info.created_by.as_ref().map_or_else(|| glyph.into(), |person| face::plain(person, "large"));
    let what = div("entry-main")
        .child(
            span("entry-name")
                .child(format!("Version {version}"))
                .child(info.in_force.then(|| span("entry-tag").child("In force"))),
        )
        .child(span("entry-sub").child(origin(desk, info)));
    el("li", "entry")
        .test_id("version")
        .child(face)
        .child(what)
        .child(el("p", "entry-comment").child(info.comment.clone()))
        .child(
            div("entry-actions")
                .child(button("button quiet", view).label(format!("View version {version}")).child("View")),
        )
        .into()
}

fn detail(desk: Desk, editor: Editor, draft: Draft, of: &PolicyVersion) -> Node {
    let text = document::pretty(&of.document);
    let now = draft.original.get_untracked();
    let version = of.info.version;
    let title = format!("Version {version}");
    let about = div("")
        .child(el("p", "").child(of.info.comment.clone()))
        .child(el("p", "form-hint").child(origin(desk, &of.info)));
    let whole = el("details", "editor-changes")
        .child(el("summary", "").child("The whole document"))
        .child(el("pre", "diff").attr("tabindex", "0").child(text.clone()));
    let base = draft.base.get_untracked();
    if version == base {
        let foot = div("dialog-foot").child(button("button", move || dialog::close(desk)).child("Close"));
        let body = div("dialog-body").child(about).child(el("p", "").child("It is in force.")).child(whole);
        return dialog::frame(desk, title, div("dialog-form is-wide").child(body).child(foot));
    }
    let form = Form::new();
    let comment = RwSignal::new(format!("As in version {version}"));
    let body = vec![
        form.alert(),
        about.into(),
        el("p", "").child(format!("What restoring it would change in version {base}, which is in force:")).into(),
        editor::difference(&now, &text),
        whole.into(),
        draft.differs().then(|| el("p", "form-hint").child("What you are writing stays in the editor.")).into(),
        form::area(
            form,
            "comment",
            "Why restore it",
            comment,
            Some("It becomes the next version: nothing of the history is lost."),
        ),
    ];
    let send = move || {
        let body = serde_json::json!({ "comment": comment.get_untracked().trim(), "baseVersion": base });
        let call = Call::send("POST", format!("/admin/policy/versions/{version}/restore"), &body);
        form.send(desk, call, move |stored: PolicyVersion| {
            dialog::close(desk);
            let kept = draft.differs();
            desk.say(format!(
                "Version {} is in force, with the document of version {version}.{}",
                stored.info.version,
                if kept { " What you were writing stands, and is compared with it now." } else { "" }
            ));
            editor.put_in_force(stored, kept);
        });
    };
    dialog::form(desk, title, form, body, ("button primary", "Restore"), send)
}
