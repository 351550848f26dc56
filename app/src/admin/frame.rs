//! Header and navigation around a section; what is shown to whom it is not open.

use postil::wire::{AdminRights, Me};

use super::{
    Data, Section,
    desk::{Desk, Over},
};
use crate::{
    net::{api::Call, dom, tabs},
    node::{Element, Node, button, div, el, live, span},
    parts::{icon, states},
    react::{StoredValue, untrack},
    state::{company, company_name, hue_class},
};

fn scope(me: &Me) -> Element {
    div(format!("admin scope {}", company(me).map_or_else(String::new, |company| hue_class(company.hue.0))))
}

fn header(me: &Me) -> Element {
    el("header", "admin-header")
        .child(el("a", "skip-link").attr("href", "#main").child("To the content"))
        .child(
            div("company")
                .child(span("truncate").child(company_name(me)))
                .child(span("admin-header-where").child("Administration")),
        )
        .child(span("admin-header-me truncate").child(me.name.clone()))
        .child(
            el("a", "button admin-header-back")
                .attr("href", "/messages")
                .child(icon::icon(icon::COMPOSE))
                .child("Messages"),
        )
}

fn navigation(rights: AdminRights, at: Option<Section>) -> Element {
    let link = |section: Section| {
        let here = (at == Some(section)).then_some("page");
        let link = el("a", "admin-link")
            .attr("href", section.path())
            .attr_if("aria-current", here)
            .child(icon::icon(section.icon()))
            .child(section.title());
        el("li", "").child(link).into()
    };
    el("nav", "admin-nav").label("Administration").child(el("ul", "").children(Section::open_to(rights).map(link)))
}

/// A section with what is around it.
#[must_use]
pub fn page(desk: Desk, me: &Me, section: Section, data: Data, view: fn(Desk, Section, Data) -> Node) -> Node {
    dom::effect(move || {
        desk.wake();
        tabs::follow(desk.viewer, desk.company, move || desk.end(Over::Elsewhere));
    });
    // Somebody else may have signed in meanwhile, or this person's rights be others: what is done here would be done as theirs.
    dom::effect(move || {
        let Some(document) = dom::document() else { return };
        dom::listen(&document, "visibilitychange", move |_| {
            if dom::tab_visible() {
                dom::spawn(async move {
                    if desk.call::<Me>(Call::get("/me")).await.is_ok_and(|me| me.id != desk.viewer) {
                        desk.end(Over::Elsewhere);
                    }
                });
            }
        });
    });
    dom::effect(move || {
        if desk.over.get().is_some() {
            dom::set_title("Administration · Postil");
        }
    });
    // Where the navigation is one line, the section that is open is in it.
    dom::effect(|| {
        if let Some(here) = dom::find(".admin-link[aria-current]") {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            options.set_inline(web_sys::ScrollLogicalPosition::Center);
            here.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
    let heading = el("h1", "admin-title").attr("id", "title").attr("tabindex", "-1").child(section.title());
    let notice = div("admin-notice")
        .attr("role", "status")
        .test_id("notice")
        .live(move || Some(desk.notice.get()).filter(|text| !text.is_empty()).map(|text| said(desk, text)));
    // What was shown goes whole when it is no longer this session's: hidden, it would still be in the document.
    let data = StoredValue::new(Some(data));
    let body = div("admin-body").live(move || match desk.over.get() {
        Some(over) => ended(over, section),
        None => untrack(|| view(desk, section, data.try_update_value(Option::take).flatten().unwrap_or_default())),
    });
    let dialogs = div("admin-dialogs").live(move || {
        let over = desk.over.get().is_some();
        desk.dialog.get().filter(|_| !over).map(|build| untrack(|| build()))
    });
    // Whose page it was, and what they may, goes with the rest.
    let whose = me.clone();
    let around = move |build: fn(&Me, AdminRights, Section) -> Element| {
        let whose = whose.clone();
        live(move || desk.over.get().is_none().then(|| build(&whose, desk.rights, section)))
    };
    scope(me)
        .child(around.clone()(|me, _, _| header(me)))
        .child(around(|_, rights, section| navigation(rights, Some(section))))
        .child(el("main", "admin-main").attr("id", "main").child(heading).child(notice).child(body))
        .child(dialogs)
        .into()
}

fn said(desk: Desk, text: String) -> Node {
    let close =
        button("icon-button", move || desk.notice.set(String::new())).label("Close").child(icon::icon(icon::CLOSE));
    div("admin-said fade-in").child(el("p", "").child(text)).child(close).into()
}

fn ended(over: Over, section: Section) -> Node {
    let link = |to: String, text: &'static str| el("a", "button primary").attr("href", to).child(text);
    match over {
        Over::SignedOut => states::empty(
            "You're signed out",
            "Nothing of the company is on this page any more.",
            link(format!("/sign-in?next={}", section.path()), "Sign in"),
        ),
        Over::Elsewhere => states::empty(
            "You are somewhere else now",
            "You switched companies, or somebody else signed in. What was shown here is gone.",
            link("/admin".to_owned(), "Go on here"),
        ),
        Over::NotAllowed => states::empty(
            "This is no longer open to you",
            "Your role has changed. What was shown here is gone.",
            link("/admin".to_owned(), "See what is"),
        ),
    }
}

/// The page for those to whom a section, or all of it, is not open: what they asked for is not on it.
#[must_use]
pub fn refused(section: Option<Section>, me: &Me, rights: AdminRights) -> Node {
    let others = Section::open_to(rights).next();
    let what = section.filter(|_| others.is_some()).map_or("Administration", Section::title);
    let company = company_name(me);
    let text = if rights.no_policy {
        format!(
            "No policy is in force in {company} yet. Until there is one, nobody may do anything here, owners included: ask whoever runs this installation."
        )
    } else {
        format!("{what} is for people whose role allows it in {company}. An owner can give it to you.")
    };
    let (to, label) = others.map_or(("/messages", "Go to your messages"), |section| (section.path(), section.title()));
    let link = el("a", "button primary").attr("href", to).child(label);
    let body = div("state")
        .child(icon::icon(icon::LOCK))
        .child(el("h1", "admin-title").child(if rights.no_policy {
            "There is no policy yet"
        } else {
            "This is not open to you"
        }))
        .child(el("p", "").child(text))
        .child(link);
    scope(me)
        .child(header(me))
        .child(others.map(|_| navigation(rights, section)))
        .child(el("main", "admin-main").attr("id", "main").child(body))
        .into()
}
