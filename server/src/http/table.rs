//! The one table of the REST API: from it come the router, the OpenAPI document and the sweep of the tests.
//!
//! A row is a method, a path, an operation id, a handler and a sentence. What the operation takes, answers and can be
//! refused for is read off the handler's signature ([`super::describe`]); [`Route::can_fail`] adds the codes that only
//! the use case knows.

use std::sync::LazyLock;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;
use postil::{backend::bus::Class, wire::Code};
use schemars::{SchemaGenerator, generate::SchemaSettings};

use super::describe::{Auth, Documented, Operation};
use crate::{api, state::App};

/// What the tests and the documents need to know of a route.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// The HTTP method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: String,
    /// The operation's name in the document, the services and the client.
    pub operation: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// The chapter of the document.
    pub tag: &'static str,
    /// Who may call it.
    pub auth: Auth,
    /// Whether the request takes place in a company, which the client may state.
    pub company: bool,
    /// Whether it needs an `Idempotency-Key`.
    pub needs_key: bool,
    /// Whether it takes a JSON body.
    pub has_body: bool,
    /// Status of success.
    pub success: u16,
    /// What it can be refused for.
    pub problems: Vec<Code>,
    /// Which quota it takes from.
    pub class: Class,
    /// How much.
    pub weight: u32,
}

type Describer = Box<dyn Fn(&mut Operation<'_>) + Send + Sync>;

/// A row of the table.
pub struct Route {
    method: Method,
    path: String,
    operation: &'static str,
    summary: &'static str,
    tag: &'static str,
    problems: &'static [Code],
    class: Class,
    weight: u32,
    describer: Describer,
    handler: Box<dyn Fn() -> MethodRouter<App> + Send + Sync>,
}

/// Where the versioned API begins.
pub const BASE: &str = "/api/v1";

impl Route {
    /// A row whose handler describes itself.
    pub fn new<H, Args, Parts>(method: Method, path: &str, operation: &'static str, handler: H) -> Self
    where
        H: Handler<Args, App> + Documented<Parts> + Clone + Sync,
        Args: 'static,
    {
        let describer = |operation: &mut Operation<'_>| <H as Documented<Parts>>::describe(operation);
        Self::described_by(method, path, operation, handler, Box::new(describer))
    }

    /// A row whose handler's signature says nothing: `describer` does.
    pub fn described_by<H, Args>(
        method: Method,
        path: &str,
        operation: &'static str,
        handler: H,
        describer: Describer,
    ) -> Self
    where
        H: Handler<Args, App> + Clone + Sync,
        Args: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("the table uses plain methods");
        Self {
            method: method.clone(),
            path: format!("{BASE}{path}"),
            operation,
            summary: "",
            tag: "",
            problems: &[],
            class: if method == Method::GET { Class::Read } else { Class::Write },
            weight: 1,
            describer,
            handler: Box::new(move || on(filter, handler.clone())),
        }
    }

    /// With its chapter and a sentence.
    #[must_use]
    pub const fn says(mut self, tag: &'static str, summary: &'static str) -> Self {
        (self.tag, self.summary) = (tag, summary);
        self
    }

    /// Takes `weight` of the quota of `class`; without this, one of `read` or, unless it is a GET, of `write`.
    #[must_use]
    pub const fn weighs(mut self, class: Class, weight: u32) -> Self {
        (self.class, self.weight) = (class, weight);
        self
    }

    /// With codes that only the use case knows.
    #[must_use]
    pub const fn can_fail(mut self, codes: &'static [Code]) -> Self {
        self.problems = codes;
        self
    }

    /// What is known about it, with its schemas in `schemas`.
    pub(super) fn describe<'g>(&self, schemas: &'g mut SchemaGenerator) -> Operation<'g> {
        let mut operation = Operation::new(schemas);
        (self.describer)(&mut operation);
        operation.can_fail(self.problems);
        operation
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn info(&self) -> RouteInfo {
        let mut schemas = generator();
        let operation = self.describe(&mut schemas);
        RouteInfo {
            method: self.method.clone(),
            path: self.path.clone(),
            operation: self.operation,
            summary: self.summary,
            tag: self.tag,
            auth: operation.auth,
            company: operation.company,
            needs_key: operation.needs_key,
            has_body: operation.request.is_some(),
            success: operation.success,
            problems: operation.problems,
            class: self.class,
            weight: self.weight,
        }
    }
}

/// Collects schemas where OpenAPI keeps them.
pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator()
}

static TABLE: LazyLock<Vec<Route>> = LazyLock::new(api::table);
static INFOS: LazyLock<Vec<RouteInfo>> = LazyLock::new(|| TABLE.iter().map(Route::info).collect());

/// The rows.
pub(super) fn table() -> &'static [Route] {
    &TABLE
}

/// Every route of the API.
#[must_use]
pub fn routes() -> &'static [RouteInfo] {
    &INFOS
}

/// The router of the API.
pub(super) fn router() -> Router<App> {
    TABLE.iter().fold(Router::new(), |router, route| router.route(&route.path, (route.handler)()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn operations_are_unique_and_explained() {
        let (mut operations, mut places) = (HashSet::new(), HashSet::new());
        for route in routes() {
            assert!(operations.insert(route.operation), "{} twice", route.operation);
            assert!(places.insert((route.method.clone(), route.path.clone())), "{} twice", route.path);
            assert!(route.summary.ends_with('.') && !route.tag.is_empty(), "{}", route.operation);
        }
    }

    #[test]
    fn whatever_makes_something_takes_a_key_and_reads_take_no_body() {
        for route in routes() {
            assert_eq!(
                route.needs_key,
                ["create_conversation", "send_message", "send_reply"].contains(&route.operation)
            );
            assert!(!(route.has_body && route.method == Method::GET), "{}", route.operation);
        }
    }

    #[test]
    fn every_weight_fits_its_quota_and_its_class() {
        for route in routes() {
            assert!((1..=route.class.own().burst).contains(&route.weight), "{}", route.operation);
            let is_public = matches!(route.class, Class::SignIn | Class::Public);
            assert_eq!(is_public, route.auth == Auth::Anonymous, "{}: nobody is known there", route.operation);
            let is_admin = matches!(route.class, Class::Admin | Class::Heavy);
            let moderates =
                ["list_reports", "open_report", "moderate", "get_words", "put_words"].contains(&route.operation);
            assert_eq!(is_admin, route.tag == "administration" || moderates, "{}", route.operation);
            let sends = ["send_message", "send_reply", "edit_message"].contains(&route.operation);
            assert_eq!(route.class == Class::Send, sends, "{}", route.operation);
        }
    }

    #[test]
    fn the_guide_tells_the_limits_as_they_are() {
        let guide = include_str!("../../../docs/api.md");
        for class in Class::ALL {
            let heavier: Vec<String> = routes()
                .iter()
                .filter(|route| route.class == class && route.weight > 1)
                .map(|route| format!("{} {}", route.operation, route.weight))
                .collect();
            let heavier = if heavier.is_empty() { String::new() } else { format!(" {}", heavier.join(", ")) };
            let (own, rate) = (class.own(), 60_000_000 / class.own().step_us);
            let line = format!("| {} | {} | {rate} |{heavier} |", class.name(), own.burst);
            assert!(guide.lines().any(|known| known == line), "docs/api.md lacks {line}");
        }
        let (company, address) = (postil::limits::COMPANY_SHARE, postil::limits::ADDRESS_SHARE);
        assert!(guide.contains(&format!("A company may do {company} times, an address {address} times")));
    }

    #[test]
    fn only_doors_are_open_to_anybody() {
        let open: Vec<_> =
            routes().iter().filter(|route| route.auth == Auth::Anonymous).map(|route| route.operation).collect();
        assert_eq!(open, ["sign_in", "accept_invitation", "exchange_token", "get_openapi"]);
    }

    #[test]
    fn the_router_takes_the_whole_table() {
        // Conflicting paths panic here rather than at start-up.
        let _ = router();
    }
}
