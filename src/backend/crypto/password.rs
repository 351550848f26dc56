//! Passwords: Argon2id, 19 MiB, two passes (OWASP's minimum), as PHC strings.

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::phc};

use crate::clock::IdSource;

/// Hashes `password` with a fresh salt. Takes tens of milliseconds: call it off the async threads.
///
/// # Panics
/// Never: salt and parameters are constants of the right size.
#[must_use]
pub fn hash(password: &str, ids: &dyn IdSource) -> String {
    let mut salt = [0; 16];
    ids.fill(&mut salt);
    let hashed: phc::PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).expect("the parameters are in range");
    hashed.to_string()
}

/// The hash of a random password, made with the same parameters.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGlsLW5vYm9keS0xNg$Zq7l5a5mEo1o6pJ5c0kQm0mU8nVvI4hR2sX9yB3dFgE";

/// Whether `password` fits. With no hash at all (unknown account, no password set) it works as long and says no, so that
/// the time of the answer does not tell which accounts exist.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    fits && known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::source::Machine;

    #[test]
    fn only_the_password_fits() {
        let hashed = hash("correct horse battery", &Machine);
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify("correct horse battery", Some(&hashed)));
        assert!(!verify("correct horse batterz", Some(&hashed)));
        assert!(!verify("correct horse battery", None));
    }

    #[test]
    fn an_unknown_account_costs_as_much() {
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(NOBODY), parameters(&hash("some password", &Machine)), "the same work");
        let parts = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(parts(NOBODY), parts(&hash("some password", &Machine)), "the same salt and output");
        assert!(PasswordHash::new(NOBODY).is_ok(), "and it is really worked on");
    }
}
