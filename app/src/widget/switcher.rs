//! The company switcher: explicit, and a hard reset.

use postil::wire::{CompanyMembership, Me, SwitchCompany};

use super::dialog;
use crate::{
    net::{
        api::{self, Call},
        dom, tabs,
    },
    node::{Node, button, div, el, span},
    state::{Scope, Session, Surface, company_name, hue_class},
};

/// How long what is shown takes to fade before anything new is asked for.
const FADE_MS: u32 = 160;

/// The dialog that names where you are and where you can go.
#[must_use]
pub fn switcher(scope: Scope) -> Node {
    let (here, companies) = scope.me(|me| (company_name(me), me.companies.clone()));
    let others: Vec<&str> =
        companies.iter().filter(|company| company.id != scope.company).map(|company| company.name.as_str()).collect();
    let sentence = format!("You're in {here}. Nothing from {} is loaded.", others.join(" or "));
    let options = companies.into_iter().map(|company| option(scope, company));
    let sentence = div("dialog-body").child(el("p", "muted").child(sentence));
    dialog::frame(scope, "Switch company", vec![sentence.into(), el("ul", "dialog-list").children(options).into()])
}

fn option(scope: Scope, company: CompanyMembership) -> Node {
    let here = company.id == scope.company;
    let (name, role, bar) =
        (company.name.clone(), company.role_name.clone(), format!("hue-bar {}", hue_class(company.hue.0)));
    let choose = move || {
        if here { dialog::close(scope) } else { switch(scope, &company) }
    };
    let option = button("option", choose)
        .attr_if("aria-current", here.then_some("true"))
        .child(span(bar))
        .child(span("option-main").child(span("truncate").child(name)).child(span("option-sub").child(role)))
        .child(here.then(|| span("muted").child("You're here")));
    el("li", "").child(option).into()
}

/// Drops everything of this company, then goes to the other.
fn switch(scope: Scope, to: &CompanyMembership) {
    let (shell, from) = (scope.shell, scope.company);
    let body = SwitchCompany { company_id: to.id };
    shell.leave(Session::Switching(to.name.clone()));
    dom::after(FADE_MS, move || {
        dom::spawn(async move {
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
