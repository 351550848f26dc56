//! What a customer's backend does: it knows who is signed in to its own pages, and says so to Postil in a token that lives
//! for minutes and is good once.
//!
//! This file is the example: an HS256 JWT under the key id and secret that the company has from Postil, with the company
//! as issuer, `postil` as audience, the person's e-mail address as subject, and the origin of the embedding page.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use postil::{backend::store::seed, clock::Timestamp};
use serde::Serialize;

use crate::config::Origin;

/// How long a token lives, in seconds; Postil takes at most 300.
const LIFE_S: i64 = 120;

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    aud: &'static str,
    sub: &'a str,
    origin: String,
    jti: String,
    iat: i64,
    exp: i64,
}

/// Says that `person` uses a page of `company` at `origin`. `jti` must be a fresh random text.
pub fn mint(company: &seed::Company, person: &seed::Person, origin: &Origin, jti: String, now: Timestamp) -> String {
    let iat = now.millis() / 1_000;
    let claims = Claims {
        iss: company.id.to_string(),
        aud: "postil",
        sub: &person.email,
        origin: origin.to_string(),
        jti,
        iat,
        exp: iat + LIFE_S,
    };
    let header = Header { kid: Some(seed::EMBED_KID.to_owned()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(company.embed_secret.as_bytes());
    encode(&header, &claims, &key).expect("HS256 signs plain claims")
}

#[cfg(test)]
mod tests {
    use postil::backend::service::verify_embed_token;

    use super::*;

    #[test]
    fn postil_believes_the_token() {
        let (company, person) = (seed::company("nordwerk"), seed::person("elise"));
        let origin = Origin::parse("http://127.0.0.1:3000").unwrap();
        let now = Timestamp::from_millis(1_795_000_000_000);
        let token = mint(company, person, &origin, "0123456789abcdef".to_owned(), now);
        let secret = company.embed_secret.as_bytes();
        let claims = verify_embed_token(&token, secret, company.id, &origin.to_string(), now).unwrap();
        assert_eq!(claims.sub, "elise.fournier@alba.example");
    }
}
