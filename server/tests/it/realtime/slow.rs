//! A reader who takes nothing from the wire: cut, not waited for; and whole again afterwards.

use crate::harness::{Scene, Server, eventually, in_a_house};

/// More than the kernel's buffers, the socket's write buffer and its queue hold together: 600 × about 22 kB (body and tree).
const MESSAGES: usize = 600;
const BODY: usize = 7_900;

#[test]
fn a_reader_who_does_not_read_is_cut_and_resumes_without_loss() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let (mut sleeper, mut reader) = (ben.listens().await, anna.listens().await);
        let long = "x".repeat(BODY);
        let mut last = String::new();
        for number in 0..MESSAGES {
            last = format!("{number} {long}");
            scene.anna.writes(scene.group, &last).await;
            if number % 50 == 49 {
                // Whoever reads has heard it all meanwhile: one slow socket keeps nobody waiting.
                reader.until_such("message.created", |frame| frame["message"]["body"] == last.as_str()).await;
            }
        }
        assert_eq!(reader.bodies().len(), MESSAGES);
        // The server has let go of it long before it reads again.
        eventually("only the reader is left", async || (server.sockets() == 1).then_some(())).await;
        let code = sleeper.closes().await;
        // A close that does not fit through a full pipe is no close frame: then the connection just ends.
        assert!([4408, 1006].contains(&code), "{code}");
        let mut heard = sleeper.bodies();
        assert!(heard.len() < MESSAGES, "the buffers hold everything: the test needs more");
        let mut again = ben.resumes(sleeper.cursor.as_deref()).await;
        if again.bodies().last() != Some(&last) {
            again.until_such("message.created", |frame| frame["message"]["body"] == last.as_str()).await;
        }
        heard.extend(again.bodies());
        let expected: Vec<String> = (0..MESSAGES).map(|number| format!("{number} {long}")).collect();
        assert!(heard == expected, "{} of {MESSAGES}, each once, in order", heard.len());
    });
}
