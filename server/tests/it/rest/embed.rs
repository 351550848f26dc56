//! A host's token for a session of the widget: good once, from its own page, for its own company; and nothing else is.

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use postil::{
    backend::crypto::{Sealer, seal::Purpose},
    ids::CompanyId,
    limits,
    wire::Code,
};
use serde_json::{Value, json};
use server::config::ServerSecret;
use uuid::Uuid;

use crate::harness::{
    Actor, Ask, Client, Company, Scene, Server, fresh_id, house::setting, in_a_house, server::company_id,
};

const SECRET: &str = "a host's secret of at least thirty-two bytes";
const HOST: &str = "https://erp.example";

/// Gives the company a key and an allowed page.
async fn embeds(company: &Company, kid: &str) {
    let secret = ServerSecret::parse(&setting("POSTIL_SECRET")).unwrap();
    let id = CompanyId::from_uuid(company.id);
    let sealed = Sealer::new(secret.bytes()).seal(Purpose::EmbedSecret, id, SECRET.as_bytes());
    let mut tx = company.house().await;
    sqlx::query("INSERT INTO embed_keys (company_id, kid, secret_sealed) VALUES ($1, $2, $3)")
        .bind(company.id)
        .bind(kid)
        .bind(sealed)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("UPDATE companies SET embed_origins = ARRAY[$2] WHERE id = $1")
        .bind(company.id)
        .bind(HOST)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn email(company: &Company, actor: &Actor) -> String {
    company.value(&format!("SELECT email FROM users WHERE id = '{}'", actor.id)).await
}

fn seconds() -> i64 {
    crate::harness::now().unix_timestamp()
}

fn claims(company: Uuid, email: &str) -> Value {
    json!({
        "iss": company_id(company), "aud": "postil", "sub": email, "origin": HOST,
        "jti": fresh_id().to_string(), "iat": seconds(), "exp": seconds() + 120,
    })
}

fn signed(kid: &str, claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn exchange(token: &str, origin: &str) -> Ask {
    Ask::new(Method::POST, "/embed/token").json(&json!({ "token": token, "origin": origin }))
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[test]
fn a_token_is_a_session_once_and_only_in_its_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        embeds(&scene.nordwind, "k1").await;
        let bob = claims(scene.nordwind.id, &email(&scene.nordwind, &scene.bob).await);
        let token = signed("k1", &bob, SECRET, Algorithm::HS256);
        let session = server.nobody().asks(&exchange(&token, HOST)).await.good();
        assert_eq!(session["me"]["companyId"], company_id(scene.nordwind.id));
        assert_eq!(session["me"]["companies"].as_array().map(Vec::len), Some(1), "not his other company: {session}");
        let bearer = session["sessionToken"].as_str().unwrap().to_owned();
        let widget = Client { token: Some(bearer), company: Some(scene.nordwind.id), ..server.nobody() };
        assert_eq!(widget.gets("/me").await.good()["sessionKind"], "embed");
        let switch =
            Ask::new(Method::POST, "/context/switch-company").json(&json!({ "companyId": company_id(scene.south.id) }));
        widget.asks(&switch).await.refused("an embedded session stays", Code::Forbidden);
        server.nobody().asks(&exchange(&token, HOST)).await.refused("a second time", Code::EmbedTokenReplayed);
    });
}

#[test]
fn whatever_is_wrong_with_a_token_it_opens_nothing_and_leaves_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        embeds(&scene.nordwind, "k1").await;
        embeds(&scene.south, "k1").await;
        let good = claims(scene.nordwind.id, &email(&scene.nordwind, &scene.anna).await);
        let sign = |claims: &Value| signed("k1", claims, SECRET, Algorithm::HS256);
        let now = seconds();
        let before = super::footprint(house, &scene.nordwind).await;
        let bad = [
            ("another secret", signed("k1", &good, "another secret of thirty-two bytes, too", Algorithm::HS256), HOST),
            ("another algorithm", signed("k1", &good, SECRET, Algorithm::HS512), HOST),
            ("an unknown key", signed("k2", &good, SECRET, Algorithm::HS256), HOST),
            ("no signature", sign(&good).rsplit_once('.').unwrap().0.to_owned() + ".", HOST),
            ("another page", sign(&good), "https://evil.example"),
            (
                "a page that is not allowed",
                sign(&with(&good, "origin", json!("https://evil.example"))),
                "https://evil.example",
            ),
            ("another audience", sign(&with(&good, "aud", json!("other"))), HOST),
            ("no member", sign(&with(&good, "sub", json!("nobody@example.test"))), HOST),
            ("a member elsewhere only", sign(&with(&good, "sub", json!(email(&scene.south, &scene.sven).await))), HOST),
            ("expired", sign(&with(&with(&good, "iat", json!(now - 400)), "exp", json!(now - 200))), HOST),
            ("from the future", sign(&with(&with(&good, "iat", json!(now + 200)), "exp", json!(now + 300))), HOST),
            (
                "too long a life",
                sign(&with(&good, "exp", json!(now + 301 + limits::EMBED_TOKEN_S_MAX.cast_signed()))),
                HOST,
            ),
            ("a beginning before time", sign(&with(&good, "iat", json!(i64::MIN))), HOST),
            ("a short name", sign(&with(&good, "jti", json!("short"))), HOST),
            ("rubbish", "a.b.c".to_owned(), HOST),
            ("nothing", String::new(), HOST),
            ("too much", "x".repeat(limits::EMBED_TOKEN_BYTES_MAX + 1), HOST),
        ];
        for (what, token, origin) in &bad {
            server.nobody().asks(&exchange(token, origin)).await.refused(what, Code::InvalidEmbedToken);
        }
        assert_eq!(super::footprint(house, &scene.nordwind).await, before);
        scene
            .nordwind
            .arranges(&format!("UPDATE embed_keys SET retired_at = now() WHERE company_id = '{}'", scene.nordwind.id))
            .await;
        server.nobody().asks(&exchange(&sign(&good), HOST)).await.refused("a retired key", Code::InvalidEmbedToken);
    });
}
