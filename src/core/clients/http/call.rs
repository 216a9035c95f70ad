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

    /// Sends it and reads the answer, repeating by class. An answer to a read, or to a write that converges, in
    /// which `read` does not find what the service documents is asked for again like one that got lost.
    ///
    /// # Errors
    ///
    /// No answer, a status that is neither success nor accepted, or that of `read`.
    pub async fn read<T>(self, read: impl Fn(Answer) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let shared = &self.http.http.0;
        let url = self.checked_url()?;
        let (call, url, read) = (&self, &url, &read);
        // Every trouble is in the log, also one that the next try mends.
        let log = |error: &ClientError| tracing::debug!(service = %call.http.service, op = call.op, "{error}");
        let attempt = || async move { call.attempt(url).await.and_then(read).inspect_err(log) };
        with_retries(self.repeat, shared.policy.tries, &shared.clock, &self.http.http.2, attempt).await
    }

    /// As [`Call::read`], asking only whether the copy in `cache` is still right when there is one that can be read.
    ///
    /// # Errors
    ///
    /// As [`Call::read`].
    pub async fn read_through<T>(
        self,
        cache: Option<&DiskCache>,
        read: impl Fn(Answer) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let Some(cache) = cache else { return self.read(read).await };
        let key = self.url.clone();
        let url = self.checked_url()?;
        let kept = cache.read(&key).map(|kept| (kept.etag, Bytes::from(kept.body)));
        let copy = |body: &Bytes| self.answer(&url, StatusCode::OK, HeaderMap::new(), body.clone());
        let Some((etag, body)) = kept.filter(|(_, body)| read(copy(body)).is_ok()) else {
            return self.read(|answer| answer::kept(cache, &key, answer, &read)).await;
        };
        let mut call = self.header("if-none-match", &etag);
        call.revalidates = true;
        call.read(|answer| match answer.status {
            StatusCode::NOT_MODIFIED => read(Answer { status: StatusCode::OK, body: body.clone(), ..answer }),
            _ => answer::kept(cache, &key, answer, &read),
        })
        .await
    }

    /// Sends it, repeating by class; the answer is not looked into.
    ///
    /// # Errors
    ///
    /// As [`Call::read`].
    pub async fn send(self) -> Result<Answer, ClientError> {
        self.read(Ok).await
    }

    /// Sends it and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`Call::read`], or the answer is not the documented JSON.
    pub async fn json_answer<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        self.read(|answer| answer.json()).await
    }

    /// Sends a write whose answer says nothing that we need.
    ///
    /// # Errors
    ///
    /// As [`Call::read`]; a web page in place of a confirmation.
    pub async fn done(self) -> Result<(), ClientError> {
        self.read(|answer| answer.done()).await
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
