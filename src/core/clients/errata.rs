//! Errata Tool: advisories, push jobs, security alerts.

use super::http::ServiceHttp;

/// Errata Tool: advisories, push jobs, security alerts.
#[derive(Debug, Clone)]
pub struct Errata {
    http: ServiceHttp,
}

impl Errata {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
