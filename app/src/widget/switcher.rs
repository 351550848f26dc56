//! The company switcher: explicit, and a hard reset.

use leptos::prelude::*;
use postil::wire::{CompanyMembership, Me, SwitchCompany};
use wasm_bindgen_futures::spawn_local;

use super::dialog;
use crate::{
    net::{
        api::{self, Call},
        dom, tabs,
    },
    state::{Scope, Session, Surface, company_name, hue_class},
};

/// How long what is shown takes to fade before anything new is asked for.
const FADE_MS: u32 = 160;

/// The dialog that names where you are and where you can go.
#[must_use]
pub fn switcher(scope: Scope) -> AnyView {
    let (here, companies) = scope.me(|me| (company_name(me), me.companies.clone()));
    let others: Vec<&str> = companies.iter().filter(|company| company.id != scope.company).map(|company| company.name.as_str()).collect();
    let sentence = format!("You're in {here}. Nothing from {} is loaded.", others.join(" or "));
    let options = companies.into_iter().map(|company| option(scope, company)).collect_view();
    let body = view! {
        <div class="dialog-body"><p class="muted">{sentence}</p></div>
        <ul class="dialog-list">{options}</ul>
    }
    .into_any();
    dialog::frame(scope, "Switch company", body)
}

fn option(scope: Scope, company: CompanyMembership) -> AnyView {
    let here = company.id == scope.company;
    let (name, role, bar) = (company.name.clone(), company.role_name.clone(), format!("hue-bar {}", hue_class(company.hue.0)));
    let current = here.then_some("true");
    let choose = move |_| {
        if here { dialog::close(scope) } else { switch(scope, &company) }
    };
    view! {
        <li>
            <button type="button" class="option" aria-current=current on:click=choose>
                <span class=bar></span>
                <span class="option-main"><span class="truncate">{name}</span><span class="option-sub">{role}</span></span>
                {here.then(|| view! { <span class="muted">"You're here"</span> })}
            </button>
        </li>
    }
    .into_any()
}

/// Drops everything of this company, then goes to the other.
fn switch(scope: Scope, to: &CompanyMembership) {
    let (shell, from) = (scope.shell, scope.company);
    let body = SwitchCompany { company_id: to.id };
    shell.leave(Session::Switching(to.name.clone()));
    dom::after(FADE_MS, move || {
        spawn_local(async move {
            match api::call::<Me>(shell, Some(from), Call::send("POST", "/context/switch-company", &body)).await {
                Ok(me) => {
                    tabs::tell(&me);
                    if shell.surface == Surface::Page
                        && let Some(history) = dom::window().and_then(|window| window.history().ok())
                    {
                        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some("/messages"));
                    }
                    let hello = format!("You're in {} now.", company_name(&me));
                    shell.session.set(Session::In(Box::new(me)));
                    shell.polite.set(hello);
                }
                Err(failure) => shell.session.set(Session::Failed(failure)),
            }
        });
    });
}
