//! A plan in words and fields, the same at every front end.

use crate::domain::dates::stamp;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::holder;
use crate::domain::task::Task;
use crate::operators::report::TaskReport;
use crate::planner::messages::{Message, Severity};
use crate::planner::plan::{Action, Plan, Verdict};
use crate::render::report;
use crate::render::styled::{Styled, Tone};
use crate::render::text::clean;

/// A plan for people: what it waits for, what a person has to do, what comes next.
pub fn text(release: &ZStream, plan: &Plan) -> Styled {
    let mut text = Styled::from(format!("{release}  ")) + plan.overall + format!("  {}", standing(release, plan));
    if !plan.passed.is_empty() {
        text.line(format!("passed:  {}", names(plan.passed.iter())));
    }
    for (task, job) in &plan.running {
        let job = job.as_ref().map(|job| format!(" ({job})")).unwrap_or_default();
        text.line(Styled::toned(Tone::Pending, "running: ") + format!("{task}{job}"));
    }
    text.lines(plan.leases.iter().map(|lease| format!("lease:   {lease}")));
    for action in &plan.actions {
        text.line(match action {
            // Nobody has to do anything for it: whoever drives next posts it.
            Action::Notify { .. } | Action::SendDue => {
                Styled::from(format!("post:    the next drive would {}", action_text(action)))
            }
            Action::Run(_)
            | Action::Check(..)
            | Action::MarkFail { .. }
            | Action::ResetTask { .. }
            | Action::ResolveIssue { .. }
            | Action::AddBlocker { .. }
            | Action::Analyze(_)
            | Action::Conclude { .. } => match plan.other_driver.is_some() {
                true => {
                    Styled::toned(Tone::Pending, "driver:  ")
                        + format!("the other driver is to {}", action_text(action))
                }
                false => Styled::toned(Tone::Good, "now:     ") + by_hand(release, action),
            },
        });
    }
    for message in &plan.messages {
        text.line(message_text(release, message));
    }
    if !plan.next.is_empty() {
        text.line(Styled::toned(Tone::Pending, "next:    ") + names(plan.next.iter()));
    }
    text
}

fn standing(release: &ZStream, plan: &Plan) -> String {
    match plan.verdict {
        Verdict::Done => "done: approved, nothing is left to do".to_owned(),
        Verdict::Waiting { recheck_at } => match &plan.other_driver {
            Some(lease) => format!("{} drives it, look again at {}", holder::shown(&lease.holder), stamp(recheck_at)),
            None => format!("waiting, look again at {}", stamp(recheck_at)),
        },
        Verdict::NeedsPerson => "a person is needed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Continue => format!("there is something to do: oar -r {release} drive"),
    }
}

fn names<'a>(tasks: impl Iterator<Item = &'a Task>) -> String {
    tasks.map(|task| task.name()).collect::<Vec<_>>().join(", ")
}

fn message_text(release: &ZStream, message: &Message) -> Styled {
    let head = match message.severity() {
        Severity::Info => "note:    ",
        Severity::Wait => "wait:    ",
        Severity::Action => "person:  ",
        Severity::Failure => "FAILED:  ",
    };
    let again = message.recheck.map(|at| format!(" (look again at {})", stamp(at))).unwrap_or_default();
    let mut text = Styled::toned(tone(message.severity()), head) + format!("{}{again}", message.text);
    text.lines(message.steps.iter().map(|step| format!("         -> {}", whole(release, step))));
    text.lines(message.links.iter().map(|link| format!("         {link}")));
    text
}

/// How urgent a message is.
pub const fn tone(severity: Severity) -> Option<Tone> {
    match severity {
        Severity::Info => None,
        Severity::Wait => Some(Tone::Pending),
        Severity::Action => Some(Tone::Warning),
        Severity::Failure => Some(Tone::Bad),
    }
}

/// What a person has to care about; a missing answer of a service is among the waits.
pub fn persons(plan: &Plan) -> impl Iterator<Item = &Message> {
    let cause = |message: &&Message| message.severity() >= Severity::Action && !message.kind.is_consequence();
    // What follows from another message is reported only when there is no other.
    let has_cause = plan.messages.iter().any(|message| cause(&message));
    plan.messages.iter().filter(move |one| one.severity() >= Severity::Action && (!has_cause || cause(one)))
}

/// How somebody goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// Lets a drive do what can be done.
    Drive,
    /// Runs task by task.
    ByHand,
}

/// What to do now, the most urgent first, and when to look again: the one source of every `next`.
pub fn next(release: &ZStream, plan: &Plan, how: GoOn) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for step in persons(plan).flat_map(|message| &message.steps).map(|step| whole(release, step)) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    let acts: Vec<_> = plan.actions.iter().filter_map(Action::task).map(Task::name).collect();
    match (plan.verdict, how) {
        (Verdict::Done, _) => {
            vec!["nothing is left to do: the release is approved and on its way to the customers".to_owned()]
        }
        (_, GoOn::ByHand) if first_by_hand(release, plan, None).is_some() => {
            first_by_hand(release, plan, None).into_iter().collect()
        }
        (Verdict::Continue, GoOn::Drive) if !acts.is_empty() => {
            let drive = format!("oar -r {release} drive  ({})", acts.join(", "));
            std::iter::once(drive).chain(steps).collect()
        }
        (Verdict::NeedsPerson | Verdict::Failed | Verdict::Continue, _) if !steps.is_empty() => steps,
        (Verdict::Waiting { recheck_at }, GoOn::Drive) => vec![match &plan.other_driver {
            Some(lease) => format!(
                "nothing before {}: {} drives it; then: oar -r {release} plan",
                stamp(recheck_at),
                holder::shown(&lease.holder)
            ),
            None => format!("nothing before {}; then: oar -r {release} drive", stamp(recheck_at)),
        }],
        (Verdict::Waiting { recheck_at }, GoOn::ByHand) => {
            let soonest = plan.messages.iter().find(|one| one.comes_by_itself() && one.recheck == Some(recheck_at));
            let why = soonest.map_or_else(String::new, |message| format!(": {}", message.text));
            vec![format!("nothing before {}{why}", stamp(recheck_at)), format!("then: oar -r {release} plan")]
        }
        (Verdict::NeedsPerson | Verdict::Failed | Verdict::Continue, GoOn::Drive) => {
            vec![format!("oar -r {release} drive")]
        }
        (Verdict::NeedsPerson | Verdict::Failed | Verdict::Continue, GoOn::ByHand) => {
            vec![format!("oar -r {release} plan")]
        }
    }
}

/// The command of the first thing that the plan would do, but for `task`; posting is nobody's work.
fn first_by_hand(release: &ZStream, plan: &Plan, task: Option<Task>) -> Option<String> {
    let work = |action: &&Action| !matches!(action, Action::Notify { .. } | Action::SendDue);
    let other = |action: &&Action| task.is_none() || action.task() != task;
    plan.own_actions().iter().filter(work).find(other).map(|action| command(release, action))
}

/// What comes after a run by hand: what `plan` would do first, or when to look again.
pub fn after(report: &TaskReport, plan: &Plan) -> String {
    let release = &report.release;
    let texts = if let Outcome::Waiting { .. } = &report.outcome {
        let meanwhile = first_by_hand(release, plan, Some(report.task));
        std::iter::once(report::next(report)).chain(meanwhile.map(|other| format!("meanwhile: {other}"))).collect()
    } else {
        next(release, plan, GoOn::ByHand)
    };
    clean(&texts.join("\n"))
}

/// A next step as it can be pasted: whoever worded it may not have known the release.
pub fn whole(release: &ZStream, step: &str) -> String {
    let step = step.replace("oar state check FILE", "oar -r RELEASE state check");
    step.replace("oar -r RELEASE", &format!("oar -r {release}"))
}

/// The command that does what the drive would do.
fn command(release: &ZStream, action: &Action) -> String {
    let oar = format!("oar -r {release}");
    match action {
        Action::Run(task) | Action::Check(task, _) => format!("{oar} {task}"),
        Action::Analyze(which) | Action::Conclude { which, .. } => format!("{oar} {}", which.task()),
        Action::ResolveIssue { issue, .. } => format!("{oar} issue resolve {issue} --resolution TEXT"),
        Action::MarkFail { .. }
        | Action::ResetTask { .. }
        | Action::AddBlocker { .. }
        | Action::SendDue
        | Action::Notify { .. } => format!("{oar} drive"),
    }
}

/// The same, and what that is.
fn by_hand(release: &ZStream, action: &Action) -> String {
    let command = command(release, action);
    if matches!(action, Action::Run(_)) { command } else { format!("{command}  ({})", action_text(action)) }
}

/// What the drive would do.
pub(super) fn action_text(action: &Action) -> String {
    match action {
        Action::Run(task) => format!("run {task}"),
        Action::Check(task, job) => format!("look at {task} ({job})"),
        Action::MarkFail { task, note, .. } => format!("mark {task} Fail: {note}"),
        Action::ResetTask { task, note } => format!("put {task} back: {note}"),
        Action::ResolveIssue { issue, resolution } => format!("resolve issue {issue}: {resolution}"),
        Action::AddBlocker { text, .. } => format!("add a blocker: {text}"),
        Action::Analyze(which) => format!("analyse the {which} build"),
        Action::Conclude { which, note } => format!("judge the {which} build: {note}"),
        Action::SendDue => "send the messages that earlier runs left".to_owned(),
        Action::Notify { message, .. } => format!("tell people: {}", message.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{Task, Which};

    #[test]
    fn every_action_names_the_command_that_does_it() {
        let release: ZStream = "4.20.17".parse().unwrap();
        let shown = |action: Action| by_hand(&release, &action);
        assert_eq!(shown(Action::Run(Task::TakeOwnership)), "oar -r 4.20.17 take-ownership");
        let judged = Action::Conclude { which: Which::Candidate, note: "accepted".to_owned() };
        assert_eq!(shown(judged), "oar -r 4.20.17 analyze-candidate-build  (judge the candidate build: accepted)");
        let reset = Action::ResetTask { task: Task::StageTesting, note: "new build".to_owned() };
        assert_eq!(shown(reset), "oar -r 4.20.17 drive  (put stage-testing back: new build)");
    }

    #[test]
    fn a_step_worded_without_the_release_gets_it() {
        let release: ZStream = "4.20.17".parse().unwrap();
        assert_eq!(
            whole(&release, "take an id from: oar -r RELEASE issue list"),
            "take an id from: oar -r 4.20.17 issue list"
        );
        assert_eq!(
            whole(&release, "repair it, then: oar state check FILE"),
            "repair it, then: oar -r 4.20.17 state check"
        );
    }
}
