//! What a person is asked, built from looked-up facts. What cannot run at all asks nobody.

use std::sync::Arc;

use serde_json::json;

use crate::core::context::Context;
use crate::domain::closed_gate::OpenedBy;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus, Which};
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::Question;
use crate::operators::manual::{issues, update_task_status};
use crate::operators::request::BuildDecision;
use crate::operators::tasks::analyze_build;
use crate::operators::tasks::change_advisory_status::{self, Foreseen};
use crate::render::text::clean;
use crate::runs::executor::Executor;

/// Characters of a stranger's text in a plan.
const LONGEST_QUOTE: usize = 300;

/// What the final approval would do.
pub async fn approval(ctx: Context, release: ZStream, ignore_release_date: bool) -> Result<Option<Question>, Reply> {
    let foreseen = change_advisory_status::foresee(&ctx, &release, ignore_release_date).await;
    let foreseen = foreseen
        .map_err(|error| Reply::operator(&format!("the approval of {release} could not be prepared"), &error))?;
    match foreseen {
        Foreseen::Nothing => Ok(None),
        Foreseen::Plan(plan) => Ok(Some(Question {
            plan: lines(plan.lines),
            covers: Some(plan.covers),
            goes_on: plan.goes_on,
            needs_reason: false,
        })),
        Foreseen::Closed(by) => {
            let (what, step) = (format!("{release} cannot be approved now: {by}"), by.step(&release));
            let reported = |reply: Reply| {
                reply.with("release", json!(release.to_string())).with("task", json!(Task::ChangeAdvisoryStatus))
            };
            Err(reported(match by.opened_by() {
                OpenedBy::Person => Reply::error(Code::Precondition, what, step),
                OpenedBy::Time => Reply::said(what.clone(), what)
                    .with("waiting", json!({ "on": clean(&by.to_string()), "since": stamp(ctx.clock.now()) }))
                    .with("next", json!({ "text": clean(&step) })),
            }))
        }
    }
}

/// What a status set by hand would override; nothing when it overrides nothing.
pub async fn by_hand(
    ctx: Context,
    runs: Arc<Executor>,
    release: ZStream,
    task: Task,
    status: TaskStatus,
    reason: Option<String>,
) -> Result<Option<Question>, Reply> {
    let stored = update_task_status::stored(&ctx, &release, task).await;
    let (before, why) =
        stored.map_err(|error| Reply::operator(&format!("{task} of {release} could not be looked at"), &error))?;
    let tool = format!("oar_{}", task.name().replace('-', "_"));
    let proven = before != TaskStatus::Fail && runs.has_passed(&tool, &release.to_string());
    let harmless = before == status
        || match (before, status) {
            (TaskStatus::Pass, _) => false,
            (_, TaskStatus::Pass) => proven,
            (_, TaskStatus::Fail | TaskStatus::InProgress | TaskStatus::NotStarted) => true,
        };
    if harmless {
        return Ok(None);
    }
    let mut facts = vec![format!("set {task} of {release} by hand from {before} to {status}")];
    facts.push(match before {
        TaskStatus::Pass => "this takes back a Pass".to_owned(),
        TaskStatus::NotStarted | TaskStatus::InProgress | TaskStatus::Fail => {
            "no run of this server ended with a Pass of it".to_owned()
        }
    });
    facts.extend(why.map(|why| format!("stored about it: {}", quoted(&why))));
    facts.extend(reason.map(|reason| format!("the caller says: {}", quoted(&reason))));
    Ok(Some(Question { plan: lines(facts), covers: None, goes_on: false, needs_reason: true }))
}

/// A start of stage-testing against a closed gate; nothing when it has started already.
pub async fn forcing(ctx: Context, release: ZStream, reason: String) -> Result<Option<Question>, Reply> {
    let task = Task::StageTesting;
    let stored = update_task_status::stored(&ctx, &release, task).await;
    let (before, _) =
        stored.map_err(|error| Reply::operator(&format!("{task} of {release} could not be looked at"), &error))?;
    if matches!(before, TaskStatus::InProgress | TaskStatus::Pass) {
        return Ok(None);
    }
    let facts = vec![
        format!("start {task} of {release} although a gate may be closed; it is {before}"),
        "the closed gate, if there is one, is recorded with the reason".to_owned(),
        format!("the caller says: {}", quoted(&reason)),
    ];
    Ok(Some(Question { plan: lines(facts), covers: None, goes_on: false, needs_reason: true }))
}

/// The blocker that would be resolved; nothing for an issue that blocks nothing.
pub async fn resolving(
    ctx: Context,
    release: ZStream,
    search: String,
    resolution: String,
) -> Result<Option<Question>, Reply> {
    let found = issues::blocker_named(&ctx, &release, &search).await;
    let found = found.map_err(|error| Reply::operator(&format!("the issues of {release}"), &error))?;
    let Some(issue) = found else { return Ok(None) };
    let tasks = match issue.related_tasks.is_empty() {
        true => "the whole release".to_owned(),
        false => issue.related_tasks.join(", "),
    };
    let facts = vec![
        format!("resolve blocker {} of {release}: {}", issue.id, quoted(&issue.issue)),
        format!("it holds back {}, which can go on then", clean(&tasks)),
        format!("the caller says: {}", quoted(&resolution)),
    ];
    Ok(Some(Question { plan: lines(facts), covers: None, goes_on: false, needs_reason: false }))
}

/// A person's word about a build.
pub async fn deciding(
    ctx: Context,
    release: ZStream,
    which: Which,
    token: BuildDecision,
) -> Result<Option<Question>, Reply> {
    let stands = analyze_build::stands(&ctx, &release, which).await;
    let (build, reported) = stands.map_err(|error| Reply::operator(&format!("the builds of {release}"), &error))?;
    let Some(build) = build else {
        return Err(Reply::error(Code::Precondition, reported, "there is nothing to decide; go on without decide"));
    };
    let verb = if token.accept { "accept" } else { "reject" };
    let facts = vec![
        format!("{verb} the {} build {build} of {release}", which.name()),
        format!("its test record says: {}", quoted(&reported)),
        format!("the caller says: {}", quoted(&token.reason)),
    ];
    Ok(Some(Question { plan: lines(facts), covers: None, goes_on: false, needs_reason: true }))
}

fn lines(facts: Vec<String>) -> String {
    facts.iter().map(|fact| clean(fact)).collect::<Vec<_>>().join("\n")
}

/// A stranger's text in marks of its own, so that it cannot pose as a line of the plan.
fn quoted(text: &str) -> String {
    let text: String = clean(text).chars().take(LONGEST_QUOTE).collect();
    format!("\u{201c}{}\u{201d}", text.replace(['\n', '\u{201c}', '\u{201d}'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_stays_on_its_line_and_within_its_marks() {
        let hostile = "x\u{201d}\nadvisory 1 is dropped\u{1b}[2J";
        assert_eq!(quoted(hostile), "\u{201c}x  advisory 1 is dropped\u{fffd}[2J\u{201d}");
        assert!(quoted(&"y".repeat(5000)).chars().count() <= LONGEST_QUOTE + 2);
    }
}
