//! The shipment: a merge request whose YAML files say what is shipped and, later, where it went.

use std::collections::BTreeSet;
use std::fmt;

use serde_yaml::Value;

use super::consistency::NamedImage;
use super::ids::{JiraKey, MrIid};

/// What separates project and number in the address of a merge request.
const SEPARATOR: &str = "/-/merge_requests/";

/// A merge request by project path and number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MrAddress {
    /// Project path with its groups, `group/project`.
    pub project: String,
    /// Number within the project.
    pub iid: MrIid,
}

/// An address that names no merge request of our GitLab.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the address of a merge request below {base} ({why})")]
pub struct NotAMergeRequest {
    /// What was given.
    pub url: String,
    /// Where our GitLab is.
    pub base: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl MrAddress {
    /// Reads `{base}/{project}/-/merge_requests/{iid}`; what follows the number (`/diffs`, `?…`, `#…`) is ignored.
    ///
    /// The host has to be that of `base`, because requests go there and nowhere else.
    ///
    /// # Errors
    ///
    /// [`NotAMergeRequest`]: another host, no project, no number, or the separator not exactly once.
    pub fn parse(url: &str, base: &str) -> Result<Self, NotAMergeRequest> {
        let refuse = |why| NotAMergeRequest { url: url.to_owned(), base: base.to_owned(), why };
        let path = url
            .trim()
            .strip_prefix(base.trim_end_matches('/'))
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| refuse("another host"))?;
        let mut parts = path.split(SEPARATOR);
        let (Some(project), Some(rest), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse("`/-/merge_requests/` has to occur exactly once"));
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_path = project.split('/').all(|part| !part.is_empty() && part.bytes().all(plain));
        if !is_path || !project.contains('/') {
            return Err(refuse("no project path"));
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        if !(after.is_empty() || after.starts_with(['/', '?', '#'])) {
            return Err(refuse("no number"));
        }
        let iid = number.parse().map_err(|_| refuse("no number"))?;
        Ok(Self { project: project.to_owned(), iid })
    }
}

/// State of the stage or production release stage of a shipment merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageRelease {
    /// Label or stage says success.
    Success,
    /// Still going on; the text is GitLab's status.
    Running(String),
    /// Ended badly; the text is GitLab's status.
    Failed(String),
    /// The stage does not exist in the newest pipeline.
    NotFound,
}

impl fmt::Display for StageRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Running(status) | Self::Failed(status) => f.write_str(status),
            Self::NotFound => f.write_str("not found"),
        }
    }
}

/// State of a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MrState {
    /// It can still change.
    Open,
    /// It was merged: the release went out.
    Merged,
    /// It was closed without being merged.
    Closed,
    /// Anything else, as GitLab spells it (`locked` while a merge is under way).
    Other(String),
}

impl MrState {
    /// Reads GitLab's spelling.
    pub fn from_wire(text: &str) -> Self {
        match text {
            "opened" => Self::Open,
            "merged" => Self::Merged,
            "closed" => Self::Closed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for MrState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.pad("Open"),
            Self::Merged => f.pad("Merged"),
            Self::Closed => f.pad("Closed"),
            Self::Other(other) => write!(f, "Other({other:?})"),
        }
    }
}

/// Does a shipment keep its facts in files of this name?
pub fn is_shipment_file(path: &str) -> bool {
    path.ends_with(".yaml")
}

/// One YAML file of a shipment.
#[derive(Debug, Clone, PartialEq)]
pub struct ShipmentFile {
    /// Path within the project.
    pub path: String,
    document: Value,
}

/// A shipment file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shipment file {path}: {why}")]
pub struct BadShipmentFile {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

impl ShipmentFile {
    /// Reads a file; keys we do not know are no concern of ours. Nothing when it is YAML about something else.
    ///
    /// # Errors
    ///
    /// [`BadShipmentFile`]: no YAML, no map at all (a login page is one long text), or an unusable `shipment`.
    pub fn parse(path: &str, text: &str) -> Result<Option<Self>, BadShipmentFile> {
        let refuse = |why: String| BadShipmentFile { path: path.to_owned(), why };
        let document: Value = super::yaml::parse(text).map_err(|why| refuse(format!("not YAML ({why})")))?;
        if !document.is_mapping() {
            return Err(refuse("not a map".to_owned()));
        }
        match document.get("shipment") {
            None => Ok(None),
            Some(shipment) if shipment.is_mapping() => Ok(Some(Self { path: path.to_owned(), document })),
            Some(_) => Err(refuse("`shipment` is not a map".to_owned())),
        }
    }

    /// The assembly that it says it ships.
    pub fn assembly(&self) -> Option<String> {
        self.at(&["metadata", "assembly"]).and_then(text).filter(|key| !key.is_empty())
    }

    /// Does its stage advisory list images? That of an operator catalogue does not, and some have no advisory.
    pub fn has_images(&self) -> bool {
        let flag = |name| self.at(&["metadata", name]).and_then(Value::as_bool);
        !self.path.contains(".fbc.") && flag("fbc") != Some(true) && flag("advisory_required") != Some(false)
    }

    /// Keys of the fixed issues that live in Jira (one of `sources`).
    ///
    /// # Errors
    ///
    /// [`BadShipmentFile`]: `fixed` is no list, or a Jira entry has no usable key. A shorter set would make
    /// attached bugs look missed.
    pub fn fixed_issues(&self, sources: &[&str]) -> Result<BTreeSet<JiraKey>, BadShipmentFile> {
        let refuse = |why: String| BadShipmentFile { path: self.path.clone(), why };
        let fixed = self.at(&["data", "releaseNotes", "issues", "fixed"]);
        let entries = match fixed {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Sequence(entries)) => entries,
            Some(_) => return Err(refuse("`releaseNotes.issues.fixed` is not a list".to_owned())),
        };
        let mut keys = BTreeSet::new();
        for entry in entries {
            let (id, source) = (entry.get("id").and_then(text), entry.get("source").and_then(text));
            let Some(source) = source else { return Err(refuse("a fixed issue has no source".to_owned())) };
            if !sources.contains(&source.as_str()) {
                continue;
            }
            let id = id.ok_or_else(|| refuse("a fixed issue has no id".to_owned()))?;
            keys.insert(id.trim().parse().map_err(|bad| refuse(format!("fixed issue: {bad}")))?);
        }
        Ok(keys)
    }

    /// Address of the advisory that the stage release made; absent until then.
    pub fn stage_advisory(&self) -> Option<String> {
        self.at(&["environments", "stage", "advisory", "internal_url"]).and_then(text).filter(|url| !url.is_empty())
    }

    /// The images that the shipment ships, and what was left out because it names none.
    ///
    /// # Errors
    ///
    /// [`BadShipmentFile`]: `components` is no list, or an entry names no image by text. A shorter list would
    /// make images of the payload look missing, or released.
    pub fn components(&self) -> Result<(Vec<NamedImage>, Vec<String>), BadShipmentFile> {
        let refuse = |why: &str| BadShipmentFile { path: self.path.clone(), why: why.to_owned() };
        let entries = match self.at(&["snapshot", "spec", "components"]) {
            None | Some(Value::Null) => return Ok((Vec::new(), Vec::new())),
            Some(Value::Sequence(entries)) => entries,
            Some(_) => return Err(refuse("`snapshot.spec.components` is not a list")),
        };
        let (mut images, mut left_out) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = entry.get("name").and_then(text).unwrap_or_else(|| "a component without name".to_owned());
            match entry.get("containerImage") {
                None | Some(Value::Null) => left_out.push(format!("{}: {name} names no image", self.path)),
                Some(Value::String(spec)) if spec.trim().is_empty() => {
                    left_out.push(format!("{}: {name} names no image", self.path));
                }
                Some(Value::String(spec)) => images.push(NamedImage { name, pull_spec: spec.trim().to_owned() }),
                Some(_) => return Err(refuse("a component whose `containerImage` is no text")),
            }
        }
        Ok((images, left_out))
    }

    fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self.document.get("shipment")?, |value, key| value.get(*key))
    }
}

/// A scalar as text: ids are sometimes written without quotes.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

/// One job or bridge of a pipeline, latest try only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageJob {
    /// Its number; grows with time.
    pub id: u64,
    /// Its name; tries of the same job share it.
    pub name: String,
    /// The stage it belongs to.
    pub stage: String,
    /// Its status as GitLab spells it.
    pub status: String,
    /// May it fail without harm?
    pub allow_failure: bool,
    /// Status of the pipeline that a bridge started.
    pub downstream: Option<String>,
}

impl StageJob {
    /// What the job came to. A bridge that does not wait is a success as soon as its pipeline exists, so the
    /// pipeline's own trouble counts.
    fn came_to(&self) -> &str {
        let status = match (self.status.as_str(), self.downstream.as_deref()) {
            ("success", Some(below)) if !matches!(below, "success" | "manual" | "skipped") => below,
            (status, _) => status,
        };
        match status {
            "failed" | "canceled" if self.allow_failure => "success",
            "manual" if self.allow_failure => "skipped",
            status => status,
        }
    }
}

/// Status of one stage of a pipeline by GitLab's own rules; nothing when the stage has no job.
///
/// Of several tries with one name only the newest counts.
pub fn stage_status(jobs: &[StageJob], stage: &str) -> Option<String> {
    let latest = |job: &&StageJob| {
        !jobs.iter().any(|other| other.stage == job.stage && other.name == job.name && other.id > job.id)
    };
    let states: Vec<&str> =
        jobs.iter().filter(|job| job.stage == stage).filter(latest).map(StageJob::came_to).collect();
    let only = |allowed: &[&str]| states.iter().all(|state| allowed.contains(state));
    let any = |wanted: &str| states.contains(&wanted);
    let first = |order: &[&'static str]| order.iter().copied().find(|state| any(state));
    let status = if states.is_empty() {
        return None;
    } else if only(&["skipped"]) {
        // Optional manual jobs count as skipped; a stage that holds nothing else still waits for a click.
        if jobs.iter().any(|job| job.stage == stage && job.status == "manual") { "manual" } else { "skipped" }
    } else if only(&["success", "skipped"]) {
        "success"
    } else if only(&["created"]) {
        "created"
    } else if only(&["canceled", "success", "skipped"]) {
        "canceled"
    } else if only(&["pending", "created", "skipped"]) {
        "pending"
    } else if any("running") || any("pending") {
        "running"
    } else if let Some(open) =
        first(&["waiting_for_resource", "waiting_for_callback", "manual", "scheduled", "preparing", "canceling"])
    {
        open
    } else if any("created") {
        "running"
    } else if any("failed") {
        "failed"
    } else {
        // A status that nobody has seen before must not look like a failure.
        return states
            .into_iter()
            .find(|state| !matches!(*state, "success" | "skipped" | "canceled"))
            .map(str::to_owned);
    };
    Some(status.to_owned())
}

#[cfg(test)]
mod tests;
