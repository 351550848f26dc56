//! The two walls say the same: in random worlds under random policies, what `SELECT` shows as the application role is
//! exactly what [`postil::access::decide`] allows. The two share no code below the policy document.
//!
//! `POSTIL_WORLDS` raises the number of worlds. A counter-example shrinks to the smallest world that shows it.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use postil::{
    access::{Action, Effect, Policy, Resource, Role, RoleKey, Rule, Scope, Subject, decide},
    domain::{Name, RecordId, RecordKey, RecordKind},
    ids::{DepartmentId, ProjectId, UserId},
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    House,
    actor::{fill, grant_rows, stamp},
    fresh_id, in_a_house,
};

const WORLDS: &str = "256";
const MEMBERS: usize = 4;
const ROLES: [RoleKey; 4] = [RoleKey::OWNER, RoleKey::MANAGER, RoleKey::STAFF, RoleKey::EXTERNAL];
/// Ids that look like parts of tokens: a comparison that is too clever shows.
const RECORD_IDS: [&str; 4] = ["A", "A/1", "plan/A", "u"];
/// What the visibility of rows hangs on, twice as often as the rest.
const READING: [Action; 2] = [Action::ThreadRead, Action::MessageRead];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    Active,
    Deactivated,
    Deleted,
}

#[derive(Clone, Debug)]
struct Member {
    role: usize,
    department: Option<usize>,
    projects: Vec<usize>,
    membership: Membership,
}

#[derive(Clone, Debug)]
struct Record {
    kind: RecordKind,
    id: &'static str,
    owner: Option<usize>,
    department: Option<usize>,
    project: Option<usize>,
}

#[derive(Clone, Debug)]
enum Talk {
    Direct(usize, usize),
    /// Who is in it, and who was.
    Group(Vec<usize>, Vec<usize>),
    /// About the record of that number (modulo); nobody needs to be in it.
    Record(usize),
}

#[derive(Clone, Debug)]
struct Message {
    /// Of the talk of that number (modulo).
    talk: usize,
    author: usize,
    /// Linked to the record of that number (modulo) by its author.
    link: Option<usize>,
    /// Answers the last root of its talk, if there is one.
    reply: bool,
    deleted: bool,
}

#[derive(Clone, Debug)]
enum Where {
    Company,
    Unlinked,
    Department(usize),
    OwnDepartment,
    Project(usize),
    OwnProjects,
    Kind(RecordKind),
    Record(RecordKind, &'static str),
    OwnRecords,
}

#[derive(Clone, Debug)]
struct Law {
    effect: Effect,
    roles: Vec<usize>,
    users: Vec<usize>,
    actions: BTreeSet<Action>,
    scope: Where,
}

#[derive(Clone, Debug)]
struct World {
    members: Vec<Member>,
    records: Vec<Record>,
    talks: Vec<Talk>,
    messages: Vec<Message>,
    laws: Vec<Law>,
}

fn kind() -> impl Strategy<Value = RecordKind> {
    select(RecordKind::ALL.to_vec())
}

fn member() -> impl Strategy<Value = Member> {
    let membership =
        prop_oneof![8 => Just(Membership::Active), 1 => Just(Membership::Deactivated), 1 => Just(Membership::Deleted)];
    (0..ROLES.len(), option::of(0..2_usize), subsequence(vec![0, 1], 0..=2), membership)
        .prop_map(|(role, department, projects, membership)| Member { role, department, projects, membership })
}

fn record() -> impl Strategy<Value = Record> {
    (kind(), select(RECORD_IDS.to_vec()), option::of(0..MEMBERS), option::of(0..2_usize), option::of(0..2_usize))
        .prop_map(|(kind, id, owner, department, project)| Record { kind, id, owner, department, project })
}

fn talk() -> impl Strategy<Value = Talk> {
    let everyone: Vec<usize> = (0..MEMBERS).collect();
    prop_oneof![
        (0..MEMBERS, 1..MEMBERS).prop_map(|(one, step)| Talk::Direct(one, (one + step) % MEMBERS)),
        (subsequence(everyone.clone(), 0..=MEMBERS), subsequence(everyone, 0..=2)).prop_map(|(inside, left)| {
            let inside = inside.into_iter().filter(|member| !left.contains(member)).collect();
            Talk::Group(inside, left)
        }),
        (0..6_usize).prop_map(Talk::Record),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    (
        0..6_usize,
        0..MEMBERS,
        option::weighted(0.4, 0..6_usize),
        proptest::bool::weighted(0.3),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(talk, author, link, reply, deleted)| Message { talk, author, link, reply, deleted })
}

fn law() -> impl Strategy<Value = Law> {
    let place = prop_oneof![
        3 => Just(Where::Company),
        3 => Just(Where::Unlinked),
        1 => (0..2_usize).prop_map(Where::Department),
        1 => Just(Where::OwnDepartment),
        1 => (0..2_usize).prop_map(Where::Project),
        1 => Just(Where::OwnProjects),
        1 => kind().prop_map(Where::Kind),
        1 => (kind(), select(RECORD_IDS.to_vec())).prop_map(|(kind, id)| Where::Record(kind, id)),
        1 => Just(Where::OwnRecords),
    ];
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let actions = (subsequence(READING.to_vec(), 0..=2), subsequence(Action::ALL.to_vec(), 0..=4))
        .prop_map(|(reading, other)| reading.into_iter().chain(other).collect());
    (
        effect,
        subsequence((0..ROLES.len()).collect::<Vec<_>>(), 0..=3),
        subsequence((0..MEMBERS).collect::<Vec<_>>(), 0..=1),
        actions,
        place,
    )
        .prop_map(|(effect, roles, users, actions, scope)| Law { effect, roles, users, actions, scope })
}

/// Some companies begin with much allowed, so that denials have something to take away.
fn constitution() -> impl Strategy<Value = Vec<Law>> {
    let base = subsequence((0..ROLES.len()).collect::<Vec<_>>(), 1..=3).prop_map(|roles| Law {
        effect: Effect::Allow,
        roles,
        users: Vec::new(),
        actions: Action::ALL.iter().copied().collect(),
        scope: Where::Company,
    });
    (option::weighted(0.6, base), vec(law(), 0..9)).prop_map(|(base, laws)| base.into_iter().chain(laws).collect())
}

fn world() -> impl Strategy<Value = World> {
    (vec(member(), MEMBERS), vec(record(), 0..5), vec(talk(), 1..6), vec(message(), 0..12), constitution())
        .prop_map(|(members, records, talks, messages, laws)| World { members, records, talks, messages, laws })
}

/// What is the same in all worlds of a run: people have ids of their own, and belong to the companies of all worlds.
struct Stage<'a> {
    house: &'a House,
    people: Vec<Uuid>,
    outsider: Uuid,
    shown: Cell<usize>,
    hidden: Cell<usize>,
}

/// A world with its ids, as it stands in the database and as `decide` sees it.
struct Built {
    company: Uuid,
    policy: Policy,
    subjects: Vec<Subject>,
    resources: Vec<Resource>,
    /// Label, conversation id, kind, its record.
    talks: Vec<(String, Uuid, Talk, Option<usize>)>,
    /// Label, id, talk, governing record, whether it is a tombstone.
    messages: Vec<(String, Uuid, usize, Option<usize>, bool)>,
    names: BTreeMap<String, String>,
}

/// The last root of a talk: its id, its position, its record and where that comes from.
type Root = (Uuid, i64, Option<(usize, &'static str)>);

impl Where {
    fn scope(&self, departments: &[Uuid], projects: &[Uuid]) -> Scope {
        match self {
            Self::Company => Scope::Company,
            Self::Unlinked => Scope::Unlinked,
            Self::Department(n) => Scope::Department { id: DepartmentId::from_uuid(departments[*n]) },
            Self::OwnDepartment => Scope::OwnDepartment,
            Self::Project(n) => Scope::Project { id: ProjectId::from_uuid(projects[*n]) },
            Self::OwnProjects => Scope::OwnProjects,
            Self::Kind(kind) => Scope::Kind { kind: *kind },
            Self::Record(kind, id) => {
                Scope::Record { record: RecordKey { kind: *kind, id: RecordId::new(id).unwrap() } }
            }
            Self::OwnRecords => Scope::OwnRecords,
        }
    }
}

impl Stage<'_> {
    async fn build(&self, world: &World) -> Built {
        let company = fresh_id();
        let departments = [fresh_id(), fresh_id()];
        let projects = [fresh_id(), fresh_id()];
        let at = stamp();
        let policy = Policy {
            roles: ROLES.iter().map(|key| Role { key: key.clone(), name: Name::new(key.as_str()).unwrap() }).collect(),
            rules: world
                .laws
                .iter()
                .enumerate()
                .map(|(n, law)| Rule {
                    id: format!("rule-{n}"),
                    effect: law.effect,
                    roles: law.roles.iter().map(|role| ROLES[*role].clone()).collect(),
                    users: law.users.iter().map(|user| UserId::from_uuid(self.people[*user])).collect(),
                    actions: law.actions.clone(),
                    scope: law.scope.scope(&departments, &projects),
                })
                .collect(),
        };
        let subjects: Vec<Subject> = world
            .members
            .iter()
            .zip(&self.people)
            .map(|(member, id)| Subject {
                user: UserId::from_uuid(*id),
                role: ROLES[member.role].clone(),
                department: member.department.map(|n| DepartmentId::from_uuid(departments[n])),
                projects: member.projects.iter().map(|n| ProjectId::from_uuid(projects[*n])).collect(),
            })
            .collect();

        let mut names = BTreeMap::new();
        let mut records: Vec<&Record> = Vec::new();
        for record in &world.records {
            if !records.iter().any(|other| (other.kind, other.id) == (record.kind, record.id)) {
                names.insert(
                    format!("r {}/{}", record.kind, record.id),
                    format!("record {}/{}", record.kind, record.id),
                );
                records.push(record);
            }
        }
        let resources = records
            .iter()
            .map(|record| Resource::Record {
                key: RecordKey { kind: record.kind, id: RecordId::new(record.id).unwrap() },
                owner: record.owner.map(|n| UserId::from_uuid(self.people[n])),
                department: record.department.map(|n| DepartmentId::from_uuid(departments[n])),
                project: record.project.map(|n| ProjectId::from_uuid(projects[n])),
            })
            .collect();

        // Conversations: one for each pair and each record, as the unique keys want it.
        let mut talks: Vec<(String, Uuid, Talk, Option<usize>)> = Vec::new();
        let (mut talk_rows, mut people_rows) = (Vec::new(), Vec::new());
        for talk in &world.talks {
            let id = fresh_id();
            let (mut kind, mut direct_key, mut title, mut about) = ("group", None, None, None);
            let mut people: Vec<(usize, bool)> = Vec::new();
            match talk {
                Talk::Direct(one, other) => {
                    let (one_id, other_id) = (self.people[*one].to_string(), self.people[*other].to_string());
                    kind = "direct";
                    direct_key = Some(format!("{}:{}", one_id.as_str().min(&other_id), one_id.as_str().max(&other_id)));
                    people = vec![(*one, true), (*other, true)];
                    if talks.iter().any(|(_, _, old, _)| matches!(old, Talk::Direct(a, b) if (a, b) == (one, other) || (b, a) == (one, other))) {
                        continue;
                    }
                }
                Talk::Group(inside, left) => {
                    title = Some("Group");
                    people.extend(inside.iter().map(|n| (*n, true)).chain(left.iter().map(|n| (*n, false))));
                }
                Talk::Record(n) => {
                    if records.is_empty() || talks.iter().any(|(_, _, _, old)| *old == Some(n % records.len())) {
                        continue;
                    }
                    kind = "record";
                    about = Some(n % records.len());
                }
            }
            let record = about.map(|n| records[n]);
            talk_rows.push(json!({
                "company_id": company, "id": id, "kind": kind, "title": title, "direct_key": direct_key, "link_kind": record.map(|record| record.kind.as_str()),
                "link_id": record.map(|record| record.id), "last_seq": 0, "activity_at": at, "created_at": at, "created_by": self.people[0], "updated_at": at,
            }));
            for (person, inside) in people {
                people_rows.push(json!({
                    "company_id": company, "conversation_id": id, "user_id": self.people[person], "created_at": at, "created_by": self.people[0],
                    "updated_at": at, "deleted_at": (!inside).then_some(&at),
                }));
            }
            let label = format!("conversation {}", talks.len());
            names.insert(format!("c {id}"), format!("{label} ({talk:?})"));
            talks.push((label, id, talk.clone(), about));
        }

        let mut messages = Vec::new();
        let (mut message_rows, mut version_rows, mut link_rows) = (Vec::new(), Vec::new(), Vec::new());
        // Of each talk: its last position, its last root (id, position, link).
        let mut ends: BTreeMap<usize, i64> = BTreeMap::new();
        let mut roots: BTreeMap<usize, Root> = BTreeMap::new();
        for message in &world.messages {
            if talks.is_empty() {
                break;
            }
            let talk = message.talk % talks.len();
            let (_, conversation, _, about) = &talks[talk];
            let seq = *ends.entry(talk).and_modify(|seq| *seq += 1).or_insert(1);
            let id = fresh_id();
            let own = message.link.filter(|_| !records.is_empty()).map(|n| (n % records.len(), "own"));
            let parent = roots.get(&talk).filter(|_| message.reply).copied();
            let inherited = parent
                .and_then(|(_, _, link)| link)
                .filter(|(_, source)| *source != "conversation")
                .map(|(record, _)| (record, "parent"));
            let link = inherited.or(own).or(about.map(|record| (record, "conversation")));
            if parent.is_none() {
                roots.insert(talk, (id, seq, link));
            }
            let record = link.map(|(n, _)| records[n]);
            message_rows.push(json!({
                "company_id": company, "id": id, "conversation_id": conversation, "seq": seq, "parent_id": parent.map(|(id, ..)| id),
                "root_id": parent.map_or(id, |(id, ..)| id), "path": parent.map_or(vec![seq], |(_, root, _)| vec![root, seq]), "depth": i32::from(parent.is_some()),
                "author_id": self.people[message.author], "body": if message.deleted { "" } else { "text" }, "text_ast": [], "preview": "",
                "link_kind": record.map(|record| record.kind.as_str()), "link_id": record.map(|record| record.id), "link_source": link.map(|(_, source)| source),
                "version": 1, "created_at": at, "created_by": self.people[message.author], "updated_at": at, "deleted_at": message.deleted.then_some(&at),
            }));
            version_rows.push(json!({ "company_id": company, "message_id": id, "version": 1, "body": "text", "text_ast": [], "created_at": at, "created_by": self.people[message.author] }));
            if let Some(record) = record {
                link_rows.push(json!({ "company_id": company, "message_id": id, "kind": record.kind, "record_id": record.id, "title": "", "created_at": at, "created_by": self.people[message.author] }));
            }
            let label = format!(
                "message {} in {} by {} about {:?}",
                messages.len(),
                talks[talk].0,
                message.author,
                record.map(|record| (record.kind, record.id))
            );
            for table in ["m", "v", "l", "w"] {
                names.insert(format!("{table} {id}"), format!("{table}: {label}"));
            }
            messages.push((label, id, talk, link.map(|(record, _)| record), message.deleted));
        }

        let mut tx = self.house.owner.begin().await.unwrap();
        sqlx::query("SELECT app.enter(NULL, $1)").bind(company).execute(&mut *tx).await.unwrap();
        fill(&mut tx, "companies", &[json!({ "id": company, "name": "World", "slug": company.simple().to_string(), "hue": 0, "reply_depth_max": 8, "edit_window_s": 900, "embed_origins": [], "policy_version": 0, "created_at": at, "updated_at": at })]).await;
        fill(&mut tx, "company_stream", &[json!({ "company_id": company, "last_seq": 0, "audit_seq": 0 })]).await;
        fill(&mut tx, "roles", &policy.roles.iter().map(|role| json!({ "company_id": company, "key": role.key, "name": role.name, "created_at": at, "updated_at": at })).collect::<Vec<_>>()).await;
        for (table, ids) in [("departments", departments), ("projects", projects)] {
            fill(&mut tx, table, &ids.map(|id| json!({ "company_id": company, "id": id, "name": "Place", "created_at": at, "updated_at": at }))).await;
        }
        let members = world.members.iter().zip(&subjects).map(|(member, subject)| {
            json!({
                "company_id": company, "user_id": subject.user.uuid(), "role_key": subject.role, "department_id": subject.department.map(DepartmentId::uuid), "kind": "internal",
                "status": if member.membership == Membership::Deactivated { "deactivated" } else { "active" }, "created_at": at, "updated_at": at,
                "deleted_at": (member.membership == Membership::Deleted).then_some(&at),
            })
        });
        fill(&mut tx, "memberships", &members.collect::<Vec<_>>()).await;
        let assignments = subjects.iter().flat_map(|subject| {
            subject.projects.iter().map(|project| json!({ "company_id": company, "project_id": project.uuid(), "user_id": subject.user.uuid(), "created_at": at, "updated_at": at }))
        });
        fill(&mut tx, "project_members", &assignments.collect::<Vec<_>>()).await;
        fill(
            &mut tx,
            "policies",
            &[json!({ "company_id": company, "version": 1, "document": policy, "comment": "", "created_at": at })],
        )
        .await;
        fill(&mut tx, "policy_grants", &grant_rows(company, 1, &policy)).await;
        sqlx::query("UPDATE companies SET policy_version = 1 WHERE id = $1")
            .bind(company)
            .execute(&mut *tx)
            .await
            .unwrap();
        let record_rows = records.iter().map(|record| {
            json!({
                "company_id": company, "kind": record.kind, "id": record.id, "title": "Record", "owner_id": record.owner.map(|n| self.people[n]),
                "department_id": record.department.map(|n| departments[n]), "project_id": record.project.map(|n| projects[n]), "created_at": at, "updated_at": at,
            })
        });
        fill(&mut tx, "linked_records", &record_rows.collect::<Vec<_>>()).await;
        fill(&mut tx, "conversations", &talk_rows).await;
        fill(&mut tx, "participants", &people_rows).await;
        fill(&mut tx, "messages", &message_rows).await;
        fill(&mut tx, "message_versions", &version_rows).await;
        fill(&mut tx, "message_links", &link_rows).await;
        tx.commit().await.unwrap();
        Built { company, policy, subjects, resources, talks, messages, names }
    }

    /// What `SELECT` shows `person`, whatever company it may belong to.
    async fn seen(&self, company: Uuid, person: Uuid) -> BTreeSet<String> {
        let mut tx = self.house.app.begin().await.unwrap();
        sqlx::query("SELECT app.enter($1, $2)").bind(person).bind(company).execute(&mut *tx).await.unwrap();
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT 'c ' || id FROM conversations UNION ALL SELECT 'r ' || kind || '/' || id FROM linked_records
             UNION ALL SELECT 'm ' || id FROM messages UNION ALL SELECT 'w ' || id FROM message_rows
             UNION ALL SELECT 'v ' || message_id FROM message_versions UNION ALL SELECT 'l ' || message_id FROM message_links",
        )
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        rows.into_iter().collect()
    }

    /// The verdicts of `app.may` on talk about no record, then on each record; action by action.
    async fn verdicts(&self, built: &Built, person: Uuid) -> Vec<bool> {
        let mut tx = self.house.app.begin().await.unwrap();
        sqlx::query("SELECT app.enter($1, $2)").bind(person).bind(built.company).execute(&mut *tx).await.unwrap();
        let actions: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        let keys = built.resources.iter().map(|resource| match resource {
            Resource::Record { key, .. } => (Some(key.kind.as_str()), Some(key.id.as_str())),
            Resource::Unlinked => (None, None),
        });
        let (kinds, ids): (Vec<_>, Vec<_>) = std::iter::once((None, None)).chain(keys).unzip();
        sqlx::query_scalar(
            "SELECT app.may(a.action, r.kind, r.id) FROM unnest($1::text[]) WITH ORDINALITY AS a (action, n)
             CROSS JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY AS r (kind, id, n) ORDER BY a.n, r.n",
        )
        .bind(actions)
        .bind(kinds)
        .bind(ids)
        .fetch_all(&mut *tx)
        .await
        .unwrap()
    }

    async fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let built = self.build(world).await;
        for (n, (member, subject)) in world.members.iter().zip(&built.subjects).enumerate() {
            let active = member.membership == Membership::Active;
            let allowed =
                |action, resource: &Resource| active && decide(&built.policy, subject, action, resource).is_allowed();
            let expected = built.visible(n, &allowed);
            let seen = self.seen(built.company, subject.user.uuid()).await;
            let name = |id: &String| built.names.get(id).unwrap_or(id).clone();
            let leaked: Vec<String> = seen.difference(&expected).map(name).collect();
            let missing: Vec<String> = expected.difference(&seen).map(name).collect();
            prop_assert!(
                leaked.is_empty() && missing.is_empty(),
                "member {n}: SQL shows what decide() keeps back: {leaked:?}; keeps back what decide() shows: {missing:?}"
            );
            self.shown.set(self.shown.get() + seen.len());
            self.hidden.set(self.hidden.get() + built.names.len() - seen.len());

            let mut expected = Vec::new();
            for action in Action::ALL {
                expected.push((*action, None, allowed(*action, &Resource::Unlinked)));
                // Wall 2 knows no right to what one can't see.
                expected.extend(built.resources.iter().map(|resource| {
                    (*action, Some(resource), allowed(Action::ThreadRead, resource) && allowed(*action, resource))
                }));
            }
            let verdicts = self.verdicts(&built, subject.user.uuid()).await;
            prop_assert_eq!(verdicts.len(), expected.len());
            for ((action, resource, expected), verdict) in expected.into_iter().zip(verdicts) {
                prop_assert_eq!(verdict, expected, "member {}: app.may({}, {:?})", n, action, resource);
            }
        }
        let seen = self.seen(built.company, self.outsider).await;
        prop_assert!(seen.is_empty(), "an outsider sees {seen:?}");
        Ok(())
    }
}

impl Built {
    /// The rules of visibility, as the design has them, on top of `decide`.
    fn visible(&self, member: usize, allowed: &dyn Fn(Action, &Resource) -> bool) -> BTreeSet<String> {
        let mut visible = BTreeSet::new();
        let record_visible = |n: usize| allowed(Action::ThreadRead, &self.resources[n]);
        for (n, resource) in self.resources.iter().enumerate() {
            if let (true, Resource::Record { key, .. }) = (record_visible(n), resource) {
                visible.insert(format!("r {key}"));
            }
        }
        let talk_visible = |n: usize| {
            let (_, _, talk, about) = &self.talks[n];
            match (talk, about) {
                (_, Some(record)) => record_visible(*record),
                (Talk::Direct(one, other), _) => {
                    [one, other].contains(&&member) && allowed(Action::ThreadRead, &Resource::Unlinked)
                }
                (Talk::Group(inside, _), _) => {
                    inside.contains(&member) && allowed(Action::ThreadRead, &Resource::Unlinked)
                }
                (Talk::Record(_), None) => unreachable!("a record's talk has a record"),
            }
        };
        for (n, (_, id, ..)) in self.talks.iter().enumerate() {
            if talk_visible(n) {
                visible.insert(format!("c {id}"));
            }
        }
        for (_, id, talk, record, deleted) in &self.messages {
            let governing = record.map_or(&Resource::Unlinked, |n| &self.resources[n]);
            if talk_visible(*talk) && record.is_none_or(record_visible) && allowed(Action::MessageRead, governing) {
                visible.insert(format!("m {id}"));
                visible.insert(format!("w {id}"));
                if record.is_some() {
                    visible.insert(format!("l {id}"));
                }
                if !deleted || allowed(Action::AdminModerate, governing) {
                    visible.insert(format!("v {id}"));
                }
            }
        }
        visible
    }
}

#[test]
fn what_select_shows_is_what_the_policy_allows() {
    in_a_house(async |house| {
        let mut people = Vec::new();
        for n in 0..=MEMBERS {
            let id = fresh_id();
            let at = stamp();
            let mut connection = house.owner.acquire().await.unwrap();
            fill(&mut connection, "users", &[json!({ "id": id, "email": format!("person{n}@example.test"), "name": format!("Person {n}"), "locale": "en", "time_zone": "UTC", "status": "active", "created_at": at, "updated_at": at })]).await;
            people.push(id);
        }
        let outsider = people.pop().unwrap();
        let stage = Stage { house, people, outsider, shown: Cell::new(0), hidden: Cell::new(0) };
        let cases =
            crate::harness::house::setting_or("POSTIL_WORLDS", WORLDS).parse().expect("POSTIL_WORLDS is a number");
        let mut runner =
            TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() });
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            if let Err(error) = runner.run(&world(), |world| runtime.block_on(stage.check(&world))) {
                panic!("{error}");
            }
        });
        // Worlds in which everything is hidden, or everything shown, would prove nothing.
        let (shown, hidden) = (stage.shown.get(), stage.hidden.get());
        println!("{cases} worlds: {shown} rows shown, {hidden} hidden");
        assert!(shown > hidden / 20 && hidden > shown / 20, "{shown} rows shown, {hidden} hidden");
    });
}
