//! The document as text: line numbers, what is wrong at its line, trying it, saving it with a reason.

use postil::{
    feed::Failure,
    wire::{Code, DryRun, FieldError, PolicyVersion, PolicyVersionInfo},
};
use wasm_bindgen::JsCast;
use web_sys::HtmlTextAreaElement;

use super::{
    Draft,
    document::{self, Change},
    trial,
};
use crate::{
    admin::{
        Desk, dialog,
        form::{self, Form, sentence},
        list::List,
    },
    net::{api::Call, dom},
    node::{Element, Node, button, div, el, live, span},
    react::{Memo, RwSignal},
    state::words,
};

/// The JSON Schema of documents, with a word about each field.
const SCHEMA: &str = "/docs/policy.schema.json";

/// Lines of context around what has changed.
const CONTEXT_LINES: usize = 2;

/// A place in the text that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    line: usize,
    text: String,
}

impl Wrong {
    fn of(document: &str, error: &FieldError) -> Self {
        let place = error.field.trim_start_matches("document").trim_start_matches('.');
        let text = if place.is_empty() { error.detail.clone() } else { format!("{place}: {}", error.detail) };
        Self { line: document::line_of(document, &error.field), text }
    }
}

/// See the module.
#[derive(Clone, Copy)]
pub struct Editor {
    desk: Desk,
    draft: Draft,
    versions: List<PolicyVersionInfo>,
    form: Form,
    /// Where the text stops being JSON.
    syntax: RwSignal<Option<Wrong>>,
    wrong: Memo<Vec<Wrong>>,
    /// The last dry run, and the text that it was of.
    tried: RwSignal<Option<(String, DryRun)>>,
    area: dom::Slot,
}

impl Editor {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(desk: Desk, draft: Draft, versions: List<PolicyVersionInfo>) -> Self {
        let (form, syntax) = (Form::new(), RwSignal::new(None));
        // Problems of the document are shown at their lines, those of the rest in the form.
        let wrong = Memo::new(move || {
            if let Some(syntax) = syntax.get() {
                return vec![syntax];
            }
            let text = draft.text.get_untracked();
            form.failure.with(|failure| match failure {
                Some(Failure::Problem(problem)) => problem
                    .errors
                    .iter()
                    .filter(|error| error.field.starts_with("document"))
                    .map(|error| Wrong::of(&text, error))
                    .collect(),
                _ => Vec::new(),
            })
        });
        // What is written and not saved is not left by accident.
        dom::effect(move || {
            let Some(window) = dom::window() else { return };
            dom::listen(&window, "beforeunload", move |event| {
                if draft.differs() {
                    event.prevent_default();
                }
            });
        });
        Self { desk, draft, versions, form, syntax, wrong, tried: RwSignal::new(None), area: dom::slot() }
    }

    /// Whether the text is JSON at all; where it stops being it is shown.
    fn is_json(self) -> bool {
        let checked =
            self.draft.text.with_untracked(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()));
        let wrong =
            checked.err().map(|error| Wrong { line: error.line().max(1), text: format!("This is not JSON: {error}") });
        let is_json = wrong.is_none();
        self.form.clear();
        self.syntax.set(wrong);
        if !is_json {
            dom::focus_soon(".editor-problems button");
        }
        is_json
    }

    fn body(self, rest: &str) -> String {
        format!("{{\"document\":{}{rest}}}", self.draft.text.get_untracked())
    }

    fn try_it(self) {
        if self.form.busy.get_untracked() || !self.is_json() {
            return;
        }
        let text = self.draft.text.get_untracked();
        let call = Call { body: Some(self.body("")), ..Call::send("POST", "/admin/policy/dry-run", &()) };
        self.form.send(self.desk, call, move |run: DryRun| {
            self.tried.set(Some((text, run)));
            dom::focus_soon("#trial");
        });
    }

    fn save(self) {
        if self.is_json() {
            self.desk.open(move || self.saving());
        }
    }

    fn saving(self) -> Node {
        let form = Form::new();
        let comment = RwSignal::new(String::new());
        let next = self.draft.base.get_untracked() + 1;
        let text = self.draft.text.get_untracked();
        // A run against another version says nothing of this one: somebody may have saved since.
        let tried = self.tried.with_untracked(|tried| {
            let of_this = |(of, run): &&(String, DryRun)| *of == text && run.base_version + 1 == next;
            tried.as_ref().filter(of_this).map(|(_, run)| run.change_count)
        });
        let hint = match tried {
            Some(0) => "Tried: it changes nothing for anybody.".to_owned(),
            Some(count) => format!(
                "Tried: {} for people. It holds from the next request on.",
                words::count(usize::try_from(count).unwrap_or(usize::MAX), "change", "changes")
            ),
            None => "You have not tried this text. It holds for everybody from the next request on.".to_owned(),
        };
        let body = vec![
            form.alert(),
            el("p", "").child(hint).into(),
            form::area(form, "comment", "Why", comment, Some("Stands in the history, beside your name.")),
        ];
        let send = move || {
            let comment = serde_json::to_string(comment.get_untracked().trim()).unwrap_or_default();
            let rest = format!(",\"comment\":{comment},\"baseVersion\":{}", next - 1);
            let call = Call { body: Some(self.body(&rest)), ..Call::send("PUT", "/admin/policy", &()) };
            let refused = move |failure| {
                let of_comment = matches!(&failure, Failure::Problem(problem) if problem.errors.iter().any(|error| error.field == "comment"));
                if of_comment {
                    return Some(failure);
                }
                // What is wrong with the document is shown in it, be the dialog open still or not.
                dialog::close(self.desk);
                self.form.failure.set(Some(failure));
                dom::focus_soon(".editor-problems button, .form-alert");
                None
            };
            form.send_or(self.desk, call, refused, move |version: PolicyVersion| {
                dialog::close(self.desk);
                self.done(version);
            });
        };
        dialog::form(self.desk, format!("Save as version {next}?"), form, body, ("button primary", "Save"), send)
    }

    fn done(self, version: PolicyVersion) {
        self.desk.say(format!("Version {} is in force.", version.info.version));
        self.put_in_force(version, false);
    }

    /// Another version is in force. What was written goes, unless `keep`; what was said of the former text goes anyway.
    pub fn put_in_force(self, version: PolicyVersion, keep: bool) {
        self.draft.stands(version, keep);
        self.form.clear();
        self.syntax.set(None);
        self.tried.set(None);
        self.versions.reload();
    }

    /// Somebody saved another version meanwhile: what is written stays, and is compared with that one from now on.
    fn catch_up(self) {
        let form = self.form;
        form.send(self.desk, Call::get("/admin/policy"), move |version: PolicyVersion| {
            self.desk.say(format!(
                "Your text stands, and is compared with version {} now. Look at what you would change before you save it.",
                version.info.version
            ));
            self.put_in_force(version, true);
        });
    }

    /// The view.
    #[must_use]
    pub fn view(self) -> Node {
        let draft = self.draft;
        let buttons = div("editor-actions")
            .child(
                button("button", move || self.try_it())
                    .attr_live("aria-disabled", move || self.form.busy.get().then_some("true"))
                    .child("Try"),
            )
            .child(
                button("button primary", move || {
                    if draft.differs() {
                        self.save();
                    }
                })
                .attr_live("aria-disabled", move || (!draft.is_changed()).then_some("true"))
                .child("Save…"),
            )
            .live(move || {
                draft.is_changed().then(|| {
                    button("button quiet", move || {
                        draft.text.set(draft.original.get_untracked());
                        self.form.clear();
                        self.syntax.set(None);
                        self.tried.set(None);
                    })
                    .child("Discard")
                })
            })
            .child(span("editor-version").live(move || {
                let state = if draft.is_changed() { ", changed" } else { "" };
                format!("Version {} is in force{state}", draft.base.get())
            }))
            .child(el("a", "link").attr("href", SCHEMA).child("Schema"));
        div("editor")
            .child(el("p", "admin-lead").child(
                "What no rule allows is denied, and any deny wins. Try a text to see what it would change for whom; nothing is stored before you save.",
            ))
            .child(buttons)
            .child(self.problems())
            .child(self.text())
            .live(move || {
                self.tried.with(|tried| {
                    tried.as_ref().map(|(of, run)| {
                        trial::trial(run, draft.text.with(|text| text == of) && draft.base.get() == run.base_version)
                    })
                })
            })
            .live(move || draft.is_changed().then(|| changes(draft)))
            .into()
    }

    fn problems(self) -> Node {
        let list = live(move || {
            self.wrong.with(|wrong| {
                (!wrong.is_empty()).then(|| {
                    let item = |one: &Wrong| {
                        let line = one.line;
                        let go = button("link", move || self.go(line)).child(format!("Line {line}"));
                        el("li", "").child(go).child(span("").child(one.text.clone())).into()
                    };
                    div("form-alert editor-problems")
                        .attr("id", "editor-problems")
                        .attr("role", "alert")
                        .child(el("p", "form-alert-title").child("The document is not right yet"))
                        .child(el("ul", "").children(wrong.iter().map(item)))
                })
            })
        });
        // Refusals that have a place in the document are told there.
        let rest = live(move || {
            let placed = self.wrong.with(|wrong| !wrong.is_empty());
            self.form.failure.with(|failure| failure.as_ref().filter(|_| !placed).map(|failure| self.refusal(failure)))
        });
        div("").child(list).child(rest).into()
    }

    fn refusal(self, failure: &Failure) -> Element {
        let alert = div("form-alert").attr("role", "alert").attr("tabindex", "-1");
        match failure {
            Failure::Problem(problem) if problem.code == Code::VersionConflict => {
                let what = problem.detail.clone().unwrap_or_default();
                alert
                    .child(el("p", "form-alert-title").child("Somebody saved another version meanwhile"))
                    .child(el("p", "").child(format!(
                        "Your text was made from version {}; {what}. Nothing was saved, and your text is still here.",
                        self.draft.base.get_untracked()
                    )))
                    .child(button("link", move || self.catch_up()).child("Compare my text with it"))
            }
            _ => {
                let detail = match failure {
                    Failure::Problem(problem) => problem.detail.clone(),
                    Failure::Network => None,
                };
                alert
                    .child(el("p", "form-alert-title").child(sentence(failure)))
                    .child(detail.map(|detail| el("p", "").child(detail)))
            }
        }
    }

    /// Puts the caret at the beginning of a line, and selects it.
    fn go(self, line: usize) {
        let Some(area) = dom::held::<HtmlTextAreaElement>(self.area) else { return };
        let text = area.value();
        let lines: Vec<u32> =
            text.split('\n').map(|one| u32::try_from(one.encode_utf16().count()).unwrap_or(0)).collect();
        let begin: u32 = lines.iter().take(line - 1).map(|length| length + 1).sum();
        let end = begin + lines.get(line - 1).copied().unwrap_or(0);
        let _ = area.focus();
        let _ = area.set_selection_range(begin, end);
        if let Some(number) = dom::find_all(
            &area.closest(".editor-frame").ok().flatten().unwrap_or_else(|| area.clone().into()),
            ".editor-line",
        )
        .into_iter()
        .nth(line - 1)
        {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Center);
            number.scroll_into_view_with_scroll_into_view_options(&options);
        }
    }

    fn text(self) -> Node {
        let draft = self.draft;
        let count = Memo::new(move || draft.text.with(|text| text.split('\n').count()));
        let numbers = div("editor-lines").attr("aria-hidden", "true").live(move || {
            let wrong = self.wrong.get();
            let line = |n: usize| {
                let class = if wrong.iter().any(|one| one.line == n) { "editor-line is-wrong" } else { "editor-line" };
                span(class).child(n.to_string()).into()
            };
            (1..=count.get()).map(line).collect::<Vec<Node>>()
        });
        let area = el("textarea", "editor-text")
            .label("Policy document")
            .attr("spellcheck", "false")
            .attr("autocomplete", "off")
            .attr("autocapitalize", "off")
            .attr("wrap", "off")
            .attr_live("rows", move || Some(count.get().to_string()))
            .attr_live("aria-invalid", move || self.wrong.with(|wrong| (!wrong.is_empty()).then_some("true")))
            .attr_live("aria-describedby", move || {
                self.wrong.with(|wrong| (!wrong.is_empty()).then_some("editor-problems"))
            })
            .known_as(move |element| self.area.set(element))
            .field(move || draft.text.get())
            .on("input", move |event| {
                if let Some(area) = event.target().and_then(|target| target.dyn_into::<HtmlTextAreaElement>().ok()) {
                    draft.text.set(area.value());
                    // Its line numbers are those of the former text.
                    self.syntax.set(None);
                    self.form.clear();
                }
            });
        div("editor-frame").child(numbers).child(area).into()
    }
}

/// What is written, beside what is in force.
fn changes(draft: Draft) -> Node {
    let (old, new) = (draft.original.get(), draft.text.get());
    el("details", "editor-changes")
        .child(el("summary", "").child("What you changed"))
        .child(difference(&old, &new))
        .into()
}

/// Two texts, line by line: what differs, and a little around it.
#[must_use]
pub fn difference(old: &str, new: &str) -> Node {
    let lines = document::compare(old, new);
    let near = |at: usize| {
        lines[at.saturating_sub(CONTEXT_LINES)..(at + CONTEXT_LINES + 1).min(lines.len())]
            .iter()
            .any(|(change, _)| *change != Change::Same)
    };
    let mut rows: Vec<Node> = Vec::new();
    let mut left_out = false;
    for (at, (change, line)) in lines.iter().enumerate() {
        if !near(at) {
            left_out = true;
            continue;
        }
        if core::mem::take(&mut left_out) {
            rows.push(div("diff-gap").child("⋯").into());
        }
        let (class, sign, word) = match change {
            Change::Same => ("diff-line", " ", ""),
            Change::Added => ("diff-line is-added", "+", "added: "),
            Change::Removed => ("diff-line is-removed", "−", "removed: "),
        };
        rows.push(
            div(class)
                .child(span("diff-sign").attr("aria-hidden", "true").child(sign))
                .child(span("visually-hidden").child(word))
                .child(span("").child((*line).to_owned()))
                .into(),
        );
    }
    if rows.is_empty() {
        return el("p", "muted").child("There is no difference.").into();
    }
    div("diff").attr("role", "region").label("Differences").attr("tabindex", "0").test_id("diff").children(rows).into()
}
