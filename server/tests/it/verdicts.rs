//! The two walls say the same: in random worlds under random policies, what `SELECT` shows as the application role is
//! exactly what [`postil::access::decide`] allows. The two share no code below the policy document.
//!
//! `POSTIL_WORLDS` raises the number of worlds. A counter-example shrinks to the smallest world that shows it: read it from
//! the end, the laws first.
//!
//! A world costs two round trips, and one for each answer of an access hook: one function writes it, one asks as each of its people. The transaction that asks begins
//! before the world is made, so that rules can be drawn which begin or end at exactly its moment.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use postil::{
    access::{
        Action, Conditions, Denial, Effect, Narrowing, Policy, Resource, Role, RoleKey, Rule, Scope, Subject, decide,
    },
    backend::store::{Store, hook::Kept},
    clock::Timestamp,
    domain::{MemberKind, Name, RecordId, RecordKey, RecordKind, StatusWord},
    ids::{CompanyId, DepartmentId, ProjectId, UserId},
    wire::HookQuestion,
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::json;
use sqlx::{Executor as _, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::harness::{
    House,
    actor::{fill, grant_rows, stamp},
    fresh_id, in_a_house,
};

const WORLDS: &str = "2000";
/// Tests that share the worlds, side by side in processes of their own.
const QUARTERS: u32 = 4;
const MEMBERS: usize = 6;
const ROLES: [RoleKey; 4] = [RoleKey::OWNER, RoleKey::MANAGER, RoleKey::STAFF, RoleKey::EXTERNAL];
/// Ids that look like parts of tokens: a comparison that is too clever shows.
const RECORD_IDS: [&str; 4] = ["A", "A/1", "plan/A", "u"];
/// What the ERP says of records, in its own spelling, and what would be tokens if they were not quoted.
const STATES: [&str; 7] = ["posted", " Posted\u{a0}", "CLOSED", "ÜBERFÄLLIG", "draft", "a,\"b\"{}", "|s:posted"];
/// What rules ask for.
const WORDS: [&str; 4] = ["posted", "Closed", "überfällig", "|s:posted"];
/// When rules begin and end, in microseconds from the moment of asking.
const MOMENTS: [i64; 5] = [-3_600_000_000, -1, 0, 1, 3_600_000_000];
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
    external: bool,
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
    status: Option<&'static str>,
    gone: bool,
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
    when: When,
}

/// The conditions of a law; the moments are relative to that of asking.
#[derive(Clone, Default)]
struct When {
    kinds: Option<BTreeSet<MemberKind>>,
    states: Option<BTreeSet<StatusWord>>,
    from: Option<i64>,
    until: Option<i64>,
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = f.debug_map();
        if let Some(kinds) = &self.kinds {
            said.entry(&"kinds", kinds);
        }
        if let Some(states) = &self.states {
            said.entry(&"states", states);
        }
        for (name, moment) in [("from", self.from), ("until", self.until)] {
            if let Some(moment) = moment {
                said.entry(&name, &format_args!("{moment:+} µs"));
            }
        }
        said.finish()
    }
}

impl When {
    fn conditions(&self, now: Timestamp) -> Conditions {
        let moment = |offset: i64| Timestamp::from_micros(now.micros() + offset);
        Conditions {
            member_kinds: self.kinds.clone(),
            record_states: self.states.clone(),
            from: self.from.map(moment),
            until: self.until.map(moment),
        }
    }
}

/// What the access hook has said about one member.
#[derive(Clone, Debug)]
struct Said {
    denials: Vec<Taken>,
    /// Until when it holds, in microseconds from the moment of asking.
    until: i64,
}

#[derive(Clone, Debug)]
struct Taken {
    actions: BTreeSet<Action>,
    scope: Where,
    states: Option<BTreeSet<StatusWord>>,
}

#[derive(Clone, Debug)]
struct World {
    members: Vec<Member>,
    /// Of each member, where the company requires an access hook.
    hook: Option<Vec<Option<Said>>>,
    records: Vec<Record>,
    talks: Vec<Talk>,
    messages: Vec<Message>,
    laws: Vec<Law>,
    /// The actions that `app.may` is asked about, besides [`READING`]: all of them would take most of the time.
    asked: Vec<Action>,
}

fn kind() -> impl Strategy<Value = RecordKind> {
    select(RecordKind::ALL.to_vec())
}

fn member() -> impl Strategy<Value = Member> {
    let membership =
        prop_oneof![8 => Just(Membership::Active), 1 => Just(Membership::Deactivated), 1 => Just(Membership::Deleted)];
    (0..ROLES.len(), proptest::bool::weighted(0.3), option::of(0..2_usize), subsequence(vec![0, 1], 0..=2), membership)
        .prop_map(|(role, external, department, projects, membership)| Member {
            role,
            external,
            department,
            projects,
            membership,
        })
}

fn record() -> impl Strategy<Value = Record> {
    (
        kind(),
        select(RECORD_IDS.to_vec()),
        option::of(0..MEMBERS),
        option::of(0..2_usize),
        option::of(0..2_usize),
        option::weighted(0.8, select(STATES.to_vec())),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(kind, id, owner, department, project, status, gone)| Record {
            kind,
            id,
            owner,
            department,
            project,
            status,
            gone,
        })
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

fn when() -> impl Strategy<Value = When> {
    let words: Vec<StatusWord> = WORDS.iter().map(|word| StatusWord::new(word).unwrap()).collect();
    let kinds = subsequence(MemberKind::ALL.to_vec(), 1..=2).prop_map(BTreeSet::from_iter);
    let states = subsequence(words, 1..=2).prop_map(BTreeSet::from_iter);
    let moment = || option::weighted(0.2, select(MOMENTS.to_vec()));
    (option::weighted(0.2, kinds), option::weighted(0.3, states), moment(), moment())
        .prop_map(|(kinds, states, from, until)| When { kinds, states, from, until })
}

fn place() -> impl Strategy<Value = Where> {
    prop_oneof![
        3 => Just(Where::Company),
        3 => Just(Where::Unlinked),
        1 => (0..2_usize).prop_map(Where::Department),
        1 => Just(Where::OwnDepartment),
        1 => (0..2_usize).prop_map(Where::Project),
        1 => Just(Where::OwnProjects),
        1 => kind().prop_map(Where::Kind),
        1 => (kind(), select(RECORD_IDS.to_vec())).prop_map(|(kind, id)| Where::Record(kind, id)),
        1 => Just(Where::OwnRecords),
    ]
}

/// Of the hook about everyone; most answers hold, a few run out at about the moment of asking, some are missing.
fn hook() -> impl Strategy<Value = Vec<Option<Said>>> {
    let taken = (subsequence(Action::ALL.to_vec(), 1..=4), place(), when()).prop_map(|(actions, scope, when)| {
        let states = when.states.filter(|_| !matches!(scope, Where::Unlinked));
        Taken { actions: actions.into_iter().collect(), scope, states }
    });
    let until = prop_oneof![4 => Just(240_000_000), 1 => select(MOMENTS.to_vec())];
    let said = (vec(taken, 0..4), until).prop_map(|(denials, until)| Said { denials, until });
    vec(option::weighted(0.9, said), MEMBERS)
}

fn law() -> impl Strategy<Value = Law> {
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let actions = (subsequence(READING.to_vec(), 0..=2), subsequence(Action::ALL.to_vec(), 0..=4))
        .prop_map(|(reading, other)| reading.into_iter().chain(other).collect());
    (
        effect,
        subsequence((0..ROLES.len()).collect::<Vec<_>>(), 0..=3),
        subsequence((0..MEMBERS).collect::<Vec<_>>(), 0..=1),
        actions,
        place(),
        when(),
    )
        .prop_map(|(effect, roles, users, actions, scope, mut when)| {
            // Where there is no record there is no state: documents that ask for one are refused.
            if matches!(scope, Where::Unlinked) {
                when.states = None;
            }
            Law { effect, roles, users, actions, scope, when }
        })
}

/// Some companies begin with much allowed, so that denials have something to take away.
fn constitution() -> impl Strategy<Value = Vec<Law>> {
    let base = subsequence((0..ROLES.len()).collect::<Vec<_>>(), 1..=3).prop_map(|roles| Law {
        effect: Effect::Allow,
        roles,
        users: Vec::new(),
        actions: Action::ALL.iter().copied().collect(),
        scope: Where::Company,
        when: When::default(),
    });
    (option::weighted(0.6, base), vec(law(), 0..9)).prop_map(|(base, laws)| base.into_iter().chain(laws).collect())
}

fn world() -> impl Strategy<Value = World> {
    let other: Vec<Action> = Action::ALL.iter().copied().filter(|action| !READING.contains(action)).collect();
    (
        vec(member(), MEMBERS),
        vec(record(), 0..5),
        vec(talk(), 1..6),
        vec(message(), 0..12),
        constitution(),
        subsequence(other, 0..=3),
        option::weighted(0.25, hook()),
    )
        .prop_map(|(members, records, talks, messages, laws, asked, hook)| World {
            members,
            hook,
            records,
            talks,
            messages,
            laws,
            asked: READING.into_iter().chain(asked).collect(),
        })
}

/// What is the same in all worlds of a run: people have ids of their own, and belong to the companies of all worlds.
struct Stage<'a> {
    house: &'a House,
    /// Makes the worlds; one for all, so that its statements are planned once.
    maker: Mutex<PgConnection>,
    /// Keeps what access hooks said.
    narrower: Store,
    people: Vec<Uuid>,
    outsider: Uuid,
    shown: Cell<usize>,
    hidden: Cell<usize>,
    /// Verdicts that would be others if no rule had a condition.
    conditional: Cell<usize>,
    /// Verdicts that would be others if no hook had said anything.
    narrowed: Cell<usize>,
}

/// Writes a world, given as pairs of table and rows; and asks what each of some people sees and may do there. The second runs
/// with the rights of whoever calls it, which is `postil_app`. Plans are made while the tables are empty and kept while they grow:
/// hence no sequential scans.
const HELPERS: [&str; 3] = [
    "CREATE FUNCTION public.make_world(p_company uuid, p_tables jsonb) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        v_table jsonb;
        v_columns text;
    BEGIN
        PERFORM app.enter(NULL, p_company);
        FOR v_table IN SELECT x.value FROM jsonb_array_elements(p_tables) WITH ORDINALITY AS x (value, n) ORDER BY x.n LOOP
            CONTINUE WHEN jsonb_array_length(v_table -> 1) = 0;
            SELECT string_agg(quote_ident(k), ', ') INTO v_columns FROM jsonb_object_keys(v_table -> 1 -> 0) AS k;
            EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM jsonb_populate_recordset(NULL::%I, $1)',
                v_table ->> 0, v_columns, v_columns, v_table ->> 0) USING v_table -> 1;
        END LOOP;
        UPDATE companies SET policy_version = 1 WHERE id = p_company;
    END $$",
    "CREATE FUNCTION public.ask_world(p_company uuid, p_people uuid[], p_actions text[], p_kinds text[], p_ids text[])
    RETURNS TABLE (seen text[], verdicts boolean[]) LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        v_person uuid;
    BEGIN
        FOREACH v_person IN ARRAY p_people LOOP
            PERFORM app.enter(v_person, p_company);
            seen := ARRAY(
                SELECT 'c ' || id FROM conversations UNION ALL SELECT 'r ' || kind || '/' || id FROM linked_records
                UNION ALL SELECT 'm ' || id FROM messages UNION ALL SELECT 'w ' || id FROM message_rows
                UNION ALL SELECT 'v ' || message_id FROM message_versions UNION ALL SELECT 'l ' || message_id FROM message_links
                UNION ALL SELECT 's ' || id FROM app.search(v_person, p_company, 'needle', NULL, NULL, NULL, NULL, NULL, NULL,
                    'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 100)
                -- By hand, without row-level security after it.
                UNION ALL SELECT 'f ' || message_id FROM app.search_candidates('needle', NULL, NULL, NULL, NULL, NULL, NULL, '{}',
                    'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 100)
            );
            -- On talk about no record, then on each record; action by action.
            verdicts := ARRAY(
                SELECT app.may(a.action, r.kind, r.id) FROM unnest(p_actions) WITH ORDINALITY AS a (action, n)
                CROSS JOIN unnest(p_kinds, p_ids) WITH ORDINALITY AS r (kind, id, n) ORDER BY a.n, r.n
            );
            RETURN NEXT;
        END LOOP;
    END $$",
    "GRANT EXECUTE ON FUNCTION public.ask_world(uuid, uuid[], text[], text[], text[]) TO postil_app",
];

/// A world with its ids, as it stands in the database and as `decide` sees it.
struct Built {
    company: Uuid,
    policy: Policy,
    subjects: Vec<Subject>,
    resources: Vec<Resource>,
    /// Of each resource, whether it is gone.
    gone: Vec<bool>,
    /// The moment of asking.
    now: Timestamp,
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

impl Said {
    fn narrowing(&self, departments: &[Uuid], projects: &[Uuid], now: Timestamp) -> Narrowing {
        let denial = |(n, taken): (usize, &Taken)| Denial {
            id: format!("denial-{n}"),
            actions: taken.actions.clone(),
            scope: taken.scope.scope(departments, projects),
            record_states: taken.states.clone(),
        };
        let until = Timestamp::from_micros(now.micros() + self.until);
        Narrowing::Answered { denials: self.denials.iter().enumerate().map(denial).collect(), until }
    }
}

impl Stage<'_> {
    async fn build(&self, world: &World, now: Timestamp) -> Built {
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
                    conditions: law.when.conditions(now),
                })
                .collect(),
        };
        let subjects: Vec<Subject> = world
            .members
            .iter()
            .zip(&self.people)
            .enumerate()
            .map(|(n, (member, id))| Subject {
                user: UserId::from_uuid(*id),
                role: ROLES[member.role].clone(),
                kind: if member.external { MemberKind::External } else { MemberKind::Internal },
                department: member.department.map(|n| DepartmentId::from_uuid(departments[n])),
                projects: member.projects.iter().map(|n| ProjectId::from_uuid(projects[*n])).collect(),
                narrowing: world.hook.as_ref().map_or(Narrowing::None, |said| {
                    said[n].as_ref().map_or(Narrowing::Unanswered, |said| said.narrowing(&departments, &projects, now))
                }),
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
                state: record.status.map(StatusWord::of_record),
            })
            .collect();
        let gone = records.iter().map(|record| record.gone).collect();

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
                "author_id": self.people[message.author], "body": if message.deleted { "" } else { "text" }, "preview": "",
                // Of tombstones, too: whether they are found is not the text's to say.
                "text_ast": [{ "type": "paragraph", "content": [{ "type": "text", "text": "Needle" }] }],
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
            for table in ["m", "v", "l", "w", "s", "f"] {
                names.insert(format!("{table} {id}"), format!("{table}: {label}"));
            }
            messages.push((label, id, talk, link.map(|(record, _)| record), message.deleted));
        }

        let named = |table: &str, ids: [Uuid; 2]| {
            let row =
                |id| json!({ "company_id": company, "id": id, "name": "Place", "created_at": at, "updated_at": at });
            json!([table, ids.map(row)])
        };
        let roles = policy.roles.iter().map(|role| json!({ "company_id": company, "key": role.key, "name": role.name, "created_at": at, "updated_at": at }));
        let members = world.members.iter().zip(&subjects).map(|(member, subject)| {
            json!({
                "company_id": company, "user_id": subject.user.uuid(), "role_key": subject.role, "department_id": subject.department.map(DepartmentId::uuid),
                "kind": subject.kind, "status": if member.membership == Membership::Deactivated { "deactivated" } else { "active" }, "created_at": at, "updated_at": at,
                "deleted_at": (member.membership == Membership::Deleted).then_some(&at),
            })
        });
        let assignments = subjects.iter().flat_map(|subject| {
            subject.projects.iter().map(|project| json!({ "company_id": company, "project_id": project.uuid(), "user_id": subject.user.uuid(), "created_at": at, "updated_at": at }))
        });
        let record_rows = records.iter().map(|record| {
            json!({
                "company_id": company, "kind": record.kind, "id": record.id, "title": "Record", "owner_id": record.owner.map(|n| self.people[n]),
                "department_id": record.department.map(|n| departments[n]), "project_id": record.project.map(|n| projects[n]), "status": record.status,
                "created_at": at, "updated_at": at, "deleted_at": record.gone.then_some(&at),
            })
        });
        let tables = json!([
            ["companies", [{ "id": company, "name": "World", "slug": company.simple().to_string(), "hue": 0, "reply_depth_max": 8, "edit_window_s": 900, "embed_origins": [], "policy_version": 0, "created_at": at, "updated_at": at }]],
            ["company_stream", [{ "company_id": company, "last_seq": 0, "audit_seq": 0 }]],
            ["roles", roles.collect::<Vec<_>>()],
            named("departments", departments),
            named("projects", projects),
            ["memberships", members.collect::<Vec<_>>()],
            ["project_members", assignments.collect::<Vec<_>>()],
            ["policies", [{ "company_id": company, "version": 1, "document": policy, "comment": "", "created_at": at }]],
            ["policy_grants", grant_rows(company, 1, &policy)],
            ["linked_records", record_rows.collect::<Vec<_>>()],
            ["conversations", talk_rows],
            ["participants", people_rows],
            ["messages", message_rows],
            ["message_versions", version_rows],
            ["message_links", link_rows],
            ["access_hooks", world.hook.iter().map(|_| json!({ "company_id": company, "since": at })).collect::<Vec<_>>()],
        ]);
        // As the worker keeps what the hook says: by the same function.
        let told: Vec<_> = subjects
            .iter()
            .filter_map(|subject| match &subject.narrowing {
                Narrowing::Answered { denials, until } => Some((subject.clone(), denials.clone(), *until)),
                Narrowing::None | Narrowing::Unanswered => None,
            })
            .collect();
        sqlx::query("SELECT public.make_world($1, $2)")
            .bind(company)
            .bind(tables)
            .execute(&mut *self.maker.lock().await)
            .await
            .unwrap_or_else(|error| panic!("a world can't be made: {error}"));
        for (subject, denials, until) in told {
            let question = HookQuestion {
                company_id: CompanyId::from_uuid(company),
                user_id: subject.user,
                email: String::new(),
                role: subject.role,
                member_kind: subject.kind,
                department_id: subject.department,
                project_ids: subject.projects.into_iter().collect(),
                at: Timestamp::from_micros(until.micros().min(now.micros()) - 1),
            };
            let kept = self.narrower.narrowing_put(&question, &denials, until).await;
            assert_eq!(kept.unwrap_or_else(|error| panic!("an answer can't be kept: {error}")), Kept::Kept);
        }
        Built { company, policy, subjects, resources, gone, now, talks, messages, names }
    }

    /// What `SELECT` shows each person, whatever company it may belong to, and the verdicts of `app.may`.
    async fn asked(
        &self,
        asking: &mut PgConnection,
        built: &Built,
        actions: &[Action],
    ) -> Vec<(Vec<String>, Vec<bool>)> {
        let mut people: Vec<Uuid> = built.subjects.iter().map(|subject| subject.user.uuid()).collect();
        people.push(self.outsider);
        let actions: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
        let keys = built.resources.iter().map(|resource| {
            resource.key().map_or((None, None), |key| (Some(key.kind.as_str()), Some(key.id.as_str())))
        });
        let (kinds, ids): (Vec<_>, Vec<_>) = std::iter::once((None, None)).chain(keys).unzip();
        sqlx::query_as("SELECT seen, verdicts FROM public.ask_world($1, $2, $3, $4, $5)")
            .bind(built.company)
            .bind(people)
            .bind(actions)
            .bind(kinds)
            .bind(ids)
            .fetch_all(asking)
            .await
            .unwrap()
    }

    async fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let mut asking = self.house.app.begin().await.unwrap();
        let now: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
            .fetch_one(&mut *asking)
            .await
            .unwrap();
        let built = self.build(world, Timestamp::from_micros(now)).await;
        let mut answers = self.asked(&mut asking, &built, &world.asked).await;
        let (outsiders, _) = answers.pop().expect("the outsider is asked last");
        prop_assert!(outsiders.is_empty(), "an outsider sees {:?}", outsiders);
        for (n, (member, (seen, verdicts))) in world.members.iter().zip(answers).enumerate() {
            let active = member.membership == Membership::Active;
            let allowed = |action, resource: &Resource| active && built.allows(n, action, resource);
            let expected = built.visible(n, &allowed);
            let seen = BTreeSet::from_iter(seen);
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
            for action in &world.asked {
                expected.push((*action, None, allowed(*action, &Resource::Unlinked)));
                expected.extend(built.resources.iter().zip(&built.gone).map(|(resource, gone)| {
                    // Wall 2 knows no right to what one can't see, and nothing that is gone.
                    let may = !gone && allowed(Action::ThreadRead, resource) && allowed(*action, resource);
                    (*action, Some(resource), may)
                }));
            }
            prop_assert_eq!(verdicts.len(), expected.len());
            for ((action, resource, expected), verdict) in expected.into_iter().zip(verdicts) {
                prop_assert_eq!(verdict, expected, "member {}: app.may({}, {:?})", n, action, resource);
            }
        }
        self.conditional.set(self.conditional.get() + built.conditional());
        self.narrowed.set(self.narrowed.get() + built.narrowed());
        Ok(())
    }
}

impl Built {
    fn allows(&self, member: usize, action: Action, resource: &Resource) -> bool {
        decide(&self.policy, &self.subjects[member], action, resource, self.now).is_allowed()
    }

    /// How many verdicts about reading hang on a condition.
    fn conditional(&self) -> usize {
        let mut plain = self.policy.clone();
        plain.rules.iter_mut().for_each(|rule| rule.conditions = Conditions::default());
        let without = |subject, action, resource| decide(&plain, subject, action, resource, self.now).is_allowed();
        let verdicts = self.subjects.iter().enumerate().flat_map(|(n, subject)| {
            let resources = self.resources.iter().chain([&Resource::Unlinked]);
            resources.flat_map(move |resource| READING.map(|action| (n, subject, action, resource)))
        });
        verdicts
            .filter(|(n, subject, action, resource)| {
                self.allows(*n, *action, resource) != without(subject, *action, resource)
            })
            .count()
    }

    /// How many verdicts about reading hang on what the access hook said, or did not say.
    fn narrowed(&self) -> usize {
        let freed = |subject: &Subject| Subject { narrowing: Narrowing::None, ..subject.clone() };
        let verdicts = self.subjects.iter().flat_map(|subject| {
            let resources = self.resources.iter().chain([&Resource::Unlinked]);
            resources.flat_map(move |resource| READING.map(|action| (subject, action, resource)))
        });
        let says = |subject: &Subject, action, resource| {
            decide(&self.policy, subject, action, resource, self.now).is_allowed()
        };
        verdicts
            .filter(|(subject, action, resource)| {
                let (with, without) = (says(subject, *action, resource), says(&freed(subject), *action, resource));
                assert!(without || !with, "a hook has given something");
                with != without
            })
            .count()
    }

    /// The rules of visibility, as the design has them, on top of `decide`.
    fn visible(&self, member: usize, allowed: &dyn Fn(Action, &Resource) -> bool) -> BTreeSet<String> {
        let mut visible = BTreeSet::new();
        let record_visible = |n: usize| !self.gone[n] && allowed(Action::ThreadRead, &self.resources[n]);
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
                if !deleted {
                    visible.insert(format!("s {id}"));
                    visible.insert(format!("f {id}"));
                }
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

/// A quarter of the worlds. Returns what was shown, hidden and conditional in them.
fn what_select_shows_is_what_the_policy_allows() -> String {
    let mut told = String::new();
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
        let mut maker = house.connection("DATABASE_URL").await;
        for sql in HELPERS {
            maker.execute(sql).await.unwrap();
        }
        // What a crash would lose, the next run draws again.
        maker.execute("SET synchronous_commit = off; SET enable_seqscan = off").await.unwrap();
        let counted = || Cell::new(0);
        let maker = Mutex::new(maker);
        let urls = (house.url("APP_DATABASE_URL"), house.url("WORKER_DATABASE_URL"));
        let narrower = Store::connect(&urls.0, &urls.1).await.unwrap();
        let stage = Stage {
            house,
            maker,
            narrower,
            people,
            outsider,
            narrowed: counted(),
            shown: counted(),
            hidden: counted(),
            conditional: counted(),
        };
        let cases =
            crate::harness::house::setting_or("POSTIL_WORLDS", WORLDS).parse().expect("POSTIL_WORLDS is a number");
        let cases = u32::div_ceil(cases, QUARTERS);
        let mut runner =
            TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() });
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            if let Err(error) = runner.run(&world(), |world| runtime.block_on(stage.check(&world))) {
                panic!("{error}");
            }
        });
        // Worlds in which everything is hidden, or everything shown, would prove nothing.
        let (shown, hidden, conditional) = (stage.shown.get(), stage.hidden.get(), stage.conditional.get());
        let narrowed = stage.narrowed.get();
        told = format!(
            "{cases} worlds: {shown} rows shown, {hidden} hidden; {conditional} verdicts hang on a condition, {narrowed} on a hook"
        );
        assert!(narrowed as u64 > u64::from(cases) / 10, "hooks decide nothing: {narrowed} in {cases} worlds");
        assert!(shown > hidden / 20 && hidden > shown / 20, "{shown} rows shown, {hidden} hidden");
        assert!(conditional as u64 > u64::from(cases), "conditions decide nothing: {conditional} in {cases} worlds");
    });
    told
}

#[test]
fn what_select_shows_is_what_the_policy_allows_in_a_first_quarter_of_worlds() {
    println!("{}", what_select_shows_is_what_the_policy_allows());
}

#[test]
fn what_select_shows_is_what_the_policy_allows_in_a_second_quarter_of_worlds() {
    println!("{}", what_select_shows_is_what_the_policy_allows());
}

#[test]
fn what_select_shows_is_what_the_policy_allows_in_a_third_quarter_of_worlds() {
    println!("{}", what_select_shows_is_what_the_policy_allows());
}

#[test]
fn what_select_shows_is_what_the_policy_allows_in_a_fourth_quarter_of_worlds() {
    println!("{}", what_select_shows_is_what_the_policy_allows());
}

#[test]
fn both_walls_fold_a_status_in_the_same_way() {
    in_a_house(async |house| {
        let letters = (1..=u32::from('\u{ffff}')).filter_map(char::from_u32).map(|c| format!("{c} A{c}b {c}"));
        let texts: Vec<String> = letters.chain(STATES.iter().chain(&WORDS).map(ToString::to_string)).collect();
        let mut owner = house.connection("DATABASE_URL").await;
        let folded: Vec<String> = sqlx::query_scalar(
            "SELECT app.status_word(x.text) FROM unnest($1::text[]) WITH ORDINALITY AS x (text, n) ORDER BY x.n",
        )
        .bind(&texts)
        .fetch_all(&mut owner)
        .await
        .unwrap();
        assert_eq!(folded.len(), texts.len());
        for (text, folded) in texts.iter().zip(folded) {
            assert_eq!(StatusWord::of_record(text).as_str(), folded, "{text:?}");
        }
    });
}
