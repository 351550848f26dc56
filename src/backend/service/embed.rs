//! Embedding: an ERP's backend signs who is using its page; the widget exchanges that for a session.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};

use super::{ServiceError, Services};
use crate::{
    backend::{bus::Bucket, caller::Credentials, crypto::seal::Purpose},
    clock::Timestamp,
    ids::CompanyId,
    limits,
    wire::{Code, EmbedSession, ExchangeToken, SessionKind},
};

/// What an embed token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedClaims {
    /// The company that signed: its id on the wire.
    pub iss: String,
    /// `postil`.
    pub aud: String,
    /// The person's e-mail address.
    pub sub: String,
    /// Origin of the page that embeds the widget.
    pub origin: String,
    /// Unique; a token is good once.
    pub jti: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// When it expires, at most [`limits::EMBED_TOKEN_S_MAX`] later.
    pub exp: i64,
}

/// Seconds by which the host's clock may be wrong.
const SKEW_S: i64 = 30;

/// Checks signature and claims of an embed token.
///
/// # Errors
/// Which of them is wrong, for the host's developer. The signature is checked first: an unsigned token learns nothing more.
pub fn verify_embed_token(
    token: &str,
    secret: &[u8],
    company: CompanyId,
    origin: &str,
    now: Timestamp,
) -> Result<EmbedClaims, &'static str> {
    // Exactly one algorithm: `none`, or a public key taken for an HMAC secret, must not even be considered.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = decode::<EmbedClaims>(token, &DecodingKey::from_secret(secret), &validation)
        .map_err(|_| "the signature or a claim is missing or wrong")?
        .claims;
    let now_s = now.millis() / 1_000;
    let life_max = limits::EMBED_TOKEN_S_MAX.cast_signed();
    if claims.aud != "postil" {
        return Err("aud must be postil");
    }
    if claims.iss != company.to_string() {
        return Err("iss must be the company's id");
    }
    if claims.exp.saturating_sub(claims.iat) > life_max || claims.exp <= claims.iat {
        return Err("exp must be at most 300 s after iat");
    }
    if claims.exp < now_s - SKEW_S {
        return Err("the token has expired");
    }
    if claims.iat > now_s + SKEW_S {
        return Err("iat is in the future");
    }
    if claims.origin != origin {
        return Err("origin differs from the embedding page's");
    }
    if claims.jti.len() < 8 || claims.jti.len() > 128 {
        return Err("jti must have 8 to 128 bytes");
    }
    Ok(claims)
}

/// The company that a token says it comes from, before anything is believed: it only tells which key to try.
fn claimed_issuer(token: &str) -> Option<CompanyId> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok()?.iss.parse().ok()
}

impl Services {
    /// Exchanges a host's token for an embedded session.
    ///
    /// # Errors
    /// [`Code::InvalidEmbedToken`], [`Code::EmbedTokenReplayed`].
    pub async fn exchange_token(
        &self,
        request: &ExchangeToken,
        who: &Credentials,
    ) -> Result<EmbedSession, ServiceError> {
        let invalid = |detail: &str| ServiceError::detail(Code::InvalidEmbedToken, detail);
        let network = who.toll.network().unwrap_or_default();
        self.take(&who.toll, &[self.bus().draw(Bucket::EmbedAddress, &network, 1)], None).await?;
        let correlation = who.correlation;
        if request.token.len() > limits::EMBED_TOKEN_BYTES_MAX || request.origin.len() > 255 {
            return Err(invalid("the token or the origin is too long"));
        }
        let company = claimed_issuer(&request.token).ok_or_else(|| invalid("iss must be the company's id"))?;
        let kid = decode_header(&request.token)
            .ok()
            .and_then(|header| header.kid)
            .ok_or_else(|| invalid("kid is missing"))?;
        let unknown = || invalid("the signature or a claim is missing or wrong");
        let (sealed, origins) = self.store().embed_key_get(company, &kid).await?.ok_or_else(unknown)?;
        let secret = self.sealer().open(Purpose::EmbedSecret, company, &sealed).ok_or_else(unknown)?;
        let now = self.now();
        let claims = verify_embed_token(&request.token, &secret, company, &request.origin, now).map_err(invalid)?;
        if !origins.contains(&claims.origin) && claims.origin != self.inner.origin {
            return Err(invalid("the company does not allow this origin"));
        }
        let user = self
            .store()
            .member_by_email(company, &claims.sub)
            .await?
            .ok_or_else(|| invalid("sub is not the e-mail address of an active member"))?;
        // Kept until the token could no longer be used in any case.
        let forget_at = Timestamp::from_millis((claims.exp + SKEW_S + 60) * 1_000);
        if !self.store().embed_token_use(company, &claims.jti, forget_at).await? {
            return Err(ServiceError::code(Code::EmbedTokenReplayed));
        }
        let expires_at = now.plus_s(limits::EMBED_SESSION_S.cast_signed());
        let (token, session) = self
            .begin_session(user, company, SessionKind::Embed, Some(&claims.origin), expires_at, correlation)
            .await?;
        let me = self.describe_new(&token, &session, correlation).await?;
        Ok(EmbedSession { session_token: token.reveal().to_owned(), expires_at, me })
    }

    /// The origins that may frame a company's widget, beside Postil's own.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn embed_origins(&self, company: CompanyId) -> Result<Vec<String>, ServiceError> {
        Ok(self.store().embed_origins(company).await?)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use uuid::Uuid;

    use super::*;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
    const ORIGIN: &str = "https://erp.example";

    fn company() -> CompanyId {
        CompanyId::from_uuid(Uuid::from_u128(5))
    }

    fn claims() -> EmbedClaims {
        EmbedClaims {
            iss: company().to_string(),
            aud: "postil".to_owned(),
            sub: "anna@example.com".to_owned(),
            origin: ORIGIN.to_owned(),
            jti: "0123456789".to_owned(),
            iat: 1_000,
            exp: 1_060,
        }
    }

    fn check(
        claims: &EmbedClaims,
        algorithm: Algorithm,
        secret: &[u8],
        now_s: i64,
    ) -> Result<EmbedClaims, &'static str> {
        let token = encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap();
        verify_embed_token(&token, SECRET, company(), ORIGIN, Timestamp::from_millis(now_s * 1_000))
    }

    #[test]
    fn a_good_token_is_believed() {
        assert_eq!(check(&claims(), Algorithm::HS256, SECRET, 1_010), Ok(claims()));
    }

    #[test]
    fn each_wrong_claim_is_refused() {
        let good = claims();
        for bad in [
            EmbedClaims { aud: "other".to_owned(), ..good.clone() },
            EmbedClaims { iss: CompanyId::from_uuid(Uuid::from_u128(6)).to_string(), ..good.clone() },
            EmbedClaims { origin: "https://evil.example".to_owned(), ..good.clone() },
            EmbedClaims { exp: good.iat + 301, ..good.clone() },
            EmbedClaims { exp: good.iat - 1, ..good.clone() },
            EmbedClaims { iat: 2_000, exp: 2_060, ..good.clone() },
            EmbedClaims { jti: "short".to_owned(), ..good.clone() },
        ] {
            assert!(check(&bad, Algorithm::HS256, SECRET, 1_010).is_err(), "{bad:?}");
        }
        assert!(check(&good, Algorithm::HS256, SECRET, 1_091).is_err(), "expired");
    }

    #[test]
    fn another_key_or_algorithm_is_refused() {
        assert!(check(&claims(), Algorithm::HS256, b"another secret", 1_010).is_err());
        assert!(check(&claims(), Algorithm::HS384, SECRET, 1_010).is_err());
    }
}
