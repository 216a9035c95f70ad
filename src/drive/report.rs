//! A plan in words and fields, the same at every door.

use serde_json::{Value, json};

use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::operators::report::clean;
use crate::planner::messages::{Message, Severity};
use crate::planner::plan::{Action, Plan, Verdict};

/// A plan for people: what it waits for, what a person has to do, what comes next.
pub fn text(release: &ZStream, plan: &Plan) -> String {
    let mut lines = vec![format!("{release}  {:?}  {}", plan.overall, standing(release, plan))];
    if !plan.passed.is_empty() {
        lines.push(format!("passed:  {}", names(plan.passed.iter())));
    }
    for (task, job) in &plan.running {
        lines.push(format!("running: {task}{}", job.as_ref().map(|job| format!(" ({job})")).unwrap_or_default()));
    }
    for action in &plan.actions {
        lines.push(format!("now:     {}", by_hand(release, action)));
    }
    for message in &plan.messages {
        lines.extend(message_lines(release, message));
    }
    if !plan.next.is_empty() {
        lines.push(format!("next:    {}", names(plan.next.iter())));
    }
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

fn standing(release: &ZStream, plan: &Plan) -> String {
    match plan.verdict {
        Verdict::Done => "done: approved".to_owned(),
        Verdict::Waiting { recheck_at } => format!("waiting, look again at {}", stamp(recheck_at)),
        Verdict::NeedsPerson => "a person is needed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Continue => format!("there is something to do: oar -r {release} drive"),
    }
}

fn names<'a>(tasks: impl Iterator<Item = &'a crate::domain::task::Task>) -> String {
    tasks.map(|task| task.name()).collect::<Vec<_>>().join(", ")
}

fn message_lines(release: &ZStream, message: &Message) -> Vec<String> {
    let head = match message.severity() {
        Severity::Info => "note:    ",
        Severity::Wait => "wait:    ",
        Severity::Action => "person:  ",
        Severity::Failure => "FAILED:  ",
    };
    let again = message.recheck.map(|at| format!(" (look again at {})", stamp(at))).unwrap_or_default();
    let mut lines = vec![format!("{head}{}{again}", message.text)];
    lines.extend(message.steps.iter().map(|step| format!("         -> {}", whole(release, step))));
    lines.extend(message.links.iter().map(|link| format!("         {link}")));
    lines
}

/// A next step as it can be pasted: whoever worded it may not have known the release.
pub fn whole(release: &ZStream, step: &str) -> String {
    let step = step.replace("oar state check FILE", "oar -r RELEASE state check");
    step.replace("oar -r RELEASE", &format!("oar -r {release}"))
}

/// The command that does what the drive would do, and what that is.
fn by_hand(release: &ZStream, action: &Action) -> String {
    let oar = format!("oar -r {release}");
    let command = match action {
        Action::Run(task) | Action::Check(task, _) => format!("{oar} {task}"),
        Action::Analyze(which) | Action::Conclude { which, .. } => format!("{oar} {}", which.task()),
        Action::ResolveIssue { issue, .. } => format!("{oar} issue resolve {issue} --resolution TEXT"),
        Action::MarkFail { .. } | Action::ResetTask { .. } | Action::AddBlocker { .. } | Action::Notify { .. } => {
            format!("{oar} drive")
        }
    };
    if matches!(action, Action::Run(_)) { command } else { format!("{command}  ({})", action_text(action)) }
}

fn action_text(action: &Action) -> String {
    match action {
        Action::Run(task) => format!("run {task}"),
        Action::Check(task, job) => format!("look at {task} ({job})"),
        Action::MarkFail { task, note, .. } => format!("mark {task} Fail: {note}"),
        Action::ResetTask { task, note } => format!("put {task} back: {note}"),
        Action::ResolveIssue { issue, resolution } => format!("resolve issue {issue}: {resolution}"),
        Action::AddBlocker { text, .. } => format!("add a blocker: {text}"),
        Action::Analyze(which) => format!("analyse the {which} build"),
        Action::Conclude { which, note } => format!("judge the {which} build: {note}"),
        Action::Notify { message, .. } => format!("tell people: {}", message.text),
    }
}

/// A plan for programs.
pub fn json(release: &ZStream, plan: &Plan) -> Value {
    json!({
        "ok": !matches!(plan.verdict, Verdict::Failed),
        "release": release.to_string(),
        "overall": plan.overall,
        "phase": plan.phase,
        "verdict": match plan.verdict {
            Verdict::Done => "done",
            Verdict::Waiting { .. } => "waiting",
            Verdict::NeedsPerson => "needs-person",
            Verdict::Failed => "failed",
            Verdict::Continue => "continue",
        },
        "recheck_at": plan.recheck_at().map(stamp),
        "actions": plan.actions.iter().map(|action| clean(&action_text(action))).collect::<Vec<_>>(),
        "messages": plan.messages,
        "passed": plan.passed,
        "running": plan.running.iter().map(|(task, job)| json!({ "task": task, "job": job })).collect::<Vec<_>>(),
        "next": plan.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{Task, Which};

    #[test]
    fn every_action_names_the_command_that_does_it() {
        let release: ZStream = "4.20.17".parse().unwrap();
        let told = |action: Action| by_hand(&release, &action);
        assert_eq!(told(Action::Run(Task::TakeOwnership)), "oar -r 4.20.17 take-ownership");
        let judged = Action::Conclude { which: Which::Candidate, note: "accepted".to_owned() };
        assert_eq!(told(judged), "oar -r 4.20.17 analyze-candidate-build  (judge the candidate build: accepted)");
        let reset = Action::ResetTask { task: Task::StageTesting, note: "new build".to_owned() };
        assert_eq!(told(reset), "oar -r 4.20.17 drive  (put stage-testing back: new build)");
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
