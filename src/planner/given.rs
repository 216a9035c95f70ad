//! Worlds that the table tests of the rows start from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;

use super::facts::{AdvisoryFact, MrFact, PageState, PromotionFact, RecordState, ReleaseFact};
use super::input::{Input, OpenIssue, StateSource, TaskFacts};
use super::messages::{Kind, Message};
use super::plan::{Action, Plan};
use super::walk::plan;
use crate::domain::advisory::AdvisoryState;
use crate::domain::approval::Shipped;
use crate::domain::ids::AdvisoryId;
use crate::domain::shipment::StageRelease;
use crate::domain::state::entries::Intent;
use crate::domain::task::{JobRef, JobSystem, Task, TaskStatus};

/// An effect that a run announced an hour ago.
pub(super) fn intent() -> Intent {
    Intent { key: "a/run".into(), at: Some(at("2026-03-20T11:00:00Z")), by: "somebody@somewhere".into() }
}

/// Reads a time.
pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a time"))
}

/// A release with a state file in which nothing was done; five days before its date, not promoted.
pub(super) fn fresh() -> Input {
    let mut input = Input::unknown("4.20.17", at("2026-03-20T12:00:00Z"), date(2026, 3, 20));
    let advisory = |id| AdvisoryFact { id: AdvisoryId::new(id), state: AdvisoryState::Qe, has_builds: None };
    input.source = StateSource::StateBox;
    input.release_date = Some(date(2026, 3, 25));
    input.owner = Some("lead@example.com".into());
    input.candidate_build = Some("4.20.0-0.nightly-2026-03-15-000000".into());
    input.candidate_file = RecordState::Accepted;
    input.promoted_file = RecordState::Missing;
    input.promotion = PromotionFact::Pending("Ready".into());
    input.stage_release = ReleaseFact::Known(StageRelease::NotFound);
    input.prod_release = ReleaseFact::Known(StageRelease::NotFound);
    input.mr = MrFact::Open;
    input.mr_url = Some("https://gitlab.example.com/shipment/-/merge_requests/1".into());
    input.advisories = Some(BTreeMap::from([("rpm".into(), advisory(101)), ("rhcos".into(), advisory(102))]));
    input.page = PageState::NotAccessible;
    input.shipped = Some(Shipped { shipped: false, open: vec!["rpm advisory: QE".into()] });
    input
}

/// Everything up to the push is done, the payload promoted, the stage release good.
pub(super) fn promoted() -> Input {
    let mut input = fresh();
    input.promotion = PromotionFact::Accepted;
    input.stage_release = ReleaseFact::Known(StageRelease::Success);
    input.promoted_file = RecordState::Accepted;
    pass(&mut input, &[Task::TakeOwnership, Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]);
    pass(&mut input, &[Task::PushToCdnStaging, Task::AnalyzeCandidateBuild]);
    input
}

/// Only the final approval is left, and it is its day.
pub(super) fn ready_to_approve() -> Input {
    let mut input = promoted();
    pass(&mut input, &[Task::AnalyzePromotedBuild, Task::ImageConsistencyCheck, Task::StageTesting]);
    pass(&mut input, &[Task::ImageSignedCheck]);
    move_to(&mut input, "2026-03-24T08:00:00Z");
    input
}

/// Lets the clock show `time`.
pub(super) fn move_to(input: &mut Input, time: &str) {
    input.now = at(time);
    input.today = input.now.to_zoned(jiff::tz::TimeZone::UTC).date();
}

/// Stores Pass for each task.
pub(super) fn pass(input: &mut Input, tasks: &[Task]) {
    for task in tasks {
        set(input, *task, TaskStatus::Pass);
    }
}

/// Stores a status and returns the facts for more.
pub(super) fn set(input: &mut Input, task: Task, status: TaskStatus) -> &mut TaskFacts {
    let facts = TaskFacts {
        status,
        started_at: Some(at("2026-03-20T08:00:00Z")),
        completed_at: matches!(status, TaskStatus::Pass | TaskStatus::Fail).then(|| at("2026-03-20T09:00:00Z")),
        ..TaskFacts::default()
    };
    let stored = input.tasks.entry(task).or_default();
    *stored = facts;
    stored
}

/// A running Jenkins build.
pub(super) fn job() -> JobRef {
    JobRef {
        system: JobSystem::Jenkins,
        id: "1484".into(),
        url: Some("https://jenkins.example.com/job/1484".into()),
        triggered_at: Some(at("2026-03-20T11:00:00Z")),
    }
}

/// An unresolved issue.
pub(super) fn issue(text: &str, source: Option<&str>) -> OpenIssue {
    OpenIssue { id: "0a1b2c3d".into(), text: text.into(), source: source.map(str::to_owned) }
}

/// The actions of the plan without notifications.
pub(super) fn actions(input: &Input) -> Vec<Action> {
    plan(input).actions.into_iter().filter(|action| !matches!(action, Action::Notify { .. })).collect()
}

/// The kinds of the plan's messages.
pub(super) fn kinds(input: &Input) -> Vec<Kind> {
    plan(input).messages.iter().map(|message| message.kind).collect()
}

/// The message of that kind.
pub(super) fn message_of(plan: &Plan, kind: Kind) -> Message {
    let found = plan.messages.iter().find(|message| message.kind == kind).cloned();
    found.unwrap_or_else(|| panic!("no {kind:?} in {:?}", plan.messages))
}
