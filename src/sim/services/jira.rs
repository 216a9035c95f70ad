//! Jira Cloud: the tracking story of the release, its QE sub-tasks and the bugs that it fixes.
//!
//! Both API versions are served: version 2 speaks wiki text, version 3 Atlassian documents.

mod answers;
pub mod http;
mod jql;
#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::domain::credential::Credential;
use crate::sim::auth;

/// Jira's own refusal.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if auth::basic(headers, Credential::JiraUsername, Credential::JiraToken) {
        return None;
    }
    let text = "Client must be authenticated to access this resource.";
    Some((StatusCode::UNAUTHORIZED, [("www-authenticate", "OAuth realm=\"jira\"")], text).into_response())
}
