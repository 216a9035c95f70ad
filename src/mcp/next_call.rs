//! The calls that bring a release on: which tool does what, with which arguments.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};
use crate::planner::plan::Action;
use crate::render::text::clean;

/// No caller is asked to look again sooner.
pub const SOONEST_LOOK_S: i64 = 60;

/// A call that can be made next, as callers read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NextCall {
    /// The tool.
    pub tool: &'static str,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What has to be asked of a person first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<&'static str>,
    /// Not earlier than in so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before_seconds: Option<i64>,
    /// Do its arguments carry texts that others wrote?
    #[serde(skip)]
    pub quotes: bool,
}

impl NextCall {
    fn of_release(tool: &'static str, release: &ZStream) -> Self {
        let arguments = Map::from_iter([("release".to_owned(), json!(release.to_string()))]);
        Self { tool, arguments, ask: None, not_before_seconds: None, quotes: false }
    }

    /// The call that plans the release anew.
    pub fn plan(release: &ZStream) -> Self {
        Self::of_release("oar_plan_next_actions", release)
    }

    /// The call that runs `task`, or looks how it goes.
    pub fn of_task(task: Task, release: &ZStream) -> Option<Self> {
        let call = Self::of_release(tool_of(task)?, release);
        Some(match which(task) {
            Some(which) => call.with("which", which),
            None => call,
        })
    }

    /// The same about the job of `task`, when its tool can be asked about one.
    #[must_use]
    pub fn about_job(self, task: Task, job: &str) -> Self {
        match job_parameter(task) {
            Some(parameter) => self.with(parameter, job),
            None => self,
        }
    }

    /// The call that carries `action` out; nothing for what no tool does.
    pub fn of_action(action: &Action, release: &ZStream) -> Option<Self> {
        Some(match action {
            Action::Run(task) => {
                let call = Self::of_task(*task, release)?;
                Self { ask: asked_before(*task), ..call }
            }
            Action::Check(task, job) => Self::of_task(*task, release)?.about_job(*task, &job.id),
            Action::Analyze(which) | Action::Conclude { which, .. } => Self::of_task(which.task(), release)?,
            Action::MarkFail { task, note, .. } => Self::of_release("oar_update_task_status", release)
                .with("task_name", task)
                .with("status", TaskStatus::Fail)
                .quoting("result", note),
            // The task's own tool finds out that it has to begin anew.
            Action::ResetTask { task, .. } => Self::of_task(*task, release)?,
            Action::ResolveIssue { issue, resolution } => {
                Self::of_release("oar_resolve_issue", release).quoting("issue", issue).quoting("resolution", resolution)
            }
            Action::AddBlocker { task, text, .. } => Self::of_release("oar_add_issue", release)
                .quoting("issue", text)
                .with("blocker", true)
                .with("related_tasks", task.map(Task::name).unwrap_or_default()),
            Action::Notify { .. } | Action::SendDue => return None,
        })
    }

    fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.arguments.insert(name.to_owned(), json!(value));
        self
    }

    fn quoting(self, name: &str, text: &str) -> Self {
        Self { quotes: true, ..self.with(name, clean(text)) }
    }
}

/// The tool that runs `task`.
pub const fn tool_of(task: Task) -> Option<&'static str> {
    Some(match task {
        Task::AnalyzeCandidateBuild | Task::AnalyzePromotedBuild => "oar_analyze_build",
        Task::CreateTestReport => "oar_create_test_report",
        Task::TakeOwnership => "oar_take_ownership",
        Task::UpdateBugList => "oar_update_bug_list",
        Task::ImageConsistencyCheck => "oar_image_consistency_check",
        Task::CheckGreenwaveCvpTests => "oar_check_greenwave_cvp_tests",
        Task::CheckCveTrackerBug => "oar_check_cve_tracker_bug",
        Task::CheckRhcosSecurityAlerts => "oar_check_rhcos_security_alerts",
        Task::PushToCdnStaging => "oar_push_to_cdn_staging",
        Task::StageTesting => "oar_stage_testing",
        Task::ImageSignedCheck => "oar_image_signed_check",
        Task::DropBugs => "oar_drop_bugs",
        Task::ChangeAdvisoryStatus => "oar_change_advisory_status",
        Task::AddQeApproval => return None,
    })
}

/// What has to be asked of a person before the tool of `task` is called.
const fn asked_before(task: Task) -> Option<&'static str> {
    match task {
        Task::TakeOwnership => Some("email: ask the human for the mail address of the owner"),
        Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::CreateTestReport
        | Task::UpdateBugList
        | Task::ImageConsistencyCheck
        | Task::CheckGreenwaveCvpTests
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::PushToCdnStaging
        | Task::StageTesting
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => None,
    }
}

/// The task that `tool` runs; nothing for a tool of no task or of several.
pub fn task_of(tool: &str) -> Option<Task> {
    Task::ALL.into_iter().find(|task| which(*task).is_none() && tool_of(*task) == Some(tool))
}

/// What the tool of several tasks is given to run this one.
const fn which(task: Task) -> Option<&'static str> {
    match task {
        Task::AnalyzeCandidateBuild => Some("candidate"),
        Task::AnalyzePromotedBuild => Some("promoted"),
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::ImageConsistencyCheck
        | Task::CheckGreenwaveCvpTests
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::PushToCdnStaging
        | Task::StageTesting
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => None,
    }
}

/// The parameter that takes the job of `task`.
const fn job_parameter(task: Task) -> Option<&'static str> {
    match task {
        Task::StageTesting => Some("build_number"),
        Task::ImageConsistencyCheck => Some("job_id"),
        Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckGreenwaveCvpTests
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::PushToCdnStaging
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Flow;

    #[test]
    fn every_task_of_the_flow_has_its_call() {
        let release: ZStream = "4.20.17".parse().unwrap();
        for task in Task::tracked(Flow::Konflux) {
            let call = NextCall::of_task(task, &release).unwrap_or_else(|| panic!("{task} has no tool"));
            let tool = crate::mcp::catalog::find(call.tool).unwrap_or_else(|| panic!("{task} names no tool"));
            for name in call.about_job(task, "1").arguments.keys() {
                assert!(tool.params.iter().any(|param| param.name == name), "{} takes no {name}", tool.name);
            }
        }
    }

    #[test]
    fn a_tool_of_one_task_names_it() {
        assert_eq!(task_of("oar_stage_testing"), Some(Task::StageTesting));
        assert_eq!((task_of("oar_analyze_build"), task_of("oar_add_issue")), (None, None));
    }
}
