//! Image registry, v2 protocol: what a payload says of itself.

use super::http::ServiceHttp;

/// Image registry, v2 protocol: what a payload says of itself.
#[derive(Debug, Clone)]
pub struct Registry {
    http: ServiceHttp,
}

impl Registry {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
