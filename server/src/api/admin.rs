//! Administration: the policy and its versions, members, invitations; and "why can they see this?".

use axum::extract::State;
use postil::{
    backend::bus::Class,
    ids::{InvitationId, UserId},
    wire::{
        AcceptInvitation, AcceptedInvitation, Code, CreateInvitation, CreatedInvitation, Departments, DryRun,
        DryRunPolicy, Explain, Explanation, InCompany, Invitation, ListInvitations, ListMembers, ListPolicyVersions,
        ListReaders, Member, Page, PatchMember, Person, PolicyVersion, PolicyVersionInfo, Projects, PutPolicy,
        RestorePolicy, Roles,
    },
};

use super::{DELETE, FORBIDDEN, GET, PATCH, POST, PUT};
use crate::{
    http::{
        Answer, Body, Done, Id, Query, Refusal,
        credentials::{Anybody, Signed},
        table::Route,
    },
    state::App,
};

/// What a list can be refused for, beside its form.
const LIST: &[Code] = &[Code::Forbidden, Code::InvalidCursor];
/// What a change of the policy can be refused for, beside its form.
const CHANGE: &[Code] = &[Code::Forbidden, Code::BeyondOwnRights, Code::LastOwner, Code::VersionConflict];

pub(super) fn routes() -> Vec<Route> {
    let mut routes = policy();
    routes.extend(members());
    routes.extend(invitations());
    routes.push(
        Route::new(GET, "/access/explain", "explain_access", explain_access)
            .says("administration", "Whether somebody may do something, or might once, with every deciding rule.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::NotFound, Code::HistoryNotKept]),
    );
    routes.push(
        Route::new(GET, "/access/readers", "list_readers", list_readers)
            .says("administration", "Who can read a message: of each page of the company's members, those who can.")
            .weighs(Class::Admin, 5)
            .can_fail(&[Code::Forbidden, Code::NotFound, Code::InvalidCursor]),
    );
    routes
}

fn policy() -> Vec<Route> {
    vec![
        Route::new(GET, "/admin/policy", "get_policy", get_policy)
            .says("administration", "The policy in force, with its document.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::NotFound]),
        Route::new(PUT, "/admin/policy", "put_policy", put_policy)
            .says("administration", "Puts a document in force as the next version.")
            .weighs(Class::Admin, 5)
            .can_fail(&[
                Code::Forbidden,
                Code::BeyondOwnRights,
                Code::LastOwner,
                Code::VersionConflict,
                Code::NotFound,
            ]),
        Route::new(POST, "/admin/policy/dry-run", "dry_run_policy", dry_run_policy)
            .says("administration", "What a document would change for whom, were it in force; stores nothing.")
            .weighs(Class::Heavy, 1)
            .can_fail(FORBIDDEN),
        Route::new(GET, "/admin/policy/versions", "list_policy_versions", list_policy_versions)
            .says("administration", "All versions of the policy, newest first: who, when and why.")
            .weighs(Class::Admin, 1)
            .can_fail(LIST),
        Route::new(GET, "/admin/policy/versions/{id}", "get_policy_version", get_policy_version)
            .says("administration", "One version of the policy, with its document.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(POST, "/admin/policy/versions/{id}/restore", "restore_policy", restore_policy)
            .says("administration", "Puts an old version's document in force as the next version.")
            .weighs(Class::Admin, 5)
            .can_fail(CHANGE),
    ]
}

fn members() -> Vec<Route> {
    vec![
        Route::new(GET, "/admin/members", "list_members", list_members)
            .says("administration", "Members by name, with what an administrator keeps of them.")
            .weighs(Class::Admin, 1)
            .can_fail(LIST),
        Route::new(PATCH, "/admin/members/{id}", "update_member", update_member)
            .says("administration", "Changes a membership: role, department, projects, kind, whether it counts.")
            .weighs(Class::Admin, 1)
            .can_fail(CHANGE),
        Route::new(GET, "/admin/roles", "list_roles", list_roles)
            .says("administration", "The roles of the policy in force.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(GET, "/admin/departments", "list_departments", list_departments)
            .says("administration", "The company's departments.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(GET, "/admin/projects", "list_projects", list_projects)
            .says("administration", "The company's projects.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
    ]
}

fn invitations() -> Vec<Route> {
    vec![
        Route::new(GET, "/admin/invitations", "list_invitations", list_invitations)
            .says("administration", "Invitations neither accepted nor withdrawn, newest first.")
            .weighs(Class::Admin, 1)
            .can_fail(LIST),
        Route::new(POST, "/admin/invitations", "create_invitation", create_invitation)
            .says("administration", "Asks somebody into the company; the link is told this once, and no mail is sent.")
            .weighs(Class::Admin, 1)
            .can_fail(&[Code::Forbidden, Code::BeyondOwnRights, Code::AlreadyMember]),
        Route::new(DELETE, "/admin/invitations/{id}", "revoke_invitation", revoke_invitation)
            .says("administration", "Withdraws an invitation.")
            .weighs(Class::Admin, 1)
            .can_fail(FORBIDDEN),
        Route::new(POST, "/invitations/accept", "accept_invitation", accept_invitation)
            .says("session", "Accepts an invitation, with a new account or with that of the address; then sign in.")
            .weighs(Class::SignIn, 1)
            .can_fail(&[Code::InvalidInvitation]),
    ]
}

async fn get_policy(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<PolicyVersion>, Refusal> {
    Ok(Answer::new(app.services().get_policy(&who).await?))
}

async fn put_policy(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<PutPolicy>,
) -> Result<Answer<PolicyVersion>, Refusal> {
    Ok(Answer::new(app.services().put_policy(&who, &body).await?))
}

async fn dry_run_policy(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<DryRunPolicy>,
) -> Result<Answer<DryRun>, Refusal> {
    Ok(Answer::new(app.services().dry_run_policy(&who, body).await?))
}

async fn list_policy_versions(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListPolicyVersions>,
) -> Result<Answer<Page<PolicyVersionInfo>>, Refusal> {
    Ok(Answer::new(app.services().list_policy_versions(&who, &query).await?))
}

async fn get_policy_version(
    State(app): State<App>,
    Signed(who): Signed,
    Id(version): Id<u32>,
    _: Query<InCompany>,
) -> Result<Answer<PolicyVersion>, Refusal> {
    Ok(Answer::new(app.services().get_policy_version(&who, version).await?))
}

async fn restore_policy(
    State(app): State<App>,
    Signed(who): Signed,
    Id(version): Id<u32>,
    Body(body): Body<RestorePolicy>,
) -> Result<Answer<PolicyVersion>, Refusal> {
    Ok(Answer::new(app.services().restore_policy(&who, version, &body).await?))
}

async fn list_members(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListMembers>,
) -> Result<Answer<Page<Member>>, Refusal> {
    Ok(Answer::new(app.services().list_members(&who, &query).await?))
}

async fn update_member(
    State(app): State<App>,
    Signed(who): Signed,
    Id(user): Id<UserId>,
    Body(body): Body<PatchMember>,
) -> Result<Answer<Member>, Refusal> {
    Ok(Answer::new(app.services().update_member(&who, user, &body).await?))
}

async fn list_roles(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Roles>, Refusal> {
    Ok(Answer::new(app.services().list_roles(&who).await?))
}

async fn list_departments(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Departments>, Refusal> {
    Ok(Answer::new(app.services().list_departments(&who).await?))
}

async fn list_projects(
    State(app): State<App>,
    Signed(who): Signed,
    _: Query<InCompany>,
) -> Result<Answer<Projects>, Refusal> {
    Ok(Answer::new(app.services().list_projects(&who).await?))
}

async fn list_invitations(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListInvitations>,
) -> Result<Answer<Page<Invitation>>, Refusal> {
    Ok(Answer::new(app.services().list_invitations(&who, &query).await?))
}

async fn create_invitation(
    State(app): State<App>,
    Signed(who): Signed,
    Body(body): Body<CreateInvitation>,
) -> Result<Answer<CreatedInvitation, 201>, Refusal> {
    Ok(Answer::new(app.services().create_invitation(&who, &body).await?))
}

async fn revoke_invitation(
    State(app): State<App>,
    Signed(who): Signed,
    Id(id): Id<InvitationId>,
    _: Query<InCompany>,
) -> Result<Done, Refusal> {
    app.services().revoke_invitation(&who, id).await?;
    Ok(Done::default())
}

async fn accept_invitation(
    State(app): State<App>,
    Anybody(who): Anybody,
    Body(body): Body<AcceptInvitation>,
) -> Result<Answer<AcceptedInvitation>, Refusal> {
    let later = |task| drop(app.lifecycle().work().spawn(task));
    Ok(Answer::new(app.services().accept_invitation(body, &who, later).await?))
}

async fn list_readers(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<ListReaders>,
) -> Result<Answer<Page<Person>>, Refusal> {
    Ok(Answer::new(app.services().list_readers(&who, &query).await?))
}

async fn explain_access(
    State(app): State<App>,
    Signed(who): Signed,
    Query(query): Query<Explain>,
) -> Result<Answer<Explanation>, Refusal> {
    Ok(Answer::new(app.services().explain_access(&who, &query).await?))
}
