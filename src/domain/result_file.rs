//! The test record of one build: which jobs ran, how they ended, what was decided.
//!
//! Other programs and people write these files, too. They are read tolerantly: real ones lack keys, hold empty runs,
//! the build as a text, or the list of jobs under the name of the build. What decides about a verdict has to have its
//! type. Keys that are not known here stay, and a file that nobody changed is written back byte for byte.

pub mod additions;
pub mod change;
pub mod name;
pub mod starts;
#[cfg(test)]
mod tests;
mod writer;

use serde_json::{Map, Value};

use super::build::minor_of;
use super::foreign::sentence;
use super::spelled::spelled;

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is unusable: {why}")]
pub struct BadFile {
    /// Which kind of file.
    pub what: &'static str,
    /// Why.
    pub why: String,
}

impl BadFile {
    fn record(why: impl Into<String>) -> Self {
        Self { what: "the test record", why: sentence(&why.into()) }
    }
}

spelled! {
    /// The state of a run as Prow spells it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    RunState,
    /// As Prow spells it.
    name: &'static str {
        /// Asked for.
        Triggered = "triggered",
        /// Looks for a cluster.
        Scheduling = "scheduling",
        /// Runs.
        Pending = "pending",
        /// Ended well.
        Success = "success",
        /// Tests failed.
        Failure = "failure",
        /// Somebody or a newer run ended it.
        Aborted = "aborted",
        /// It could not run: infrastructure, not tests.
        Error = "error",
    }
}

impl RunState {
    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Does a run in this state stay in it?
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Triggered | Self::Scheduling | Self::Pending => false,
            Self::Success | Self::Failure | Self::Aborted | Self::Error => true,
        }
    }
}

/// One run of a job as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobRun<'a> {
    /// Id at Prow; a run without one was lost before it began.
    pub id: Option<&'a str>,
    /// State, perhaps one that nobody knows.
    pub state: Option<&'a str>,
    /// When it began.
    pub started: Option<&'a str>,
    /// When it ended.
    pub completed: Option<&'a str>,
}

impl JobRun<'_> {
    /// Has it ended? A state alone does not say so.
    pub const fn is_finished(&self) -> bool {
        self.completed.is_some()
    }

    /// Did it end well? Whatever else it ended with is a failure.
    pub fn passed(&self) -> bool {
        self.is_finished() && self.known_state() == Some(RunState::Success)
    }

    /// Its state, when it is one that is known.
    pub fn known_state(&self) -> Option<RunState> {
        self.state.and_then(RunState::named)
    }
}

/// A run that another one took the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded<'a> {
    /// The run.
    pub run: JobRun<'a>,
    /// Why it does not count any more.
    pub reason: Option<&'a str>,
}

/// One job of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobItem<'a> {
    /// Name as in the registry.
    pub name: &'a str,
    /// Its first run; without id when it was lost.
    pub first: JobRun<'a>,
    /// Further runs, in the order in which they were triggered.
    pub retried: Vec<JobRun<'a>>,
    /// Runs that were replaced.
    pub history: Vec<Superseded<'a>>,
}

impl<'a> JobItem<'a> {
    /// The runs that stand now, the first one first.
    pub fn runs(&self) -> impl Iterator<Item = JobRun<'a>> {
        std::iter::once(self.first).chain(self.retried.iter().copied())
    }
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultFile {
    document: Map<String, Value>,
    /// Key of the list of jobs: `result`, or in the first files the name of the build.
    list: String,
}

impl ResultFile {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// No JSON, none of the known forms, or a wrong type where the verdict depends on it.
    pub fn read(text: &str) -> Result<Self, BadFile> {
        let document = match serde_json::from_str(text) {
            Ok(Value::Object(document)) => document,
            Ok(_) => return Err(BadFile::record("it is no object")),
            Err(error) => return Err(BadFile::record(format!("no JSON ({error})"))),
        };
        let list = list_of(&document)?;
        let file = Self { document, list };
        file.jobs_or_why()?;
        for flag in [AGGREGATED, ACCEPTED, PROMOTED] {
            if !matches!(file.document.get(flag), None | Some(Value::Bool(_) | Value::Null)) {
                return Err(BadFile::record(format!("{flag} is neither true nor false")));
            }
        }
        file.check_additions()?;
        Ok(file)
    }

    /// Name of the build it is about, when it says so.
    pub fn build(&self) -> Option<String> {
        if self.list != RESULT {
            return Some(self.list.clone());
        }
        let name = |build: &Value| build.get("name").and_then(Value::as_str).map(str::to_owned);
        let build = self.document.get(BUILD)?;
        let Some(text) = build.as_str() else { return name(build) };
        // Two old records hold the text of the object.
        match serde_json::from_str::<Value>(text) {
            Ok(build) => name(&build),
            Err(_) => minor_of(text).map(|_| text.to_owned()),
        }
    }

    /// Where the build can be pulled, when it says so.
    pub fn pull_spec(&self) -> Option<String> {
        let spec = |build: &Value| build.get("pullSpec").and_then(Value::as_str).map(str::to_owned);
        let build = self.document.get(BUILD)?;
        match build.as_str() {
            // Two old records hold the text of the object.
            Some(text) => spec(&serde_json::from_str(text).ok()?),
            None => spec(build),
        }
    }

    /// The jobs, in the order of the file.
    pub fn jobs(&self) -> Vec<JobItem<'_>> {
        self.jobs_or_why().unwrap_or_default()
    }

    /// `None`: never counted; `Some(false)`: a promotion waits to be carried out.
    pub fn aggregated(&self) -> Option<bool> {
        self.flag(AGGREGATED)
    }

    /// The verdict that was recorded.
    pub fn accepted(&self) -> Option<bool> {
        self.flag(ACCEPTED)
    }

    /// Did a person promote the build, whatever the verdict? `None`: nobody said anything.
    pub fn promoted(&self) -> Option<bool> {
        self.flag(PROMOTED)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.document.get(key).and_then(Value::as_bool)
    }

    /// The file as it is written: two blanks of indent, no line feed at the end, keys in their order.
    pub fn to_text(&self) -> String {
        writer::text(&self.document)
    }

    fn jobs_or_why(&self) -> Result<Vec<JobItem<'_>>, BadFile> {
        let Some(Value::Array(items)) = self.document.get(&self.list) else {
            return Err(BadFile::record(format!("{} is no list", self.list)));
        };
        items.iter().enumerate().map(|(at, item)| job(item, at + 1)).collect()
    }
}

const RESULT: &str = "result";
const BUILD: &str = "build";
const AGGREGATED: &str = "aggregated";
const ACCEPTED: &str = "accepted";
const PROMOTED: &str = "manual_promotion";
const FIRST: &str = "firstJob";
const RETRIED: &str = "retriedJobs";
const HISTORY: &str = "history";
const ID: &str = "jobID";
const STATE: &str = "jobState";
const STARTED: &str = "jobStartTime";
const COMPLETED: &str = "jobCompletionTime";

/// The key of the list of jobs. The first files have no `result`: their list stands under the name of the build.
fn list_of(document: &Map<String, Value>) -> Result<String, BadFile> {
    if document.contains_key(RESULT) {
        return Ok(RESULT.to_owned());
    }
    let of_build = |(key, value): &(&String, &Value)| value.is_array() && minor_of(key).is_some();
    match document.iter().find(of_build) {
        Some((key, _)) => Ok(key.clone()),
        None => Err(BadFile::record("it has no list result")),
    }
}

fn job(item: &Value, number: usize) -> Result<JobItem<'_>, BadFile> {
    let bad = |why: &str| BadFile::record(format!("job {number} {why}"));
    let item = item.as_object().ok_or_else(|| bad("is no object"))?;
    let name = item.get("jobName").and_then(Value::as_str).ok_or_else(|| bad("has no jobName"))?;
    let list = |key: &str| match item.get(key) {
        None | Some(Value::Null) => Ok([].as_slice()),
        Some(Value::Array(runs)) => Ok(runs.as_slice()),
        Some(_) => Err(bad(&format!("has a {key} that is no list"))),
    };
    let wrong = |why: String| bad(&format!("has a run {why}"));
    let first = match item.get(FIRST) {
        // In the first files the item is its only run.
        None if item.contains_key(ID) => run_of(item).map_err(wrong)?,
        None | Some(Value::Null) => JobRun::default(),
        Some(run) => run_or_why(run).map_err(wrong)?,
    };
    let retried: Result<Vec<_>, String> = list(RETRIED)?.iter().map(run_or_why).collect();
    let history: Result<Vec<_>, String> = list(HISTORY)?.iter().map(superseded).collect();
    Ok(JobItem { name, first, retried: retried.map_err(wrong)?, history: history.map_err(wrong)? })
}

fn superseded(run: &Value) -> Result<Superseded<'_>, String> {
    Ok(Superseded { run: run_or_why(run)?, reason: run.get("reason").and_then(Value::as_str) })
}

fn run_or_why(run: &Value) -> Result<JobRun<'_>, String> {
    run_of(run.as_object().ok_or("that is no object")?)
}

fn run_of(run: &Map<String, Value>) -> Result<JobRun<'_>, String> {
    let text = |key: &str| match run.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("whose {key} is no text")),
    };
    Ok(JobRun { id: text(ID)?, state: text(STATE)?, started: text(STARTED)?, completed: text(COMPLETED)? })
}
