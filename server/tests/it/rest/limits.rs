//! Limits: what answers say of them, who is counted by what, and what a guesser at the door can and can't do.

use futures_util::future::join_all;
use http::Method;
use postil::{
    backend::{
        bus::{Bucket, Class, Draw, Quota, Rate},
        toll,
    },
    limits,
    wire::Code,
};
use serde_json::json;

use crate::harness::{
    Actor, Ask, Client, Company, Scene, Server, eventually, fresh_id,
    house::setting,
    in_a_house,
    server::{Reply, conversation_id, user_id},
};

const PASSWORD: &str = "correct horse battery";

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).unwrap_or_else(|| panic!("{name} is missing: {reply:?}")).to_str().unwrap()
}

fn send(conversation: uuid::Uuid, body: &str) -> Ask {
    Ask::new(Method::POST, "/messages")
        .keyed(fresh_id().to_string())
        .json(&json!({ "conversationId": conversation_id(conversation), "body": body }))
}

/// Gives `actor` [`PASSWORD`]; their address.
async fn can_sign_in(company: &Company, actor: &Actor) -> String {
    let hash = postil::backend::crypto::password::hash(PASSWORD, &postil::backend::source::Machine);
    company.arranges(&format!("UPDATE users SET password_hash = '{hash}' WHERE id = '{}'", actor.id)).await;
    company.value(&format!("SELECT email FROM users WHERE id = '{}'", actor.id)).await
}

async fn signs_in(nobody: &Client, email: &str, password: &str, from: &str) -> Reply {
    let ask = Ask::new(Method::POST, "/session").json(&json!({ "email": email, "password": password }));
    nobody.asks(&ask.with("x-forwarded-for", from)).await
}

#[test]
fn every_answer_says_what_is_left() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let first = anna.asks(&send(scene.group, "One")).await;
        assert_eq!(header(&first, "ratelimit-policy"), "\"send\";q=30;w=15");
        assert_eq!(header(&first, "ratelimit"), "\"send\";r=29;t=1");
        let reads = anna.gets("/me").await;
        assert!(header(&reads, "ratelimit").starts_with("\"read\";r=199;"), "a class of its own: {reads:?}");
        // Refused or not, known or not.
        let unseen = anna.gets(format!("/messages/msg_{}", fresh_id().simple())).await;
        unseen.refused("not there", Code::NotFound);
        assert!(header(&unseen, "ratelimit").starts_with("\"read\";r=19"));
        let nobody = server.nobody();
        let stranger = nobody.gets("/me").await;
        stranger.refused("nobody", Code::Unauthenticated);
        assert!(header(&stranger, "ratelimit").starts_with("\"public\";r="), "{stranger:?}");
        assert_eq!(header(&stranger, "ratelimit-policy"), "\"read\";q=200;w=10, \"public\";q=600;w=30");
        let nowhere = nobody.gets("/nowhere").await;
        assert!(header(&nowhere, "ratelimit").starts_with("\"public\";r="), "{nowhere:?}");
        let rubbish = anna.asks(&Ask::new(Method::POST, "/messages").text("{")).await;
        assert!(header(&rubbish, "ratelimit").starts_with("\"public\";"), "rubbish is not free: {rubbish:?}");
    });
}

#[test]
fn a_stranger_is_bounded_by_network_and_nobody_else_with_them() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, nobody) = (server.admits(&scene.anna).await, server.nobody());
        let from = |address: &str| Ask::new(Method::GET, "/me").with("x-forwarded-for", address.to_owned());
        let mut limited = None;
        // Other addresses of one /64 are the same stranger.
        for round in 0..=limits::PUBLIC_BURST / 50 + 4 {
            let asks: Vec<Ask> = (0..50).map(|n| from(&format!("2001:db8:1:2::{round:x}:{n:x}"))).collect();
            let replies = join_all(asks.iter().map(|ask| nobody.asks(ask))).await;
            limited = replies.into_iter().find(|reply| reply.status == 429);
            if limited.is_some() {
                break;
            }
        }
        let limited = limited.expect("strangers are bounded");
        limited.refused("a stranger", Code::RateLimited);
        assert!(header(&limited, "ratelimit").starts_with("\"public\";r=0;t="), "{limited:?}");
        assert!(header(&limited, "retry-after").parse::<u64>().unwrap() >= 1);
        nobody.asks(&from("2001:db8:1:3::1")).await.refused("the next network", Code::Unauthenticated);
        anna.asks(&from("2001:db8:1:2::1")).await.good();
    });
}

#[test]
fn a_known_and_an_unknown_account_take_the_same_work() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let anna = can_sign_in(&scene.nordwind, &scene.anna).await;
        let no_password: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.ben.id)).await;
        let mut answers = Vec::new();
        for (n, email) in [anna.as_str(), "nobody@example.test", no_password.as_str()].into_iter().enumerate() {
            let before = server.services.hashes();
            let reply = signs_in(&nobody, email, "wrong horse battery", &format!("198.51.{n}.1")).await;
            reply.refused(email, Code::InvalidCredentials);
            assert_eq!(server.services.hashes() - before, 1, "{email}");
            answers.push(reply.comparable());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let before = server.services.hashes();
        signs_in(&nobody, &anna, PASSWORD, "198.51.100.1").await.good();
        assert_eq!(server.services.hashes() - before, 1);
    });
}

#[test]
fn many_places_guess_slowly_at_one_account_and_do_not_lock_its_owner_out() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let email = can_sign_in(&scene.nordwind, &scene.anna).await;
        signs_in(&nobody, &email, PASSWORD, "198.51.100.7").await.good();
        // A guess costs us a hash, unless the password is one that nobody can have.
        let guess = "x".repeat(limits::PASSWORD_BYTES_MAX + 1);
        let mut refused = 0;
        for n in 0..limits::SIGN_IN_ELSEWHERE_BURST + 10 {
            let reply = signs_in(&nobody, &email, &guess, &format!("10.1.{n}.1")).await;
            if reply.status == 429 {
                reply.refused("a botnet", Code::RateLimited);
                assert!(header(&reply, "retry-after").parse::<u64>().unwrap() > 1);
                refused += 1;
            }
        }
        assert!(refused >= 5, "{refused} guesses were refused");
        let other = can_sign_in(&scene.nordwind, &scene.ben).await;
        signs_in(&nobody, &other, PASSWORD, "10.1.1.1").await.good();
        signs_in(&nobody, &email, PASSWORD, "198.51.100.8").await.good();
        signs_in(&nobody, &email, PASSWORD, "10.2.0.1").await.refused("an unknown place", Code::RateLimited);
    });
}

#[test]
fn one_rack_that_tries_many_accounts_is_slowed_and_an_office_is_not() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let guess = "x".repeat(limits::PASSWORD_BYTES_MAX + 1);
        let mut refused = 0;
        for n in 0..limits::SIGN_IN_NEIGHBOURHOOD_PER_MINUTE + 30 {
            let (email, from) = (format!("person{n}@example.test"), format!("203.0.113.{n}"));
            refused += u32::from(signs_in(&nobody, &email, &guess, &from).await.status == 429);
        }
        assert!(refused >= 5, "{refused} tries were refused");
        // Whoever signs in gives back what the address and its neighbourhood were suspected of.
        let email = can_sign_in(&scene.nordwind, &scene.anna).await;
        for _ in 0..3 {
            let reply = signs_in(&nobody, &email, PASSWORD, "198.51.100.7").await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        let network = toll::network("198.51.100.7".parse().unwrap());
        let Rate::Pass(left) = server.services.bus().take(Bucket::Address(Class::SignIn), &network).await else {
            panic!("the office is kept out")
        };
        assert_eq!(left[0].left, limits::SIGN_IN_ADDRESS_PER_MINUTE - 1, "all but the one just taken");
    });
}

/// Leaves nothing of a bucket for ten minutes.
async fn empties(server: &Server, bucket: Bucket, whom: &str) {
    // Half of what lasts twenty minutes: what was taken before leaves room for it.
    let all = Draw::of(bucket, whom, Quota::within(2, 1_200), 1);
    assert!(server.services.bus().take_all(&[all], None).await.passes());
}

#[test]
fn an_invitation_is_no_way_around_what_guards_an_account() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let email = can_sign_in(&scene.nordwind, &scene.anna).await;
        signs_in(&nobody, &email, PASSWORD, "198.51.100.7").await.good();
        // The owner of another company has links for Anna's address made, and guesses from many places.
        let sven = server.admits(&scene.sven).await;
        let invite = Ask::new(Method::POST, "/admin/invitations")
            .json(&json!({ "email": email, "name": "Anna", "role": "staff", "kind": "internal" }));
        let guess = async |token: &str, password: &str, from: &str| {
            let body = json!({ "token": token, "name": "Anna", "password": password });
            nobody.asks(&Ask::new(Method::POST, "/invitations/accept").json(&body).with("x-forwarded-for", from)).await
        };
        let (mut refused, mut link, mut last) = (0, String::new(), None::<String>);
        for n in 0..limits::SIGN_IN_ELSEWHERE_BURST + 8 {
            // One link alone is good for few tries.
            if n % (limits::SIGN_IN_PER_MINUTE - 1) == 0 {
                if let Some(id) = last.take() {
                    sven.asks(&Ask::new(Method::DELETE, format!("/admin/invitations/{id}"))).await.good();
                }
                let made = sven.asks(&invite).await.good();
                link = made["token"].as_str().unwrap().to_owned();
                last = made["invitation"]["id"].as_str().map(str::to_owned);
                assert!(last.is_some(), "{made}");
            }
            let reply = guess(&link, "wrong horse battery", &format!("10.1.{n}.1")).await;
            if reply.status == 429 {
                reply.refused("by a link", Code::RateLimited);
                refused += 1;
            } else {
                reply.refused("by a link", Code::InvalidInvitation);
            }
        }
        assert!(refused >= 3, "{refused} guesses were refused");
        signs_in(&nobody, &email, PASSWORD, "10.2.0.1").await.refused("the same guesses", Code::RateLimited);
        signs_in(&nobody, &email, PASSWORD, "198.51.100.8").await.good();
        // Anna's own company hears of it, in the log and in the trail.
        let olga = server.admits(&scene.olga).await;
        eventually("the guesses are told", async || {
            let path = format!("/admin/abuse?userId={}&kind=invalid_credentials", user_id(scene.anna.id));
            let items = olga.gets(path).await.good()["items"].as_array().unwrap().clone();
            let told = "SELECT count(*) FROM audit_log WHERE action = 'session.sign_in_refused'";
            let told: i64 = scene.nordwind.value(told).await;
            (told > 0 && !items.is_empty()).then_some(())
        })
        .await;
        // Whoever knows the password accepts, and is suspected of nothing.
        guess(&link, PASSWORD, "198.51.100.9").await.good();
    });
}

#[test]
fn a_neighbour_learns_nothing_of_an_account_by_guessing_and_keeps_nobody_out() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let anna = can_sign_in(&scene.nordwind, &scene.anna).await;
        let ben = can_sign_in(&scene.nordwind, &scene.ben).await;
        signs_in(&nobody, &anna, PASSWORD, "198.51.100.7").await.good();
        let guess = "x".repeat(limits::PASSWORD_BYTES_MAX + 1);
        let mut answers = Vec::new();
        for email in [anna.as_str(), "nobody@example.test"] {
            let mut told = Vec::new();
            for n in 0..limits::SIGN_IN_ELSEWHERE_BURST + 5 {
                let reply = signs_in(&nobody, email, &guess, &format!("198.51.100.{}", n + 20)).await;
                let left = header(&reply, "ratelimit").split(";t=").next().unwrap().to_owned();
                told.push((reply.status, left, header(&reply, "ratelimit-policy").to_owned()));
            }
            answers.push(told);
        }
        assert_eq!(answers[0], answers[1], "known there, and unknown");
        assert_eq!(answers[0].last().unwrap().0, 429, "guesses are bounded at home, too");
        // Somebody behind the same address tries what they like at others.
        let mut refused = 0;
        for n in 0..limits::SIGN_IN_ADDRESS_PER_MINUTE + 10 {
            let email = format!("person{n}@example.test");
            refused += u32::from(signs_in(&nobody, &email, &guess, "192.0.2.7").await.status == 429);
            if n == 0 {
                signs_in(&nobody, &ben, PASSWORD, "192.0.2.8").await.good();
            }
        }
        assert!(refused >= 5, "{refused} tries were refused");
        signs_in(&nobody, &ben, PASSWORD, "192.0.2.7").await.good();
        signs_in(&nobody, &anna, PASSWORD, "192.0.2.7").await.refused("new there", Code::RateLimited);
    });
}

#[test]
fn a_flood_of_names_at_the_door_leaves_few_traces() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let nobody = server.nobody();
        let guess = "x".repeat(limits::PASSWORD_BYTES_MAX + 1);
        let mut refused = 0;
        for n in 0..limits::SIGN_IN_ADDRESS_PER_MINUTE + 6 * limits::AUDIT_REFUSALS_PER_MINUTE {
            let email = format!("person{n}@example.test");
            refused += u32::from(signs_in(&nobody, &email, &guess, "203.0.113.9").await.status == 429);
        }
        assert!(refused > 4 * limits::AUDIT_REFUSALS_PER_MINUTE, "{refused} were refused");
        let client = redis::Client::open(setting("REDIS_URL")).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let pattern = format!("{}:{{rate}}:refusal:*", house.name);
        let keys: Vec<String> = redis::cmd("KEYS").arg(&pattern).query_async(&mut redis).await.unwrap();
        assert!(!keys.is_empty() && keys.len() <= 2 * limits::AUDIT_REFUSALS_PER_MINUTE as usize, "{}", keys.len());
        drop(scene);
    });
}

#[test]
fn who_signed_out_is_told_so_however_busy_their_address_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let here = "192.0.2.7";
        empties(&server, Bucket::Address(Class::Public), &toll::network(here.parse().unwrap())).await;
        let from = |method: Method, path: &str| Ask::new(method, path).with("x-forwarded-for", here);
        server.nobody().asks(&from(Method::GET, "/me")).await.refused("a stranger", Code::RateLimited);
        let out = anna.asks(&from(Method::DELETE, "/session")).await;
        assert_eq!(out.status, 204, "{out:?}");
        assert!(header(&out, "set-cookie").contains("Max-Age=0"), "{out:?}");
        anna.gets("/me").await.refused("gone", Code::Unauthenticated);
        // Nothing was done by who only reads.
        server.nobody().asks(&from(Method::GET, "/openapi.json")).await.refused("a stranger", Code::RateLimited);
    });
}

#[test]
fn pages_are_counted_for_strangers_too_and_administration_as_such() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let load = async |path: &str, token: Option<&str>| {
            let mut request =
                http.get(format!("{}{path}", server.nobody().base)).header("x-forwarded-for", "192.0.2.7");
            if let Some(token) = token {
                request = request.header("cookie", format!("postil={token}"));
            }
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(load("/sign-in", None).await, 200);
        empties(&server, Bucket::Address(Class::Public), &toll::network("192.0.2.7".parse().unwrap())).await;
        assert_eq!(load("/sign-in", None).await, 429);
        assert_eq!(load("/messages", None).await, 429);
        let token = olga.token.as_deref();
        assert_eq!(load("/admin/members", token).await, 200, "who is known is not counted with strangers");
        let olgas = format!(
            "{}:{}",
            postil::ids::CompanyId::from_uuid(scene.nordwind.id),
            postil::ids::UserId::from_uuid(scene.olga.id)
        );
        empties(&server, Bucket::Person(Class::Admin), &olgas).await;
        assert_eq!(load("/messages", token).await, 200);
        assert_eq!(load("/admin/members", token).await, 429);
    });
}

#[test]
fn who_hangs_up_before_the_answer_has_paid() {
    use tokio::{io::AsyncWriteExt as _, net::TcpStream};
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let network = toll::network("192.0.2.7".parse().unwrap());
        let count = limits::PUBLIC_BURST / 4;
        for _ in 0..count {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            // The body never comes.
            let begin = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.7\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
            connection.write_all(begin.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
        let mut least = limits::PUBLIC_BURST;
        eventually("the address has paid", async || {
            let draw = server.services.bus().draw(Bucket::Address(Class::Public), &network, 1);
            let Rate::Pass(left) = server.services.bus().take_all(&[draw], None).await else {
                panic!("there is some left")
            };
            least = least.min(left[0].left);
            (least < limits::PUBLIC_BURST - 5).then_some(())
        })
        .await;
        drop(scene);
    });
}
