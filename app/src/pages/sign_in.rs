//! `/sign-in`: plain HTML and a small script of its own; no WASM before someone has signed in.

use leptos::prelude::*;

use crate::parts::icon;

/// The form. `public/js/sign-in.js` sends it.
#[must_use]
pub fn sign_in(next: String) -> AnyView {
    view! {
        <main class="sign-in scope hue-16">
            <form class="sign-in-card" method="post" action="/sign-in" data-next=next novalidate=true>
                <div class="sign-in-brand">{icon::mark()}"Postil"</div>
                <h1>"Sign in"</h1>
                <p role="alert" class="sign-in-error" hidden=true></p>
                <label for="email">"E-mail"</label>
                <input class="field" id="email" name="email" type="email" autocomplete="username" required=true />
                <label for="password">"Password"</label>
                <input class="field" id="password" name="password" type="password" autocomplete="current-password" required=true />
                <button type="submit" class="button primary">"Sign in"</button>
            </form>
        </main>
    }
    .into_any()
}
