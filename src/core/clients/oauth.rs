//! An OAuth server: the keys with which it signs tokens. Public, no credential.

use super::error::ClientError;
use super::http::ServiceHttp;

/// An OAuth server.
#[derive(Debug, Clone)]
pub struct Oauth {
    http: ServiceHttp,
}

impl Oauth {
    /// A client over `http`, whose base is the address of the keys.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// The published keys as a JSON Web Key Set. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// The server does not answer, or with something else.
    pub async fn keys(&self) -> Result<serde_json::Value, ClientError> {
        self.http.get("read signing keys", "").json_answer().await
    }
}
