//! Another machine drives the release: what there is to do is its work, until its lease is over.

use super::draft::Draft;
use super::messages::{Kind, Message};

/// Says who does what there is to do, and what ends a lease that ends by no clock.
pub(super) fn rows(draft: &mut Draft<'_>) {
    let input = draft.input;
    let Some(lease) = input.other_driver.as_ref().filter(|_| !draft.done) else { return };
    let take_over = format!("oar -r {} drive --take-over --reason TEXT", input.release);
    if lease.is_of_a_wrong_clock(input.now) {
        let text = format!("{lease}, {}; nothing goes on without a person", lease.oddity());
        let message = Message::new(Kind::LeaseOfWrongClock, text).step(lease.remedy());
        return draft.say(message.step(format!("when nothing is at work there any more: {take_over}")));
    }
    let message = Message::new(Kind::DrivenElsewhere, format!("{lease}; what there is to do is done there"))
        .since(lease.since())
        .step(format!("let it go on; only if it is dead and cannot be waited for: {take_over}"));
    draft.say(match lease.until {
        Some(until) => message.recheck(until),
        None => message,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::lease::{Lease, LeaseKey};
    use crate::domain::task::Task;
    use crate::planner::given::{at, kinds, promoted, ready_to_approve};
    use crate::planner::input::Input;
    use crate::planner::plan::{Action, Verdict};
    use crate::planner::walk::plan;

    fn driven(mut input: Input, until: &str) -> Input {
        let holder = "release-engineer on bastion-2, pid 7, id 3d4c".to_owned();
        input.other_driver =
            Some(Lease { key: LeaseKey::Driver, holder, epoch: 1_774_000_000, until: Some(at(until)) });
        input
    }

    #[test]
    fn what_another_machine_drives_is_waited_for_and_not_driven_here() {
        let mut input = promoted();
        let until = input.now.checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
        input = driven(input, &until.to_string());
        let found = plan(&input);
        assert_eq!(found.verdict, Verdict::Waiting { recheck_at: until });
        assert!(found.actions.contains(&Action::Run(Task::StageTesting)) && found.own_actions().is_empty());
        assert!(kinds(&input).contains(&Kind::DrivenElsewhere));
    }

    #[test]
    fn a_lease_that_never_ends_needs_a_person() {
        let found = plan(&driven(promoted(), "2999-01-01T00:00:00Z"));
        assert_eq!(found.verdict, Verdict::NeedsPerson);
        let message = found.messages.iter().find(|message| message.kind == Kind::LeaseOfWrongClock).unwrap();
        assert!(message.steps.iter().any(|step| step.contains("--take-over")), "{message:?}");
    }

    #[test]
    fn of_a_lease_that_never_ends_is_said_also_while_nothing_is_to_do() {
        let mut input = ready_to_approve();
        input.issues.general.push(crate::planner::given::issue("somebody stops it", None));
        let found = plan(&driven(input, "2999-01-01T00:00:00Z"));
        assert!(found.messages.iter().any(|message| message.kind == Kind::LeaseOfWrongClock), "{found:?}");
    }
}
