//! What people do about what others write, and what moderators did about theirs: reports, blocks, notices, mutes.

use postil::{
    clock::Timestamp,
    domain::{ConversationKind, Note},
    feed::Input,
    ids::{ConversationId, MessageId, NoticeId, UserId},
    wire::{CreateReport, ModerationAct, Notice, ReportReason},
};
use serde::de::IgnoredAny;

use super::{dialog, message};
use crate::{
    net::{
        api::{self, Call},
        dom, driver,
    },
    node::{Node, button, div, el, live, span},
    parts::icon,
    react::{Memo, RwSignal, event_target_value},
    state::{Scope, scope::Dialog, words},
};

/// The reasons that people give, with their words.
const REASONS: [(ReportReason, &str); 5] = [
    (ReportReason::Harassment, "It attacks or belittles somebody"),
    (ReportReason::Confidential, "It should not be told here"),
    (ReportReason::Spam, "It is advertising, or the same again and again"),
    (ReportReason::Illegal, "It may be against the law"),
    (ReportReason::Other, "Something else"),
];

/// Until when the viewer may not write here, if that is still to come.
pub fn muted(scope: Scope, id: ConversationId) -> Option<Timestamp> {
    let now = scope.shell.clock.get().now;
    scope.with(|feed| feed.conversation(id).and_then(|view| view.muted_until).filter(|until| *until > now))
}

/// Why a message is reported.
pub fn report(scope: Scope, id: MessageId) -> Node {
    // A place in the list: one kind of signal less in the bundle.
    let reason = RwSignal::new(0_i64);
    let (note, wrong) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let option = move |(place, (_, text)): (i64, (ReportReason, &'static str))| -> Node {
        let radio = el("input", "").attr("type", "radio").attr("name", "reason");
        let radio = radio.checked(move || reason.get() == place).on("change", move |_| reason.set(place));
        el("label", "option").child(radio).child(span("option-main").child(text)).into()
    };
    let area = el("textarea", "field")
        .attr("id", "report-note")
        .attr("rows", "3")
        .attr("maxlength", "500")
        .field(move || note.get())
        .on("input", move |event| note.set(event_target_value(&event)));
    let send = move || {
        let text = note.get_untracked();
        let place = usize::try_from(reason.get_untracked()).unwrap_or_default();
        let reason = REASONS.get(place).map_or(ReportReason::Other, |(reason, _)| *reason);
        let body = CreateReport { reason, note: Note::new(&text).ok() };
        dom::spawn(async move {
            let call = Call::send("POST", format!("/messages/{id}/reports"), &body);
            match api::call::<IgnoredAny>(scope.shell, Some(scope.company), call).await {
                Ok(_) => {
                    dialog::close(scope);
                    driver::say(scope, false, "Reported to the moderators.");
                }
                Err(failure) => wrong.set(Some(format!("Not reported. {}.", words::failure(&failure)))),
            }
        });
    };
    let body = vec![
        div("dialog-list").attr("role", "radiogroup").label("Reason").children((0..).zip(REASONS).map(option)).into(),
        div("dialog-field")
            .child(el("label", "").attr("for", "report-note").child("More about it, for the moderators"))
            .child(area)
            .into(),
        live(move || wrong.get().map(|text| el("p", "strip error").attr("role", "alert").child(text))),
        div("dialog-foot")
            .child(button("button", move || dialog::close(scope)).child("Cancel"))
            .child(button("button primary", send).test_id("report").child("Report"))
            .into(),
    ];
    dialog::frame(scope, "Report this message?", body)
}

/// Blocks the author of a message, or lifts that.
pub fn block_action(scope: Scope, conversation: ConversationId, person: UserId) -> Node {
    let view = scope.read(|feed| {
        feed.conversation(conversation)
            .map(|view| (view.kind == ConversationKind::Record, view.blocked.contains(&person)))
    });
    match view {
        // Talk about a record is never folded: there is nothing to block.
        None | Some((true, _)) => Node::Empty,
        Some((_, true)) => {
            message::action("Unblock", icon::PEOPLE, move || change(scope, "DELETE", person, conversation))
        }
        Some((_, false)) => {
            let ask = move || scope.ui.dialog.set(Some(Dialog::Block(person, conversation)));
            message::action("Block", icon::PEOPLE, ask)
        }
    }
}

/// Whether to block somebody.
pub fn block(scope: Scope, person: UserId, conversation: ConversationId) -> Node {
    let name = scope.read(|feed| feed.person(person).map(|person| person.name.clone())).unwrap_or_default();
    let text = format!(
        "What {name} writes is folded for you, and they can't begin a conversation with you. They are not told. Talk about \
         records goes on."
    );
    let block = move || {
        dialog::close(scope);
        change(scope, "PUT", person, conversation);
    };
    let foot = div("dialog-foot")
        .child(button("button", move || dialog::close(scope)).child("Cancel"))
        .child(button("button danger", block).test_id("block").child("Block"));
    frame_with(scope, "Block this person?", text, foot.into())
}

fn frame_with(scope: Scope, title: &'static str, text: String, foot: Node) -> Node {
    dialog::frame(scope, title, vec![div("dialog-body").child(el("p", "").child(text)).into(), foot])
}

fn change(scope: Scope, method: &'static str, person: UserId, conversation: ConversationId) {
    let call = Call { method, ..Call::get(format!("/people/{person}/block")) };
    do_and_apply(scope, call, Input::BlocksChanged { conversation });
}

/// Does something, and lets the feed load again what it changes.
fn do_and_apply(scope: Scope, call: Call, done: Input) {
    dom::spawn(async move {
        match api::call::<()>(scope.shell, Some(scope.company), call).await {
            Ok(()) => scope.apply(done),
            Err(failure) => scope.ui.wrong.set(Some(format!("Not done. {}.", words::failure(&failure)))),
        }
    });
}

/// What moderators did about messages of the viewer here, until the viewer has read it.
pub fn notices(scope: Scope, id: ConversationId) -> Node {
    // A number that changes with them: what is rendered anew loses the focus.
    let changes = Memo::new(move || {
        scope.with(|feed| {
            feed.conversation(id).map_or(0, |view| {
                let sum = |sum: u16, notice: &Notice| sum.wrapping_add(1).wrapping_add(low_bits(notice.created_at));
                view.notices.iter().fold(0, sum)
            })
        })
    });
    live(move || {
        let _ = changes.get();
        let shown = |view: postil::feed::ConversationView<'_>| {
            view.notices.iter().map(|one| notice(scope, id, one)).collect::<Vec<Node>>()
        };
        scope.read(|feed| feed.conversation(id).map(shown))
    })
}

fn low_bits(at: Timestamp) -> u16 {
    u16::try_from(at.micros() & 0xffff).unwrap_or_default()
}

fn notice(scope: Scope, conversation: ConversationId, notice: &Notice) -> Node {
    let until = notice.until.map(|until| scope.shell.clock.get_untracked().long(until)).unwrap_or_default();
    let place = if notice.everywhere { "everywhere " } else { "" };
    let what = match notice.act {
        ModerationAct::Hide => "A moderator hid a message of yours".to_owned(),
        ModerationAct::Restore => "A moderator restored a message of yours".to_owned(),
        ModerationAct::Warn => "A moderator warns you because of a message of yours".to_owned(),
        ModerationAct::Mute => format!("A moderator muted you {place}until {until}"),
        ModerationAct::Unmute => "You can write again".to_owned(),
        ModerationAct::Remove => "A moderator took you out of this conversation".to_owned(),
        ModerationAct::Readmit => "A moderator let you in again".to_owned(),
        ModerationAct::Mask => "Covered in your message, because they are on the company's word list".to_owned(),
        ModerationAct::Resolve => return Node::Empty,
    };
    let id: NoticeId = notice.id;
    let read = move || {
        let call = Call { method: "POST", ..Call::get(format!("/moderation/notices/{id}/acknowledge")) };
        do_and_apply(scope, call, Input::ConversationChanged { conversation });
    };
    div("strip")
        .attr("role", "status")
        .test_id("notice")
        .child(icon::icon(icon::WARNING))
        .child(span("").child(format!("{what}: {}", notice.reason)))
        .child(button("link", read).child("I have read this"))
        .into()
}
