//! The policy: its document, what it says role by role, and what it was.
//!
//! | file | does |
//! |---|---|
//! | `mod.rs` | what is in force, and the three views of it |
//! | `editor.rs` | the text, with line numbers; trying and saving it |
//! | `trial.rs` | what a dry run says |
//! | `matrix.rs` | role × action |
//! | `history.rs` | versions, their differences, restoring one |
//! | `document.rs` | laying out, finding places, comparing |

mod document;
mod editor;
mod history;
mod matrix;
mod trial;

use postil::{access::Policy, wire::PolicyVersion};

use super::{Data, Desk, list::List};
use crate::{
    node::{Node, button, div},
    parts::states,
    react::{RwSignal, untrack},
};

/// What is in force, and what is being written.
#[derive(Clone, Copy)]
pub struct Draft {
    /// The version in force that the text was made from.
    pub base: RwSignal<u32>,
    /// Its document.
    pub in_force: RwSignal<Policy>,
    /// Its text.
    pub original: RwSignal<String>,
    /// What stands in the editor.
    pub text: RwSignal<String>,
}

impl Draft {
    fn new(version: PolicyVersion) -> Self {
        let text = document::pretty(&version.document);
        Self {
            base: RwSignal::new(version.info.version),
            in_force: RwSignal::new(version.document),
            original: RwSignal::new(text.clone()),
            text: RwSignal::new(text),
        }
    }

    /// Whether anything was written.
    #[must_use]
    pub fn is_changed(self) -> bool {
        self.text.with(|text| self.original.with(|original| text != original))
    }

    /// The same, asked once.
    #[must_use]
    pub fn differs(self) -> bool {
        untrack(|| self.is_changed())
    }

    /// Another version is in force. What was written goes, unless `keep`.
    pub fn stands(self, version: PolicyVersion, keep: bool) {
        let text = document::pretty(&version.document);
        self.base.set(version.info.version);
        self.in_force.set(version.document);
        self.original.set(text.clone());
        if !keep {
            self.text.set(text);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Document,
    Matrix,
    History,
}

/// The section.
#[must_use]
pub fn policy(desk: Desk, data: Data) -> Node {
    let Some(version) = data.policy else {
        return states::empty("No policy is in force", "Without one nobody may do anything in this company.", ());
    };
    let draft = Draft::new(version);
    let versions = List::new(desk, "/admin/policy/versions", data.versions);
    let editor = editor::Editor::new(desk, draft, versions);
    let tab = RwSignal::new(Tab::Document);
    let option = move |of: Tab, label: &'static str| {
        button("filter", move || tab.set(of))
            .attr_live("aria-pressed", move || Some(if tab.get() == of { "true" } else { "false" }))
            .child(label)
            .into()
    };
    let options =
        vec![option(Tab::Document, "Document"), option(Tab::Matrix, "Matrix"), option(Tab::History, "History")];
    div("admin-section")
        .child(div("admin-tabs").attr("role", "group").label("View").child(div("filters").children(options)))
        .live(move || match tab.get() {
            Tab::Document => untrack(|| editor.view()),
            Tab::Matrix => matrix::matrix(draft),
            Tab::History => untrack(|| history::history(desk, editor, draft, versions)),
        })
        .into()
}
