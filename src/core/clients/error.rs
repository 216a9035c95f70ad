//! One call that did not help us: whom we asked, for what, what came back.

use std::fmt;

use jiff::Timestamp;

use super::negotiate::Kerberos;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::mask::mask;
use crate::domain::service::Service;

/// A call that failed, with everything a person needs to go on.
#[derive(Debug, thiserror::Error)]
#[error("{service} {fault} ({op})")]
pub struct ClientError {
    /// Whom we asked.
    pub service: Service,
    /// The operation, in words.
    pub op: &'static str,
    /// What went wrong.
    pub fault: Fault,
    /// A short, masked piece of the answer, when there was one.
    pub excerpt: Option<String>,
    /// Seconds after which the service wants to be asked again.
    pub retry_after_s: Option<u64>,
    /// The lower error, printed as part of the chain.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No answer within the time-out.
    TimedOut,
    /// No connection: nothing was sent.
    Unreachable,
    /// The connection broke after the request was sent.
    Broken,
    /// 401 or 403.
    Unauthorized(u16),
    /// Kerberos did not let us in, or did not let us trust the answer.
    Kerberos(Kerberos),
    /// Any other status that is not success.
    Status(u16),
    /// The answer is not what the service documents.
    Unreadable(String),
    /// A web page (login, proxy, maintenance) stands in the place of the answer; the text says of what.
    WebPage(&'static str),
    /// Status 200, but the service says no in its body.
    Refused(String),
    /// The service knows no job of this name.
    UnknownJob(String),
    /// We refuse to talk to this host.
    HostNotAllowed(String),
    /// The address in the settings or in data is no URL.
    BadUrl(String),
    /// This machine has no CA certificates to check anybody by: nothing was sent.
    NoTls,
    /// The run was cancelled while we waited.
    Cancelled,
    /// The lease under which this run may change something is over: nothing was sent.
    NotPermitted,
    /// It failed again and again, and is left alone for a while: nothing was sent.
    Suspended {
        /// Failures in a row.
        failures: u32,
        /// Since when it is left alone.
        since: Timestamp,
        /// When it is asked again.
        until: Timestamp,
    },
    /// We asked it as often as one hour allows: nothing was sent.
    Overspent {
        /// Requests within an hour.
        most: u32,
        /// When it may be asked again.
        until: Timestamp,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::Unreachable => f.write_str("cannot be reached"),
            Self::Broken => f.write_str("broke the connection"),
            Self::Unauthorized(code) => write!(f, "refused our credential with HTTP {code}"),
            Self::Kerberos(why) => why.fmt(f),
            Self::Status(code) => write!(f, "answered HTTP {code}"),
            Self::Unreadable(why) => write!(f, "gave an answer we cannot read: {why}"),
            Self::WebPage(of) => write!(f, "gave an answer we cannot read: a web page instead of {of}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::UnknownJob(job) => write!(f, "knows no job {job}"),
            Self::HostNotAllowed(host) => write!(f, "is at {host}, which is not an allowed host"),
            Self::BadUrl(url) => write!(f, "has no usable address ({url})"),
            Self::NoTls => f.write_str("cannot be asked: the TLS set-up of this machine is unusable"),
            Self::Cancelled => f.write_str("was not asked to the end: the run was cancelled"),
            Self::NotPermitted => f.write_str("was not asked to change anything: the lease of this run is over"),
            Self::Suspended { failures, since, until } => write!(
                f,
                "is not asked: it failed {failures} times in a row until {}, and is asked again from {} on",
                stamp(*since),
                stamp(*until)
            ),
            Self::Overspent { most, until } => write!(
                f,
                "is not asked: this run has sent it {most} requests within the hour, the most that is set; \
                 it is asked again from {} on",
                stamp(*until)
            ),
        }
    }
}

impl ClientError {
    /// A failure without lower error and excerpt.
    pub fn new(service: Service, op: &'static str, fault: Fault) -> Self {
        let mut fault = fault;
        if let Fault::Unreadable(why) | Fault::Refused(why) = &mut fault {
            *why = shown(why);
        }
        Self { service, op, fault, excerpt: None, retry_after_s: None, cause: None }
    }

    /// An answer that is not what the service documents.
    pub fn unreadable(service: Service, op: &'static str, why: impl Into<String>) -> Self {
        Self::new(service, op, Fault::Unreadable(why.into()))
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match &self.fault {
            Fault::TimedOut | Fault::Unreachable | Fault::Broken | Fault::Suspended { .. } => ErrorClass::Transient,
            Fault::Overspent { .. } => ErrorClass::RateLimit,
            Fault::Status(429) => ErrorClass::RateLimit,
            Fault::Status(408 | 425 | 500 | 502..=504) => ErrorClass::Transient,
            Fault::Status(404 | 410) | Fault::UnknownJob(_) => ErrorClass::NotFound,
            Fault::Status(409 | 412) | Fault::NotPermitted => ErrorClass::Conflict,
            Fault::Status(_) | Fault::Refused(_) => ErrorClass::InvalidInput,
            Fault::Unauthorized(_) => ErrorClass::Auth,
            Fault::Kerberos(why) => why.class(),
            Fault::Unreadable(_) | Fault::WebPage(_) => ErrorClass::Corrupt,
            Fault::HostNotAllowed(_) | Fault::BadUrl(_) | Fault::NoTls => ErrorClass::Config,
            Fault::Cancelled => ErrorClass::Internal,
        }
    }

    /// Would the same call probably succeed later?
    pub fn is_transient(&self) -> bool {
        matches!(self.class(), ErrorClass::Transient | ErrorClass::RateLimit)
    }

    /// Is the service down, as opposed to saying no? What the breaker counts.
    pub fn is_outage(&self) -> bool {
        matches!(
            self.fault,
            Fault::TimedOut
                | Fault::Unreachable
                | Fault::Broken
                | Fault::WebPage(_)
                | Fault::Status(408 | 500 | 502..=504)
        )
    }

    /// Was the request held back on our side?
    pub fn is_held_back(&self) -> bool {
        matches!(self.fault, Fault::Suspended { .. } | Fault::Overspent { .. })
    }

    /// May a write have happened although we got no good answer?
    pub fn may_have_happened(&self) -> bool {
        match &self.fault {
            Fault::TimedOut | Fault::Broken | Fault::Unreadable(_) | Fault::WebPage(_) | Fault::Cancelled => true,
            Fault::Status(code) => *code >= 500 || *code == 408,
            Fault::Kerberos(why) => why.may_have_happened(),
            Fault::Unreachable
            | Fault::Unauthorized(_)
            | Fault::Refused(_)
            | Fault::UnknownJob(_)
            | Fault::HostNotAllowed(_)
            | Fault::BadUrl(_)
            | Fault::NoTls
            | Fault::NotPermitted
            | Fault::Suspended { .. }
            | Fault::Overspent { .. } => false,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match &self.fault {
            Fault::TimedOut | Fault::Unreachable | Fault::Broken => {
                format!(
                    "check that {} is up and reachable from here (VPN), wait a few minutes and run it again",
                    self.service
                )
            }
            Fault::Status(429) if self.retry_after_s.is_some_and(|seconds| seconds >= 60) => {
                let minutes = self.retry_after_s.unwrap_or_default().div_ceil(60);
                format!("wait {minutes} min, the service asks for that, and run it again")
            }
            Fault::Status(404) if self.service == Service::BuildData => {
                "check the number of the release: build data has no branch for its minor".to_owned()
            }
            Fault::Status(429) => "wait a few minutes and run it again: the service asks for fewer requests".to_owned(),
            Fault::Status(408 | 425 | 500 | 502..=504) => "wait a few minutes and run it again".to_owned(),
            Fault::Unauthorized(_) => format!("renew the credential: {}", credential_hint(self.service)),
            Fault::Kerberos(why) => why.next_step(self.service),
            Fault::Status(_) | Fault::Refused(_) => {
                format!(
                    "look at what {} says above; if the request itself is wrong, report it as a bug of oar",
                    self.service
                )
            }
            Fault::Unreadable(_) | Fault::WebPage(_) => format!(
                "open {} in a browser: a login or maintenance page looks like this; then run it again",
                self.service
            ),
            Fault::UnknownJob(job) => format!(
                "check the name {job} in the registry of jobs and that the job is still defined in the CI configuration; \
                 asking again does not help"
            ),
            Fault::HostNotAllowed(_) => {
                "check the address; with OAR_SIM_URL set only the simulated world may be talked to, with OAR_NETWORK_ALLOW \
                 only the hosts it lists: add the host there if it is meant"
                    .to_owned()
            }
            Fault::NoTls => "install the CA certificates of the system (package ca-certificates)".to_owned(),
            Fault::BadUrl(_) => format!("correct the address ({})", self.service.url_env()),
            Fault::Suspended { until, .. } => format!(
                "check that {} is up and reachable from here (VPN) and run it again; a run that goes on asks by itself \
                 from {} on",
                self.service,
                stamp(*until)
            ),
            Fault::Overspent { .. } => format!(
                "if that many requests are right, raise services.{}.requests_per_hour; otherwise report it as a loop \
                 of oar",
                self.service
            ),
            Fault::Cancelled => "run it again; it continues where it was".to_owned(),
            Fault::NotPermitted => "let whoever drives now go on; oar -r RELEASE status shows who that is".to_owned(),
        }
    }
}

/// A piece of a foreign text as people may see it: on one line, masked, without what moves a terminal.
pub(super) fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(2 * SHOWN_CHARS).collect();
    mask(&line).chars().take(SHOWN_CHARS).collect()
}

/// Longest piece of a foreign text that an error carries.
const SHOWN_CHARS: usize = 400;

/// Which credential a service wants, and how to renew it.
fn credential_hint(service: Service) -> &'static str {
    match service {
        Service::Errata => "check ERRATA_TOKEN, or run kinit and leave OAR_ERRATA_AUTH out",
        Service::Jira => "check JIRA_USERNAME and JIRA_TOKEN",
        Service::Gitlab => "check GITLAB_TOKEN",
        Service::Jenkins => "check JENKINS_USER and JENKINS_TOKEN",
        Service::Slack => "check SLACK_BOT_TOKEN",
        Service::Github | Service::GithubRaw => "check GITHUB_TOKEN",
        Service::Gangway => "check APITOKEN; it expires, oc whoami -t shows a fresh one",
        Service::Registry => "check the pull secret",
        Service::Koji
        | Service::BrewDownload
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubWeb
        | Service::BuildData
        | Service::ReleaseController
        | Service::Prow
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::Pyxis
        | Service::CustomerPortal
        | Service::Kube
        | Service::Ldap
        | Service::Llm
        | Service::Oauth
        | Service::Elliott => "it should need none; look at the proxy in between",
    }
}
