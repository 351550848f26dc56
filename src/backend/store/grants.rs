//! Policies as rows: the document that [`crate::access::decide`] reads, flattened into what row-level security reads.
//!
//! The two are compiled from one document in one transaction and then judged by different code. Nothing here decides
//! anything; start reading at [`compile`].

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    access::{Conditions, Effect, Policy, PolicyError, Scope},
    clock::Timestamp,
    domain::MemberKind,
    ids::{CompanyId, UserId},
};

/// One row of `policy_grants`: one rule, for one subject and one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Position in the compiled policy, from 1; it orders and identifies, and means nothing else.
    pub ordinal: i32,
    /// The rule it comes from.
    pub rule_id: String,
    /// `allow` or `deny`.
    pub effect: &'static str,
    /// The role it is for; exactly one of this and `user_id` is given.
    pub role_key: Option<String>,
    /// The person it is for.
    pub user_id: Option<Uuid>,
    /// What it is about, such as `message:read`.
    pub action: &'static str,
    /// Where it holds, such as `own_department`.
    pub scope: &'static str,
    /// Which department, project, kind or record, where the scope names one.
    pub target: Option<String>,
    /// The only kind of member that it is for; `None` is for both.
    pub member_kind: Option<&'static str>,
    /// The record's state that it asks for; `None` asks for none.
    pub state: Option<String>,
    /// When it begins; `None` always has.
    pub valid_from: Option<Timestamp>,
    /// When it is over; `None` never is.
    pub valid_until: Option<Timestamp>,
}

/// Flattens `policy`: one row for each rule, subject, action and record state, in the document's order. A rule that could
/// never hold (which no document that was checked has) becomes none.
#[must_use]
pub fn compile(policy: &Policy) -> Vec<GrantRow> {
    let mut rows = Vec::new();
    for rule in &policy.rules {
        let (scope, target) = scope_columns(&rule.scope);
        if rule.conditions.member_kinds.as_ref().is_some_and(BTreeSet::is_empty) {
            continue;
        }
        let member_kind = member_kind(&rule.conditions);
        let states: Vec<Option<String>> = match &rule.conditions.record_states {
            None => vec![None],
            Some(words) => words.iter().map(|word| Some(word.as_str().to_owned())).collect(),
        };
        let roles = rule.roles.iter().map(|role| (Some(role.as_str().to_owned()), None));
        let users = rule.users.iter().map(|user| (None, Some(user.uuid())));
        for (role_key, user_id) in roles.chain(users) {
            for (action, state) in
                rule.actions.iter().flat_map(|action| states.iter().map(move |state| (action, state)))
            {
                rows.push(GrantRow {
                    ordinal: i32::try_from(rows.len() + 1).unwrap_or(i32::MAX),
                    rule_id: rule.id.clone(),
                    effect: match rule.effect {
                        Effect::Allow => "allow",
                        Effect::Deny => "deny",
                    },
                    role_key: role_key.clone(),
                    user_id,
                    action: action.as_str(),
                    scope,
                    target: target.clone(),
                    member_kind,
                    state: state.clone(),
                    valid_from: rule.conditions.from,
                    valid_until: rule.conditions.until,
                });
            }
        }
    }
    rows
}

/// The column `member_kind`: the only kind that the conditions leave, `None` when they leave both.
fn member_kind(conditions: &Conditions) -> Option<&'static str> {
    let kinds = conditions.member_kinds.as_ref().filter(|kinds| kinds.len() < MemberKind::ALL.len())?;
    kinds.first().map(|kind| kind.as_str())
}

/// The columns `scope` and `target`, from which `policy_grants.token` and `narrowing_grants.token` are generated, spelled as in `linked_records.scope_tokens`.
pub(super) fn scope_columns(scope: &Scope) -> (&'static str, Option<String>) {
    match scope {
        Scope::Company => ("company", None),
        Scope::Unlinked => ("unlinked", None),
        Scope::Department { id } => ("department", Some(id.uuid().hyphenated().to_string())),
        Scope::OwnDepartment => ("own_department", None),
        Scope::Project { id } => ("project", Some(id.uuid().hyphenated().to_string())),
        Scope::OwnProjects => ("own_projects", None),
        Scope::Kind { kind } => ("kind", Some(kind.as_str().to_owned())),
        Scope::Record { record } => ("record", Some(record.to_string())),
        Scope::OwnRecords => ("own_records", None),
    }
}

/// Why a policy was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PolicyPutError {
    /// The document is wrong in itself: tell its author.
    #[error("the policy is not valid")]
    Policy(#[from] PolicyError),
    /// The version after the one in force is another: somebody else was quicker. Read again and decide again.
    #[error("version {version} does not follow the version in force")]
    Version {
        /// The version that was to be written.
        version: i32,
    },
    /// The database refused; the transaction is void.
    #[error("the database refused the policy")]
    Database(#[from] sqlx::Error),
}

/// Writes `policy` as `version` of `company` and puts it in force, with the roles that it names.
///
/// The transaction must have entered `company` as a role that keeps house there. A version never changes once written;
/// `version` must be the one after that in force. Putting it in force writes an `access.changed` event (a trigger does
/// that), so open sockets are judged again.
///
/// # Errors
/// [`PolicyPutError::Policy`] for a document that is wrong in itself, [`PolicyPutError::Version`] when `version` does
/// not follow the present one, [`PolicyPutError::Database`] for what the database refuses (a version that exists).
pub async fn policy_put(
    conn: &mut PgConnection,
    company: CompanyId,
    version: i32,
    policy: &Policy,
    comment: &str,
    by: Option<UserId>,
    at: Timestamp,
) -> Result<(), PolicyPutError> {
    policy.validate()?;
    let (company, by, at) = (company.uuid(), by.map(UserId::uuid), at.to_datetime());
    let (role_keys, role_names): (Vec<&str>, Vec<&str>) =
        policy.roles.iter().map(|role| (role.key.as_str(), role.name.as_str())).unzip();
    sqlx::query(
        "-- store::policy_put (roles)
        INSERT INTO roles AS r (company_id, key, name, created_at, created_by, updated_at)
        SELECT $1, role.key, role.name, $4, $5, $4 FROM unnest($2::text[], $3::text[]) AS role (key, name)
        ON CONFLICT (company_id, key) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at
        WHERE r.name <> excluded.name",
    )
    .bind(company)
    .bind(&role_keys)
    .bind(&role_names)
    .bind(at)
    .bind(by)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "-- store::policy_put (document)
        INSERT INTO policies (company_id, version, document, comment, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(company)
    .bind(version)
    .bind(sqlx::types::Json(policy))
    .bind(comment)
    .bind(at)
    .bind(by)
    .execute(&mut *conn)
    .await?;
    let rows = compile(policy);
    sqlx::query(
        "-- store::policy_put (grants)
        INSERT INTO policy_grants (
            company_id, version, ordinal, rule_id, effect, role_key, user_id, action, scope, target,
            member_kind, state, valid_from, valid_until
        )
        SELECT $1, $2, g.ordinal, g.rule_id, g.effect, g.role_key, g.user_id, g.action, g.scope, g.target,
            g.member_kind, g.state, g.valid_from, g.valid_until
        FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[])
            AS g (ordinal, rule_id, effect, role_key, user_id, action, scope, target, member_kind, state, valid_from, valid_until)",
    )
    .bind(company)
    .bind(version)
    .bind(rows.iter().map(|row| row.ordinal).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.rule_id.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.effect).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.role_key.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.action).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.scope).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.target.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.member_kind).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.valid_from.map(Timestamp::to_datetime)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.valid_until.map(Timestamp::to_datetime)).collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    // Last: the trigger takes a position of the company's stream, whose lock is best held for the commit alone.
    let done = sqlx::query(
        "-- store::policy_put (in force)
        UPDATE companies SET policy_version = $2, updated_at = $3 WHERE id = $1 AND policy_version = $2 - 1",
    )
    .bind(company)
    .bind(version)
    .bind(at)
    .execute(conn)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(PolicyPutError::Version { version }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Action, RoleKey, Rule, preset},
        ids::{DepartmentId, ProjectId},
    };

    fn rule(scope: Scope) -> Rule {
        Rule {
            id: "r".to_owned(),
            effect: Effect::Deny,
            roles: BTreeSet::from([RoleKey::STAFF]),
            users: BTreeSet::from([UserId::from_uuid(Uuid::from_u128(9))]),
            actions: BTreeSet::from([Action::MessageRead, Action::ThreadRead]),
            scope,
            conditions: Conditions::default(),
        }
    }

    fn rows(scope: Scope) -> Vec<GrantRow> {
        compile(&Policy { roles: vec![], rules: vec![rule(scope)] })
    }

    #[test]
    fn a_rule_becomes_one_row_for_each_subject_and_action() {
        let rows = rows(Scope::Company);
        let seen: Vec<_> =
            rows.iter().map(|row| (row.ordinal, row.role_key.as_deref(), row.user_id.is_some(), row.action)).collect();
        assert_eq!(
            seen,
            [
                (1, Some("staff"), false, "message:read"),
                (2, Some("staff"), false, "thread:read"),
                (3, None, true, "message:read"),
                (4, None, true, "thread:read"),
            ]
        );
        assert!(rows.iter().all(|row| row.effect == "deny" && row.rule_id == "r" && row.target.is_none()));
    }

    #[test]
    fn conditions_become_columns_and_each_state_a_row() {
        let mut rule = rule(Scope::Company);
        rule.users.clear();
        rule.actions = BTreeSet::from([Action::MessageRead]);
        let words = ["Posted", "closed"].map(|word| crate::domain::StatusWord::new(word).unwrap());
        rule.conditions = Conditions {
            member_kinds: Some(BTreeSet::from([MemberKind::External])),
            record_states: Some(BTreeSet::from(words)),
            from: Some(Timestamp::from_micros(1)),
            until: None,
        };
        let compiled = |rule: &Rule| compile(&Policy { roles: vec![], rules: vec![rule.clone()] });
        let rows = compiled(&rule);
        assert_eq!(rows.iter().map(|row| row.state.as_deref()).collect::<Vec<_>>(), [Some("closed"), Some("posted")]);
        for row in &rows {
            assert_eq!(row.member_kind, Some("external"));
            assert_eq!((row.valid_from, row.valid_until), (Some(Timestamp::from_micros(1)), None));
        }
        rule.conditions.member_kinds = Some(BTreeSet::from(MemberKind::ALL));
        assert!(compiled(&rule).iter().all(|row| row.member_kind.is_none()), "both kinds are everyone");
        for never in [
            Conditions { member_kinds: Some(BTreeSet::new()), ..Conditions::default() },
            Conditions { record_states: Some(BTreeSet::new()), ..Conditions::default() },
        ] {
            rule.conditions = never;
            assert_eq!(compiled(&rule), []);
        }
    }

    #[test]
    fn targets_are_spelled_as_postgresql_spells_them() {
        let id = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_00ab);
        let text = "01990000-0000-7000-8000-0000000000ab";
        let columns = |scope| {
            let row = rows(scope).remove(0);
            (row.scope, row.target)
        };
        assert_eq!(
            columns(Scope::Department { id: DepartmentId::from_uuid(id) }),
            ("department", Some(text.to_owned()))
        );
        assert_eq!(columns(Scope::Project { id: ProjectId::from_uuid(id) }), ("project", Some(text.to_owned())));
        let record = "transaction/INV-1".parse().unwrap();
        assert_eq!(columns(Scope::Record { record }), ("record", Some("transaction/INV-1".to_owned())));
        assert_eq!(columns(Scope::Kind { kind: crate::domain::RecordKind::Plan }), ("kind", Some("plan".to_owned())));
    }

    #[test]
    fn scope_names_are_those_of_the_document() {
        let id = Uuid::from_u128(1);
        let scopes = [
            Scope::Company,
            Scope::Unlinked,
            Scope::Department { id: DepartmentId::from_uuid(id) },
            Scope::OwnDepartment,
            Scope::Project { id: ProjectId::from_uuid(id) },
            Scope::OwnProjects,
            Scope::Kind { kind: crate::domain::RecordKind::Topic },
            Scope::Record { record: "topic/T-1".parse().unwrap() },
            Scope::OwnRecords,
        ];
        for scope in scopes {
            let json = serde_json::to_value(&scope).unwrap();
            let (name, target) = scope_columns(&scope);
            assert_eq!(json["type"], name);
            assert_eq!(target.is_some(), json.as_object().unwrap().len() > 1, "{name}");
        }
    }

    #[test]
    fn the_presets_compile_to_distinct_rows() {
        let rows = compile(&preset::policy());
        let distinct: BTreeSet<_> =
            rows.iter().map(|row| (&row.role_key, row.action, row.scope, &row.target)).collect();
        assert_eq!(distinct.len(), rows.len());
        assert_eq!(rows.last().unwrap().ordinal, i32::try_from(rows.len()).unwrap());
    }
}
