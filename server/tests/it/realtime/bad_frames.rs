//! Bad frames: each its code and its close, and nothing left behind.

use postil::limits;
use serde_json::json;

use crate::harness::{
    Scene, Server, Socket, fresh_id, in_a_house,
    server::{company_id, user_id},
};

/// What the server says before it closes, and with what.
async fn end(socket: &mut Socket) -> (String, u16) {
    let code = socket.closes().await;
    let last = socket.frames.last().filter(|frame| frame["type"] == "error");
    (last.and_then(|frame| frame["problem"]["code"].as_str()).unwrap_or("-").to_owned(), code)
}

#[test]
fn whoever_does_not_say_hello_first_is_shown_out() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let here = company_id(scene.nordwind.id);
        for (first, expected) in [
            (json!({ "type": "activity", "active": true }).to_string(), ("hello_expected", 1002)),
            ("rubbish".to_owned(), ("hello_expected", 1002)),
            (String::new(), ("hello_expected", 1002)),
            (json!({ "type": "hello", "companyId": here }).to_string(), ("hello_expected", 1002)),
            (
                json!({ "type": "hello", "companyId": here, "active": true, "admin": true }).to_string(),
                ("hello_expected", 1002),
            ),
            (
                json!({ "type": "hello", "companyId": company_id(scene.south.id), "active": true }).to_string(),
                ("company_context_changed", 4409),
            ),
            (
                json!({ "type": "hello", "companyId": company_id(fresh_id()), "active": true }).to_string(),
                ("company_context_changed", 4409),
            ),
            (" ".repeat(limits::FRAME_IN_BYTES_MAX + 1), ("frame_too_large", 1002)),
        ] {
            let mut socket = anna.knocks().await.unwrap();
            socket.says_text(&first).await;
            let (code, close) = end(&mut socket).await;
            assert_eq!((code.as_str(), close), expected, "{first:.80}");
            assert!(!socket.frames.iter().any(|frame| frame["type"] == "welcome"));
        }
    });
}

#[test]
fn a_frame_that_is_none_ends_the_connection_and_leaves_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let before: i64 = scene.nordwind.value("SELECT count(*) FROM event_log").await;
        let many: Vec<String> = (0..=limits::PRESENCE_USERS_MAX).map(|_| user_id(fresh_id())).collect();
        for (text, expected) in [
            ("rubbish".to_owned(), ("malformed_frame", 1002)),
            ("[]".to_owned(), ("malformed_frame", 1002)),
            (json!({ "type": "shout" }).to_string(), ("malformed_frame", 1002)),
            (json!({ "type": "message.created" }).to_string(), ("malformed_frame", 1002)),
            (json!({ "type": "activity" }).to_string(), ("malformed_frame", 1002)),
            (json!({ "type": "activity", "active": true, "x": 1 }).to_string(), ("malformed_frame", 1002)),
            (json!({ "type": "typing", "conversationId": "rubbish" }).to_string(), ("malformed_frame", 1002)),
            (
                json!({ "type": "hello", "companyId": company_id(scene.nordwind.id), "active": true }).to_string(),
                ("malformed_frame", 1002),
            ),
            (json!({ "type": "presence.watch", "userIds": many }).to_string(), ("malformed_frame", 1002)),
            (format!("\"{}\"", "x".repeat(limits::FRAME_IN_BYTES_MAX)), ("frame_too_large", 1002)),
        ] {
            let mut socket = anna.listens().await;
            socket.says_text(&text).await;
            let (code, close) = end(&mut socket).await;
            assert_eq!((code.as_str(), close), expected, "{text:.80}");
        }
        let mut socket = anna.listens().await;
        socket.says_bytes(vec![0, 159, 146, 150]).await;
        assert_eq!(end(&mut socket).await, ("malformed_frame".to_owned(), 1002), "bytes");
        let mut socket = anna.listens().await;
        socket.says_text(&"x".repeat(8 * limits::FRAME_IN_BYTES_MAX)).await;
        // Cut before it was read: the error may be lost on the way, the connection is.
        let (_, close) = end(&mut socket).await;
        assert!([1002, 1006, 1009].contains(&close), "{close}");
        let after: i64 = scene.nordwind.value("SELECT count(*) FROM event_log").await;
        assert_eq!(after, before);
    });
}

#[test]
fn a_flood_of_frames_is_shown_out_and_the_others_go_on() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let (mut flood, mut other) = (anna.listens().await, ben.listens().await);
        for n in 0..4 * limits::SOCKET_FRAMES_BURST {
            flood.says(&json!({ "type": "activity", "active": n % 2 == 0 })).await;
        }
        let (code, close) = end(&mut flood).await;
        assert_eq!(close, 4429);
        assert_eq!(code, "frame_flood");
        anna.writes(scene.group, "still here").await;
        other.until("message.created").await;
    });
}
