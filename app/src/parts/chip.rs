//! Record chips. What can be opened looks like it; what may not be seen has a lock, no name, and nothing to click.

use leptos::prelude::*;
use postil::{
    domain::{RecordKey, RecordKind},
    wire::{LinkedRecord, MessageLink},
};
use wasm_bindgen_futures::spawn_local;

use super::icon;
use crate::{
    net::{
        api::{self, Call, encoded},
        boot, driver,
    },
    state::{Scope, Surface, chips::ChipState, words},
};

const WIDE: &str = "chip wide";

/// A record that a text refers to: resolved for this viewer.
#[must_use]
pub fn reference(scope: Scope, key: RecordKey) -> AnyView {
    let wanted = key.clone();
    Effect::new(move || scope.chips.want(scope, &wanted));
    let class = "chip inline";
    view! {
        {move || match scope.chips.get(&key) {
            ChipState::Known(record) => known(scope, &record, None, class),
            ChipState::Restricted => restricted(key.kind, class),
            ChipState::Loading => loading(&key, class),
        }}
    }
    .into_any()
}

/// The record that a message is about: as it was then, and as it is now where that differs.
#[must_use]
pub fn link(scope: Scope, link: MessageLink) -> AnyView {
    let wanted = link.record.clone();
    Effect::new(move || scope.chips.want(scope, &wanted));
    let class = "chip message-link";
    view! {
        {move || match scope.chips.get(&link.record) {
            ChipState::Known(record) => known(scope, &record, Some(&link), class),
            ChipState::Restricted => restricted(link.record.kind, class),
            // The message came with what the record was: it can be shown, and opened once it is known.
            ChipState::Loading => {
                let figure = link.amount.as_ref().map(words::money);
                let status = link.status.clone();
                view! {
                    <span class=class>
                        {icon::record(link.record.kind)}
                        <span class="chip-title">{link.title.clone()}</span>
                        {figure.map(|text| view! { <span class="chip-figure">{text}</span> })}
                        {status.map(|text| view! { <span class="chip-status">{text}</span> })}
                    </span>
                }
                .into_any()
            }
        }}
    }
    .into_any()
}

/// The record that a conversation is about. The conversation's title names it already: the chip says its id.
#[must_use]
pub fn subject(scope: Scope, record: &LinkedRecord) -> AnyView {
    let key = RecordKey { kind: record.kind, id: record.id.clone() };
    let came = record.clone();
    view! {
        {move || match scope.chips.get(&key) {
            ChipState::Known(record) => known(scope, &record, None, WIDE),
            ChipState::Restricted => restricted(key.kind, WIDE),
            ChipState::Loading => known(scope, &came, None, WIDE),
        }}
    }
    .into_any()
}

fn known(scope: Scope, record: &LinkedRecord, then: Option<&MessageLink>, class: &'static str) -> AnyView {
    let pair = |then: Option<String>, now: Option<String>, class: &'static str| match (then, now) {
        (Some(then), Some(now)) if then != now => Some(
            view! {
                <span class=class>
                    <span class="visually-hidden">"then "</span><span class="chip-then">{then}</span>
                    <span aria-hidden="true">" → "</span><span class="visually-hidden">", now "</span>
                    <span class="chip-now">{now}</span>
                </span>
            }
            .into_any(),
        ),
        (_, now) => now.map(|now| view! { <span class=class>{now}</span> }.into_any()),
    };
    let then_amount = then.and_then(|link| link.amount.as_ref()).map(words::money);
    let then_status = then.and_then(|link| link.status.clone());
    let now_amount = record.amount.as_ref().map(words::money);
    let figure = pair(then_amount.or_else(|| now_amount.clone()), now_amount, "chip-figure");
    let status = pair(then_status.or_else(|| record.status.clone()), record.status.clone(), "chip-status");
    let title = if class == WIDE { record.id.to_string() } else { record.title.clone() };
    let inside = view! {
        {icon::record(record.kind)}
        <span class="chip-title">{title}</span>
        {figure}
        {status}
    }
    .into_any();
    let name = format!("Open {} {}", words::record(record.kind), record.title);
    match (&record.url, scope.shell.surface) {
        (_, Surface::Embedded) => {
            let key = RecordKey { kind: record.kind, id: record.id.clone() };
            view! { <button type="button" class=class title=name on:click=move |_| open(scope, key.clone())>{inside}</button> }.into_any()
        }
        (Some(url), _) => {
            view! { <a class=class title=name href=url.clone() target="_blank" rel="noopener noreferrer">{inside}</a> }.into_any()
        }
        (None, _) => view! { <span class=class>{inside}</span> }.into_any(),
    }
}

/// Nothing of the record, and nothing to click.
fn restricted(kind: RecordKind, class: &'static str) -> AnyView {
    let text = format!("Restricted {}", words::record(kind));
    view! { <span class=format!("{class} restricted")>{icon::icon(icon::LOCK)}<span class="chip-title">{text}</span></span> }.into_any()
}

fn loading(key: &RecordKey, class: &'static str) -> AnyView {
    view! { <span class=format!("{class} loading")>{icon::record(key.kind)}<span class="chip-title">{key.id.to_string()}</span></span> }
        .into_any()
}

/// Asks the host to show the record, if it may still be seen now.
fn open(scope: Scope, key: RecordKey) {
    spawn_local(async move {
        let call = Call::get(format!("/records/{}/{}", key.kind, encoded(key.id.as_str())));
        match api::call::<LinkedRecord>(scope.shell, Some(scope.company), call).await {
            Ok(record) => boot::navigate(&key, record.url.as_deref()),
            Err(failure) => {
                if matches!(&failure, postil::feed::Failure::Problem(problem) if problem.status == 404) {
                    scope.chips.refresh(scope, key);
                }
                driver::say(scope, true, &format!("Can't be opened. {}.", words::failure(&failure)));
            }
        }
    });
}
