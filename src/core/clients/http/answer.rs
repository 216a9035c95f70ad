//! What a service answered, and how much of it is shown.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::excerpt;
use crate::core::cache::DiskCache;
use crate::core::clients::error::{ClientError, Fault, Quote};
use crate::domain::mask::Masker;
use crate::domain::service::Service;

/// What `read` makes of an answer; one that can be read and that the service will know again is kept. A page in
/// place of the answer is kept by nobody, nor is JSON that ends in the middle: the service would call it unchanged
/// for ever.
pub(super) fn kept<T>(
    cache: &DiskCache,
    key: &str,
    answer: Answer,
    read: impl Fn(Answer) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
    let is_cut = is_json && answer.json::<serde::de::IgnoredAny>().is_err();
    let is_whole = answer.status == StatusCode::OK && !is_cut && !answer.is_web_page();
    let etag = answer.header("etag").filter(|_| is_whole).map(str::to_owned);
    let body = answer.body.clone();
    let read = read(answer)?;
    if let Some(etag) = etag {
        cache.write(key, &etag, &body);
    }
    Ok(read)
}

/// An answer that asks for fewer requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowDown {
    /// Seconds to wait, as far as anybody says.
    pub wait_s: Option<u64>,
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
    /// What was asked for: the path, without query.
    pub object: String,
    /// Set when it asks for fewer requests.
    pub limit: Option<SlowDown>,
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
            self.error(fault)
        })
    }

    /// Reads the body as JSON; nothing for an accepted 404.
    ///
    /// # Errors
    ///
    /// As [`Answer::json`].
    pub fn found<T: DeserializeOwned>(&self) -> Result<Option<T>, ClientError> {
        if self.status == StatusCode::NOT_FOUND { Ok(None) } else { self.json().map(Some) }
    }

    /// What this answer means: `fault`, with the words of the service and the page it names.
    pub fn error(&self, fault: Fault) -> ClientError {
        let code = self.status.as_u16();
        // The page of a proxy about an outage says nothing that its status does not.
        let speaks = code < 500 || excerpt::own_text(&self.body).is_some();
        let said = if speaks { self.excerpt() } else { None };
        let link = if self.status.is_success() { None } else { excerpt::link(&self.headers, &self.masker) };
        let quote = Quote { object: excerpt::object(&self.object, &self.masker), excerpt: said, link };
        let retry_after_s = self.limit.and_then(|limit| limit.wait_s);
        ClientError { said: Some(Box::new(quote)), retry_after_s, ..ClientError::new(self.service, self.op, fault) }
    }

    /// What a status means that is no success.
    pub fn refused(&self) -> ClientError {
        self.error(match self.status.as_u16() {
            code if self.limit.is_some() => Fault::RateLimited(code),
            code @ (401 | 403) => Fault::Unauthorized(code),
            code => Fault::Status(code),
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

    /// What the body says on one line, masked; nothing for an empty one.
    pub fn excerpt(&self) -> Option<String> {
        excerpt::excerpt(&self.body, &self.masker)
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
