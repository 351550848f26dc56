//! Where people write: a new thread, a reply, an edit.

mod format;
mod markup;

use postil::{
    domain::{BoundError, ConversationKind, MessageBody, RecordKey},
    feed::Input,
    ids::{ConversationId, MessageId},
    limits,
};
use wasm_bindgen::JsCast as _;

use crate::{
    net::{
        dom::{self, Slot},
        ids, socket,
    },
    node::{Node, button, div, el, live, span},
    parts::icon,
    react::{RwSignal, event_target_value},
    state::{Scope, chips::ChipState, company_name, drafts, writing},
};

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The beginning of a thread.
    New,
    /// An answer.
    Reply(MessageId),
    /// A new text for an own message.
    Edit(MessageId),
}

/// Characters before the bound at which the count is shown.
const COUNT_FROM: usize = limits::MESSAGE_BODY_CHARS_MAX - 500;

/// The composer. A reply that would be too deep is offered the deepest message that can be answered.
#[must_use]
pub fn composer(scope: Scope, conversation: ConversationId, target: Target) -> Node {
    if let Target::Reply(parent) = target
        && let Some(legal) = too_deep(scope, parent)
    {
        return limit(scope, legal);
    }
    editor(scope, conversation, target)
}

/// The deepest ancestor that can be answered, if `parent` can't.
fn too_deep(scope: Scope, parent: MessageId) -> Option<MessageId> {
    let max = scope.membership()?.reply_depth_max;
    scope.read(|feed| {
        let mut message = feed.message(parent)?;
        if message.depth < max {
            return None;
        }
        while message.depth >= max {
            message = feed.message(message.parent_id?)?;
        }
        Some(message.id)
    })
}

fn limit(scope: Scope, legal: MessageId) -> Node {
    let name = scope.read(|feed| feed.message(legal).map(|message| message.author.name.clone())).unwrap_or_default();
    let max = scope.membership().map_or(0, |company| company.reply_depth_max);
    let company = scope.me(company_name);
    let text = format!("Threads in {company} go {max} levels deep, and this is the last one.");
    let cancel = button("button", move || scope.ui.reply_to.set(None)).child("Cancel");
    let instead =
        button("button primary", move || scope.ui.reply_to.set(Some(legal))).child(format!("Reply to {name} instead"));
    let notice = div("composer-box")
        .child(div("composer-reply").child(span("").child(text)))
        .child(div("composer-foot").child(cancel).child(instead));
    div("composer inline").attr("role", "status").test_id("depth-limit").child(notice).into()
}

/// Everything the editor's handlers share.
#[derive(Clone, Copy)]
struct Editor {
    scope: Scope,
    conversation: ConversationId,
    target: Target,
    text: RwSignal<String>,
    wrong: RwSignal<Option<String>>,
    /// The record on the host's screen, once the person has linked it.
    linked: RwSignal<Option<RecordKey>>,
    area: Slot,
    /// Whether a browser has taken over: until then nothing would hear a press of "Send".
    ready: RwSignal<bool>,
}

impl Editor {
    fn parent(self) -> Option<MessageId> {
        if let Target::Reply(parent) = self.target { Some(parent) } else { None }
    }

    fn write(self, text: String) {
        // What was typed before anything listened is joined to the draft first: see `begin`.
        if let Target::New | Target::Reply(_) = self.target
            && self.ready.get_untracked()
        {
            drafts::save(self.scope, self.conversation, self.parent(), &text);
            if !text.is_empty() {
                socket::typing(self.conversation);
            }
        }
        self.wrong.set(None);
        self.text.set(text);
    }

    fn send(self) {
        let text = self.text.get_untracked();
        let body = match MessageBody::new(&text) {
            Ok(body) => body,
            Err(BoundError::Empty) => return,
            Err(BoundError::TooLong { len, max }) => {
                return self
                    .wrong
                    .set(Some(format!("{} characters too long. Shorten it, or send it in parts.", len - max)));
            }
            Err(_) => return self.wrong.set(Some("This text has a character that can't be sent.".to_owned())),
        };
        let scope = self.scope;
        if let Target::Edit(message) = self.target {
            scope.ui.editing.set(None);
            let same = scope.read(|feed| feed.message(message).is_some_and(|message| message.body == body.as_str()));
            if !same {
                scope.apply(Input::Edit { message, body });
            }
            return dom::focus_soon(".talk-composer textarea");
        }
        let Some(author) = scope.author() else { return };
        let record = self.linked.get_untracked();
        let (conversation, parent) = (self.conversation, self.parent());
        self.write(String::new());
        self.linked.set(None);
        if parent.is_none() {
            // It stands at the end of the conversation, which is not on screen beside an old thread.
            scope.ui.alone.set(None);
        }
        scope.apply(Input::Send {
            key: ids::idempotency_key(),
            conversation,
            parent,
            body,
            record,
            author,
            at: dom::now(),
        });
        if parent.is_some() {
            scope.ui.reply_to.set(None);
            dom::focus_soon(".talk-composer textarea");
        }
    }

    fn cancel(self) {
        match self.target {
            Target::New => return,
            Target::Reply(_) => self.scope.ui.reply_to.set(None),
            Target::Edit(_) => self.scope.ui.editing.set(None),
        }
        dom::focus_soon(".talk-composer textarea");
    }

    fn key(self, event: &web_sys::Event) {
        let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
        // Enter that picks a candidate of an input method must not send; Safari tells by the key code only.
        if event.is_composing() || event.key_code() == 229 {
            return;
        }
        match event.key().as_str() {
            "Enter" if !event.alt_key() => {
                let command = event.ctrl_key() || event.meta_key();
                if command || (!event.shift_key() && self.scope.ui.enter_sends.get_untracked()) {
                    event.prevent_default();
                    self.send();
                } else if format::new_line(self) {
                    event.prevent_default();
                }
            }
            "Escape" if self.target != Target::New => {
                event.prevent_default();
                event.stop_propagation();
                self.cancel();
            }
            "ArrowUp" if self.target == Target::New && self.text.with_untracked(String::is_empty) => {
                if let Some(last) = last_editable(self.scope, self.conversation) {
                    event.prevent_default();
                    self.scope.ui.editing.set(Some(last));
                }
            }
            _ => {
                if format::key(self, event) {
                    event.prevent_default();
                }
            }
        }
    }
}

fn editor(scope: Scope, conversation: ConversationId, target: Target) -> Node {
    let editor = Editor {
        scope,
        conversation,
        target,
        text: RwSignal::new(String::new()),
        wrong: RwSignal::new(None),
        linked: RwSignal::new(None),
        area: dom::slot(),
        ready: RwSignal::new(false),
    };
    dom::effect(move || begin(editor));
    let ui = scope.ui;
    let external = move || scope.with(|feed| feed.conversation(conversation).is_some_and(|view| view.has_external));
    let title = move || {
        scope.with(|feed| feed.conversation(conversation).map(|view| view.title.to_owned()).unwrap_or_default())
    };
    let inline = if target == Target::New { " talk-composer" } else { " inline" };
    let class = move || format!("composer{inline}{}", if external() { " external" } else { "" });
    let company = scope.me(company_name);
    let place = move || format!("{} · {company}", title());
    let name = target_name(scope, target);
    let label = {
        let name = name.clone();
        move || match target {
            Target::New => format!("Message to {}", title()),
            Target::Reply(_) => format!("Reply to {name}"),
            Target::Edit(_) => "Edit message".to_owned(),
        }
    };
    let over = move || {
        let len = editor.text.with(|text| text.chars().count());
        (len > COUNT_FROM).then(|| {
            let left = i64::try_from(limits::MESSAGE_BODY_CHARS_MAX).unwrap_or(0) - i64::try_from(len).unwrap_or(0);
            span(if left < 0 { "composer-count over" } else { "composer-count" }).child(left.to_string())
        })
    };
    let context = match target {
        Target::New => None,
        Target::Reply(_) => Some((format!("Replying to {name}"), "Cancel reply")),
        Target::Edit(_) => Some(("Editing".to_owned(), "Cancel edit")),
    };
    let context = context.map(|(text, cancel)| {
        let cancel = button("link", move || editor.cancel()).label(cancel).child("Cancel");
        div("composer-reply").child(span("truncate").child(text)).child(cancel)
    });
    let warning = move || {
        external().then(|| {
            div("composer-warning")
                .test_id("external-warning")
                .child(icon::icon(icon::WARNING))
                .child("External people will see this")
        })
    };
    let area = el("textarea", "")
        .attr("rows", "1")
        .attr("dir", "auto")
        .attr_live("aria-label", move || Some(label()))
        .attr("placeholder", "Write a message")
        .attr("autocomplete", "off")
        .field(move || editor.text.get())
        .known_as(move |element| editor.area.set(element))
        .on("input", move |event| editor.write(event_target_value(&event)))
        .on("keydown", move |event| editor.key(&event))
        .on("paste", move |event| format::paste(editor, &event));
    let submit = el("button", "button primary")
        .attr("type", "submit")
        // As the server writes it: a form that nothing listens to would be sent by the browser, and the text be gone.
        .attr_live("disabled", move || (!editor.ready.get()).then_some(""))
        .attr_live("aria-disabled", move || {
            Some(if editor.text.with(|text| text.trim().is_empty()) { "true" } else { "false" })
        })
        .child(if matches!(target, Target::Edit(_)) { "Save" } else { "Send" });
    let foot = div("composer-foot")
        .child(
            span("composer-where truncate").test_id("composer-where").child("to ").child(el("strong", "").live(place)),
        )
        .live(over)
        .child(span("composer-hint").attr("aria-hidden", "true").live(move || {
            let key = if ui.enter_sends.get() { "Enter" } else { writing::command_enter() };
            el("kbd", "").child(key)
        }))
        .child(format::toggle(editor))
        .child(submit);
    let frame = div("composer-box")
        .live(warning)
        .child(context)
        .child(record(editor))
        .live(move || ui.bar.get().then(|| format::bar(editor)))
        .child(area)
        .live(move || editor.wrong.get().map(|text| el("p", "composer-error").attr("role", "alert").child(text)))
        .child(foot);
    let send = move |event: web_sys::Event| {
        event.prevent_default();
        editor.send();
    };
    el("form", "").class_live(class).on("submit", send).child(frame).into()
}

fn target_name(scope: Scope, target: Target) -> String {
    let (Target::Reply(id) | Target::Edit(id)) = target else { return String::new() };
    scope.read(|feed| feed.message(id).map(|message| message.author.name.clone())).unwrap_or_default()
}

/// The draft or the text to edit, and the focus for what was asked for explicitly.
fn begin(editor: Editor) {
    let Editor { scope, conversation, target, text, area, .. } = editor;
    let kept = match target {
        Target::Edit(id) => scope.read(|feed| feed.message(id).map(|message| message.body.clone())).unwrap_or_default(),
        _ => drafts::load(scope, conversation, editor.parent()),
    };
    writing::load(scope);
    let typed = text.get_untracked();
    editor.ready.set(true);
    // The same: a browser that fills forms in again has put the draft there.
    if kept != typed {
        match (kept.is_empty(), typed.is_empty()) {
            (_, true) => text.set(kept),
            (true, false) => editor.write(typed),
            // Typed while the page was loading, before the draft was there: neither is lost.
            (false, false) => editor.write(format!("{kept}\n{typed}")),
        }
    }
    if target != Target::New {
        dom::after(0, move || {
            if let Some(area) = dom::held::<web_sys::HtmlTextAreaElement>(area) {
                let _ = area.focus();
                let end = u32::try_from(area.value().encode_utf16().count()).unwrap_or(0);
                let _ = area.set_selection_range(end, end);
            }
        });
    }
}

/// The viewer's last message that can still be edited.
fn last_editable(scope: Scope, conversation: ConversationId) -> Option<MessageId> {
    let window = i64::from(scope.membership()?.edit_window_s);
    let now = dom::now();
    scope.read(|feed| {
        let timeline = feed.timeline(conversation)?;
        if !feed.conversation(conversation)?.can?.edit {
            return None;
        }
        let items = timeline.threads.iter().flat_map(|thread| core::iter::once(&thread.root).chain(&thread.replies));
        let own = items.filter(|item| item.author().id == scope.viewer && !item.is_deleted() && item.id().is_some());
        own.filter(|item| now.since_s(item.at()) <= window).max_by_key(|item| item.at())?.id()
    })
}

/// Offers to link a new thread to the record on the host's screen.
fn record(editor: Editor) -> Option<Node> {
    if editor.target != Target::New {
        return None;
    }
    let scope = editor.scope;
    Some(live(move || {
        let key = scope.host_record()?;
        let talk = scope.with(|feed| feed.conversation(editor.conversation).map(|view| view.kind));
        let ChipState::Known(record) = scope.chips.get(&key) else { return None };
        if talk == Some(ConversationKind::Record) {
            return None;
        }
        let on = editor.linked.get().as_ref() == Some(&key);
        let (pressed, text) = if on { ("true", "About ") } else { ("false", "Link ") };
        let toggle = move || editor.linked.set(if on { None } else { Some(key.clone()) });
        let chip = button("chip inline", toggle).attr("aria-pressed", pressed).child(icon::record(record.kind));
        Some(div("composer-record").child(chip.child(span("chip-title").child(format!("{text}{}", record.title)))))
    }))
}
