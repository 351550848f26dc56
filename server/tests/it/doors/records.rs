//! `app.record_upsert`, the ERP's way to say what a record is.

use sqlx::Row as _;
use uuid::Uuid;

use crate::harness::{
    Actor, House, Refusal, Scene,
    attempt::{NO_TARGET, NOT_ALLOWED, refusal},
    in_a_house, now,
};

async fn upserts(
    house: &House,
    actor: &Actor,
    id: &str,
    title: &str,
    owner: Option<Uuid>,
    department: Option<Uuid>,
) -> Result<i64, Refusal> {
    sqlx::query("SELECT app.record_upsert($1, $2, 'transaction', $3, $4, 100, 'EUR', 'open', 'https://erp.example/x', $5, $6, NULL, $7)")
        .bind(actor.id)
        .bind(actor.company)
        .bind(id)
        .bind(title)
        .bind(owner)
        .bind(department)
        .bind(now())
        .fetch_one(&house.app)
        .await
        .map(|row| row.get(0))
        .map_err(|error| refusal(&error))
}

#[test]
fn the_erp_makes_and_changes_records() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let log = scene.nordwind.events().await.len();
        upserts(house, &scene.erp, "INV-1", "Invoice 1", None, Some(scene.finance)).await.unwrap();
        assert!(
            scene
                .anna
                .may("message:create", Some(&crate::harness::Record { kind: "transaction", id: "INV-1".to_owned() }))
                .await
        );
        upserts(house, &scene.erp, "INV-1", "Invoice 1, paid", None, Some(scene.production)).await.unwrap();
        let events = scene.nordwind.events().await;
        assert_eq!(
            &events[log..],
            ["record.updated", "access.changed", "record.updated"],
            "a move changes who may see it"
        );
        upserts(house, &scene.erp, "INV-1", "Invoice 1, closed", None, Some(scene.production)).await.unwrap();
        assert_eq!(&scene.nordwind.events().await[events.len()..], ["record.updated"]);
        assert_eq!(scene.anna.counts("SELECT 1 FROM linked_records WHERE id = 'INV-1'").await, 0);
        assert_eq!(
            scene.ben.counts("SELECT 1 FROM linked_records WHERE id = 'INV-1' AND title = 'Invoice 1, closed'").await,
            1
        );
    });
}

#[test]
fn nobody_but_the_erp_does() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let log = scene.nordwind.events().await;
        for actor in [&scene.olga, &scene.mara, &scene.anna, &scene.eva, &scene.sven, &scene.erp.claims(scene.south.id)]
        {
            for id in ["INV-4711", "INV-NEW"] {
                assert_eq!(
                    upserts(house, actor, id, "Mine", Some(actor.id), None).await.unwrap_err().code,
                    NOT_ALLOWED
                );
            }
        }
        assert_eq!(scene.nordwind.events().await, log);
    });
}

#[test]
fn a_record_names_people_and_places_of_its_own_company_only() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let theirs = scene.south.department("Finance").await;
        assert_eq!(upserts(house, &scene.erp, "INV-1", "x", None, Some(theirs)).await.unwrap_err().code, NO_TARGET);
        assert_eq!(
            upserts(house, &scene.erp, "INV-1", "x", Some(scene.sven.id), None).await.unwrap_err().code,
            NO_TARGET
        );
    });
}
