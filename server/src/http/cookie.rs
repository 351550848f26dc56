//! The session cookie: `__Host-postil` over https; `postil` over http on this machine, where browsers take no `__Host-`
//! cookie.

use http::{HeaderMap, HeaderValue, header};
use postil::limits;

use crate::config::Origin;

/// The value of the cookie `name` that the browser sent. Of two with the same name, the first counts, as RFC 6265 sorts.
#[must_use]
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// What the session cookie is called and how it is written at this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    secure: bool,
}

impl SessionCookie {
    /// For the server at `origin`.
    #[must_use]
    pub const fn at(origin: &Origin) -> Self {
        Self { secure: origin.is_https() }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        if self.secure { "__Host-postil" } else { "postil" }
    }

    /// `Set-Cookie` for `token`, for as long as any session lives. That an unused one ends sooner, the database says: a page
    /// that set the cookie anew at each use could overwrite the one of a switch in another tab with a token that is dead.
    ///
    /// # Panics
    /// Never: tokens are letters, digits, `-` and `_`.
    #[must_use]
    pub fn set(self, token: &str) -> HeaderValue {
        self.line(token, limits::SESSION_LIFE_S)
    }

    /// `Set-Cookie` that removes it.
    ///
    /// # Panics
    /// Never: the text is constant.
    #[must_use]
    pub fn clear(self) -> HeaderValue {
        self.line("", 0)
    }

    fn line(self, value: &str, max_age_s: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}", self.name());
        HeaderValue::from_str(&line).expect("a token is visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; postil=first; postilx=no"));
        headers.append(header::COOKIE, HeaderValue::from_static("postil=second"));
        assert_eq!(read(&headers, "postil"), Some("first"));
        assert_eq!(read(&headers, "post"), None);
        assert_eq!(read(&HeaderMap::new(), "postil"), None);
    }

    #[test]
    fn over_https_the_cookie_is_bound_to_host_and_tls() {
        let cookie = SessionCookie::at(&Origin::parse("https://postil.example").unwrap());
        let line = cookie.set("token");
        let line = line.to_str().unwrap();
        assert!(line.starts_with("__Host-postil=token; Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{line}");
        assert!(line.ends_with("; Secure") && !line.contains("Domain"), "{line}");
        assert!(cookie.clear().to_str().unwrap().contains("Max-Age=0"));
        let local = SessionCookie::at(&Origin::parse("http://localhost:3000").unwrap());
        assert!(local.set("token").to_str().unwrap().starts_with("postil=token;"));
    }
}
