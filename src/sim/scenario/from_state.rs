//! The world that a state file tells of: what it says had happened, the rest goes well.

use super::{
    IndexMap, JobRef, Past, PastTask, Problems, Progress, ReleasePlan, Scenario, SignedDuration, Task, TaskStatus,
    Timestamp, ZStream, dates, plan_for,
};
use crate::sim::journal::PLACEHOLDER;

/// What a state file says, as plain values.
#[derive(Debug, Clone)]
pub struct FromState {
    /// The release.
    pub release: ZStream,
    /// When the file was created.
    pub created_at: Timestamp,
    /// When it was last written: here the world goes on.
    pub updated_at: Timestamp,
    /// The release date as stored.
    pub release_date: String,
    /// Advisory kind to number.
    pub advisory_ids: IndexMap<String, u64>,
    /// Shipment merge request of whatever host.
    pub shipment_mr: Option<String>,
    /// Nightlies by payload architecture.
    pub candidate_builds: IndexMap<String, String>,
    /// ART's ticket.
    pub jira_ticket: Option<String>,
    /// Tasks that the file lists.
    pub tasks: Vec<FromTask>,
}

/// One task of the file.
#[derive(Debug, Clone)]
pub struct FromTask {
    /// Which.
    pub task: Task,
    /// As stored.
    pub status: TaskStatus,
    /// The job that `job_ref` or `result` names.
    pub job: Option<JobRef>,
}

impl Scenario {
    /// The world of a state file; start the clock at `updated_at`.
    pub fn from_state(state: FromState) -> Self {
        let day = dates::release_date(&state.release_date);
        let fallback = state.updated_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut plan = plan_for(state.release.clone(), day.unwrap_or(fallback));
        plan.start = state.updated_at;
        if day.is_some() {
            plan.release_date_text = state.release_date;
        }
        plan.advisories = state.advisory_ids;
        plan.nightlies = state.candidate_builds;
        if let Some(ticket) = state.jira_ticket {
            plan.art_ticket = ticket;
        }
        match state.shipment_mr.as_deref().and_then(merge_request) {
            Some((project, iid)) => (plan.shipment_project, plan.shipment_iid) = (project, iid),
            None => plan.shipment_iid = 0,
        }
        plan.shipment_page = state.shipment_mr;
        plan.past = past(state.tasks);
        plan.problems = Problems {
            candidate_rejected: plan.past.progress(Task::AnalyzeCandidateBuild.name()) == Progress::Failed,
            promoted_rejected: plan.past.progress(Task::AnalyzePromotedBuild.name()) == Progress::Failed,
            ..Problems::default()
        };
        hasten(&mut plan, state.created_at);
        Self { name: "from-state".to_owned(), plan }
    }
}

/// Project path and number of a merge request URL, whatever its host. A simulated world of before served its
/// GitLab below a folder, which is no part of the project.
fn merge_request(url: &str) -> Option<(String, u64)> {
    let simulated = url.strip_prefix(PLACEHOLDER).is_some();
    let url = url::Url::parse(url).ok()?;
    let path = url.path().trim_matches('/');
    let path = path.strip_prefix("gitlab/").filter(|_| simulated).unwrap_or(path);
    let (project, rest) = path.split_once("/-/merge_requests/")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((project.to_owned(), digits.parse().ok()?))
}

fn past(tasks: Vec<FromTask>) -> Past {
    let mut past = Past::default();
    for FromTask { task, status, job } in tasks {
        let progress = match status {
            TaskStatus::NotStarted => Progress::Untouched,
            TaskStatus::InProgress => Progress::Running,
            TaskStatus::Pass => Progress::Passed,
            TaskStatus::Fail => Progress::Failed,
        };
        past.tasks.insert(task.name().to_owned(), PastTask { progress, job });
    }
    let progress = |task: Task| past.progress(task.name());
    let ran = |task: Task| progress(task) == Progress::Passed || past.job(task.name()).is_some();
    let approving = progress(Task::ChangeAdvisoryStatus) != Progress::Untouched;
    let jobs_ran = ran(Task::ImageConsistencyCheck) || ran(Task::StageTesting);
    let tested = progress(Task::AnalyzePromotedBuild) != Progress::Untouched;
    let signed = progress(Task::ImageSignedCheck) == Progress::Passed;
    past.promoted = approving || jobs_ran || tested || signed;
    past.stage_released = approving || jobs_ran;
    past.qe_approved = approving;
    past
}

/// What should have happened since the file was created comes within the hour instead of after a day.
fn hasten(plan: &mut ReleasePlan, created_at: Timestamp) {
    let elapsed = plan.start.duration_since(created_at);
    let soon = SignedDuration::from_mins(30);
    plan.timing.promotion = (plan.timing.promotion - elapsed).max(soon);
    plan.timing.stage_release = (plan.timing.stage_release - elapsed).max(soon * 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tasks: Vec<FromTask>) -> FromState {
        FromState {
            release: "4.20.17".parse().expect("a release"),
            created_at: "2026-03-18T06:00:00Z".parse().expect("a time"),
            updated_at: "2026-03-20T06:00:00Z".parse().expect("a time"),
            release_date: "2026-Mar-25".to_owned(),
            advisory_ids: [("rpm".to_owned(), 150_051)].into_iter().collect(),
            shipment_mr: Some("https://git.example.com/a/b/shipment/-/merge_requests/301".to_owned()),
            candidate_builds: IndexMap::new(),
            jira_ticket: None,
            tasks,
        }
    }

    #[test]
    fn a_merge_request_is_known_by_project_and_number_whatever_its_host() {
        let plan = Scenario::from_state(file(Vec::new())).plan;
        assert_eq!((plan.shipment_project.as_str(), plan.shipment_iid), ("a/b/shipment", 301));
        assert_eq!(merge_request("https://git.example.com/a/b"), None);
        let of_a_simulator = format!("{PLACEHOLDER}/gitlab/a/b/shipment/-/merge_requests/301");
        assert_eq!(merge_request(&of_a_simulator), Some(("a/b/shipment".to_owned(), 301)));
    }

    #[test]
    fn a_finished_stage_test_means_that_promotion_and_stage_release_are_over() {
        let done = FromTask { task: Task::StageTesting, status: TaskStatus::Pass, job: None };
        let past = Scenario::from_state(file(vec![done])).plan.past;
        assert!(past.promoted && past.stage_released && !past.qe_approved);
        let fresh = Scenario::from_state(file(Vec::new())).plan;
        assert!(!fresh.past.promoted);
        assert_eq!(fresh.timing.promotion, SignedDuration::from_mins(30));
    }
}
