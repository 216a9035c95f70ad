//! GitLab: shipment merge requests.

use super::http::ServiceHttp;

/// GitLab: shipment merge requests.
#[derive(Debug, Clone)]
pub struct Gitlab {
    http: ServiceHttp,
}

impl Gitlab {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
