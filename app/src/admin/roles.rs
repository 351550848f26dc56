//! Roles: who has them, and those of the company's own making. Roles are part of the policy document: each change here is a
//! version of it, with the rails and the history that versions have.

use postil::{
    access::{Policy, Role, RoleKey},
    domain::Name,
    wire::{Member, MemberStatus, PolicyVersion, RoleInfo, Roles},
};

use super::{
    Data, Desk, dialog,
    form::{self, Form},
    list::List,
    members,
};
use crate::{
    net::{
        api::{Call, encoded},
        dom,
    },
    node::{Element, Node, button, div, el, span},
    parts::{face, icon, states},
    react::RwSignal,
    state::words::count,
};

/// What the section shows.
#[derive(Clone, Copy)]
struct Desktop {
    desk: Desk,
    roles: RwSignal<Vec<RoleInfo>>,
    /// The policy that changes are made from; nothing for whom it is not open.
    policy: RwSignal<Option<PolicyVersion>>,
}

/// The section.
#[must_use]
pub fn roles(desk: Desk, data: Data) -> Node {
    let roles = RwSignal::new(data.roles.map(|roles| roles.items).unwrap_or_default());
    let all = Desktop { desk, roles, policy: RwSignal::new(data.policy) };
    let new = desk.rights.policy.then(|| {
        button("button primary", move || desk.open(move || adding(all))).child(icon::icon(icon::PLUS)).child("New role")
    });
    let lead = if desk.rights.policy {
        "What a role may do is said by the policy's rules. Each change here is a version of the policy, and stands in its history."
    } else {
        "What a role may do is said by the policy, which owners keep."
    };
    div("admin-section")
        .child(el("p", "admin-lead").child(lead))
        .child(div("admin-tools").child(new))
        .live(move || {
            let rows = roles.get();
            if rows.is_empty() {
                return states::empty("No roles", "There is no policy yet.", ());
            }
            el("ul", "entries").label("Roles").children(rows.iter().map(|role| row(all, role))).into()
        })
        .into()
}

/// How many rules name the role.
fn rules(policy: &Policy, key: &RoleKey) -> usize {
    policy.rules.iter().filter(|rule| rule.roles.contains(key)).count()
}

fn people(role: &RoleInfo) -> String {
    count(usize::try_from(role.member_count).unwrap_or(usize::MAX), "member", "members")
}

fn row(all: Desktop, role: &RoleInfo) -> Node {
    let named = all.policy.with(|policy| policy.as_ref().map(|policy| rules(&policy.document, &role.key)));
    let name = div("entry-main")
        .child(
            span("entry-name")
                .child(span("truncate").child(role.name.clone()))
                .child((!role.assignable).then(|| span("entry-tag").child("Not yours to give"))),
        )
        .child(span("entry-sub mono").child(role.key.to_string()));
    let figures = div("entry-main")
        .child(span("").child(people(role)))
        .child(named.map(|named| span("entry-sub").child(count(named, "rule", "rules"))));
    let glyph = span("avatar large glyph").attr("aria-hidden", "true").child(icon::icon(icon::PEOPLE));
    el("li", "entry").test_id("role").child(glyph).child(name).child(figures).child(actions(all, role)).into()
}

fn actions(all: Desktop, role: &RoleInfo) -> Element {
    let Desktop { desk, .. } = all;
    let whose = role.clone();
    let holders = button("button quiet", move || {
        let role = whose.clone();
        let status = MemberStatus::Active.as_str();
        let path = format!("/admin/members?limit=50&status={status}&role={}", encoded(role.key.as_str()));
        let list: List<Member> = List::new(desk, path, None);
        list.reload();
        desk.open(move || held(desk, &role, list));
    })
    .label(format!("Who is {}?", role.name))
    .child("Who?");
    let may = desk.rights.policy;
    let to_rename = role.clone();
    let rename = may.then(|| {
        button("button quiet", move || {
            let role = to_rename.clone();
            desk.open(move || renaming(all, &role));
        })
        .label(format!("Rename {}", role.name))
        .child("Rename")
    });
    let to_delete = role.clone();
    let delete = (may && role.key != RoleKey::OWNER).then(|| {
        button("button quiet", move || {
            let role = to_delete.clone();
            desk.open(move || deleting(all, &role));
        })
        .label(format!("Delete {}", role.name))
        .child("Delete")
    });
    div("entry-actions").child(holders).child(rename).child(delete)
}

/// Who has a role.
fn held(desk: Desk, role: &RoleInfo, list: List<Member>) -> Node {
    let none = || states::empty("Nobody", "No active member has this role.", ());
    let rows = list.view("dialog-list", "Members with this role", none, |member| {
        let person = members::person(member);
        let name = span("option-main")
            .child(span("truncate").child(member.name.clone()))
            .child(span("option-sub truncate").child(member.email.clone()));
        el("li", "option").child(face::plain(&person, "large")).child(name).child(face::guest_tag(&person)).into()
    });
    let foot = div("dialog-foot").child(button("button", move || dialog::close(desk)).child("Close"));
    dialog::frame(desk, role.name.clone(), div("dialog-form").child(div("dialog-scroll").child(rows)).child(foot))
}

/// Puts a changed document in force.
fn put(all: Desktop, form: Form, change: impl FnOnce(&mut Policy), comment: &str, said: String) {
    let Desktop { desk, roles, policy } = all;
    let Some(now) = policy.get_untracked() else { return };
    let mut document = now.document;
    change(&mut document);
    let body = serde_json::json!({ "document": document, "comment": comment.trim(), "baseVersion": now.info.version });
    form.send(desk, Call::send("PUT", "/admin/policy", &body), move |version: PolicyVersion| {
        dialog::close(desk);
        desk.say(format!("{said} Version {} of the policy is in force.", version.info.version));
        policy.set(Some(version));
        // Who could give which role is the server's to say.
        dom::spawn(async move {
            if let Ok(Roles { items }) = desk.call(Call::get("/admin/roles")).await {
                roles.set(items);
            }
        });
    });
}

fn why(form: Form, comment: RwSignal<String>) -> Node {
    form::area(form, "comment", "Why", comment, Some("Stands in the policy's history, beside your name."))
}

fn adding(all: Desktop) -> Node {
    let form = Form::new();
    let [key, name, like] = ["", "", ""].map(|text| RwSignal::new(text.to_owned()));
    let comment = RwSignal::new("A new role".to_owned());
    let mut models = vec![(String::new(), "Nothing yet".to_owned())];
    models.extend(
        all.roles
            .get_untracked()
            .into_iter()
            .filter(|role| role.assignable)
            .map(|role| (role.key.to_string(), format!("What {} may", role.name))),
    );
    let body = vec![
        form.alert(),
        form::text(form, "name", "Name", name, None),
        form::text(
            form,
            "key",
            "Key",
            key,
            Some("Small letters, digits and _; rules name the role by it. It can't be changed later."),
        ),
        form::choice(
            form,
            "like",
            "May do",
            like,
            models,
            Some("Copies the rules' mention of that role. Everything else is done in the policy."),
        ),
        why(form, comment),
    ];
    let send = move || {
        let role = match RoleKey::new(key.get_untracked().trim()) {
            Ok(role) => role,
            Err(error) => return form.refuse("key", error.to_string()),
        };
        let named = match Name::new(&name.get_untracked()) {
            Ok(name) => name,
            Err(error) => return form.refuse("name", error.to_string()),
        };
        if all.roles.with_untracked(|roles| roles.iter().any(|one| one.key == role)) {
            return form.refuse("key", "belongs to another role already");
        }
        let model = RoleKey::new(&like.get_untracked()).ok();
        let said = format!("The role {} is made.", named.as_str());
        let change = move |document: &mut Policy| {
            document.roles.push(Role { key: role.clone(), name: named });
            for rule in
                document.rules.iter_mut().filter(|rule| model.as_ref().is_some_and(|model| rule.roles.contains(model)))
            {
                rule.roles.insert(role.clone());
            }
        };
        put(all, form, change, &comment.get_untracked(), said);
    };
    dialog::form(all.desk, "New role", form, body, ("button primary", "Make the role"), send)
}

fn renaming(all: Desktop, role: &RoleInfo) -> Node {
    let form = Form::new();
    let name = RwSignal::new(role.name.clone());
    let comment = RwSignal::new(format!("Another name for {}", role.key));
    let body = vec![form.alert(), form::text(form, "name", "Name", name, None), why(form, comment)];
    let (title, key) = (format!("Rename {}", role.name), role.key.clone());
    let send = move || {
        let named = match Name::new(&name.get_untracked()) {
            Ok(name) => name,
            Err(error) => return form.refuse("name", error.to_string()),
        };
        let (key, said) = (key.clone(), format!("The role is called {} now.", named.as_str()));
        let change = move |document: &mut Policy| {
            if let Some(role) = document.roles.iter_mut().find(|role| role.key == key) {
                role.name = named;
            }
        };
        put(all, form, change, &comment.get_untracked(), said);
    };
    dialog::form(all.desk, title, form, body, ("button primary", "Rename"), send)
}

fn deleting(all: Desktop, role: &RoleInfo) -> Node {
    let form = Form::new();
    if role.member_count > 0 {
        let text = format!(
            "{} it. Give them another role first: nobody may be left without one.",
            match role.member_count {
                1 => "1 member has".to_owned(),
                n => format!("{n} members have"),
            }
        );
        let foot = div("dialog-foot").child(button("button", move || dialog::close(all.desk)).child("Close"));
        let body = div("dialog-body").child(el("p", "").child(text));
        return dialog::frame(
            all.desk,
            format!("{} can't be deleted yet", role.name),
            div("dialog-form").child(body).child(foot),
        );
    }
    let key = role.key.clone();
    let (named, alone) = all.policy.with_untracked(|policy| {
        policy.as_ref().map_or((0, 0), |policy| {
            let named = rules(&policy.document, &key);
            let alone = policy
                .document
                .rules
                .iter()
                .filter(|rule| rule.users.is_empty() && rule.roles.len() == 1 && rule.roles.contains(&key));
            (named, alone.count())
        })
    });
    let text = format!(
        "Nobody has it. {} it; {} for it alone, and {} with it. Restore an older version of the policy to have it back.",
        if named == 1 { "1 rule names".to_owned() } else { format!("{named} rules name") },
        if alone == 1 { "1 is".to_owned() } else { format!("{alone} are") },
        if alone == 1 { "goes" } else { "go" },
    );
    let comment = RwSignal::new(format!("The role {} is not needed", role.name));
    let body = vec![form.alert(), el("p", "").child(text).into(), why(form, comment)];
    let (title, said) = (format!("Delete the role {}?", role.name), format!("The role {} is deleted.", role.name));
    let send = move || {
        let key = key.clone();
        let change = move |document: &mut Policy| {
            document.roles.retain(|role| role.key != key);
            document
                .rules
                .retain_mut(|rule| !rule.roles.remove(&key) || !rule.roles.is_empty() || !rule.users.is_empty());
        };
        put(all, form, change, &comment.get_untracked(), said.clone());
    };
    dialog::form(all.desk, title, form, body, ("button danger", "Delete"), send)
}
