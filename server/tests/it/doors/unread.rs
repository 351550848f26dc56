//! `app.inbox`, `app.unread_total`, `app.mark_read`: a message that one may not see does not show as a number either.

use crate::harness::{Actor, Draft, Scene, fresh_id, in_a_house};

async fn unread(actor: &Actor, conversation: uuid::Uuid) -> i32 {
    actor
        .inbox()
        .await
        .into_iter()
        .find(|(id, ..)| *id == conversation)
        .map(|(_, unread, _)| unread)
        .expect("it is in the inbox")
}

#[test]
fn the_number_counts_what_others_wrote_after_the_pointer() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert_eq!(unread(&scene.ben, scene.group).await, 1);
        assert_eq!(unread(&scene.anna, scene.group).await, 0, "one's own words are read");
        for n in 0..4 {
            scene.anna.writes(scene.group, &n.to_string()).await;
        }
        assert_eq!(unread(&scene.ben, scene.group).await, 5);
        assert_eq!(scene.ben.reads(scene.group, 3).await, Some((3, 2, true)));
        assert_eq!(unread(&scene.ben, scene.group).await, 2);
        assert_eq!(scene.ben.unread_total().await, 2);
    });
}

#[test]
fn a_hidden_message_is_no_number_and_no_preview() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.ben.reads(scene.group, 1).await;
        for _ in 0..3 {
            scene.anna.sends(&Draft::new(scene.group, "Of finance").about(&scene.invoice)).await.unwrap().sent();
        }
        let inbox = scene.ben.inbox().await;
        let (_, unread, preview) = inbox.iter().find(|(id, ..)| *id == scene.group).unwrap();
        assert_eq!((*unread, preview.as_deref()), (0, Some("Hello")), "Ben, of production, is told nothing");
        assert_eq!(scene.ben.unread_total().await, 0);
        assert_eq!(scene.mara.unread_total().await, 4, "Mara sees them");
        // Reading on over the hidden ones counts nothing either.
        assert_eq!(scene.ben.reads(scene.group, 4).await, Some((4, 0, true)));
    });
}

#[test]
fn tombstones_are_not_unread() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.deletes(scene.hello.id).await.unwrap();
        assert_eq!(unread(&scene.ben, scene.group).await, 0);
    });
}

#[test]
fn a_read_pointer_never_moves_back_nor_beyond_the_end() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.writes(scene.group, "2").await;
        assert_eq!(scene.ben.reads(scene.group, 1_000_000).await, Some((2, 0, true)));
        assert_eq!(scene.ben.reads(scene.group, 1).await, Some((2, 0, false)));
        assert_eq!(scene.ben.reads(scene.group, -5).await, Some((2, 0, false)));
        for hidden in [scene.south_group, fresh_id()] {
            assert_eq!(scene.ben.reads(hidden, 1).await, None);
        }
        assert_eq!(scene.eva.reads(scene.direct, 1).await, None);
    });
}

#[test]
fn the_number_stops_at_its_bound() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for n in 0..104 {
            scene.anna.writes(scene.group, &n.to_string()).await;
        }
        assert_eq!(unread(&scene.ben, scene.group).await, 100);
        scene.ben.writes(scene.direct, "x").await;
        assert_eq!(scene.ben.unread_total().await, 100);
    });
}

#[test]
fn the_inbox_holds_ones_own_talk_and_no_others() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let ids = async |actor: &Actor| -> std::collections::BTreeSet<uuid::Uuid> {
            actor.inbox().await.into_iter().map(|(id, ..)| id).collect()
        };
        assert_eq!(ids(&scene.anna).await, [scene.group, scene.direct, scene.invoice_talk].into());
        assert_eq!(ids(&scene.eva).await, [scene.group].into());
        assert_eq!(ids(&scene.olga).await, [].into(), "an owner's inbox is not the company's");
        assert_eq!(ids(&scene.bob).await, [].into());
        assert_eq!(ids(&scene.bob_south).await, [scene.south_group].into());
        assert_eq!(ids(&scene.anna.claims(scene.south.id)).await, [].into());
        // Shown out: gone from the inbox with its numbers.
        scene
            .nordwind
            .arranges(&format!("UPDATE participants SET deleted_at = now() WHERE user_id = '{}'", scene.eva.id))
            .await;
        assert_eq!(ids(&scene.eva).await, [].into());
        assert_eq!(scene.eva.unread_total().await, 0);
    });
}

#[test]
fn ones_own_message_does_not_read_the_ones_before_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.writes(scene.group, "2").await;
        scene.eva.writes(scene.group, "3").await;
        assert_eq!(unread(&scene.eva, scene.group).await, 2);
    });
}
