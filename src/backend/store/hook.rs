//! What access hooks are asked and what they answered, as the worker role: a question about a person is nobody's request.

use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow, types::Json};

use super::{CompanyTx, Store, StoreError, grants};
use crate::{
    access::{Denial, Narrowing},
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, UserId},
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

const THEN: &str = "-- store::narrowing_then
SELECT CASE WHEN EXISTS (
    SELECT 1 FROM access_hooks h WHERE h.company_id = $1 AND h.since <= $3 AND (h.ended_at IS NULL OR h.ended_at > $3)
) THEN coalesce((
    SELECT jsonb_build_object('untilUs', (extract(epoch FROM n.until) * 1000000)::bigint, 'denials', n.denials)
    FROM narrowings n WHERE n.company_id = $1 AND n.user_id = $2 AND n.since <= $3 ORDER BY n.since DESC LIMIT 1
), '{}') END AS narrowing";

impl CompanyTx {
    /// What the access hook takes from a person, or took at `at`: one's own, or anybody's for who administers the policy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn narrowing_then(&mut self, user: UserId, at: Timestamp) -> Result<Narrowing, StoreError> {
        let row = sqlx::query(THEN)
            .bind(self.company.uuid())
            .bind(user.uuid())
            .bind(at.to_datetime())
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

    /// Keeps an answer. Another than the one before tells the company's log, and open sockets are judged again.
    ///
    /// # Errors
    /// When the database fails, or refuses a target that no record, department or project can have.
    pub async fn narrowing_put(
        &self,
        company: CompanyId,
        user: UserId,
        denials: &[Denial],
        at: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("-- store::narrowing_put\nSELECT app.narrow($1, $2, $3, $4, $5, $6)")
            .bind(company.uuid())
            .bind(user.uuid())
            .bind(Json(denials))
            .bind(Json(grants(denials)))
            .bind(at.to_datetime())
            .bind(until.to_datetime())
            .execute(&self.worker)
            .await?;
        Ok(())
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
        let correlation = CorrelationId::from_uuid(company.uuid());
        let Some(member) = self.membership_view(company, user, correlation, at).await? else { return Ok(None) };
        let Some([_, email, ..]) = self.profile_get(user).await? else { return Ok(None) };
        let subject = member.subject();
        Ok(Some(HookQuestion {
            company_id: company,
            user_id: user,
            email,
            role: subject.role.clone(),
            member_kind: subject.kind,
            department_id: subject.department,
            project_ids: subject.projects.iter().copied().collect(),
            at,
        }))
    }
}
