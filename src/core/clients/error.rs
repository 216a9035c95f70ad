//! One call that did not help us: whom we asked, for what, what came back.

pub(in crate::core) mod next_step;

use std::fmt;

use jiff::Timestamp;

use self::next_step::credential_of;
use super::negotiate::Kerberos;
use crate::core::config::github_app::AppRole;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::foreign::sentence;
use crate::domain::mask::mask;
use crate::domain::service::Service;

/// A call that failed, with everything a person needs to go on.
#[derive(Debug)]
pub struct ClientError {
    /// Whom we asked.
    pub service: Service,
    /// The operation, in words.
    pub op: &'static str,
    /// What went wrong.
    pub fault: Fault,
    /// What was asked for and what the service said, when it answered. Boxed, because errors travel far.
    pub said: Option<Box<Quote>>,
    /// Seconds after which the service wants to be asked again.
    pub retry_after_s: Option<u64>,
    /// The lower error, printed as part of the chain.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What was asked for, and what the service said about it. Everything is masked and on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quote {
    /// The object: the path of the request, decoded.
    pub object: String,
    /// A short piece of the answer.
    pub excerpt: Option<String>,
    /// The page that the service names for going on.
    pub link: Option<String>,
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
    /// It asks for fewer requests; the status in which it says so.
    RateLimited(u16),
    /// The credential is good, but its account may not do this; the text says what, and why perhaps.
    NotAllowed(String),
    /// Kerberos did not let us in, or did not let us trust the answer.
    Kerberos(Kerberos),
    /// Any other status that is not success.
    Status(u16),
    /// The answer is not what the service documents.
    Unreadable(String),
    /// The answer is larger than so many bytes.
    TooLarge(usize),
    /// A web page (login, proxy, maintenance) stands in the place of the answer; the text says of what.
    WebPage(&'static str),
    /// The service says no in its body, in these words.
    Refused(String),
    /// Several things fit what was named; the text says which.
    Ambiguous(String),
    /// The service knows no job of this name.
    UnknownJob(String),
    /// A GitHub App in the place of a token does not get us in.
    App {
        /// Which of ours.
        role: AppRole,
        /// Its number.
        id: u64,
        /// Why not.
        trouble: Box<AppTrouble>,
    },
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
            Self::RateLimited(code) => write!(f, "asks for fewer requests with HTTP {code}"),
            Self::NotAllowed(what) => write!(f, "does not let our account {what}"),
            Self::Kerberos(why) => why.fmt(f),
            Self::Status(code) => write!(f, "answered HTTP {code}"),
            Self::Unreadable(why) => write!(f, "gave an answer we cannot read: {why}"),
            Self::TooLarge(most) => write!(f, "gave an answer that is larger than {most} bytes"),
            Self::WebPage(of) => write!(f, "gave an answer we cannot read: a web page instead of {of}"),
            Self::Refused(why) => write!(f, "refused: {}", quoted(why)),
            Self::Ambiguous(what) => f.write_str(what),
            Self::UnknownJob(job) => write!(f, "knows no job {job}"),
            Self::App { id, trouble, .. } => write!(f, "does not let GitHub App {id} in: {trouble}"),
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

/// Why a GitHub App does not get us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppTrouble {
    /// What it proves itself by is refused.
    NotProven,
    /// It is not installed where it is to act.
    NotInstalled {
        /// The repository.
        repository: String,
    },
    /// An administrator has suspended it, or took a right from it.
    Suspended,
    /// Even a token that was made a moment ago is refused.
    TokenRefused,
}

impl fmt::Display for AppTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProven => f.write_str("its proof is refused"),
            Self::NotInstalled { repository } => write!(f, "it is not installed on {repository}"),
            Self::Suspended => f.write_str("its installation is suspended"),
            Self::TokenRefused => f.write_str("its new token is refused"),
        }
    }
}

impl Fault {
    /// What a refusal in the body says.
    fn code(&self) -> Option<&str> {
        if let Self::Refused(code) = self { Some(code) } else { None }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, fault, op, .. } = self;
        write!(f, "{service} {fault} ({op}")?;
        let names_object = matches!(fault, Fault::Status(400..=499));
        if let Some(object) = self.object().filter(|_| names_object) {
            write!(f, ": {object}")?;
        }
        f.write_str(")")?;
        // What cannot be read is not quoted, and what a refusal said already is not said again.
        let quotes = !matches!(fault, Fault::Unreadable(_) | Fault::WebPage(_));
        // Slack's code is no sentence, and the scope that it wants stands beside it.
        let is_new =
            !matches!(fault, Fault::Refused(_)) || (*service == Service::Slack && self.excerpt() != fault.code());
        if let Some(excerpt) = self.excerpt().filter(|_| quotes && is_new) {
            write!(f, ", it says {}", quoted(excerpt))?;
        }
        if let Some(link) = self.link().filter(|_| quotes) {
            write!(f, ", see {link}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl ClientError {
    /// A failure without lower error and excerpt.
    pub fn new(service: Service, op: &'static str, fault: Fault) -> Self {
        let mut fault = fault;
        if let Fault::Unreadable(why) | Fault::Refused(why) | Fault::Ambiguous(why) | Fault::NotAllowed(why) =
            &mut fault
        {
            *why = shown(why);
        }
        Self { service, op, fault, said: None, retry_after_s: None, cause: None }
    }

    /// An answer that is not what the service documents.
    pub fn unreadable(service: Service, op: &'static str, why: impl Into<String>) -> Self {
        Self::new(service, op, Fault::Unreadable(why.into()))
    }

    /// A short piece of the answer on one line, masked, when there was one.
    pub fn excerpt(&self) -> Option<&str> {
        self.said.as_ref()?.excerpt.as_deref()
    }

    /// The page that the service names for going on.
    pub fn link(&self) -> Option<&str> {
        self.said.as_ref()?.link.as_deref()
    }

    /// The object that was asked for.
    pub fn object(&self) -> Option<&str> {
        self.said.as_ref().map(|said| said.object.as_str()).filter(|object| !object.is_empty())
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match &self.fault {
            Fault::TimedOut | Fault::Unreachable | Fault::Broken | Fault::Suspended { .. } => ErrorClass::Transient,
            Fault::Overspent { .. } | Fault::RateLimited(_) => ErrorClass::RateLimit,
            Fault::Status(code) => of_status(*code),
            Fault::UnknownJob(_) => ErrorClass::NotFound,
            Fault::Refused(_) => ErrorClass::Refused,
            Fault::Ambiguous(_) => ErrorClass::InvalidInput,
            Fault::Unauthorized(_) | Fault::App { .. } => ErrorClass::Auth,
            Fault::NotAllowed(_) => ErrorClass::Forbidden,
            Fault::NotPermitted => ErrorClass::Conflict,
            Fault::Kerberos(why) => why.class(),
            Fault::Unreadable(_) | Fault::WebPage(_) | Fault::TooLarge(_) => ErrorClass::Corrupt,
            Fault::HostNotAllowed(_) | Fault::BadUrl(_) | Fault::NoTls => ErrorClass::Config,
            Fault::Cancelled => ErrorClass::Internal,
        }
    }

    /// Would the same call probably succeed later?
    pub fn is_transient(&self) -> bool {
        matches!(self.class(), ErrorClass::Transient | ErrorClass::RateLimit)
    }

    /// Is there an answer, but not the one of the service? The same question may get it.
    pub fn is_garbled(&self) -> bool {
        matches!(self.fault, Fault::Unreadable(_) | Fault::WebPage(_) | Fault::Status(300..=399))
    }

    /// Is this how a service answers an account that lacks a right? What an account may not see is said not to exist.
    pub fn may_be_a_missing_right(&self) -> bool {
        let is_hidden = self.fault == Fault::Status(404) && credential_of(self.service).is_some();
        is_hidden || matches!(self.fault, Fault::NotAllowed(_))
    }

    /// Is the service down, as opposed to saying no? What the breaker counts.
    pub fn is_outage(&self) -> bool {
        let is_down = |code| code != 425 && of_status(code) == ErrorClass::Transient;
        matches!(self.fault, Fault::TimedOut | Fault::Unreachable | Fault::Broken | Fault::WebPage(_))
            || matches!(self.fault, Fault::Status(code) if is_down(code))
    }

    /// Was the request held back on our side?
    pub fn is_held_back(&self) -> bool {
        matches!(self.fault, Fault::Suspended { .. } | Fault::Overspent { .. })
    }

    /// May a write have happened although we got no good answer?
    pub fn may_have_happened(&self) -> bool {
        match &self.fault {
            Fault::TimedOut
            | Fault::Broken
            | Fault::Unreadable(_)
            | Fault::TooLarge(_)
            | Fault::WebPage(_)
            | Fault::Cancelled => true,
            // A service that leads elsewhere may do so after it has done what was asked.
            Fault::Status(code) => *code >= 500 || *code == 408 || (300..400).contains(code),
            Fault::Kerberos(why) => why.may_have_happened(),
            Fault::Unreachable
            | Fault::Unauthorized(_)
            | Fault::RateLimited(_)
            | Fault::NotAllowed(_)
            | Fault::Refused(_)
            | Fault::Ambiguous(_)
            | Fault::UnknownJob(_)
            | Fault::App { .. }
            | Fault::HostNotAllowed(_)
            | Fault::BadUrl(_)
            | Fault::NoTls
            | Fault::NotPermitted
            | Fault::Suspended { .. }
            | Fault::Overspent { .. } => false,
        }
    }
}

/// What a status means that is no success, and about neither credential nor number of requests.
const fn of_status(code: u16) -> ErrorClass {
    match code {
        // Statuses above 504 are those of proxies and content networks.
        408 | 425 | 500 | 502..=504 | 507 | 520..=530 | 598 | 599 => ErrorClass::Transient,
        404 | 410 => ErrorClass::NotFound,
        409 | 412 | 423 => ErrorClass::Conflict,
        407 | 511 => ErrorClass::Config,
        // We are led elsewhere, most likely to a log-in.
        ..=399 => ErrorClass::Corrupt,
        _ => ErrorClass::Refused,
    }
}

/// A foreign text in quotes, out of which it cannot get.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}

/// A piece of a foreign text as people may see it: on one line, masked, without what moves a terminal.
pub(super) fn shown(text: &str) -> String {
    let line = sentence(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(2 * SHOWN_CHARS).collect();
    let masked = mask(&line);
    match masked.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}\u{2026}", &masked[..end]),
        None => masked,
    }
}

/// Longest piece of a foreign text that an error carries.
const SHOWN_CHARS: usize = 400;
