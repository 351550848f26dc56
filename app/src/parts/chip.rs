//! Record chips. What can be opened looks like it; what may not be seen has a lock, no name, and nothing to click.

use postil::{
    domain::{RecordKey, RecordKind},
    wire::{LinkedRecord, MessageLink},
};

use super::icon;
use crate::{
    net::{
        api::{self, Call, encoded},
        boot, dom, driver,
    },
    node::{Element, Node, button, el, live, span},
    state::{Scope, Surface, chips::ChipState, words},
};

const WIDE: &str = "chip wide";

/// A record that a text refers to: resolved for this viewer.
#[must_use]
pub fn reference(scope: Scope, key: RecordKey) -> Node {
    want(scope, &key);
    let class = "chip inline";
    live(move || match scope.chips.get(&key) {
        ChipState::Known(record) => known(scope, &record, None, class),
        ChipState::Restricted => restricted(key.kind, class),
        ChipState::Loading => span(format!("{class} loading"))
            .child(icon::record(key.kind))
            .child(span("chip-title").child(key.id.to_string()))
            .into(),
    })
}

/// The record that a message is about: as it was then, and as it is now where that differs.
#[must_use]
pub fn link(scope: Scope, link: MessageLink) -> Node {
    want(scope, &link.record);
    let class = "chip message-link";
    live(move || match scope.chips.get(&link.record) {
        ChipState::Known(record) => known(scope, &record, Some(&link), class),
        ChipState::Restricted => restricted(link.record.kind, class),
        // The message came with what the record was: it can be shown, and opened once it is known.
        ChipState::Loading => span(class)
            .child(icon::record(link.record.kind))
            .child(span("chip-title").child(link.title.clone()))
            .child(link.amount.as_ref().map(|amount| span("chip-figure").child(words::money(amount))))
            .child(link.status.clone().map(|status| span("chip-status").child(status)))
            .into(),
    })
}

/// The record that a conversation is about. The conversation's title names it already: the chip says its id.
#[must_use]
pub fn subject(scope: Scope, record: &LinkedRecord) -> Node {
    let key = RecordKey { kind: record.kind, id: record.id.clone() };
    let came = record.clone();
    live(move || match scope.chips.get(&key) {
        ChipState::Known(record) => known(scope, &record, None, WIDE),
        ChipState::Restricted => restricted(key.kind, WIDE),
        ChipState::Loading => known(scope, &came, None, WIDE),
    })
}

fn want(scope: Scope, key: &RecordKey) {
    let key = key.clone();
    dom::effect(move || scope.chips.want(scope, &key));
}

/// What it was then and is now, if that differs.
fn pair(then: Option<String>, now: Option<String>, class: &'static str) -> Option<Element> {
    match (then, now) {
        (Some(then), Some(now)) if then != now => Some(
            span(class)
                .child(span("visually-hidden").child("then "))
                .child(span("chip-then").child(then))
                .child(span("").attr("aria-hidden", "true").child(" → "))
                .child(span("visually-hidden").child(", now "))
                .child(span("chip-now").child(now)),
        ),
        (_, now) => now.map(|now| span(class).child(now)),
    }
}

fn known(scope: Scope, record: &LinkedRecord, then: Option<&MessageLink>, class: &'static str) -> Node {
    let title = if class == WIDE { record.id.to_string() } else { record.title.clone() };
    let name = format!("Open {} {}", words::record(record.kind), record.title);
    let chip = match (&record.url, scope.shell.surface) {
        (_, Surface::Embedded) => {
            let key = RecordKey { kind: record.kind, id: record.id.clone() };
            button(class, move || open(scope, key.clone())).attr("title", name)
        }
        (Some(url), _) => el("a", class)
            .attr("title", name)
            .attr("href", url.clone())
            .attr("target", "_blank")
            .attr("rel", "noopener noreferrer"),
        (None, _) => span(class),
    };
    let then_amount = then.and_then(|link| link.amount.as_ref()).map(words::money);
    let then_status = then.and_then(|link| link.status.clone());
    chip.child(icon::record(record.kind))
        .child(span("chip-title").child(title))
        .child(pair(then_amount, record.amount.as_ref().map(words::money), "chip-figure"))
        .child(pair(then_status, record.status.clone(), "chip-status"))
        .into()
}

/// Nothing of the record, and nothing to click.
fn restricted(kind: RecordKind, class: &'static str) -> Node {
    let text = format!("Restricted {}", words::record(kind));
    span(format!("{class} restricted")).child(icon::icon(icon::LOCK)).child(span("chip-title").child(text)).into()
}

/// Asks the host to show the record, if it may still be seen now.
fn open(scope: Scope, key: RecordKey) {
    dom::spawn(async move {
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
