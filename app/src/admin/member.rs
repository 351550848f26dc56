//! Changing one membership.

use std::collections::BTreeSet;

use postil::{
    access::RoleKey,
    domain::MemberKind,
    ids::ProjectId,
    wire::{Member, MemberStatus, PatchMember},
};

use super::{
    Desk, dialog,
    form::{self, Form},
    list::List,
    members::Places,
};
use crate::{
    net::api::Call,
    node::{Node, div, el},
    react::RwSignal,
};

fn replace(list: List<Member>, stored: &Member) {
    list.update(|members| {
        if let Some(member) = members.iter_mut().find(|member| member.id == stored.id) {
            *member = stored.clone();
        }
    });
}

fn patch(member: &Member) -> PatchMember {
    PatchMember {
        version: member.version,
        role: None,
        department_id: None,
        project_ids: None,
        kind: None,
        status: None,
    }
}

fn send(desk: Desk, form: Form, list: List<Member>, member: &Member, body: &PatchMember, said: &'static str) {
    let call = Call::send("PATCH", format!("/admin/members/{}", member.id), body);
    form.send(desk, call, move |stored: Member| {
        dialog::close(desk);
        desk.say(format!("{} {said}", stored.name));
        replace(list, &stored);
    });
}

/// What a kind of member is called.
#[must_use]
pub fn kinds() -> Vec<(String, String)> {
    [(MemberKind::Internal, "Belongs to the company"), (MemberKind::External, "Guest from outside")]
        .map(|(kind, label)| (kind.as_str().to_owned(), label.to_owned()))
        .to_vec()
}

/// The kind that was chosen.
#[must_use]
pub fn kind(chosen: &str) -> MemberKind {
    if chosen == MemberKind::External.as_str() { MemberKind::External } else { MemberKind::Internal }
}

/// Opens the dialog with role, department, projects and kind.
pub fn edit(desk: Desk, places: Places, list: List<Member>, member: Member) {
    desk.open(move || editing(desk, places, list, member.clone()));
}

fn editing(desk: Desk, places: Places, list: List<Member>, member: Member) -> Node {
    let form = Form::new();
    let role = RwSignal::new(member.role.to_string());
    let department = RwSignal::new(member.department_id.map(|id| id.to_string()).unwrap_or_default());
    let chosen_kind = RwSignal::new(member.kind.as_str().to_owned());
    let projects: RwSignal<BTreeSet<ProjectId>> = RwSignal::new(member.project_ids.iter().copied().collect());
    let departments = places.departments.with_value(|all| {
        let none = core::iter::once((String::new(), "None".to_owned()));
        none.chain(all.iter().map(|(id, name)| (id.to_string(), name.clone()))).collect::<Vec<_>>()
    });
    let ticks = places.projects.with_value(|all| {
        let tick = |(id, name): &(ProjectId, String)| {
            let id = *id;
            let flip = move |on| {
                projects.update(|chosen| {
                    if on {
                        chosen.insert(id)
                    } else {
                        chosen.remove(&id)
                    };
                });
            };
            form::tick(name.clone(), move || projects.with(|chosen| chosen.contains(&id)), flip)
        };
        all.iter().map(tick).collect::<Vec<_>>()
    });
    let some = !ticks.is_empty();
    let ticks = some.then(|| {
        el("fieldset", "form-field").child(el("legend", "").child("Projects")).child(div("form-ticks").children(ticks))
    });
    let body = vec![
        form.alert(),
        form::choice(
            form,
            "role",
            "Role",
            role,
            places.assignable(Some(&member.role)),
            Some("Roles that hold more than you do are not listed."),
        ),
        form::choice(form, "departmentId", "Department", department, departments, None),
        form::choice(
            form,
            "kind",
            "Kind",
            chosen_kind,
            kinds(),
            Some("Guests are marked as external wherever they write."),
        ),
        ticks.into(),
    ];
    let title = format!("Change {}", member.name);
    let save = move || {
        let chosen = RoleKey::new(&role.get_untracked()).ok().filter(|role| *role != member.role);
        let to = department.get_untracked().parse().ok();
        let kind = kind(&chosen_kind.get_untracked());
        let all: Vec<ProjectId> = projects.get_untracked().into_iter().collect();
        let same = all.len() == member.project_ids.len() && all.iter().all(|id| member.project_ids.contains(id));
        let body = PatchMember {
            role: chosen,
            department_id: (to != member.department_id).then_some(to),
            kind: (kind != member.kind).then_some(kind),
            project_ids: (!same).then_some(all),
            ..patch(&member)
        };
        send(desk, form, list, &member, &body, "is changed. It holds from the next request on.");
    };
    dialog::form(desk, title, form, body, ("button primary", "Save"), save)
}

/// Opens the question whether a membership should end, or count again.
pub fn end(desk: Desk, list: List<Member>, member: Member) {
    desk.open(move || ending(desk, list, member.clone()));
}

fn ending(desk: Desk, list: List<Member>, member: Member) -> Node {
    let form = Form::new();
    let active = member.status == MemberStatus::Active;
    let (title, text, action, to, said) = if active {
        (
            format!("Deactivate {}?", member.name),
            "Their sessions in this company end within two seconds, and nothing of it can be opened by them any more. What they wrote stays, under their name. You can reactivate them.",
            ("button danger", "Deactivate"),
            MemberStatus::Deactivated,
            "is deactivated.",
        )
    } else {
        (
            format!("Reactivate {}?", member.name),
            "They can sign in again and see what their role, department and projects show them, with all that was written meanwhile.",
            ("button primary", "Reactivate"),
            MemberStatus::Active,
            "is active again.",
        )
    };
    let body = vec![form.alert(), el("p", "").child(text).into()];
    let send = move || {
        let body = PatchMember { status: Some(to), ..patch(&member) };
        self::send(desk, form, list, &member, &body, said);
    };
    dialog::form(desk, title, form, body, action, send)
}
