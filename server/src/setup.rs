//! `postil company`, `postil key`, `postil embed-key`, `postil hook`: what an operator sets up before people come, with `DATABASE_URL`.
//! Secrets are printed once and stored only as hashes or sealed; they go to standard output alone, never into the log.

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use postil::{
    backend::{crypto::Sealer, service::invitation_link, source::Machine, store::house},
    domain::{Email, Name},
    ids::CompanyId,
};

use crate::{
    cli::{print, runtime},
    config::{Origin, OwnerConfig, Reader, ServerSecret},
};

/// Companies.
#[derive(Clone, Debug, Subcommand)]
pub enum Company {
    /// Founds a company with the role presets; prints a link with which its owner comes in, good for a week
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// A short name: small letters, digits, hyphens; made from the name when not given
        #[arg(long)]
        slug: Option<String>,
        /// The owner's e-mail address
        #[arg(long)]
        owner_email: String,
        /// The owner's name
        #[arg(long)]
        owner_name: String,
    },
}

/// API keys of ERPs.
#[derive(Clone, Debug, Subcommand)]
pub enum Key {
    /// Makes an API key with a service account of its own; prints it this once
    Create {
        /// The company, `cmp_…`
        #[arg(long)]
        company: CompanyId,
        /// What it is for
        #[arg(long)]
        name: String,
    },
}

/// Keys that sign embed tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum EmbedKey {
    /// Makes a key and lets pages of an origin embed the widget; prints kid and secret this once (needs POSTIL_SECRET)
    Create {
        /// The company, `cmp_…`
        #[arg(long)]
        company: CompanyId,
        /// Where the embedding pages are, such as `https://erp.example`
        #[arg(long)]
        origin: String,
    },
    /// Retires a key: nothing that it signed opens anything any more
    Retire {
        /// The company, `cmp_…`
        #[arg(long)]
        company: CompanyId,
        /// Which key
        #[arg(long)]
        kid: String,
        /// Takes this origin off the list, too
        #[arg(long)]
        origin: Option<String>,
    },
}

/// The access hook of companies.
#[derive(Clone, Debug, Subcommand)]
pub enum Hook {
    /// From now on the hook at POSTIL_HOOK_URL judges the company's members, and whom it does not answer about sees nothing
    Require {
        /// The company, `cmp_…`
        #[arg(long)]
        company: CompanyId,
    },
    /// From now on the policy alone judges
    Release {
        /// The company, `cmp_…`
        #[arg(long)]
        company: CompanyId,
    },
}

fn owner_url() -> Result<String> {
    Ok(OwnerConfig::from_env()?.owner.url.reveal().to_owned())
}

fn name(text: &str, option: &str) -> Result<Name> {
    Name::new(text).map_err(|error| anyhow!("{option} {error}"))
}

fn origin(text: &str) -> Result<String> {
    let origin = Origin::parse(text).context("--origin is written like https://erp.example, without a path")?;
    Ok(origin.to_string())
}

/// Runs `postil company …`.
///
/// # Errors
/// When the settings or options don't fit, or the database refuses.
pub fn company(command: Company) -> Result<()> {
    let Company::Create { name: called, slug, owner_email, owner_name } = command;
    let url = owner_url()?;
    // Without POSTIL_URL the secret is printed alone: the operator knows where people find Postil.
    let place = Reader::env().optional("POSTIL_URL");
    let called = name(&called, "--name")?;
    let slug = slug.unwrap_or_else(|| house::slug(called.as_str()));
    let email = Email::new(&owner_email).map_err(|error| anyhow!("--owner-email {error}"))?;
    let owner_name = name(&owner_name, "--owner-name")?;
    let founding = house::company_create(&url, &Machine, &Machine, &called, &slug, (&email, &owner_name));
    let founded = runtime()?.block_on(founding).context("the company was not founded")?;
    let link = place.map_or_else(String::new, |place| {
        format!("link     {}\n", invitation_link(place.trim_end_matches('/'), &founded.token))
    });
    print(&format!("company  {}\ntoken    {}\n{link}", founded.company, founded.token.reveal()))
}

/// Runs `postil key …`.
///
/// # Errors
/// When the settings or options don't fit, or the database refuses.
pub fn key(command: Key) -> Result<()> {
    let Key::Create { company, name: called } = command;
    let url = owner_url()?;
    let called = name(&called, "--name")?;
    let making = house::api_key_create(&url, &Machine, &Machine, company, &called);
    let (id, token) = runtime()?.block_on(making).context("the key was not made")?;
    print(&format!("id   {id}\nkey  pk_{}\n", token.reveal()))
}

/// Runs `postil embed-key …`.
///
/// # Errors
/// When the settings or options don't fit, or the database refuses.
pub fn embed_key(command: EmbedKey) -> Result<()> {
    let url = owner_url()?;
    match command {
        EmbedKey::Create { company, origin: page } => {
            let page = origin(&page)?;
            let sealer = Sealer::new(ServerSecret::from_env()?.bytes());
            let making = house::embed_key_create(&url, &sealer, &Machine, &Machine, company, &page);
            let made = runtime()?.block_on(making).context("the key was not made")?;
            print(&format!("kid     {}\nsecret  {}\norigin  {page}\n", made.kid, made.secret))
        }
        EmbedKey::Retire { company, kid, origin: page } => {
            let page = page.as_deref().map(origin).transpose()?;
            let retiring = house::embed_key_retire(&url, &Machine, company, &kid, page.as_deref());
            runtime()?.block_on(retiring).context("the key was not retired")?;
            print(&format!("retired {kid}\n"))
        }
    }
}

/// Runs `postil hook …`.
///
/// # Errors
/// When the settings or options don't fit, or the database refuses.
pub fn hook(command: Hook) -> Result<()> {
    let url = owner_url()?;
    let (company, required, said) = match command {
        Hook::Require { company } => (company, true, "the access hook is required"),
        Hook::Release { company } => (company, false, "the policy alone judges"),
    };
    let changed = runtime()?
        .block_on(house::access_hook_set(&url, &Machine, company, required))
        .context("the access hook was neither required nor released")?;
    print(&format!("{said} in {company}{}\n", if changed { "" } else { ", as before" }))
}
