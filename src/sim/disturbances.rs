//! What the services suffer from all at once: outages, slowness, expired tokens, allowances, busy colleagues.
//!
//! A scenario sets it; `/__sim/limits` and people change it later. Nothing of it is on by default.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::gateway::Bucket;
use crate::domain::service::Service;

pub mod gateway;

/// The circumstances of a world.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Disturbances {
    /// Services that are out one after the other, each for a fixed time, over and over.
    pub outages_in_turn: bool,
    /// Answers take up to twenty seconds, one in twenty up to a minute.
    pub slow: bool,
    /// Chance in percent that a request meets a random fault.
    pub flaky_percent: u32,
    /// Services whose look-ups show what was true up to so many seconds ago.
    pub oldest_s: BTreeMap<Service, u32>,
    /// Services whose caches serve what was true at a time, until another.
    pub copies: BTreeMap<Service, (Timestamp, Timestamp)>,
    /// Services that are out from one time to another, counted from the beginning of the world.
    #[serde(skip)]
    pub out: Vec<(Service, SignedDuration, SignedDuration)>,
    /// Services that hide everything from us, as they do from strangers, in the same way.
    #[serde(skip)]
    pub hidden: Vec<(Service, SignedDuration, SignedDuration)>,
    /// Tokens that expire, with their end counted from the beginning of the world.
    #[serde(skip)]
    pub expiring: Vec<(Service, SignedDuration)>,
    /// Tokens that were renewed.
    pub renewed: Vec<Service>,
    /// GitHub, Gangway and Slack grant only what they grant in real life.
    pub limits: bool,
    /// How many starts the job gateway grants, when that is limited for itself.
    pub gateway: Option<Bucket>,
    /// How many other writers work on the branch of the state files.
    pub writers: u32,
    /// When the world began.
    pub since: Option<Timestamp>,
    #[serde(skip)]
    calls: BTreeMap<&'static str, VecDeque<Timestamp>>,
    #[serde(skip)]
    pub(in crate::sim) written: u32,
}

/// The service that is asked with a Kerberos ticket.
pub(in crate::sim) const KERBERIZED: Service = Service::Errata;

/// How long one service is out before the next one is.
pub(in crate::sim) const OUTAGE: SignedDuration = SignedDuration::from_mins(5);

/// How many services are out in turn.
pub(in crate::sim) const TURNS: usize = 14;

/// When a service is out in turn; nothing for those that never are.
pub(in crate::sim) const fn turn_of(service: Service) -> Option<usize> {
    Some(match service {
        Service::Errata => 0,
        Service::Jira => 1,
        Service::Gitlab => 2,
        Service::Github => 3,
        Service::BuildData => 4,
        Service::ReleaseController => 5,
        Service::Jenkins => 6,
        Service::Gangway => 7,
        Service::Prow => 8,
        Service::Slack => 9,
        Service::Registry => 10,
        Service::Signatures => 11,
        Service::CatalogStage => 12,
        Service::CustomerPortal => 13,
        Service::Koji
        | Service::BrewDownload
        | Service::GithubRaw
        | Service::Catalog
        | Service::Kube
        | Service::Elliott
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubWeb
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Pyxis
        | Service::Ldap
        | Service::Llm
        | Service::Oauth => return None,
    })
}

/// An allowance: so many calls within a time.
pub(in crate::sim) struct Allowance {
    pub(in crate::sim) name: &'static str,
    calls: usize,
    within: SignedDuration,
}

pub(in crate::sim) const MINUTE: SignedDuration = SignedDuration::from_mins(1);
pub(in crate::sim) const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// GitHub's allowance for calls that create content.
pub(in crate::sim) const CONTENT: [Allowance; 2] = [
    Allowance { name: "github content a minute", calls: 80, within: MINUTE },
    Allowance { name: "github content an hour", calls: 500, within: HOUR },
];
/// GitHub's allowance for everything.
pub(in crate::sim) const PRIMARY: Allowance = Allowance { name: "github", calls: 5000, within: HOUR };
/// The gateway's numbers are not published; this is what it was seen to grant.
pub(in crate::sim) const GANGWAY: Allowance = Allowance { name: "gangway", calls: 10, within: MINUTE };
/// Slack's tiers, by method.
pub(in crate::sim) const SLACK: [Allowance; 5] = [
    Allowance { name: "usergroups.list", calls: 20, within: MINUTE },
    Allowance { name: "conversations.list", calls: 20, within: MINUTE },
    Allowance { name: "users.lookupByEmail", calls: 50, within: MINUTE },
    Allowance { name: "users.info", calls: 100, within: MINUTE },
    Allowance { name: "chat.update", calls: 50, within: MINUTE },
];

impl Disturbances {
    /// The same circumstances, counted from this time on.
    pub fn beginning(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// Every call below an allowance is counted; the seconds to wait when nothing is left.
    pub(in crate::sim) fn over(&mut self, allowance: &Allowance, now: Timestamp) -> Option<i64> {
        let calls = self.calls.entry(allowance.name).or_default();
        while calls.front().is_some_and(|first| now.duration_since(*first) >= allowance.within) {
            calls.pop_front();
        }
        if calls.len() < allowance.calls {
            calls.push_back(now);
            return None;
        }
        let left = calls.front().map_or(allowance.within, |first| allowance.within - now.duration_since(*first));
        Some(left.as_secs().max(1))
    }

    /// Takes a start out of the gateway's bucket; the refusal's seconds, and whether it says them.
    pub(in crate::sim) fn gateway_refuses(&mut self, now: Timestamp) -> Option<(i64, bool)> {
        let since = self.since.unwrap_or(now);
        let bucket = self.gateway.as_mut()?;
        bucket.take(since, now).err().map(|seconds| (seconds, bucket.says_when))
    }

    fn age(&self, now: Timestamp) -> SignedDuration {
        self.since.map_or(SignedDuration::ZERO, |since| now.duration_since(since))
    }

    /// Is the service out now?
    pub(in crate::sim) fn is_out(&self, service: Service, now: Timestamp) -> bool {
        let turn = usize::try_from(self.age(now).as_secs() / OUTAGE.as_secs()).unwrap_or_default();
        (self.outages_in_turn && turn_of(service) == Some(turn % TURNS)) || self.within(&self.out, service, now)
    }

    /// Does the service hide everything from us now?
    pub(in crate::sim) fn is_hidden(&self, service: Service, now: Timestamp) -> bool {
        self.within(&self.hidden, service, now)
    }

    fn within(&self, times: &[(Service, SignedDuration, SignedDuration)], service: Service, now: Timestamp) -> bool {
        let age = self.age(now);
        times.iter().any(|(name, from, to)| *name == service && age >= *from && age < *to)
    }

    /// How old the copy is that the cache of the service serves now.
    pub(in crate::sim) fn age_of_copy(&self, service: Service, now: Timestamp) -> Option<u32> {
        let (made, _) = self.copies.get(&service).filter(|(_, until)| now < *until)?;
        u32::try_from(now.duration_since(*made).as_secs()).ok().filter(|age| *age > 0)
    }

    /// Whether chance plays a part, so that requests need keys.
    pub(in crate::sim) fn are_random(&self) -> bool {
        self.slow || self.flaky_percent > 0 || !self.oldest_s.is_empty()
    }

    /// Whether an answer may show what was true before.
    pub(in crate::sim) fn may_be_old(&self) -> bool {
        self.flaky_percent > 0 || !self.oldest_s.is_empty() || !self.copies.is_empty()
    }

    pub(in crate::sim) fn expired(&self, service: Service, now: Timestamp) -> bool {
        let over = |(name, after): &(Service, SignedDuration)| *name == service && self.age(now) >= *after;
        self.expiring.iter().any(over) && !self.renewed.contains(&service)
    }

    /// Renews all expired tokens; their services, or nothing when none is expired. A Kerberos ticket is no token.
    pub fn renew(&mut self, now: Timestamp) -> Option<String> {
        self.renew_those(now, |name| name != KERBERIZED)
    }

    /// Renews the Kerberos ticket; nothing when it is not expired.
    pub fn renew_ticket(&mut self, now: Timestamp) -> Option<String> {
        self.renew_those(now, |name| name == KERBERIZED)
    }

    fn renew_those(&mut self, now: Timestamp, wanted: impl Fn(Service) -> bool) -> Option<String> {
        let names: Vec<Service> = self
            .expiring
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| wanted(*name) && self.expired(*name, now))
            .collect();
        self.renewed.extend(&names);
        (!names.is_empty()).then(|| listed(&names))
    }
}

/// The ids of services, for people.
pub(in crate::sim) fn listed(services: &[Service]) -> String {
    services.iter().map(|service| service.id()).collect::<Vec<_>>().join(", ")
}
