//! Limits and abuse: what the company limits by itself, and the trail of what was refused.

use postil::{
    ids::UserId,
    limits,
    wire::{AbuseEntry, Code, CompanySettings, NOTED, PatchSettings},
};

use super::{
    Data, Desk,
    form::{self, Form},
    list::{List, parameter},
};
use crate::{
    net::{api::Call, dom},
    node::{Node, button, div, el, live, span},
    parts::states,
    react::{RwSignal, StoredValue},
    state::words::count,
};

/// What is noted, for the filter.
const KINDS: [(Code, &str); NOTED.len()] = [
    (Code::RateLimited, "Too many requests"),
    (Code::FrameFlood, "Too many frames on a socket"),
    (Code::DuplicateMessage, "The same text again"),
    (Code::TooManyLinks, "Too many links in one message"),
    (Code::LinkFlood, "Too many links in a minute"),
    (Code::TooManyMentions, "Too many mentions in one message"),
    (Code::MentionFlood, "Too many mentions in a minute"),
    (Code::NewcomerLimit, "More than new members may"),
    (Code::SlowMode, "Slow mode"),
    (Code::WordRefused, "A word of the company's list"),
    (Code::Muted, "Writing while muted"),
    (Code::Forbidden, "Not allowed"),
    (Code::BeyondOwnRights, "Beyond own rights"),
    (Code::NotFound, "Not there, or not for them"),
    (Code::InvalidCredentials, "Wrong password"),
];

/// One setting: its name in the API, its label, what it allows.
type Setting = (&'static str, &'static str, &'static str, fn(&CompanySettings) -> u32);

const SETTINGS: [Setting; 8] = [
    ("duplicatesMax", "The same text, times", "1 to 100, by one person, over all conversations", |s| s.duplicates_max),
    ("duplicateWindowS", "Within, seconds", "10 to 86 400: a day", |s| s.duplicate_window_s),
    ("linksPerMessage", "Links in one message", "0 to 200, and no more than in a minute", |s| s.links_per_message),
    ("linksPerMinute", "Links in a minute", "1 to 1 000, by one person", |s| s.links_per_minute),
    ("mentionsPerMessage", "People mentioned in one message", "0 to 200, and no more than in a minute", |s| {
        s.mentions_per_message
    }),
    ("mentionsPerMinute", "People mentioned in a minute", "1 to 1 000, by one person", |s| s.mentions_per_minute),
    ("newcomerHours", "New members are new for, hours", "0 to 720: thirty days. 0: never", |s| s.newcomer_hours),
    ("newcomerPercent", "New members' share of the limits, percent", "1 to 100", |s| s.newcomer_percent),
];
const _: () = assert!(
    limits::DUPLICATES_LIMIT_MAX == 100
        && limits::DUPLICATE_WINDOW_S_MIN == 10
        && limits::DUPLICATE_WINDOW_S_MAX == 86_400
        && limits::PER_MESSAGE_MAX == 200
        && limits::PER_MINUTE_MAX == 1_000
        && limits::NEWCOMER_HOURS_MAX == 720,
    "the hints say so"
);

/// Names of people, as far as they are loaded.
type Names = StoredValue<Vec<(UserId, String)>>;

/// The section.
#[must_use]
pub fn abuse(desk: Desk, mut data: Data) -> Node {
    let members = data.members.take().map(|page| page.items).unwrap_or_default();
    let names = StoredValue::new(members.into_iter().map(|one| (one.id, one.name)).collect());
    let settings = data.settings.take().unwrap_or_default();
    div("admin-section").child(company_limits(desk, settings)).child(trail(desk, names, data)).into()
}

fn company_limits(desk: Desk, first: CompanySettings) -> Node {
    let form = Form::new();
    let values = SETTINGS.map(|(_, _, _, of)| RwSignal::new(of(&first).to_string()));
    let stored = RwSignal::new(first);
    let fields = SETTINGS.iter().zip(values).map(|((name, label, hint, _), value)| {
        form::text_of(
            form,
            name,
            label,
            form::line(value).attr("inputmode", "numeric").attr("autocomplete", "off"),
            Some(hint),
        )
    });
    let send = move || {
        let was = stored.get_untracked();
        let mut changed = [None; 8];
        for (((name, _, _, of), value), changed) in SETTINGS.iter().zip(values).zip(&mut changed) {
            match value.get_untracked().trim().parse::<u32>() {
                Ok(number) => *changed = Some(number).filter(|number| *number != of(&was)),
                Err(_) => return form.refuse(name, "is not a whole number"),
            }
        }
        let [
            duplicates_max,
            duplicate_window_s,
            links_per_message,
            links_per_minute,
            mentions_per_message,
            mentions_per_minute,
            newcomer_hours,
            newcomer_percent,
        ] = changed;
        let body = PatchSettings {
            version: was.version,
            duplicates_max,
            duplicate_window_s,
            links_per_message,
            links_per_minute,
            mentions_per_message,
            mentions_per_minute,
            newcomer_hours,
            newcomer_percent,
        };
        form.send(desk, Call::send("PATCH", "/admin/settings", &body), move |now: CompanySettings| {
            desk.say("The limits are saved. They hold from the next message on.");
            for ((_, _, _, of), value) in SETTINGS.iter().zip(values) {
                value.set(of(&now).to_string());
            }
            stored.set(now);
        });
    };
    let sheet = el("form", "limits-form")
        .attr("method", "post")
        .attr("novalidate", "")
        .test_id("limits")
        .on("submit", move |event| {
            event.prevent_default();
            if !form.busy.get_untracked() {
                send();
            }
        })
        .child(form.alert())
        .children(fields)
        .child(
            el("button", "button primary")
                .attr("type", "submit")
                .attr_live("aria-disabled", move || form.busy.get().then_some("true"))
                .child("Save"),
        );
    el("section", "")
        .child(el("h2", "admin-subtitle").child("What the company limits"))
        .child(el("p", "admin-lead").child(
            "For each person, over all their conversations; the ERP's key is exempt. How fast anybody may send at all is the installation's to say.",
        ))
        .child(sheet)
        .into()
}

fn trail(desk: Desk, names: Names, data: Data) -> Node {
    let list = List::new(desk, "/admin/abuse?limit=50", data.abuse);
    let [kind, person, since] = ["", "", ""].map(|text| RwSignal::new(text.to_owned()));
    let form = Form::new();
    let ask = move || {
        let mut path = "/admin/abuse?limit=50".to_owned();
        let kind = kind.get_untracked();
        if !kind.is_empty() {
            parameter(&mut path, "kind", &kind);
        }
        form.clear();
        let wanted = person.get_untracked().trim().to_owned();
        if !wanted.is_empty() {
            match wanted.parse::<UserId>() {
                Ok(id) => parameter(&mut path, "userId", &id.to_string()),
                Err(_) => {
                    return form.refuse("userId", "is not a person's id, such as usr_019…: press a name in the list");
                }
            }
        }
        let from = since.get_untracked();
        if !from.is_empty() {
            match dom::local_time(&from) {
                Some(at) => parameter(&mut path, "since", &at.to_string()),
                None => return form.refuse("since", "is not a date and time"),
            }
        }
        list.ask(path);
    };
    let mut first = true;
    dom::effect(move || {
        let _ = kind.get();
        // The page came with the first answer.
        if !core::mem::replace(&mut first, false) {
            ask();
        }
    });
    let mut kinds = vec![(String::new(), "Everything".to_owned())];
    kinds.extend(KINDS.iter().map(|(code, words)| (code.as_str().to_owned(), (*words).to_owned())));
    let tools = el("form", "admin-tools audit-tools")
        .attr("role", "search")
        .attr("method", "post")
        .attr("novalidate", "")
        .on("submit", move |event| {
            event.prevent_default();
            ask();
        })
        .child(form::choice(form, "kind", "What", kind, kinds, None))
        .child(form::text(form, "userId", "Whom", person, None))
        .child(form::text_of(form, "since", "Since", form::line(since).attr("type", "datetime-local"), None))
        .child(el("button", "button").attr("type", "submit").child("Show"));
    let none = || states::empty("Nothing was refused", "No refusal of this kind is in the trail.", ());
    let by = move |id: UserId| {
        person.set(id.to_string());
        ask();
    };
    let rows = list.view("entries", "Refusals", none, move |entry| row(desk, names, by, entry));
    el("section", "admin-part")
        .child(el("h2", "admin-subtitle").child("What was refused"))
        .child(el("p", "admin-lead").child(
            "One line for each minute, person and kind, for ninety days. Refused access is in the audit log first: up to ten a minute for each person are there and not here.",
        ))
        .child(tools)
        .child(rows)
        .into()
}

fn row(desk: Desk, names: Names, by: impl Fn(UserId) + Copy + Send + 'static, entry: &AbuseEntry) -> Node {
    let words = KINDS.iter().find(|(code, _)| code.as_str() == entry.kind).map(|(_, words)| *words);
    let times = match entry.count {
        1 => "once".to_owned(),
        many => count(usize::try_from(many).unwrap_or(usize::MAX), "time", "times"),
    };
    let what = div("entry-main")
        .child(words.map(|words| span("entry-name").child(words)))
        .child(span("entry-sub mono").child(format!("{} · {}", entry.kind, entry.operation)));
    let who: Node = match entry.user_id {
        Some(id) => {
            let named = names.with_value(|all| all.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone()));
            let name = named.unwrap_or_else(|| id.to_string());
            button("link", move || by(id)).label(format!("Only what {name} was refused")).child(name).into()
        }
        None => span("muted").child("all beyond what a minute has room for").into(),
    };
    let (first, last) = (entry.first_at, entry.last_at);
    let when = live(move || {
        let clock = desk.clock.get();
        if first == last {
            format!("{times}, {}", clock.amid(first))
        } else {
            format!("{times}, the last {}", clock.amid(last))
        }
    });
    let line = |label: &'static str, value: String| {
        div("fact").child(el("dt", "").child(label)).child(el("dd", "mono").child(value))
    };
    let more = (entry.address.is_some() || entry.conversation_id.is_some()).then(|| {
        el("details", "audit-more").child(el("summary", "").child("Where")).child(
            el("dl", "facts")
                .child(entry.conversation_id.map(|id| line("Conversation", id.to_string())))
                .child(entry.address.clone().map(|address| line("Stands for the address", address))),
        )
    });
    el("li", "entry entry-audit")
        .test_id("refusal")
        .child(what)
        .child(div("entry-main").child(who).child(el("p", "entry-sub").child(when)))
        .child(more)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_offers_what_is_noted() {
        assert_eq!(KINDS.map(|(code, _)| code), NOTED);
    }
}
