//! Pages as HTML. Data first, then one synchronous rendering: no streaming, no inline script, nothing to leak when a
//! reader hangs up half way.

use std::sync::Arc;

use postil::wire::{AdminRights, Me, Problem};

use crate::{
    admin::{self, Section},
    loaders::Loader,
    node::Node,
    page::{Assets, Page, Seed, Widget, safe_next},
    react::Owner,
    shell::{Head, document},
    state::{self, hue_class},
};

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// This page, as `text/html`, not to be cached.
    Html(String),
    /// This page with status 403: who is signed in may not see what they asked for.
    Refused(String),
    /// See other (303): always a path of ours.
    Redirect(String),
}

/// Renders a page for whoever `loader` speaks for.
///
/// `nonce` is the one in the response's `script-src`.
///
/// # Errors
/// The problem of the loader that failed; the caller shows its error page with that status.
pub async fn render(page: Page, loader: Arc<dyn Loader>, nonce: &str, assets: &Assets) -> Result<Rendered, Problem> {
    match page {
        Page::SignIn { next } => {
            let next = safe_next(next.as_deref());
            if loader.me().await?.is_some() {
                return Ok(Rendered::Redirect(next));
            }
            Ok(Rendered::Html(document(
                &Head::sign_in(nonce, assets),
                &html(move || crate::pages::sign_in::sign_in(next)),
                None::<&Seed>,
            )))
        }
        Page::Messages { conversation } => {
            let Some(me) = loader.me().await? else {
                let back = conversation.map_or_else(String::new, |id| format!("?next=/messages/{id}"));
                return Ok(Rendered::Redirect(format!("/sign-in{back}")));
            };
            let cursor = loader.stream_cursor().await?;
            let inbox = loader.conversations().await?;
            let now = Some(loader.now());
            let mut seed = Seed { now, me: Some(me), cursor, inbox: Some(inbox), ..Seed::default() };
            if let Some(id) = conversation
                && let Some(detail) = loader.conversation(id).await?
            {
                seed.messages = Some(loader.messages(id).await?);
                seed.conversation = Some(detail);
            }
            let root = seed.clone();
            Ok(Rendered::Html(document(
                &Head::messages(nonce, assets, &seed),
                &html(move || crate::root(root, false)),
                Some(&seed),
            )))
        }
        Page::Widget(widget) => widget_page(widget, &*loader, nonce, assets).await,
        Page::Admin { section } => admin_page(section, &*loader, nonce, assets).await,
        Page::Invitation => {
            let form = html(crate::pages::invitation::invitation);
            Ok(Rendered::Html(document(&Head::invitation(nonce, assets), &form, None::<&Seed>)))
        }
    }
}

async fn widget_page(widget: Widget, loader: &dyn Loader, nonce: &str, assets: &Assets) -> Result<Rendered, Problem> {
    let Widget { company, embedded, open, record } = widget;
    let mut seed = Seed { now: Some(loader.now()), company, embedded, record, ..Seed::default() };
    // In a host's iframe the session comes with the token: a cookie of ours, if the browser sent one, is another matter.
    if !embedded {
        seed.me = loader.me().await?;
        if seed.me.is_some() {
            seed.launcher = Some(loader.launcher().await?);
        }
    }
    let root = seed.clone();
    let launcher = seed.launcher.clone();
    let hue = seed.me.as_ref().and_then(state::company).map_or_else(String::new, |company| hue_class(company.hue.0));
    let button = html(move || crate::widget::launcher::launcher(&hue, launcher));
    let panel = html(move || crate::root(root, true));
    Ok(Rendered::Html(document(&Head::widget(nonce, assets, &seed, open, button), &panel, Some(&seed))))
}

/// Whoever may not see a section is told so, with status 403, and what they may see instead.
async fn admin_page(
    section: Option<Section>,
    loader: &dyn Loader,
    nonce: &str,
    assets: &Assets,
) -> Result<Rendered, Problem> {
    let Some(me) = loader.me().await? else {
        return Ok(Rendered::Redirect(format!("/sign-in?next={}", section.map_or("/admin", Section::path))));
    };
    let rights = loader.admin_rights().await?;
    let Some(section) = section else {
        if let Some(first) = Section::open_to(rights).next() {
            return Ok(Rendered::Redirect(first.path().to_owned()));
        }
        // Nothing in particular was asked for: of what it takes, the first.
        loader.admin_refused(Section::ALL[0].action()).await;
        return Ok(refused(None, me, rights, nonce, assets));
    };
    if !section.is_open_to(rights) {
        loader.admin_refused(section.action()).await;
        return Ok(refused(Some(section), me, rights, nonce, assets));
    }
    let data = loader.admin_data(section, rights).await?;
    let seed = admin::Seed { now: loader.now(), me, rights, section, data };
    let root = seed.clone();
    let title = format!("{} · {}", section.title(), state::company_name(&seed.me));
    let head = Head::admin(nonce, assets, title, false);
    Ok(Rendered::Html(document(&head, &html(move || admin::root(root)), Some(&seed))))
}

fn refused(section: Option<Section>, me: Me, rights: AdminRights, nonce: &str, assets: &Assets) -> Rendered {
    let head = Head::admin(nonce, assets, format!("Not for you · {}", state::company_name(&me)), true);
    Rendered::Refused(document(&head, &html(move || admin::refused(section, &me, rights)), None::<&Seed>))
}

/// One view as HTML that the browser can take over.
fn html(view: impl FnOnce() -> Node) -> String {
    let owner = Owner::new();
    let html = owner.with(|| view().to_html());
    owner.cleanup();
    html
}
