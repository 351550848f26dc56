//! Whether a request that a browser sends with our cookie comes from a page of ours.
//!
//! Two checks. Of every request that changes something, tower-http's `CsrfLayer` refuses what a browser marks as
//! cross-origin. It lets requests pass that carry neither `Origin` nor `Sec-Fetch-Site`, because programs send neither;
//! so where the proof is a *cookie*, [`from_our_page`] asks for more: a mark that is ours, and a header that no form and
//! no simple cross-origin request can send.

use http::{HeaderMap, HeaderName, Method, header};

use crate::config::Origin;

/// The header that our own pages send with everything that changes something.
pub const CSRF: HeaderName = HeaderName::from_static("x-postil-csrf");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether `method` changes nothing, and so needs no check.
#[must_use]
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the browser says that a page of `ours` sent the request. No mark at all is no.
#[must_use]
pub fn is_ours(headers: &HeaderMap, ours: &Origin) -> bool {
    match headers.get(header::ORIGIN) {
        // Exact: a prefix or suffix test would let `https://postil.example.evil.example` through.
        Some(origin) => origin.as_bytes() == ours.to_string().as_bytes(),
        None => headers.get(FETCH_SITE).is_some_and(|site| site == "same-origin"),
    }
}

/// Whether a request that changes something and is proven by cookie comes from a page of `ours`.
#[must_use]
pub fn from_our_page(headers: &HeaderMap, ours: &Origin) -> bool {
    headers.get(CSRF).is_some_and(|value| value == "1") && is_ours(headers, ours)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_our_own_pages_pass() {
        let ours = Origin::parse("https://postil.example").unwrap();
        let good = "https://postil.example";
        assert!(from_our_page(&headers(&[(&CSRF, "1"), (&header::ORIGIN, good)]), &ours));
        assert!(from_our_page(&headers(&[(&CSRF, "1"), (&FETCH_SITE, "same-origin")]), &ours));
        for bad in [
            headers(&[]),
            headers(&[(&CSRF, "1")]),
            headers(&[(&header::ORIGIN, good)]),
            headers(&[(&CSRF, "1"), (&header::ORIGIN, "null")]),
            headers(&[(&CSRF, "1"), (&header::ORIGIN, "http://postil.example")]),
            headers(&[(&CSRF, "1"), (&header::ORIGIN, "https://postil.example.evil.example")]),
            headers(&[(&CSRF, "1"), (&header::ORIGIN, "https://evil.example"), (&FETCH_SITE, "same-origin")]),
            headers(&[(&CSRF, "1"), (&FETCH_SITE, "same-site")]),
            headers(&[(&CSRF, "1"), (&FETCH_SITE, "none")]),
        ] {
            assert!(!from_our_page(&bad, &ours), "{bad:?}");
        }
    }
}
