//! Gangway: starts Prow jobs.

use super::http::ServiceHttp;

/// Gangway: starts Prow jobs.
#[derive(Debug, Clone)]
pub struct Gangway {
    http: ServiceHttp,
}

impl Gangway {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
