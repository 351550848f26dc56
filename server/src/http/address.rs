//! Where a request comes from: one of the things by which requests are counted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer, or what a proxy that we trust says about its peer. Only the last entry was written by that proxy; the
/// client can write any number before it.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    // A socket of both kinds writes an IPv4 peer as IPv6, and an operator may have, too.
    if !trusted.iter().any(|proxy| proxy.to_canonical() == peer.to_canonical()) {
        return peer;
    }
    let last = headers.get_all(FORWARDED_FOR).iter().next_back().and_then(|value| value.to_str().ok());
    last.and_then(|list| list.rsplit(',').next()).and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
}

/// The client's address.
pub(super) fn of(request: &Request, trusted: &[IpAddr]) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    // Only a test calls the router without a connection.
    client(peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), request.headers(), trusted)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_own_word() {
        let (proxy, evil): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "203.0.113.9".parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("1.1.1.1"));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("2.2.2.2, 198.51.100.7"));
        assert_eq!(client(proxy, &headers, &[proxy]), "198.51.100.7".parse::<IpAddr>().unwrap());
        assert_eq!(client(evil, &headers, &[proxy]), evil);
        assert_eq!(client(proxy, &HeaderMap::new(), &[proxy]), proxy);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        for (peer, trusted) in [(mapped, proxy), (proxy, mapped), (mapped, mapped)] {
            assert_eq!(
                client(peer, &headers, &[trusted]),
                "198.51.100.7".parse::<IpAddr>().unwrap(),
                "{peer} {trusted}"
            );
        }
    }
}
