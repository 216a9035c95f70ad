//! Steps that a task owes although it has passed: tried again, and said until they are done.

use super::draft::Draft;
use super::input::{Input, OwedStep, StateSource};
use super::messages::{Kind, Message};
use super::plan::Action;
use crate::domain::foreign::quoted;
use crate::domain::task::{Flow, Task, TaskStatus};

/// Says of each such step who or what ends it, and has it done now where that is worth a try.
pub(super) fn rows(draft: &mut Draft<'_>) {
    let input = draft.input;
    if input.source != StateSource::StateBox || input.flow == Flow::Errata {
        return;
    }
    // Of a task that has not passed, its own run does all of it.
    let passed = input.owed.iter().filter(|(task, _)| input.status(**task) == TaskStatus::Pass);
    for (task, owed) in passed.collect::<Vec<_>>() {
        one(draft, *task, owed);
    }
}

fn one(draft: &mut Draft<'_>, task: Task, owed: &OwedStep) {
    let input = draft.input;
    let release = &input.release;
    let text = format!("{task} has passed, but a step is still to be done: {}", quoted(&owed.text));
    let again = format!("then: oar -r {release} {task}");
    let leave = format!("or leave it as it is: oar -r {release} issue resolve {} --resolution TEXT", owed.issue);
    if let Some(next) = &owed.left {
        let message = Message::new(Kind::StepLeft, text).task(task).step(next).step(again).step(leave);
        return draft.say(message);
    }
    if let Some(lacks) = input.credentials_missing.get(&task) {
        let message = Message::new(Kind::CredentialMissing, text).task(task).step(lacks).step(again);
        return draft.say(match input.credentials_again.get(&task) {
            Some(at) => message.recheck(*at),
            None => message,
        });
    }
    let message = Message::new(Kind::StepOwed, text).task(task).step(leave);
    match draft.facts(task).not_before {
        Some(at) if at > input.now => draft.say(message.recheck(at)),
        Some(_) | None => {
            draft.say(message);
            if may_act(input) {
                draft.act(Action::Run(task));
            }
        }
    }
}

/// Does nothing stop the whole release?
fn may_act(input: &Input) -> bool {
    input.issues.general.is_empty()
        && input.unreadable_statuses.is_empty()
        && input.not_ready.is_empty()
        && input.given_up.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::Shipped;
    use crate::planner::given::{actions, at, issue, kinds, message_of, pass, promoted, ready_to_approve};
    use crate::planner::plan::Verdict;
    use crate::planner::walk::plan;

    const APPROVAL: Task = Task::ChangeAdvisoryStatus;

    fn owing(mut input: Input, task: Task) -> Input {
        let text = "ART-1 was not closed".to_owned();
        input.owed.insert(task, OwedStep { text, issue: "0a1b2c3d".to_owned(), left: None });
        input
    }

    fn shipped() -> Input {
        let mut input = ready_to_approve();
        pass(&mut input, &[APPROVAL]);
        input.shipped = Some(Shipped { shipped: true, open: vec![] });
        owing(input, APPROVAL)
    }

    #[test]
    fn a_step_is_tried_again_beside_everything_else() {
        let found = actions(&owing(promoted(), Task::TakeOwnership));
        assert!(found.contains(&Action::Run(Task::StageTesting)), "{found:?}");
        assert_eq!(found.last(), Some(&Action::Run(Task::TakeOwnership)));
    }

    #[test]
    fn a_release_is_not_done_while_something_comes_that_it_owes() {
        let mut input = shipped();
        assert_eq!(plan(&input).verdict, Verdict::Continue);
        let recheck_at = at("2026-03-24T08:15:00Z");
        input.tasks.entry(APPROVAL).or_default().not_before = Some(recheck_at);
        assert_eq!(plan(&input).verdict, Verdict::Waiting { recheck_at });
        input.tasks.entry(APPROVAL).or_default().not_before = None;
        input.credentials_missing.insert(APPROVAL, "JIRA_TOKEN was refused".to_owned());
        assert_eq!(plan(&input).verdict, Verdict::NeedsPerson);
        assert!(kinds(&input).contains(&Kind::CredentialMissing));
    }

    #[test]
    fn what_only_a_person_can_mend_is_said_and_holds_nothing() {
        let mut input = shipped();
        let owed = input.owed.entry(APPROVAL).or_insert_with(|| unreachable!("it is there"));
        owed.left = Some("see to it in Jira".to_owned());
        let found = plan(&input);
        assert_eq!(found.verdict, Verdict::Done);
        assert_eq!(
            message_of(&found, Kind::StepLeft).steps,
            [
                "see to it in Jira",
                "then: oar -r 4.20.17 change-advisory-status",
                "or leave it as it is: oar -r 4.20.17 issue resolve 0a1b2c3d --resolution TEXT"
            ]
        );
    }

    #[test]
    fn nothing_is_tried_while_the_whole_release_is_held_back() {
        let mut input = owing(promoted(), Task::TakeOwnership);
        input.issues.general.push(issue("somebody stops it", None));
        assert_eq!(actions(&input), []);
        assert!(kinds(&input).contains(&Kind::StepOwed));
    }
}
