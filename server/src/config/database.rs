//! Where the data is.
//!
//! | setting | who uses it |
//! |---|---|
//! | `APP_DATABASE_URL` | people's requests; the role `postil_app`, bound by every policy |
//! | `WORKER_DATABASE_URL` | the hub and the jobs, `postil audit export` and `checkpoint`; the role `postil_worker`, bound likewise |
//! | `DATABASE_URL` | `postil migrate` and `postil seed` alone; never given to a server |
//! | `REDIS_URL` | pointers, presence, rate buckets: nothing that can't be lost |

use super::{Reader, Secret};

/// PostgreSQL, as the two roles that serve.
#[derive(Clone, Debug)]
pub struct Databases {
    /// For people's requests.
    pub app: Secret,
    /// For the hub and the jobs.
    pub worker: Secret,
}

/// PostgreSQL, as the role that may change the schema.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its address.
    pub url: Secret,
}

/// Redis.
#[derive(Clone, Debug)]
pub struct RedisUrl {
    /// Its address.
    pub url: Secret,
}

fn address(reader: &mut Reader<'_>, name: &str, what: &str, schemes: &[&str]) -> Option<Secret> {
    let url = reader.required(name, what)?;
    if !schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://"))) {
        reader.complain(format!("{name} must begin with {}://", schemes.join(":// or ")));
        return None;
    }
    Some(Secret::new(url))
}

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Databases> {
    let app = address(reader, "APP_DATABASE_URL", "PostgreSQL as the application role", &POSTGRES);
    let worker = worker(reader);
    Some(Databases { app: app?, worker: worker? })
}

pub(super) fn worker(reader: &mut Reader<'_>) -> Option<Secret> {
    address(reader, "WORKER_DATABASE_URL", "PostgreSQL as the worker role", &POSTGRES)
}

pub(super) fn redis(reader: &mut Reader<'_>) -> Option<RedisUrl> {
    address(reader, "REDIS_URL", "Redis, which may be empty and may be lost", &["redis", "redis+unix", "unix"])
        .map(|url| RedisUrl { url })
}

pub(super) fn owner(reader: &mut Reader<'_>) -> Option<Owner> {
    let url = address(reader, "DATABASE_URL", "PostgreSQL as the role that owns the schema", &POSTGRES)?;
    Some(Owner { url })
}
