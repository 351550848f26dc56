//! Who someone is in the demo: a cookie of its own that names the people whom this browser has become, signed so that the
//! page that mints tokens believes it. Several at once, because two windows of one browser share their cookies; which of
//! them a window is, its address says (`?as=elise`).

use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use postil::backend::{crypto::token::sha256, store::seed};
use serde::{Deserialize, Serialize};

use crate::{config::ServerSecret, http::cookie};

/// The cookie's name.
const NAME: &str = "postil_demo_person";

/// The people whom this browser has become, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    people: Vec<String>,
}

fn key(secret: &ServerSecret) -> [u8; 32] {
    sha256(&[b"postil/demo/person".as_slice(), &secret.bytes()].concat())
}

impl Pass {
    /// The pass that the browser brings; an empty one if it has none, or a forged one.
    pub fn read(headers: &HeaderMap, secret: &ServerSecret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        cookie::read(headers, NAME)
            .and_then(|token| decode::<Self>(token, &DecodingKey::from_secret(&key(secret)), &validation).ok())
            .map_or_else(Self::default, |decoded| decoded.claims)
    }

    /// The same, having become `person`, too.
    pub fn with(mut self, person: &seed::Person) -> Self {
        self.people.retain(|known| *known != person.key);
        self.people.push(person.key.clone());
        self
    }

    /// The person of that name, if this browser has become them.
    pub fn person(&self, name: &str) -> Option<&'static seed::Person> {
        let known = self.people.iter().any(|known| known == name);
        seed::fixture().people.iter().find(|person| known && person.key == name)
    }

    /// Whom this browser became last.
    pub fn latest(&self) -> Option<&'static seed::Person> {
        self.people.last().and_then(|name| self.person(name))
    }

    /// `Set-Cookie`. Without `Secure`: the demo lives on this machine only.
    pub fn cookie(&self, secret: &ServerSecret) -> HeaderValue {
        let token = encode(&Header::new(Algorithm::HS256), self, &EncodingKey::from_secret(&key(secret)));
        let line = format!("{NAME}={}; Path=/demo; HttpOnly; SameSite=Lax", token.unwrap_or_default());
        HeaderValue::try_from(line).expect("a token is visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn headers(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(pair).unwrap())])
    }

    #[test]
    fn a_browser_is_only_whom_it_became_here() {
        let hex = |digit: &str| format!("{digit}1").repeat(32);
        let secret = |digit| ServerSecret::parse(&format!("00{}", &hex(digit)[2..])).unwrap();
        let pass = Pass::default().with(seed::person("elise")).with(seed::person("marco"));
        let read = Pass::read(&headers(&pass.cookie(&secret("a"))), &secret("a"));
        assert_eq!(read, pass);
        assert_eq!(read.latest().unwrap().key, "marco");
        assert!(read.person("elise").is_some() && read.person("katrin").is_none());
        assert_eq!(Pass::read(&headers(&pass.cookie(&secret("a"))), &secret("b")), Pass::default());
        assert_eq!(Pass::read(&HeaderMap::new(), &secret("a")), Pass::default());
    }
}
