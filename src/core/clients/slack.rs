//! Slack Web API: messages and mentions.

use super::http::ServiceHttp;

/// Slack Web API: messages and mentions.
#[derive(Debug, Clone)]
pub struct Slack {
    http: ServiceHttp,
}

impl Slack {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }
}
