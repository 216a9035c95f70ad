//! Stage container catalog: health grades and vulnerabilities.

use super::http::ServiceHttp;

/// Stage container catalog: health grades and vulnerabilities.
#[derive(Debug, Clone)]
pub struct CatalogStage {
    http: ServiceHttp,
}

impl CatalogStage {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
