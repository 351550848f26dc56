//! stub
use axum::Router;
use crate::{config::{Config, Origin, SeedConfig}, state::App};
pub fn router(_: &App) -> Router<App> { Router::new() }
pub fn origin(config: &Config) -> Option<Origin> { config.web.demo.then(|| origin_of(&config.web.origin)) }
fn origin_of(ours: &Origin) -> Origin { ours.at_host(if ours.host() == "127.0.0.1" { "localhost" } else { "127.0.0.1" }) }
pub fn embed_origins(config: &SeedConfig) -> Vec<String> {
    std::iter::once(origin_of(&config.origin)).chain(config.embed_origins.iter().cloned()).map(|o| o.to_string()).collect()
}
