//! Pages as the server renders them: real data in the HTML, nothing that a strict Content-Security-Policy would block.
//!
//! `POSTIL_PREVIEW=dir cargo test -p app --features ssr --test pages` also writes them as files, to be looked at.

#![cfg(feature = "ssr")]
#![expect(clippy::disallowed_methods, reason = "where to write previews is no setting of the product")]

mod sample;

use std::sync::Arc;

use app::{Assets, Page, Rendered, admin::Section, render};
use postil::wire::AdminRights;
use sample::{INVOICE, Sample};

/// Every file has a path of its own, so that none can stand for another.
const PATHS: [&str; Assets::NAMES.len()] = [
    "/pkg/0.js",
    "/pkg/1.wasm",
    "/pkg/2.css",
    "/pkg/3.css",
    "/pkg/4.js",
    "/pkg/5.js",
    "/pkg/6.js",
    "/pkg/7.js",
    "/pkg/8.wasm",
    "/pkg/9.css",
    "/pkg/10.js",
];

/// The path of a file, by its name in the manifest.
fn path_of(name: &str) -> &'static str {
    PATHS[Assets::NAMES.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name} is in no manifest"))]
}

fn assets() -> Assets {
    Assets::from_manifest(|name| Some(path_of(name))).expect("every name is known")
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the sample loader never waits"),
    }
}

fn answer(address: &str, who: Sample) -> Rendered {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let page = Page::parse(path, query).expect("one of our pages");
    now(render(page, Arc::new(who), "n0nce", &assets())).unwrap_or_else(|problem| panic!("{address}: {problem:?}"))
}

fn html(address: &str, signed_in: bool) -> String {
    match answer(address, Sample::of(signed_in)) {
        Rendered::Html(html) => {
            if let Ok(dir) = std::env::var("POSTIL_PREVIEW") {
                let name = address.replace(['/', '?', '=', '&'], "_");
                std::fs::write(format!("{dir}/{name}.html"), &html).expect("the preview folder can be written");
            }
            html
        }
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn a_conversation_is_in_the_first_html() {
    let html = html(&format!("/messages/{}", sample::conversation(INVOICE)), true);
    for part in [
        "Acme Industrial",
        "Invoice 4711 · Nordwind GmbH",
        "88 pieces short",
        "External people will see this",
        "Restricted",
        "replying to",
    ] {
        // Chips are resolved per viewer in the browser: until then nothing is called restricted.
        assert_eq!(html.contains(part), part != "Restricted", "{part}");
    }
}

#[test]
fn no_page_needs_inline_script_or_style() {
    for (address, signed_in) in [
        ("/sign-in", false),
        ("/messages", true),
        ("/widget", true),
        ("/widget?embed=1", false),
        ("/widget?state=open", true),
    ] {
        let html = html(address, signed_in);
        let before_seed = html.split("<script type=\"application/json\"").next().expect("a beginning");
        assert!(
            !before_seed.contains(" style=") && !before_seed.contains("<style") && !before_seed.contains(" onclick="),
            "{address}"
        );
        assert_eq!(before_seed.matches("<script").count(), 1, "{address}");
        assert!(before_seed.contains("nonce=\"n0nce\""), "{address}");
    }
}

#[test]
fn each_page_names_its_own_files_and_no_others() {
    let of = |names: &[&str]| names.iter().map(|name| path_of(name)).collect::<Vec<_>>();
    let widget = of(&["postil.css", "open.css", "postil.js", "postil.wasm", "js/boot.js"]);
    let admin = of(&["postil.css", "open.css", "admin.css", "admin.js", "admin.wasm", "js/admin.js"]);
    for (address, signed_in, files) in [
        ("/messages", true, &widget),
        ("/widget", true, &widget),
        ("/widget?embed=1", false, &widget),
        ("/sign-in", false, &of(&["postil.css", "open.css", "js/sign-in.js"])),
        ("/invitation", false, &of(&["postil.css", "open.css", "js/invitation.js"])),
        ("/admin/members", true, &admin),
        ("/admin/audit", true, &admin),
    ] {
        let html = html(address, signed_in);
        for path in PATHS {
            assert_eq!(html.contains(&format!("\"{path}\"")), files.contains(&path), "{address}: {path}");
        }
    }
    // A collapsed widget loads the rest of its style when it is opened.
    for (address, loads) in [("/widget", false), ("/widget?state=open", true), ("/messages", true)] {
        let link = format!("<link rel=\"stylesheet\" href=\"{}\">", path_of("open.css"));
        assert_eq!(html(address, true).contains(&link), loads, "{address}");
    }
    // What the manifest lacks is named, one by one.
    for missing in Assets::NAMES {
        let told = Assets::from_manifest(|name| (name != missing).then(|| path_of(name))).unwrap_err();
        assert!(told.ends_with(missing), "{told}");
    }
}

/// The values of an attribute, in order.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let begin = format!(" {attribute}=\"");
    html.split(&begin as &str).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

/// What each section must tell before any script runs.
const fn told(section: Section) -> &'static [&'static str] {
    match section {
        Section::Members => {
            &["Ingrid Sørensen", "person2@example.com", "Finance · Line 4", "External", "Nina New", ">You<", ">More<"]
        }
        Section::Roles => &["Owner", "external", "2 members", "New role"],
        Section::Policy => {
            &["Version 3 is in force", "&quot;key&quot;: &quot;owner&quot;", "&quot;external-projects&quot;"]
        }
        Section::Explain => &["Read messages", "A conversation", "As of", "Who can read it?"],
        Section::Moderation => &["Bilal Haddad", "Spam × 2", "2 reports", "transaction INV-4711"],
        Section::Words => &["Project Heron", "Refuse", "Version 2"],
        Section::Abuse => &["Links in one message", "Mateo Ruiz", "Slow mode", "4 times"],
        Section::Audit => &["2 entries", "Message edited", "Membership deleted", "department.delete", "No. 2"],
    }
}

#[test]
fn every_page_of_administration_is_whole_before_any_script_runs() {
    for section in Section::ALL {
        let html = html(section.path(), true);
        let page = html.split("<script type=\"application/json\"").next().expect("a beginning");
        for part in told(section) {
            assert!(page.contains(part), "{section:?} does not tell {part}: {page}");
        }
        assert!(html.contains(&format!("<title>{} · Acme Industrial</title>", section.title())), "{section:?}");
        // One heading, and the landmarks that a screen reader jumps to.
        assert_eq!(page.matches("<h1").count(), 1, "{section:?}");
        let heading = page.split("<h1").nth(1).and_then(|rest| rest.split('>').nth(1)).expect("a heading");
        assert_eq!(heading, format!("{}</h1", section.title()), "{section:?}");
        for landmark in ["<header ", "<nav ", "<main "] {
            assert_eq!(page.matches(landmark).count(), 1, "{section:?}: {landmark}");
        }
        assert!(page.contains("<a class=\"skip-link\" href=\"#main\">"), "{section:?}");
        for link in Section::ALL {
            let here = if link == section { " aria-current=\"page\"" } else { "" };
            assert!(
                page.contains(&format!("<a class=\"admin-link\" href=\"{}\"{here}>", link.path())),
                "{section:?}: {link:?}"
            );
        }
        // Levels are not skipped.
        let levels: Vec<u32> = page.split("<h").skip(1).filter_map(|rest| rest[..1].parse().ok()).collect();
        assert!(levels.windows(2).all(|two| two[1] <= two[0] + 1), "{section:?}: {levels:?}");
        // What names another by its id names one that is there, once.
        let ids = values(page, "id");
        let once: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{section:?}: {ids:?}");
        for attribute in ["for", "aria-labelledby", "aria-describedby", "aria-controls"] {
            for name in values(page, attribute).into_iter().flat_map(str::split_whitespace) {
                assert!(ids.contains(&name), "{section:?}: {attribute} names {name}");
            }
        }
        // Nothing waits for a script, and nothing typed before it runs is sent into an address.
        assert!(
            !page.contains("aria-busy") && !page.contains("skeleton") && !page.contains(">Loading<"),
            "{section:?}"
        );
        assert_eq!(page.matches("<form").count(), page.matches(" method=\"post\"").count(), "{section:?}");
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick="), "{section:?}");
        assert_eq!(page.matches("<script").count(), 1, "{section:?}");
        assert!(page.contains("nonce=\"n0nce\""), "{section:?}");
    }
}

#[test]
fn a_page_that_is_not_open_has_neither_script_nor_data_and_says_what_is_open() {
    for section in Section::ALL {
        let nothing = Sample { rights: AdminRights::default(), ..Sample::of(true) };
        let Rendered::Refused(html) = answer(section.path(), nothing) else { panic!("{section:?} is open") };
        assert!(html.contains("This is not open to you") && !html.contains("<script"), "{section:?}: {html}");
        assert!(!html.contains("<nav"), "{section:?}: nothing else is open either");
        let members = AdminRights { members: true, ..AdminRights::default() };
        let open = Section::open_to(members).any(|open| open == section);
        match answer(section.path(), Sample { rights: members, ..Sample::of(true) }) {
            Rendered::Html(_) => assert!(open, "{section:?}"),
            Rendered::Refused(html) => {
                assert!(!open && html.contains("href=\"/admin/members\"") && !html.contains("<script"), "{section:?}");
            }
            Rendered::Redirect(to) => panic!("{section:?} leads to {to}"),
        }
    }
    let lawless = AdminRights { no_policy: true, ..AdminRights::default() };
    let Rendered::Refused(html) = answer("/admin", Sample { rights: lawless, ..Sample::of(true) }) else {
        panic!("it is open")
    };
    assert!(html.contains("There is no policy yet") && !html.contains("An owner can give it to you"), "{html}");
}

#[test]
fn who_administers_finds_the_way_there_and_nobody_else_does() {
    for (address, tab) in [("/messages", false), ("/widget?state=open", true)] {
        for administers in [true, false] {
            let html = match answer(address, Sample { administers, ..Sample::of(true) }) {
                Rendered::Html(html) => html,
                other => panic!("{address}: {other:?}"),
            };
            assert_eq!(html.matches("href=\"/admin\"").count(), usize::from(administers), "{address}");
            assert_eq!(html.contains("href=\"/admin\" target=\"_blank\""), administers && tab, "{address}");
        }
    }
}

#[test]
fn an_embedded_widget_shows_nothing_of_a_cookie_session() {
    let html = html("/widget?embed=1", true);
    assert!(!html.contains("Acme") && !html.contains("Keller"), "{html}");
}

#[test]
fn who_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let id = sample::conversation(INVOICE);
    let page = Page::parse(&format!("/messages/{id}"), "").expect("a page");
    let answer = now(render(page, Arc::new(Sample::of(false)), "n", &assets()));
    assert_eq!(answer, Ok(Rendered::Redirect(format!("/sign-in?next=/messages/{id}"))));
}
