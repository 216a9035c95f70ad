//! Which answers ask for fewer requests, however a service says it, and how long it wants to be left alone.
//!
//! 429 says it plainly. GitHub says it with 403 as well: its hourly allowance by headers, its "secondary" limit (of old
//! "abuse detection") in words alone. The page that such an answer links to is a better mark than the words, but old
//! servers send only these.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, SlowDown};
use crate::domain::service::Service;

/// GitHub wants a minute at least, and longer each time it has to say it again.
const FIRST_PAUSE_S: u64 = 60;

/// More is asked for by no service.
const LONGEST_PAUSE_S: u64 = 960;

/// Refusals that named no time, by service: the last one, and the pause after it.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<BTreeMap<Service, (Timestamp, u64)>>);

impl Pauses {
    /// Does `answer` ask for fewer requests?
    pub(super) fn of(&self, answer: &Answer, now: Timestamp) -> Option<SlowDown> {
        let code = answer.status.as_u16();
        let number = |name| answer.header(name).and_then(|text| text.trim().parse::<i64>().ok());
        let used_up = is_github(answer.service) && number("x-ratelimit-remaining") == Some(0);
        let asked = retry_after(answer, now);
        let worded = is_github(answer.service) && matches!(code, 403 | 429) && is_secondary(&answer.body);
        let disguised = code == 403 && is_github(answer.service) && (asked.is_some() || used_up || worded);
        if code != 429 && !disguised {
            return None;
        }
        // One second more, because GitHub counts in whole ones.
        let reset =
            || number("x-ratelimit-reset").map(|at| at.saturating_sub(now.as_second()).saturating_add(1).max(0));
        let full_again = if used_up { reset().and_then(|seconds| u64::try_from(seconds).ok()) } else { None };
        let wait_s = asked.or(full_again).or_else(|| worded.then(|| self.pause(answer.service, now)));
        Some(SlowDown { wait_s })
    }

    /// Seconds to leave a service alone that does not say for how long: twice as many as before, unless that was
    /// long ago.
    pub(super) fn pause(&self, service: Service, now: Timestamp) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let long_ago = |(at, pause): &(Timestamp, u64)| {
            let rest = SignedDuration::from_secs(i64::try_from(*pause).unwrap_or_default() * 2);
            now.duration_since(*at) > rest + SignedDuration::from_mins(1)
        };
        let before = last.get(&service).filter(|one| !long_ago(one)).map(|(_, pause)| *pause);
        let pause = before.map_or(FIRST_PAUSE_S, |pause| (pause * 2).min(LONGEST_PAUSE_S));
        last.insert(service, (now, pause));
        pause
    }
}

/// Does a message of GitHub, or the page it links to, speak of the limit that has no header?
pub(in crate::core::clients) fn is_secondary(text: &[u8]) -> bool {
    const MARKS: [&str; 5] = [
        "secondary rate limit",
        "#abuse-rate-limits",
        "secondary-rate-limits",
        "abuse detection",
        "api rate limit exceeded",
    ];
    let text = String::from_utf8_lossy(text.get(..text.len().min(4_000)).unwrap_or_default()).to_ascii_lowercase();
    MARKS.iter().any(|mark| text.contains(mark))
}

/// Seconds of `Retry-After`, which holds a number or a date.
fn retry_after(answer: &Answer, now: Timestamp) -> Option<u64> {
    let text = answer.header("retry-after")?.trim();
    let date = || jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp().duration_since(now).as_secs().max(0));
    text.parse().ok().or_else(|| date().and_then(|seconds| u64::try_from(seconds).ok()))
}

/// Everything that GitHub serves.
const fn is_github(service: Service) -> bool {
    match service {
        Service::Github | Service::GithubRaw | Service::GithubWeb | Service::BuildData => true,
        Service::Errata
        | Service::Koji
        | Service::BrewDownload
        | Service::Jira
        | Service::Gitlab
        | Service::Jenkins
        | Service::Slack
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::ReleaseController
        | Service::Gangway
        | Service::Prow
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::Pyxis
        | Service::CustomerPortal
        | Service::Registry
        | Service::Kube
        | Service::Ldap
        | Service::Llm
        | Service::Oauth
        | Service::Elliott => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_names_no_time_is_left_alone_for_longer_each_time_until_it_was_quiet() {
        let (limits, at) = (Pauses::default(), |seconds| Timestamp::from_second(seconds).unwrap());
        let pauses: Vec<_> = [0, 60, 180, 420].map(|second| limits.pause(Service::Github, at(second))).into();
        assert_eq!(pauses, [60, 120, 240, 480]);
        assert_eq!(limits.pause(Service::GithubRaw, at(420)), 60, "another service is not its business");
        let longest: Vec<_> = (0..4).map(|_| limits.pause(Service::Github, at(430))).collect();
        assert_eq!(longest, [960; 4]);
        assert_eq!(limits.pause(Service::Github, at(430 + 2 * 960 + 61)), 60);
    }
}
