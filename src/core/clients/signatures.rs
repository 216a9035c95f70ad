//! Signatures mirror: plain files, no credential. A folder is spelled `sha256=…`, not `sha256:…`.

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use crate::domain::ids::Digest;

/// Signatures mirror: one folder per payload digest.
#[derive(Debug, Clone)]
pub struct Signatures {
    http: ServiceHttp,
}

impl Signatures {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Is a non-empty `signature-1` published for `digest`? Reads only; repeat freely.
    ///
    /// The object store behind the mirror answers 403 for a missing file, which is a no as well.
    ///
    /// # Errors
    ///
    /// The mirror fails, or a web page stands in the place of the signature.
    pub async fn has_signature(&self, digest: &Digest) -> Result<bool, ClientError> {
        const OP: &str = "look up signature";
        let path = format!("/{}/signature-1", digest.mirror_folder());
        let call = self.http.get(OP, &path).accept(&[403, 404]);
        call.read(|answer| {
            if !answer.status.is_success() || answer.body.is_empty() {
                return Ok(false);
            }
            if answer.is_web_page() { Err(answer.error(Fault::WebPage("a signature"))) } else { Ok(true) }
        })
        .await
    }
}
