//! Release controller: payloads and their phases.

use super::http::ServiceHttp;

/// Release controller: payloads and their phases.
#[derive(Debug, Clone)]
pub struct ReleaseController {
    http: ServiceHttp,
}

impl ReleaseController {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
