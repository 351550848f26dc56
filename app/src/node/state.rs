//! What stands in the document for a [`Node`].

use std::{cell::OnceCell, rc::Rc};

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Comment, Event, HtmlInputElement, HtmlTextAreaElement, Node as Dom};

use super::{Each, Element, Handler, Node, Text, Value, patch};
use crate::react::{Owner, RenderEffect, untrack};

/// What stands.
pub(super) enum State {
    Empty,
    Text(web_sys::Text, Text),
    Element(ElementState),
    Many(Vec<State>),
    Live(LiveState),
    Each(EachState),
}

pub(super) struct ElementState {
    pub tag: &'static str,
    pub dom: web_sys::Element,
    pub fixed: Vec<(&'static str, Text)>,
    pub live: Vec<RenderEffect<Option<Text>>>,
    pub listeners: Vec<Listener>,
    pub children: Vec<State>,
}

/// Its content stands before `end`.
pub(super) struct LiveState {
    pub effect: RenderEffect<State>,
    pub end: Comment,
}

/// Its rows stand before `end`.
pub(super) struct EachState {
    pub effect: RenderEffect<Vec<Row>>,
    pub end: Comment,
}

pub(super) struct Row {
    pub key: u64,
    pub state: State,
    /// Owns what the row made: it goes with the row.
    pub owner: Owner,
}

/// A listener that ends with its element's state.
pub(super) struct Listener {
    dom: web_sys::Element,
    event: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    fn new(dom: &web_sys::Element, event: &'static str, handler: Handler) -> Self {
        let closure = Closure::wrap(handler as Box<dyn FnMut(Event)>);
        let _ = dom.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
        Self { dom: dom.clone(), event, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.dom.remove_event_listener_with_callback(self.event, self.closure.as_ref().unchecked_ref());
    }
}

pub(super) fn document() -> web_sys::Document {
    web_sys::window().and_then(|window| window.document()).expect("nodes are built in a browser")
}

impl State {
    /// Builds what `node` describes, outside the document.
    pub fn build(node: Node) -> Self {
        match node {
            Node::Empty => Self::Empty,
            Node::Text(text) => Self::Text(document().create_text_node(&text), text),
            Node::Element(element) => Self::Element(ElementState::build(*element)),
            Node::Many(nodes) => Self::Many(nodes.into_iter().map(Self::build).collect()),
            Node::Live(read) => Self::Live(LiveState::build(read)),
            Node::Each(each) => Self::Each(EachState::new(*each, document().create_comment(""), Vec::new())),
        }
    }

    /// Puts it into `parent`, before `before` or last.
    pub fn mount(&mut self, parent: &Dom, before: Option<&Dom>) {
        let put = |dom: &Dom| {
            let _ = parent.insert_before(dom, before);
        };
        match self {
            Self::Empty => {}
            Self::Text(dom, _) => put(dom),
            Self::Element(element) => put(&element.dom),
            Self::Many(states) => states.iter_mut().for_each(|state| state.mount(parent, before)),
            Self::Live(LiveState { effect, end }) => {
                put(end);
                effect.with_value_mut(|state| state.mount(parent, Some(end)));
            }
            Self::Each(EachState { effect, end }) => {
                put(end);
                effect.with_value_mut(|rows| rows.iter_mut().for_each(|row| row.state.mount(parent, Some(end))));
            }
        }
    }

    /// Takes it out of the document.
    pub fn unmount(&mut self) {
        let away = |dom: &Dom| {
            if let Some(parent) = dom.parent_node() {
                let _ = parent.remove_child(dom);
            }
        };
        match self {
            Self::Empty => {}
            Self::Text(dom, _) => away(dom),
            Self::Element(element) => away(&element.dom),
            Self::Many(states) => states.iter_mut().for_each(Self::unmount),
            Self::Live(LiveState { effect, end }) => {
                effect.with_value_mut(Self::unmount);
                away(end);
            }
            Self::Each(EachState { effect, end }) => {
                effect.with_value_mut(|rows| rows.iter_mut().for_each(|row| row.state.unmount()));
                away(end);
            }
        }
    }

    /// The first of its nodes in the document.
    pub fn first(&self) -> Option<Dom> {
        match self {
            Self::Empty => None,
            Self::Text(dom, _) => Some(dom.clone().into()),
            Self::Element(element) => Some(element.dom.clone().into()),
            Self::Many(states) => states.iter().find_map(Self::first),
            Self::Live(LiveState { effect, end }) => {
                effect.with_value_mut(|state| state.first()).flatten().or_else(|| Some(end.clone().into()))
            }
            Self::Each(EachState { effect, end }) => {
                let first = effect.with_value_mut(|rows| rows.iter().find_map(|row| row.state.first())).flatten();
                first.or_else(|| Some(end.clone().into()))
            }
        }
    }
}

impl ElementState {
    fn build(element: Element) -> Self {
        let svg = matches!(element.tag, "svg" | "path");
        let dom = if svg {
            document().create_element_ns(Some("http://www.w3.org/2000/svg"), element.tag)
        } else {
            document().create_element(element.tag)
        };
        let dom = dom.expect("tags are names");
        let children: Vec<State> = element.children.into_iter().map(State::build).collect();
        let mut state =
            Self { tag: element.tag, dom, fixed: Vec::new(), live: Vec::new(), listeners: Vec::new(), children };
        for child in &mut state.children {
            child.mount(&state.dom, None);
        }
        state.dress(element.attributes, element.listeners);
        if let Some(hook) = element.hook {
            hook(state.dom.clone());
        }
        state
    }

    /// Attributes and listeners, replacing former ones.
    pub fn dress(&mut self, attributes: Vec<(&'static str, Value)>, listeners: Vec<(&'static str, Handler)>) {
        self.live.clear();
        let mut fixed = Vec::with_capacity(attributes.len());
        let mut names = Vec::with_capacity(attributes.len());
        for (name, value) in attributes {
            names.push(name);
            match value {
                Value::Fixed(value) => {
                    if !self.fixed.iter().any(|(of, shown)| *of == name && *shown == value) {
                        let _ = self.dom.set_attribute(name, &value);
                    }
                    fixed.push((name, value));
                }
                Value::Live(read) => self.live.push(attribute(&self.dom, name, read)),
                Value::Field(read) => self.live.push(field(&self.dom, read)),
                Value::Checked(read) => self.live.push(checked(&self.dom, read)),
            }
        }
        for (name, _) in &self.fixed {
            if !names.contains(name) {
                let _ = self.dom.remove_attribute(name);
            }
        }
        self.fixed = fixed;
        self.listeners =
            listeners.into_iter().map(|(event, handler)| Listener::new(&self.dom, event, handler)).collect();
    }
}

fn attribute(
    dom: &web_sys::Element,
    name: &'static str,
    read: Box<dyn Fn() -> Option<Text> + Send>,
) -> RenderEffect<Option<Text>> {
    let dom = dom.clone();
    RenderEffect::new(move |shown: Option<Option<Text>>| {
        let value = read();
        if shown.as_ref() != Some(&value) {
            let _ = match &value {
                Some(value) => dom.set_attribute(name, value),
                None => dom.remove_attribute(name),
            };
        }
        value
    })
}

fn field(dom: &web_sys::Element, read: Box<dyn Fn() -> String + Send>) -> RenderEffect<Option<Text>> {
    let dom = dom.clone();
    RenderEffect::new(move |_| {
        let value = read();
        // Written only when it differs: writing moves the caret.
        if let Some(field) = dom.dyn_ref::<HtmlTextAreaElement>() {
            if field.value() != value {
                field.set_value(&value);
            }
        } else if let Some(field) = dom.dyn_ref::<HtmlInputElement>()
            && field.value() != value
        {
            field.set_value(&value);
        }
        None
    })
}

fn checked(dom: &web_sys::Element, read: Box<dyn Fn() -> bool + Send>) -> RenderEffect<Option<Text>> {
    let dom = dom.clone();
    RenderEffect::new(move |_| {
        let value = read();
        if let Some(field) = dom.dyn_ref::<HtmlInputElement>() {
            field.set_checked(value);
        }
        None
    })
}

/// Where the comment is that ends a live part: known once everything before it was walked.
pub(super) type End = Rc<OnceCell<Comment>>;

impl LiveState {
    /// Runs `read` now and whenever it changes; `first` makes what stands of the first answer.
    pub fn run(
        read: Box<dyn Fn() -> Node + Send>,
        end: End,
        first: Box<dyn FnOnce(Node) -> State>,
    ) -> RenderEffect<State> {
        let mut first = Some(first);
        RenderEffect::new(move |standing: Option<State>| {
            let node = read();
            match (standing, first.take()) {
                (_, Some(first)) => first(node),
                (Some(state), None) => {
                    let end = end.get();
                    patch::patch(end.and_then(|end| end.parent_node()).as_ref(), state, node, end.map(AsRef::as_ref))
                }
                (None, None) => State::build(node),
            }
        })
    }

    fn build(read: Box<dyn Fn() -> Node + Send>) -> Self {
        let end = document().create_comment("");
        Self { effect: Self::run(read, Rc::new(OnceCell::from(end.clone())), Box::new(State::build)), end }
    }

    /// Shows what another closure says, beginning with what stands.
    pub fn resume(self, read: Box<dyn Fn() -> Node + Send>) -> Self {
        let Self { effect, end } = self;
        let standing = effect.take_value().unwrap_or(State::Empty);
        drop(effect);
        let marker = end.clone();
        let first = move |node| patch::patch(marker.parent_node().as_ref(), standing, node, Some(&marker));
        Self { effect: Self::run(read, Rc::new(OnceCell::from(end.clone())), Box::new(first)), end }
    }
}

impl EachState {
    /// Keeps the rows that are named, in their order.
    pub fn new(each: Each, end: Comment, standing: Vec<Row>) -> Self {
        let Each { keys, row } = each;
        let marker = end.clone();
        // Rows belong to where the list stands, not to one run of the effect below, which would end them with the next.
        let home = Owner::current().unwrap_or_default();
        let run = move |standing: Option<Vec<Row>>| {
            let mut standing: Vec<Option<Row>> = standing.unwrap_or_default().into_iter().map(Some).collect();
            let mut from = 0;
            let wanted = keys();
            let parent = marker.parent_node();
            let mut rows = Vec::with_capacity(wanted.len());
            for key in wanted {
                // Rows mostly keep their order: the search goes on where the last one ended.
                let at = (from..standing.len())
                    .chain(0..from)
                    .find(|at| standing[*at].as_ref().is_some_and(|row| row.key == key));
                from = at.map_or(from, |at| at + 1);
                rows.push(at.and_then(|at| standing[at].take()).unwrap_or_else(|| {
                    let owner = home.with(Owner::new);
                    let state = owner.with(|| untrack(|| State::build(row(key))));
                    Row { key, state, owner }
                }));
            }
            for mut gone in standing.into_iter().flatten() {
                gone.state.unmount();
                gone.owner.cleanup();
            }
            // From the end, so that the place of each is known; what stands there already is not touched.
            if let Some(parent) = parent {
                let mut next: Dom = marker.clone().into();
                for row in rows.iter_mut().rev() {
                    let first = row.state.first();
                    let last_fits =
                        row.state.last().and_then(|last| last.next_sibling()).is_some_and(|after| after == next);
                    if !last_fits {
                        row.state.mount(&parent, Some(&next));
                    }
                    next = first.or_else(|| row.state.first()).unwrap_or(next);
                }
            }
            rows
        };
        Self { effect: RenderEffect::new_with_value(run, Some(standing)), end }
    }
}

impl State {
    /// The last of its nodes in the document.
    fn last(&self) -> Option<Dom> {
        match self {
            Self::Many(states) => states.iter().rev().find_map(Self::last),
            Self::Live(live) => Some(live.end.clone().into()),
            Self::Each(each) => Some(each.end.clone().into()),
            other => other.first(),
        }
    }
}
