//! The real server in this process, on a port of its own, over the test's database and with its own prefix in Redis;
//! and clients that speak to it over HTTP.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use http::Method;
use postil::{
    backend::{
        bus::{Bus, BusConfig},
        crypto::{Sealer, token::Token},
        hook::AccessHook,
        service::Services,
        source::Machine,
        store::Store,
    },
    ids::{CompanyId, ConversationId, MessageId, UserId},
    wire::Code,
};
use serde_json::{Value, json};
use server::{
    config::{Config, Reader},
    http::site::Site,
    lifecycle::Lifecycle,
    state::App,
    ws::Realtime,
};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Actor, Company, House, contract, fresh_id, house::setting, in_s, now};

/// A node.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The address that browsers use.
    pub origin: String,
    http: reqwest::Client,
    app: sqlx::PgPool,
    lifecycle: Lifecycle,
    hub: server::ws::Hub,
    /// The use cases, as the node runs them.
    pub services: Services,
}

impl Server {
    /// Starts a node over the house's database and the common Redis.
    pub async fn start(house: &House) -> Self {
        Self::start_with(house, &house.url("APP_DATABASE_URL"), &setting("REDIS_URL")).await
    }

    /// Starts a node that reaches its data by other ways, such as a proxy.
    pub async fn start_with(house: &House, app_url: &str, redis_url: &str) -> Self {
        Self::start_hooked(house, app_url, redis_url, None).await
    }

    /// Starts a node with an access hook.
    pub async fn start_with_hook(house: &House, hook: Arc<dyn AccessHook>) -> Self {
        Self::start_hooked(house, &house.url("APP_DATABASE_URL"), &setting("REDIS_URL"), Some(hook)).await
    }

    async fn start_hooked(house: &House, app_url: &str, redis_url: &str, hook: Option<Arc<dyn AccessHook>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = format!("http://localhost:{}", address.port());
        let worker_url = house.url("WORKER_DATABASE_URL");
        let settings = HashMap::from([
            ("POSTIL_URL", origin.clone()),
            ("POSTIL_LISTEN", address.to_string()),
            // Tests are their own proxy: they say where a request comes from.
            ("POSTIL_PROXIES", "127.0.0.1".to_owned()),
            ("POSTIL_SITE", "/nonexistent".to_owned()),
            ("APP_DATABASE_URL", app_url.to_owned()),
            ("WORKER_DATABASE_URL", worker_url.clone()),
            ("REDIS_URL", redis_url.to_owned()),
            ("POSTIL_SECRET", setting("POSTIL_SECRET")),
        ]);
        let config = Config::read(&mut Reader::new(&|name| settings.get(name).cloned())).unwrap();
        let store = Store::connect(app_url, &worker_url).await.unwrap();
        store.check().await.unwrap();
        let (bus, driver, inbox) = Bus::new(
            BusConfig { url: Some(redis_url.to_owned()), prefix: format!("{}:", house.name), limit_factor: 1 },
            &Machine,
        )
        .unwrap();
        let services = Services::new(
            store,
            bus,
            Sealer::new(config.secret.bytes()),
            Arc::new(Machine),
            Arc::new(Machine),
            origin.clone(),
            hook,
        );
        let lifecycle = Lifecycle::new();
        lifecycle.background("bus", driver.run());
        let realtime = Realtime::start(&services, inbox, &config.web.origin, &lifecycle);
        let hub = realtime.hub().clone();
        let router =
            server::http::router(App::new(config, services.clone(), Site::empty(), realtime, lifecycle.clone()));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        lifecycle.background("http", async move { axum::serve(listener, service).await.unwrap() });
        Self {
            address,
            origin,
            http: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap(),
            app: house.app.clone(),
            lifecycle,
            hub,
            services,
        }
    }

    /// How many sockets it serves.
    pub fn sockets(&self) -> i64 {
        self.hub.sockets()
    }

    /// Stops the node as a crash would: nobody is told.
    pub fn dies(self) {
        self.lifecycle.ending().cancel();
    }

    /// A client without any proof.
    pub fn nobody(&self) -> Client {
        Client {
            http: self.http.clone(),
            base: format!("http://{}", self.address),
            origin: self.origin.clone(),
            token: None,
            company: None,
            person_id: None,
        }
    }

    /// A browser session of this person in this company, whatever membership they have: made in the database, because signing in costs a hash.
    pub async fn admits(&self, actor: &Actor) -> Client {
        self.admits_as(actor, "browser").await
    }

    /// Likewise, of a kind.
    pub async fn admits_as(&self, actor: &Actor, kind: &str) -> Client {
        let token = Token::generate(&Machine);
        let made: bool = sqlx::query_scalar("SELECT auth.session_create($1, $2, $3, $4, $5, NULL, $6, $7, NULL)")
            .bind(fresh_id())
            .bind(&token.hash()[..])
            .bind(actor.id)
            .bind(actor.company)
            .bind(kind)
            .bind(now())
            .bind(in_s(3_600))
            .fetch_one(&self.app)
            .await
            .unwrap();
        assert!(made, "only members have sessions");
        Client {
            token: Some(token.reveal().to_owned()),
            company: Some(actor.company),
            person_id: Some(actor.id),
            ..self.nobody()
        }
    }

    /// The ERP of a company, with a key.
    pub async fn admits_erp(&self, company: &Company, erp: &Actor) -> Client {
        let token = Token::generate(&Machine);
        let hash = Vec::from(token.hash());
        let mut tx = company.house().await;
        sqlx::query("INSERT INTO api_keys (company_id, id, user_id, name, key_hash) VALUES ($1, $2, $3, 'ERP', $4)")
            .bind(company.id)
            .bind(fresh_id())
            .bind(erp.id)
            .bind(hash)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Client { token: Some(format!("pk_{}", token.reveal())), company: Some(company.id), ..self.nobody() }
    }
}

/// Someone's program or browser.
#[derive(Clone)]
pub struct Client {
    /// Keeps connections.
    pub http: reqwest::Client,
    /// `http://address`.
    pub base: String,
    /// What a browser would send as `Origin` from our own pages.
    pub origin: String,
    /// The bearer secret.
    pub token: Option<String>,
    /// The company it believes in.
    pub company: Option<Uuid>,
    /// Who it is.
    pub person_id: Option<Uuid>,
}

/// A request of any shape.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Path and query below `/api/v1`.
    pub path: String,
    /// The body, as bytes.
    pub body: Option<Vec<u8>>,
    /// Headers beside those of the client.
    pub headers: Vec<(&'static str, String)>,
}

impl Ask {
    /// Without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, headers: Vec::new() }
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// With a body that claims to be JSON.
    pub fn text(self, body: &str) -> Self {
        Self { body: Some(body.as_bytes().to_vec()), ..self }.with("content-type", "application/json")
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// With an idempotency key.
    pub fn keyed(self, key: impl Into<String>) -> Self {
        self.with("idempotency-key", key)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Value,
}

impl Reply {
    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("-")
    }

    /// Asserts a problem of this code, told as RFC 9457 has it.
    #[track_caller]
    pub fn refused(&self, what: &str, code: Code) {
        assert_eq!((self.status, self.code()), (code.status(), code.as_str()), "{what}: {self:?}");
        assert_eq!(
            self.headers.get("content-type").map(http::HeaderValue::as_bytes),
            Some(&b"application/problem+json"[..]),
            "{what}"
        );
        assert_eq!(
            self.body["correlationId"].as_str(),
            self.headers.get("x-correlation-id").and_then(|id| id.to_str().ok()),
            "{what}"
        );
    }

    /// Asserts success and yields the body.
    #[track_caller]
    pub fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }

    /// Everything that a client can compare: status, body and headers, but for what names this one request.
    pub fn comparable(&self) -> (u16, Vec<(String, String)>, Value) {
        let mut body = self.body.clone();
        if let Some(body) = body.as_object_mut() {
            body.remove("correlationId");
        }
        let headers =
            self.headers.iter().filter(|(name, _)| !["x-correlation-id", "date", "ratelimit"].contains(&name.as_str()));
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        (self.status, headers, body)
    }
}

impl Client {
    /// Sends `ask` and reads the answer whole. It must be one that the OpenAPI document tells of.
    pub async fn asks(&self, ask: &Ask) -> Reply {
        let method = reqwest::Method::from_bytes(ask.method.as_str().as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}/api/v1{}", self.base, ask.path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(company) = self.company {
            request = request.header("x-postil-company", company_id(company));
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        let reply = Reply { status, headers, body };
        contract::holds(&ask.method, &format!("/api/v1{}", ask.path), &reply);
        reply
    }

    /// What a browser gets that goes to `path`, outside the API. Redirects are the answer, not followed.
    pub async fn page(&self, path: &str) -> reqwest::Response {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut request = http.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("cookie", format!("postil={token}"));
        }
        request.send().await.unwrap()
    }

    /// Reads.
    pub async fn gets(&self, path: impl Into<String>) -> Reply {
        self.asks(&Ask::new(Method::GET, path)).await
    }

    /// Sends a message with a fresh key, and expects it to work.
    pub async fn writes(&self, conversation: Uuid, body: &str) -> Value {
        self.asks(
            &Ask::new(Method::POST, "/messages")
                .keyed(fresh_id().to_string())
                .json(&json!({ "conversationId": conversation_id(conversation), "body": body })),
        )
        .await
        .good()
    }

    /// Who is signed in.
    pub fn person(&self) -> String {
        user_id(self.person_id.expect("a person's session"))
    }
}

/// As on the wire.
pub fn company_id(id: Uuid) -> String {
    CompanyId::from_uuid(id).to_string()
}

/// As on the wire.
pub fn user_id(id: Uuid) -> String {
    UserId::from_uuid(id).to_string()
}

/// As on the wire.
pub fn conversation_id(id: Uuid) -> String {
    ConversationId::from_uuid(id).to_string()
}

/// As on the wire.
pub fn message_id(id: Uuid) -> String {
    MessageId::from_uuid(id).to_string()
}
