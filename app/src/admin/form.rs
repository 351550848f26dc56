//! Fields, and what was wrong with them: a refusal is shown at the field that it names, the rest above the form.

use postil::{
    feed::Failure,
    wire::{Code, Problem},
};
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};

use super::desk::Desk;
use crate::{
    net::{api::Call, dom},
    node::{Element, Node, div, el, live, span},
    react::{RwSignal, StoredValue},
    state::words,
};

/// How long what is typed waits for the next key before it is looked for.
const TYPING_PAUSE_MS: u32 = 200;

/// Follows what is typed: `then` gets what `read` says once it has stood still for a moment, and not what it said at
/// first. Answers whether it is still moving.
pub fn typed<T: 'static>(read: impl Fn() -> T + 'static, then: impl Fn(T) + Copy + 'static) -> RwSignal<bool> {
    let (turn, moving) = (StoredValue::new(None::<u32>), RwSignal::new(false));
    dom::effect(move || {
        let what = read();
        let now = turn.get_value().map_or(0, |last| last + 1);
        turn.set_value(Some(now));
        if now == 0 {
            return;
        }
        moving.set(true);
        dom::after(TYPING_PAUSE_MS, move || {
            // Typed on since, or gone with the page.
            if turn.try_get_value().flatten() == Some(now) {
                moving.set(false);
                then(what);
            }
        });
    });
    moving
}

/// A form under way.
#[derive(Clone, Copy)]
pub struct Form {
    /// Why it was refused.
    pub failure: RwSignal<Option<Failure>>,
    /// Whether an answer is awaited.
    pub busy: RwSignal<bool>,
    /// What was refused here, before anything was sent: the field, and what would be right.
    own: RwSignal<Option<(&'static str, String)>>,
    /// The fields that show what is wrong with them.
    fields: StoredValue<Vec<&'static str>>,
}

impl Form {
    /// A form that has not been sent.
    #[must_use]
    pub fn new() -> Self {
        Self {
            failure: RwSignal::new(None),
            busy: RwSignal::new(false),
            own: RwSignal::new(None),
            fields: StoredValue::new(Vec::new()),
        }
    }

    /// Sends `call`; `done` gets the answer, the form what was refused.
    pub fn send<T: serde::de::DeserializeOwned + 'static>(
        self,
        desk: Desk,
        call: Call,
        done: impl FnOnce(T) + 'static,
    ) {
        self.send_as(desk, call, |_| {}, done);
    }

    /// Likewise; `name` gives what is refused the names of the fields that are shown.
    pub fn send_as<T: serde::de::DeserializeOwned + 'static>(
        self,
        desk: Desk,
        call: Call,
        name: impl FnOnce(&mut Problem) + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        let named = move |mut failure: Failure| {
            if let Failure::Problem(problem) = &mut failure {
                name(problem);
            }
            Some(failure)
        };
        self.send_or(desk, call, named, done);
    }

    /// Likewise; `refused` gets what was refused first, and answers what of it belongs here.
    pub fn send_or<T: serde::de::DeserializeOwned + 'static>(
        self,
        desk: Desk,
        call: Call,
        refused: impl FnOnce(Failure) -> Option<Failure> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        self.busy.set(true);
        self.own.set(None);
        dom::spawn(async move {
            let answer = desk.call::<T>(call).await;
            // The dialog may be gone by now, and its signals with it.
            self.busy.set(false);
            match answer {
                Ok(answer) => {
                    self.failure.set(None);
                    done(answer);
                }
                Err(failure) => {
                    if let Some(failure) = refused(failure) {
                        self.failure.set(Some(failure));
                        dom::focus_soon("[aria-invalid=\"true\"], .form-alert");
                    }
                }
            }
        });
    }

    /// Refuses a field before anything is sent.
    pub fn refuse(self, field: &'static str, detail: impl Into<String>) {
        self.failure.set(None);
        self.own.set(Some((field, detail.into())));
        dom::focus_soon("[aria-invalid=\"true\"]");
    }

    /// Forgets what was refused.
    pub fn clear(self) {
        self.failure.set(None);
        self.own.set(None);
    }

    fn of(self, name: &str) -> Option<String> {
        let own =
            self.own.with(|own| own.as_ref().filter(|(field, _)| *field == name).map(|(_, detail)| detail.clone()));
        if own.is_some() {
            return own;
        }
        self.failure.with(|failure| match failure {
            Some(Failure::Problem(problem)) => {
                problem.errors.iter().find(|error| error.field == name).map(|error| error.detail.clone())
            }
            _ => None,
        })
    }

    /// What was refused and belongs to no field that is shown.
    #[must_use]
    pub fn alert(self) -> Node {
        live(move || self.failure.with(|failure| failure.as_ref().and_then(|failure| self.rest(failure))))
    }

    fn rest(self, failure: &Failure) -> Option<Element> {
        let fields = self.fields.get_value();
        let mut lines = Vec::new();
        if let Failure::Problem(problem) = failure {
            let others: Vec<_> =
                problem.errors.iter().filter(|error| !fields.contains(&error.field.as_str())).collect();
            if others.is_empty() && !problem.errors.is_empty() {
                return None;
            }
            lines.extend(others.iter().map(|error| format!("{}: {}", error.field, error.detail)));
            // A conflict says in its sentence which version stands.
            lines.extend(problem.detail.clone().filter(|_| problem.code != Code::VersionConflict));
        }
        let lines = lines.into_iter().map(|line| el("p", "").child(line).into());
        let alert = div("form-alert").attr("role", "alert").attr("tabindex", "-1");
        Some(alert.child(el("p", "form-alert-title").child(sentence(failure))).children(lines))
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

/// What happened, and what to do about it.
#[must_use]
pub fn sentence(failure: &Failure) -> String {
    match failure {
        Failure::Problem(Problem { code: Code::VersionConflict, detail, .. }) => match detail {
            Some(detail) => format!("Somebody changed this meanwhile: {detail}. Load the page again, then change it"),
            None => "Somebody changed this meanwhile. Load the page again, then change it".to_owned(),
        },
        Failure::Network => "No connection. Nothing is known to have changed: look before you try again".to_owned(),
        Failure::Problem(_) => words::failure(failure),
    }
}

/// A label, a control made by `control`, a hint, and what is wrong with it. `name` is the field's in the API.
fn field(form: Form, name: &'static str, label: &'static str, hint: Option<&'static str>, control: Element) -> Node {
    form.fields.update_value(|fields| fields.push(name));
    let described = move || {
        let error = form.of(name).is_some().then(|| format!("error-{name}"));
        let hint = hint.map(|_| format!("hint-{name}"));
        Some([error, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")).filter(|ids| !ids.is_empty())
    };
    let control = control
        .attr("id", format!("field-{name}"))
        .attr("name", name)
        .attr_live("aria-invalid", move || form.of(name).map(|_| "true"))
        .attr_live("aria-describedby", described);
    div("form-field")
        .child(el("label", "").attr("for", format!("field-{name}")).child(label))
        .child(control)
        .live(move || form.of(name).map(|error| el("p", "form-error").attr("id", format!("error-{name}")).child(error)))
        .child(hint.map(|hint| el("p", "form-hint").attr("id", format!("hint-{name}")).child(hint)))
        .into()
}

/// A line of text.
#[must_use]
pub fn text(
    form: Form,
    name: &'static str,
    label: &'static str,
    value: RwSignal<String>,
    hint: Option<&'static str>,
) -> Node {
    field(form, name, label, hint, line(value).attr("autocomplete", "off"))
}

/// A field around a control of another kind.
#[must_use]
pub fn text_of(
    form: Form,
    name: &'static str,
    label: &'static str,
    control: Element,
    hint: Option<&'static str>,
) -> Node {
    field(form, name, label, hint, control)
}

/// Some lines of text.
#[must_use]
pub fn area(
    form: Form,
    name: &'static str,
    label: &'static str,
    value: RwSignal<String>,
    hint: Option<&'static str>,
) -> Node {
    let area = el("textarea", "field").attr("rows", "2").field(move || value.get()).on("input", move |event| {
        if let Some(area) = event.target().and_then(|target| target.dyn_into::<HtmlTextAreaElement>().ok()) {
            value.set(area.value());
        }
    });
    field(form, name, label, hint, area)
}

/// One of some.
#[must_use]
pub fn choice(
    form: Form,
    name: &'static str,
    label: &'static str,
    value: RwSignal<String>,
    options: Vec<(String, String)>,
    hint: Option<&'static str>,
) -> Node {
    field(form, name, label, hint, select(value, options))
}

/// A bare field that follows `value`.
#[must_use]
pub fn line(value: RwSignal<String>) -> Element {
    el("input", "field").attr("type", "text").field(move || value.get()).on("input", move |event| {
        if let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) {
            value.set(input.value());
        }
    })
}

/// A bare selection that follows `value`: pairs of value and label.
#[must_use]
pub fn select(value: RwSignal<String>, options: Vec<(String, String)>) -> Element {
    let slot = dom::slot();
    let chosen = value.get_untracked();
    dom::effect(move || {
        let value = value.get();
        if let Some(select) = dom::held::<HtmlSelectElement>(slot).filter(|select| select.value() != value) {
            select.set_value(&value);
        }
    });
    let option = move |(key, label): (String, String)| {
        let selected = (key == chosen).then_some("");
        el("option", "").attr("value", key).attr_if("selected", selected).child(label).into()
    };
    el("select", "field")
        .known_as(move |element| slot.set(element))
        .on("change", move |event| {
            if let Some(select) = event.target().and_then(|target| target.dyn_into::<HtmlSelectElement>().ok()) {
                value.set(select.value());
            }
        })
        .children(options.into_iter().map(option))
}

/// A tick.
#[must_use]
pub fn tick(
    label: impl Into<String>,
    on: impl Fn() -> bool + Send + 'static,
    flip: impl Fn(bool) + Send + 'static,
) -> Node {
    let input = el("input", "").attr("type", "checkbox").checked(on).on("change", move |event| {
        if let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) {
            flip(input.checked());
        }
    });
    el("label", "form-tick").child(input).child(span("").child(label.into())).into()
}
