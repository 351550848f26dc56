//! Loading, empty and error, as parts of the interface rather than leftovers.

use leptos::prelude::*;
use postil::feed::Failure;

use super::icon;
use crate::state::words;

/// Rows of what is about to come. They appear after 150 ms, so that a fast answer shows none.
#[must_use]
pub fn skeleton(rows: usize, what: &'static str) -> AnyView {
    let rows = (0..rows).map(|_| view! { <div class="skeleton-row"></div> }).collect_view();
    view! { <div class="skeleton" role="status"><span class="visually-hidden">{what}</span>{rows}</div> }.into_any()
}

/// One sentence, and what to do.
#[must_use]
pub fn empty(title: &'static str, text: String, action: Option<AnyView>) -> AnyView {
    view! { <div class="state">{icon::mark()}<h2>{title}</h2><p>{text}</p>{action}</div> }.into_any()
}

/// What happened, what is safe, what to do; the correlation id behind "Details".
#[must_use]
pub fn error(failure: &Failure, safe: &'static str, retry: impl Fn() + 'static) -> AnyView {
    let details = words::correlation(failure).map(|id| {
        view! { <details><summary>"Details"</summary><code>{id}</code></details> }
    });
    view! {
        <div class="state" role="alert">
            <h2>{words::failure(failure)}</h2>
            <p>{safe}</p>
            <button type="button" class="button" on:click=move |_| retry()>"Try again"</button>
            {details}
        </div>
    }
    .into_any()
}
