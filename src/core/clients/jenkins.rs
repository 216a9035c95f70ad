//! Jenkins: the stage pipeline.

use super::http::ServiceHttp;

/// Jenkins: the stage pipeline.
#[derive(Debug, Clone)]
pub struct Jenkins {
    http: ServiceHttp,
}

impl Jenkins {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
