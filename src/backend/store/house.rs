//! What an operator sets up, as the role that owns the schema: a company, an ERP's key, an embed key. For the `postil`
//! command alone; nothing that serves people can reach it.

use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::grants::{PolicyPutError, policy_put};
use crate::{
    access::{RoleKey, preset},
    backend::crypto::{Sealer, seal::Purpose, token::Token},
    clock::{Clock, IdSource},
    domain::{Email, MemberKind, Name},
    ids::{ApiKeyId, CompanyId, InvitationId, UserId},
    limits,
};

/// Why nothing was set up.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The database refused; nothing is there.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// The presets were refused; nothing is there.
    #[error("the policy was refused")]
    Policy(#[from] PolicyPutError),
    /// There is no such company.
    #[error("there is no company {0}")]
    NoCompany(CompanyId),
    /// There is no such key, or it is retired already.
    #[error("the company has no active embed key {0}")]
    NoKey(String),
    /// Two keys sign at a time, while one follows the other.
    #[error("the company has two active embed keys already: retire one first")]
    TwoKeys,
    /// The short name is taken.
    #[error("the short name {0} is taken: give another with --slug")]
    Slug(String),
}

/// A company that was made, and the secret with which its owner comes in.
#[derive(Debug)]
pub struct Founded {
    /// Which.
    pub company: CompanyId,
    /// The invitation's secret.
    pub token: Token,
}

/// An embed key that was made.
#[derive(Debug)]
pub struct EmbedKey {
    /// Its name, which goes into the header of every token.
    pub kid: String,
    /// What the ERP's backend signs with (HS256), as text: its bytes are the key.
    pub secret: String,
}

async fn enter(tx: &mut Transaction<'_, Postgres>, company: CompanyId) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT app.enter(NULL, $1)").bind(company.uuid()).execute(&mut **tx).await?;
    Ok(())
}

async fn known(tx: &mut Transaction<'_, Postgres>, company: CompanyId) -> Result<(), HouseError> {
    enter(tx, company).await?;
    let found = sqlx::query(
        "-- store::company_known\nSELECT 1 FROM companies c WHERE c.id = $1 AND c.deleted_at IS NULL FOR UPDATE",
    )
    .bind(company.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    found.map(|_| ()).ok_or(HouseError::NoCompany(company))
}

/// A short name from a name: small letters, digits and hyphens.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(40);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "company".to_owned() } else { slug.to_owned() }
}

/// Founds a company with the presets, and invites its first owner.
///
/// # Errors
/// [`HouseError::Slug`]; what the database refuses.
pub async fn company_create(
    owner_url: &str,
    ids: &dyn IdSource,
    clock: &dyn Clock,
    name: &Name,
    slug: &str,
    owner: (&Email, &Name),
) -> Result<Founded, HouseError> {
    let (now, token) = (clock.now(), Token::generate(ids));
    let company = CompanyId::from_uuid(ids.uuid(now));
    let mut byte = [0; 2];
    ids.fill(&mut byte);
    let hue = i16::try_from(u16::from_be_bytes(byte) % 360).unwrap_or(0);
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    enter(&mut tx, company).await?;
    let made = sqlx::query(
        "-- store::company_create
        INSERT INTO companies (id, name, slug, hue, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (slug) DO NOTHING",
    )
    .bind(company.uuid())
    .bind(name.as_str())
    .bind(slug)
    .bind(hue)
    .bind(now.to_datetime())
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Err(HouseError::Slug(slug.to_owned()));
    }
    sqlx::query("-- store::company_create (stream)\nINSERT INTO company_stream (company_id, last_seq, audit_seq) VALUES ($1, 0, 0)")
        .bind(company.uuid())
        .execute(&mut *tx)
        .await?;
    policy_put(&mut tx, company, 1, &preset::policy(), "The presets", None, now).await?;
    sqlx::query(
        "-- store::company_create (owner)
        INSERT INTO invitations (company_id, id, email, name, role_key, kind, token_hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(company.uuid())
    .bind(InvitationId::from_uuid(ids.uuid(now)).uuid())
    .bind(owner.0.as_str())
    .bind(owner.1.as_str())
    .bind(RoleKey::OWNER.as_str())
    .bind(MemberKind::Internal.as_str())
    .bind(token.hash().to_vec())
    .bind(now.to_datetime())
    .bind(now.plus_s(limits::INVITATION_S.cast_signed()).to_datetime())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Founded { company, token })
}

/// Makes an API key of a company, with a service account of the role Integration of its own.
///
/// # Errors
/// [`HouseError::NoCompany`]; what the database refuses.
pub async fn api_key_create(
    owner_url: &str,
    ids: &dyn IdSource,
    clock: &dyn Clock,
    company: CompanyId,
    name: &Name,
) -> Result<(ApiKeyId, Token), HouseError> {
    let (now, token) = (clock.now(), Token::generate(ids));
    let (user, key) = (UserId::from_uuid(ids.uuid(now)), ApiKeyId::from_uuid(ids.uuid(now)));
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    known(&mut tx, company).await?;
    // The reserved top level domain: nobody can ever be mailed there, or sign in.
    sqlx::query("-- store::api_key_create (account)\nINSERT INTO users (id, email, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(user.uuid())
        .bind(format!("{key}@keys.invalid"))
        .bind(name.as_str())
        .bind(now.to_datetime())
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "-- store::api_key_create (membership)
        INSERT INTO memberships (company_id, user_id, role_key, kind, created_at, updated_at) VALUES ($1, $2, $3, 'internal', $4, $4)",
    )
    .bind(company.uuid())
    .bind(user.uuid())
    .bind(RoleKey::INTEGRATION.as_str())
    .bind(now.to_datetime())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "-- store::api_key_create
        INSERT INTO api_keys (company_id, id, user_id, name, key_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(company.uuid())
    .bind(key.uuid())
    .bind(user.uuid())
    .bind(name.as_str())
    .bind(token.hash().to_vec())
    .bind(now.to_datetime())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((key, token))
}

/// Makes an embed key of a company, and lets pages of `origin` embed its widget.
///
/// # Errors
/// [`HouseError::NoCompany`], [`HouseError::TwoKeys`]; what the database refuses.
pub async fn embed_key_create(
    owner_url: &str,
    sealer: &Sealer,
    ids: &dyn IdSource,
    clock: &dyn Clock,
    company: CompanyId,
    origin: &str,
) -> Result<EmbedKey, HouseError> {
    let now = clock.now();
    let secret = Token::generate(ids).reveal().to_owned();
    let kid = format!("k{}", &ids.uuid(now).simple().to_string()[..16]);
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    known(&mut tx, company).await?;
    let (active,): (i64,) = sqlx::query_as(
        "-- store::embed_key_count\nSELECT count(*) FROM embed_keys k WHERE k.company_id = $1 AND k.retired_at IS NULL",
    )
    .bind(company.uuid())
    .fetch_one(&mut *tx)
    .await?;
    if active >= limits::EMBED_KEYS_ACTIVE_MAX {
        return Err(HouseError::TwoKeys);
    }
    sqlx::query(
        "-- store::embed_key_create\nINSERT INTO embed_keys (company_id, kid, secret_sealed, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(company.uuid())
    .bind(&kid)
    .bind(sealer.seal(Purpose::EmbedSecret, company, secret.as_bytes()))
    .bind(now.to_datetime())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "-- store::embed_key_create (origin)
        UPDATE companies SET embed_origins = array_append(embed_origins, $2), updated_at = $3 WHERE id = $1 AND NOT $2 = ANY (embed_origins)",
    )
    .bind(company.uuid())
    .bind(origin)
    .bind(now.to_datetime())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(EmbedKey { kid, secret })
}

/// Retires an embed key: no token that it signed opens anything any more. With `origin`, pages there embed no longer.
///
/// # Errors
/// [`HouseError::NoCompany`], [`HouseError::NoKey`]; what the database refuses.
pub async fn embed_key_retire(
    owner_url: &str,
    clock: &dyn Clock,
    company: CompanyId,
    kid: &str,
    origin: Option<&str>,
) -> Result<(), HouseError> {
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    known(&mut tx, company).await?;
    let done = sqlx::query(
        "-- store::embed_key_retire
        UPDATE embed_keys SET retired_at = $3 WHERE company_id = $1 AND kid = $2 AND retired_at IS NULL",
    )
    .bind(company.uuid())
    .bind(kid)
    .bind(clock.now().to_datetime())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(HouseError::NoKey(kid.to_owned()));
    }
    if let Some(origin) = origin {
        sqlx::query(
            "-- store::embed_key_retire (origin)
            UPDATE companies SET embed_origins = array_remove(embed_origins, $2), updated_at = $3 WHERE id = $1",
        )
        .bind(company.uuid())
        .bind(origin)
        .bind(clock.now().to_datetime())
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Requires the access hook of a company, or releases it; says whether that changed anything.
///
/// # Errors
/// [`HouseError::NoCompany`]; what the database refuses.
pub async fn access_hook_set(
    owner_url: &str,
    clock: &dyn Clock,
    company: CompanyId,
    required: bool,
) -> Result<bool, HouseError> {
    let mut conn = PgConnection::connect(owner_url).await?;
    let mut tx = conn.begin().await?;
    known(&mut tx, company).await?;
    let done = sqlx::query(if required {
        "-- store::access_hook_set (require)
        INSERT INTO access_hooks (company_id, since) SELECT $1, $2 WHERE NOT EXISTS (
            SELECT 1 FROM access_hooks h WHERE h.company_id = $1 AND h.ended_at IS NULL
        )"
    } else {
        "-- store::access_hook_set (release)
        UPDATE access_hooks SET ended_at = greatest($2, since + interval '1 microsecond') WHERE company_id = $1 AND ended_at IS NULL"
    });
    let done = done.bind(company.uuid()).bind(clock.now().to_datetime()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_plain() {
        assert_eq!(slug("Nordwerk Industries GmbH & Co. KG"), "nordwerk-industries-gmbh-co-kg");
        assert_eq!(slug("株式会社"), "company");
        assert!(slug(&"ab ".repeat(40)).len() <= 40);
    }
}
