//! What the operator says, read once at start-up: environment variables, each also as `NAME_FILE` with a path to a file
//! that holds the value (so that secrets need not lie in the environment). One file per section.
//!
//! Everything that is wrong is told at once, in sentences, and then nothing starts. No value with a password or key in
//! it is printed by `Debug`.

mod database;
mod hook;
mod log;
mod reader;
mod secret;
mod web;

use std::fmt;

use crate::hook::HttpHook;

pub use database::{Databases, Owner, RedisUrl};
pub use log::Log;
pub use reader::Reader;
pub use secret::{Secret, ServerSecret};
pub use web::{Origin, Web};

/// Settings of `postil serve` and `postil work`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses, files, demo.
    pub web: Web,
    /// PostgreSQL, as the two roles that serve.
    pub databases: Databases,
    /// Redis.
    pub redis: RedisUrl,
    /// What tokens and cursors are made with.
    pub secret: ServerSecret,
    /// The access hook, if there is one.
    pub hook: Option<HttpHook>,
}

/// Settings of `postil migrate`.
#[derive(Clone, Debug)]
pub struct OwnerConfig {
    /// PostgreSQL, as the role that may change the schema.
    pub owner: Owner,
}

/// Settings of `postil seed`.
#[derive(Clone, Debug)]
pub struct SeedConfig {
    /// PostgreSQL, as the role that may change the schema.
    pub owner: Owner,
    /// What embed secrets are sealed with: the server's.
    pub secret: ServerSecret,
    /// The address that people's browsers use.
    pub origin: Origin,
    /// `POSTIL_EMBED_ORIGINS`: more pages that may embed the demo's widget, separated by commas.
    pub embed_origins: Vec<Origin>,
}

/// Settings of `postil audit export`: the company is read as the worker, which can write neither an entry nor a past.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// PostgreSQL, as the worker role.
    pub worker: Secret,
}

/// Everything that is wrong with the settings, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Vec<String>);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the settings do not fit, so nothing was started:")?;
        self.0.iter().try_for_each(|sentence| writeln!(f, "  - {sentence}"))
    }
}

impl std::error::Error for Refusal {}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Every setting that is missing, malformed or unsafe.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let web = web::read(reader);
        let databases = database::read(reader);
        let redis = database::redis(reader);
        let secret = secret::read(reader);
        let hook = hook::read(reader);
        reader.finish()?;
        match (web, databases, redis, secret) {
            (Some(web), Some(databases), Some(redis), Some(secret)) => Ok(Self { web, databases, redis, secret, hook }),
            _ => Err(missing()),
        }
    }

    /// Reads the environment of this process.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn from_env() -> Result<Self, Refusal> {
        Self::read(&mut Reader::env())
    }
}

impl OwnerConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When `DATABASE_URL` is missing or no PostgreSQL address.
    pub fn from_env() -> Result<Self, Refusal> {
        let mut reader = Reader::env();
        let owner = database::owner(&mut reader);
        reader.finish()?;
        owner.map(|owner| Self { owner }).ok_or_else(missing)
    }
}

impl WorkerConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When `WORKER_DATABASE_URL` is missing or no PostgreSQL address.
    pub fn from_env() -> Result<Self, Refusal> {
        let mut reader = Reader::env();
        let worker = database::worker(&mut reader);
        reader.finish()?;
        worker.map(|worker| Self { worker }).ok_or_else(missing)
    }
}

impl ServerSecret {
    /// Reads `POSTIL_SECRET` of this process, and nothing else.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn from_env() -> Result<Self, Refusal> {
        let mut reader = Reader::env();
        let secret = secret::read(&mut reader);
        reader.finish()?;
        secret.ok_or_else(missing)
    }
}

impl SeedConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// What is missing, and any server that the demo would not belong to.
    pub fn from_env() -> Result<Self, Refusal> {
        let mut reader = Reader::env();
        let (owner, secret) = (database::owner(&mut reader), secret::read(&mut reader));
        let (origin, embed_origins) = (web::origin(&mut reader), web::embed_origins(&mut reader));
        if origin.as_ref().is_some_and(|origin| !origin.is_loopback()) {
            // Everybody's password is in the repository.
            reader.complain("the demo's people have a known password: POSTIL_URL must be this machine");
        }
        reader.finish()?;
        match (owner, secret, origin, embed_origins) {
            (Some(owner), Some(secret), Some(origin), Some(embed_origins)) => {
                Ok(Self { owner, secret, origin, embed_origins })
            }
            _ => Err(missing()),
        }
    }
}

fn missing() -> Refusal {
    Refusal(vec!["a setting is missing".to_owned()])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const GOOD: [(&str, &str); 6] = [
        ("POSTIL_URL", "https://postil.example"),
        ("APP_DATABASE_URL", "postgres://postil_app:hunter2@db/postil"),
        ("WORKER_DATABASE_URL", "postgres://postil_worker:hunter2@db/postil"),
        ("REDIS_URL", "redis://:hunter2@redis"),
        ("POSTIL_SECRET", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
        ("POSTIL_SITE", "target/site"),
    ];

    pub(crate) fn read(changes: &[(&str, &str)]) -> Result<Config, Refusal> {
        let lookup = |name: &str| {
            let of = |list: &[(&str, &str)]| list.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned());
            of(changes).or_else(|| of(&GOOD)).filter(|value| value != "-")
        };
        Config::read(&mut Reader::new(&lookup))
    }

    #[test]
    fn good_settings_are_taken_and_no_secret_is_printed() {
        let config = read(&[]).unwrap();
        assert_eq!(config.web.origin.to_string(), "https://postil.example");
        let printed = format!("{config:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("0011") && !printed.contains("[0, 17"), "{printed}");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let Refusal(sentences) =
            read(&[("POSTIL_URL", "http://postil.example"), ("POSTIL_SECRET", "abc"), ("REDIS_URL", "-")]).unwrap_err();
        assert_eq!(sentences.len(), 3, "{sentences:?}");
        for name in ["POSTIL_URL", "POSTIL_SECRET", "REDIS_URL"] {
            assert!(sentences.iter().any(|sentence| sentence.contains(name)), "{name}: {sentences:?}");
        }
    }

    #[test]
    fn a_hook_needs_an_address_and_a_secret() {
        let url = ("POSTIL_HOOK_URL", "http://127.0.0.1:8181/narrow");
        let secret = ("POSTIL_HOOK_SECRET", "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
        assert!(read(&[]).unwrap().hook.is_none());
        let config = read(&[url, secret]).unwrap();
        assert!(config.hook.is_some() && !format!("{config:?}").contains("1011"));
        for broken in [&[url][..], &[secret], &[url, (secret.0, "abc")], &[("POSTIL_HOOK_URL", "hook"), secret]] {
            let Refusal(sentences) = read(broken).unwrap_err();
            assert!(sentences.len() == 1 && sentences[0].contains("POSTIL_HOOK_"), "{sentences:?}");
        }
    }

    #[test]
    fn the_demo_stays_on_this_machine() {
        let demo = ("POSTIL_DEMO", "1");
        assert!(read(&[demo, ("POSTIL_LISTEN", "0.0.0.0:3000")]).is_err());
        assert!(read(&[demo, ("POSTIL_LISTEN", "127.0.0.1:3000")]).is_err(), "a demo behind a public address");
        let local = ("POSTIL_URL", "http://localhost:3000");
        assert!(read(&[demo, local, ("POSTIL_LISTEN", "127.0.0.1:3000")]).unwrap().web.demo);
    }
}
