//! Signatures mirror: plain files, no credential.

use super::http::ServiceHttp;

/// Signatures mirror: plain files, no credential.
#[derive(Debug, Clone)]
pub struct Signatures {
    http: ServiceHttp,
}

impl Signatures {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
