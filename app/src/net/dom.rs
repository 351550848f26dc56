//! Small helpers around the browser's objects.

use std::{cell::RefCell, pin::Pin};

use leptos::prelude::{GetValue as _, LocalStorage, SetValue as _, StoredValue};
use postil::clock::Timestamp;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Document, Element, HtmlElement, Window};

use crate::react::{Effect, on_cleanup};

/// An element that stands in the document, for as long as its owner lives.
#[derive(Clone, Copy, Debug)]
pub struct Slot(StoredValue<Option<Element>, LocalStorage>);

impl Slot {
    /// Holds `element` from now on.
    pub fn set(self, element: Element) {
        self.0.set_value(Some(element));
    }
}

/// An empty slot.
#[must_use]
pub fn slot() -> Slot {
    Slot(StoredValue::new_local(None))
}

/// What a slot holds.
#[must_use]
pub fn held<T: JsCast>(slot: Slot) -> Option<T> {
    slot.0.try_get_value().flatten()?.dyn_into().ok()
}

/// The window; `None` outside a browser.
#[must_use]
pub fn window() -> Option<Window> {
    web_sys::window()
}

/// The document.
#[must_use]
pub fn document() -> Option<Document> {
    window()?.document()
}

/// Copies a text; whether that was allowed. Outside a secure context there is no clipboard at all, and asking for it would throw.
pub async fn copy(text: &str) -> bool {
    let Some(window) = window() else { return false };
    let navigator = window.navigator();
    match js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard")) {
        Ok(clipboard) if !clipboard.is_undefined() => {
            wasm_bindgen_futures::JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
        }
        _ => false,
    }
}

/// What the tab is called.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Now, by this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    Timestamp::from_millis(js_sys::Date::now() as i64)
}

/// Minutes that the browser's zone was ahead of UTC at that moment.
#[must_use]
pub fn utc_offset_min(at: Timestamp) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let date = js_sys::Date::new(&JsValue::from_f64(at.millis() as f64));
    #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
    let behind = date.get_timezone_offset() as i64;
    -behind
}

/// What a `datetime-local` field says, by this machine's zone; `None` when that is no time.
#[must_use]
pub fn local_time(field: &str) -> Option<Timestamp> {
    let ms = js_sys::Date::new(&JsValue::from_str(field)).get_time();
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    ms.is_finite().then(|| Timestamp::from_millis(ms as i64))
}

/// Runs `task` after some milliseconds, unless the page is gone by then.
pub fn after(ms: u32, task: impl FnOnce() + 'static) {
    after_boxed(ms, Box::new(task));
}

/// Not generic: the way into JavaScript is long, and every copy of it travels.
fn after_boxed(ms: u32, task: Box<dyn FnOnce()>) {
    let task = Closure::once_into_js(task);
    if let Some(window) = window() {
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(task.unchecked_ref(), ms);
    }
}

/// Runs a future to its end.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    wasm_bindgen_futures::spawn_local(task);
}

/// Runs `act` now and whenever a signal that it read changes; never on the server.
pub fn effect(act: impl FnMut() + 'static) {
    effect_boxed(Box::new(act));
}

/// Not generic: an effect of each closure's own type is a kilobyte, and there are many.
fn effect_boxed(mut act: Box<dyn FnMut()>) {
    Effect::new(move |_| act());
}

/// A number from 0 up to `bound`, for jitter.
#[must_use]
pub fn jitter(bound: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and bound")]
    let value = (js_sys::Math::random() * f64::from(bound)) as u32;
    value
}

/// A listener on the window or document.
struct Listener {
    id: u32,
    target: web_sys::EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(web_sys::Event)>,
}

thread_local! {
    /// Those that are heard. They can't be kept by an owner: a clean-up must be able to move between threads.
    static LISTENERS: RefCell<(u32, Vec<Listener>)> = const { RefCell::new((0, Vec::new())) };
}

/// Listens on the window or document until the current owner is dropped.
pub fn listen(target: &web_sys::EventTarget, name: &'static str, heard: impl FnMut(web_sys::Event) + 'static) {
    listen_boxed(target, name, Box::new(heard));
}

fn listen_boxed(target: &web_sys::EventTarget, name: &'static str, heard: Box<dyn FnMut(web_sys::Event)>) {
    let closure = Closure::wrap(heard);
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    let id = LISTENERS.with_borrow_mut(|(next, all)| {
        *next += 1;
        all.push(Listener { id: *next, target: target.clone(), name, closure });
        *next
    });
    on_cleanup(move || {
        let gone =
            LISTENERS.with_borrow_mut(|(_, all)| all.iter().position(|of| of.id == id).map(|at| all.swap_remove(at)));
        if let Some(Listener { target, name, closure, .. }) = gone {
            let _ = target.remove_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
        }
    });
}

/// Watches the sizes of elements for as long as it lives.
struct Sizes {
    observer: web_sys::ResizeObserver,
    _closure: Closure<dyn FnMut()>,
}

impl Drop for Sizes {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Runs `changed` when one of these elements has another size, until the current owner is dropped.
pub fn on_resize(elements: &[Element], changed: impl FnMut() + 'static) {
    let closure = Closure::wrap(Box::new(changed) as Box<dyn FnMut()>);
    let Ok(observer) = web_sys::ResizeObserver::new(closure.as_ref().unchecked_ref()) else { return };
    for element in elements {
        observer.observe(element);
    }
    StoredValue::new_local(Sizes { observer, _closure: closure });
}

/// The first element that fits.
#[must_use]
pub fn find(selector: &str) -> Option<HtmlElement> {
    document()?.query_selector(selector).ok()??.dyn_into().ok()
}

/// All elements that fit, in order.
#[must_use]
pub fn find_all(root: &Element, selector: &str) -> Vec<HtmlElement> {
    let Ok(list) = root.query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)?.dyn_into().ok()).collect()
}

/// Gives the focus to what fits the first of these selectors that anything fits, once what changes now is on screen.
pub fn focus_soon(selectors: &'static str) {
    after(0, move || {
        if let Some(element) = selectors.split(", ").find_map(find) {
            let _ = element.focus();
        }
    });
}

/// Whether the keyboard is in this document, not in the page around it or in another window.
#[must_use]
pub fn has_keyboard() -> bool {
    document().is_some_and(|document| document.has_focus().unwrap_or(false))
}

/// Whether the panel is on screen: always on the full page, and in a widget that is open.
#[must_use]
pub fn panel_open() -> bool {
    find("html.is-collapsed").is_none()
}

/// Gives the focus to the first element that fits, if what changes now takes it away from everything: it must not fall to
/// the page's beginning. Whoever is elsewhere, in the page around an iframe too, is left there.
pub fn keep_focus(selector: &'static str) {
    after(0, move || {
        let fallen = |document: Document| {
            let at = document.active_element();
            document.has_focus().unwrap_or(false) && at.is_none_or(|at| at.local_name() == "body")
        };
        if document().is_some_and(fallen)
            && let Some(element) = find(selector)
        {
            let _ = element.focus();
        }
    });
}

/// Scrolls a message into view and marks it for a moment.
pub fn reveal(id: &str) {
    let Some(element) = document().and_then(|document| document.get_element_by_id(id)) else { return };
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Center);
    element.scroll_into_view_with_scroll_into_view_options(&options);
    let _ = element.class_list().add_1("highlight");
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
    after(2_400, move || {
        let _ = element.class_list().remove_1("highlight");
    });
}

/// Whether the tab is in front.
#[must_use]
pub fn tab_visible() -> bool {
    document().is_some_and(|document| document.visibility_state() == web_sys::VisibilityState::Visible)
}

/// Whether there is a mouse or the like: then a keyboard on screen is not in the way.
#[must_use]
pub fn has_fine_pointer() -> bool {
    window().and_then(|window| window.match_media("(hover: hover)").ok().flatten()).is_some_and(|query| query.matches())
}

/// Gives the focus to what a slot holds.
pub fn focus(slot: Slot) {
    if let Some(element) = held::<HtmlElement>(slot) {
        let _ = element.focus();
    }
}

/// Whether the text around an element runs from right to left.
#[must_use]
pub fn is_rtl(element: &Element) -> bool {
    element.closest("[dir='rtl']").is_ok_and(|found| found.is_some())
}

/// Whether the key goes with ⌘ on a Mac and with Ctrl elsewhere, and with nothing else but perhaps Shift. Ctrl on a Mac moves
/// through the text, as it always did there.
#[must_use]
pub fn with_command(event: &web_sys::KeyboardEvent) -> bool {
    let (pressed, other) =
        if is_mac() { (event.meta_key(), event.ctrl_key()) } else { (event.ctrl_key(), event.meta_key()) };
    pressed && !other && !event.alt_key()
}

/// Whether a key says this letter. A keyboard of another script has none: there it is the key that stands where it would.
#[must_use]
pub fn says(event: &web_sys::KeyboardEvent, letter: &str, code: &str) -> bool {
    let key = event.key();
    key.eq_ignore_ascii_case(letter) || (!key.is_ascii() && event.code() == code)
}

/// Gives the focus to the element of that id.
pub fn focus_id(id: &str) {
    if let Some(element) =
        document().and_then(|document| document.get_element_by_id(id)?.dyn_into::<HtmlElement>().ok())
    {
        let _ = element.focus();
    }
}

/// Whether this machine calls its keys as Apple does. Not for the server.
#[must_use]
pub fn is_mac() -> bool {
    let platform = window().and_then(|window| window.navigator().platform().ok()).unwrap_or_default();
    platform.starts_with("Mac") || platform.starts_with("iP")
}

/// In lower case, by the browser: it has the tables already.
#[must_use]
pub fn lower_case(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}
