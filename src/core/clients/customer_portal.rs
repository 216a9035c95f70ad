//! Customer portal: is an advisory page public?

use super::http::ServiceHttp;

/// Customer portal: is an advisory page public?
#[derive(Debug, Clone)]
pub struct CustomerPortal {
    http: ServiceHttp,
}

impl CustomerPortal {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
