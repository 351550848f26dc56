//! A company with a day's talk in it, as a loader.

use app::{
    BoxFuture, Loader,
    admin::{Data, Section},
};
use postil::{
    access::{Action, preset},
    clock::Timestamp,
    ids::{ConversationId, MessageId, UserId},
    wire::{AdminRights, ConversationDetail, ConversationSummary, Launcher, Me, Message, MessagePage, Page, Problem},
};
use serde_json::{Value, json};

pub struct Sample {
    pub signed_in: bool,
    pub rights: AdminRights,
    /// What `Me` says of it.
    pub administers: bool,
}

impl Sample {
    /// Somebody who is signed in and administers everything, or nobody.
    pub fn of(signed_in: bool) -> Self {
        let rights = AdminRights {
            members: true,
            policy: true,
            audit: true,
            moderate: true,
            moderate_all: true,
            no_policy: false,
        };
        Self { signed_in, rights, administers: true }
    }
}

pub const INVOICE: u128 = 1;
pub const LONG: u128 = 2;
const NAMES: [(&str, &str, &str); 6] = [
    ("Anna Keller", "Accounts payable", "internal"),
    ("Mateo Ruiz", "Purchasing", "internal"),
    ("Ingrid Sørensen", "Controller", "internal"),
    ("Bilal Haddad", "Supplier · Nordwind GmbH", "external"),
    ("Maximiliane Wolkenstein-Trostburg von Hohenems-Vaduz", "Plant manager", "internal"),
    ("Chiara Conti", "Quality", "internal"),
];

fn id(prefix: &str, n: u128) -> String {
    format!("{prefix}_{:032x}", (0x0198_u128 << 112) | (0x7 << 76) | n)
}

pub fn conversation(n: u128) -> ConversationId {
    id("cnv", n).parse().expect("a conversation id")
}

fn person(n: usize) -> Value {
    let (name, job, kind) = NAMES[n];
    json!({ "id": id("usr", n as u128 + 1), "name": name, "memberKind": kind, "jobTitle": job })
}

pub fn me() -> Me {
    let company = |n: u128, name: &str, hue: u16, role: &str| {
        json!({ "id": id("cmp", n), "name": name, "hue": hue, "role": "staff", "roleName": role, "memberKind": "internal",
                "replyDepthMax": 8, "editWindowS": 900 })
    };
    serde_json::from_value(json!({
        "id": id("usr", 1), "name": "Anna Keller", "email": "anna@example.com", "locale": "en", "timeZone": "Europe/Zurich",
        "sessionId": id("ses", 1), "sessionKind": "browser", "companyId": id("cmp", 1), "contextEpoch": 1,
        "companies": [company(1, "Acme Industrial", 250, "Accounts payable"), company(2, "Beta Trading", 35, "Manager")],
    }))
    .expect("a person")
}

fn invoice(status: &str) -> Value {
    json!({ "kind": "transaction", "id": "INV-4711", "title": "Invoice 4711 · Nordwind GmbH", "amount": { "minor": 1_248_000, "currency": "EUR" },
            "status": status, "url": "http://127.0.0.1/demo", "updatedAt": "2026-11-23T08:00:00Z" })
}

fn summary(n: u128) -> Value {
    let last = |author: usize, text: &str, at: &str| json!({ "id": id("msg", 900 + n), "authorId": id("usr", author as u128 + 1), "authorName": NAMES[author].0, "text": text, "createdAt": at, "deleted": false });
    let base = |kind: &str, title: &str, people: &[usize], unread: u16, at: &str, last: Value| {
        json!({ "id": conversation(n).to_string(), "kind": kind, "title": title, "people": people.iter().map(|n| person(*n)).collect::<Vec<_>>(),
                "peopleCount": people.len(), "hasExternal": people.contains(&3), "last": last, "unread": unread, "readSeq": 8, "lastSeq": 12, "activityAt": at })
    };
    match n {
        INVOICE => {
            let mut it = base(
                "record",
                "Invoice 4711 · Nordwind GmbH",
                &[1, 2, 3, 0],
                3,
                "2026-11-23T09:58:00Z",
                last(3, "The credit note goes out today, reference CN-88.", "2026-11-23T09:58:00Z"),
            );
            it["record"] = invoice("disputed");
            it
        }
        LONG => base(
            "group",
            "Month end, November: who still owes what to whom and until when",
            &[1, 2, 4, 0],
            0,
            "2026-11-23T09:12:00Z",
            last(0, "Accruals are in, except freight.", "2026-11-23T09:12:00Z"),
        ),
        3 => base(
            "direct",
            NAMES[2].0,
            &[2, 0],
            1,
            "2026-11-22T16:40:00Z",
            last(2, "Can you release the payment run before noon?", "2026-11-22T16:40:00Z"),
        ),
        4 => {
            let mut it = base(
                "record",
                "Production plan week 48",
                &[4, 5, 0],
                0,
                "2026-11-20T11:00:00Z",
                last(4, "Line 2 stands still on Thursday afternoon.", "2026-11-20T11:00:00Z"),
            );
            it["record"] = json!({ "kind": "plan", "id": "PLAN/48", "title": "Production plan week 48", "status": "draft", "updatedAt": "2026-11-20T11:00:00Z" });
            it
        }
        5 => base(
            "direct",
            NAMES[4].0,
            &[4, 0],
            0,
            "2026-11-18T07:30:00Z",
            last(0, "Thank you.", "2026-11-18T07:30:00Z"),
        ),
        _ => {
            let mut it = base(
                "record",
                "Travel policy 2027",
                &[5, 1, 0],
                0,
                "2026-10-02T07:30:00Z",
                last(5, "Trains before planes under six hours.", "2026-10-02T07:30:00Z"),
            );
            it["record"] = json!({ "kind": "topic", "id": "TRAVEL-2027", "title": "Travel policy 2027", "status": "in review", "updatedAt": "2026-10-02T07:30:00Z" });
            it
        }
    }
}

struct Line {
    seq: i64,
    parent: i64,
    author: usize,
    at: &'static str,
    body: String,
}

fn lines() -> Vec<Line> {
    let line = |seq, parent, author, at, body: &str| Line { seq, parent, author, at, body: body.to_owned() };
    let mut all = vec![
        line(
            1,
            0,
            1,
            "2026-11-22T08:02:00Z",
            "Goods receipt is **88 pieces short** of what they invoiced. Can we hold payment?",
        ),
        line(2, 1, 0, "2026-11-22T08:05:00Z", "Held. Payment block `R` is set until we have a credit note."),
        line(
            3,
            2,
            3,
            "2026-11-22T08:40:00Z",
            "Our warehouse says 1 200 left on 14 November. Delivery note attached to #transaction/DN-2231.\n\n> 1 200 pcs, 6 pallets, checked by M. Lang",
        ),
        line(
            4,
            3,
            1,
            "2026-11-22T08:52:00Z",
            "Pallet 6 never arrived. The carrier confirms five:\n\n1. pallets 1–3 on the 15th\n2. pallets 4 and 5 on the 16th",
        ),
        line(5, 4, 3, "2026-11-22T09:10:00Z", "Then it is ours to sort out with the carrier."),
        line(
            6,
            5,
            2,
            "2026-11-22T09:12:00Z",
            "Please put the claim number on the credit note, the auditors ask for it.",
        ),
        line(
            7,
            0,
            0,
            "2026-11-23T09:31:00Z",
            "Due date is 30 November. See [the contract](https://example.com/contract), §7: *no interest while disputed*.",
        ),
        line(8, 0, 0, "2026-11-23T09:33:00Z", "I move it to the next payment run."),
        line(
            9,
            7,
            2,
            "2026-11-23T09:41:00Z",
            "Agreed. [@Anna Keller](postil:user/USR) please note it on the record as well.",
        ),
        line(10, 0, 3, "2026-11-23T09:56:00Z", "Good morning. Our claims desk accepts the shortfall."),
        line(
            11,
            0,
            3,
            "2026-11-23T09:58:00Z",
            "The credit note goes out today, reference CN-88. Net **EUR 1,056.00**, tax as on the invoice.\n\n```\nCN-88   88 × 12.00   1056.00\n```",
        ),
        line(12, 10, 1, "2026-11-23T09:59:00Z", "Thank you, that was quick."),
    ];
    for line in &mut all {
        line.body = line.body.replace("USR", &id("usr", 1));
    }
    all
}

fn messages() -> Vec<Message> {
    let lines = lines();
    let find = |seq: i64| lines.iter().find(|line| line.seq == seq);
    lines
        .iter()
        .map(|line| {
            let mut path = vec![line.seq];
            let mut at = line.parent;
            while let Some(parent) = find(at) {
                path.insert(0, parent.seq);
                at = parent.parent;
            }
            let message = |seq: i64| id("msg", seq.unsigned_abs().into());
            let replies = lines.iter().filter(|other| other.parent != 0 && line.parent == 0 && root_of(&lines, other.seq) == line.seq).count();
            let mut it = json!({
                "id": message(line.seq), "conversationId": conversation(INVOICE).to_string(), "seq": line.seq, "rootId": message(path[0]),
                "depth": path.len() - 1, "path": path, "author": person(line.author), "body": line.body, "text": postil::backend::markdown::parse(&line.body),
                "version": 1, "createdAt": line.at, "replyCount": replies,
            });
            if line.parent != 0 {
                it["parentId"] = json!(message(line.parent));
            }
            if line.seq == 8 {
                it["editedAt"] = json!("2026-11-23T09:35:00Z");
                it["link"] = json!({ "record": { "kind": "transaction", "id": "INV-4711" }, "source": "own", "title": "Invoice 4711 · Nordwind GmbH",
                    "amount": { "minor": 1_248_000, "currency": "EUR" }, "status": "open" });
            }
            serde_json::from_value(it).expect("a message")
        })
        .collect()
}

fn root_of(lines: &[Line], seq: i64) -> i64 {
    let mut at = seq;
    while let Some(line) = lines.iter().find(|line| line.seq == at && line.parent != 0) {
        at = line.parent;
    }
    at
}

impl Loader for Sample {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-11-23T10:00:00Z").expect("a time")
    }

    fn me(&self) -> BoxFuture<'_, Result<Option<Me>, Problem>> {
        Box::pin(async { Ok(self.signed_in.then(|| Me { administers: self.administers, ..me() })) })
    }

    fn conversations(&self) -> BoxFuture<'_, Result<Page<ConversationSummary>, Problem>> {
        let items = (1..=6).map(|n| serde_json::from_value(summary(n)).expect("a summary")).collect();
        Box::pin(async { Ok(Page { items, next_cursor: None }) })
    }

    fn conversation(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<ConversationDetail>, Problem>> {
        let participants: Vec<_> = (0..4).map(|n| json!({ "person": person(n), "readSeq": 8 })).collect();
        let can = json!({ "create": true, "reply": true, "edit": true, "delete": true, "moderate": false });
        let detail = json!({ "summary": summary(INVOICE), "participants": participants, "can": can });
        let detail = (id == conversation(INVOICE)).then(|| serde_json::from_value(detail).expect("a conversation"));
        Box::pin(async { Ok(detail) })
    }

    fn messages(&self, _: ConversationId) -> BoxFuture<'_, Result<MessagePage, Problem>> {
        let (mut items, mut replies): (Vec<Message>, Vec<Message>) =
            messages().into_iter().partition(|message| message.depth == 0);
        items.reverse();
        replies.sort_by(|a, b| a.path.cmp(&b.path));
        Box::pin(async { Ok(MessagePage { items, replies, next_cursor: None }) })
    }

    fn launcher(&self) -> BoxFuture<'_, Result<Launcher, Problem>> {
        let online = [1, 2, 5].map(|n| serde_json::from_value(person(n)).expect("a person")).to_vec();
        Box::pin(async { Ok(Launcher { unread: 4, online, online_count: 3, presence_known: true }) })
    }

    fn admin_rights(&self) -> BoxFuture<'_, Result<AdminRights, Problem>> {
        Box::pin(async { Ok(self.rights) })
    }

    fn admin_data(&self, section: Section, rights: AdminRights) -> BoxFuture<'_, Result<Data, Problem>> {
        assert!(section.is_open_to(rights), "nothing is read for whom it is not open");
        Box::pin(async move { Ok(admin_data(section)) })
    }

    fn admin_refused(&self, action: Action) -> BoxFuture<'_, ()> {
        assert!(action.as_str().starts_with("admin:"), "{action}");
        Box::pin(async {})
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("what the wire says")
}

fn member(n: usize) -> Value {
    let (name, job, kind) = NAMES[n];
    let mut it = json!({ "id": id("usr", n as u128 + 1), "name": name, "email": format!("person{n}@example.com"), "role": "staff", "kind": kind,
        "status": "active", "jobTitle": job, "projectIds": [id("prj", 1)], "version": 1, "updatedAt": "2026-11-20T08:00:00Z" });
    if n != 3 {
        it["departmentId"] = json!(id("dep", 1));
    }
    it
}

/// What a section needs, and nothing else.
fn admin_data(section: Section) -> Data {
    let at = "2026-11-20T08:00:00Z";
    let members = || json!({ "items": (0..NAMES.len()).map(member).collect::<Vec<_>>(), "nextCursor": "more" });
    let policy = preset::policy();
    let roles = || {
        let role = |role: &postil::access::Role| json!({ "key": role.key, "name": role.name, "memberCount": 2, "assignable": true });
        json!({ "items": policy.roles.iter().map(role).collect::<Vec<_>>() })
    };
    let version = || json!({ "version": 3, "inForce": true, "comment": "Guests see no plans", "createdAt": at, "createdBy": person(0) });
    let named = |kind: &str, name: &str| json!({ "items": [{ "id": id(kind, 1), "name": name }] });
    let mut data = Data::default();
    match section {
        Section::Members => {
            data.members = Some(read(members()));
            data.roles = Some(read(roles()));
            data.departments = Some(read(named("dep", "Finance")));
            data.projects = Some(read(named("prj", "Line 4")));
            data.invitations = Some(read(
                json!({ "items": [{ "id": id("inv", 1), "email": "new@example.com", "name": "Nina New", "role": "staff",
                "kind": "internal", "createdAt": at, "expiresAt": "2026-11-27T08:00:00Z" }] }),
            ));
        }
        Section::Roles | Section::Policy => {
            let mut whole = version();
            whole["document"] = serde_json::to_value(&policy).expect("a policy");
            data.policy = Some(read(whole));
            if section == Section::Roles {
                data.roles = Some(read(roles()));
            } else {
                data.versions = Some(read(json!({ "items": [version()] })));
            }
        }
        Section::Explain => {
            data.departments = Some(read(named("dep", "Finance")));
            data.projects = Some(read(named("prj", "Line 4")));
        }
        Section::Moderation => {
            data.cases = Some(read(
                json!({ "items": [{ "messageId": id("msg", 1), "conversationId": conversation(INVOICE), "author": person(3),
                "record": { "kind": "transaction", "id": "INV-4711" }, "state": "open", "reasons": [{ "reason": "spam", "count": 2 }],
                "reportCount": 2, "reportedAt": at }] }),
            ));
        }
        Section::Words => {
            data.word_list = Some(read(
                json!({ "version": 2, "entries": [{ "words": "Project Heron", "action": "refuse" }], "createdAt": at }),
            ));
        }
        Section::Abuse => {
            data.settings = Some(postil::wire::CompanySettings::default());
            data.members = Some(read(members()));
            data.abuse = Some(read(
                json!({ "items": [{ "minute": at, "kind": "slow_mode", "userId": id("usr", 2), "operation": "send_message",
                "conversationId": conversation(INVOICE), "count": 4, "firstAt": at, "lastAt": "2026-11-20T08:00:40Z" }] }),
            ));
        }
        Section::Audit => {
            let entry = |seq: i64, action: &str| {
                json!({ "seq": seq, "at": at, "action": action, "actor": { "id": id("usr", 1), "name": "Anna Keller" },
                "target": id("msg", 1), "detail": { "version": 2 }, "hash": "ab".repeat(32) })
            };
            data.audit = Some(read(json!({ "items": [entry(2, "message.edit"), entry(1, "membership.delete")] })));
            data.chain = Some(read(json!({ "seq": 2, "hash": "ab".repeat(32), "signedSeq": 0 })));
        }
    }
    data
}

/// For tests that name ids of the sample.
pub fn _ids() -> (UserId, MessageId) {
    (id("usr", 1).parse().expect("a user id"), id("msg", 1).parse().expect("a message id"))
}
