//! The app's pages: `/sign-in`, `/messages`, `/messages/{conversation}`, `/widget`, `/admin/{section}`, `/invitation`.
//!
//! The crate `app` renders; here are the request's loader, its nonce and its Content-Security-Policy. A page that can't
//! be rendered is a refusal like any other. No path or redirect is made of what a client sent: `app` names its own.

use std::sync::{Arc, OnceLock};

use app::{
    BoxFuture, Loader, Page, Rendered,
    admin::{Data, Section},
};
use axum::{
    Router,
    extract::{Request, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use postil::{
    access::Action,
    backend::{
        caller::Credentials,
        service::{ServiceError, Services},
    },
    clock::Timestamp,
    ids::{CompanyId, ConversationId},
    wire::{
        AdminRights, Code, ConversationDetail, ConversationSummary, Launcher, ListAbuse, ListAudit, ListConversations,
        ListInvitations, ListMembers, ListMessages, ListPolicyVersions, ListReports, Me, MemberStatus, MessagePage,
        Page as ListPage, Problem,
    },
};

use super::{
    Refusal, credentials,
    security::{self, Framing},
};
use crate::{config::Origin, state::App, ws::place::Place};

/// What is rendered for each request, and so is counted as one.
pub(super) const PATHS: [&str; 7] =
    ["/sign-in", "/messages", "/messages/{conversation}", "/widget", "/admin", "/admin/{section}", "/invitation"];

pub(super) fn router() -> Router<App> {
    PATHS.iter().fold(Router::new(), |router, path| router.route(path, get(page)))
}

async fn page(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let page = Page::parse(parts.uri.path(), query).ok_or(Refusal::new(Code::NotFound))?;
    let framing = framing(&app, &page).await?;
    let who = credentials::read(&parts, &app.config().web.origin)?;
    // What a query says about the company is a hint for the widget, no statement about the session.
    let who = Credentials { company: None, ..who };
    let loader = Arc::new(RequestLoader { services: app.services().clone(), who, company: OnceLock::new() });
    let nonce = app.random();
    match app::render(page, Arc::clone(&loader) as _, &nonce, app.site().assets()).await.map_err(Refusal::of)? {
        Rendered::Redirect(path) => Ok(Redirect::to(&path).into_response()),
        Rendered::Html(html) => framed(&app, html, &nonce, &framing),
        Rendered::Refused(html) => {
            let mut response = framed(&app, html, &nonce, &framing)?;
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
    }
}

/// A page under its policy.
fn framed(app: &App, html: String, nonce: &str, framing: &Framing) -> Result<Response, Refusal> {
    let policy = security::page_policy(nonce, &app.config().web.origin, framing);
    let policy = HeaderValue::try_from(policy).map_err(|_| Refusal::new(Code::Internal))?;
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// Only the widget may be framed, and only by pages of the company that it is asked for.
async fn framing(app: &App, page: &Page) -> Result<Framing, Refusal> {
    match page {
        Page::Widget(widget) => match widget.company {
            Some(company) => framing_of(app, company).await,
            None => Ok(Framing::Nobody),
        },
        _ => Ok(Framing::Nobody),
    }
}

async fn framing_of(app: &App, company: CompanyId) -> Result<Framing, Refusal> {
    let named = app.services().embed_origins(company).await?;
    // What the database holds is checked once more: a `*` or a `;` in it would open the policy.
    Ok(Framing::Origins(named.iter().filter_map(|origin| Origin::parse(origin)).collect()))
}

/// Reads on behalf of one request, through the same use cases as REST.
struct RequestLoader {
    services: Services,
    who: Credentials,
    /// The company that the page is about, from the first answer on: a switch in another tab between two reads is a
    /// refusal, not a page of two companies.
    company: OnceLock<CompanyId>,
}

impl RequestLoader {
    fn who(&self) -> Credentials {
        Credentials { company: self.company.get().copied(), ..self.who.clone() }
    }

    fn problem(&self, error: ServiceError) -> Problem {
        Refusal::from(error).problem(self.who.correlation)
    }
}

/// `None` for what is not there, or may not be seen.
fn found<T>(result: Result<T, ServiceError>, absent: Code) -> Result<Option<T>, ServiceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.as_code() == absent => Ok(None),
        Err(error) => Err(error),
    }
}

impl Loader for RequestLoader {
    fn now(&self) -> Timestamp {
        self.services.now()
    }

    fn me(&self) -> BoxFuture<'_, Result<Option<Me>, Problem>> {
        Box::pin(async {
            if self.who.proof.is_none() {
                return Ok(None);
            }
            let me = found(self.services.get_me(&self.who).await, Code::Unauthenticated);
            let me = me.map_err(|error| self.problem(error))?;
            if let Some(me) = &me {
                // Asked twice, the first answer stands.
                let _ = self.company.set(me.company_id);
            }
            Ok(me)
        })
    }

    fn stream_cursor(&self) -> BoxFuture<'_, Result<Option<String>, Problem>> {
        Box::pin(async {
            let Some(company) = self.company.get().copied() else { return Ok(None) };
            let tails = self.services.store().stream_tails(&[company]).await;
            let tails = tails.map_err(|error| self.problem(error.into()))?;
            // The policy is not at hand here. Where one of its rules has begun or ended, the socket has the page load afresh.
            let sealed = |seq| Place { seq, as_of: None }.sealed(self.services.sealer(), company);
            Ok(tails.iter().find(|(of, _)| *of == company).map(|(_, seq)| sealed(*seq)))
        })
    }

    fn conversations(&self) -> BoxFuture<'_, Result<ListPage<ConversationSummary>, Problem>> {
        Box::pin(async {
            let query = ListConversations::default();
            self.services.list_conversations(&self.who(), &query).await.map_err(|error| self.problem(error))
        })
    }

    fn conversation(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<ConversationDetail>, Problem>> {
        Box::pin(async move {
            found(self.services.get_conversation(&self.who(), id).await, Code::NotFound)
                .map_err(|error| self.problem(error))
        })
    }

    fn messages(&self, id: ConversationId) -> BoxFuture<'_, Result<MessagePage, Problem>> {
        Box::pin(async move {
            let query = ListMessages { conversation_id: Some(id), ..ListMessages::default() };
            self.services.list_messages(&self.who(), &query).await.map_err(|error| self.problem(error))
        })
    }

    fn launcher(&self) -> BoxFuture<'_, Result<Launcher, Problem>> {
        Box::pin(async { self.services.get_launcher(&self.who()).await.map_err(|error| self.problem(error)) })
    }

    fn admin_rights(&self) -> BoxFuture<'_, Result<AdminRights, Problem>> {
        Box::pin(async { self.services.admin_rights(&self.who()).await.map_err(|error| self.problem(error)) })
    }

    fn admin_data(&self, section: Section, rights: AdminRights) -> BoxFuture<'_, Result<Data, Problem>> {
        Box::pin(async move { self.section(section, rights).await.map_err(|error| self.problem(error)) })
    }

    fn admin_refused(&self, action: Action) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.services.note_refused_page(&self.who(), action).await })
    }
}

impl RequestLoader {
    /// What a section of the administration pages shows first, through the use cases that REST calls: each judges by itself.
    async fn section(&self, section: Section, rights: AdminRights) -> Result<Data, ServiceError> {
        let (services, who) = (&self.services, self.who());
        let mut data = Data::default();
        match section {
            Section::Members => {
                let query = ListMembers { status: Some(MemberStatus::Active), ..ListMembers::default() };
                data.members = Some(services.list_members(&who, &query).await?);
                data.roles = Some(services.list_roles(&who).await?);
                data.departments = Some(services.list_departments(&who).await?);
                data.projects = Some(services.list_projects(&who).await?);
                data.invitations = Some(services.list_invitations(&who, &ListInvitations::default()).await?);
            }
            Section::Roles => {
                data.roles = Some(services.list_roles(&who).await?);
                if rights.policy {
                    data.policy = found(services.get_policy(&who).await, Code::NotFound)?;
                }
            }
            Section::Policy => {
                data.policy = found(services.get_policy(&who).await, Code::NotFound)?;
                data.versions = Some(services.list_policy_versions(&who, &ListPolicyVersions::default()).await?);
            }
            Section::Explain => {
                // Names for the ids that a verdict looks at; without the right to see them, ids stand.
                if rights.members {
                    data.departments = Some(services.list_departments(&who).await?);
                    data.projects = Some(services.list_projects(&who).await?);
                }
            }
            Section::Moderation => {
                data.cases = Some(services.list_reports(&who, &ListReports::default()).await?);
            }
            Section::Words => data.word_list = Some(services.get_words(&who).await?),
            Section::Abuse => {
                data.settings = Some(services.get_settings(&who).await?);
                data.abuse = Some(services.list_abuse(&who, &ListAbuse::default()).await?);
                // Names for the first of those whom refusals may be about; of others, ids stand.
                data.members = Some(services.list_members(&who, &ListMembers::default()).await?);
            }
            Section::Audit => {
                // That it is read is an entry: the chain is asked afterwards, so that both agree.
                data.audit = Some(services.list_audit(&who, &ListAudit::default()).await?);
                data.chain = Some(services.get_audit_chain(&who).await?);
            }
        }
        Ok(data)
    }
}
