//! Probes and `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// What `/health` tells, asked anew each time; the flag says whether all is well.
pub type Facts = Arc<dyn Fn() -> (bool, Value) + Send + Sync>;

/// `/health`, `/livez`, `/readyz`.
pub fn routes(facts: Facts) -> Router {
    let alive = async || "ok";
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(alive))
        .route("/health", get(health))
        .with_state(facts)
}

async fn health(State(facts): State<Facts>) -> Response {
    let (well, facts) = facts();
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!(facts))).into_response()
}
