//! Consistency: the stage release of the shipment, and image consistency that needs only that.

use super::draft::{Draft, Next};
use super::facts::ReleaseFact;
use super::messages::{Kind, Message};
use super::table::tests_of_stage_release;
use super::tasks::{Needs, eval};
use crate::domain::pipeline;
use crate::domain::shipment::StageRelease;
use crate::domain::task::Task;

/// Walks the rows of the consistency job.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    if draft.passed(Task::ChangeAdvisoryStatus) {
        return Next::Go;
    }
    if tests_of_stage_release().any(|task| draft.input.may_start(task)) {
        stage_release(draft);
    }
    let ready = draft.input.stage_release.succeeded();
    eval(draft, Task::ImageConsistencyCheck, Needs::met_if(ready));
    Next::Go
}

fn stage_release(draft: &mut Draft<'_>) {
    let at = draft.after(pipeline::RECHECK);
    let since = draft.input.promoted_at;
    let link = draft.input.mr_url.as_deref();
    let message = match &draft.input.stage_release {
        ReleaseFact::Known(StageRelease::Success) => return,
        ReleaseFact::Unknown(_)
            if draft.say_gitlab_refuses(None, "the stage release of the shipment could not be read") =>
        {
            return;
        }
        ReleaseFact::Unknown(why) => {
            let text = format!("the stage release of the shipment could not be read: {why}");
            Message::new(Kind::StageReleaseUnknown, text).recheck(at)
        }
        ReleaseFact::Known(StageRelease::Failed(status)) => {
            Message::new(Kind::StageReleaseFailed, format!("the stage release of the shipment ended with {status}"))
                .step("open the pipeline of the merge request, stage stage-release-triggers, and look why")
                .step("have it repeated together with ART; other tasks go on meanwhile")
                .step(format!("then: oar -r {} drive", draft.input.release))
                .occasion(status)
        }
        ReleaseFact::Known(state @ (StageRelease::Running(_) | StageRelease::NotFound)) => {
            let text = format!("the stage release of the shipment has not succeeded yet ({state})");
            Message::new(Kind::StageReleaseWaiting, text)
                .since(since)
                .recheck(at)
                .step("nothing; to look: stage stage-release-triggers in the pipeline of the merge request")
                .step("other tasks go on meanwhile")
        }
    };
    let message = message.link(link);
    draft.say(message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::overall::Overall;
    use crate::domain::task::TaskStatus;
    use crate::planner::given::{actions, at, job, kinds, message_of, promoted, set};
    use crate::planner::plan::Action;
    use crate::planner::walk::plan;

    #[test]
    fn nothing_starts_before_the_stage_release_and_that_is_never_a_failure() {
        for (state, kind) in [
            (ReleaseFact::Known(StageRelease::NotFound), Kind::StageReleaseWaiting),
            (ReleaseFact::Known(StageRelease::Running("running".into())), Kind::StageReleaseWaiting),
            (ReleaseFact::Known(StageRelease::Failed("failed".into())), Kind::StageReleaseFailed),
            (ReleaseFact::Unknown("timed out".into()), Kind::StageReleaseUnknown),
        ] {
            let mut input = promoted();
            input.stage_release = state;
            assert!(!actions(&input).iter().any(|action| matches!(action, Action::Run(_))));
            assert!(kinds(&input).contains(&kind));
            assert_eq!(plan(&input).overall, Overall::Green);
        }
    }

    #[test]
    fn the_message_names_merge_request_stage_and_next_look() {
        let mut input = promoted();
        input.stage_release = ReleaseFact::Known(StageRelease::Running("running".into()));
        let message = message_of(&plan(&input), Kind::StageReleaseWaiting);
        assert_eq!(message.recheck, Some(at("2026-03-20T12:15:00Z")));
        assert_eq!(message.links, ["https://gitlab.example.com/shipment/-/merge_requests/1"]);
        assert!(message.steps.join(" ").contains("stage-release-triggers"));
    }

    #[test]
    fn a_running_comparison_is_looked_at_whatever_the_stage_release_says() {
        let mut input = promoted();
        input.stage_release = ReleaseFact::Unknown("timed out".into());
        set(&mut input, Task::ImageConsistencyCheck, TaskStatus::InProgress).job_ref = Some(job());
        assert!(actions(&input).contains(&Action::Check(Task::ImageConsistencyCheck, job())));
    }

    #[test]
    fn a_job_that_nobody_wrote_down_says_that_it_waits_for_the_stage_release() {
        for (state, kind) in [
            (ReleaseFact::Unknown("timed out".into()), Kind::StageReleaseUnknown),
            (ReleaseFact::Known(StageRelease::NotFound), Kind::StageReleaseWaiting),
        ] {
            let mut input = promoted();
            input.stage_release = state;
            set(&mut input, Task::ImageConsistencyCheck, TaskStatus::Pass);
            set(&mut input, Task::StageTesting, TaskStatus::InProgress).started_at = Some(at("2026-03-20T06:00:00Z"));
            assert!(message_of(&plan(&input), kind).recheck.is_some());
        }
    }
}
