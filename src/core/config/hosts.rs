//! Which hosts may be talked to.

use std::net::IpAddr;

use url::Url;

/// Which hosts may be talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Any host: the addresses in the settings decide.
    Any,
    /// Only this machine: rehearsals and tests.
    Loopback,
    /// Only the listed hosts (`OAR_NETWORK_ALLOW`).
    Listed(Vec<String>),
}

impl HostRule {
    /// May this address be asked?
    pub fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Loopback => match url.host() {
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                // Where the scheme is not a web address, an IPv4 address is parsed as a name.
                Some(url::Host::Domain(name)) => {
                    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
                }
                None => false,
            },
            Self::Listed(hosts) => hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)),
        }
    }
}
