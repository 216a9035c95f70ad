//! Promotion: is the payload in the stable stream?

use super::draft::{Draft, Next};
use super::facts::{MrFact, PromotionFact};
use super::messages::{Kind, Message};
use super::table::tests_of_stage_release;
use crate::domain::task::{Task, TaskStatus};

/// Walks the rows of the promotion.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    let input = draft.input;
    if draft.passed(Task::ChangeAdvisoryStatus) {
        return Next::Go;
    }
    let tested = tests_of_stage_release().any(|task| draft.status(task) != TaskStatus::NotStarted);
    match &input.promotion {
        PromotionFact::Accepted => {
            if input.mr == MrFact::Merged {
                let text = "the merge request is already merged; the approval will not touch it";
                draft.say(Message::new(Kind::MrAlreadyMerged, text).link(input.mr_url.as_deref()));
            }
            return Next::Go;
        }
        PromotionFact::Unknown(why) => {
            let at = draft.in_minutes(5);
            let text = format!("whether {} is promoted could not be found out: {why}", input.release);
            draft.say(Message::new(Kind::PromotionUnknown, text).recheck(at));
        }
        PromotionFact::RejectedPhase(phase) => rejected(draft, phase),
        PromotionFact::Pending(phase) if tested => rejected(draft, phase),
        PromotionFact::NotFound if tested => rejected(draft, "not found"),
        PromotionFact::Pending(phase) => waiting(draft, phase),
        PromotionFact::NotFound => waiting(draft, "not listed yet"),
    }
    Next::Halt
}

fn waiting(draft: &mut Draft<'_>, phase: &str) {
    let owned_at = draft.facts(Task::TakeOwnership).completed_at;
    let text = format!("{} is not promoted yet ({phase}); this takes 6 to 24 h", draft.input.release);
    let at = draft.in_minutes(30);
    draft.say(Message::new(Kind::WaitPromotion, text).since(owned_at).recheck(at));
}

fn rejected(draft: &mut Draft<'_>, phase: &str) {
    let text = format!("the payload of {} is not in the stable stream any more ({phase})", draft.input.release);
    let message = Message::new(Kind::PromotionRejected, text)
        .step("ask ART what happens to the payload")
        .step(format!("once it is Accepted: oar -r {} drive", draft.input.release))
        .occasion(phase);
    draft.say(message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::given::{actions, at, job, kinds, message_of, promoted, set};
    use crate::planner::plan::Action;
    use crate::planner::walk::plan;

    #[test]
    fn nothing_is_tested_before_the_payload_is_accepted() {
        for (promotion, kind) in [
            (PromotionFact::NotFound, Kind::WaitPromotion),
            (PromotionFact::Pending("Ready".into()), Kind::WaitPromotion),
            (PromotionFact::Unknown("timed out".into()), Kind::PromotionUnknown),
            (PromotionFact::RejectedPhase("Rejected".into()), Kind::PromotionRejected),
        ] {
            let mut input = promoted();
            input.promotion = promotion;
            assert_eq!(actions(&input), []);
            assert_eq!(kinds(&input), [kind]);
        }
    }

    #[test]
    fn waiting_for_promotion_is_looked_at_again_after_half_an_hour() {
        let mut input = promoted();
        input.promotion = PromotionFact::NotFound;
        assert_eq!(message_of(&plan(&input), Kind::WaitPromotion).recheck, Some(at("2026-03-20T12:30:00Z")));
    }

    #[test]
    fn a_payload_that_left_the_stream_after_jobs_were_started_is_a_case_for_people() {
        let mut input = promoted();
        input.promotion = PromotionFact::NotFound;
        set(&mut input, Task::ImageConsistencyCheck, TaskStatus::InProgress).job_ref = Some(job());
        assert_eq!(kinds(&input), [Kind::PromotionRejected]);
        assert_eq!(actions(&input), [Action::Check(Task::ImageConsistencyCheck, job())], "running jobs are watched");
    }

    #[test]
    fn a_merge_request_that_is_merged_early_is_only_reported() {
        let mut input = promoted();
        input.mr = MrFact::Merged;
        assert!(kinds(&input).contains(&Kind::MrAlreadyMerged));
        assert!(!actions(&input).is_empty());
    }
}
