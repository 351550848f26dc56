//! The access hook: asked over HTTP, believed only when it signs, and never able to give. Whatever it takes is gone from lists,
//! counts, single rows and sockets alike; where it is silent, everything is.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse, routing::post};
use http::{HeaderMap, Method, StatusCode};
use postil::{
    backend::{
        hook::{AccessHook, HookKey},
        source::Machine,
        store::house::access_hook_set,
    },
    ids::CompanyId,
    wire::Code,
};
use serde_json::{Value, json};
use server::{
    hook::{HttpHook, SIGNATURE, TIME},
    lifecycle::Lifecycle,
};
use tokio::net::TcpListener;

use crate::harness::{
    Actor, Ask, Company, Draft, House, Scene, Server, fresh_id, in_a_house,
    server::{company_id, conversation_id, message_id, user_id},
};

/// What a hook does with a question.
#[derive(Clone, Debug)]
enum Behaviour {
    /// Answers about each person by their id; about others, that nothing is taken.
    Answers(HashMap<String, Value>),
    /// Says exactly this, signed.
    Says(String),
    /// Answers well, and signs with another key.
    Forges,
    /// Sends the first signed answer that it ever gave again.
    Replays,
    /// Answers with an error.
    Fails,
    /// Takes the question and never answers.
    Hangs,
}

#[derive(Debug)]
struct Judge {
    behaviour: Behaviour,
    questions: Vec<Value>,
    first: Option<(String, Vec<u8>)>,
}

/// A hook of a customer: an HTTP server that knows the shared key.
#[derive(Clone)]
struct Hook {
    judge: Arc<Mutex<Judge>>,
    address: SocketAddr,
}

const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

async fn narrow(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (time, signature) = (header(TIME), header(SIGNATURE));
    assert!(HookKey::new(KEY).fits(&time, &body, &signature), "the question is signed");
    let question: Value = serde_json::from_slice(&body).unwrap();
    let who = question["userId"].as_str().unwrap().to_owned();
    let behaviour = {
        let mut judge = hook.judge.lock().unwrap();
        judge.questions.push(question);
        judge.behaviour.clone()
    };
    let none = json!({ "denials": [] });
    let key = if matches!(behaviour, Behaviour::Forges) { HookKey::new([1; 32]) } else { HookKey::new(KEY) };
    let said = match behaviour {
        Behaviour::Answers(about) => about.get(&who).unwrap_or(&none).to_string(),
        Behaviour::Says(said) => said,
        Behaviour::Forges => none.to_string(),
        Behaviour::Replays => {
            let (signature, body) = hook.judge.lock().unwrap().first.clone().expect("it answered before");
            return ([(SIGNATURE, signature)], body).into_response();
        }
        Behaviour::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Behaviour::Hangs => std::future::pending().await,
    };
    let signed = key.sign(&signature, said.as_bytes());
    hook.judge.lock().unwrap().first.get_or_insert_with(|| (signed.clone(), said.clone().into_bytes()));
    ([(SIGNATURE, signed)], said).into_response()
}

impl Hook {
    async fn starts() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behaviour = Behaviour::Answers(HashMap::new());
        let judge = Arc::new(Mutex::new(Judge { behaviour, questions: Vec::new(), first: None }));
        let hook = Self { judge, address };
        let router = Router::new().route("/narrow", post(narrow)).with_state(hook.clone());
        Lifecycle::new().background("hook", async move { axum::serve(listener, router).await.unwrap() });
        hook
    }

    fn client(&self) -> Arc<dyn AccessHook> {
        Arc::new(HttpHook::new(&format!("http://{}/narrow", self.address), HookKey::new(KEY)).unwrap())
    }

    fn does(&self, behaviour: Behaviour) {
        self.judge.lock().unwrap().behaviour = behaviour;
    }

    fn takes(&self, who: &Actor, denials: Value) {
        self.does(Behaviour::Answers(HashMap::from([(user_id(who.id), json!({ "denials": denials }))])));
    }

    fn questions(&self) -> Vec<Value> {
        self.judge.lock().unwrap().questions.clone()
    }
}

async fn requires(house: &House, company: &Company, required: bool) -> bool {
    let url = house.url("DATABASE_URL");
    access_hook_set(&url, &Machine, CompanyId::from_uuid(company.id), required).await.unwrap()
}

/// Every answer has run out, as if its time had passed.
async fn time_passes(company: &Company) {
    company.arranges("UPDATE narrowings SET until = since").await;
}

fn denial(actions: &[&str], scope: Value) -> Value {
    json!([{ "id": "clearance", "actions": actions, "scope": scope }])
}

fn invoice_only() -> Value {
    json!({ "type": "record", "record": { "kind": "transaction", "id": "INV-4711" } })
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn what_the_hook_takes_is_gone_from_lists_counts_and_rows_and_both_walls_say_so() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let talk = conversation_id(scene.invoice_talk);
        anna.writes(scene.invoice_talk, "About the invoice").await;
        assert!(ids(&anna.gets("/conversations").await.good()).contains(&talk.as_str()));
        assert_eq!(hook.questions(), Vec::<Value>::new(), "a company that requires no hook asks none");

        hook.takes(&scene.anna, denial(&["thread:read"], invoice_only()));
        assert!(requires(house, &scene.nordwind, true).await);
        assert!(!requires(house, &scene.nordwind, true).await, "again is nothing");
        assert!(!ids(&anna.gets("/conversations").await.good()).contains(&talk.as_str()));
        anna.gets(format!("/messages?conversationId={talk}")).await.refused("a row", Code::NotFound);
        let send = Ask::new(Method::POST, "/messages")
            .keyed(fresh_id().to_string())
            .json(&json!({ "conversationId": talk, "body": "x" }));
        anna.asks(&send).await.refused("a write", Code::NotFound);
        anna.writes(scene.group, "What is not taken goes on").await;
        ben.gets("/conversations").await.good();

        // Wall 2 by itself, without the server: the same.
        assert!(!scene.anna.sees("conversations").await.contains(&scene.invoice_talk));
        assert!(scene.anna.sees("conversations").await.contains(&scene.group));

        let questions = hook.questions();
        let about: Vec<&Value> = questions.iter().map(|question| &question["userId"]).collect();
        assert_eq!(about, [&json!(user_id(scene.anna.id)), &json!(user_id(scene.ben.id))], "once each while it holds");
        assert_eq!(questions[0]["companyId"], company_id(scene.nordwind.id));
        assert_eq!((&questions[0]["role"], &questions[0]["memberKind"]), (&json!("staff"), &json!("internal")));
        assert!(questions[0]["email"].as_str().unwrap().contains('@'));

        assert!(requires(house, &scene.nordwind, false).await);
        assert!(
            ids(&anna.gets("/conversations").await.good()).contains(&talk.as_str()),
            "the policy alone judges again"
        );
    });
}

#[test]
fn a_hook_can_t_give_what_the_policy_keeps() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let ben = server.admits(&scene.ben).await;
        requires(house, &scene.nordwind, true).await;
        let talk = format!("/messages?conversationId={}", conversation_id(scene.invoice_talk));
        ben.gets(&talk).await.refused("another department's, with a hook that takes nothing", Code::NotFound);
        for said in [
            json!({ "denials": [], "allow": [{ "actions": ["thread:read"], "scope": { "type": "company" } }] }),
            json!({ "denials": [{ "id": "x", "effect": "allow", "actions": ["thread:read"], "scope": { "type": "company" } }] }),
        ] {
            hook.does(Behaviour::Says(said.to_string()));
            time_passes(&scene.nordwind).await;
            ben.gets(&talk).await.refused("an answer with a word for giving is none", Code::HookUnavailable);
        }
    });
}

#[test]
fn an_answer_that_is_no_answer_takes_everything() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        requires(house, &scene.nordwind, true).await;
        let many: Vec<Value> = (0..201)
            .map(|n| json!({ "id": n.to_string(), "actions": ["message:read"], "scope": { "type": "company" } }))
            .collect();
        let behaviours = [
            Behaviour::Fails,
            Behaviour::Hangs,
            Behaviour::Forges,
            Behaviour::Says("{".to_owned()),
            Behaviour::Says("{}".to_owned()),
            Behaviour::Says(json!({ "denials": [], "validForS": 0 }).to_string()),
            Behaviour::Says(json!({ "denials": [], "validForS": 3_601 }).to_string()),
            Behaviour::Says(json!({ "denials": many }).to_string()),
            Behaviour::Says(
                json!({ "denials": [{ "id": "x", "actions": [], "scope": { "type": "company" } }] }).to_string(),
            ),
            Behaviour::Says(format!("{{\"denials\":[]{}}}", " ".repeat(70_000))),
        ];
        for behaviour in behaviours {
            // A node of its own each: one that got no answer leaves the hook alone for a second.
            let server = Server::start_with_hook(house, hook.client()).await;
            let (anna, sven) = (server.admits(&scene.anna).await, server.admits(&scene.sven).await);
            hook.does(behaviour.clone());
            let refused = anna.gets("/conversations").await;
            refused.refused(&format!("{behaviour:?}"), Code::HookUnavailable);
            assert_eq!(scene.anna.sees("conversations").await.len(), 0, "wall 2, {behaviour:?}");
            assert_eq!(scene.anna.counts("SELECT 1 FROM memberships").await, 0, "wall 2, {behaviour:?}");
            sven.gets("/conversations").await.good();
        }

        // The first answer of all, to another question and of another time.
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        hook.does(Behaviour::Answers(HashMap::new()));
        ben.gets("/conversations").await.good();
        hook.does(Behaviour::Replays);
        anna.gets("/conversations").await.refused("a replayed answer", Code::HookUnavailable);
    });
}

#[test]
fn a_server_without_a_hook_shows_nothing_of_a_company_that_requires_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        requires(house, &scene.nordwind, true).await;
        anna.gets("/conversations").await.refused("no hook is configured", Code::HookUnavailable);
        assert!(anna.knocks().await.is_err(), "nor is there a socket");
        requires(house, &scene.nordwind, false).await;
        anna.gets("/conversations").await.good();
    });
}

#[test]
fn an_answer_lasts_as_long_as_it_says_and_a_silence_then_closes() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let anna = server.admits(&scene.anna).await;
        requires(house, &scene.nordwind, true).await;
        anna.gets("/conversations").await.good();
        hook.does(Behaviour::Fails);
        anna.gets("/conversations").await.good();
        time_passes(&scene.nordwind).await;
        anna.gets("/conversations").await.refused("it has run out", Code::HookUnavailable);
        assert_eq!(scene.anna.sees("conversations").await.len(), 0);
        assert_eq!(hook.questions().len(), 2);
        anna.gets("/conversations").await.refused("at once", Code::HookUnavailable);
        assert_eq!(hook.questions().len(), 2, "a hook that failed is left alone for a moment");
    });
}

#[test]
fn sockets_follow_what_the_hook_says() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        requires(house, &scene.nordwind, true).await;
        let mut hears = anna.listens().await;
        mara.writes(scene.invoice_talk, "before").await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "before").await;

        // Another answer, asked by another node: what it takes is withdrawn from the screen.
        hook.takes(&scene.anna, denial(&["thread:read"], invoice_only()));
        time_passes(&scene.nordwind).await;
        let other = Server::start_with_hook(house, hook.client()).await;
        other.admits(&scene.anna).await.gets("/conversations").await.good();
        let revoked = hears.until("access.revoked").await;
        assert_eq!(revoked["conversationIds"], json!([conversation_id(scene.invoice_talk)]));
        mara.writes(scene.invoice_talk, "after").await;
        mara.writes(scene.group, "the last word").await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "the last word").await;
        assert!(!hears.bodies().contains(&"after".to_owned()));
    });
}

#[test]
fn a_company_that_begins_to_require_a_hook_withdraws_until_it_answers() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let mut hears = anna.listens().await;
        mara.writes(scene.group, "before").await;
        hears.until("message.created").await;
        hook.does(Behaviour::Fails);
        requires(house, &scene.nordwind, true).await;
        let revoked = hears.until("access.revoked").await;
        assert_eq!(revoked["conversationIds"], json!([conversation_id(scene.group)]));
        hook.does(Behaviour::Answers(HashMap::new()));
        hears.until("resync").await;
        // The hook is back: the socket is told to load afresh, and hears again.
        hears.until("resync").await;
        mara.writes(scene.group, "after").await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "after").await;
    });
}

#[test]
fn why_names_the_hook_and_what_it_said_then() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let olga = server.admits(&scene.olga).await;
        let group = scene.olga.gathers("Close", &[&scene.anna]).await;
        let about = scene.anna.sends(&Draft::new(group, "Paid?").about(&scene.invoice)).await.unwrap().sent();
        let ask = |at: &str| {
            format!(
                "/access/explain?userId={}&action=message:read&messageId={}{at}",
                user_id(scene.anna.id),
                message_id(about.id)
            )
        };
        assert_eq!(olga.gets(ask("")).await.good()["allowed"], true);
        hook.takes(&scene.anna, denial(&["message:read"], invoice_only()));
        requires(house, &scene.nordwind, true).await;
        let told = olga.gets(ask("")).await.good();
        assert_eq!((&told["allowed"], &told["because"]["question"]), (&json!(false), &json!("message_read")));
        assert_eq!(told["because"]["reason"], "hook");
        assert_eq!(told["because"]["rule"]["id"], "clearance");
        assert_eq!(told["because"]["rule"]["effect"], "deny");
        assert_eq!(hook.questions().len(), 2, "asked about who asks, and about whom it is asked");
        let then = told["at"].as_str().unwrap().to_owned();

        // It takes it back, and says nothing more after: the past stays what it was.
        hook.does(Behaviour::Answers(HashMap::new()));
        company_forgets(&scene.nordwind).await;
        assert_eq!(olga.gets(ask("")).await.good()["allowed"], true);
        assert_eq!(olga.gets(ask(&format!("&at={then}"))).await.good()["because"]["reason"], "hook");
        requires(house, &scene.nordwind, false).await;
        assert_eq!(olga.gets(ask("")).await.good()["because"]["reason"], "rule");

        let actions: Vec<String> = scene
            .nordwind
            .value::<Vec<String>>(
                "SELECT array_agg(action ORDER BY seq) FROM audit_log WHERE action LIKE 'access_hook.%'",
            )
            .await;
        assert_eq!(actions, ["access_hook.create", "access_hook.change"], "who reads the audit log knows");
    });
}

/// Answers run out now; what they said stays on record for the time they held.
async fn company_forgets(company: &Company) {
    company.arranges("UPDATE narrowings SET until = greatest(since, now())").await;
}

#[test]
fn who_serves_requests_can_neither_answer_for_the_hook_nor_read_what_it_says_of_others() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        requires(house, &scene.nordwind, true).await;
        for actor in [&scene.anna, &scene.ben, &scene.olga] {
            server.admits(actor).await.gets("/conversations").await.good();
        }
        assert_eq!(scene.anna.counts("SELECT 1 FROM narrowings").await, 1, "one's own");
        assert_eq!(scene.olga.counts("SELECT 1 FROM narrowings").await, 3, "an administrator of the policy");
        assert_eq!(scene.sven.counts("SELECT 1 FROM narrowings").await, 0, "another company");
        for sql in [
            "UPDATE narrowings SET until = now() + interval '1 year'",
            "DELETE FROM narrowings",
            "INSERT INTO narrowings (company_id, user_id, since, until, denials) SELECT app.company_id(), app.user_id(), now(), now() + interval '1 day', '[]'",
            "DELETE FROM narrowing_grants",
            "SELECT * FROM narrowing_grants",
            "UPDATE access_hooks SET ended_at = now()",
            "DELETE FROM access_hooks",
            "SELECT app.narrow(app.company_id(), app.user_id(), '[]', '[]', now(), now() + interval '1 day')",
        ] {
            assert!(scene.olga.tries(sql).await.is_err(), "{sql}");
        }
    });
}
