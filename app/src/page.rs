//! The pages, what they are asked with, and what they carry from the server to the browser.

use postil::{
    clock::Timestamp,
    domain::RecordKey,
    ids::{CompanyId, ConversationId},
    wire::{ConversationDetail, ConversationSummary, Launcher, Me, MessagePage, Page as ListPage},
};
use serde::{Deserialize, Serialize};

use crate::admin::Section;

/// Which page, as read from the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/sign-in?next=…`
    SignIn {
        /// Where to go afterwards. Anything but a path of ours becomes `/messages`.
        next: Option<String>,
    },
    /// `/messages` and `/messages/{conversation}`
    Messages {
        /// The conversation in the address.
        conversation: Option<ConversationId>,
    },
    /// `/widget?company=…&embed=1&state=collapsed&kind=…&id=…`
    Widget(Widget),
    /// `/admin` and `/admin/{section}`
    Admin {
        /// Which; the first that one may see, if the address names none.
        section: Option<Section>,
    },
    /// `/invitation#…`: behind the link of an invitation. What stands behind `#` never reaches us.
    Invitation,
}

/// What `/widget` is asked with. All of it is a hint: the session decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Widget {
    /// The company that the host page names.
    pub company: Option<CompanyId>,
    /// In a host's iframe (a token will come by message), not by cookie.
    pub embedded: bool,
    /// Shown as the panel at once.
    pub open: bool,
    /// The record on screen.
    pub record: Option<RecordKey>,
}

impl Page {
    /// Reads path and query. `None` for other paths.
    #[must_use]
    pub fn parse(path: &str, query: &str) -> Option<Self> {
        let get = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| percent(value))
        };
        match path.trim_end_matches('/') {
            "/sign-in" => Some(Self::SignIn { next: get("next") }),
            "/messages" => Some(Self::Messages { conversation: None }),
            "/admin" => Some(Self::Admin { section: None }),
            "/invitation" => Some(Self::Invitation),
            "/widget" => Some(Self::Widget(Widget {
                company: get("company").and_then(|id| id.parse().ok()),
                embedded: get("embed").is_some_and(|value| value == "1"),
                open: get("state").is_some_and(|value| value == "open"),
                record: get("kind").zip(get("id")).and_then(|(kind, id)| format!("{kind}/{id}").parse().ok()),
            })),
            other => {
                if let Some(name) = other.strip_prefix("/admin/") {
                    return Some(Self::Admin { section: Some(Section::named(name)?) });
                }
                let id = other.strip_prefix("/messages/")?;
                Some(Self::Messages { conversation: Some(id.parse().ok()?) })
            }
        }
    }
}

fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = code {
            out.push(byte);
            at += 3;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Only paths of ours: `//evil`, `/\evil` and addresses with a scheme would leave the site after sign-in.
#[must_use]
pub fn safe_next(next: Option<&str>) -> String {
    let fits = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
            && path.len() < 500
    };
    next.filter(fits).unwrap_or("/messages").to_owned()
}

/// Where the built files are. Names carry a hash of the content, so they may be cached for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The WASM bundle's JavaScript half.
    pub js: String,
    /// The WASM bundle.
    pub wasm: String,
    /// The style sheet of every page, and all that a collapsed widget has.
    pub css: String,
    /// The style of what an open panel shows.
    pub open_css: String,
    /// The boot module: all the script that a collapsed widget runs.
    pub boot: String,
    /// The script of the sign-in page.
    pub sign_in: String,
    /// The script of the page behind an invitation's link.
    pub invitation: String,
    /// The administration pages' bundle: its JavaScript half.
    pub admin_js: String,
    /// The administration pages' bundle.
    pub admin_wasm: String,
    /// What the administration pages' style adds.
    pub admin_css: String,
    /// What loads the administration pages' bundle.
    pub admin_boot: String,
}

impl Assets {
    /// The logical names, in the order of the fields.
    pub const NAMES: [&str; 11] = [
        "postil.js",
        "postil.wasm",
        "postil.css",
        "open.css",
        "js/boot.js",
        "js/sign-in.js",
        "js/invitation.js",
        "admin.js",
        "admin.wasm",
        "admin.css",
        "js/admin.js",
    ];

    /// From `target/site/manifest.json`: logical name → path.
    ///
    /// # Errors
    /// Names the logical name that is missing.
    pub fn from_manifest<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let mut names = Self::NAMES.into_iter();
        let mut next = || {
            let name = names.next().expect("as many names as fields");
            get(name).map(str::to_owned).ok_or_else(|| format!("the manifest has no {name}"))
        };
        Ok(Self {
            js: next()?,
            wasm: next()?,
            css: next()?,
            open_css: next()?,
            boot: next()?,
            sign_in: next()?,
            invitation: next()?,
            admin_js: next()?,
            admin_wasm: next()?,
            admin_css: next()?,
            admin_boot: next()?,
        })
    }
}

/// What the browser starts with, so that it need not ask for what the page already shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seed {
    /// When the page was rendered.
    pub now: Option<Timestamp>,
    /// Who is signed in by cookie.
    pub me: Option<Me>,
    /// Where the socket may resume.
    pub cursor: Option<String>,
    /// The inbox.
    pub inbox: Option<ListPage<ConversationSummary>>,
    /// The conversation that is open.
    pub conversation: Option<ConversationDetail>,
    /// Its first page of threads.
    pub messages: Option<MessagePage>,
    /// What the launcher shows.
    pub launcher: Option<Launcher>,
    /// The company that the host page names.
    pub company: Option<CompanyId>,
    /// The record on the host's screen.
    pub record: Option<RecordKey>,
    /// In a host's iframe.
    pub embedded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_page() {
        assert_eq!(Page::parse("/messages/", ""), Some(Page::Messages { conversation: None }));
        assert_eq!(Page::parse("/messages/cnv_x", ""), None);
        assert_eq!(Page::parse("/admin/", ""), Some(Page::Admin { section: None }));
        assert_eq!(Page::parse("/admin/policy", ""), Some(Page::Admin { section: Some(Section::Policy) }));
        assert_eq!(Page::parse("/admin/nothing", ""), None);
        let Some(Page::Widget(widget)) = Page::parse("/widget", "embed=1&state=open&kind=transaction&id=INV%2F7")
        else {
            panic!()
        };
        assert!(widget.embedded && widget.open);
        assert_eq!(widget.record.unwrap().to_string(), "transaction/INV/7");
    }

    #[test]
    fn sign_in_leads_to_our_own_pages_only() {
        for evil in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb", ""] {
            assert_eq!(safe_next(Some(evil)), "/messages", "{evil:?}");
        }
        assert_eq!(safe_next(Some("/demo/invoice?x=1")), "/demo/invoice?x=1");
    }
}
