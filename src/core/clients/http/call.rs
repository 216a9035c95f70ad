//! One request on its way: what is asked, what counts as an answer, how it is sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::Answer;
use super::{ServiceHttp, answer};
use crate::core::cache::DiskCache;
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::retry::{Repeat, with_retries};

/// Marker for [`Call::accept`]: every status is an answer, except those worth repeating.
pub(super) const ANY: &[u16] = &[0];

/// One request on its way.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'a> {
    pub(super) http: &'a ServiceHttp,
    pub(super) op: &'static str,
    pub(super) repeat: Repeat,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) accepted: &'static [u16],
    pub(super) bare: bool,
    /// Do we hold a copy, so that "not modified" is an answer?
    pub(super) revalidates: bool,
}

impl Call<'_> {
    /// Adds query parameters, percent-encoded.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&encoded);
        self
    }

    /// Adds a header; a value that HTTP cannot carry is left out.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds a header that no log shows; a value that HTTP cannot carry is left out.
    pub fn secret_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Sends `body` as JSON.
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into();
        self.header("content-type", "application/json")
    }

    /// Sends `body` as it is; give its type with [`Call::header`].
    pub fn text(mut self, body: String) -> Self {
        self.body = body.into();
        self
    }

    /// Sends `pairs` as a form.
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Treats these statuses as answers, too.
    pub fn accept(mut self, statuses: &'static [u16]) -> Self {
        self.accepted = statuses;
        self
    }

    /// Sends it, repeating by class.
    ///
    /// # Errors
    ///
    /// No answer, or a status that is neither success nor accepted.
    pub async fn send(self) -> Result<Answer, ClientError> {
        let shared = &self.http.http.0;
        let url = self.checked_url()?;
        with_retries(self.repeat, shared.policy.tries, &shared.clock, &self.http.http.2, || self.attempt(&url)).await
    }

    /// Sends it as [`Call::send`], asking only whether the copy in `cache` is still right when there is one.
    ///
    /// # Errors
    ///
    /// As [`Call::send`].
    pub async fn send_through(self, cache: Option<&DiskCache>) -> Result<Answer, ClientError> {
        let Some(cache) = cache else { return self.send().await };
        let key = self.url.clone();
        let Some(kept) = cache.read(&key) else {
            let answer = self.send().await?;
            answer::keep(cache, &key, &answer);
            return Ok(answer);
        };
        let mut call = self.header("if-none-match", &kept.etag);
        call.revalidates = true;
        let answer = call.send().await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Answer { status: StatusCode::OK, body: kept.body.into(), ..answer });
        }
        answer::keep(cache, &key, &answer);
        Ok(answer)
    }

    /// Sends it and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`Call::send`], or the answer is not the documented JSON.
    pub async fn json_answer<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        self.send().await?.json()
    }

    fn checked_url(&self) -> Result<Url, ClientError> {
        let error = |fault| ClientError::new(self.http.service, self.op, fault);
        let url = Url::parse(&self.url).map_err(|_| error(Fault::BadUrl(self.http.mask(&self.url))))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error(Fault::BadUrl(self.http.mask(&self.url))));
        }
        if !self.http.http.0.policy.hosts.allows(&url) {
            return Err(error(Fault::HostNotAllowed(url.host_str().unwrap_or("an address without host").to_owned())));
        }
        Ok(url)
    }
}
