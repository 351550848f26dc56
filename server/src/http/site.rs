//! The built browser bundle, as `cargo xtask wasm` leaves it in `target/site`: exactly the files that its manifest names.
//!
//! Files with a hash in their name may be kept for ever; `embed.js` and icons have stable names and are asked for again
//! after minutes. Scripts and styles may be loaded by other origins (that is what `embed.js` is for): nothing in them is
//! secret.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use app::Assets;
use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderName, HeaderValue, header};
use tower_http::services::{ServeDir, ServeFile};

/// Kept for ever: another content has another name.
const HASHED: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Asked for again soon: a new release must reach embedding pages.
const NAMED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// See the module.
#[derive(Clone, Debug)]
pub struct Site {
    dir: PathBuf,
    manifest: BTreeMap<String, String>,
    assets: Assets,
}

impl Site {
    /// Reads the manifest.
    ///
    /// # Errors
    /// When the bundle is not there, or is not complete.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join("manifest.json");
        let text = fs::read_to_string(&file).with_context(|| {
            format!("there is no browser bundle ({}): build it with `cargo xtask wasm`", file.display())
        })?;
        let manifest: BTreeMap<String, String> = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a manifest: build it anew with `cargo xtask wasm`", file.display()))?;
        for path in manifest.values() {
            let plain = path.starts_with('/') && !path.contains("..") && !path.contains(['{', '}', '*']);
            ensure!(plain, "the manifest names {path}, which is no path of a bundle");
        }
        Self::new(dir, manifest)
    }

    /// A site without files, for tests that ask for none.
    ///
    /// # Panics
    /// Never: the names are those that the app asks for.
    #[must_use]
    pub fn empty() -> Self {
        let manifest = Assets::NAMES.into_iter().map(|name| (name.to_owned(), format!("/{name}"))).collect();
        Self::new(Path::new("/nonexistent"), manifest).expect("every asset is named")
    }

    fn new(dir: &Path, manifest: BTreeMap<String, String>) -> anyhow::Result<Self> {
        let assets =
            Assets::from_manifest(|name| manifest.get(name).map(String::as_str)).map_err(anyhow::Error::msg)?;
        Ok(Self { dir: dir.to_owned(), manifest, assets })
    }

    /// What the app's pages refer to.
    #[must_use]
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Routes to exactly these files, compressed where the browser takes brotli.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let files = self.manifest.values().collect::<std::collections::BTreeSet<_>>();
        let file = |path: &str| ServeFile::new(self.dir.join(path.trim_start_matches('/'))).precompressed_br();
        let router = files.into_iter().fold(Router::new(), |router, path| router.route_service(path, file(path)));
        // What the bindings import by name; nothing else lies there.
        let snippets = ServeDir::new(self.dir.join("pkg/snippets")).precompressed_br();
        router.nest_service("/pkg/snippets", snippets).layer(middleware::from_fn(cacheable))
    }
}

/// Whether a path has a content hash: `/pkg/postil.1f2e3d4c.wasm`.
fn is_hashed(path: &str) -> bool {
    let mut parts = path.rsplit('/').next().unwrap_or_default().rsplit('.');
    let _extension = parts.next();
    parts.next().is_some_and(|hash| {
        hash.len() >= 8 && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    }) && parts.next().is_some()
}

async fn cacheable(request: Request, next: Next) -> Response {
    let hashed = is_hashed(request.uri().path());
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == http::StatusCode::NOT_MODIFIED {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, if hashed { HASHED } else { NAMED });
        let shared = HeaderValue::from_static("cross-origin");
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), shared);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(is_hashed("/pkg/postil.3fa9c2d1e0.wasm") && is_hashed("/js/boot.0a1b2c3d.js"));
        for path in ["/embed.js", "/icon.svg", "/a.b.js", "/12345678", "/12345678.js"] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    #[test]
    fn a_manifest_can_not_lead_outside() {
        let dir = std::env::temp_dir().join(format!("postil-site-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let full = |evil: &str| {
            let mut manifest: BTreeMap<_, _> =
                Assets::NAMES.into_iter().map(|name| (name, format!("/{name}"))).collect();
            manifest.insert("x", evil.to_owned());
            fs::write(dir.join("manifest.json"), serde_json::to_string(&manifest).unwrap()).unwrap();
            Site::load(&dir)
        };
        assert!(full("/x.js").is_ok());
        assert!(full("/../secret").is_err() && full("x").is_err() && full("/{*all}").is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
