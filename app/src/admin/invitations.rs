//! Invitations: asking somebody in, and those that are open. The link is told once, to whoever invites.

use postil::wire::{CreatedInvitation, Invitation};
use web_sys::HtmlInputElement;

use super::{
    Desk, dialog,
    form::{self, Form},
    list,
    member::kinds,
    members::Places,
};
use crate::{
    net::{api::Call, dom},
    node::{Node, button, div, el, live, span},
    parts::states,
    react::RwSignal,
};

/// The list of open invitations.
pub type List = list::List<Invitation>;

/// The open invitations.
#[must_use]
pub fn open(desk: Desk, places: Places, list: List) -> Node {
    let none = || states::empty("No open invitations", "Whoever is invited stands here until they accept.", ());
    let rows = list.view("entries", "Open invitations", none, move |one| row(desk, places, list, one));
    el("section", "admin-part").child(el("h2", "admin-subtitle").child("Open invitations")).child(rows).into()
}

fn row(desk: Desk, places: Places, list: List, invitation: &Invitation) -> Node {
    let whom = div("entry-main")
        .child(span("entry-name").child(span("truncate").child(invitation.name.clone())))
        .child(span("entry-sub").child(invitation.email.clone()));
    let expires = invitation.expires_at;
    let when = live(move || {
        let clock = desk.clock.get();
        let text = if clock.now >= expires { "has run out" } else { "good until" };
        format!("{text} {}", clock.amid(expires))
    });
    let role = div("entry-main")
        .child(span("truncate").child(places.role(&invitation.role)))
        .child(span("entry-sub").child(when));
    let of = invitation.clone();
    let withdraw = button("button quiet", move || withdraw(desk, list, of.clone()))
        .label(format!("Withdraw the invitation of {}", invitation.name))
        .child("Withdraw");
    el("li", "entry entry-plain")
        .test_id("invitation")
        .child(whom)
        .child(role)
        .child(div("entry-actions").child(withdraw))
        .into()
}

fn withdraw(desk: Desk, list: List, invitation: Invitation) {
    desk.open(move || {
        let form = Form::new();
        let text =
            format!("The link that {} was given opens nothing any more. You can invite them again.", invitation.name);
        let (id, name) = (invitation.id, invitation.name.clone());
        let send = move || {
            let name = name.clone();
            let call = Call { body: None, ..Call::send("DELETE", format!("/admin/invitations/{id}"), &()) };
            form.send(desk, call, move |(): ()| {
                dialog::close(desk);
                desk.say(format!("The invitation of {name} is withdrawn."));
                list.update(|all| all.retain(|one| one.id != id));
            });
        };
        let body = vec![form.alert(), el("p", "").child(text).into()];
        dialog::form(desk, "Withdraw this invitation?", form, body, ("button danger", "Withdraw"), send)
    });
}

/// Opens the dialog that asks somebody in.
pub fn invite(desk: Desk, places: Places, list: List) {
    desk.open(move || inviting(desk, places, list));
}

fn inviting(desk: Desk, places: Places, list: List) -> Node {
    let form = Form::new();
    let roles = places.assignable(None);
    let usual = roles.iter().find(|(key, _)| key == "staff").or_else(|| roles.last());
    let usual = usual.map(|(key, _)| key.clone()).unwrap_or_default();
    let [email, name, kind] = ["", "", "internal"].map(|text| RwSignal::new(text.to_owned()));
    let role = RwSignal::new(usual);
    let body = vec![
        form.alert(),
        form::text(form, "email", "E-mail", email, Some("No mail is sent: you get a link to hand on.")),
        form::text(form, "name", "Name", name, None),
        form::choice(form, "role", "Role", role, roles, Some("Roles that hold more than you do are not listed.")),
        form::choice(form, "kind", "Kind", kind, kinds(), None),
    ];
    let send = move || {
        let body = serde_json::json!({
            "email": email.get_untracked().trim(), "name": name.get_untracked().trim(),
            "role": role.get_untracked(), "kind": kind.get_untracked(),
        });
        form.send(desk, Call::send("POST", "/admin/invitations", &body), move |made: CreatedInvitation| {
            let CreatedInvitation { invitation, link, .. } = made;
            list.update(|all| all.insert(0, invitation.clone()));
            desk.open(move || told(desk, &invitation.name, &link));
        });
    };
    dialog::form(desk, "Invite somebody", form, body, ("button primary", "Make the link"), send)
}

/// The link, told this once.
fn told(desk: Desk, name: &str, link: &str) -> Node {
    let said = RwSignal::new("");
    let (field, copy) = (dom::slot(), link.to_owned());
    let copy = move || {
        let copy = copy.clone();
        dom::spawn(async move {
            if dom::copy(&copy).await {
                said.set("Copied");
                return;
            }
            // It is told this once: whoever believes that they have it would lose it.
            if let Some(input) = dom::held::<HtmlInputElement>(field) {
                let _ = input.focus();
                input.select();
            }
            said.set("Your browser did not let us copy it. The link is selected: copy it yourself");
        });
    };
    let text =
        format!("Hand this link to {name} by a way you trust. It is shown this once, and good once, for seven days.");
    let content = div("dialog-form")
        .child(
            div("dialog-body")
                .child(el("p", "").child(text))
                .child(
                    el("input", "field link-field")
                        .attr("readonly", "")
                        .attr("value", link.to_owned())
                        .label("The link")
                        .known_as(move |element| field.set(element))
                        .test_id("invitation-link"),
                )
                .child(el("p", "form-hint").attr("role", "status").live(move || said.get())),
        )
        .child(
            div("dialog-foot")
                .child(button("button primary", copy).child("Copy the link"))
                .child(button("button", move || dialog::close(desk)).child("Done")),
        );
    dialog::frame(desk, "The invitation is made", content)
}
