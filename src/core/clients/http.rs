//! The one way out: every request of every client passes here.
//!
//! Time-outs, repetition by class, a bound on requests in flight and on body sizes, the host rule,
//! credentials, and errors that name service and operation. Secrets are opened here and nowhere
//! else among the clients.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::{ClientError, Fault};
use super::negotiate::{Heard, Kerberos, Negotiation};
use super::retry::{Repeat, with_retries};
use super::service::Service;
use crate::core::cache::DiskCache;
use crate::core::clock::Clock;
use crate::domain::mask;

/// Longest piece of a refused answer that an error carries.
const EXCERPT_CHARS: usize = 400;

/// Limits and rules that hold for every request of this process.
#[derive(Debug, Clone)]
pub struct HttpPolicy {
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time between two pieces of an answer.
    pub read_timeout: Duration,
    /// Time for one request as a whole.
    pub total_timeout: Duration,
    /// Tries for reads and converging writes.
    pub tries: u32,
    /// Requests under way at once.
    pub in_flight: usize,
    /// Largest answer in bytes.
    pub max_body_bytes: usize,
    /// Which hosts may be talked to.
    pub hosts: HostRule,
    /// Address prefixes that are replaced before a request, longest match first.
    pub rewrites: Vec<(String, String)>,
}

/// Which hosts may be talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Any host (the settings decide).
    Any,
    /// Only this machine: rehearsals and tests.
    Loopback,
    /// Only the listed hosts.
    Listed(Vec<String>),
}

impl HostRule {
    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Loopback => match url.host() {
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                Some(url::Host::Domain(name)) => name == "localhost",
                None => false,
            },
            Self::Listed(hosts) => hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)),
        }
    }
}

/// How a client proves who we are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer …`.
    Bearer(SecretString),
    /// `Authorization: Basic …`.
    Basic {
        /// User name.
        user: String,
        /// Password or API token.
        secret: SecretString,
    },
    /// A header of the service's own.
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value.
        secret: SecretString,
    },
    /// With a Kerberos ticket; the service has to prove itself, too.
    Negotiate,
}

impl Auth {
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            // A ticket proves itself anew with every request: no fixed header.
            Self::None | Self::Negotiate => return None,
            Self::Bearer(secret) => (header::AUTHORIZATION, format!("Bearer {}", secret.expose_secret())),
            Self::Basic { user, secret } => {
                let pair = format!("{user}:{}", secret.expose_secret());
                (header::AUTHORIZATION, format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            Self::Header { name, secret } => (name.clone(), secret.expose_secret().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// The shared connection pool with its rules; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: reqwest::Client,
    policy: HttpPolicy,
    places: Semaphore,
    clock: Clock,
    cancel: CancellationToken,
}

impl Http {
    /// Builds the pool.
    ///
    /// # Errors
    ///
    /// The TLS set-up of this machine is unusable.
    pub fn new(policy: HttpPolicy, clock: Clock, cancel: CancellationToken) -> Result<Self, reqwest::Error> {
        let client = bare_client(&policy)?;
        let places = Semaphore::new(policy.in_flight);
        Ok(Self(Arc::new(Shared { client, policy, places, clock, cancel })))
    }

    /// A client for one service. `base` may end with a slash or not; paths of calls start with one.
    pub fn service(&self, service: Service, base: &str, auth: Auth) -> ServiceHttp {
        ServiceHttp { http: self.clone(), service, base: base.trim_end_matches('/').to_owned(), auth }
    }
}

/// A client without any rule of ours; for the simulator's clock and for [`Http`] itself.
///
/// Redirects are never followed: a redirect to a login page must not look like an answer.
///
/// # Errors
///
/// The TLS set-up of this machine is unusable.
pub fn bare_client(policy: &HttpPolicy) -> Result<reqwest::Client, reqwest::Error> {
    // A second installation is refused; the first one serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients")]
    let mut builder = reqwest::Client::builder()
        .connect_timeout(policy.connect_timeout)
        .read_timeout(policy.read_timeout)
        .timeout(policy.total_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(concat!("oar/", env!("CARGO_PKG_VERSION")));
    if policy.hosts == HostRule::Loopback {
        // No proxy between us and our own machine, and no system trust store to load.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder.build()
}

/// HTTP to one service.
#[derive(Debug, Clone)]
pub struct ServiceHttp {
    http: Http,
    service: Service,
    base: String,
    auth: Auth,
}

impl ServiceHttp {
    /// Which service this talks to.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Base address without trailing slash.
    pub fn base(&self) -> &str {
        &self.base
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

/// Longest matching prefix of `rewrites` replaced.
fn rewrite(rewrites: &[(String, String)], url: &str) -> String {
    rewrites
        .iter()
        .filter(|(from, _)| url.starts_with(from.as_str()))
        .max_by_key(|(from, _)| from.len())
        .map_or_else(|| url.to_owned(), |(from, to)| format!("{to}{}", &url[from.len()..]))
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
            keep(cache, &key, &answer);
            return Ok(answer);
        };
        let mut call = self.header("if-none-match", &kept.etag);
        call.revalidates = true;
        let answer = call.send().await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Answer { status: StatusCode::OK, body: kept.body.into(), ..answer });
        }
        keep(cache, &key, &answer);
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
        let url = Url::parse(&self.url).map_err(|_| error(Fault::BadUrl(mask::mask(&self.url))))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error(Fault::BadUrl(mask::mask(&self.url))));
        }
        if !self.http.http.0.policy.hosts.allows(&url) {
            return Err(error(Fault::HostNotAllowed(url.host_str().unwrap_or("an address without host").to_owned())));
        }
        Ok(url)
    }

    async fn attempt(&self, url: &Url) -> Result<Answer, ClientError> {
        let shared = &self.http.http.0;
        let error = |fault| ClientError::new(self.http.service, self.op, fault);
        let Ok(_place) = shared.places.acquire().await else { return Err(error(Fault::Cancelled)) };
        tracing::debug!(service = %self.http.service, op = self.op, "call");
        tokio::select! {
            answer = self.exchange(url) => answer,
            () = shared.cancel.cancelled() => Err(error(Fault::Cancelled)),
        }
    }

    async fn exchange(&self, url: &Url) -> Result<Answer, ClientError> {
        if matches!(self.http.auth, Auth::Negotiate) && self.is_at_home(url) {
            return self.negotiated(url).await;
        }
        let credential = if self.bare { None } else { self.http.auth.header() };
        self.judge(self.once(url, credential).await?)
    }

    /// Is this the very host of the service? A ticket's token goes nowhere else.
    fn is_at_home(&self, url: &Url) -> bool {
        !self.bare && Url::parse(&self.http.base).is_ok_and(|base| base.origin() == url.origin())
    }

    /// One exchange with Kerberos. Only an answer whose sender has proved itself counts as one; an
    /// outage or a refusal needs no proof, whoever stands in between may report it.
    async fn negotiated(&self, url: &Url) -> Result<Answer, ClientError> {
        let error = |why| ClientError::new(self.http.service, self.op, Fault::Kerberos(why));
        let (mut negotiation, mut token) = Negotiation::start(url).await.map_err(error)?;
        loop {
            let answer = self.once(url, Some((header::AUTHORIZATION, token))).await?;
            let proved = match negotiation.hear(answer.status, &answer.headers).await.map_err(error)? {
                Heard::Again(next, wanted) => {
                    (negotiation, token) = (next, wanted);
                    continue;
                }
                Heard::Proved => true,
                Heard::Unproved => false,
            };
            return match self.judge(answer) {
                Err(refused) if let Fault::Unauthorized(code) = refused.fault => {
                    Err(ClientError { fault: Fault::Kerberos(Kerberos::NotAccepted(code)), ..refused })
                }
                judged if proved => judged,
                Err(outage) if outage.is_transient() => Err(outage),
                Ok(_) | Err(_) => Err(error(Kerberos::Unproved)),
            };
        }
    }

    /// Sends the request once, with this credential, and reads the whole answer.
    async fn once(&self, url: &Url, credential: Option<(HeaderName, HeaderValue)>) -> Result<Answer, ClientError> {
        let mut request = self
            .http
            .http
            .0
            .client
            .request(self.method.clone(), url.clone())
            .headers(self.headers.clone())
            .body(self.body.clone());
        if let Some((name, value)) = credential {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|cause| self.broken(cause))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read_body(response).await?;
        Ok(Answer { service: self.http.service, op: self.op, status, headers, body })
    }

    async fn read_body(&self, mut response: reqwest::Response) -> Result<Bytes, ClientError> {
        let most = self.http.http.0.policy.max_body_bytes;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|cause| self.broken(cause))? {
            if body.len() + piece.len() > most {
                let why = format!("the answer is larger than {most} bytes");
                return Err(ClientError::unreadable(self.http.service, self.op, why));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }

    fn judge(&self, answer: Answer) -> Result<Answer, ClientError> {
        let code = answer.status.as_u16();
        let repeatable = matches!(code, 408 | 425 | 429 | 500 | 502..=504);
        let accepted = self.accepted.contains(&code) || (self.accepted == ANY && !repeatable);
        let unchanged = self.revalidates && code == 304;
        if answer.status.is_success() || accepted || unchanged {
            return Ok(answer);
        }
        let fault = match code {
            401 | 403 => Fault::Unauthorized(code),
            code => Fault::Status(code),
        };
        let retry_after_s = answer.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|text| {
            let date = || jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp());
            let wait = |at: jiff::Timestamp| at.duration_since(self.http.http.0.clock.now()).as_secs().max(0);
            text.trim().parse().ok().or_else(|| date().and_then(|at| u64::try_from(wait(at)).ok()))
        });
        let excerpt = excerpt(&answer.body);
        Err(ClientError { excerpt, retry_after_s, ..ClientError::new(self.http.service, self.op, fault) })
    }

    fn broken(&self, cause: reqwest::Error) -> ClientError {
        let fault = if cause.is_timeout() {
            Fault::TimedOut
        } else if cause.is_connect() {
            Fault::Unreachable
        } else {
            Fault::Broken
        };
        // The cause would repeat the address, which may carry a credential.
        let cause = Some(Box::new(cause.without_url()));
        ClientError { cause, ..ClientError::new(self.http.service, self.op, fault) }
    }
}

/// Keeps a whole answer that the service will know again. A page in place of the answer is kept by nobody,
/// nor is JSON that ends in the middle: the service would call it unchanged for ever.
fn keep(cache: &DiskCache, key: &str, answer: &Answer) {
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
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Fault::Unreadable`] with what stands there instead; a web page is named as such.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|cause| {
            let why = if self.body.is_empty() {
                "an empty body instead of JSON".to_owned()
            } else if self.is_web_page() {
                "a web page instead of JSON".to_owned()
            } else {
                format!("not the documented JSON ({cause})")
            };
            let excerpt = excerpt(&self.body);
            ClientError { excerpt, ..ClientError::unreadable(self.service, self.op, why) }
        })
    }

    /// Reads the body as text that is not a web page.
    ///
    /// # Errors
    ///
    /// [`Fault::Unreadable`] for a web page, an empty body or bytes that are not UTF-8.
    pub fn plain_text(&self) -> Result<&str, ClientError> {
        let refuse = |why: &str| ClientError::unreadable(self.service, self.op, why);
        if self.body.is_empty() {
            return Err(refuse("an empty body"));
        }
        if self.is_web_page() {
            return Err(refuse("a web page instead of the file"));
        }
        std::str::from_utf8(&self.body).map_err(|_| refuse("not UTF-8"))
    }

    /// Is this a confirmation whose body says nothing that we need? A login page with status 200 is none.
    ///
    /// # Errors
    ///
    /// [`Fault::Unreadable`] for a web page: a write may or may not have happened.
    pub fn done(&self) -> Result<(), ClientError> {
        if self.is_web_page() {
            return Err(ClientError::unreadable(self.service, self.op, "a web page instead of a confirmation"));
        }
        Ok(())
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
pub(super) fn excerpt(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * EXCERPT_CHARS)).unwrap_or_default());
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT_CHARS).collect();
    (!line.is_empty()).then(|| mask::mask(&line))
}
