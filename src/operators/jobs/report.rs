//! What came of the jobs of a build: for reports, and for how a pass ends.

use jiff::Timestamp;

use crate::domain::build_stream::{BuildStream, StreamMove};
use crate::domain::evaluation::{Coverage, Decision};
use crate::domain::result_file::name::ResultName;
use crate::operators::error::TaskError;

/// A run that was triggered, or found where it had been triggered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggeredRun {
    /// Its job.
    pub job: String,
    /// Its id at Prow.
    pub id: String,
    /// Did this pass start it?
    pub is_new: bool,
}

/// A run that was not triggered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntriggeredRun {
    /// Its job.
    pub job: String,
    /// Why not.
    pub why: String,
    /// When a look helps, where that is known.
    pub look_again: Option<Timestamp>,
    /// Does it come by itself, with a later pass?
    pub comes_by_itself: bool,
}

/// What was triggered for a build.
#[derive(Debug, Default)]
pub struct Triggered {
    /// Runs that have an id now.
    pub runs: Vec<TriggeredRun>,
    /// Runs that have none.
    pub open: Vec<UntriggeredRun>,
    /// Did the gateway ask for fewer calls, so that the rest waits?
    pub limited: bool,
    /// What ended the work on this build before its last run.
    pub stopped: Option<Box<TaskError>>,
}

/// What came of one build.
#[derive(Debug)]
pub struct BuildReport {
    /// Which build.
    pub of: ResultName,
    /// Jobs that are planned for it.
    pub planned: usize,
    /// What was triggered.
    pub triggered: Triggered,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// What came of one stream.
#[derive(Debug)]
pub struct StreamReport {
    /// Which stream.
    pub stream: BuildStream,
    /// The newest build that the release controller names, and what it means.
    pub newest: Option<(String, StreamMove)>,
    /// Builds with something to trigger.
    pub builds: Vec<BuildReport>,
    /// Does something stand in the way that no later pass mends? A note says what.
    pub is_stuck: bool,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// What came of judging one record.
#[derive(Debug)]
pub struct JudgedRecord {
    /// Which build.
    pub of: ResultName,
    /// The verdict that decides.
    pub decision: Decision,
    /// Did a person promote the build?
    pub promoted: bool,
    /// How many of the required jobs ran.
    pub coverage: Coverage,
    /// Required jobs that failed.
    pub failed: Vec<String>,
    /// Was the record written?
    pub changed: bool,
    /// Runs that have not ended.
    pub open_runs: usize,
    /// Further runs.
    pub triggered: Triggered,
    /// The label of the payload, when one is due.
    pub label: Option<LabelState>,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// Where the label of a payload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelState {
    /// It was set now.
    Set,
    /// It is to be set by a later pass.
    Due(String),
}

impl BuildReport {
    /// A build with nothing done for it yet.
    pub fn new(of: &ResultName) -> Self {
        Self { of: of.clone(), planned: 0, triggered: Triggered::default(), notes: Vec::new() }
    }
}

impl Triggered {
    /// Is a person needed, or a service away?
    pub fn is_stuck(&self) -> bool {
        self.stopped.is_some() || self.open.iter().any(|run| !run.comes_by_itself)
    }
}
