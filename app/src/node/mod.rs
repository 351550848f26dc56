//! One type for everything on screen.
//!
//! Leptos gives each element, with its attributes and children, a type of its own: fast to update, and 1.7 kB of WASM for
//! each of some hundred types. Here every element is the same [`Node`], described at run time, driven by Leptos' signals and
//! effects: half the bundle, measured. What changes is a closure, which alone runs again; nodes that stay the same kind are
//! patched in place, so focus, selection and scroll survive.
//!
//! | file | does |
//! |---|---|
//! | `mod.rs` | describes: [`el`], [`Element`], [`live`], [`each`] |
//! | `html.rs` | writes HTML on the server |
//! | `state.rs` | what stands in the document: build, mount, unmount |
//! | `patch.rs` | makes what stands show something else |
//! | `hydrate.rs` | takes over what the server wrote |
//!
//! There is no way to put markup into a node: text is text.

mod html;
mod hydrate;
mod patch;
mod state;

use std::borrow::Cow;

pub use hydrate::hydrate;

/// A text that is often a literal.
pub type Text = Cow<'static, str>;

/// Something to show.
#[derive(Default)]
pub enum Node {
    /// Nothing.
    #[default]
    Empty,
    /// Text, never markup.
    Text(Text),
    /// An element.
    Element(Box<Element>),
    /// Several, one after the other.
    Many(Vec<Node>),
    /// What a closure says, again whenever a signal that it read changes.
    Live(Box<dyn Fn() -> Node + Send>),
    /// A keyed list.
    Each(Box<Each>),
}

/// A keyed list: rows stay in the document as long as their key is named.
pub struct Each {
    keys: Box<dyn Fn() -> Vec<u64> + Send>,
    row: Box<dyn Fn(u64) -> Node + Send>,
}

/// The value of an attribute.
enum Value {
    Fixed(Text),
    Live(Box<dyn Fn() -> Option<Text> + Send>),
    /// The property `value`: what stands in a field, not what it began with.
    Field(Box<dyn Fn() -> String + Send>),
    /// The property `checked`.
    Checked(Box<dyn Fn() -> bool + Send>),
}

type Handler = Box<dyn FnMut(web_sys::Event) + Send>;
type Hook = Box<dyn FnOnce(web_sys::Element) + Send>;

/// An element.
pub struct Element {
    tag: &'static str,
    attributes: Vec<(&'static str, Value)>,
    listeners: Vec<(&'static str, Handler)>,
    children: Vec<Node>,
    hook: Option<Hook>,
}

/// An element with a class.
#[must_use]
pub fn el(tag: &'static str, class: impl Into<Text>) -> Element {
    let class = class.into();
    let attributes = if class.is_empty() { Vec::new() } else { vec![("class", Value::Fixed(class))] };
    Element { tag, attributes, listeners: Vec::new(), children: Vec::new(), hook: None }
}

/// A `div`.
#[must_use]
pub fn div(class: impl Into<Text>) -> Element {
    el("div", class)
}

/// A `span`.
#[must_use]
pub fn span(class: impl Into<Text>) -> Element {
    el("span", class)
}

/// A button that submits nothing.
#[must_use]
pub fn button(class: impl Into<Text>, press: impl FnMut() + Send + 'static) -> Element {
    let mut press = press;
    el("button", class).attr("type", "button").on("click", move |_| press())
}

/// What a closure says, again whenever a signal that it read changes.
pub fn live<N: Into<Node>>(read: impl Fn() -> N + Send + 'static) -> Node {
    Node::Live(Box::new(move || read().into()))
}

/// A keyed list.
pub fn each(keys: impl Fn() -> Vec<u64> + Send + 'static, row: impl Fn(u64) -> Node + Send + 'static) -> Node {
    Node::Each(Box::new(Each { keys: Box::new(keys), row: Box::new(row) }))
}

impl Element {
    /// With an attribute.
    #[must_use]
    pub fn attr(mut self, name: &'static str, value: impl Into<Text>) -> Self {
        self.attributes.push((name, Value::Fixed(value.into())));
        self
    }

    /// With an attribute, if there is a value.
    #[must_use]
    pub fn attr_if(self, name: &'static str, value: Option<impl Into<Text>>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// With an attribute that follows signals; none when there is no value.
    #[must_use]
    pub fn attr_live<T: Into<Text>>(
        mut self,
        name: &'static str,
        read: impl Fn() -> Option<T> + Send + 'static,
    ) -> Self {
        self.attributes.push((name, Value::Live(Box::new(move || read().map(Into::into)))));
        self
    }

    /// With a class that follows signals, in place of the fixed one.
    #[must_use]
    pub fn class_live<T: Into<Text>>(self, read: impl Fn() -> T + Send + 'static) -> Self {
        self.attr_live("class", move || Some(read()))
    }

    /// With what stands in a field.
    #[must_use]
    pub fn field(mut self, read: impl Fn() -> String + Send + 'static) -> Self {
        self.attributes.push(("value", Value::Field(Box::new(read))));
        self
    }

    /// With a tick that follows signals.
    #[must_use]
    pub fn checked(mut self, read: impl Fn() -> bool + Send + 'static) -> Self {
        self.attributes.push(("checked", Value::Checked(Box::new(read))));
        self
    }

    /// With a name for those who can't see it.
    #[must_use]
    pub fn label(self, name: impl Into<Text>) -> Self {
        self.attr("aria-label", name)
    }

    /// With a hook for tests.
    #[must_use]
    pub fn test_id(self, id: &'static str) -> Self {
        self.attr("data-testid", id)
    }

    /// With a listener.
    #[must_use]
    pub fn on(mut self, event: &'static str, handler: impl FnMut(web_sys::Event) + Send + 'static) -> Self {
        self.listeners.push((event, Box::new(handler)));
        self
    }

    /// Told the element once it stands in a browser.
    #[must_use]
    pub fn known_as(mut self, hook: impl FnOnce(web_sys::Element) + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// With a child.
    #[must_use]
    pub fn child(mut self, child: impl Into<Node>) -> Self {
        self.children.push(child.into());
        self
    }

    /// With children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Node>) -> Self {
        self.children.extend(children);
        self
    }

    /// With a child that follows signals.
    #[must_use]
    pub fn live<N: Into<Node>>(self, read: impl Fn() -> N + Send + 'static) -> Self {
        self.child(live(read))
    }
}

impl From<Element> for Node {
    fn from(element: Element) -> Self {
        Self::Element(Box::new(element))
    }
}

impl From<&'static str> for Node {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<()> for Node {
    fn from((): ()) -> Self {
        Self::Empty
    }
}

impl<N: Into<Node>> From<Option<N>> for Node {
    fn from(node: Option<N>) -> Self {
        node.map_or(Self::Empty, Into::into)
    }
}

impl From<Vec<Node>> for Node {
    fn from(nodes: Vec<Node>) -> Self {
        Self::Many(nodes)
    }
}
