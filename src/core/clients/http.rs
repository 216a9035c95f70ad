//! The one way out: every request of every client passes here.
//!
//! Time-outs, repetition by class, a bound on requests in flight and on body sizes, the host rule,
//! credentials, and errors that name service and operation. A service that fails again and again is
//! left alone for a while, and no loop asks a service without end. Secrets are opened here and nowhere
//! else among the clients.

mod answer;
mod auth;
mod breaker;
mod budget;
mod exchange;
mod gate;
mod policy;
mod seen;
mod transport;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use self::answer::Answer;
use self::answer::excerpt;
pub use self::auth::{Auth, Proof};
pub use self::breaker::BreakerRule;
use self::gate::{Gate, Gates};
pub use self::policy::{HttpPolicy, Rules, rewrite};
use self::seen::Lately;
pub use self::seen::Seen;
use self::transport::LazyClient;
pub use self::transport::{InMemory, Transport, bare_client};
use super::error::{ClientError, Fault};
use super::retry::{Repeat, with_retries};
use crate::core::cache::DiskCache;
use crate::core::clock::Clock;
use crate::core::config::http::ServiceRules;
use crate::domain::mask::Masker;
use crate::domain::service::Service;

/// The shared connection pool with its rules; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    transport: Transport,
    client: LazyClient,
    /// Clients of services with time-outs or a proxy of their own.
    clients: BTreeMap<Service, LazyClient>,
    policy: HttpPolicy,
    gates: Gates,
    lately: Lately,
    masker: Masker,
    clock: Clock,
    cancel: CancellationToken,
}

impl Http {
    /// Builds the pool over the network, without rules for single services.
    ///
    /// # Errors
    ///
    /// None; see [`Http::with_rules`].
    pub fn new(policy: HttpPolicy, clock: Clock, cancel: CancellationToken) -> Result<Self, reqwest::Error> {
        Self::with_rules(policy, &Rules::default(), Transport::Network, clock, cancel)
    }

    /// Builds the pool.
    ///
    /// # Errors
    ///
    /// The address of a proxy is unusable. Whether TLS is, shows with the first request, or with [`Http::open`].
    pub fn with_rules(
        policy: HttpPolicy,
        rules: &Rules,
        transport: Transport,
        clock: Clock,
        cancel: CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        let mut clients = BTreeMap::new();
        for (service, own) in &rules.of {
            if own.read_timeout.is_some() || own.total_timeout.is_some() || own.proxy.is_some() {
                clients.insert(*service, LazyClient::new(&policy, own)?);
            }
        }
        let client = LazyClient::new(&policy, &ServiceRules::default())?;
        let gates = Gates::new(policy.in_flight, rules);
        let lately = Lately::default();
        let masker = rules.masker.clone();
        Ok(Self(Arc::new(Shared { transport, client, clients, policy, gates, lately, masker, clock, cancel })))
    }

    /// Services that were asked, and when they were last heard of.
    pub fn upstreams(&self) -> BTreeMap<Service, Seen> {
        self.0.lately.all()
    }

    /// Makes ready now what the first request would: reads the CA certificates of the system.
    ///
    /// # Errors
    ///
    /// The TLS set-up of this machine is unusable.
    pub fn open(&self) -> Result<(), reqwest::Error> {
        self.0.client.get(&self.0.policy).map(drop)
    }

    /// A client for one service. `base` may end with a slash or not; paths of calls start with one.
    pub fn service(&self, service: Service, base: &str, auth: Auth) -> ServiceHttp {
        let base = base.trim_end_matches('/').to_owned();
        let gate = self.0.gates.of(service, &base);
        ServiceHttp { http: self.clone(), service, base, auth, gate }
    }
}

/// HTTP to one service.
#[derive(Debug, Clone)]
pub struct ServiceHttp {
    http: Http,
    service: Service,
    base: String,
    auth: Auth,
    gate: Gate,
}

impl ServiceHttp {
    /// Hides our credentials in what a service said.
    pub(super) fn masker(&self) -> &Masker {
        &self.http.0.masker
    }

    /// Masks what a service said.
    pub(super) fn mask(&self, text: &str) -> String {
        self.http.0.masker.mask(text)
    }

    /// The beginning of a body on one line, masked; nothing for an empty one.
    pub(super) fn excerpt(&self, body: &[u8]) -> Option<String> {
        excerpt(body, &self.http.0.masker)
    }

    /// Which service this talks to.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Base address without trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The time by which answers of this service are judged.
    pub fn now(&self) -> jiff::Timestamp {
        self.http.0.clock.now()
    }

    /// Starts a read. `path` begins with a slash and is already percent-encoded; it may carry a query.
    pub fn get(&self, op: &'static str, path: &str) -> Call<'_> {
        self.call(op, Repeat::Reads, Method::GET, path)
    }

    /// Starts a POST of the given repeat class.
    pub fn post(&self, op: &'static str, repeat: Repeat, path: &str) -> Call<'_> {
        self.call(op, repeat, Method::POST, path)
    }

    /// Starts a PUT of the given repeat class.
    pub fn put(&self, op: &'static str, repeat: Repeat, path: &str) -> Call<'_> {
        self.call(op, repeat, Method::PUT, path)
    }

    /// Starts a request with any method.
    pub fn call(&self, op: &'static str, repeat: Repeat, method: Method, path: &str) -> Call<'_> {
        let url = format!("{}{path}", self.base);
        Call {
            http: self,
            op,
            repeat,
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            accepted: &[],
            bare: false,
            revalidates: false,
        }
    }

    /// Starts a read of an absolute address found in data; rewrites and the host rule apply.
    ///
    /// The credential of the service is sent only when the address belongs to the service.
    pub fn get_absolute(&self, op: &'static str, url: &str) -> Call<'_> {
        let url = self.rewritten(url);
        let bare = !url.strip_prefix(&self.base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        Call {
            http: self,
            op,
            repeat: Repeat::Reads,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            accepted: &[],
            bare,
            revalidates: false,
        }
    }

    /// Applies the address rewrites of the settings: longest matching prefix wins.
    pub fn rewritten(&self, url: &str) -> String {
        rewrite(&self.http.0.policy.rewrites, url)
    }

    /// Is something there? 200 with a body is yes, 404 (and 403 of an object store) is no.
    ///
    /// # Errors
    ///
    /// Everything else that is not a clear yes or no.
    pub async fn exists(&self, op: &'static str, path: &str) -> Result<bool, ClientError> {
        let answer = self.get(op, path).accept(&[403, 404]).send().await?;
        Ok(answer.status.is_success() && !answer.body.is_empty())
    }

    /// Sends a request that a library has put together (GitHub, GitLab, Slack) and gives back any answer.
    ///
    /// # Errors
    ///
    /// No answer at all; every status is an answer here.
    pub async fn forward(
        &self,
        op: &'static str,
        repeat: Repeat,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string();
        let call = Call {
            http: self,
            op,
            repeat,
            method: parts.method,
            url,
            headers: parts.headers,
            body,
            accepted: ANY,
            bare: false,
            revalidates: false,
        };
        let answer = call.send().await?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// Marker for [`Call::accept`]: every status is an answer, except those worth repeating.
const ANY: &[u16] = &[0];

/// One request on its way.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'a> {
    http: &'a ServiceHttp,
    op: &'static str,
    repeat: Repeat,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    accepted: &'static [u16],
    bare: bool,
    /// Do we hold a copy, so that "not modified" is an answer?
    revalidates: bool,
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
        with_retries(self.repeat, shared.policy.tries, &shared.clock, &shared.cancel, || self.attempt(&url)).await
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
