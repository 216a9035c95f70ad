//! Single test jobs: what was started, how a run goes, what is defined.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::dates::stamp;
use crate::domain::job_images::Images;
use crate::domain::job_order::JobOrder;
use crate::domain::release::ZStream;
use crate::operators::jobs::ci_tests::{DefinedTest, DefinedTests};
use crate::operators::jobs::prow_run::ShownRun;
use crate::operators::jobs::run_job::{JobToRun, RequiredJob, StartedJob};
use crate::render::documents::jobs::TroubleDocument;
use crate::render::text::clean;

/// A job that was started, or would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StartedDocument {
    /// Always true; what could not be done is the error document
    pub ok: bool,
    /// Its full name
    pub job: String,
    /// What it was given beside its own configuration
    pub variables: BTreeMap<String, String>,
    /// Its id at Prow; null in a dry run, and where a person says that it runs
    pub id: Option<String>,
    /// Was it started by this call? Otherwise it was found
    pub new: bool,
    /// The name of the run; null in a dry run without one
    pub run_id: Option<String>,
    /// Its page; null while it does not show
    pub url: Option<String>,
    /// Was nothing to be changed?
    pub dry_run: bool,
}

impl StartedDocument {
    /// What a dry run would have started.
    pub fn previewed(start: &JobToRun) -> Self {
        let run_id = start.run.as_ref().map(ToString::to_string);
        Self { run_id, dry_run: true, ..Self::of(&start.order) }
    }

    fn of(order: &JobOrder) -> Self {
        let variables = order.variables.clone();
        let job = order.job.to_string();
        Self { ok: true, job, variables, id: None, new: false, run_id: None, url: None, dry_run: false }
    }
}

impl From<&StartedJob> for StartedDocument {
    fn from(started: &StartedJob) -> Self {
        Self {
            id: started.id.as_ref().map(ToString::to_string),
            new: started.is_new,
            run_id: Some(started.run.clone()),
            url: started.page.clone(),
            ..Self::of(&started.order)
        }
    }
}

/// The required jobs of a release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RequiredDocument {
    /// Does every one of them run?
    pub ok: bool,
    /// The release
    pub release: String,
    /// One per job
    pub jobs: Vec<RequiredJobDocument>,
}

/// One required job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RequiredJob", deny_unknown_fields)]
pub struct RequiredJobDocument {
    /// Its full name
    pub job: String,
    /// Its run; null when it was not started
    pub started: Option<StartedDocument>,
    /// Why it was not started; null when nobody tried any more
    pub error: Option<TroubleDocument>,
}

impl RequiredDocument {
    /// What came of them.
    pub fn of(release: &ZStream, done: &[RequiredJob]) -> Self {
        let jobs = done.iter().map(|RequiredJob { order, result }| {
            let job = order.job.to_string();
            match result {
                Some(Ok(started)) => RequiredJobDocument { job, started: Some(started.into()), error: None },
                Some(Err(error)) => RequiredJobDocument { job, started: None, error: Some(error.into()) },
                None => RequiredJobDocument { job, started: None, error: None },
            }
        });
        let ok = done.iter().all(|one| matches!(one.result, Some(Ok(_))));
        Self { ok, release: release.to_string(), jobs: jobs.collect() }
    }

    /// What a dry run would have started.
    pub fn previewed(release: &ZStream, starts: &[JobToRun]) -> Self {
        let jobs = starts.iter().map(|start| RequiredJobDocument {
            job: start.order.job.to_string(),
            started: Some(StartedDocument::previewed(start)),
            error: None,
        });
        Self { ok: true, release: release.to_string(), jobs: jobs.collect() }
    }
}

/// How one run goes, under the names that test records have for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobRun", deny_unknown_fields)]
pub struct JobRunDocument {
    /// Always true; a run that Prow does not know is the error document
    pub ok: bool,
    /// Its job
    #[serde(rename = "jobName")]
    pub name: String,
    /// The payload that it installs, when it was given one
    pub payload: Option<String>,
    /// What it upgrades from
    #[serde(rename = "upgrade_from")]
    pub from: Option<String>,
    /// What it upgrades to
    #[serde(rename = "upgrade_to")]
    pub to: Option<String>,
    /// When it was created
    #[serde(rename = "jobStartTime")]
    pub started: Option<String>,
    /// Its id at Prow
    #[serde(rename = "jobID")]
    pub id: String,
    /// Its page
    #[serde(rename = "jobURL")]
    pub url: Option<String>,
    /// Where it stands, as Prow says it
    #[serde(rename = "jobState")]
    pub state: String,
    /// When it ended
    #[serde(rename = "jobCompletionTime")]
    pub completed: Option<String>,
}

impl From<&ShownRun> for JobRunDocument {
    fn from(run: &ShownRun) -> Self {
        let (mut payload, mut from, mut to) = (None, None, None);
        match run.images.clone() {
            Some(Images::Payload(spec) | Images::UpgradeFrom(spec)) => payload = Some(spec),
            Some(Images::Upgrade { from: begin, to: end }) => (from, to) = (begin, Some(end)),
            None => {}
        }
        Self {
            ok: true,
            name: run.job.clone(),
            payload,
            from,
            to,
            started: run.started.map(stamp),
            id: run.id.to_string(),
            url: run.url.clone(),
            state: run.state.clone(),
            completed: run.completed.map(stamp),
        }
    }
}

/// Tests that the configuration of a component defines.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DefinedDocument {
    /// Could every file be read?
    pub ok: bool,
    /// The component
    pub component: String,
    /// Branch of the configuration
    pub branch: String,
    /// One per file
    pub files: Vec<DefinedFileDocument>,
}

/// One file of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DefinedFile", deny_unknown_fields)]
pub struct DefinedFileDocument {
    /// Its name
    pub file: String,
    /// Its tests
    pub tests: Vec<DefinedTestDocument>,
    /// Why they cannot be read
    pub unreadable: Option<String>,
}

/// One test.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DefinedTest", deny_unknown_fields)]
pub struct DefinedTestDocument {
    /// Its short name
    pub name: String,
    /// The name of its job, when it runs by the clock
    pub job: Option<String>,
}

impl DefinedDocument {
    /// What is defined.
    pub fn of(component: &str, branch: &str, files: &[DefinedTests]) -> Self {
        let one = |test: &DefinedTest| DefinedTestDocument { name: test.name.clone(), job: test.job.clone() };
        let file = |DefinedTests { file, tests }: &DefinedTests| DefinedFileDocument {
            file: file.clone(),
            tests: tests.iter().flatten().map(one).collect(),
            unreadable: tests.as_ref().err().map(|why| clean(why)),
        };
        Self {
            ok: files.iter().all(|file| file.tests.is_ok()),
            component: component.to_owned(),
            branch: branch.to_owned(),
            files: files.iter().map(file).collect(),
        }
    }
}
