//! A case: the reported message with its nearest neighbours, what was reported and done, and what can be done.

use postil::{
    domain::Note,
    limits,
    wire::{CaseAct, CaseMessage, CaseReport, CaseState, CaseVersion, Moderate, ModerationAct, OpenedCase, ReportCase},
};

use super::{
    dialog,
    form::{self, Form},
    moderation::{self, Cases},
};
use crate::{
    net::{api::Call, dom},
    node::{Node, button, div, el, live, span},
    parts::{face, icon},
    react::RwSignal,
    state::words,
};

const HOUR_S: i64 = 3_600;

/// For how long somebody can be muted: seconds, and what they are called.
const LENGTHS: [(i64, &str); 5] = [
    (HOUR_S, "An hour"),
    (24 * HOUR_S, "A day"),
    (7 * 24 * HOUR_S, "A week"),
    (30 * 24 * HOUR_S, "30 days"),
    (365 * 24 * HOUR_S, "A year"),
];

/// The case, in the queue's place.
#[must_use]
pub fn case(cases: Cases, opened: &OpenedCase) -> Node {
    let OpenedCase { case, message, reported: versions, before, after, reports, acts } = opened;
    let back = button("link case-back", move || cases.back()).child(icon::icon(icon::BACK)).child("Back to the queue");
    let state = match case.state {
        CaseState::Open => "Open",
        CaseState::Resolved => "Resolved",
    };
    let title = el("h2", "admin-subtitle case-title")
        .attr("id", "case")
        .attr("tabindex", "-1")
        .child(format!("Message of {}", case.author.name))
        .child(span("entry-tag").child(state));
    let around = before.iter().map(|one| told(cases, one, false));
    let around = around.chain([told(cases, message, true)]).chain(after.iter().map(|one| told(cases, one, false)));
    let facts = el("p", "case-about")
        .child(format!("About {}, in the conversation ", moderation::about(case)))
        .child(span("mono").child(case.conversation_id.to_string()))
        .child(cases.desk.rights.policy.then(|| {
            let to = format!("/admin/explain?message={}", case.message_id);
            vec![". ".into(), el("a", "link").attr("href", to).child("Who can read it?").into()]
        }));
    let done: Node = if acts.is_empty() {
        el("p", "muted").child("Nothing was done so far.").into()
    } else {
        el("ul", "case-list").label("What was done").children(acts.iter().map(|act| was_done(cases, act))).into()
    };
    let part =
        |title: &'static str, content: Node| el("section", "case-part").child(el("h3", "").child(title)).child(content);
    div("case")
        .test_id("opened")
        .child(back)
        .child(title)
        .child(facts)
        .child(part("The message and its neighbours", el("ul", "case-talk").children(around).into()))
        .child((!versions.is_empty()).then(|| {
            let versions = versions.iter().map(|one| version(cases, one));
            part("What stood there when it was reported", el("ul", "case-list").children(versions).into())
        }))
        .child(part(
            "What was reported",
            el("ul", "case-list").children(reports.iter().map(|one| reported(cases, one))).into(),
        ))
        .child(part("What to do", choices(cases, case, message)))
        .child(part("What was done", done))
        .into()
}

/// A message, as its source was written: nothing in it can be pressed.
fn told(cases: Cases, message: &CaseMessage, reported: bool) -> Node {
    let at = message.created_at;
    let tag = |show: bool, text: &'static str| show.then(|| span("entry-tag").child(text));
    let head = div("case-head")
        .child(face::plain(&message.author, ""))
        .child(span("case-author").child(message.author.name.clone()))
        .child(face::guest_tag(&message.author))
        .child(span("muted").live(move || cases.desk.clock.get().long(at)))
        .child(tag(reported, "Reported"))
        .child(tag(message.edited_at.is_some(), "Edited"))
        .child(tag(message.deleted_at.is_some(), "Deleted"))
        .child(tag(message.hidden_at.is_some(), "Hidden"));
    el("li", if reported { "case-message is-reported" } else { "case-message" })
        .test_id(if reported { "reported" } else { "neighbour" })
        .child(head)
        .child(if message.withheld {
            el("p", "muted").test_id("withheld").child(
                "A rule of your company keeps the text of this message from you. Judge it by its reports, or leave it to somebody else.",
            )
        } else {
            el("p", "case-text").attr("dir", "auto").child(message.body.clone())
        })
        .into()
}

/// A version of it that was reported, and is not there any more.
fn version(cases: Cases, version: &CaseVersion) -> Node {
    let at = version.created_at;
    el("li", "case-item")
        .test_id("reported-version")
        .child(div("case-head").child(span("muted").live(move || cases.desk.clock.get().long(at))))
        .child(el("p", "case-text").attr("dir", "auto").child(version.body.clone()))
        .into()
}

fn reported(cases: Cases, report: &CaseReport) -> Node {
    let at = report.created_at;
    el("li", "case-item")
        .child(
            div("case-head")
                .child(span("case-author").child(moderation::reason(report.reason)))
                .child(span("muted").live(move || cases.desk.clock.get().long(at))),
        )
        .child(report.note.clone().map(|note| el("p", "case-text").attr("dir", "auto").child(note)))
        .into()
}

/// An act, as it is told afterwards.
const fn past(act: ModerationAct) -> &'static str {
    match act {
        ModerationAct::Hide => "Hidden",
        ModerationAct::Restore => "Restored",
        ModerationAct::Warn => "Warned",
        ModerationAct::Mute => "Muted",
        ModerationAct::Unmute => "May write again",
        ModerationAct::Remove => "Taken out of the group",
        ModerationAct::Readmit => "Let in again",
        ModerationAct::Resolve => "Resolved",
        ModerationAct::Mask => "Words covered",
    }
}

/// What was just done.
fn said(act: ModerationAct, author: &str) -> String {
    match act {
        ModerationAct::Hide => format!("The message of {author} is hidden."),
        ModerationAct::Restore => format!("The message of {author} is restored."),
        ModerationAct::Warn => format!("{author} is warned."),
        ModerationAct::Mute => format!("{author} is muted."),
        ModerationAct::Unmute => format!("{author} may write again."),
        ModerationAct::Remove => format!("{author} is taken out of the group."),
        ModerationAct::Readmit => format!("{author} is let in again."),
        ModerationAct::Resolve | ModerationAct::Mask => format!("The case of {author} is resolved."),
    }
}

fn was_done(cases: Cases, act: &CaseAct) -> Node {
    let (at, until, everywhere) = (act.created_at, act.until, act.everywhere);
    let who = act.moderator.clone().unwrap_or_else(|| "the word list".to_owned());
    let when = live(move || {
        let clock = cases.desk.clock.get();
        let until = until.map(|until| {
            format!("until {}{}, ", clock.amid(until), if everywhere { " in the whole company" } else { "" })
        });
        format!("{}by {who}, {}", until.unwrap_or_default(), clock.amid(at))
    });
    el("li", "case-item")
        .test_id("act")
        .child(div("case-head").child(span("case-author").child(past(act.act))).child(span("muted").child(when)))
        .child(el("p", "case-text").attr("dir", "auto").child(act.reason.clone()))
        .into()
}

/// An act that can be chosen: on its button, above its question, and what follows from it.
const fn asked(act: ModerationAct) -> (&'static str, &'static str, &'static str) {
    match act {
        ModerationAct::Hide => (
            "Hide",
            "Hide this message?",
            "Its text is taken from everybody, its author included. A note that something was hidden stays, and so do replies. You can restore it.",
        ),
        ModerationAct::Restore => {
            ("Restore", "Restore this message?", "Everybody who reads the conversation reads it again.")
        }
        ModerationAct::Warn => {
            ("Warn", "Warn the author?", "They get a notice with your reason, and nothing else happens.")
        }
        ModerationAct::Mute => (
            "Mute",
            "Mute the author?",
            "They go on reading, and may not write, edit or begin a conversation until then. Deleting what they wrote stays open to them.",
        ),
        ModerationAct::Unmute => {
            ("Unmute", "Let the author write again?", "A mute ends now, here and as far as you may end it.")
        }
        ModerationAct::Remove => (
            "Take out",
            "Take the author out of the group?",
            "They read and write nothing in this group any more. Talk about records is the record's to open: mute them there.",
        ),
        ModerationAct::Readmit => {
            ("Let in", "Let the author into the group again?", "They read and write in it as before.")
        }
        ModerationAct::Resolve | ModerationAct::Mask => (
            "Resolve",
            "Resolve this case?",
            "It leaves the queue. Another report opens it again, unless the message is hidden. Nobody gets a notice.",
        ),
    }
}

fn choices(cases: Cases, case: &ReportCase, message: &CaseMessage) -> Node {
    let choice = |act: ModerationAct, class: &'static str| {
        let of = case.clone();
        button(class, move || {
            let of = of.clone();
            cases.desk.open(move || acting(cases, &of, act));
        })
        .child(asked(act).0)
        .into()
    };
    let text = match (message.hidden_at, message.deleted_at) {
        (Some(_), _) => Some(ModerationAct::Restore),
        (None, None) => Some(ModerationAct::Hide),
        // What its author took away is not there to be hidden.
        (None, Some(_)) => None,
    };
    let resolve = (case.state == CaseState::Open).then_some(ModerationAct::Resolve);
    let mut author = vec![ModerationAct::Warn, ModerationAct::Mute, ModerationAct::Unmute];
    if case.record.is_none() {
        author.extend([ModerationAct::Remove, ModerationAct::Readmit]);
    }
    let about = |label: &'static str, acts: Vec<ModerationAct>| {
        let buttons = acts.into_iter().map(|act| choice(act, "button"));
        (buttons.len() > 0).then(|| {
            div("case-choices").attr("role", "group").label(label).child(span("muted").child(label)).children(buttons)
        })
    };
    div("case-acts")
        .child(about("Message", text.into_iter().collect()))
        .child(about("Author", author))
        .child(about("Case", resolve.into_iter().collect()))
        .into()
}

fn acting(cases: Cases, of: &ReportCase, act: ModerationAct) -> Node {
    let (label, title, follows) = asked(act);
    let form = Form::new();
    let reason = RwSignal::new(String::new());
    let length = RwSignal::new(LENGTHS[1].0.to_string());
    let everywhere = RwSignal::new(false);
    let read = if act == ModerationAct::Resolve {
        "For other moderators. At most 500 characters."
    } else {
        "The author reads it, and not who wrote it. At most 500 characters."
    };
    const { assert!(limits::MODERATION_NOTE_CHARS_MAX == 500, "the hints above say so") };
    let mute = act == ModerationAct::Mute;
    let lengths = LENGTHS.iter().map(|(seconds, label)| (seconds.to_string(), (*label).to_owned())).collect();
    let whole = (mute && cases.desk.rights.moderate_all).then(|| {
        form::tick(
            "In the whole company, not only in this conversation",
            move || everywhere.get(),
            move |on| {
                everywhere.set(on);
            },
        )
    });
    let body = vec![
        form.alert(),
        el("p", "").child(follows).into(),
        mute.then(|| form::choice(form, "until", "For how long", length, lengths, None)).into(),
        whole.into(),
        form::area(form, "reason", "Reason", reason, Some(read)),
    ];
    let (id, author) = (of.message_id, of.author.name.clone());
    let send = move || {
        let reason = match Note::new(&reason.get_untracked()) {
            Ok(reason) => reason,
            Err(error) => return form.refuse("reason", error.to_string()),
        };
        let seconds = length.get_untracked().parse().unwrap_or(HOUR_S);
        let until = mute.then(|| dom::now().plus_s(seconds));
        let body = Moderate { act, reason, until, everywhere: mute && everywhere.get_untracked() };
        let said = said(act, &author);
        let call = Call::send("POST", format!("/moderation/reports/{id}/acts"), &body);
        form.send(cases.desk, call, move |_: ReportCase| {
            dialog::close(cases.desk);
            cases.desk.say(said);
            if act == ModerationAct::Resolve { cases.back() } else { again(cases, id) }
        });
    };
    let class =
        if act == ModerationAct::Hide || act == ModerationAct::Remove { "button danger" } else { "button primary" };
    dialog::form(cases.desk, title, form, body, (class, label), send)
}

/// Reads the case again after something was done: what was so already is no act, so that only the server knows what stands.
fn again(cases: Cases, id: postil::ids::MessageId) {
    dom::spawn(async move {
        match cases.desk.call::<OpenedCase>(Call::get(format!("/moderation/reports/{id}"))).await {
            Ok(case) => {
                cases.opened.set(Some(case));
                dom::keep_focus("#case");
            }
            Err(failure) => {
                cases.desk.say(format!("It is done. The case can't be shown again: {}.", words::failure(&failure)));
                cases.back();
            }
        }
    });
}
