//! The access hook: asked over HTTP, believed only when it signs, and never able to give. Whatever it takes is gone from lists,
//! counts, single rows and sockets alike; where it is silent, everything is.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse, routing::post};
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderMap, Method, StatusCode};
use postil::{
    access::{Action, Denial, RoleKey, Scope},
    backend::{
        hook::{AccessHook, HookError, HookKey},
        source::Machine,
        store::{hook::Kept, house::access_hook_set},
    },
    clock::{Clock as _, Timestamp},
    domain::MemberKind,
    ids::{CompanyId, DepartmentId, UserId},
    limits,
    wire::{Code, HookAnswer, HookQuestion},
};
use serde_json::{Value, json};
use server::{
    hook::{HttpHook, SIGNATURE, TIME},
    lifecycle::Lifecycle,
};
use sqlx::PgPool;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::harness::{
    Actor, Ask, Company, Draft, House, Scene, Server, eventually, fresh_id, in_a_house,
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
    /// Sends the first well signed answer that it ever gave again.
    Replays,
    /// Answers with an error about this person, and well about others.
    FailsAbout(String),
    /// Answers with an error.
    Fails,
    /// Takes the question and never answers.
    Hangs,
}

#[derive(Debug)]
struct Judge {
    behaviour: Behaviour,
    questions: Vec<Value>,
    first: Option<Recorded>,
}

/// A good answer, as somebody on the way would keep it.
#[derive(Clone, Debug)]
struct Recorded {
    /// The signature of the question.
    question: String,
    /// The answer's own.
    signature: String,
    body: Vec<u8>,
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
    let is_good = matches!(behaviour, Behaviour::Answers(_));
    let said = match behaviour {
        Behaviour::Answers(about) => about.get(&who).unwrap_or(&none).to_string(),
        Behaviour::Says(said) => said,
        Behaviour::Replays => {
            let Recorded { question, signature: told, body } =
                hook.judge.lock().unwrap().first.clone().expect("it answered before");
            assert!(HookKey::new(KEY).fits(&question, &body, &told), "an answer to its own question");
            assert_ne!(question, signature);
            return ([(SIGNATURE, told)], body).into_response();
        }
        Behaviour::FailsAbout(whom) if whom == who => return StatusCode::NOT_FOUND.into_response(),
        Behaviour::Forges | Behaviour::FailsAbout(_) => none.to_string(),
        Behaviour::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Behaviour::Hangs => std::future::pending().await,
    };
    let signed = key.sign(&signature, said.as_bytes());
    if is_good {
        let recorded = Recorded { question: signature, signature: signed.clone(), body: said.clone().into_bytes() };
        hook.judge.lock().unwrap().first.get_or_insert(recorded);
    }
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

    /// How often it was asked about somebody.
    fn asked_about(&self, who: &Actor) -> usize {
        self.questions().iter().filter(|question| question["userId"] == user_id(who.id)).count()
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
        assert_eq!(ids(&anna.gets("/search?q=invoice").await.good()).len(), 1);
        assert_eq!(hook.questions(), Vec::<Value>::new(), "a company that requires no hook asks none");

        hook.takes(&scene.anna, denial(&["thread:read"], invoice_only()));
        assert!(requires(house, &scene.nordwind, true).await);
        assert!(!requires(house, &scene.nordwind, true).await, "again is nothing");
        assert!(!ids(&anna.gets("/conversations").await.good()).contains(&talk.as_str()));
        anna.gets(format!("/messages?conversationId={talk}")).await.refused("a row", Code::NotFound);
        assert_eq!(ids(&anna.gets("/search?q=invoice").await.good()), Vec::<&str>::new(), "nothing is found of it");
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
            // A node of its own each: one whose hook failed about somebody does not ask about them for a second.
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
        time_passes(&scene.nordwind).await;
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
            "SELECT app.narrow(app.company_id(), app.user_id(), '[]', '[]', now(), now() + interval '1 day', 'owner', 'internal', NULL, '{}')",
            "SELECT auth.narrowing_of(app.company_id(), app.user_id())",
        ] {
            assert!(scene.olga.tries(sql).await.is_err(), "{sql}");
        }

        // The door through which a request is opened tells each what it takes from them.
        let told = |who: &Actor| format!("auth.narrowing('{}', '{}'", scene.nordwind.id, who.id);
        let tells = async |sql: String| scene.anna.counts(&format!("SELECT 1 WHERE {sql} ? 'untilUs'")).await == 1;
        assert!(tells(format!("{})", told(&scene.anna))).await, "one's own");
        for who in [&scene.ben, &scene.olga] {
            assert!(!tells(format!("{})", told(who))).await, "a colleague's");
        }
        assert!(!tells(format!("{}, '\\x00')", told(&scene.ben))).await, "nor with a token that is nobody's");
        assert_eq!(
            scene.sven.counts(&format!("SELECT 1 WHERE {}) ? 'untilUs'", told(&scene.anna))).await,
            0,
            "another company's"
        );
    });
}

#[test]
fn one_member_about_whom_the_hook_fails_closes_it_for_nobody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        requires(house, &scene.nordwind, true).await;
        hook.does(Behaviour::FailsAbout(user_id(scene.anna.id)));
        for _ in 0..3 {
            anna.gets("/conversations").await.refused("the hook does not know her", Code::HookUnavailable);
            ben.gets("/conversations").await.good();
            time_passes(&scene.nordwind).await;
        }
        assert_eq!(hook.asked_about(&scene.ben), 3);
        assert!(hook.asked_about(&scene.anna) <= 2, "and she is asked about less and less");
    });
}

/// A hook in the process that takes its time.
struct Slow(Arc<Mutex<usize>>);

impl AccessHook for Slow {
    fn narrow(&self, _: HookQuestion) -> BoxFuture<'_, Result<HookAnswer, HookError>> {
        *self.0.lock().unwrap() += 1;
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(HookAnswer { denials: Vec::new(), valid_for_s: 60 })
        })
    }
}

#[test]
fn more_people_than_the_hook_has_places_are_all_answered_and_each_is_asked_about_once() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let asked = Arc::new(Mutex::new(0));
        let server = Server::start_with_hook(house, Arc::new(Slow(Arc::clone(&asked)))).await;
        requires(house, &scene.nordwind, true).await;
        let mut people = Vec::new();
        for n in 0..limits::HOOK_CONCURRENT_MAX + 8 {
            people.push(scene.nordwind.hires(&format!("Person {n}"), RoleKey::STAFF, None).await);
        }
        // Each comes twice: a page has several requests.
        let company = CompanyId::from_uuid(scene.nordwind.id);
        let comes = |who: &Actor| {
            let (hooks, user) = (server.services.hooks().clone(), UserId::from_uuid(who.id));
            async move { hooks.ensure(company, user, 1).await }
        };
        let answers = join_all(people.iter().chain(&people).map(comes)).await;
        let refused: Vec<String> = answers.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(refused, Vec::<String>::new());
        assert_eq!(*asked.lock().unwrap(), people.len());
    });
}

#[test]
fn whoever_becomes_something_else_is_nobody_until_the_hook_has_said_what_it_takes_from_that() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let anna = server.admits(&scene.anna).await;
        requires(house, &scene.nordwind, true).await;
        hook.does(Behaviour::Says(json!({ "denials": [], "validForS": 300 }).to_string()));
        anna.gets("/conversations").await.good();
        let apollo: Uuid = scene.nordwind.value("SELECT id FROM projects WHERE name = 'Apollo'").await;
        let set = |what: String| format!("UPDATE memberships SET {what} WHERE user_id = '{}'", scene.anna.id);
        let changes = [
            set("role_key = 'manager'".to_owned()),
            set("kind = 'external'".to_owned()),
            set(format!("department_id = '{}'", scene.production)),
            format!(
                "INSERT INTO project_members (company_id, project_id, user_id, created_at, updated_at)
                 VALUES ('{}', '{apollo}', '{}', now(), now())",
                scene.nordwind.id, scene.anna.id
            ),
        ];
        for change in changes {
            assert!(!scene.anna.sees("conversations").await.is_empty());
            scene.nordwind.arranges(&change).await;
            // Wall 2 by itself, before anybody has asked.
            assert_eq!(scene.anna.sees("conversations").await.len(), 0, "{change}");
            anna.gets("/conversations").await.good();
        }
        let questions = hook.questions();
        let roles: Vec<&Value> = questions.iter().map(|question| &question["role"]).collect();
        assert_eq!(roles, ["staff", "manager", "manager", "manager", "manager"]);
        assert_eq!(questions.last().unwrap()["projectIds"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn an_open_socket_of_whoever_becomes_something_else_asks_at_once() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        requires(house, &scene.nordwind, true).await;
        hook.does(Behaviour::Says(json!({ "denials": [], "validForS": 300 }).to_string()));
        let mut hears = anna.listens().await;
        mara.writes(scene.group, "before").await;
        hears.until("message.created").await;
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET role_key = 'manager' WHERE user_id = '{}'", scene.anna.id))
            .await;
        hears.until("resync").await;
        eventually("she is asked about as what she is now", async || {
            hook.questions()
                .iter()
                .any(|question| question["userId"] == user_id(scene.anna.id) && question["role"] == "manager")
                .then_some(())
        })
        .await;
        eventually("and sees again", async || (!scene.anna.sees("conversations").await.is_empty()).then_some(())).await;
        hears.until("resync").await;
        mara.writes(scene.group, "after").await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "after").await;
    });
}

fn question_about(scene: &Scene, role: RoleKey, at: Timestamp) -> HookQuestion {
    HookQuestion {
        company_id: CompanyId::from_uuid(scene.nordwind.id),
        user_id: UserId::from_uuid(scene.anna.id),
        email: String::new(),
        role,
        member_kind: MemberKind::Internal,
        department_id: Some(DepartmentId::from_uuid(scene.finance)),
        project_ids: Vec::new(),
        at,
    }
}

fn whole_company() -> Vec<Denial> {
    let actions = BTreeSet::from([Action::ThreadRead]);
    vec![Denial { id: "all".to_owned(), actions, scope: Scope::Company, record_states: None }]
}

#[test]
fn the_database_keeps_no_answer_about_another_role_from_the_future_for_too_long_or_after_a_newer_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        requires(house, &scene.nordwind, true).await;
        let (store, now) = (server.services.store(), Machine.now());
        let about = |role, at| question_about(&scene, role, at);
        let sees = async || !scene.anna.sees("conversations").await.is_empty();

        let promoted = about(RoleKey::MANAGER, now);
        assert_eq!(store.narrowing_put(&promoted, &[], now.plus_s(60)).await.unwrap(), Kept::Changed);
        assert!(!sees().await, "asked about a manager, and she is none");
        let ahead = about(RoleKey::STAFF, now.plus_s(30));
        assert!(store.narrowing_put(&ahead, &[], now.plus_s(60)).await.is_err(), "a node whose clock is ahead");
        assert!(!sees().await);

        let asked = about(RoleKey::STAFF, now);
        assert_eq!(store.narrowing_put(&asked, &[], now.plus_s(3_600)).await.unwrap(), Kept::Kept);
        assert!(sees().await);
        let lasts: bool =
            scene.nordwind.value("SELECT max(until) <= now() + interval '300 seconds' FROM narrowings").await;
        assert!(lasts, "no longer than any answer may, by the clock of the database");

        let earlier = about(RoleKey::STAFF, now.plus_s(-2));
        assert_eq!(store.narrowing_put(&earlier, &whole_company(), now.plus_s(60)).await.unwrap(), Kept::Kept);
        assert!(sees().await, "what was asked later arrived first, and stays");
        let later = about(RoleKey::STAFF, Machine.now());
        store.narrowing_put(&later, &whole_company(), now.plus_s(60)).await.unwrap();
        assert!(!sees().await);
    });
}

#[test]
fn of_an_answer_that_was_replaced_only_what_it_said_is_kept() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let store = server.services.store();
        for n in 0..3 {
            let mut denials = whole_company();
            denials[0].id = format!("denial {n}");
            let now = Machine.now();
            store.narrowing_put(&question_about(&scene, RoleKey::STAFF, now), &denials, now.plus_s(60)).await.unwrap();
        }
        let kept: Vec<i64> = scene
            .nordwind
            .value("SELECT ARRAY[(SELECT count(*) FROM narrowings), (SELECT count(*) FROM narrowing_grants)]")
            .await;
        assert_eq!(kept, [3, 1]);
        // What is in force is nobody's to take away.
        let mut worker = house.worker.begin().await.unwrap();
        sqlx::query("SELECT app.enter(NULL, $1)").bind(scene.nordwind.id).execute(&mut *worker).await.unwrap();
        let gone = sqlx::query("DELETE FROM narrowing_grants").execute(&mut *worker).await.unwrap();
        assert_eq!(gone.rows_affected(), 0);
    });
}

#[test]
fn who_can_read_a_message_leaves_out_whom_the_hook_keeps_from_it_and_of_whom_it_has_not_spoken() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let olga = server.admits(&scene.olga).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let group = scene.olga.gathers("Close", &[&scene.anna, &scene.mara, &scene.bob]).await;
        let about = scene.anna.sends(&Draft::new(group, "Paid?").about(&scene.invoice)).await.unwrap().sent();
        let path = format!("/access/readers?messageId={}", message_id(about.id));
        let readers = async || -> BTreeSet<String> {
            let list = olga.gets(path.clone()).await.good();
            ids(&list).into_iter().map(str::to_owned).collect()
        };
        let of = |people: &[&Actor]| people.iter().map(|who| user_id(who.id)).collect::<BTreeSet<_>>();
        assert_eq!(readers().await, of(&[&scene.olga, &scene.anna, &scene.mara, &scene.bob]));
        hook.takes(&scene.anna, denial(&["message:read"], invoice_only()));
        requires(house, &scene.nordwind, true).await;
        anna.gets("/conversations").await.good();
        mara.gets("/conversations").await.good();
        assert_eq!(readers().await, of(&[&scene.olga, &scene.mara]), "nobody has asked about Bob");
        assert_eq!(hook.asked_about(&scene.bob), 0, "nor does the list");
    });
}

#[test]
fn a_silent_hook_keeps_nobody_from_their_other_companies() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        requires(house, &scene.nordwind, true).await;
        hook.does(Behaviour::Fails);
        let bob = server.admits(&scene.bob).await;
        let me = bob.gets("/me").await.good();
        assert_eq!((me["companies"].as_array().unwrap().len(), &me["administers"]), (2, &json!(false)));
        bob.gets("/conversations").await.refused("nothing of the company", Code::HookUnavailable);
        let olga = server.admits(&scene.olga).await;
        assert_eq!(olga.gets("/me").await.good()["administers"], false, "it is not known, so they do not");
        let to = |company: &Company| {
            Ask::new(Method::POST, "/context/switch-company").json(&json!({ "companyId": company_id(company.id) }))
        };
        assert_eq!(bob.asks(&to(&scene.south)).await.good()["companyId"], company_id(scene.south.id));

        // And who comes into a company whose hook answers is told at once what they are there.
        hook.does(Behaviour::Answers(HashMap::new()));
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET role_key = 'owner' WHERE user_id = '{}'", scene.bob.id))
            .await;
        let other = Server::start_with_hook(house, hook.client()).await;
        let bob = other.admits(&scene.bob_south).await;
        assert_eq!(bob.asks(&to(&scene.nordwind)).await.good()["administers"], true);
    });
}

/// A hook in the process that looks whether anybody who serves requests holds a transaction open while it is asked.
struct Onlooker {
    owner: PgPool,
    open: Arc<Mutex<Vec<i64>>>,
}

impl AccessHook for Onlooker {
    fn narrow(&self, _: HookQuestion) -> BoxFuture<'_, Result<HookAnswer, HookError>> {
        Box::pin(async {
            let open = sqlx::query_scalar(
                "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE l.locktype = 'virtualxid' AND a.datname = current_database() AND a.usename = 'postil_app'",
            );
            let open: i64 = open.fetch_one(&self.owner).await.unwrap();
            self.open.lock().unwrap().push(open);
            Ok(HookAnswer { denials: Vec::new(), valid_for_s: 60 })
        })
    }
}

#[test]
fn nothing_is_held_open_while_the_hook_is_asked_for_an_explanation() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let open = Arc::new(Mutex::new(Vec::new()));
        let onlooker = Onlooker { owner: house.owner.clone(), open: Arc::clone(&open) };
        let server = Server::start_with_hook(house, Arc::new(onlooker)).await;
        let olga = server.admits(&scene.olga).await;
        requires(house, &scene.nordwind, true).await;
        let path = format!("/access/explain?userId={}&action=message:create", user_id(scene.anna.id));
        olga.gets(path).await.good();
        assert_eq!(*open.lock().unwrap(), [0, 0], "about who asks, and about whom");
    });
}

#[test]
fn a_node_without_a_hook_serves_while_the_answer_that_another_got_lasts() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let (with, without) = (Server::start_with_hook(house, hook.client()).await, Server::start(house).await);
        requires(house, &scene.nordwind, true).await;
        let there = without.admits(&scene.anna).await;
        there.gets("/conversations").await.refused("nobody has asked", Code::HookUnavailable);
        with.admits(&scene.anna).await.gets("/conversations").await.good();
        there.gets("/conversations").await.good();
        time_passes(&scene.nordwind).await;
        there.gets("/conversations").await.refused("it has run out", Code::HookUnavailable);
    });
}

#[test]
fn a_socket_is_paid_for_before_the_hook_is_asked() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hook = Hook::starts().await;
        let server = Server::start_with_hook(house, hook.client()).await;
        let anna = server.admits(&scene.anna).await;
        requires(house, &scene.nordwind, true).await;
        hook.does(Behaviour::Fails);
        let first = anna.knocks().await.err().expect("the hook is silent");
        assert_eq!(first.status, 503);
        let mut limited = false;
        for _ in 0..400 {
            let refused = anna.knocks().await.err().expect("the hook is silent");
            limited = refused.code == Code::RateLimited.as_str();
            if limited {
                break;
            }
        }
        assert!(limited, "whoever knocks again and again is told to stop");
        assert!(hook.questions().len() <= 8, "and makes nobody ask each time: {}", hook.questions().len());
    });
}
