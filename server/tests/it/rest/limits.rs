//! Limits: what answers say of them, who is counted by what, and what a guesser at the door can and can't do.

use futures_util::future::join_all;
use http::Method;
use postil::{
    backend::{
        bus::{Bucket, Class, Rate},
        toll,
    },
    limits,
    wire::Code,
};
use serde_json::json;

use crate::harness::{
    Actor, Ask, Client, Company, Scene, Server, fresh_id, in_a_house,
    server::{Reply, conversation_id},
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
