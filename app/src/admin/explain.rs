//! "Can this person read this, and why?": with the deciding rule and what it was judged by, as of now or of a past moment.

use postil::{
    access::Action,
    clock::Timestamp,
    domain::RecordKind,
    ids::{ConversationId, MessageId, UserId},
    wire::{ExplainFacts, ExplainStep, Explanation, Member, MemberStatus, Page, Person},
};

use super::{
    Data, Desk,
    form::{self, Form},
    list::{List, parameter},
    members, words,
};
use crate::{
    net::{
        api::{Call, encoded},
        dom,
    },
    node::{Node, button, div, el, live, span},
    parts::{face, icon, states},
    react::{RwSignal, StoredValue, untrack},
};

/// What is asked.
#[derive(Clone, Copy)]
struct Question {
    desk: Desk,
    form: Form,
    /// Whom it is about; their name, as far as it is known.
    who: RwSignal<Option<(UserId, String)>>,
    /// The beginning of a name; or an id.
    search: RwSignal<String>,
    action: RwSignal<String>,
    /// `none`, `message`, `conversation`, or a kind of record.
    about: RwSignal<String>,
    id: RwSignal<String>,
    /// `datetime-local`; empty: now.
    at: RwSignal<String>,
    answer: RwSignal<Option<(String, Explanation)>>,
    /// The message whose readers are listed.
    read: RwSignal<Option<MessageId>>,
    readers: List<Person>,
    /// Names of departments and projects, by id.
    places: StoredValue<Vec<(String, String)>>,
}

fn places(data: Data) -> Vec<(String, String)> {
    let departments = data.departments.map(|all| all.items).unwrap_or_default();
    let projects = data.projects.map(|all| all.items).unwrap_or_default();
    let departments = departments.into_iter().map(|one| (one.id.to_string(), one.name));
    departments.chain(projects.into_iter().map(|one| (one.id.to_string(), one.name))).collect()
}

/// The section.
#[must_use]
pub fn explain(desk: Desk, data: Data) -> Node {
    let text = |text: &str| RwSignal::new(text.to_owned());
    let question = Question {
        desk,
        form: Form::new(),
        who: RwSignal::new(None),
        search: text(""),
        action: text(Action::MessageRead.as_str()),
        about: text("message"),
        id: text(""),
        at: text(""),
        answer: RwSignal::new(None),
        read: RwSignal::new(None),
        readers: List::new(desk, "/access/readers", None),
        places: StoredValue::new(places(data)),
    };
    let search = question.search;
    let found: List<Member> = List::new(desk, "/admin/members?limit=6", None);
    dom::effect(move || start(question));
    let waiting = form::typed(
        move || search.get().trim().to_owned(),
        move |wanted| {
            // The list of members is not for everybody who may ask.
            if desk.rights.members && !wanted.is_empty() {
                found.ask(format!("/admin/members?limit=6&search={}", encoded(&wanted)));
            }
        },
    );
    let ask = el("form", "explain-form")
        // Sent before the script is there, or without it, nothing of the question stands in an address.
        .attr("method", "post")
        .attr("novalidate", "")
        .on("submit", move |event| {
            event.prevent_default();
            question.ask();
        })
        .child(person(question, found, waiting))
        .child(what(question))
        .child(question.form.alert())
        .child(
            el("button", "button primary")
                .attr("type", "submit")
                .attr_live("aria-disabled", move || question.form.busy.get().then_some("true"))
                .child("Ask"),
        );
    div("admin-section")
        .child(el("p", "admin-lead").child(
            "Ask about anybody and anything that you may see yourself. What you may not see is not found here either: nobody learns of private talk by asking.",
        ))
        .child(ask)
        .live(move || question.answer.with(|answer| answer.as_ref().map(|(name, answer)| verdict(question, name, answer))))
        .live(move || question.read.get().map(|_| untrack(|| readers(question))))
        .into()
}

/// From a link: `?message=…`, whose readers are listed; `?user=…`.
fn start(question: Question) {
    let query = dom::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let get = |name: &str| {
        query
            .trim_start_matches('?')
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    if let Some(message) = get("message").and_then(|message| message.parse::<MessageId>().ok()) {
        question.id.set(message.to_string());
        question.list_readers(message);
    }
    if let Some(user) = get("user").and_then(|user| user.parse::<UserId>().ok()) {
        question.who.set(Some((user, user.to_string())));
        // The name is asked for, not taken from the address: a link must not say that one person is another.
        let Some(search) = get("search").filter(|_| question.desk.rights.members) else { return };
        dom::spawn(async move {
            let call = Call::get(format!("/admin/members?limit=50&search={search}"));
            if let Ok(page) = question.desk.call::<Page<Member>>(call).await
                && let Some(member) = page.items.into_iter().find(|member| member.id == user)
            {
                question.who.set(Some((user, member.name)));
            }
        });
    }
}

fn person(question: Question, found: List<Member>, waiting: RwSignal<bool>) -> Node {
    let search = question.search;
    let members = question.desk.rights.members;
    let results = move || {
        if !members || search.with(|search| search.trim().is_empty()) {
            return Node::Empty;
        }
        if let Some(failure) = found.failure() {
            return states::error(&failure, "Nothing was asked.", move || found.reload());
        }
        found.with(|members| {
            if members.is_empty() {
                let text = if waiting.get() || found.is_loading() { "Looking" } else { "Nobody fits" };
                return el("p", "form-hint").attr("role", "status").child(text).into();
            }
            el("ul", "explain-found")
                .label("People found")
                .children(members.iter().map(|member| choice(question, search, member)))
                .into()
        })
    };
    let chosen = move || match question.who.get() {
        Some((_, name)) => div("explain-chosen")
            .test_id("explain-person")
            .child(span("").child(name))
            .child(
                button("icon-button", move || question.who.set(None))
                    .label("Ask about somebody else")
                    .child(icon::icon(icon::CLOSE)),
            )
            .into(),
        None => Node::from(
            div("")
                .child(form::text(
                    question.form,
                    "userId",
                    "Person",
                    search,
                    Some(if members {
                        "The beginning of a name or address, or an id (usr_…)."
                    } else {
                        "Their id (usr_…): to look for names is for those who administer members."
                    }),
                ))
                .child(live(results)),
        ),
    };
    div("explain-part").child(el("h2", "admin-subtitle").child("Who")).live(chosen).into()
}

/// Who can read the message, each with the way to why.
fn readers(question: Question) -> Node {
    let none = || states::empty("Nobody among these", "None of the members who were judged can read it.", ());
    let rows = question.readers.view("entries", "Who can read it", none, move |person| {
        let (id, name) = (person.id, person.name.clone());
        let why = button("button quiet", move || {
            question.who.set(Some((id, name.clone())));
            question.action.set(Action::MessageRead.as_str().to_owned());
            question.about.set("message".to_owned());
            if let Some(message) = question.read.get_untracked() {
                question.id.set(message.to_string());
            }
            question.at.set(String::new());
            question.ask();
        })
        .label(format!("Why can {} read it?", person.name))
        .child("Why?");
        let whom = div("entry-main")
            .child(span("entry-name").child(span("truncate").child(person.name.clone())).child(face::guest_tag(person)))
            .child(person.job_title.clone().map(|title| span("entry-sub").child(title)));
        el("li", "entry entry-reader")
            .test_id("reader")
            .child(face::plain(person, "large"))
            .child(whom)
            .child(div("entry-actions").child(why))
            .into()
    });
    el("section", "admin-part")
        .attr("id", "readers")
        .attr("tabindex", "-1")
        .label("Who can read it")
        .child(el("h2", "admin-subtitle").child("Who can read it"))
        .child(
            el("p", "admin-lead")
                .child("Now, by name. Whoever is not listed can't: pick them above and ask, to see why not."),
        )
        .child(rows)
        .into()
}

fn choice(question: Question, search: RwSignal<String>, member: &Member) -> Node {
    let (id, name) = (member.id, member.name.clone());
    let choose = move || {
        question.who.set(Some((id, name.clone())));
        search.set(String::new());
        dom::focus_soon("#field-action");
    };
    let text = span("option-main")
        .child(span("truncate").child(member.name.clone()))
        .child(span("option-sub truncate").child(member.email.clone()));
    let option = button("option", choose).child(face::plain(&members::person(member), "large")).child(text);
    let option =
        option.child((member.status == MemberStatus::Deactivated).then(|| span("entry-tag").child("Deactivated")));
    el("li", "").child(option).into()
}

fn what(question: Question) -> Node {
    let abouts = [
        ("message", "A message"),
        ("conversation", "A conversation"),
        (RecordKind::Transaction.as_str(), "A transaction"),
        (RecordKind::Plan.as_str(), "A plan"),
        (RecordKind::Topic.as_str(), "A topic"),
        ("none", "Talk about no record"),
    ]
    .map(|(key, label)| (key.to_owned(), label.to_owned()));
    let id = move || {
        let (name, label, hint) = match question.about.get().as_str() {
            "none" => return Node::Empty,
            "message" => ("messageId", "Message", "Its id (msg_…), or a link that has it."),
            "conversation" => ("conversationId", "Conversation", "Its id (cnv_…), or its address."),
            _ => ("linkedId", "Record", "Its id in the ERP, such as INV-2026-00417."),
        };
        untrack(|| form::text(question.form, name, label, question.id, Some(hint)))
    };
    let all = move || {
        (question.about.get() == "message").then(|| {
            let list = move || match id_in::<MessageId>(&question.id.get_untracked(), "msg_") {
                Some(message) => {
                    question.form.clear();
                    question.list_readers(message);
                    dom::focus_soon("#readers");
                }
                None => question.form.refuse("messageId", "is not a message's id, such as msg_019…"),
            };
            div("explain-all").child(button("link", list).child("Who can read it?"))
        })
    };
    let form = question.form;
    let when = form::text_of(
        form,
        "at",
        "As of",
        form::line(question.at).attr("type", "datetime-local"),
        Some("Empty: now. Your own time zone."),
    );
    div("explain-part explain-what")
        .child(el("h2", "admin-subtitle").child("What"))
        .child(form::choice(form, "action", "Action", question.action, words::actions(), None))
        .child(form::choice(form, "about", "About", question.about, abouts.to_vec(), None))
        .live(id)
        .live(all)
        .child(when)
        .into()
}

/// The first id of that kind in a text: people paste links.
fn id_in<T: core::str::FromStr>(text: &str, prefix: &str) -> Option<T> {
    let begin = text.find(prefix)?;
    let id: String = text[begin..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    id.parse().ok()
}

impl Question {
    fn list_readers(self, message: MessageId) {
        self.read.set(Some(message));
        self.readers.ask(format!("/access/readers?limit=50&messageId={message}"));
    }

    fn ask(self) {
        if self.form.busy.get_untracked() {
            return;
        }
        let pasted = || {
            let id = id_in::<UserId>(&self.search.get_untracked(), "usr_")?;
            Some((id, id.to_string()))
        };
        let Some((user, name)) = self.who.get_untracked().or_else(pasted) else {
            let right = if self.desk.rights.members { "chosen from those found, or an id" } else { "an id" };
            return self.form.refuse("userId", format!("is to be {right}, such as usr_019…"));
        };
        let mut path = format!("/access/explain?userId={user}&action={}", encoded(&self.action.get_untracked()));
        let id = self.id.get_untracked();
        match self.about.get_untracked().as_str() {
            "none" => {}
            "message" => match id_in::<MessageId>(&id, "msg_") {
                Some(id) => parameter(&mut path, "messageId", &id.to_string()),
                None => return self.form.refuse("messageId", "is not a message's id, such as msg_019…"),
            },
            "conversation" => match id_in::<ConversationId>(&id, "cnv_") {
                Some(id) => parameter(&mut path, "conversationId", &id.to_string()),
                None => return self.form.refuse("conversationId", "is not a conversation's id, such as cnv_019…"),
            },
            kind => {
                parameter(&mut path, "linkedType", kind);
                parameter(&mut path, "linkedId", id.trim());
            }
        }
        let at = self.at.get_untracked();
        if !at.is_empty() {
            match dom::local_time(&at) {
                Some(at) => parameter(&mut path, "at", &at.to_string()),
                None => return self.form.refuse("at", "is not a date and time"),
            }
        }
        self.answer.set(None);
        self.form.send(self.desk, Call::get(path), move |answer: Explanation| {
            self.answer.set(Some((name, answer)));
            dom::focus_soon("#verdict");
        });
    }
}

fn verdict(question: Question, name: &str, answer: &Explanation) -> Node {
    let (at, desk): (Timestamp, Desk) = (answer.at, question.desk);
    let yes = if answer.allowed { "Yes" } else { "No" };
    let class = if answer.allowed { "verdict is-yes" } else { "verdict is-no" };
    let steps = answer.steps.iter().map(|one| step(one, *one == answer.because));
    let version = match answer.policy_version {
        0 => "no policy".to_owned(),
        version => format!("version {version} of the policy"),
    };
    div(class)
        .attr("id", "verdict")
        .attr("tabindex", "-1")
        .attr("role", "region")
        .label("Answer")
        .test_id("verdict")
        .child(
            el("h2", "verdict-title")
                .child(icon::icon(if answer.allowed { "M3.500 8.500l3 3 6-7" } else { icon::CLOSE }))
                .child(format!("{yes}: {name}, {}", words::action(answer.action).to_lowercase())),
        )
        .child(el("p", "muted").live(move || format!("As of {}, by {version}", desk.clock.get().amid(at))))
        .child(el("ol", "verdict-steps").children(steps))
        .child(facts(question, &answer.facts))
        .into()
}

fn step(step: &ExplainStep, decided: bool) -> Node {
    let class = if step.allowed { "verdict-step is-yes" } else { "verdict-step is-no" };
    let answer = if step.allowed { "Yes" } else { "No" };
    let rule = step.rule.as_ref().map(|rule| {
        div("verdict-rule").child(el("code", "").child(rule.id.clone())).child(el("p", "").child(words::rule(rule)))
    });
    el("li", class)
        .child(
            el("p", "verdict-question")
                .child(words::question(step.question))
                .child(el("strong", "").child(answer))
                .child(decided.then(|| span("entry-tag").child("This decided"))),
        )
        .child(el("p", "form-hint").child(words::reason(step.reason)))
        .child(rule)
        .into()
}

fn facts(question: Question, facts: &ExplainFacts) -> Node {
    let named = |id: String| {
        question
            .places
            .with_value(|all| all.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone()))
            .unwrap_or(id)
    };
    let mut rows: Vec<(&'static str, String)> = Vec::new();
    let mut tell = |label, value: Option<String>| rows.extend(value.map(|value| (label, value)));
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    tell("Role", facts.role.as_ref().map(ToString::to_string));
    tell("Kind", facts.kind.map(|kind| kind.as_str().to_owned()));
    tell("Membership", facts.status.map(|status| status.as_str().to_owned()));
    tell("Department", facts.department_id.map(|id| named(id.to_string())));
    tell(
        "Projects",
        (!facts.project_ids.is_empty())
            .then(|| facts.project_ids.iter().map(|id| named(id.to_string())).collect::<Vec<_>>().join(", ")),
    );
    tell("In the conversation", facts.is_participant.map(yes));
    tell("Wrote it", facts.is_author.map(yes));
    if let Some(record) = &facts.record {
        tell("Record", Some(record.key.to_string()));
        tell("Its state", record.state.clone());
        tell("Owns the record", Some(yes(record.is_owner)));
        tell("Of their department", Some(yes(record.is_own_department)));
        tell("Of their projects", Some(yes(record.is_own_project)));
    }
    if rows.is_empty() {
        return states::empty("Nothing is known of that time", "", ());
    }
    let rows = rows
        .into_iter()
        .map(|(label, value)| div("fact").child(el("dt", "").child(label)).child(el("dd", "mono").child(value)).into());
    el("section", "verdict-facts").child(el("h3", "").child("Judged by")).child(el("dl", "facts").children(rows)).into()
}
