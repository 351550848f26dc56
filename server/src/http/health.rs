//! `/health/live` and `/health/ready`, for supervisors and load balancers. Not part of the versioned API; no session.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use postil::wire::Health;

use crate::state::App;

/// The process answers.
async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Requests are served: the database answers, and the process is not stopping. Redis may be away.
async fn ready(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let mut health = app.services().health().await;
    health.ready &= !app.lifecycle().stopping().is_cancelled();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// Both.
pub fn router() -> Router<App> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}
