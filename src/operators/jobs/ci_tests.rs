//! The tests that the CI configuration of a component defines, and the names of their periodic jobs.

use futures::StreamExt as _;
use serde::Deserialize;

use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::github::folder::FolderAnswer;
use crate::core::clients::github::{Github, ReadAnswer};
use crate::core::context::Context;
use crate::domain::foreign::quoted;
use crate::domain::job_order::PERIODIC;
use crate::domain::service::Service;
use crate::operators::error::TaskError;

/// The folder of all configurations.
const FOLDER: &str = "ci-operator/config";

/// Files that are read side by side.
const AT_ONCE: usize = 8;

/// One file of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedTests {
    /// Its name.
    pub file: String,
    /// Its tests, or why they cannot be read.
    pub tests: Result<Vec<DefinedTest>, String>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedTest {
    /// Its short name.
    pub name: String,
    /// The name of its job, when it runs by the clock: that is what `job run` takes.
    pub job: Option<String>,
}

/// Lists the tests of `component` (`owner/name`) as `branch` of the configuration defines them. Reads only.
///
/// # Errors
///
/// GitHub does not answer, or there is no such component.
pub async fn list(ctx: &Context, component: &str, branch: &str) -> Result<Vec<DefinedTests>, TaskError> {
    let github = ctx.ci_config()?;
    let files = match github.folder(branch, &format!("{FOLDER}/{component}")).await? {
        FolderAnswer::Files(files) => files,
        FolderAnswer::RateLimited { wait_s } => return Err(limited("list folder", wait_s)),
        FolderAnswer::Absent => {
            return Err(TaskError::Refused {
                why: format!("{} has no tests of {} on {}", github.place(), quoted(component), quoted(branch)),
                next: "give owner/name of a component with --component, and a branch of the CI configuration"
                    .to_owned(),
            });
        }
    };
    let files = files.into_iter().filter(|(name, _)| name.ends_with(".yaml"));
    let read = files.map(|(file, sha)| {
        let github = &github;
        async move {
            let tests = tests(github, &sha).await?;
            Ok::<_, TaskError>(DefinedTests { file, tests })
        }
    });
    let mut listed = Vec::new();
    let mut read = futures::stream::iter(read).buffered(AT_ONCE);
    while let Some(file) = read.next().await {
        listed.push(file?);
    }
    Ok(listed)
}

fn limited(op: &'static str, wait_s: Option<u64>) -> TaskError {
    let error = ClientError::new(Service::Github, op, Fault::RateLimited(403));
    TaskError::Service(ClientError { retry_after_s: wait_s, ..error })
}

/// The tests of one file. One that makes no sense is said, and keeps no other from being listed.
async fn tests(github: &Github, sha: &str) -> Result<Result<Vec<DefinedTest>, String>, TaskError> {
    let bytes = match github.blob(sha).await? {
        ReadAnswer::File(file) => file.bytes,
        ReadAnswer::RateLimited { wait_s } => return Err(limited("read file", wait_s)),
        ReadAnswer::Absent | ReadAnswer::NoBranch => return Ok(Err("it is gone".to_owned())),
    };
    Ok(read(&String::from_utf8_lossy(&bytes)))
}

fn read(text: &str) -> Result<Vec<DefinedTest>, String> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        tests: Vec<Test>,
        #[serde(rename = "zz_generated_metadata", default)]
        made_for: MadeFor,
    }
    #[derive(Deserialize)]
    struct Test {
        #[serde(rename = "as")]
        name: String,
        cron: Option<String>,
        interval: Option<String>,
        minimum_interval: Option<String>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct MadeFor {
        org: String,
        repo: String,
        branch: String,
        variant: String,
    }
    let config: Config = crate::domain::yaml::parse(text).map_err(|why| format!("not YAML: {why}"))?;
    let MadeFor { org, repo, branch, variant } = config.made_for;
    let variant = if variant.is_empty() { variant } else { format!("-{variant}") };
    let test = |test: Test| {
        let is_periodic = [test.cron, test.interval, test.minimum_interval].iter().any(Option::is_some);
        let job = format!("{PERIODIC}{org}-{repo}-{branch}{variant}-{}", test.name);
        DefinedTest { job: (is_periodic && !org.is_empty()).then_some(job), name: test.name }
    };
    Ok(config.tests.into_iter().map(test).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_runs_by_the_clock_has_a_job_that_can_be_run_by_name() {
        let text = "tests:\n- as: e2e-aws\n  cron: 0 1 * * *\n- as: unit\nzz_generated_metadata:\n  org: openshift\n  \
                    repo: x\n  branch: release-4.20\n  variant: nightly\n";
        let tests = read(text).unwrap();
        let shown: Vec<_> = tests.iter().map(|test| (test.name.as_str(), test.job.as_deref())).collect();
        let job = "periodic-ci-openshift-x-release-4.20-nightly-e2e-aws";
        assert_eq!(shown, [("e2e-aws", Some(job)), ("unit", None)]);
        assert!(read("tests: 1").is_err());
    }
}
