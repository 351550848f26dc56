//! Members: who belongs to the company, with which role, and who is asked in.

use postil::{
    access::RoleKey,
    domain::MemberKind,
    ids::{DepartmentId, ProjectId},
    wire::{Member, MemberStatus, Person, RoleInfo},
};

use super::{
    Data, Desk, form, invitations,
    list::{List, parameter},
    member,
};
use crate::{
    node::{Element, Node, button, div, el, span},
    parts::{face, icon, states},
    react::{RwSignal, StoredValue},
    state::words,
};

/// The company's roles, departments and projects: loaded with the page.
#[derive(Clone, Copy)]
pub struct Places {
    /// Roles.
    pub roles: StoredValue<Vec<RoleInfo>>,
    /// Departments by name.
    pub departments: StoredValue<Vec<(DepartmentId, String)>>,
    /// Projects by name.
    pub projects: StoredValue<Vec<(ProjectId, String)>>,
}

impl Places {
    fn new(data: &mut Data) -> Self {
        let departments = data.departments.take().map(|all| all.items).unwrap_or_default();
        let projects = data.projects.take().map(|all| all.items).unwrap_or_default();
        Self {
            roles: StoredValue::new(data.roles.take().map(|roles| roles.items).unwrap_or_default()),
            departments: StoredValue::new(departments.into_iter().map(|one| (one.id, one.name)).collect()),
            projects: StoredValue::new(projects.into_iter().map(|one| (one.id, one.name)).collect()),
        }
    }

    /// A role's name.
    #[must_use]
    pub fn role(self, key: &RoleKey) -> String {
        self.roles
            .with_value(|roles| roles.iter().find(|role| role.key == *key).map(|role| role.name.clone()))
            .unwrap_or_else(|| key.to_string())
    }

    fn department(self, id: DepartmentId) -> Option<String> {
        self.departments.with_value(|all| all.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone()))
    }

    fn project(self, id: ProjectId) -> Option<String> {
        self.projects.with_value(|all| all.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone()))
    }

    /// Roles that one could give, with `has` besides.
    #[must_use]
    pub fn assignable(self, has: Option<&RoleKey>) -> Vec<(String, String)> {
        let can = |role: &&RoleInfo| role.assignable || Some(&role.key) == has;
        self.roles.with_value(|roles| {
            roles.iter().filter(can).map(|role| (role.key.to_string(), role.name.clone())).collect()
        })
    }
}

/// A member as a person, for faces.
#[must_use]
pub fn person(member: &Member) -> Person {
    Person { id: member.id, name: member.name.clone(), member_kind: member.kind, job_title: member.job_title.clone() }
}

/// The section.
#[must_use]
pub fn members(desk: Desk, mut data: Data) -> Node {
    let places = Places::new(&mut data);
    let [search, status, role] = ["", "active", ""].map(|text| RwSignal::new(text.to_owned()));
    let path = move || {
        let mut path = "/admin/members?limit=50".to_owned();
        for (name, value) in [("search", search), ("status", status), ("role", role)] {
            let value = value.get();
            if !value.trim().is_empty() {
                parameter(&mut path, name, value.trim());
            }
        }
        path
    };
    let list = List::new(desk, "/admin/members?limit=50&status=active", data.members.take());
    // The page came with the answer to the first question.
    form::typed(path, move |path| list.ask(path));
    let roles = places.roles.with_value(|roles| {
        let all = core::iter::once((String::new(), "Every role".to_owned()));
        all.chain(roles.iter().map(|role| (role.key.to_string(), role.name.clone()))).collect::<Vec<_>>()
    });
    let states = [("active", "Active"), ("deactivated", "Deactivated"), ("", "Active or not")]
        .map(|(key, label)| (key.to_owned(), label.to_owned()));
    let open = invitations::List::new(desk, "/admin/invitations", data.invitations.take());
    let invite = button("button primary", move || invitations::invite(desk, places, open))
        .child(icon::icon(icon::PLUS))
        .child("Invite");
    let tools = div("admin-tools")
        .attr("role", "search")
        .child(
            form::line(search)
                .attr("type", "search")
                .attr("placeholder", "Beginning of a name or address")
                .label("Search members"),
        )
        .child(form::select(role, roles).label("Role"))
        .child(form::select(status, states.to_vec()).label("Status"))
        .child(invite);
    let none = || states::empty("Nobody fits", "No member fits what is searched for.", ());
    let rows = list.view("entries entries-members", "Members", none, move |member| row(desk, places, list, member));
    div("admin-section").child(tools).child(rows).child(invitations::open(desk, places, open)).into()
}

fn row(desk: Desk, places: Places, list: List<Member>, member: &Member) -> Node {
    let active = member.status == MemberStatus::Active;
    let name = div("entry-main")
        .child(
            span("entry-name")
                .child(span("truncate").child(member.name.clone()))
                .child((member.id == desk.viewer).then(|| span("entry-tag").child("You")))
                .child((member.kind == MemberKind::External).then(|| span("tag").child("External")))
                .child((!active).then(|| span("entry-tag").child("Deactivated"))),
        )
        .child(span("entry-sub").child(member.email.clone()));
    let department = member.department_id.and_then(|id| places.department(id));
    let projects: Vec<_> = member.project_ids.iter().filter_map(|id| places.project(*id)).collect();
    let shown = match projects.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        more => Some(words::count(more.len(), "project", "projects")),
    };
    let place = div("entry-main")
        .child(span("truncate").child(places.role(&member.role)))
        .child(span("entry-sub").child([department, shown].into_iter().flatten().collect::<Vec<_>>().join(" · ")));
    let class = if active { "entry" } else { "entry is-off" };
    el("li", class)
        .test_id("member")
        .child(face::plain(&person(member), "large"))
        .child(name)
        .child(place)
        .child(actions(desk, places, list, member))
        .into()
}

fn actions(desk: Desk, places: Places, list: List<Member>, member: &Member) -> Element {
    let (edit, end) = (member.clone(), member.clone());
    let active = member.status == MemberStatus::Active;
    let why = desk.rights.policy.then(|| {
        el("a", "button quiet")
            .attr("href", format!("/admin/explain?user={}&search={}", member.id, percent(&member.email)))
            .label(format!("Why can {} see something?", member.name))
            .child("Why?")
    });
    let change = button("button quiet", move || member::edit(desk, places, list, edit.clone()))
        .label(format!("Change {}", member.name))
        .child("Change");
    let label = if active { "Deactivate" } else { "Reactivate" };
    let end = button("button quiet", move || member::end(desk, list, end.clone()))
        .label(format!("{label} {}", member.name))
        .child(label);
    div("entry-actions").child(why).child(change).child(end)
}

/// Percent-encodes a value, on the server, too.
fn percent(value: &str) -> String {
    value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
