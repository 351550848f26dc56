//! Takes over what the server wrote: the same walk as in `html.rs`, along the nodes that the parser made of it.
//!
//! Where the document differs from what was expected (an extension changed it), the part is built afresh in its place.

use std::{cell::RefCell, rc::Rc};

use wasm_bindgen::JsCast;
use web_sys::{Comment, HtmlInputElement, HtmlTextAreaElement, Node as Dom};

use super::{
    Element, Node,
    state::{EachState, ElementState, End, LiveState, Row, State, document},
};
use crate::react::{Owner, untrack};

/// Takes over the children of `root` and keeps them for the life of the page.
pub fn hydrate(root: &web_sys::Element, view: impl FnOnce() -> Node) {
    let owner = Owner::new();
    let state = owner.with(|| {
        let mut walk = Walk { parent: Some(root.clone().into()), next: root.first_child(), after_text: false };
        walk.node(view())
    });
    // The page's root lives as long as the page.
    core::mem::forget((owner, state));
}

#[derive(Default)]
struct Walk {
    parent: Option<Dom>,
    next: Option<Dom>,
    after_text: bool,
}

impl Walk {
    fn node(&mut self, node: Node) -> State {
        match node {
            Node::Empty => State::Empty,
            Node::Text(text) => {
                if text.is_empty() {
                    return self.build(Node::Text(text));
                }
                if self.after_text && self.next.as_ref().is_some_and(|next| next.node_type() == Dom::COMMENT_NODE) {
                    self.step();
                }
                match self.next.clone().and_then(|next| next.dyn_into::<web_sys::Text>().ok()) {
                    Some(dom) => {
                        self.step();
                        self.after_text = true;
                        // What the server wrote for another moment or time zone is put right.
                        if dom.data() != text {
                            dom.set_data(&text);
                        }
                        State::Text(dom, text)
                    }
                    None => self.build(Node::Text(text)),
                }
            }
            Node::Element(element) => {
                self.after_text = false;
                let fits = |dom: &web_sys::Element| dom.local_name() == element.tag;
                match self.next.clone().and_then(|next| next.dyn_into::<web_sys::Element>().ok()).filter(fits) {
                    Some(dom) => {
                        self.step();
                        State::Element(adopt(*element, dom))
                    }
                    None => self.build(Node::Element(element)),
                }
            }
            Node::Many(nodes) => State::Many(nodes.into_iter().map(|node| self.node(node)).collect()),
            Node::Live(read) => {
                // The first run of the effect walks on; the walk goes in and comes out again.
                let walk = Rc::new(RefCell::new(Some(core::mem::take(self))));
                let end = End::default();
                let inner = Rc::clone(&walk);
                let first = move |node| match inner.borrow_mut().as_mut() {
                    Some(walk) => walk.node(node),
                    None => State::build(node),
                };
                let effect = LiveState::run(read, Rc::clone(&end), Box::new(first));
                if let Some(walk) = walk.take() {
                    *self = walk;
                }
                let comment = self.end();
                let _ = end.set(comment.clone());
                State::Live(LiveState { effect, end: comment })
            }
            Node::Each(each) => {
                let home = Owner::current().unwrap_or_default();
                let rows = untrack(|| (each.keys)())
                    .into_iter()
                    .map(|key| {
                        let owner = home.with(Owner::new);
                        let state = owner.with(|| untrack(|| self.node((each.row)(key))));
                        Row { key, state, owner }
                    })
                    .collect();
                let end = self.end();
                State::Each(EachState::new(*each, end, rows))
            }
        }
    }

    fn step(&mut self) {
        self.next = self.next.as_ref().and_then(Dom::next_sibling);
    }

    /// The comment that ends what can change.
    fn end(&mut self) -> Comment {
        self.after_text = false;
        if let Some(end) = self.next.clone().and_then(|next| next.dyn_into::<Comment>().ok()) {
            self.step();
            return end;
        }
        let end = document().create_comment("");
        if let Some(parent) = &self.parent {
            let _ = parent.insert_before(&end, self.next.as_ref());
        }
        end
    }

    fn build(&mut self, node: Node) -> State {
        let mut state = State::build(node);
        if let Some(parent) = &self.parent {
            state.mount(parent, self.next.as_ref());
        }
        state
    }
}

fn adopt(element: Element, dom: web_sys::Element) -> ElementState {
    let mut walk = Walk { parent: Some(dom.clone().into()), next: dom.first_child(), after_text: false };
    let children = element.children.into_iter().map(|child| walk.node(child)).collect();
    // What stands too much is not ours.
    while let Some(extra) = walk.next.clone() {
        walk.step();
        let _ = dom.remove_child(&extra);
    }
    let mut state =
        ElementState { tag: element.tag, dom, fixed: Vec::new(), live: Vec::new(), listeners: Vec::new(), children };
    let typed = typed(&state.dom);
    state.dress(element.attributes, element.listeners);
    if let Some(typed) = typed {
        retype(&state.dom, &typed);
    }
    if let Some(hook) = element.hook {
        hook(state.dom.clone());
    }
    state
}

/// What someone has written into a field since the server filled it.
fn typed(dom: &web_sys::Element) -> Option<String> {
    let (value, given) = if let Some(field) = dom.dyn_ref::<HtmlTextAreaElement>() {
        (field.value(), field.default_value().unwrap_or_default())
    } else {
        let field = dom.dyn_ref::<HtmlInputElement>()?;
        (field.value(), field.default_value())
    };
    (value != given).then_some(value)
}

/// Writes it again, now that somebody listens, as its author did.
fn retype(dom: &web_sys::Element, typed: &str) {
    if let Some(field) = dom.dyn_ref::<HtmlTextAreaElement>() {
        field.set_value(typed);
    } else if let Some(field) = dom.dyn_ref::<HtmlInputElement>() {
        field.set_value(typed);
    }
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = web_sys::Event::new_with_event_init_dict("input", &init) {
        let _ = untrack(|| dom.dispatch_event(&event));
    }
}
