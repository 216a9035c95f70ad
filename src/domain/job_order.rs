//! What somebody asks of Prow by hand: a job by its name, and the variables that it runs with.

use std::collections::BTreeMap;

use super::build::{Arch, minor_of};
use super::foreign::quoted;
use super::ids::{JobName, MrIid};
use super::job_images::{BadImages, Images, arch_for};
use super::pull_spec::{PullSpec, Reference};
use super::release::ZStream;

/// The job that compares a payload with its shipment.
pub const CONSISTENCY_JOB: &str = "periodic-ci-openshift-release-tests-main-image-consistency-check";

/// The variable by which that job is given the payload.
pub const CONSISTENCY_PAYLOAD: &str = "MULTISTAGE_PARAM_OVERRIDE_PAYLOAD_URL";

/// The variable by which that job is given the merge request.
pub const CONSISTENCY_MERGE_REQUEST: &str = "MULTISTAGE_PARAM_OVERRIDE_MERGE_REQUEST_ID";

/// What names of periodic jobs begin with.
pub const PERIODIC: &str = "periodic-ci-";

/// One job with its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOrder {
    /// Its full name.
    pub job: JobName,
    /// What it is given beside its own configuration.
    pub variables: BTreeMap<String, String>,
}

/// A payload that the two jobs around a promoted release do not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is no payload of a release: write {repository}:X.Y.Z-x86_64", quoted(spec))]
pub struct NoReleasePayload {
    /// What was given.
    pub spec: String,
    /// Where payloads of releases are.
    pub repository: String,
}

/// A list of required jobs that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequiredJobs {
    /// It is no JSON object of lists.
    #[error("it is no JSON object of channels, each with a list of full job names: {0}")]
    Damaged(String),
    /// A channel that it does not have.
    #[error("it has no channel {}; it has {known}", quoted(wanted))]
    NoChannel {
        /// The channel.
        wanted: String,
        /// Those there are.
        known: String,
    },
    /// A name that is none.
    #[error("{} in channel {channel} is no full job name", quoted(job))]
    NoJob {
        /// Where.
        channel: String,
        /// What stands there.
        job: String,
    },
}

impl JobOrder {
    /// `job` with `images`, or with what its own configuration says.
    ///
    /// # Errors
    ///
    /// Images of another architecture, or of none that test jobs take.
    pub fn with_images(job: JobName, images: Option<&Images>, arch: Option<Arch>) -> Result<Self, BadImages> {
        let variables = match images {
            Some(images) => images.variables(arch_for(images, arch)?)?,
            None => BTreeMap::new(),
        };
        Ok(Self { job, variables })
    }

    /// The comparison of `payload` with the shipment in `merge_request`.
    ///
    /// # Errors
    ///
    /// It is no payload of a release in `repository`.
    pub fn consistency(payload: &PullSpec, merge_request: MrIid, repository: &str) -> Result<Self, NoReleasePayload> {
        version_of(payload, repository)?;
        let variables = BTreeMap::from([
            (CONSISTENCY_PAYLOAD.to_owned(), payload.to_string()),
            (CONSISTENCY_MERGE_REQUEST.to_owned(), merge_request.to_string()),
        ]);
        Ok(Self { job: JobName::of_ours(CONSISTENCY_JOB), variables })
    }

    /// The stage test of `payload`.
    ///
    /// # Errors
    ///
    /// It is no payload of a release in `repository`.
    pub fn stage_testing(payload: &PullSpec, repository: &str) -> Result<Self, NoReleasePayload> {
        let version = version_of(payload, repository)?;
        let minor = minor_of(version).ok_or_else(|| no_payload(payload, repository))?;
        let job = format!("{PERIODIC}openshift-openshift-tests-private-release-{minor}-stage-testing-e2e-aws-ipi");
        let variables = BTreeMap::from([("RELEASE_IMAGE_LATEST".to_owned(), payload.to_string())]);
        Ok(Self { job: JobName::of_ours(&job), variables })
    }

    /// A required job for `version`: one whose name speaks of an upgrade upgrades to it, every other one installs it.
    ///
    /// # Errors
    ///
    /// None, as long as jobs have images of these architectures.
    pub fn required(job: JobName, version: &ZStream, repository: &str) -> Result<Self, BadImages> {
        let (arch, suffix) = match job.as_str().split(['-', '_']).any(|part| matches!(part, "arm64" | "aarch64")) {
            true => (Arch::Arm64, "aarch64"),
            false => (Arch::Amd64, "x86_64"),
        };
        let payload = version.payload(repository, suffix);
        let images = match job.as_str().contains("upgrade") {
            true => Images::Upgrade { from: None, to: payload },
            false => Images::Payload(payload),
        };
        Self::with_images(job, Some(&images), Some(arch))
    }

    /// What is asked for, in one order: two orders with the same text are the same.
    pub fn canonical(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!(" {name}={value}"));
        std::iter::once(self.job.to_string()).chain(variables).collect()
    }
}

/// `X.Y.Z` and what follows it, of a payload of a release for x86_64.
fn version_of<'p>(payload: &'p PullSpec, repository: &str) -> Result<&'p str, NoReleasePayload> {
    let version = match &payload.reference {
        Reference::Tag(tag) => tag.strip_suffix("-x86_64"),
        Reference::Digest(_) => None,
    };
    let begins = |version: &&str| {
        let mut numbers = version.splitn(3, '.').map(|part| part.bytes().next().is_some_and(|b| b.is_ascii_digit()));
        minor_of(version).is_some() && numbers.nth(2) == Some(true)
    };
    let is_ours = format!("{}/{}", payload.host, payload.repository) == repository;
    version.filter(|_| is_ours).filter(begins).ok_or_else(|| no_payload(payload, repository))
}

fn no_payload(payload: &PullSpec, repository: &str) -> NoReleasePayload {
    NoReleasePayload { spec: payload.to_string(), repository: repository.to_owned() }
}

/// The jobs of `channels` in a file of required jobs, each once, in their order.
///
/// # Errors
///
/// The file is damaged or lacks a channel, or a name is none.
pub fn required_jobs(text: &str, channels: &[String]) -> Result<Vec<JobName>, BadRequiredJobs> {
    let file: BTreeMap<String, Vec<String>> =
        serde_json::from_str(text).map_err(|why| BadRequiredJobs::Damaged(why.to_string()))?;
    let mut jobs = Vec::new();
    for channel in channels {
        let names = file.get(channel).ok_or_else(|| BadRequiredJobs::NoChannel {
            wanted: channel.clone(),
            known: file.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        })?;
        for name in names {
            let bad = || BadRequiredJobs::NoJob { channel: channel.clone(), job: name.clone() };
            let job: JobName = name.parse().ok().filter(JobName::is_periodic).ok_or_else(bad)?;
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPOSITORY: &str = "quay.example.com/ocp/ocp-release";

    fn order(spec: &str) -> Result<JobOrder, NoReleasePayload> {
        JobOrder::stage_testing(&spec.parse().unwrap(), REPOSITORY)
    }

    #[test]
    fn the_stage_test_is_the_job_of_the_minor_that_the_payload_names() {
        for (tag, minor) in [("4.20.17", "4.20"), ("5.1.0-rc.2", "5.1"), ("4.20.17-assembly", "4.20")] {
            let ordered = order(&format!("{REPOSITORY}:{tag}-x86_64")).unwrap();
            assert!(ordered.job.as_str().contains(&format!("-release-{minor}-stage-testing-")), "{ordered:?}");
        }
    }

    #[test]
    fn a_payload_of_another_repository_architecture_or_no_release_starts_neither_of_the_two_jobs() {
        let digest = format!("{REPOSITORY}@sha256:{}", "a".repeat(64));
        for spec in [
            "quay.example.com/ocp/other:4.20.17-x86_64".to_owned(),
            format!("{REPOSITORY}:4.20.17-aarch64"),
            format!("{REPOSITORY}:4.20-x86_64"),
            format!("{REPOSITORY}:4.20.x-x86_64"),
            digest,
        ] {
            assert!(order(&spec).is_err(), "{spec}");
            assert!(JobOrder::consistency(&spec.parse().unwrap(), MrIid::new(1), REPOSITORY).is_err(), "{spec}");
        }
    }

    #[test]
    fn every_required_job_gets_the_release_also_one_that_upgrades() {
        let of = |job: &str| {
            let order = JobOrder::required(job.parse().unwrap(), &"4.20.17".parse().unwrap(), REPOSITORY).unwrap();
            order.variables.into_keys().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("periodic-ci-x-e2e-aws"), "RELEASE_IMAGE_LATEST");
        assert_eq!(of("periodic-ci-x-upgrade-from-stable-4.20-aws"), "RELEASE_IMAGE_TARGET");
        assert_eq!(of("periodic-ci-x-4.20-upgrade-aws"), "RELEASE_IMAGE_TARGET");
        assert_eq!(of("periodic-ci-x-arm64-e2e-aws"), "RELEASE_IMAGE_ARM64_LATEST RELEASE_IMAGE_LATEST");
    }

    #[test]
    fn required_jobs_come_from_the_channels_that_were_named_each_once() {
        let file = r#"{"4.20":["periodic-ci-a","periodic-ci-b"],"4.21":["periodic-ci-b","periodic-ci-c"]}"#;
        let of = |text: &str, channels: &[&str]| {
            let channels: Vec<String> = channels.iter().map(|one| (*one).to_owned()).collect();
            match required_jobs(text, &channels) {
                Ok(jobs) => jobs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Err(bad) => bad.to_string(),
            }
        };
        assert_eq!(of(file, &["4.20", "4.21"]), "periodic-ci-a periodic-ci-b periodic-ci-c");
        assert_eq!(of(file, &["4.22"]), "it has no channel “4.22”; it has 4.20, 4.21");
        assert!(of("[]", &["4.20"]).starts_with("it is no JSON object"));
        assert!(of(r#"{"4.20":["../x"]}"#, &["4.20"]).contains("is no full job name"));
    }
}
