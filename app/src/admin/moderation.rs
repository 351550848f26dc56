//! Moderation: what was reported, as far as the viewer's right to judge it reaches. The queue has no text: a case is opened
//! by itself, after a question, because each look is told to the audit log.

use postil::wire::{CaseState, OpenedCase, ReportCase, ReportReason};

use super::{
    Data, Desk, case, dialog,
    form::{self, Form},
    list::List,
};
use crate::{
    net::{api::Call, dom},
    node::{Element, Node, button, div, el, live, span},
    parts::{face, states},
    react::{RwSignal, untrack},
    state::words::count,
};

/// What the section shows: the queue, or one case of it.
#[derive(Clone, Copy)]
pub struct Cases {
    /// The page's desk.
    pub desk: Desk,
    /// The queue.
    pub list: List<ReportCase>,
    /// The case that stands in its place.
    pub opened: RwSignal<Option<OpenedCase>>,
}

impl Cases {
    /// Shows the queue again, as it is by now.
    pub fn back(self) {
        self.opened.set(None);
        self.list.reload();
        dom::focus_soon("#title");
    }
}

fn path(state: &str) -> String {
    format!("/moderation/reports?limit=50&state={state}")
}

/// The section.
#[must_use]
pub fn moderation(desk: Desk, data: Data) -> Node {
    let state = RwSignal::new(CaseState::Open.as_str().to_owned());
    let list = List::new(desk, path(CaseState::Open.as_str()), data.cases);
    let cases = Cases { desk, list, opened: RwSignal::new(None) };
    let mut first = true;
    dom::effect(move || {
        let state = state.get();
        // The page came with the first answer.
        if !core::mem::replace(&mut first, false) {
            list.ask(path(&state));
        }
    });
    div("admin-section")
        .live(move || match cases.opened.get() {
            Some(opened) => untrack(|| case::case(cases, &opened)),
            None => untrack(|| queue(cases, state)),
        })
        .into()
}

fn queue(cases: Cases, state: RwSignal<String>) -> Node {
    let states = [(CaseState::Open, "Open"), (CaseState::Resolved, "Resolved")]
        .map(|(state, label)| (state.as_str().to_owned(), label.to_owned()));
    let tools = div("admin-tools").child(form::select(state, states.to_vec()).label("State").test_id("state"));
    let none = move || {
        if state.get_untracked() == CaseState::Open.as_str() {
            states::empty(
                "Nothing to judge",
                "What people report, or the word list finds, stands here until it is resolved.",
                (),
            )
        } else {
            states::empty("Nothing resolved", "Cases stand here once a moderator is done with them.", ())
        }
    };
    let rows = cases.list.view("entries", "Reported messages", none, move |one| row(cases, one));
    div("case-queue")
        .child(el("p", "admin-lead").child(
            "Reported messages that you may judge, never your own. Who reported is told to nobody. The text is shown when you open a case.",
        ))
        .child(tools)
        .child(rows)
        .into()
}

/// What a reason is called.
#[must_use]
pub const fn reason(reason: ReportReason) -> &'static str {
    match reason {
        ReportReason::Harassment => "Harassment",
        ReportReason::Confidential => "Confidential",
        ReportReason::Spam => "Spam",
        ReportReason::Illegal => "Against the law",
        ReportReason::Other => "Something else",
        ReportReason::WordList => "Word list",
    }
}

/// What the message is about.
#[must_use]
pub fn about(case: &ReportCase) -> String {
    match &case.record {
        Some(record) => format!("{} {}", crate::state::words::record(record.kind), record.id),
        None => "no record".to_owned(),
    }
}

/// How often it was reported.
#[must_use]
pub fn reports(case: &ReportCase) -> String {
    count(usize::try_from(case.report_count).unwrap_or(usize::MAX), "report", "reports")
}

/// Reasons with how often each was given.
#[must_use]
pub fn reasons(case: &ReportCase) -> Element {
    let tag = |text: String| span("entry-tag").child(text).into();
    let told = case.reasons.iter().map(|one| match one.count {
        1 => tag(reason(one.reason).to_owned()),
        n => tag(format!("{} × {n}", reason(one.reason))),
    });
    span("case-reasons").children(told)
}

fn row(cases: Cases, case: &ReportCase) -> Node {
    let desk = cases.desk;
    let author = div("entry-main")
        .child(
            span("entry-name")
                .child(span("truncate").child(case.author.name.clone()))
                .child(face::guest_tag(&case.author)),
        )
        .child(span("entry-sub").child(format!("wrote about {}", about(case))));
    let (at, done, how_often) = (case.reported_at, case.resolved_at, reports(case));
    let when = live(move || {
        let clock = desk.clock.get();
        match done {
            Some(done) => format!("{how_often}, resolved {}", clock.amid(done)),
            None => format!("{how_often}, the last {}", clock.ago(at)),
        }
    });
    let why = div("entry-main").child(reasons(case)).child(span("entry-sub").child(when));
    let of = case.clone();
    let open = button("button quiet", move || ask(cases, of.clone()))
        .label(format!("Open the case of {}", case.author.name))
        .child("Open…");
    el("li", "entry")
        .test_id("case")
        .attr("data-message", case.message_id.to_string())
        .child(face::plain(&case.author, "large"))
        .child(author)
        .child(why)
        .child(div("entry-actions").child(open))
        .into()
}

/// The question before a look: it is told.
fn ask(cases: Cases, of: ReportCase) {
    cases.desk.open(move || {
        let (form, id) = (Form::new(), of.message_id);
        let text = format!(
            "You will read what {} wrote, even if it is hidden or deleted by now, with up to two messages before and after it, and what was reported.",
            of.author.name
        );
        let told = "Each look is written to the audit log, with your name.";
        let body = vec![
            form.alert(),
            el("p", "").child(text).into(),
            el("p", "case-told").child(told).into(),
        ];
        let send = move || {
            form.send(cases.desk, Call::get(format!("/moderation/reports/{id}")), move |case: OpenedCase| {
                dialog::close(cases.desk);
                cases.desk.say("");
                cases.opened.set(Some(case));
                dom::focus_soon("#case");
            });
        };
        dialog::form(cases.desk, "Open this case?", form, body, ("button primary", "Open the case"), send)
    });
}
