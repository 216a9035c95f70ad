//! Prow's Deck: states of job runs.

use super::http::ServiceHttp;

/// Prow's Deck: states of job runs.
#[derive(Debug, Clone)]
pub struct Prow {
    http: ServiceHttp,
}

impl Prow {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
