//! Whom to talk to: one person, several, or everyone concerned with the record on screen.

use postil::{
    domain::Title,
    feed::{Failure, Input},
    ids::UserId,
    limits,
    wire::{ConversationDetail, CreateConversation, Page, Person},
};

use super::dialog;
use crate::{
    net::{
        api::{self, Call},
        dom, ids,
    },
    node::{Node, button, div, el, live, span},
    parts::{face, states},
    react::{RwSignal, event_target_value},
    state::{Scope, words},
};

/// The people picker.
#[must_use]
pub fn picker(scope: Scope) -> Node {
    let people = RwSignal::new(None::<Result<Vec<Person>, Failure>>);
    let chosen = RwSignal::new(Vec::<(UserId, String)>::new());
    let (search, title, wrong) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let load = move || {
        people.set(None);
        dom::spawn(async move {
            let call = Call::get(format!("/people?limit={}", limits::PAGE_MAX));
            let answer = api::call::<Page<Person>>(scope.shell, Some(scope.company), call).await;
            people.set(Some(answer.map(|page| page.items)));
        });
    };
    dom::effect(load);
    let list = move || match people.get() {
        None => states::skeleton(4, "Loading people"),
        Some(Err(failure)) => states::error(&failure, "Nothing was started.", load),
        Some(Ok(all)) => {
            let wanted = dom::lower_case(&search.get());
            let fits = |person: &Person| {
                person.id != scope.viewer && (wanted.is_empty() || dom::lower_case(&person.name).contains(&wanted))
            };
            let found: Vec<Node> = all.into_iter().filter(fits).map(|person| option(scope, person, chosen)).collect();
            if found.is_empty() {
                states::empty("Nobody found", "Try another name.", ())
            } else {
                el("ul", "").children(found).into()
            }
        }
    };
    let start = move || {
        let people = chosen.get_untracked();
        let what = match people.len() {
            0 => return,
            1 => people.first().map(|(user_id, _)| CreateConversation::Direct { user_id: *user_id }),
            _ => {
                let names: String = people
                    .iter()
                    .map(|(_, name)| name.split(' ').next().unwrap_or(name))
                    .collect::<Vec<_>>()
                    .join(", ");
                let given = title.get_untracked();
                let wanted: String = if given.trim().is_empty() { names } else { given };
                let wanted: String = wanted.chars().take(limits::TITLE_CHARS_MAX).collect();
                Title::new(&wanted).ok().map(|title| CreateConversation::Group {
                    title,
                    user_ids: people.iter().map(|(id, _)| *id).collect(),
                })
            }
        };
        if let Some(what) = what {
            create(scope, what, wrong);
        }
    };
    let input = |id: &'static str, label: &'static str, text: RwSignal<String>| {
        let field = el("input", "field")
            .attr("id", id)
            .attr("autocomplete", "off")
            .attr("maxlength", limits::TITLE_CHARS_MAX.to_string())
            .field(move || text.get())
            .on("input", move |event| text.set(event_target_value(&event)));
        div("dialog-field").child(el("label", "").attr("for", id).child(label)).child(field)
    };
    let go = button("button primary", start)
        .attr_live("disabled", move || chosen.with(Vec::is_empty).then_some(""))
        .live(move || match chosen.with(Vec::len) {
            0 | 1 => "Start".to_owned(),
            n => format!("Start with {}", words::count(n, "person", "people")),
        });
    let body = vec![
        input("picker-search", "Find a colleague", search).into(),
        live(move || (chosen.with(Vec::len) > 1).then(|| input("picker-title", "Title of the group", title))),
        live(move || wrong.get().map(|text| el("p", "strip error").attr("role", "alert").child(text))),
        div("dialog-list").live(list).into(),
        div("dialog-foot").child(go).into(),
    ];
    dialog::frame(scope, "New conversation", body)
}

fn option(scope: Scope, person: Person, chosen: RwSignal<Vec<(UserId, String)>>) -> Node {
    let (id, name) = (person.id, person.name.clone());
    let toggle = move |_| {
        chosen.update(|chosen| match chosen.iter().position(|(of, _)| *of == id) {
            Some(at) => drop(chosen.remove(at)),
            None if chosen.len() < limits::PARTICIPANTS_CREATE_MAX => chosen.push((id, name.clone())),
            None => {}
        });
    };
    let tick = el("input", "")
        .attr("type", "checkbox")
        .checked(move || chosen.with(|chosen| chosen.iter().any(|(of, _)| *of == id)))
        .on("change", toggle);
    let label = el("label", "option")
        .child(face::with_presence(scope, &person, "large"))
        .child(
            span("option-main")
                .child(span("truncate").child(person.name.clone()).child(" ").child(face::guest_tag(&person)))
                .child(span("option-sub").child(person.job_title.clone())),
        )
        .child(tick);
    el("li", "").child(label).into()
}

/// Starts a conversation, or finds the one there is, and opens it.
pub fn create(scope: Scope, what: CreateConversation, wrong: RwSignal<Option<String>>) {
    let Some(ask) = scope.ask() else { return };
    dom::spawn(async move {
        let call = Call::send("POST", "/conversations", &what).with_key(ids::idempotency_key());
        match api::call::<ConversationDetail>(scope.shell, Some(scope.company), call).await {
            Ok(ConversationDetail { summary, .. }) => {
                let id = summary.id;
                scope.apply(Input::SummariesLoaded { ask, items: vec![summary] });
                if scope.is_alive() {
                    dialog::close(scope);
                    scope.open(id);
                }
            }
            Err(failure) => {
                wrong.set(Some(format!("Not started. {}.", words::failure(&failure))));
            }
        }
    });
}
