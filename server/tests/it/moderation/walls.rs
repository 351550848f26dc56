//! Raw SQL as the application role, against the doors and tables of moderation: what REST never asks must be refused, too.

use uuid::Uuid;

use crate::harness::{
    Actor, Scene,
    attempt::{CHECK, NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house, now,
};

fn reports(message: Uuid, reporter: Uuid) -> String {
    format!(
        "INSERT INTO message_reports (company_id, id, message_id, reporter_id, reason, created_at)
         VALUES (app.company_id(), '{}', '{message}', '{reporter}', 'spam', now())",
        fresh_id()
    )
}

fn opens(who: &Actor, message: Uuid) -> String {
    format!("SELECT * FROM app.case_open('{}', '{}', '{message}', NULL, now())", who.id, who.company)
}

async fn outcome(who: &Actor, message: Uuid, act: &str) -> String {
    let mut tx = who.enters().await;
    let outcome =
        sqlx::query_scalar("SELECT outcome FROM app.moderate($1, $2, $3, $4, $5, 'x', NULL, false, NULL, now())")
            .bind(who.id)
            .bind(who.company)
            .bind(message)
            .bind(act)
            .bind(fresh_id())
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    tx.commit().await.unwrap();
    outcome
}

#[test]
fn the_door_opens_reported_messages_only_and_only_for_their_moderators() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let quiet = scene.ben.writes(scene.group, "not reported").await;
        let rude = scene.ben.writes(scene.group, "reported").await;
        assert_eq!(scene.anna.tries(&reports(rude.id, scene.anna.id)).await, Ok(1));
        let hers = scene.mara.writes(scene.group, "reported, too").await;
        assert_eq!(scene.anna.tries(&reports(hers.id, scene.anna.id)).await, Ok(1));
        for (what, who, message) in [
            ("a moderator's own", &scene.mara, hers.id),
            ("not reported", &scene.mara, quiet.id),
            ("its author", &scene.ben, rude.id),
            ("staff", &scene.anna, rude.id),
            ("another company's owner", &scene.sven, rude.id),
            ("and under this company's name", &scene.sven.claims(scene.nordwind.id), rude.id),
            ("a message that is not", &scene.mara, fresh_id()),
        ] {
            assert_eq!(scene_rows(who, &opens(who, message)).await, 0, "{what}");
            for act in ["hide", "restore", "warn", "mute", "unmute", "remove", "readmit", "resolve"] {
                assert_eq!(outcome(who, message, act).await, "not_found", "{act}: {what}");
            }
        }
        let views: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action LIKE 'moderation.%'").await;
        assert_eq!(views, 0);
        assert_eq!(scene_rows(&scene.mara, &opens(&scene.mara, rude.id)).await, 1, "its thread has no more");
    });
}

/// How many rows a door answers with; what it wrote stays.
async fn scene_rows(who: &Actor, sql: &str) -> usize {
    let mut tx = who.enters().await;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&mut *tx).await.unwrap().len();
    tx.commit().await.unwrap();
    rows
}

#[test]
fn a_look_that_is_not_told_is_no_look() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let rude = scene.ben.writes(scene.group, "reported").await;
        scene.anna.tries(&reports(rude.id, scene.anna.id)).await.unwrap();
        // History without opening says nothing of the text; names need a right, too.
        let history =
            format!("SELECT * FROM app.case_history('{}', '{}', '{}')", scene.mara.id, scene.nordwind.id, rude.id);
        assert_eq!(scene.ben.counts(&history).await, 0, "in a moderator's name");
        assert_eq!(scene_rows(&scene.mara, &opens(&scene.mara, rude.id)).await, 1);
        assert_eq!(scene.mara.counts(&history).await, 0, "notes quote: an opening of another time does not open them");
        let mut tx = scene.mara.enters().await;
        for (sql, rows) in [(opens(&scene.mara, rude.id), 1), (history, 1)] {
            assert_eq!(sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await.unwrap().len(), rows);
        }
        tx.rollback().await.unwrap();
        let told: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action = 'moderation.view'").await;
        assert_eq!(told, 1);
    });
}

#[test]
fn reports_are_the_reporters_own_and_cases_are_nobodys_to_write() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (anna, ben, mara) = (&scene.anna, &scene.ben, &scene.mara);
        let rude = ben.writes(scene.group, "reported").await;
        let elsewhere = scene.south_hello.id;
        assert_refused("in another's name", &anna.tries(&reports(rude.id, mara.id)).await, NOT_ALLOWED);
        assert_refused("one's own", &ben.tries(&reports(rude.id, ben.id)).await, NOT_ALLOWED);
        assert_refused("another company's", &anna.tries(&reports(elsewhere, anna.id)).await, NOT_ALLOWED);
        assert_refused("what one does not see", &scene.bob.tries(&reports(rude.id, scene.bob.id)).await, NOT_ALLOWED);
        let system =
            reports(rude.id, anna.id).replace(&format!("'{}'", anna.id), "NULL").replace("'spam'", "'word_list'");
        assert_refused("as the word list", &anna.tries(&system).await, NOT_ALLOWED);
        assert_eq!(anna.tries(&reports(rude.id, anna.id)).await, Ok(1));
        assert_eq!(ben.counts("SELECT 1 FROM message_reports").await, 0, "the author sees no report");
        assert_eq!(mara.counts("SELECT 1 FROM message_reports").await, 0, "nor does the moderator, but by the door");
        assert_eq!(mara.counts("SELECT 1 FROM moderation_cases").await, 1);
        assert_eq!(ben.counts("SELECT 1 FROM moderation_cases").await, 0);
        assert_eq!(scene.sven.counts("SELECT 1 FROM moderation_cases").await, 0);
        for sql in [
            "UPDATE moderation_cases SET state = 'resolved', resolved_at = now()",
            "DELETE FROM moderation_cases",
            "INSERT INTO mutes (company_id, id, user_id, muted_until, created_at) SELECT app.company_id(), gen_random_uuid(), app.user_id(), now(), now()",
            "UPDATE mutes SET lifted_at = now()",
            "UPDATE moderation_acts SET reason = 'x'",
            "SELECT actor_id FROM moderation_acts",
            "SELECT kept_preview FROM moderation_acts",
            "UPDATE messages SET hidden_at = now()",
            "UPDATE messages SET moderated = 7",
        ] {
            assert_refused(sql, &mara.tries(sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn the_text_of_a_hidden_message_is_in_no_row_that_anybody_reads() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (anna, ben, mara) = (&scene.anna, &scene.ben, &scene.mara);
        let rude = ben.writes(scene.group, "swordfish").await;
        anna.tries(&reports(rude.id, anna.id)).await.unwrap();
        assert_eq!(outcome(mara, rude.id, "hide").await, "done");
        for who in [anna, ben, mara, &scene.olga] {
            for sql in [
                "SELECT 1 FROM messages WHERE body LIKE '%swordfish%' OR preview LIKE '%swordfish%' OR text_ast::text LIKE '%swordfish%'",
                "SELECT 1 FROM message_versions WHERE body LIKE '%swordfish%'",
                "SELECT 1 FROM message_rows WHERE body LIKE '%swordfish%'",
            ] {
                assert_eq!(who.counts(sql).await, 0, "{sql}");
            }
        }
        let edit = ben.edits(rude.id, 1, "swordfish", now()).await;
        assert_refused("the author's edit", &edit.map(|_| 1), CHECK);
        let by_hand =
            format!("UPDATE messages SET body = 'swordfish', version = 2, edited_at = now() WHERE id = '{}'", rude.id);
        assert_refused("and by hand", &ben.tries(&by_hand).await, CHECK);
        assert_eq!(outcome(mara, rude.id, "restore").await, "done");
        assert_eq!(anna.counts("SELECT 1 FROM messages WHERE body = 'swordfish' AND preview = 'swordfish'").await, 1);
    });
}

#[test]
fn the_muted_can_not_write_by_hand_either() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (anna, ben) = (&scene.anna, &scene.ben);
        let mine = ben.writes(scene.group, "before").await;
        scene
            .nordwind
            .arranges(&format!(
                "INSERT INTO mutes (company_id, id, user_id, conversation_id, muted_until, created_at)
                 VALUES ('{}', '{}', '{}', '{}', now() + interval '1 hour', now())",
                scene.nordwind.id,
                fresh_id(),
                ben.id,
                scene.group
            ))
            .await;
        let sent = ben.sends(&crate::harness::Draft::new(scene.group, "x")).await;
        assert_refused("a send", &sent.map(|_| 1), NOT_ALLOWED);
        let edit = ben.edits(mine.id, 1, "y", now()).await;
        assert_refused("an edit", &edit.map(|_| 1), CHECK);
        assert_eq!(ben.deletes(mine.id).await.unwrap().0, "deleted", "taking back is not writing");
        ben.writes(scene.direct, "elsewhere").await;
        anna.writes(scene.group, "others").await;
        assert_eq!(anna.counts("SELECT 1 FROM mutes").await, 0, "one's own mutes only");
    });
}
