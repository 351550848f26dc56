//! Two companies that share a building and one person.
//!
//! Nordwind has a finance and a production department and the project Apollo; Südhandel has the same kinds of things
//! under the same names, so that a leak between the two shows. Bob works in both.

use postil::access::RoleKey;
use uuid::Uuid;

use super::{Actor, Company, House, Record, actor::Sent};

/// The standard scene.
pub struct Scene {
    /// The company that is attacked.
    pub nordwind: Company,
    /// Owner of Nordwind.
    pub olga: Actor,
    /// Manager in Nordwind: moderates.
    pub mara: Actor,
    /// Staff, finance.
    pub anna: Actor,
    /// Staff, production.
    pub ben: Actor,
    /// A guest, on the project Apollo.
    pub eva: Actor,
    /// Nordwind's ERP.
    pub erp: Actor,
    /// Staff, finance of Nordwind. Bob is a manager in Südhandel, too.
    pub bob: Actor,
    /// Bob, in Südhandel.
    pub bob_south: Actor,
    /// Finance of Nordwind.
    pub finance: Uuid,
    /// Production of Nordwind.
    pub production: Uuid,
    /// A transaction of finance.
    pub invoice: Record,
    /// A plan of production, in the project Apollo.
    pub plan: Record,
    /// A topic of nobody.
    pub topic: Record,
    /// Anna, Ben, Mara and Eva.
    pub group: Uuid,
    /// Anna and Ben.
    pub direct: Uuid,
    /// About the invoice.
    pub invoice_talk: Uuid,
    /// Anna's first words in the group.
    pub hello: Sent,
    /// The other company.
    pub south: Company,
    /// Owner of Südhandel.
    pub sven: Actor,
    /// Südhandel's record of the same kind and id as Nordwind's invoice.
    pub south_invoice: Record,
    /// Sven and Bob.
    pub south_group: Uuid,
    /// Sven's first words there.
    pub south_hello: Sent,
}

impl Scene {
    /// Sets it.
    pub async fn set(house: &House) -> Self {
        let nordwind = Company::found(house, "Nordwind").await;
        let finance = nordwind.department("Finance").await;
        let production = nordwind.department("Production").await;
        let apollo = nordwind.project("Apollo").await;
        let olga = nordwind.hires("Olga", RoleKey::OWNER, None).await;
        let mara = nordwind.hires("Mara", RoleKey::MANAGER, None).await;
        let anna = nordwind.hires("Anna", RoleKey::STAFF, Some(finance)).await;
        let ben = nordwind.hires("Ben", RoleKey::STAFF, Some(production)).await;
        let bob = nordwind.hires("Bob", RoleKey::STAFF, Some(finance)).await;
        let eva = nordwind.hires("Eva", RoleKey::EXTERNAL, None).await;
        let erp = nordwind.hires("ERP", RoleKey::INTEGRATION, None).await;
        nordwind.assigns(&eva, apollo).await;
        let invoice = nordwind.record("transaction", "INV-4711", Some(&anna), Some(finance), None).await;
        let plan = nordwind.record("plan", "PLAN-7", None, Some(production), Some(apollo)).await;
        let topic = nordwind.record("topic", "TRAVEL", None, None, None).await;

        let south = Company::found(house, "South").await;
        let sven = south.hires("Sven", RoleKey::OWNER, None).await;
        let bob_south = south.admits(bob.id, RoleKey::MANAGER, None).await;
        let south_invoice = south.record("transaction", "INV-4711", None, None, None).await;

        let group = anna.gathers("Year end", &[&ben, &mara, &eva]).await;
        let direct = anna.meets(&ben).await;
        let invoice_talk = anna.discusses(&invoice).await.expect("Anna sees her invoice");
        let hello = anna.writes(group, "Hello").await;
        let south_group = sven.gathers("South only", &[&bob_south]).await;
        let south_hello = sven.writes(south_group, "Between us").await;
        Self {
            nordwind,
            olga,
            mara,
            anna,
            ben,
            eva,
            erp,
            bob,
            bob_south,
            finance,
            production,
            invoice,
            plan,
            topic,
            group,
            direct,
            invoice_talk,
            hello,
            south,
            sven,
            south_invoice,
            south_group,
            south_hello,
        }
    }
}
