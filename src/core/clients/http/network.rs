//! Clients of the network, with the time-outs of the settings.

use std::sync::OnceLock;
use std::time::Duration;

use super::policy::HttpPolicy;
use crate::core::config::hosts::HostRule;
use crate::core::config::http::ServiceRules;
use crate::core::transport::USER_AGENT;

/// A client without any rule of ours, for the simulator's clock.
///
/// Redirects are never followed: a redirect to a login page must not look like an answer.
///
/// # Errors
///
/// The TLS set-up of this machine is unusable.
pub fn bare_client(policy: &HttpPolicy) -> Result<reqwest::Client, reqwest::Error> {
    client_of(policy, &ServiceRules::default(), None)
}

/// A client that is built when it is first needed: it reads hundreds of files of certificates, and many a
/// command asks nobody.
#[derive(Debug)]
pub(super) struct LazyClient {
    own: ServiceRules,
    proxy: Option<reqwest::Proxy>,
    built: OnceLock<reqwest::Client>,
}

impl LazyClient {
    pub(super) fn new(policy: &HttpPolicy, own: &ServiceRules) -> Result<Self, reqwest::Error> {
        let proxy = own.proxy.as_deref().filter(|_| policy.hosts != HostRule::Loopback);
        let proxy = proxy.map(reqwest::Proxy::all).transpose()?;
        Ok(Self { own: own.clone(), proxy, built: OnceLock::new() })
    }

    pub(super) fn get(&self, policy: &HttpPolicy) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let client = client_of(policy, &self.own, self.proxy.clone())?;
        Ok(self.built.get_or_init(|| client))
    }

    /// How long an answer is waited for that comes in one piece.
    pub(super) fn limit(&self, policy: &HttpPolicy) -> Duration {
        self.own.read_timeout.unwrap_or(policy.read_timeout).min(self.own.total_timeout.unwrap_or(policy.total_timeout))
    }
}

fn client_of(
    policy: &HttpPolicy,
    own: &ServiceRules,
    proxy: Option<reqwest::Proxy>,
) -> Result<reqwest::Client, reqwest::Error> {
    // A second installation is refused; the first one serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients")]
    let mut builder = reqwest::Client::builder()
        .connect_timeout(policy.connect_timeout)
        .read_timeout(own.read_timeout.unwrap_or(policy.read_timeout))
        .timeout(own.total_timeout.unwrap_or(policy.total_timeout))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(USER_AGENT);
    if policy.hosts == HostRule::Loopback {
        // No proxy between us and our own machine, and no system trust store to load.
        builder = builder.no_proxy().tls_certs_only([]);
    } else if let Some(proxy) = proxy {
        builder = builder.proxy(proxy);
    }
    builder.build()
}
