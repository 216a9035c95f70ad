//! Addresses that people paste where an id is wanted. Only the id is taken: requests go to configured hosts
//! alone, and an address of a stranger's host is refused, so that nobody mistakes it for what we looked at.

use super::ids::{BuildNumber, ProwJobId};
use super::release::ZStream;

/// Why a pasted text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPasted {
    /// Neither an id nor an address.
    #[error("{text:?} is no {what}, e.g. {example}")]
    NoId {
        /// The text.
        text: String,
        /// What was wanted.
        what: &'static str,
        /// One that is right.
        example: &'static str,
    },
    /// An address of a host that is not configured.
    #[error("{host} is none of the configured services; give the {what} itself, e.g. {example}")]
    Stranger {
        /// The host.
        host: String,
        /// What was wanted.
        what: &'static str,
        /// A right value.
        example: &'static str,
    },
    /// An address that names none, or several different ones.
    #[error("the address names no single {what}; give it itself, e.g. {example}")]
    Unclear {
        /// What was wanted.
        what: &'static str,
        /// A right value.
        example: &'static str,
    },
}

/// A release, or the one that an address on one of `hosts` names.
///
/// # Errors
///
/// As [`NotPasted`] says.
pub fn release(text: &str, hosts: &[String]) -> Result<ZStream, NotPasted> {
    let (what, example) = ("release", "4.20.17");
    let in_path = |part: &str| {
        let part = part.strip_suffix(".yaml").or(part.strip_suffix(".yml")).unwrap_or(part);
        part.trim_start_matches('v').parse::<ZStream>().ok()
    };
    find(text, hosts, what, example, |text| text.parse().ok(), in_path)
}

/// The number of a Jenkins build, or the one that an address names.
///
/// # Errors
///
/// As [`NotPasted`] says.
pub fn build_number(text: &str, hosts: &[String]) -> Result<BuildNumber, NotPasted> {
    find(text, hosts, "build number", "1413", |text| text.parse().ok(), |part| part.parse().ok())
}

/// The id of a Prow job, or the one that an address names.
///
/// # Errors
///
/// As [`NotPasted`] says.
pub fn prow_job(text: &str, hosts: &[String]) -> Result<ProwJobId, NotPasted> {
    let example = "4f1c2d3e-0000-4000-8000-000000000001";
    let id = |part: &str| {
        let hex = part.len() >= 16 && part.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if hex { part.parse().ok() } else { None }
    };
    find(text, hosts, "job id", example, |text| text.parse().ok(), id)
}

fn find<T: PartialEq>(
    text: &str,
    hosts: &[String],
    what: &'static str,
    example: &'static str,
    whole: impl Fn(&str) -> Option<T>,
    in_path: impl Fn(&str) -> Option<T>,
) -> Result<T, NotPasted> {
    let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(address) = address else {
        let short: String = text.chars().take(80).collect();
        return whole(text).ok_or(NotPasted::NoId { text: short, what, example });
    };
    let (authority, path) = address.split_once(['/', '?', '#']).unwrap_or((address, ""));
    // A query tells where somebody came from (`?from=4.20.16`), not what the page is about.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    // What stands before an @ is a name, not the host; nobody pastes one in good faith.
    let known = hosts.iter().any(|host| authority.eq_ignore_ascii_case(host));
    if !known {
        let host = authority.rsplit('@').next().unwrap_or_default().chars().take(80).collect();
        return Err(NotPasted::Stranger { host, what, example });
    }
    // The last one counts: addresses go from the general to the particular.
    let mut parts = path.split(['/', ':']).rev();
    parts.find_map(in_path).ok_or(NotPasted::Unclear { what, example })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<String> {
        vec!["git.example.com".to_owned(), "127.0.0.1:8001".to_owned()]
    }

    #[test]
    fn the_release_is_taken_out_of_a_pasted_address() {
        for text in [
            "4.20.17",
            "https://git.example.com/org/repo/blob/z-stream/_releases/4.20/statebox/4.20.17.yaml",
            "http://127.0.0.1:8001/releasestream/4-stable/release/4.20.17?from=4.20.16",
            "https://GIT.example.com/x/v4.20.17",
        ] {
            assert_eq!(release(text, &hosts()).unwrap().to_string(), "4.20.17", "{text}");
        }
    }

    #[test]
    fn a_strangers_address_is_refused_even_when_it_names_a_known_host() {
        for text in [
            "https://evil.example.net/4.20.17",
            "https://git.example.com@evil.example.net/4.20.17",
            "https://git.example.com.evil.example.net/4.20.17",
            "https://git.example.com:8443/4.20.17",
        ] {
            assert!(matches!(release(text, &hosts()), Err(NotPasted::Stranger { .. })), "{text}");
        }
    }

    #[test]
    fn what_names_nothing_says_what_is_wanted() {
        assert_eq!(release("4.20", &hosts()).unwrap_err().to_string(), "\"4.20\" is no release, e.g. 4.20.17");
        let unclear = build_number("https://git.example.com/job/Stage-Pipeline/", &hosts()).unwrap_err();
        assert_eq!(unclear.to_string(), "the address names no single build number; give it itself, e.g. 1413");
    }

    #[test]
    fn builds_and_jobs_are_taken_from_the_end_of_their_address() {
        let number = build_number("https://git.example.com/job/zstreams/job/Stage-Pipeline/1413/console", &hosts());
        assert_eq!(number.unwrap().to_string(), "1413");
        let id = "4f1c2d3e-0000-4000-8000-000000000001";
        let job = prow_job(&format!("https://git.example.com/view/gs/x/{id}"), &hosts());
        assert_eq!(job.unwrap().to_string(), id);
    }
}
