//! The administration pages, `/admin/…`: documents of their own, rendered on the server, in a bundle of their own, so that
//! nobody who reads messages loads them.
//!
//! A section is one page: another is another document. So nothing of one company can be left over in the next, and a
//! section is added by a line in [`Section`], a field in [`Data`], what the server's loader reads for it, and a view in
//! [`view`]. Views ask through [`Desk::call`] and show what is refused at its field ([`form`]).
//!
//! | module | holds |
//! |---|---|
//! | [`desk`] | what lives as long as the page: company, rights, clock, what is said |
//! | [`frame`] | header and navigation around a section |
//! | [`form`], [`dialog`], [`list`], [`words`] | what sections are made of |
//! | [`members`], [`invitations`], [`roles`], [`policy`], [`explain`], [`moderation`], [`word_list`], [`abuse`], [`audit`] | the sections |
//! | [`case`] | a reported message, once somebody opened it |

pub mod abuse;
pub mod audit;
pub mod case;
pub mod desk;
pub mod dialog;
pub mod explain;
pub mod form;
pub mod frame;
pub mod invitations;
pub mod list;
pub mod member;
pub mod members;
pub mod moderation;
pub mod policy;
pub mod roles;
pub mod word_list;
pub mod words;

use postil::{
    access::Action,
    clock::Timestamp,
    wire::{
        AbuseEntry, AdminRights, AuditChain, AuditEntry, CompanySettings, Departments, Invitation, Me, Member, Page,
        PolicyVersion, PolicyVersionInfo, Projects, ReportCase, Roles, WordList,
    },
};
use serde::{Deserialize, Serialize};

use crate::{node::Node, parts::icon};

pub use desk::Desk;

/// A page of the administration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Members and invitations.
    Members,
    /// Roles, and who has them.
    Roles,
    /// The policy: document, matrix, history.
    Policy,
    /// "Can this person see this, and why?"
    Explain,
    /// Reported messages.
    Moderation,
    /// The company's word list.
    Words,
    /// What the company limits, and what was refused.
    Abuse,
    /// The audit log.
    Audit,
}

impl Section {
    /// All of them, in the order of the navigation.
    pub const ALL: [Self; 8] = [
        Self::Members,
        Self::Roles,
        Self::Policy,
        Self::Explain,
        Self::Moderation,
        Self::Words,
        Self::Abuse,
        Self::Audit,
    ];

    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Members => "/admin/members",
            Self::Roles => "/admin/roles",
            Self::Policy => "/admin/policy",
            Self::Explain => "/admin/explain",
            Self::Moderation => "/admin/moderation",
            Self::Words => "/admin/words",
            Self::Abuse => "/admin/abuse",
            Self::Audit => "/admin/audit",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Roles => "Roles",
            Self::Policy => "Policy",
            Self::Explain => "Why can they see this?",
            Self::Moderation => "Moderation",
            Self::Words => "Word list",
            Self::Abuse => "Limits and abuse",
            Self::Audit => "Audit log",
        }
    }

    const fn icon(self) -> &'static str {
        match self {
            Self::Members => icon::PEOPLE,
            Self::Roles => {
                "M8 2.500l4.500 1.700v3.600c0 2.700-1.800 4.600-4.500 5.700-2.700-1.100-4.500-3-4.500-5.700V4.200zM6.200 8l1.300 1.300 2.400-2.600"
            }
            Self::Policy => "M4 2.500h5.500L12.500 5.500v8H4zM9.500 2.500v3h3M6 8.500h4.500M6 11h3",
            Self::Explain => {
                "M8 13.500a5.500 5.500 0 1 1 0-11 5.500 5.500 0 0 1 0 11M6.400 6.300a1.700 1.700 0 1 1 2.300 1.600c-.5.2-.7.5-.7 1.100M8 11.200v.01"
            }
            Self::Moderation => "M4 2.500v11M4 3.500h8.500l-2 2.700 2 2.800H4",
            Self::Words => "M2.500 4h11M2.500 8h6M2.500 12h4M10 9l3.500 3.500M13.500 9 10 12.500",
            Self::Abuse => "M2.500 11.500a5.500 5.500 0 0 1 11 0M8 11.500l2.500-3.500M4 13.500h8",
            Self::Audit => "M3 3.500h10M3 6.500h10M3 9.500h6M3 12.500h6M11 11l1.200 1.200L14 10",
        }
    }

    /// The section of that name in an address.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.path().strip_prefix("/admin/") == Some(name))
    }

    /// Whether somebody with these rights may see it.
    #[must_use]
    pub const fn is_open_to(self, rights: AdminRights) -> bool {
        match self {
            Self::Members | Self::Roles | Self::Abuse => rights.members,
            Self::Policy | Self::Explain => rights.policy,
            Self::Moderation => rights.moderate,
            Self::Words => rights.moderate_all,
            Self::Audit => rights.audit,
        }
    }

    /// What it takes to see it, as a refusal names it.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Members | Self::Roles | Self::Abuse => Action::AdminMembers,
            Self::Policy | Self::Explain => Action::AdminPolicy,
            Self::Moderation | Self::Words => Action::AdminModerate,
            Self::Audit => Action::AdminExport,
        }
    }

    /// The sections that somebody with these rights may see.
    pub fn open_to(rights: AdminRights) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |section| section.is_open_to(rights))
    }
}

/// What a section shows first: the fields that it needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Data {
    /// Active members, the first page.
    pub members: Option<Page<Member>>,
    /// Roles.
    pub roles: Option<Roles>,
    /// Departments.
    pub departments: Option<Departments>,
    /// Projects.
    pub projects: Option<Projects>,
    /// Open invitations, the first page.
    pub invitations: Option<Page<Invitation>>,
    /// The policy in force.
    pub policy: Option<PolicyVersion>,
    /// Its versions, the first page.
    pub versions: Option<Page<PolicyVersionInfo>>,
    /// Open cases, the first page.
    pub cases: Option<Page<ReportCase>>,
    /// The word list in force.
    pub word_list: Option<WordList>,
    /// What the company limits.
    pub settings: Option<CompanySettings>,
    /// What was refused, the first page.
    pub abuse: Option<Page<AbuseEntry>>,
    /// The audit log, the first page.
    pub audit: Option<Page<AuditEntry>>,
    /// Where its chain stands.
    pub chain: Option<AuditChain>,
}

/// What the browser starts with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seed {
    /// When the page was rendered.
    pub now: Timestamp,
    /// Who is signed in.
    pub me: Me,
    /// What they may administer.
    pub rights: AdminRights,
    /// The page.
    pub section: Section,
    /// What it shows.
    pub data: Data,
}

/// The root view, equal on the server and while the browser hydrates.
#[must_use]
pub fn root(seed: Seed) -> Node {
    let Seed { now, me, rights, section, data } = seed;
    let desk = Desk::new(&me, rights, now);
    frame::page(desk, &me, section, data, view)
}

fn view(desk: Desk, section: Section, data: Data) -> Node {
    match section {
        Section::Members => members::members(desk, data),
        Section::Roles => roles::roles(desk, data),
        Section::Policy => policy::policy(desk, data),
        Section::Explain => explain::explain(desk, data),
        Section::Moderation => moderation::moderation(desk, data),
        Section::Words => word_list::word_list(desk, data),
        Section::Abuse => abuse::abuse(desk, data),
        Section::Audit => audit::audit(desk, data),
    }
}

pub use frame::refused;
