//! The issues of a release.

use schemars::JsonSchema;
use serde::Serialize;

use super::program::Done;

use crate::domain::release::ZStream;
use crate::domain::state::entries::Issue;
use crate::operators::manual::issues::Changed;
use crate::render::issues;

/// The issues of a release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Issues", deny_unknown_fields)]
pub struct IssuesDocument {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Open ones first
    pub issues: Vec<IssueDocument>,
}

/// What came of a change: the issues when it is stored, else what was done instead.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum IssueChange {
    /// It is stored.
    Stored(IssuesDocument),
    /// It is not, or not yet.
    Done(Done),
}

impl IssueChange {
    /// What came of a change to the issues of `release`.
    pub fn new(release: &ZStream, changed: &Changed) -> Self {
        let done = Done::new(issues::changed(changed));
        match changed {
            Changed::Stored { issues, .. } => Self::Stored(IssuesDocument::new(release, issues)),
            Changed::Kept { .. } => Self::Done(Done { stored: Some(false), ..done }),
            Changed::IsOpen { .. } | Changed::IsResolved { .. } | Changed::DryRun => Self::Done(done),
        }
    }
}

/// An issue.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Issue", deny_unknown_fields)]
pub struct IssueDocument {
    /// Eight hex digits
    pub id: String,
    /// The text
    pub issue: String,
    /// Does it hold back the release?
    pub blocker: bool,
    /// Is it settled?
    pub resolved: bool,
    /// How
    pub resolution: Option<String>,
    /// Tasks it concerns; none means the whole release
    pub related_tasks: Vec<String>,
    /// When it was reported (UTC)
    pub reported_at: Option<String>,
    /// When it was resolved (UTC)
    pub resolved_at: Option<String>,
    /// The check that reported it; null for people's issues
    pub source: Option<String>,
}

impl IssuesDocument {
    /// All of `issues`, the open ones first.
    pub fn new(release: &ZStream, issues: &[Issue]) -> Self {
        let (resolved, open): (Vec<_>, Vec<_>) = issues.iter().partition(|issue| issue.resolved);
        let issues = open.into_iter().chain(resolved).map(IssueDocument::from);
        Self { ok: true, release: release.to_string(), issues: issues.collect() }
    }
}

impl From<&Issue> for IssueDocument {
    fn from(issue: &Issue) -> Self {
        let Issue { id, issue, reported_at, resolved, resolution, blocker, related_tasks, resolved_at, source } =
            issue.clone();
        Self { id, issue, blocker, resolved, resolution, related_tasks, reported_at, resolved_at, source }
    }
}
