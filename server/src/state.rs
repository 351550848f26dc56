//! What every request can reach: settings, services, built files, lifecycle. One per process, cheap to clone.

use std::sync::Arc;

use axum::extract::FromRef;
use postil::{backend::service::Services, ids::CorrelationId};

use crate::{config::Config, http::site::Site, lifecycle::Lifecycle, ws::Realtime};

/// The state of the router.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    services: Services,
    site: Site,
    realtime: Realtime,
    lifecycle: Lifecycle,
}

impl FromRef<App> for Realtime {
    fn from_ref(app: &App) -> Self {
        app.0.realtime.clone()
    }
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: Config, services: Services, site: Site, realtime: Realtime, lifecycle: Lifecycle) -> Self {
        Self(Arc::new(Inner { config, services, site, realtime, lifecycle }))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The use cases.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// The built browser bundle.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.0.site
    }

    /// Where tasks are spawned and the end is announced.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// A fresh id for a request.
    #[must_use]
    pub fn new_correlation(&self) -> CorrelationId {
        let services = self.services();
        CorrelationId::from_uuid(services.ids().uuid(services.now()))
    }

    /// `bytes` unguessable bytes as URL-safe text: nonces, ids of tokens.
    #[must_use]
    pub fn random(&self) -> String {
        postil::backend::crypto::token::Token::generate(self.services().ids().as_ref()).reveal().to_owned()
    }
}
