//! What a piece of work is about: ledger, locks and the units of a pass are kept apart by it.

use std::fmt;
use std::str::FromStr;

use super::build::minor_of;
use super::build_stream::BuildStream;
use super::ids::{BadId, BuildName, JiraKey, JobName};
use super::release::{Minor, ZStream};

/// A release, a build, a stream of builds, a job, an issue or a pull request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A release.
    Release(ZStream),
    /// A nightly or stable payload.
    Build(BuildName),
    /// A stream of builds.
    Stream(BuildStream),
    /// A test job that somebody runs.
    Job(JobName),
    /// A Jira issue.
    Issue(JiraKey),
    /// A pull request on GitHub.
    PullRequest(PullRequest),
}

impl Subject {
    /// Its name in names of files, where no two subjects share one. A release has its bare number, as the files of
    /// earlier versions do.
    pub fn file_name(&self) -> String {
        match self {
            Self::Release(release) => release.to_string(),
            Self::Build(build) => format!("build-{build}"),
            Self::Stream(BuildStream { minor, stream, arch }) => {
                format!("stream-{minor}-{}-{}", stream.name(), arch.name())
            }
            Self::Job(job) => format!("job-{job}"),
            Self::Issue(key) => format!("issue-{key}"),
            // No owner and no repository has a plus sign in its name.
            Self::PullRequest(PullRequest { owner, repository, number }) => {
                format!("pull-request-{owner}+{repository}+{number}")
            }
        }
    }

    /// The minor release whose lead looks after it, if it belongs to one.
    pub fn minor(&self) -> Option<Minor> {
        match self {
            Self::Release(release) => Some(release.minor()),
            Self::Build(build) => minor_of(&build.to_string()),
            Self::Stream(stream) => Some(stream.minor),
            Self::Job(_) | Self::Issue(_) | Self::PullRequest(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(release) => release.fmt(f),
            Self::Build(build) => build.fmt(f),
            Self::Stream(stream) => stream.fmt(f),
            Self::Job(job) => job.fmt(f),
            Self::Issue(key) => key.fmt(f),
            Self::PullRequest(pull_request) => pull_request.fmt(f),
        }
    }
}

impl From<&ZStream> for Subject {
    fn from(release: &ZStream) -> Self {
        Self::Release(release.clone())
    }
}

impl From<&BuildStream> for Subject {
    fn from(stream: &BuildStream) -> Self {
        Self::Stream(*stream)
    }
}

/// A pull request by its place, written `owner/repository#12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullRequest {
    owner: String,
    repository: String,
    number: u64,
}

impl FromStr for PullRequest {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |part: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !part.is_empty() && part.bytes().all(allowed)
        };
        let parts = || {
            let (place, number) = text.split_once('#')?;
            let (owner, repository) = place.split_once('/').filter(|(owner, name)| plain(owner) && plain(name))?;
            let number = number.parse().ok()?;
            Some(Self { owner: owner.to_owned(), repository: repository.to_owned(), number })
        };
        parts().ok_or_else(|| BadId { text: text.to_owned(), what: "a pull request (owner/repository#12)" })
    }
}

impl fmt::Display for PullRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.owner, self.repository, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_subjects_share_a_name_of_a_file_and_none_leads_out_of_a_folder() {
        let release: ZStream = "4.20.17".parse().unwrap();
        let subjects = [
            Subject::from(&release),
            Subject::Build("4.20.17".parse().unwrap()),
            Subject::Job("4.20.17".parse().unwrap()),
            Subject::Issue("OCPBUGS-17".parse().unwrap()),
            Subject::PullRequest("a-b/c#1".parse().unwrap()),
            Subject::PullRequest("a/b-c#1".parse().unwrap()),
        ];
        let names = subjects.clone().map(|subject| subject.file_name());
        let wanted = ["4.20.17", "build-4.20.17", "job-4.20.17", "issue-OCPBUGS-17"];
        assert_eq!(names[..4], wanted);
        assert_eq!(names[4..], ["pull-request-a-b+c+1", "pull-request-a+b-c+1"]);
        let shown = subjects.map(|subject| subject.to_string());
        assert_eq!(shown, ["4.20.17", "4.20.17", "4.20.17", "OCPBUGS-17", "a-b/c#1", "a/b-c#1"]);
        for text in ["../x", "a/b", ".hidden", ""] {
            assert!(text.parse::<JobName>().is_err(), "{text}");
        }
        for text in ["a#1", "a/b", "a/b/c#1", "../b#1/x", "/b#1", "a/b#x"] {
            assert!(text.parse::<PullRequest>().is_err(), "{text}");
        }
    }
}
