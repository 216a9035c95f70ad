//! The one way out: every request of every client passes here.
//!
//! Time-outs, repetition by class, a bound on requests in flight and on body sizes, the host rule,
//! credentials, and errors that name service and operation. A service that fails again and again is
//! left alone for a while, and no loop asks a service without end. Secrets are opened here and nowhere
//! else among the clients.

pub mod answer;
pub mod auth;
pub mod breaker;
mod budget;
pub mod call;
mod excerpt;
mod exchange;
mod gate;
pub mod limits;
pub mod network;
pub mod policy;
pub mod seen;
mod time;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use self::answer::Answer;
use self::auth::Auth;
use self::call::Call;
use self::gate::{Gate, Gates};
use self::limits::Pauses;
use self::network::{LazyClient, OwnTls};
use self::policy::{HttpPolicy, Rules, rewrite};
use self::seen::{Lately, Seen};
use super::error::ClientError;
use super::retry::Repeat;
use crate::core::clock::Clock;
use crate::core::config::http::ServiceRules;
use crate::core::permit::Permit;
use crate::core::transport::{Programs, Transport};
use crate::domain::mask::Masker;
use crate::domain::service::Service;

/// The shared connection pool with its rules, for whoever may change something as long as the permit lasts and
/// whose work the token ends; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http(Arc<Shared>, Permit, CancellationToken);

#[derive(Debug)]
struct Shared {
    transport: Transport,
    client: LazyClient,
    /// Clients of services with time-outs or a proxy of their own.
    clients: BTreeMap<Service, LazyClient>,
    policy: HttpPolicy,
    gates: Gates,
    lately: Lately,
    pauses: Pauses,
    masker: Masker,
    clock: Clock,
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
        let (lately, pauses) = (Lately::default(), Pauses::default());
        let masker = rules.masker.clone();
        let shared = Shared { transport, client, clients, policy, gates, lately, pauses, masker, clock };
        Ok(Self(Arc::new(shared), Permit::default(), cancel))
    }

    /// The same pool for whoever may change something outside only as long as `permit` lasts.
    #[must_use]
    pub fn permitted_by(&self, permit: &Permit) -> Self {
        Self(Arc::clone(&self.0), permit.clone(), self.2.clone())
    }

    /// Services that were asked, and when they were last heard of.
    pub fn upstreams(&self) -> BTreeMap<Service, Seen> {
        self.0.lately.all()
    }

    /// Programs that need not be started, where the services need no network.
    pub fn programs(&self) -> Option<&Programs> {
        self.0.transport.programs()
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
        ServiceHttp { http: self.clone(), service, base, auth, gate, own: None }
    }

    /// The same with certificates for this service alone.
    pub fn service_with(&self, service: Service, base: &str, auth: Auth, tls: OwnTls) -> ServiceHttp {
        let client = self.0.clients.get(&service).unwrap_or(&self.0.client).with(tls);
        ServiceHttp { own: Some(Arc::new(client)), ..self.service(service, base, auth) }
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
    /// A client with certificates of its own.
    own: Option<Arc<LazyClient>>,
}

impl ServiceHttp {
    /// The same service, whose requests `cancel` alone ends.
    #[must_use]
    pub(super) fn ended_by(self, cancel: &CancellationToken) -> Self {
        let Http(shared, permit, _) = self.http;
        Self { http: Http(shared, permit, cancel.clone()), ..self }
    }

    /// How far the clock of this machine is ahead of the service's, by its last answer that names a time.
    pub(super) fn clock_ahead(&self) -> Option<SignedDuration> {
        self.http.0.lately.clock_ahead(self.service)
    }

    /// Masks what a service said.
    pub(super) fn mask(&self, text: &str) -> String {
        self.http.0.masker.mask(text)
    }

    /// Seconds to leave the service alone after it asked for fewer requests without saying for how long.
    pub(super) fn pause_s(&self) -> u64 {
        self.http.0.pauses.pause(self.service, self.now())
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

    /// Sends a request that a library has put together (GitLab); `check` tells whether its answer can be read.
    ///
    /// # Errors
    ///
    /// As [`Call::read`].
    pub async fn forward(
        &self,
        op: &'static str,
        repeat: Repeat,
        request: http::Request<Bytes>,
        check: impl Fn(&Answer) -> Result<(), ClientError>,
    ) -> Result<Answer, ClientError> {
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
            accepted: &[],
            bare: false,
            revalidates: false,
        };
        call.read(|answer| check(&answer).map(|()| answer)).await
    }
}
