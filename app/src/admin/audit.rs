//! The audit log: who did what, when, to what; each entry with its place in the chain.

use postil::{
    ids::UserId,
    wire::{AuditAction, AuditChain, AuditEntry},
};

use super::{
    Data, Desk,
    form::{self, Form},
    list::{List, parameter},
};
use crate::{
    net::{api::Call, dom},
    node::{Node, button, div, el, span},
    parts::states,
    react::RwSignal,
};

/// What an entry is about, in words. An action without words does not compile.
const fn words(action: AuditAction) -> &'static str {
    match action {
        AuditAction::SessionSignIn => "Sign-in",
        AuditAction::SessionSignInRefused => "Refused sign-in",
        AuditAction::SessionSignOut => "Sign-out",
        AuditAction::SessionEmbed => "Session in an embedding page",
        AuditAction::SessionSwitch => "Company switch",
        AuditAction::AccessRefused => "Refused access",
        AuditAction::MessageEdit => "Message edited",
        AuditAction::MessageDelete => "Message deleted",
        AuditAction::MessageReport => "Message reported",
        AuditAction::ModerationList => "Queue of reports looked at",
        AuditAction::ModerationView => "Reported message looked at",
        AuditAction::ModerationHide => "Message hidden",
        AuditAction::ModerationRestore => "Message restored",
        AuditAction::ModerationWarn => "Author warned",
        AuditAction::ModerationMute => "Author muted",
        AuditAction::ModerationUnmute => "Author may write again",
        AuditAction::ModerationRemove => "Author taken out of a group",
        AuditAction::ModerationReadmit => "Author let in again",
        AuditAction::ModerationResolve => "Case resolved",
        AuditAction::WordsVersion => "Word list changed",
        AuditAction::ConversationSlowMode => "Slow mode changed",
        AuditAction::ParticipantChange => "Participant changed",
        AuditAction::MembershipCreate => "Membership begun",
        AuditAction::MembershipChange => "Membership changed",
        AuditAction::MembershipDelete => "Membership deleted",
        AuditAction::PolicyVersion => "Policy changed",
        AuditAction::RoleCreate => "Role made",
        AuditAction::RoleChange => "Role changed",
        AuditAction::RoleDelete => "Role deleted",
        AuditAction::DepartmentCreate => "Department made",
        AuditAction::DepartmentChange => "Department changed",
        AuditAction::DepartmentDelete => "Department deleted",
        AuditAction::ProjectCreate => "Project made",
        AuditAction::ProjectChange => "Project changed",
        AuditAction::ProjectDelete => "Project deleted",
        AuditAction::ProjectMemberCreate => "Added to a project",
        AuditAction::ProjectMemberChange => "Project membership changed",
        AuditAction::ProjectMemberDelete => "Taken out of a project",
        AuditAction::RecordAccess => "Record's owner or place changed",
        AuditAction::CompanyCreate => "Company made",
        AuditAction::CompanyChange => "Company's settings changed",
        AuditAction::AccessHookCreate => "Access hook required",
        AuditAction::AccessHookChange => "Access hook released",
        AuditAction::LimitsCreate => "Limits set",
        AuditAction::LimitsChange => "Limits changed",
        AuditAction::KeyCreate => "Key made",
        AuditAction::KeyChange => "Key changed",
        AuditAction::KeyDelete => "Key deleted",
        AuditAction::KeyUse => "API key used",
        AuditAction::UserChange => "Account changed",
        AuditAction::AuditRead => "Audit log read",
        AuditAction::AuditExport => "Audit log exported",
    }
}

/// The section.
#[must_use]
pub fn audit(desk: Desk, data: Data) -> Node {
    let list = List::new(desk, "/admin/audit", data.audit);
    let [action, actor] = ["", ""].map(|text| RwSignal::new(text.to_owned()));
    let form = Form::new();
    let ask = move || {
        let mut path = "/admin/audit?limit=50".to_owned();
        let action = action.get_untracked();
        if !action.is_empty() {
            parameter(&mut path, "action", &action);
        }
        let wanted = actor.get_untracked().trim().to_owned();
        form.clear();
        if !wanted.is_empty() {
            match wanted.parse::<UserId>() {
                Ok(id) => parameter(&mut path, "actorId", &id.to_string()),
                Err(_) => {
                    return form.refuse("actorId", "is not a person's id, such as usr_019…: press a name in the list");
                }
            }
        }
        list.ask(path);
    };
    let mut first = true;
    dom::effect(move || {
        let _ = action.get();
        // The page came with the first answer.
        if !core::mem::replace(&mut first, false) {
            ask();
        }
    });
    let mut actions = vec![(String::new(), "Everything".to_owned())];
    actions.extend(AuditAction::ALL.iter().map(|action| (action.as_str().to_owned(), words(*action).to_owned())));
    let tools = el("form", "admin-tools audit-tools")
        .attr("role", "search")
        // Sent before the script is there, or without it, nothing of it stands in an address.
        .attr("method", "post")
        .attr("novalidate", "")
        .on("submit", move |event| {
            event.prevent_default();
            ask();
        })
        .child(form::choice(form, "action", "What", action, actions, None))
        .child(form::text(form, "actorId", "By whom", actor, None))
        .child(el("button", "button").attr("type", "submit").child("Show"));
    let none = || states::empty("No entries", "Nothing of this kind was logged.", ());
    let by = move |id: UserId| {
        actor.set(id.to_string());
        ask();
    };
    let rows = list.view("entries", "Audit log", none, move |entry| row(desk, by, entry));
    div("admin-section")
        .child(el("p", "admin-lead").child(
            "Entries are never changed: each carries the hash of the one before it, and the end of the chain is signed every hour. Reading this page is an entry, too.",
        ))
        .child(data.chain.map(|first| chain(desk, first)))
        .child(tools)
        .child(rows)
        .into()
}

/// Where the chain stands, and a look at where it stands now.
fn chain(desk: Desk, first: AuditChain) -> Node {
    let (now, form) = (RwSignal::new(first), Form::new());
    let again = move || form.send(desk, Call::get("/admin/audit/chain"), move |chain: AuditChain| now.set(chain));
    let signed = move |chain: &AuditChain| match chain.signed_at {
        Some(at) => format!("Signed up to no. {}, {}.", chain.signed_seq, desk.clock.get().amid(at)),
        None => "Nothing is signed yet: a worker does so every hour.".to_owned(),
    };
    div("audit-chain")
        .test_id("chain")
        .live(move || {
            now.with(|chain| {
                vec![
                    el("p", "")
                        .child(el("strong", "").child(format!("{} entries", chain.seq)))
                        .child(", the newest with the hash")
                        .into(),
                    Node::from(el("p", "mono").child(chain.hash.clone())),
                    el("p", "").child(signed(chain)).into(),
                ]
            })
        })
        .child(
            el("p", "form-hint")
                .child("Note the hash elsewhere: ")
                .child(el("code", "").child("postil audit export"))
                .child(" and ")
                .child(el("code", "").child("postil audit verify"))
                .child(" show whether anything before it was taken out or changed. "),
        )
        .child(button("link", again).child("Look again"))
        .child(form.alert())
        .into()
}

fn row(desk: Desk, by: impl Fn(UserId) + Copy + Send + 'static, entry: &AuditEntry) -> Node {
    let at = entry.at;
    let key = span("entry-sub mono").child(entry.action.clone());
    let what = match AuditAction::parse(&entry.action) {
        Some(action) => div("entry-main").child(span("entry-name").child(words(action))).child(key),
        None => div("entry-main").child(key),
    };
    let who = match &entry.actor {
        Some(actor) => {
            let id = actor.id;
            button("link", move || by(id))
                .label(format!("Only what {} did", actor.name))
                .child(actor.name.clone())
                .into()
        }
        None => Node::from(span("muted").child("the system, or nobody known")),
    };
    let when = el("p", "entry-sub").live(move || desk.clock.get().long(at));
    let detail = serde_json::to_string_pretty(&entry.detail).unwrap_or_default();
    let line = |label: &'static str, value: String| {
        div("fact").child(el("dt", "").child(label)).child(el("dd", "mono").child(value))
    };
    let more = el("details", "audit-more").child(el("summary", "").child(format!("No. {}", entry.seq))).child(
        el("dl", "facts")
            .child(line("To what", entry.target.clone()))
            .child((!entry.detail.is_empty()).then(|| line("Detail", detail)))
            .child(entry.correlation_id.map(|id| line("Request", id.to_string())))
            .child(line("Hash", entry.hash.clone())),
    );
    el("li", "entry entry-audit")
        .test_id("entry")
        .child(what)
        .child(div("entry-main").child(who).child(when))
        .child(more)
        .into()
}
