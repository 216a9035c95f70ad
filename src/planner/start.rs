//! The first rows: is there a state to work with, and anything that stops the whole release?

use super::approval::shipped_message;
use super::draft::{Draft, Next, Progress};
use super::facts::MrFact;
use super::input::{StateSource, Unread};
use super::messages::{Kind, Message};
use super::plan::Action;
use super::tasks::{Needs, eval};
use crate::domain::advisory::{DROPPED_SOURCE, drop_needs_a_person};
use crate::domain::foreign::quoted;
use crate::domain::task::{Flow, Task, TaskStatus};

/// Marks the blocker of a closed merge request.
const MR_CLOSED_SOURCE: &str = "mr-closed";

/// Walks the rows about the whole release.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    let input = draft.input;
    if let StateSource::Unavailable { what, why } = &input.source {
        let (kind, what) = match what {
            Unread::State => (Kind::StateUnavailable, "the state"),
            Unread::BuildData => (Kind::BuildDataUnavailable, "the build data"),
        };
        let text = format!("{what} of {} cannot be read: {why}", input.release);
        let at = draft.in_minutes(5);
        draft.say(Message::new(kind, text).recheck(at));
        return Next::Halt;
    }
    if unreadable_statuses(draft) {
        return Next::Halt;
    }
    if draft.passed(Task::ChangeAdvisoryStatus) && input.shipped.as_ref().is_some_and(|report| report.shipped) {
        draft.done = true;
        draft.say(shipped_message(input));
        return Next::Halt;
    }
    build_data(draft);
    if let Some(message) = unusable(draft) {
        draft.say(message);
        return Next::Halt;
    }
    if input.source == StateSource::None {
        // Nothing can be recorded before the file exists, so nothing else happens in the same plan.
        eval(draft, Task::CreateTestReport, Needs::Met);
        let text = format!("there is no state file for {} yet", input.release);
        draft.say(Message::new(Kind::Initialised, text).task(Task::CreateTestReport));
        return Next::Halt;
    }
    given_up(draft)
        .or(shipped_elsewhere(draft))
        .or(stopped_by_world(draft))
        .or(general_blockers(draft))
        .unwrap_or(Next::Go)
}

/// Says which words of the state file nobody knows. One of them may be a Fail that stops the release, so
/// nothing starts; jobs of the other tasks are still watched.
fn unreadable_statuses(draft: &mut Draft<'_>) -> bool {
    let input = draft.input;
    for status in &input.unreadable_statuses {
        let wanted = status.meant.map_or_else(|| "STATUS".to_owned(), |meant| format!("'{meant}'"));
        let (release, task) = (&input.release, status.task);
        let text = format!("the state file cannot be understood, {status}; nothing is started");
        let message = Message::new(Kind::StatusUnknown, text)
            .task(task)
            .step("correct the line in the state file")
            .step(format!("or: oar -r {release} update-task-status {task} {wanted} --reason TEXT"))
            .occasion(&status.text);
        draft.say(message);
        draft.leave(task, Progress::Blocked);
    }
    !input.unreadable_statuses.is_empty()
}

/// What build data says otherwise than the copy in the state, and what was replaced under way.
fn build_data(draft: &mut Draft<'_>) {
    let input = draft.input;
    let release = &input.release;
    for text in &input.changed {
        draft.say(Message::new(Kind::BuildDataChanged, format!("{text}; what build data says counts")));
    }
    if let Some(other) = &input.inherited_from {
        let text = format!("everything that build data says of {release} comes from {other}");
        let message = Message::new(Kind::BuildDataInherited, text).step("ask ART to fill in what is its own");
        draft.say(message.occasion(other));
    }
    for replaced in &input.replaced {
        let about_the_old = input.about_the_old(replaced);
        if about_the_old.is_empty() {
            continue;
        }
        let tasks = about_the_old.iter().map(|task| task.name()).collect::<Vec<_>>().join(", ");
        let text = format!("{}; {tasks} passed for the old one", replaced.text);
        let again = |task: &Task| match task.looks_again_after_pass() {
            true => format!("oar -r {release} {task}"),
            false => format!(
                "oar -r {release} update-task-status {task} 'Not Started' --override --reason TEXT, then: oar -r \
                 {release} {task}"
            ),
        };
        let mut message = Message::new(Kind::Replaced, text).occasion(&replaced.text);
        message.steps = about_the_old.iter().map(again).collect();
        message.steps.extend(
            replaced
                .issue
                .iter()
                .map(|id| format!("or leave it as it is: oar -r {release} issue resolve {id} --resolution TEXT")),
        );
        draft.say(message);
    }
}

fn unusable(draft: &Draft<'_>) -> Option<Message> {
    let input = draft.input;
    if input.flow == Flow::Errata {
        let text = "the Errata flow is not supported yet";
        return Some(Message::new(Kind::ErrataFlow, text).step("do its tasks by hand"));
    }
    if input.not_ready.is_empty() {
        return None;
    }
    let text = format!("build data is not ready: {}", input.not_ready.join("; "));
    let step = format!("ask ART to complete the assembly, then: oar -r {} drive", input.release);
    Some(Message::new(Kind::BuildDataNotReady, text).step(step))
}

/// The record says that the release will not ship. A person who knows better says so with `--retry`.
fn given_up(draft: &mut Draft<'_>) -> Option<Next> {
    let input = draft.input;
    let reason = input.given_up.as_ref().filter(|_| input.retry.is_none())?;
    let text = format!("{} was given up, says the resolution of a blocker: {}", input.release, quoted(reason));
    draft.say(
        Message::new(Kind::GivenUp, text)
            .step("nothing is to be done if that is right")
            .step(format!("if it ships all the same: oar -r {} drive --retry TASK", input.release)),
    );
    Some(Next::Halt)
}

/// Somebody else did our last step. With a run of ours under way, that run finds out itself.
fn shipped_elsewhere(draft: &mut Draft<'_>) -> Option<Next> {
    let input = draft.input;
    let approval = draft.facts(Task::ChangeAdvisoryStatus);
    let ours = approval.intent.is_some()
        || matches!(approval.status, TaskStatus::InProgress | TaskStatus::Pass)
        || input.retry == Some(Task::ChangeAdvisoryStatus);
    if ours || input.mr != MrFact::Merged || !input.advisories_ready() {
        return None;
    }
    let text = "the merge request is merged and the advisories are approved, but not by a run of ours";
    let release = &input.release;
    draft.say(
        Message::new(Kind::ShippedElsewhere, text)
            .task(Task::ChangeAdvisoryStatus)
            .link(input.mr_url.as_deref())
            .step(format!(
                "if that is right: oar -r {release} update-task-status change-advisory-status Pass --reason TEXT"
            ))
            .step(format!("to have it checked: oar -r {release} drive --retry change-advisory-status")),
    );
    Some(Next::Halt)
}

/// Facts outside (a closed merge request, a dropped advisory) that stop everything; their blockers are resolved when the facts change.
fn stopped_by_world(draft: &mut Draft<'_>) -> Option<Next> {
    let input = draft.input;
    match input.mr {
        MrFact::Closed => {
            let release = &input.release;
            let text = "the shipment merge request was closed without being merged";
            let message = Message::new(Kind::MrClosed, text)
                .link(input.mr_url.as_deref())
                .step(format!("ask ART for the new merge request; when build data names it: oar -r {release} drive"));
            return Some(stop(draft, message, MR_CLOSED_SOURCE));
        }
        MrFact::Open | MrFact::Merged => over(draft, MR_CLOSED_SOURCE, "the merge request is open or merged"),
        MrFact::None | MrFact::Unknown => {}
    }
    let all = input.advisories.as_ref()?;
    let judged: Vec<_> = all
        .iter()
        .map(|(impetus, one)| (impetus, one.id, drop_needs_a_person(impetus, &one.state, one.has_builds)))
        .collect();
    let dropped: Vec<_> =
        judged.iter().filter(|(.., person)| *person == Some(true)).map(|(i, id, _)| format!("{i} {id}")).collect();
    if !dropped.is_empty() {
        let text = format!("advisories were dropped although they hold builds: {}", dropped.join(", "));
        let step = format!(
            "ask ART whether the builds ship elsewhere; when build data names a new advisory: oar -r {} drive",
            input.release
        );
        return Some(stop(draft, Message::new(Kind::AdvisoryDropped, text).step(step), DROPPED_SOURCE));
    }
    if judged.iter().all(|(.., person)| person.is_some()) {
        over(draft, DROPPED_SOURCE, "no advisory with builds is dropped");
    }
    None
}

fn stop(draft: &mut Draft<'_>, message: Message, source: &str) -> Next {
    if draft.general_blocker_of(source).is_none() {
        draft.act(Action::AddBlocker { task: None, text: message.text.clone(), source: source.into() });
    }
    draft.say(message);
    Next::Halt
}

fn over(draft: &mut Draft<'_>, source: &str, resolution: &str) {
    if let Some(issue) = draft.general_blocker_of(source) {
        draft.act(Action::ResolveIssue { issue, resolution: resolution.into() });
    }
}

/// General blockers stop every trigger; running jobs are looked at afterwards.
fn general_blockers(draft: &mut Draft<'_>) -> Option<Next> {
    let release = &draft.input.release;
    let open = &draft.input.issues.general;
    for issue in open {
        let text = format!("the release is held back by a blocker: {}", quoted(&issue.text));
        let message = Message::new(Kind::GeneralBlocked, text)
            .step("solve what the issue says")
            .step(format!("then: oar -r {release} issue resolve {:?} --resolution TEXT", issue.id))
            .occasion(&issue.id);
        draft.say(message);
    }
    (!open.is_empty()).then_some(Next::Halt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::advisory::AdvisoryState;
    use crate::domain::approval::Shipped;
    use crate::domain::state::oddities::UnreadableStatus;
    use crate::planner::given::{actions, fresh, intent, issue, job, kinds, pass, promoted, ready_to_approve, set};
    use crate::planner::input::Input;
    use crate::planner::plan::Verdict;
    use crate::planner::walk::plan;

    fn shipped_by_all(input: &mut Input) {
        input.mr = MrFact::Merged;
        for one in input.advisories.iter_mut().flat_map(|all| all.values_mut()) {
            one.state = AdvisoryState::ShippedLive;
        }
    }

    #[test]
    fn a_state_that_cannot_be_read_is_never_assumed() {
        let mut input = promoted();
        input.source = StateSource::Unavailable { what: Unread::State, why: "github timed out".into() };
        assert_eq!(actions(&input), []);
        assert!(matches!(plan(&input).verdict, Verdict::Waiting { .. }));
        assert_eq!(plan(&input).messages[0].text, "the state of 4.20.17 cannot be read: github timed out");
    }

    #[test]
    fn build_data_that_cannot_be_read_is_named_as_such() {
        let mut input = promoted();
        input.source = StateSource::Unavailable { what: Unread::BuildData, why: "build_data timed out".into() };
        assert_eq!(actions(&input), []);
        assert_eq!(plan(&input).messages[0].text, "the build data of 4.20.17 cannot be read: build_data timed out");
    }

    #[test]
    fn a_status_that_nobody_knows_stops_every_trigger_and_names_line_and_meaning() {
        let mut input = promoted();
        set(&mut input, Task::StageTesting, TaskStatus::InProgress).job_ref = Some(job());
        set(&mut input, Task::ImageConsistencyCheck, TaskStatus::InProgress).job_ref = Some(job());
        input.unreadable_statuses = vec![UnreadableStatus {
            task: Task::StageTesting,
            line: 23,
            text: "fail".into(),
            meant: Some(TaskStatus::Fail),
        }];
        assert_eq!(actions(&input), [Action::Check(Task::ImageConsistencyCheck, job())]);
        let found = plan(&input);
        assert_eq!(found.recheck_at(), None);
        assert_eq!(
            found.messages[0].text,
            "the state file cannot be understood, line 23: stage-testing has the status \"fail\", which is none of Not \
             Started, In Progress, Pass, Fail; did you mean Fail?; nothing is started"
        );
    }

    #[test]
    fn a_release_that_was_given_up_is_left_alone_until_a_person_insists() {
        let mut input = promoted();
        input.given_up = Some("Release 4.20.17 will not ship".into());
        assert_eq!(actions(&input), []);
        assert_eq!(plan(&input).verdict, Verdict::NeedsPerson);
        input.retry = Some(Task::ImageConsistencyCheck);
        assert_ne!(actions(&input), []);
    }

    #[test]
    fn a_release_without_a_state_file_gets_one_and_nothing_else() {
        let mut input = fresh();
        input.source = StateSource::None;
        assert_eq!(actions(&input), [Action::Run(Task::CreateTestReport)]);
    }

    #[test]
    fn an_approved_and_shipped_release_is_done_whatever_else_its_old_file_says() {
        let mut input = fresh();
        pass(&mut input, &[Task::ChangeAdvisoryStatus]);
        set(&mut input, Task::StageTesting, TaskStatus::InProgress).job_ref = Some(job());
        input.shipped = Some(Shipped { shipped: true, open: vec![] });
        assert_eq!(actions(&input), []);
        assert_eq!(plan(&input).verdict, Verdict::Done);
    }

    #[test]
    fn a_release_that_others_shipped_asks_a_person_unless_a_run_of_ours_is_under_way() {
        let mut input = ready_to_approve();
        shipped_by_all(&mut input);
        assert_eq!(kinds(&input), [Kind::ShippedElsewhere]);
        assert_eq!(plan(&input).verdict, Verdict::NeedsPerson);

        set(&mut input, Task::ChangeAdvisoryStatus, TaskStatus::NotStarted).intent = Some(intent());
        assert_eq!(actions(&input), [Action::Run(Task::ChangeAdvisoryStatus)]);
        set(&mut input, Task::ChangeAdvisoryStatus, TaskStatus::InProgress);
        assert_eq!(actions(&input), [Action::Run(Task::ChangeAdvisoryStatus)]);
    }

    #[test]
    fn a_closed_merge_request_stops_the_release_until_it_is_open_again() {
        let mut input = promoted();
        input.mr = MrFact::Closed;
        assert!(matches!(&actions(&input)[..], [Action::AddBlocker { task: None, .. }]));
        input.issues.general.push(issue("the shipment merge request was closed", Some(MR_CLOSED_SOURCE)));
        assert_eq!(actions(&input), [], "the blocker is reported once");
        input.mr = MrFact::Unknown;
        assert_eq!(actions(&input), [], "not knowing resolves nothing");
        input.mr = MrFact::Open;
        assert!(matches!(&actions(&input)[..], [Action::ResolveIssue { .. }]));
    }

    #[test]
    fn a_dropped_advisory_stops_the_release_only_when_it_holds_builds() {
        for (has_builds, stops) in [(Some(true), true), (Some(false), false)] {
            let mut input = promoted();
            if let Some(rpm) = input.advisories.as_mut().and_then(|all| all.get_mut("rpm")) {
                rpm.state = AdvisoryState::DroppedNoShip;
                rpm.has_builds = has_builds;
            }
            assert_eq!(kinds(&input).contains(&Kind::AdvisoryDropped), stops, "{has_builds:?}");
            assert_eq!(actions(&input).contains(&Action::Run(Task::ImageConsistencyCheck)), !stops, "{has_builds:?}");
        }
    }

    #[test]
    fn a_general_blocker_stops_every_trigger_but_running_jobs_are_still_watched() {
        let mut input = promoted();
        input.issues.general.push(issue("release withdrawn", None));
        set(&mut input, Task::ImageConsistencyCheck, TaskStatus::InProgress).job_ref = Some(job());
        assert_eq!(actions(&input), [Action::Check(Task::ImageConsistencyCheck, job())]);
        assert!(kinds(&input).contains(&Kind::GeneralBlocked));
    }

    #[test]
    fn incomplete_build_data_needs_a_person_and_names_the_entry() {
        let mut input = fresh();
        input.not_ready.push("group.shipment.url is missing".into());
        let found = plan(&input);
        assert_eq!(found.verdict, Verdict::NeedsPerson);
        assert!(found.messages[0].text.contains("group.shipment.url"));
    }

    #[test]
    fn the_errata_flow_is_refused_with_a_reason() {
        let mut input = fresh();
        input.flow = Flow::Errata;
        assert_eq!(actions(&input), []);
        assert_eq!(kinds(&input), [Kind::ErrataFlow]);
    }
}
