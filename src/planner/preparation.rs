//! Preparation: ownership, first checks, push.

use super::draft::{Draft, Next, Progress, Triggers};
use super::messages::{Kind, Message};
use super::plan::Action;
use super::tasks::{Needs, eval};
use crate::domain::advisory::{ABNORMAL_SOURCE, ABNORMAL_SOURCE_OF_OLD, is_managed};
use crate::domain::push;
use crate::domain::task::{Task, TaskStatus};

/// Walks the rows of the preparation.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    if draft.passed(Task::ChangeAdvisoryStatus) {
        // Nothing is left to prepare; only shipping is open.
        return Next::Go;
    }
    let no_owner = draft.input.owner.is_none();
    match eval(draft, Task::TakeOwnership, Needs::Met) {
        // Waits of the other chains are still reported, but nothing starts for a release that nobody owns.
        Progress::Blocked if no_owner && !has_blocker(draft, Task::TakeOwnership) => {
            draft.triggers = Triggers::Withheld;
            return Next::Go;
        }
        Progress::Blocked | Progress::Failed => return Next::Halt,
        Progress::Done | Progress::Acting | Progress::Waiting | Progress::Unmet => {}
    }
    let owned = Needs::met_if(draft.passed(Task::TakeOwnership));
    match eval(draft, Task::CheckCveTrackerBug, owned) {
        Progress::Blocked | Progress::Failed => return Next::Halt,
        Progress::Done | Progress::Acting | Progress::Waiting | Progress::Unmet => {}
    }
    let trackers = Needs::met_if(draft.passed(Task::CheckCveTrackerBug));
    eval(draft, Task::CheckRhcosSecurityAlerts, trackers);
    push_rows(draft);
    Next::Go
}

fn has_blocker(draft: &Draft<'_>, task: Task) -> bool {
    draft.input.blocker(task).is_some()
}

/// The push goes on as soon as its advisories can be pushed.
fn push_rows(draft: &mut Draft<'_>) {
    let task = Task::PushToCdnStaging;
    let alerts = draft.status(Task::CheckRhcosSecurityAlerts);
    let due = push::closed(draft.status(Task::CheckCveTrackerBug), Some(alerts)).is_none();
    if let Some(issue) = settled_abnormal_issue(draft) {
        let resolution = "no advisory is in NEW_FILES any more".to_owned();
        draft.act(Action::ResolveIssue { issue, resolution });
        if draft.status(task) != TaskStatus::InProgress {
            draft.leave(task, Progress::Acting);
            return;
        }
    }
    let known = advisories_known(draft);
    if due && !known && matches!(draft.status(task), TaskStatus::NotStarted | TaskStatus::Fail) {
        say_advisories_unknown(draft, task);
    }
    eval(draft, task, Needs::met_if(due && known));
}

fn settled_abnormal_issue(draft: &Draft<'_>) -> Option<String> {
    let open = draft.input.issues.blockers.get(&Task::PushToCdnStaging)?;
    let is_about_them = |source: &str| source == ABNORMAL_SOURCE || source == ABNORMAL_SOURCE_OF_OLD;
    let issue = open.iter().find(|issue| issue.source.as_deref().is_some_and(is_about_them))?;
    let all = draft.input.advisories.as_ref()?;
    let settled = all.iter().all(|(impetus, one)| !is_managed(impetus, &one.state) || one.state.allows_push());
    settled.then(|| issue.id.clone())
}

/// Are the advisories read, and is it known of every dropped one whether it holds builds?
pub(super) fn advisories_known(draft: &Draft<'_>) -> bool {
    use crate::domain::advisory::drop_needs_a_person;
    draft.input.advisories.as_ref().is_some_and(|all| {
        all.iter().all(|(impetus, one)| drop_needs_a_person(impetus, &one.state, one.has_builds).is_some())
    })
}

/// Says that `task` waits because nothing is known of its advisories.
pub(super) fn say_advisories_unknown(draft: &mut Draft<'_>, task: Task) {
    if draft.say_errata_refuses(task, task.name()) {
        return;
    }
    let text = format!("{task} waits: the state of the advisories could not be read");
    let at = draft.in_minutes(5);
    draft.say(Message::new(Kind::AdvisoriesUnknown, text).task(task).recheck(at));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::advisory::AdvisoryState;
    use crate::domain::state::overall::Overall;
    use crate::planner::given::{actions, fresh, issue, kinds, message_of, pass, promoted, set};
    use crate::planner::walk::plan;

    const OWN: Task = Task::TakeOwnership;
    const CVE: Task = Task::CheckCveTrackerBug;
    const ALERTS: Task = Task::CheckRhcosSecurityAlerts;
    const PUSH: Task = Task::PushToCdnStaging;

    #[test]
    fn each_preparation_starts_when_the_one_before_has_passed() {
        let order = [OWN, CVE, ALERTS, PUSH];
        for (done, next) in order.iter().enumerate() {
            let mut input = fresh();
            pass(&mut input, &order[..done]);
            let runs: Vec<_> = actions(&input).into_iter().filter(|a| matches!(a, Action::Run(_))).collect();
            assert_eq!(runs, [Action::Run(*next)], "after {done} tasks");
        }
    }

    #[test]
    fn a_release_without_owner_starts_nothing_but_tells_its_other_waits() {
        let mut input = promoted();
        input.tasks.remove(&OWN);
        input.owner = None;
        assert!(!actions(&input).iter().any(|action| matches!(action, Action::Run(_))));
        let mut input = fresh();
        input.owner = None;
        let found = kinds(&input);
        assert!(found.contains(&Kind::OwnerNeeded) && found.contains(&Kind::WaitPromotion), "{found:?}");
    }

    #[test]
    fn a_failed_tracker_check_stops_the_release_and_turns_it_red() {
        let mut input = promoted();
        set(&mut input, CVE, TaskStatus::Fail);
        let found = plan(&input);
        assert_eq!(actions(&input), []);
        assert_eq!(found.overall, Overall::Red);
        assert!(!message_of(&found, Kind::TaskFailed).steps.is_empty());
    }

    #[test]
    fn a_failed_alert_check_turns_red_but_does_not_hold_the_push() {
        let mut input = fresh();
        pass(&mut input, &[OWN, CVE]);
        set(&mut input, ALERTS, TaskStatus::Fail);
        assert!(actions(&input).contains(&Action::Run(PUSH)));
        assert_eq!(plan(&input).overall, Overall::Red);
    }

    #[test]
    fn without_a_ticket_the_push_chain_waits_and_promotion_is_still_reported() {
        let mut input = fresh();
        pass(&mut input, &[OWN, CVE]);
        input.ticket_missing.extend([ALERTS, PUSH]);
        let found = kinds(&input);
        assert!(found.contains(&Kind::KerberosNeeded) && found.contains(&Kind::WaitPromotion), "{found:?}");
        assert!(!actions(&input).contains(&Action::Run(PUSH)));
    }

    #[test]
    fn a_running_push_is_looked_at_by_its_own_run() {
        let mut input = promoted();
        set(&mut input, PUSH, TaskStatus::InProgress);
        assert!(actions(&input).contains(&Action::Run(PUSH)));
    }

    #[test]
    fn unread_advisories_hold_the_push() {
        let mut input = fresh();
        pass(&mut input, &[OWN, CVE, ALERTS]);
        input.advisories = None;
        assert!(!actions(&input).contains(&Action::Run(PUSH)));
        assert!(kinds(&input).contains(&Kind::AdvisoriesUnknown));
    }

    #[test]
    fn the_blocker_of_abnormal_advisories_is_resolved_once_they_left_new_files() {
        let mut input = fresh();
        pass(&mut input, &[OWN, CVE, ALERTS]);
        input.issues.blockers.insert(PUSH, vec![issue("rpm 101 is in NEW_FILES", Some(ABNORMAL_SOURCE))]);
        assert!(matches!(&actions(&input)[..], [.., Action::ResolveIssue { .. }] | [Action::ResolveIssue { .. }, ..]));
        if let Some(rpm) = input.advisories.as_mut().and_then(|all| all.get_mut("rpm")) {
            rpm.state = AdvisoryState::NewFiles;
        }
        assert!(!actions(&input).iter().any(|action| matches!(action, Action::ResolveIssue { .. })));
        assert!(!actions(&input).contains(&Action::Run(PUSH)));
    }
}
