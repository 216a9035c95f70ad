//! Jira: ART tickets and bugs.

use super::http::ServiceHttp;

/// Jira: ART tickets and bugs.
#[derive(Debug, Clone)]
pub struct Jira {
    http: ServiceHttp,
}

impl Jira {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
