//! Build data: the text of one minor's releases.yml.

use super::http::ServiceHttp;

/// Build data: the text of one minor's releases.yml.
#[derive(Debug, Clone)]
pub struct BuildDataSource {
    http: ServiceHttp,
}

impl BuildDataSource {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
