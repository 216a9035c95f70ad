//! Test records that wait for their verdict.

use super::pass::{PassReport, Unit, UnitEnding, UnitReport, pass};
use crate::core::context::Context;
use crate::domain::build::Arch;
use crate::domain::evaluation::Decision;
use crate::domain::ids::BuildName;
use crate::domain::result_file::name::ResultName;
use crate::domain::subject::Subject;
use crate::operators::error::TaskError;
use crate::operators::jobs::gone::GoneRuns;
use crate::operators::jobs::job_files::JobFiles;
use crate::operators::jobs::job_writer::{JobWriter, Powers};
use crate::operators::jobs::judge::judge;
use crate::operators::jobs::report::{JudgedRecord, LabelState};
use crate::operators::jobs::retention::archive_gone;

/// Records that are looked at side by side.
const AT_ONCE: usize = 8;

/// What came of one record; nothing when it is settled.
pub type RecordResult = Result<Option<JudgedRecord>, Box<TaskError>>;

/// A pass: what came of each record that is not settled, and how many are.
#[derive(Debug)]
pub struct AggregatorPass {
    /// Records that were looked at.
    pub records: PassReport<RecordResult>,
    /// Records that nothing is left to be done for.
    pub settled: usize,
    /// Was anything changed: a record, or the label of a payload?
    pub changed: bool,
    /// What is odd about the whole.
    pub notes: Vec<String>,
}

/// A record as one unit.
struct Record {
    of: ResultName,
    name: BuildName,
}

impl From<&Record> for Subject {
    fn from(record: &Record) -> Self {
        Self::Build(record.name.clone())
    }
}

impl Unit for RecordResult {
    fn ending(&self) -> UnitEnding {
        match self {
            Ok(None) => UnitEnding::Done,
            Ok(Some(record)) if record.triggered.is_stuck() => UnitEnding::NotDone,
            Ok(Some(JudgedRecord { label: Some(LabelState::Due(_)), .. })) => UnitEnding::NotDone,
            Ok(Some(record)) => match record.decision {
                Decision::Accepted => UnitEnding::Done,
                Decision::Rejected if record.promoted => UnitEnding::Done,
                // A verdict ends one pass: that which stored it.
                Decision::Rejected if record.changed => UnitEnding::Failed,
                Decision::Rejected => UnitEnding::Waiting,
                Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => UnitEnding::Waiting,
            },
            Err(_) => UnitEnding::NotDone,
        }
    }
}

/// Looks at each record of an architecture that is not settled; repeat every few minutes.
///
/// # Errors
///
/// Neither records nor registries can be read.
pub async fn run(ctx: &Context, arch: Arch, powers: Powers) -> Result<AggregatorPass, TaskError> {
    let writer = JobWriter::new(ctx, powers)?;
    let job_files = JobFiles::read(ctx).await?;
    let gone = GoneRuns::open(&ctx.home);
    let record = |of: &ResultName| Some(Record { name: of.build.parse().ok()?, of: of.clone() });
    let records: Vec<Record> = job_files.records().filter(|of| of.arch == arch).filter_map(record).collect();
    let unit = async |record: &Record| judge(&writer, &job_files, &gone, &record.of).await.map_err(Box::new);
    let panicked =
        |_: &Record| Err(Box::new(TaskError::Internal { assumed: "the aggregator does not panic".to_owned() }));
    let all = pass(&records, AT_ONCE, unit, panicked).await;
    gone.keep(ctx.clock.now());
    let names: Vec<&ResultName> = records.iter().map(|record| &record.of).collect();
    let mut notes = job_files.notes.clone();
    notes.extend(archive_gone(&writer, &names).await);
    let is_open = |unit: &UnitReport<RecordResult>| !matches!(unit.result, Ok(None));
    let (open, settled): (Vec<_>, Vec<_>) = all.units.into_iter().partition(is_open);
    let is_labelled = |unit: &UnitReport<RecordResult>| {
        matches!(&unit.result, Ok(Some(JudgedRecord { label: Some(LabelState::Set), .. })))
    };
    let changed = writer.files.have_written() || open.iter().any(is_labelled);
    let records = PassReport { units: open };
    Ok(AggregatorPass { records, settled: settled.len(), changed, notes })
}
