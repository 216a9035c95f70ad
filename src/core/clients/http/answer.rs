//! What a service answered, and how much of it is shown.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::core::cache::DiskCache;
use crate::core::clients::error::{ClientError, Fault, shown};
use crate::domain::mask::Masker;
use crate::domain::service::Service;

/// How much of a refused answer is looked at; less of it is shown.
const EXCERPT_BYTES: usize = 1600;

/// Keeps a whole answer that the service will know again. A page in place of the answer is kept by nobody,
/// nor is JSON that ends in the middle: the service would call it unchanged for ever.
pub(super) fn keep(cache: &DiskCache, key: &str, answer: &Answer) {
    let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
    let is_cut = is_json && answer.json::<serde::de::IgnoredAny>().is_err();
    if let (StatusCode::OK, Some(etag), false) = (answer.status, answer.header("etag"), is_cut || answer.is_web_page())
    {
        cache.write(key, etag, &answer.body);
    }
}

/// What a service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who answered.
    pub service: Service,
    /// To which operation.
    pub op: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Hides our credentials in what is shown of it.
    pub masker: Masker,
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Fault::Unreadable`] with what stands there instead, [`Fault::WebPage`] for a web page.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|cause| {
            let fault = if self.body.is_empty() {
                Fault::Unreadable("an empty body instead of JSON".to_owned())
            } else if self.is_web_page() {
                Fault::WebPage("JSON")
            } else {
                Fault::Unreadable(format!("not the documented JSON ({cause})"))
            };
            let excerpt = self.excerpt();
            ClientError { excerpt, ..ClientError::new(self.service, self.op, fault) }
        })
    }

    /// Reads the body as text that is not a web page.
    ///
    /// # Errors
    ///
    /// [`Fault::WebPage`]; [`Fault::Unreadable`] for an empty body or bytes that are not UTF-8.
    pub fn plain_text(&self) -> Result<&str, ClientError> {
        let refuse = |why: &str| ClientError::unreadable(self.service, self.op, why);
        if self.body.is_empty() {
            return Err(refuse("an empty body"));
        }
        if self.is_web_page() {
            return Err(ClientError::new(self.service, self.op, Fault::WebPage("the file")));
        }
        std::str::from_utf8(&self.body).map_err(|_| refuse("not UTF-8"))
    }

    /// Is this a confirmation whose body says nothing that we need? A login page with status 200 is none.
    ///
    /// # Errors
    ///
    /// [`Fault::WebPage`]: a write may or may not have happened.
    pub fn done(&self) -> Result<(), ClientError> {
        if self.is_web_page() {
            return Err(ClientError::new(self.service, self.op, Fault::WebPage("a confirmation")));
        }
        Ok(())
    }

    /// The beginning of the body on one line, masked; nothing for an empty one.
    pub fn excerpt(&self) -> Option<String> {
        excerpt(&self.body, &self.masker)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Does a web page stand in the place of the answer (login, proxy, maintenance)?
    pub fn is_web_page(&self) -> bool {
        let start = self.body.get(..self.body.len().min(200)).unwrap_or_default();
        let start = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
        start.starts_with("<!doctype html") || start.starts_with("<html")
    }
}

/// The beginning of a body on one line, masked; nothing for an empty one.
pub(super) fn excerpt(body: &[u8], masker: &Masker) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..body.len().min(EXCERPT_BYTES)).unwrap_or_default());
    let line = shown(&masker.hide(&text));
    (!line.is_empty()).then_some(line)
}
