//! What access hooks are asked and what they answered, as the worker role: a question about a person is nobody's request.

use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow, types::Json};

use super::{CompanyTx, Store, StoreError, grants, rows, tx};
use crate::{
    access::{Denial, Narrowing, Subject},
    clock::Timestamp,
    ids::{CompanyId, DepartmentId, UserId},
    wire::HookQuestion,
};

/// The column `narrowing`, as `auth.narrowing` tells it: null, `{}`, or an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    until_us: Option<i64>,
    denials: Option<Vec<Denial>>,
}

impl From<Option<Stored>> for Narrowing {
    fn from(stored: Option<Stored>) -> Self {
        match stored {
            None => Self::None,
            Some(Stored { until_us: Some(until), denials: Some(denials) }) => {
                Self::Answered { denials: denials.into(), until: Timestamp::from_micros(until) }
            }
            Some(_) => Self::Unanswered,
        }
    }
}

pub(super) fn narrowing(row: &PgRow) -> Result<Narrowing, StoreError> {
    Ok(row.try_get::<Option<Json<Stored>>, _>("narrowing")?.map(|json| json.0).into())
}

/// One row of `narrowing_grants`.
#[derive(Serialize)]
struct Grant {
    ordinal: usize,
    action: &'static str,
    scope: &'static str,
    target: Option<String>,
    state: Option<String>,
}

fn grants(denials: &[Denial]) -> Vec<Grant> {
    let mut rows = Vec::new();
    for denial in denials {
        let (scope, target) = grants::scope_columns(&denial.scope);
        let states = denial
            .record_states
            .as_ref()
            .map_or_else(|| vec![None], |words| words.iter().map(|word| Some(word.as_str().to_owned())).collect());
        for action in &denial.actions {
            rows.extend(states.iter().map(|state| (action.as_str(), scope, target.clone(), state.clone())));
        }
    }
    let numbered = rows.into_iter().enumerate();
    numbered.map(|(n, (action, scope, target, state))| Grant { ordinal: n + 1, action, scope, target, state }).collect()
}

// An answer counts for who they were when it was given: `$4` to `$7` are what they are, or were.
const THEN: &str = "-- store::narrowing_then
SELECT CASE WHEN EXISTS (
    SELECT 1 FROM access_hooks h WHERE h.company_id = $1 AND h.since <= $3 AND (h.ended_at IS NULL OR h.ended_at > $3)
) THEN coalesce((
    SELECT jsonb_build_object('untilUs', (extract(epoch FROM n.until) * 1000000)::bigint, 'denials', n.denials)
    FROM (
        SELECT x.until, x.denials, x.attributes FROM narrowings x
        WHERE x.company_id = $1 AND x.user_id = $2 AND x.since <= $3 ORDER BY x.since DESC LIMIT 1
    ) AS n
    WHERE n.attributes = app.hook_attributes($4, $5, $6, $7)
), '{}') END AS narrowing";
// All that a question says, in one read: of the policy it says nothing.
const QUESTION: &str = "-- store::hook_question
SELECT m.user_id, m.role_key, m.department_id, m.kind AS member_kind, u.email,
    ARRAY(SELECT pm.project_id FROM project_members pm
        WHERE pm.company_id = m.company_id AND pm.user_id = m.user_id AND pm.deleted_at IS NULL) AS projects
FROM memberships m JOIN companies c ON c.id = m.company_id AND c.deleted_at IS NULL JOIN users u ON u.id = m.user_id
WHERE m.company_id = $1 AND m.user_id = $2 AND m.status = 'active' AND m.deleted_at IS NULL AND u.status = 'active'";

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the one that holds; or one that was asked for later is.
    Kept,
    /// Role, kind, department or projects are others than those that the question named: ask again.
    Changed,
}

impl CompanyTx {
    /// What the access hook takes from a person who is this, or took at `at` from who was this then: one's own, or anybody's for
    /// who administers the policy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn narrowing_then(&mut self, subject: &Subject, at: Timestamp) -> Result<Narrowing, StoreError> {
        let row = sqlx::query(THEN)
            .bind(self.company.uuid())
            .bind(subject.user.uuid())
            .bind(at.to_datetime())
            .bind(subject.role.as_str())
            .bind(subject.kind.as_str())
            .bind(subject.department.map(DepartmentId::uuid))
            .bind(subject.projects.iter().map(|project| project.uuid()).collect::<Vec<_>>())
            .fetch_one(&mut *self.tx)
            .await?;
        narrowing(&row)
    }
}

impl Store {
    /// What is stored about a person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn narrowing_get(&self, company: CompanyId, user: UserId) -> Result<Narrowing, StoreError> {
        let row = sqlx::query("-- store::narrowing_get\nSELECT auth.narrowing($1, $2) AS narrowing")
            .bind(company.uuid())
            .bind(user.uuid())
            .fetch_one(&self.worker)
            .await?;
        narrowing(&row)
    }

    /// Keeps the answer to `question`. Another than the one before tells the company's log, and open sockets are judged again.
    ///
    /// # Errors
    /// When the database fails, or refuses a target that no record, department or project can have, or a question from the future.
    pub async fn narrowing_put(
        &self,
        question: &HookQuestion,
        denials: &[Denial],
        until: Timestamp,
    ) -> Result<Kept, StoreError> {
        let row =
            sqlx::query("-- store::narrowing_put\nSELECT app.narrow($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS kept")
                .bind(question.company_id.uuid())
                .bind(question.user_id.uuid())
                .bind(Json(denials))
                .bind(Json(grants(denials)))
                .bind(question.at.to_datetime())
                .bind(until.to_datetime())
                .bind(question.role.as_str())
                .bind(question.member_kind.as_str())
                .bind(question.department_id.map(DepartmentId::uuid))
                .bind(question.project_ids.iter().map(|project| project.uuid()).collect::<Vec<_>>())
                .fetch_one(&self.worker)
                .await?;
        match row.try_get("kept")? {
            "kept" | "late" => Ok(Kept::Kept),
            "changed" => Ok(Kept::Changed),
            _ => Err(StoreError::Inconsistent { table: "narrowings", column: "kept" }),
        }
    }

    /// What to ask about a member; `None` when the membership has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hook_question(
        &self,
        company: CompanyId,
        user: UserId,
        at: Timestamp,
    ) -> Result<Option<HookQuestion>, StoreError> {
        let row = {
            let mut tx = tx::begin(&self.worker, user, company).await?;
            sqlx::query(QUESTION).bind(company.uuid()).bind(user.uuid()).fetch_optional(&mut *tx).await?
        };
        let Some(row) = row else { return Ok(None) };
        let Subject { user, role, kind, department, projects, .. } = rows::subject(&row, "member_kind")?;
        Ok(Some(HookQuestion {
            company_id: company,
            user_id: user,
            email: row.try_get("email")?,
            role,
            member_kind: kind,
            department_id: department,
            project_ids: projects.into_iter().collect(),
            at,
        }))
    }
}
