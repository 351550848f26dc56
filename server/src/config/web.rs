//! Where the server is and what it shows.
//!
//! | setting | default | meaning |
//! |---|---|---|
//! | `POSTIL_URL` | | the address that people's browsers use: `https://postil.example`, or http on this machine |
//! | `POSTIL_LISTEN` | `127.0.0.1:3000` | where to listen; TLS ends before us |
//! | `POSTIL_SITE` | | the built browser bundle, `target/site` |
//! | `POSTIL_PROXIES` | none | addresses of reverse proxies whose `X-Forwarded-For` is believed, separated by commas |
//! | `POSTIL_LIMIT_FACTOR` | `1` | multiplies what one address and one company may do together, 1 to 1000; a person's own limits stay |
//! | `POSTIL_DEMO` | `0` | serve the demo ERP: only on and for this machine |

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use http::Uri;
use postil::limits;

use super::Reader;

/// Scheme, host and port, as browsers write an `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]`, nothing after it but a `/`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let plain = authority.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b'@');
        if !plain || uri.path() != "/" || uri.query().is_some() || text.contains('#') {
            return None;
        }
        let default = if https { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != default);
        Some(Self { https, host: authority.host().to_ascii_lowercase(), port })
    }

    /// Whether it is https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Its host, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same origin for sockets: `wss://…` or `ws://…`.
    #[must_use]
    pub fn socket(&self) -> String {
        self.to_string().replacen("http", "ws", 1)
    }

    /// The same scheme and port at another host.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Web {
    /// The address that people's browsers use.
    pub origin: Origin,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The built browser bundle.
    pub site: PathBuf,
    /// Proxies that are believed about their peers.
    pub proxies: Vec<IpAddr>,
    /// Multiplies what one address and one company may do together.
    pub limit_factor: u32,
    /// Serve the demo ERP.
    pub demo: bool,
}

fn proxies(reader: &mut Reader<'_>) -> Option<Vec<IpAddr>> {
    let list = reader.optional("POSTIL_PROXIES").unwrap_or_default();
    let addresses = list.split(',').map(str::trim).filter(|address| !address.is_empty()).map(str::parse);
    let proxies = addresses.collect::<Result<_, _>>().ok();
    if proxies.is_none() {
        reader.complain("POSTIL_PROXIES is a list of IP addresses separated by commas");
    }
    proxies
}

fn limit_factor(reader: &mut Reader<'_>) -> Option<u32> {
    let factor = reader.optional("POSTIL_LIMIT_FACTOR").map_or(Some(1), |text| text.parse().ok());
    let factor = factor.filter(|factor| (1..=limits::LIMIT_FACTOR_MAX).contains(factor));
    if factor.is_none() {
        reader.complain(format!("POSTIL_LIMIT_FACTOR is a whole number from 1 to {}", limits::LIMIT_FACTOR_MAX));
    }
    factor
}

pub(super) fn embed_origins(reader: &mut Reader<'_>) -> Option<Vec<Origin>> {
    let list = reader.optional("POSTIL_EMBED_ORIGINS").unwrap_or_default();
    let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(Origin::parse);
    let origins = origins.collect::<Option<Vec<_>>>();
    if origins.is_none() {
        reader.complain("POSTIL_EMBED_ORIGINS is a list of origins such as http://localhost:4000, separated by commas");
    }
    origins
}

pub(super) fn demo(reader: &mut Reader<'_>) -> bool {
    reader.switch("POSTIL_DEMO")
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Web> {
    let origin = origin(reader);
    let listen = reader.optional("POSTIL_LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listen = listen.parse::<SocketAddr>().ok();
    if listen.is_none() {
        reader.complain("POSTIL_LISTEN is an IP address and a port, such as 127.0.0.1:3000");
    }
    let site = reader.required("POSTIL_SITE", "the built browser bundle, `target/site` after `cargo xtask wasm`");
    let proxies = proxies(reader);
    let limit_factor = limit_factor(reader);
    let demo = demo(reader);
    let (origin, listen, site, proxies) = (origin?, listen?, PathBuf::from(site?), proxies?);
    let limit_factor = limit_factor?;
    if demo && !(origin.is_loopback() && listen.ip().is_loopback()) {
        // The demo signs anybody in as anybody: reachable from elsewhere it would be a hole, not a demo.
        reader.complain("POSTIL_DEMO lets anybody be anybody: it needs POSTIL_URL and POSTIL_LISTEN on this machine");
        return None;
    }
    Some(Web { origin, listen, site, proxies, limit_factor, demo })
}

pub(super) fn origin(reader: &mut Reader<'_>) -> Option<Origin> {
    let text = reader.required("POSTIL_URL", "the address that browsers use, such as https://postil.example")?;
    let Some(origin) = Origin::parse(&text) else {
        reader.complain("POSTIL_URL is scheme, host and port alone, such as https://postil.example");
        return None;
    };
    if !origin.is_https() && !origin.is_loopback() {
        // Sessions travel in a cookie: without TLS anybody on the way could take them.
        reader.complain("POSTIL_URL is plain http: that is for this machine only, use https");
        return None;
    }
    Some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://Postil.Example", "https://postil.example"),
            ("https://postil.example:443/", "https://postil.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), origin);
        }
        for bad in ["postil.example", "ftp://x", "https://x/path", "https://x?y", "https://u:p@x", "https://x#y", ""] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
        assert_eq!(Origin::parse("https://postil.example").unwrap().socket(), "wss://postil.example");
    }
}
