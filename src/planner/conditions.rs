//! Every task that is not Pass has exactly one condition: what is done about it, or why nothing is.

use super::draft::{Draft, Progress};
use super::input::StateSource;
use super::messages::{Kind, Message, Severity};
use super::old_fail::FailCause;
use super::plan::{Condition, Standing};
use super::table::comes_after;
use super::tasks::say_failed;
use crate::domain::task::{Flow, Task, TaskStatus};

/// Says why a task is Fail, or was passed over, where no row came to it: Red has a reason, always.
pub(super) fn rows(draft: &mut Draft<'_>) {
    let input = draft.input;
    if input.source != StateSource::StateBox || input.flow == Flow::Errata || input.given_up.is_some() {
        return;
    }
    let approved = draft.passed(Task::ChangeAdvisoryStatus);
    for task in open(draft).collect::<Vec<_>>() {
        if message_of(draft, task).is_some() || acted_on(draft, task) {
            continue;
        }
        if approved {
            let text = format!("{task} is {}: the release was approved without it", input.status(task));
            draft.say(Message::new(Kind::ApprovedWithout, text).task(task));
        } else if input.status(task) == TaskStatus::Fail {
            failed(draft, task);
        }
    }
}

fn failed(draft: &mut Draft<'_>, task: Task) {
    let facts = draft.facts(task);
    let why = match facts.fail_cause.unwrap_or(FailCause::Permanent) {
        FailCause::Prerequisite => "what it needs was not there; that was a wait, and it starts when its turn comes",
        FailCause::Transient => "services kept failing; it is tried again when its turn comes",
        FailCause::TimedOut
        | FailCause::TimedOutReleased
        | FailCause::JobFailed
        | FailCause::Permanent
        | FailCause::Unknown => {
            return say_failed(draft, task, &facts);
        }
    };
    draft.say(Message::new(Kind::TaskWaiting, format!("{task} is Fail: {why}")).task(task).since(facts.completed_at));
}

/// The condition of every tracked task that is not Pass, in workflow order.
pub(super) fn of(draft: &Draft<'_>) -> Vec<Condition> {
    open(draft).map(|task| condition(draft, task)).collect()
}

fn open<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = Task> + 'a {
    let input = draft.input;
    Task::tracked(input.flow).filter(move |task| input.status(*task) != TaskStatus::Pass)
}

fn condition(draft: &Draft<'_>, task: Task) -> Condition {
    let status = draft.input.status(task);
    let of = |standing: Standing, why: String| Condition { task, status, standing, why };
    let said = message_of(draft, task);
    if acted_on(draft, task) {
        return of(Standing::Acting, said.map_or_else(|| format!("{task} goes on now"), |one| one.text.clone()));
    }
    if let Some(message) = said {
        let standing = match (message.kind, message.severity()) {
            (Kind::ApprovedWithout, _) => Standing::PassedOver,
            (_, Severity::Failure) => Standing::Failed,
            (_, Severity::Action) => Standing::NeedsPerson,
            (_, Severity::Wait | Severity::Info) => Standing::Waiting,
        };
        return of(standing, message.text.clone());
    }
    if status == TaskStatus::InProgress {
        return of(Standing::Waiting, format!("{task} is running"));
    }
    // Where the rows came to what it needs, that is why; the promotion, for one, is not awaited by the preparation.
    let needed = comes_after(task).iter().copied();
    if let Some(needed) = needed.filter(|one| draft.was_judged(*one)).find(|one| !draft.passed(*one)) {
        return of(Standing::ComesLater, format!("{task} waits for {needed}"));
    }
    // What holds the whole release holds its tasks, too.
    let held = draft.messages().iter().filter(|one| one.task.is_none() && one.severity() >= Severity::Wait);
    match held.max_by_key(|one| one.severity()) {
        Some(message) => of(Standing::ComesLater, format!("{task} waits: {}", message.text)),
        None => of(Standing::ComesLater, format!("{task} waits for what comes before it")),
    }
}

/// What is said about `task`: of several messages the gravest, of equals the first.
fn message_of<'a>(draft: &'a Draft<'_>, task: Task) -> Option<&'a Message> {
    let about = |message: &&Message| message.task == Some(task) && message.kind != Kind::ApprovalHeldLater;
    let mut found: Option<&Message> = None;
    for message in draft.messages().iter().filter(about) {
        if found.is_none_or(|known| message.severity() > known.severity()) {
            found = Some(message);
        }
    }
    found
}

fn acted_on(draft: &Draft<'_>, task: Task) -> bool {
    draft.acts_on(task) && !matches!(draft.progress(task), Progress::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::Shipped;
    use crate::domain::state::overall::Overall;
    use crate::planner::facts::PromotionFact;
    use crate::planner::given::{fresh, kinds, pass, promoted, ready_to_approve, set};
    use crate::planner::input::Input;
    use crate::planner::walk::plan;

    fn standing_of(input: &Input, task: Task) -> Standing {
        let found = plan(input);
        let mut about = found.conditions.iter().filter(|one| one.task == task);
        let standing = about.next().unwrap_or_else(|| panic!("{task} has no condition")).standing;
        assert_eq!(about.next(), None, "{task} has two");
        standing
    }

    #[test]
    fn a_stored_fail_is_said_whatever_the_release_waits_for() {
        let mut waits_for_promotion = promoted();
        waits_for_promotion.promotion = PromotionFact::Unknown("timed out".into());
        let mut blocked = promoted();
        blocked.issues.general.push(crate::planner::given::issue("release withdrawn", None));
        let mut not_ready = promoted();
        not_ready.not_ready.push("group.shipment.url is missing".into());
        for mut input in [waits_for_promotion, blocked, not_ready] {
            set(&mut input, Task::StageTesting, TaskStatus::Fail).fail_cause = Some(FailCause::JobFailed);
            assert_eq!(standing_of(&input, Task::StageTesting), Standing::Failed);
            assert_eq!(plan(&input).overall, Overall::Red);
            set(&mut input, Task::StageTesting, TaskStatus::Fail).fail_cause = Some(FailCause::Prerequisite);
            assert_eq!(standing_of(&input, Task::StageTesting), Standing::Waiting, "a wait is not called a failure");
        }
    }

    #[test]
    fn a_task_of_the_preparation_names_the_task_before_it_and_not_what_others_wait_for() {
        const OWN: Task = Task::TakeOwnership;
        const TRACKERS: Task = Task::CheckCveTrackerBug;
        const ALERTS: Task = Task::CheckRhcosSecurityAlerts;
        const PUSH: Task = Task::PushToCdnStaging;
        let table = [
            (vec![], vec![(TRACKERS, OWN), (ALERTS, TRACKERS), (PUSH, TRACKERS)]),
            (vec![OWN], vec![(ALERTS, TRACKERS), (PUSH, TRACKERS)]),
            (vec![OWN, TRACKERS], vec![(PUSH, ALERTS)]),
        ];
        for (done, waits) in table {
            let mut input = fresh();
            pass(&mut input, &done);
            let found = plan(&input);
            for (task, needed) in waits {
                let why = found.conditions.iter().find(|one| one.task == task).map(|one| one.why.as_str());
                assert_eq!(why, Some(format!("{task} waits for {needed}").as_str()), "after {done:?}");
            }
        }
    }

    #[test]
    fn a_failed_approval_that_waits_for_others_is_said() {
        let mut input = promoted();
        set(&mut input, Task::ChangeAdvisoryStatus, TaskStatus::Fail).fail_cause = Some(FailCause::TimedOut);
        assert_eq!(standing_of(&input, Task::ChangeAdvisoryStatus), Standing::Failed);
    }

    #[test]
    fn a_task_that_an_approved_release_never_ran_was_passed_over() {
        let mut input = ready_to_approve();
        pass(&mut input, &[Task::ChangeAdvisoryStatus]);
        input.tasks.remove(&Task::StageTesting);
        for shipped in
            [None, Some(Shipped { shipped: false, open: vec![] }), Some(Shipped { shipped: true, open: vec![] })]
        {
            input.shipped = shipped;
            assert_eq!(standing_of(&input, Task::StageTesting), Standing::PassedOver);
            assert!(kinds(&input).contains(&Kind::ApprovedWithout));
        }
    }

    #[test]
    fn every_task_that_has_not_passed_has_one_condition_at_each_step_of_the_way() {
        for mut input in [fresh(), promoted(), ready_to_approve()] {
            for task in Task::tracked(Flow::Konflux) {
                for status in [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Fail, TaskStatus::Pass] {
                    let before = input.tasks.clone();
                    set(&mut input, task, status);
                    let found = plan(&input);
                    let wanted: Vec<Task> =
                        Task::tracked(Flow::Konflux).filter(|one| input.status(*one) != TaskStatus::Pass).collect();
                    let named: Vec<Task> = found.conditions.iter().map(|one| one.task).collect();
                    assert_eq!(named, wanted, "{task} {status}");
                    assert!(found.conditions.iter().all(|one| !one.why.is_empty()));
                    input.tasks = before;
                }
            }
        }
    }
}
