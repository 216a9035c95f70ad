//! What passes of the job controller and of the aggregator came to, and what people changed in a record.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::agents::aggregator::{AggregatorPass, RecordResult};
use crate::agents::job_controller::StreamResult;
use crate::agents::pass::{PassReport, Unit as _, UnitEnding, UnitReport};
use crate::domain::build_stream::StreamMove;
use crate::domain::dates::stamp;
use crate::operators::error::TaskError;
use crate::operators::jobs::manual::ChangedRecord;
use crate::operators::jobs::report::{
    BuildReport, JudgedRecord, LabelState, StreamReport, Triggered, TriggeredRun, UntriggeredRun,
};
use crate::render::text::clean;

/// A pass of the job controller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ControllerPassDocument {
    /// Was nothing left to do?
    pub ok: bool,
    /// One per stream
    pub streams: Vec<StreamDocument>,
}

/// One stream.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Stream", deny_unknown_fields)]
pub struct StreamDocument {
    /// Minor, nightly or stable, architecture
    pub stream: String,
    /// done, waiting, not-done or failed
    pub ending: &'static str,
    /// The newest build that the release controller names
    pub newest: Option<String>,
    /// What it is to the stream: same, newer, older or foreign
    pub is: Option<&'static str>,
    /// Builds with something to trigger
    pub builds: Vec<BuildDocument>,
    /// What somebody should know
    pub notes: Vec<String>,
    /// Why the stream could not be looked at
    pub error: Option<TroubleDocument>,
}

/// The test jobs of a build.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BuildJobs", deny_unknown_fields)]
pub struct BuildDocument {
    /// The build
    pub build: String,
    /// Its architecture
    pub arch: &'static str,
    /// Jobs that are planned
    pub planned: usize,
    /// What was triggered
    #[serde(flatten)]
    pub triggered: TriggeredDocument,
    /// What somebody should know
    pub notes: Vec<String>,
}

/// What was triggered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Triggered")]
pub struct TriggeredDocument {
    /// Runs with an id
    pub triggered: Vec<TriggeredRunDocument>,
    /// Runs that were not triggered
    pub not_triggered: Vec<UntriggeredDocument>,
    /// What ended the work before the last run
    pub stopped: Option<TroubleDocument>,
}

/// A run with an id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TriggeredRun", deny_unknown_fields)]
pub struct TriggeredRunDocument {
    /// Its job
    pub job: String,
    /// Its id at Prow
    pub id: String,
    /// Was it started by this pass? Otherwise it was found
    pub new: bool,
}

/// A run that was not triggered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UntriggeredRun", deny_unknown_fields)]
pub struct UntriggeredDocument {
    /// Its job
    pub job: String,
    /// Why not
    pub why: String,
    /// When a look helps, where that is known
    pub look_again: Option<String>,
    /// Does it come by itself, with a later pass?
    pub comes_by_itself: bool,
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Trouble", deny_unknown_fields)]
pub struct TroubleDocument {
    /// What it is
    pub why: String,
    /// What to do about it
    pub next: String,
}

/// A pass of the aggregator.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AggregatorPassDocument {
    /// Was nothing left to do?
    pub ok: bool,
    /// Records that are not settled
    pub records: Vec<RecordDocument>,
    /// How many are settled
    pub settled: usize,
    /// What is odd about the whole
    pub notes: Vec<String>,
}

/// One record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Record", deny_unknown_fields)]
pub struct RecordDocument {
    /// The build
    pub build: String,
    /// done, waiting, not-done or failed
    pub ending: &'static str,
    /// What is decided: ACCEPTED, REJECTED, INCOMPLETE, IN_PROGRESS or NO_POLICY
    pub decision: Option<&'static str>,
    /// Did a person promote the build?
    pub promoted: Option<bool>,
    /// Required jobs that ran
    pub ran: Option<usize>,
    /// Required jobs
    pub required: Option<usize>,
    /// Required jobs that failed
    pub failed: Vec<String>,
    /// Runs that have not ended
    pub open_runs: Option<usize>,
    /// Was the record written?
    pub changed: bool,
    /// What was triggered
    #[serde(flatten)]
    pub triggered: TriggeredDocument,
    /// set, or why the label of the payload is not set yet; null: none is due
    pub label: Option<String>,
    /// What somebody should know
    pub notes: Vec<String>,
    /// Why it could not be judged
    pub error: Option<TroubleDocument>,
}

/// A change of a record by a person.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RecordChange {
    /// Always true
    pub ok: bool,
    /// The build
    pub build: String,
    /// Its architecture
    pub arch: &'static str,
    /// What was done
    pub what: String,
    /// Is anything different from before?
    pub changed: bool,
    /// What somebody should know
    pub notes: Vec<String>,
}

const fn ending_name(ending: UnitEnding) -> &'static str {
    match ending {
        UnitEnding::Done => "done",
        UnitEnding::Waiting => "waiting",
        UnitEnding::NotDone => "not-done",
        UnitEnding::Failed => "failed",
    }
}

/// What a build is to its stream.
pub const fn move_name(found: StreamMove) -> &'static str {
    match found {
        StreamMove::Same => "same",
        StreamMove::Newer => "newer",
        StreamMove::Older => "older",
        StreamMove::Foreign => "foreign",
    }
}

fn all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| clean(text)).collect()
}

impl From<&TaskError> for TroubleDocument {
    fn from(error: &TaskError) -> Self {
        Self { why: clean(&error.to_string()), next: clean(&error.next_step()) }
    }
}

impl From<&Triggered> for TriggeredDocument {
    fn from(done: &Triggered) -> Self {
        let open = |run: &UntriggeredRun| UntriggeredDocument {
            job: clean(&run.job),
            why: clean(&run.why),
            look_again: run.look_again.map(|at: Timestamp| stamp(at)),
            comes_by_itself: run.comes_by_itself,
        };
        let run =
            |run: &TriggeredRun| TriggeredRunDocument { job: clean(&run.job), id: clean(&run.id), new: run.is_new };
        Self {
            triggered: done.runs.iter().map(run).collect(),
            not_triggered: done.open.iter().map(open).collect(),
            stopped: done.stopped.as_deref().map(TroubleDocument::from),
        }
    }
}

impl From<&BuildReport> for BuildDocument {
    fn from(report: &BuildReport) -> Self {
        Self {
            build: clean(&report.of.build),
            arch: report.of.arch.name(),
            planned: report.planned,
            triggered: TriggeredDocument::from(&report.triggered),
            notes: all(&report.notes),
        }
    }
}

impl From<&PassReport<StreamResult>> for ControllerPassDocument {
    fn from(pass: &PassReport<StreamResult>) -> Self {
        let stream = |unit: &UnitReport<StreamResult>| {
            let report: Result<&StreamReport, &TaskError> = unit.result.as_ref().map_err(AsRef::as_ref);
            let known = report.ok();
            let newest = known.and_then(|report| report.newest.as_ref());
            StreamDocument {
                stream: unit.subject.to_string(),
                ending: ending_name(unit.result.ending()),
                newest: newest.map(|(name, _)| clean(name)),
                is: newest.map(|(_, found)| move_name(*found)),
                builds: known.map(|report| report.builds.iter().map(BuildDocument::from).collect()).unwrap_or_default(),
                notes: known.map(|report| all(&report.notes)).unwrap_or_default(),
                error: report.err().map(TroubleDocument::from),
            }
        };
        Self { ok: pass.ending() == UnitEnding::Done, streams: pass.units.iter().map(stream).collect() }
    }
}

impl From<&AggregatorPass> for AggregatorPassDocument {
    fn from(pass: &AggregatorPass) -> Self {
        let record = |unit: &UnitReport<RecordResult>| {
            let known: Option<&JudgedRecord> = unit.result.as_ref().ok().and_then(Option::as_ref);
            let none = Triggered::default();
            RecordDocument {
                build: unit.subject.to_string(),
                ending: ending_name(unit.result.ending()),
                decision: known.map(|record| record.decision.name()),
                promoted: known.map(|record| record.promoted),
                ran: known.map(|record| record.coverage.ran),
                required: known.map(|record| record.coverage.required),
                failed: known.map(|record| all(&record.failed)).unwrap_or_default(),
                open_runs: known.map(|record| record.open_runs),
                changed: known.is_some_and(|record| record.changed),
                triggered: TriggeredDocument::from(known.map_or(&none, |record| &record.triggered)),
                label: known.and_then(|record| record.label.as_ref()).map(label_text),
                notes: known.map(|record| all(&record.notes)).unwrap_or_default(),
                error: unit.result.as_ref().err().map(|error| TroubleDocument::from(error.as_ref())),
            }
        };
        Self {
            ok: pass.records.ending() == UnitEnding::Done,
            records: pass.records.units.iter().map(record).collect(),
            settled: pass.settled,
            notes: all(&pass.notes),
        }
    }
}

/// How the label of a payload stands.
pub fn label_text(label: &LabelState) -> String {
    match label {
        LabelState::Set => "set".to_owned(),
        LabelState::Due(why) => clean(why),
    }
}

impl From<&ChangedRecord> for RecordChange {
    fn from(record: &ChangedRecord) -> Self {
        Self {
            ok: true,
            build: clean(&record.of.build),
            arch: record.of.arch.name(),
            what: clean(&record.what),
            changed: record.changed,
            notes: all(&record.notes),
        }
    }
}
