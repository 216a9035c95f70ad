//! A plan in words and fields, the same at every door.

use serde_json::{Value, json};

use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::operators::report::clean;
use crate::planner::messages::{Message, Severity};
use crate::planner::plan::{Action, Plan, Verdict};

/// A plan for people: what it waits for, what a person has to do, what comes next.
pub fn text(release: &ZStream, plan: &Plan) -> String {
    let mut lines = vec![format!("{release}  {:?}  {}", plan.overall, standing(plan))];
    if !plan.passed.is_empty() {
        lines.push(format!("passed:  {}", names(plan.passed.iter())));
    }
    for (task, job) in &plan.running {
        lines.push(format!("running: {task}{}", job.as_ref().map(|job| format!(" ({job})")).unwrap_or_default()));
    }
    for action in &plan.actions {
        lines.push(format!("now:     {}", action_text(action)));
    }
    for message in &plan.messages {
        lines.extend(message_lines(message));
    }
    if !plan.next.is_empty() {
        lines.push(format!("next:    {}", names(plan.next.iter())));
    }
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

fn standing(plan: &Plan) -> String {
    match plan.verdict {
        Verdict::Done => "done: approved".to_owned(),
        Verdict::Waiting { recheck_at } => format!("waiting, look again at {}", stamp(recheck_at)),
        Verdict::NeedsPerson => "a person is needed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Continue => "there is something to do: oar drive".to_owned(),
    }
}

fn names<'a>(tasks: impl Iterator<Item = &'a crate::domain::task::Task>) -> String {
    tasks.map(|task| task.name()).collect::<Vec<_>>().join(", ")
}

fn message_lines(message: &Message) -> Vec<String> {
    let head = match message.severity() {
        Severity::Info => "note:    ",
        Severity::Wait => "wait:    ",
        Severity::Action => "person:  ",
        Severity::Failure => "FAILED:  ",
    };
    let again = message.recheck.map(|at| format!(" (look again at {})", stamp(at))).unwrap_or_default();
    let mut lines = vec![format!("{head}{}{again}", message.text)];
    lines.extend(message.steps.iter().map(|step| format!("         -> {step}")));
    lines.extend(message.links.iter().map(|link| format!("         {link}")));
    lines
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
