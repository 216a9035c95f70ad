//! The test record of one build, and the registry of jobs that it is judged by.
//!
//! Both are JSON files that other programs and people write. Records are read tolerantly: real ones
//! lack keys, hold empty runs, or the build as a text. Registries are read strictly, because a flag
//! that is misread drops a job without anybody noticing.

use serde::Deserialize;
use serde_json::Value;

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is unusable: {why}")]
pub struct BadFile {
    /// Which kind of file.
    pub what: &'static str,
    /// Why.
    pub why: String,
}

/// What stands in a test record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Name of the build it is about, when asked.
    pub build: Option<String>,
    /// The jobs.
    pub jobs: Vec<RecordJob>,
    /// `None`: never counted; `Some(false)`: a promotion waits to be carried out.
    pub aggregated: Option<bool>,
    /// The verdict of the aggregator.
    pub accepted: Option<bool>,
    /// A person promoted the build whatever the verdict.
    pub promoted: bool,
}

/// One job of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordJob {
    /// Name as in the registry.
    pub name: String,
    /// Its first run; nothing when it was never triggered.
    pub first: Option<JobRun>,
    /// Further runs, in the order in which they were triggered.
    pub retried: Vec<JobRun>,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRun {
    /// Id at Prow.
    pub id: String,
    /// State as Prow spells it; nothing before the first look.
    pub state: Option<String>,
    /// Has it ended?
    pub finished: bool,
}

impl JobRun {
    /// Did it end well?
    pub fn passed(&self) -> bool {
        self.finished && self.state.as_deref() == Some("success")
    }
}

impl RecordJob {
    /// Did it pass: at once, or in so many of its `retries` that they outweigh the failed first run?
    pub fn passed(&self, retries: usize) -> bool {
        let Some(first) = &self.first else { return false };
        let good = self.retried.iter().filter(|run| run.passed()).count();
        first.passed() || (first.finished && good > retries.div_ceil(2))
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`BadFile`]: no JSON, or none of the known forms.
    pub fn parse(text: &str) -> Result<Self, BadFile> {
        let bad = |why: String| BadFile { what: "the test record", why };
        let file: Value = serde_json::from_str(text).map_err(|error| bad(format!("no JSON ({error})")))?;
        let items = file.get("result").and_then(Value::as_array);
        let items = items.ok_or_else(|| bad("it has no list `result`".to_owned()))?;
        let jobs = items.iter().map(|item| {
            let name = item.get("jobName").and_then(Value::as_str);
            let retried = item.get("retriedJobs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Ok(RecordJob {
                name: name.ok_or_else(|| bad("a job without `jobName`".to_owned()))?.to_owned(),
                first: item.get("firstJob").and_then(run),
                retried: retried.iter().filter_map(run).collect(),
            })
        });
        Ok(Self {
            jobs: jobs.collect::<Result<_, _>>()?,
            build: file.get("build").and_then(build_name),
            aggregated: file.get("aggregated").and_then(Value::as_bool),
            accepted: file.get("accepted").and_then(Value::as_bool),
            promoted: file.get("manual_promotion").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

/// A run without id was lost before it began.
fn run(value: &Value) -> Option<JobRun> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(JobRun {
        id: text("jobID")?.to_owned(),
        state: text("jobState").map(str::to_owned),
        finished: text("jobCompletionTime").is_some(),
    })
}

/// Two old records hold the build as the text of its JSON.
fn build_name(build: &Value) -> Option<String> {
    let parsed: Value;
    let build = match build.as_str() {
        Some(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        None => build,
    };
    build.get("name").and_then(Value::as_str).map(str::to_owned)
}

/// Which jobs judge the builds of one minor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobRegistry {
    /// Jobs for nightlies.
    pub nightly: Vec<RegistryJob>,
    /// Jobs for promoted payloads.
    pub stable: Vec<RegistryJob>,
}

/// One job of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RegistryJob {
    /// Full periodic name.
    #[serde(rename = "prowJob")]
    pub name: String,
    /// Not triggered, not counted.
    #[serde(default)]
    pub disabled: bool,
    /// Triggered, not counted.
    #[serde(default)]
    pub optional: bool,
    /// Installs an older version first.
    #[serde(default)]
    pub upgrade: bool,
    /// Runs after a failed first one, as written.
    #[serde(default)]
    retries: Option<usize>,
}

impl RegistryJob {
    /// Must it pass?
    pub const fn is_required(&self) -> bool {
        !self.disabled && !self.optional
    }

    /// Runs after a failed first one: two unless the registry asks for more; odd numbers are rounded down.
    pub fn retries(&self) -> usize {
        let wanted = self.retries.unwrap_or(2).max(2);
        wanted - wanted % 2
    }
}

impl JobRegistry {
    /// Reads a registry.
    ///
    /// # Errors
    ///
    /// [`BadFile`]: no JSON, a missing section, or a flag that is no boolean.
    pub fn parse(text: &str) -> Result<Self, BadFile> {
        serde_json::from_str(text)
            .map_err(|error| BadFile { what: "the job registry", why: format!("not of the known form ({error})") })
    }

    /// The section that judges `build`.
    pub fn section(&self, build: &str) -> &[RegistryJob] {
        if build.contains("nightly") { &self.nightly } else { &self.stable }
    }
}
