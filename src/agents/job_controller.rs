//! Streams of builds whose test jobs are triggered.

use super::pass::{PassReport, Unit, UnitEnding, pass};
use crate::core::context::Context;
use crate::domain::build::{Arch, Stream};
use crate::domain::build_stream::BuildStream;
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files::JobFiles;
use crate::operators::jobs::job_writer::{JobWriter, Powers};
use crate::operators::jobs::report::{BuildReport, StreamReport};
use crate::operators::jobs::watch::watch;

/// Streams that are looked at side by side.
const AT_ONCE: usize = 4;

/// What came of one stream.
pub type StreamResult = Result<StreamReport, Box<TaskError>>;

/// Which streams a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streams {
    /// These.
    Named(Vec<BuildStream>),
    /// Those of every registry of an architecture.
    OfAllRegistries(Arch),
}

/// A pass: what came of each stream.
#[derive(Debug)]
pub struct ControllerPass {
    /// Streams that were looked at.
    pub streams: PassReport<StreamResult>,
    /// Was anything changed? What is triggered stands in a record, too.
    pub changed: bool,
}

impl Unit for StreamResult {
    fn ending(&self) -> UnitEnding {
        match self {
            Ok(report) if report.is_stuck => UnitEnding::NotDone,
            Ok(report) => report.builds.iter().map(ending_of).max().unwrap_or(UnitEnding::Done),
            Err(_) => UnitEnding::NotDone,
        }
    }
}

/// How the work on one build came out.
pub fn ending_of(build: &BuildReport) -> UnitEnding {
    if build.triggered.is_stuck() {
        UnitEnding::NotDone
    } else if build.triggered.open.is_empty() {
        UnitEnding::Done
    } else {
        UnitEnding::Waiting
    }
}

/// Looks at each stream, and triggers what is planned; repeat every few minutes.
///
/// # Errors
///
/// Neither records nor registries can be read: no stream can be looked at.
pub async fn run(ctx: &Context, streams: &Streams, powers: Powers) -> Result<ControllerPass, TaskError> {
    let writer = JobWriter::new(ctx, powers)?;
    let job_files = JobFiles::read(ctx).await?;
    let streams = match streams {
        Streams::Named(streams) => streams.clone(),
        Streams::OfAllRegistries(arch) => {
            let ours = job_files.registry_names().filter(|name| name.arch == *arch);
            let both = |name| Stream::ALL.map(|stream| BuildStream { minor: name, stream, arch: *arch });
            ours.flat_map(|name| both(name.minor)).collect()
        }
    };
    let unit = async |stream: &BuildStream| watch(&writer, &job_files, *stream).await.map_err(Box::new);
    let panicked = |_: &BuildStream| {
        Err(Box::new(TaskError::Internal { assumed: "the job controller does not panic".to_owned() }))
    };
    let streams = pass(&streams, AT_ONCE, unit, panicked).await;
    Ok(ControllerPass { streams, changed: writer.files.have_written() })
}
