//! The company's word list: what is flagged, covered or refused in what people write. Each change puts the whole list in
//! force, made from the version that is shown.

use postil::{
    limits,
    wire::{Problem, PutWordList, WordAction, WordEntry, WordList},
};

use super::{
    Data, Desk, dialog,
    form::{self, Form},
};
use crate::{
    net::{api::Call, dom},
    node::{Node, button, div, el, live, span},
    parts::{icon, states},
    react::RwSignal,
    state::words::count,
};

const HINT: &str = "At most 60 characters and 8 words. Found whole, whatever its capitals.";
const _: () = assert!(limits::WORD_CHARS_MAX == 60 && limits::WORD_PHRASE_MAX == 8, "the hint says so");

/// What the section shows.
#[derive(Clone, Copy)]
struct Keeper {
    desk: Desk,
    list: RwSignal<WordList>,
    /// What is looked for in it.
    search: RwSignal<String>,
}

/// The section.
#[must_use]
pub fn word_list(desk: Desk, data: Data) -> Node {
    let none = WordList { version: 0, entries: Vec::new(), created_at: None, created_by: None };
    let keeper =
        Keeper { desk, list: RwSignal::new(data.word_list.unwrap_or(none)), search: RwSignal::new(String::new()) };
    let add = button("button primary", move || desk.open(move || adding(keeper)))
        .child(icon::icon(icon::PLUS))
        .child("Add words");
    let tools = div("admin-tools")
        .attr("role", "search")
        .child(
            form::line(keeper.search)
                .attr("type", "search")
                .label("Find in the list")
                .attr("placeholder", "Part of an entry"),
        )
        .child(add);
    div("admin-section")
        .child(el("p", "admin-lead").child(
            "What people write from now on is compared with these words, whole and whatever their capitals; stored messages are not looked at again. Letters that only look alike, and digits for letters, are not seen through.",
        ))
        .child(tools)
        .child(standing(keeper))
        .live(move || rows(keeper))
        .into()
}

/// Which version stands, and a look at which stands now.
fn standing(keeper: Keeper) -> Node {
    let Keeper { desk, list, .. } = keeper;
    let form = Form::new();
    let again = move || form.send(desk, Call::get("/admin/words"), move |stored: WordList| list.set(stored));
    let text = live(move || {
        list.with(|list| {
            let entries = format!("{} of {} entries", list.entries.len(), limits::WORD_ENTRIES_MAX);
            match list.created_at {
                Some(at) => {
                    format!("{entries}. Version {}, in force since {}. ", list.version, desk.clock.get().amid(at))
                }
                None => format!("{entries}. There was no list yet. "),
            }
        })
    });
    div("words-standing")
        .test_id("standing")
        .child(el("p", "form-hint").child(text).child(button("link", again).child("Look again")))
        .child(form.alert())
        .into()
}

fn rows(keeper: Keeper) -> Node {
    let search = keeper.search.get();
    let wanted = search.trim();
    let fits =
        |entry: &WordEntry| wanted.is_empty() || dom::lower_case(&entry.words).contains(&dom::lower_case(wanted));
    keeper.list.with(|list| {
        if list.entries.is_empty() {
            return states::empty("No words", "Nothing that people write is held against a list.", ());
        }
        let shown: Vec<Node> =
            list.entries.iter().filter(|entry| fits(entry)).map(|entry| row(keeper, entry)).collect();
        if shown.is_empty() {
            return states::empty("Nothing fits", "No entry has what is looked for in it.", ());
        }
        el("ul", "entries").label("Word list").children(shown).into()
    })
}

/// What happens, in short and in a sentence.
const fn told(action: WordAction) -> (&'static str, &'static str) {
    match action {
        WordAction::Flag => ("Flag", "it passes, and moderators are told"),
        WordAction::Mask => ("Mask", "the letters are covered, and the author is told"),
        WordAction::Refuse => ("Refuse", "the message is not stored"),
    }
}

fn row(keeper: Keeper, entry: &WordEntry) -> Node {
    let (name, follows) = told(entry.action);
    let (to_change, to_remove) = (entry.clone(), entry.clone());
    let change = button("button quiet", move || {
        let entry = to_change.clone();
        keeper.desk.open(move || changing(keeper, &entry));
    })
    .label(format!("Change {}", entry.words))
    .child("Change");
    let remove = button("button quiet", move || {
        let entry = to_remove.clone();
        keeper.desk.open(move || removing(keeper, entry.clone()));
    })
    .label(format!("Remove {}", entry.words))
    .child("Remove");
    el("li", "entry entry-plain")
        .test_id("word")
        .child(div("entry-main").child(span("words-entry").attr("dir", "auto").child(entry.words.clone())))
        .child(div("entry-main").child(span("").child(name)).child(span("entry-sub").child(follows)))
        .child(div("entry-actions").child(change).child(remove))
        .into()
}

/// Puts `entries` in force in place of the list that is shown.
fn put(keeper: Keeper, form: Form, entries: Vec<WordEntry>, said: String) {
    let base_version = keeper.list.with_untracked(|list| list.version);
    let call = Call::send("PUT", "/admin/words", &PutWordList { entries, base_version });
    // The list that stood was good: a refused entry is the one that is asked about.
    let name = |problem: &mut Problem| {
        for error in problem.errors.iter_mut().filter(|error| error.field.starts_with("entries")) {
            "words".clone_into(&mut error.field);
        }
    };
    form.send_as(keeper.desk, call, name, move |stored: WordList| {
        dialog::close(keeper.desk);
        keeper.desk.say(said);
        keeper.list.set(stored);
        dom::keep_focus("#title");
    });
}

fn fields(form: Form, words: RwSignal<String>, action: RwSignal<String>) -> Vec<Node> {
    let actions = WordAction::ALL
        .iter()
        .map(|action| {
            let (name, follows) = told(*action);
            (action.as_str().to_owned(), format!("{name}: {follows}"))
        })
        .collect();
    vec![
        form.alert(),
        form::text(form, "words", "Words", words, Some(HINT)),
        form::choice(form, "action", "What happens", action, actions, None),
    ]
}

fn written(words: RwSignal<String>, action: RwSignal<String>) -> WordEntry {
    WordEntry {
        words: words.get_untracked().trim().to_owned(),
        action: WordAction::parse(&action.get_untracked()).unwrap_or(WordAction::Flag),
    }
}

fn adding(keeper: Keeper) -> Node {
    let form = Form::new();
    let words = RwSignal::new(String::new());
    let action = RwSignal::new(WordAction::Flag.as_str().to_owned());
    let send = move || {
        let entry = written(words, action);
        let said = format!("\u{201c}{}\u{201d} is in the list. It holds from the next message on.", entry.words);
        let mut entries = keeper.list.with_untracked(|list| list.entries.clone());
        if entries.len() >= limits::WORD_ENTRIES_MAX {
            return form
                .refuse("words", format!("have no room: {} is the most", count(entries.len(), "entry", "entries")));
        }
        entries.push(entry);
        put(keeper, form, entries, said);
    };
    dialog::form(keeper.desk, "Add words", form, fields(form, words, action), ("button primary", "Add"), send)
}

fn changing(keeper: Keeper, entry: &WordEntry) -> Node {
    let form = Form::new();
    let words = RwSignal::new(entry.words.clone());
    let action = RwSignal::new(entry.action.as_str().to_owned());
    let former = entry.clone();
    let send = move || {
        let entry = written(words, action);
        let said = format!("\u{201c}{}\u{201d} is changed. It holds from the next message on.", entry.words);
        let entries = keeper.list.with_untracked(|list| {
            list.entries.iter().map(|one| if *one == former { entry.clone() } else { one.clone() }).collect()
        });
        put(keeper, form, entries, said);
    };
    let body = fields(form, words, action);
    dialog::form(keeper.desk, "Change this entry", form, body, ("button primary", "Save"), send)
}

fn removing(keeper: Keeper, entry: WordEntry) -> Node {
    let form = Form::new();
    let text = format!("\u{201c}{}\u{201d} is looked for no more. What was covered before stays covered.", entry.words);
    let body = vec![form.alert(), el("p", "").child(text).into()];
    let send = move || {
        let said = format!("\u{201c}{}\u{201d} is out of the list.", entry.words);
        let entries =
            keeper.list.with_untracked(|list| list.entries.iter().filter(|one| **one != entry).cloned().collect());
        put(keeper, form, entries, said);
    };
    dialog::form(keeper.desk, "Remove this entry?", form, body, ("button danger", "Remove"), send)
}
