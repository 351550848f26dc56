//! Whom to talk to: one person, several, or everyone concerned with the record on screen.

use std::collections::BTreeMap;

use leptos::prelude::*;
use postil::{
    domain::Title,
    feed::{Failure, Input},
    ids::UserId,
    limits,
    wire::{ConversationSummary, CreateConversation, Page, Person},
};
use wasm_bindgen_futures::spawn_local;

use super::dialog;
use crate::{
    net::{
        api::{self, Call},
        driver, ids,
    },
    parts::{face, states},
    state::{Scope, words},
};

/// The people picker.
#[must_use]
pub fn picker(scope: Scope) -> AnyView {
    let people = RwSignal::new(None::<Result<Vec<Person>, Failure>>);
    let chosen = RwSignal::new(BTreeMap::<UserId, String>::new());
    let (search, title) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let load = move || {
        people.set(None);
        spawn_local(async move {
            let call = Call::get(format!("/people?limit={}", limits::PAGE_MAX));
            let answer = api::call::<Page<Person>>(scope.shell, Some(scope.company), call).await;
            people.try_set(Some(answer.map(|page| page.items)));
        });
    };
    Effect::new(move |_| load());
    let list = move || match people.get() {
        None => states::skeleton(4, "Loading people"),
        Some(Err(failure)) => states::error(&failure, "Nothing was started.", load),
        Some(Ok(all)) => {
            let wanted = search.get().to_lowercase();
            let found: Vec<Person> = all
                .into_iter()
                .filter(|person| person.id != scope.viewer && (wanted.is_empty() || person.name.to_lowercase().contains(&wanted)))
                .collect();
            if found.is_empty() {
                return states::empty("Nobody found", "Try another name.".to_owned(), None);
            }
            let options = found.into_iter().map(|person| option(scope, person, chosen)).collect_view();
            view! { <ul>{options}</ul> }.into_any()
        }
    };
    let start = move |_| {
        let people = chosen.get_untracked();
        let what = match people.len() {
            0 => return,
            1 => people.into_keys().next().map(|user_id| CreateConversation::Direct { user_id }),
            _ => {
                let names: String = people.values().map(|name| name.split(' ').next().unwrap_or(name)).collect::<Vec<_>>().join(", ");
                let given = title.get_untracked();
                let wanted: String = if given.trim().is_empty() { names } else { given };
                let wanted: String = wanted.chars().take(limits::TITLE_CHARS_MAX).collect();
                Title::new(&wanted).ok().map(|title| CreateConversation::Group { title, user_ids: people.into_keys().collect() })
            }
        };
        if let Some(what) = what {
            create(scope, what);
        }
    };
    let body = view! {
        <div class="dialog-field">
            <label for="picker-search">"Name"</label>
            <input id="picker-search" class="field" type="search" autocomplete="off" placeholder="Find a colleague"
                prop:value=move || search.get() on:input=move |event| search.set(event_target_value(&event)) />
        </div>
        {move || (chosen.with(BTreeMap::len) > 1).then(|| view! {
            <div class="dialog-field">
                <label for="picker-title">"Title of the group"</label>
                <input id="picker-title" class="field" autocomplete="off" maxlength=limits::TITLE_CHARS_MAX.to_string()
                    prop:value=move || title.get() on:input=move |event| title.set(event_target_value(&event)) />
            </div>
        })}
        <div class="dialog-list">{list}</div>
        <div class="dialog-foot">
            <button type="button" class="button primary" disabled=move || chosen.with(BTreeMap::is_empty) on:click=start>
                {move || match chosen.with(BTreeMap::len) {
                    0 | 1 => "Start".to_owned(),
                    n => format!("Start with {}", words::count(n, "person", "people")),
                }}
            </button>
        </div>
    }
    .into_any();
    dialog::frame(scope, "New conversation", body)
}

fn option(scope: Scope, person: Person, chosen: RwSignal<BTreeMap<UserId, String>>) -> AnyView {
    let (id, name) = (person.id, person.name.clone());
    let toggle = move |_| {
        chosen.update(|chosen| {
            if chosen.remove(&id).is_none() && chosen.len() < limits::PARTICIPANTS_CREATE_MAX {
                chosen.insert(id, name.clone());
            }
        });
    };
    view! {
        <li>
            <label class="option">
                {face::with_presence(scope, &person, "large")}
                <span class="option-main">
                    <span class="truncate">{person.name.clone()}" "{face::guest_tag(&person)}</span>
                    <span class="option-sub">{person.job_title.clone()}</span>
                </span>
                <input type="checkbox" prop:checked=move || chosen.with(|chosen| chosen.contains_key(&id)) on:change=toggle />
            </label>
        </li>
    }
    .into_any()
}

/// Starts a conversation, or finds the one there is, and opens it.
pub fn create(scope: Scope, what: CreateConversation) {
    let Some(ask) = scope.ask() else { return };
    spawn_local(async move {
        let call = Call::send("POST", "/conversations", &what).with_key(ids::idempotency_key());
        match api::call::<ConversationSummary>(scope.shell, Some(scope.company), call).await {
            Ok(summary) => {
                let id = summary.id;
                scope.apply(Input::SummariesLoaded { ask, items: vec![summary] });
                if scope.is_alive() {
                    dialog::close(scope);
                    scope.open(id);
                }
            }
            Err(failure) if scope.is_alive() => driver::say(scope, true, &format!("Not started. {}.", words::failure(&failure))),
            Err(_) => {}
        }
    });
}
