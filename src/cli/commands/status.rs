//! `oar status`: what is stored and what is next, on one screen.

use jiff::Timestamp;

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::domain::age::Stale;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::task::TaskStatus;
use crate::drive::options::DriveOptions;
use crate::drive::rounds;
use crate::operators::views::status::{self, StatusView};
use crate::planner::messages::{Actor, Kind, Message, Severity};
use crate::planner::plan::Plan;
use crate::planner::table::recheck_after;
use crate::render::documents::plan::PlanDocument;
use crate::render::documents::status::{Status, StatusWait};
use crate::render::plan;
use crate::render::styled::{Styled, Tone, tone};
use crate::render::text::{clean, one_line};

/// Columns of the narrowest terminal that people use.
const WIDTH: usize = 80;

/// Further lines of an entry stand below its text.
const INDENT: &str = "        ";

/// Shows where the release stands. Writes nothing; an outage makes it say which facts are old.
pub(crate) async fn status(call: &Invocation) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.hasty_context()?);
    let view = status::of(&ctx, &release).await;
    let view = view.map_err(|error| call.task_error(&format!("the status of {release} cannot be shown"), error))?;
    let (view, stale) = view.into_parts();
    let mut old = Vec::new();
    let planned = match &stale {
        Some(stale) => {
            old.push(stale.text());
            None
        }
        None => match rounds::look(&ctx, &release, &DriveOptions::default()).await {
            Ok(plan) => Some(plan),
            Err(error) => {
                old.push(format!("the next step is worked out from what is stored: {}", one_line(&error)));
                None
            }
        },
    };
    let planned = planned.unwrap_or_else(|| {
        let mut planned = rounds::stored(&ctx, &release, view.state());
        // Nobody was asked; that is said once, not per service.
        planned.messages.retain(|message| !message.kind.is_about_an_outage());
        planned
    });
    let next = plan::next(&release, &planned, plan::GoOn::Drive);
    let waits = waits(&view, &planned, ctx.clock.now());
    let text = text(&release, &view, &planned, [&waits_text(&waits), &old, &next]);
    let mut document = Status::new(&view, PlanDocument::new(&release, &planned));
    document.waits = waits;
    document.next = next.iter().map(|step| clean(step)).collect();
    document.old = old.iter().map(|fact| clean(fact)).collect();
    document.stale = stale.map(|stale| Stale { why: clean(&stale.why), ..stale });
    call.show(text, &document);
    Ok(Exit::Done)
}

fn text(release: &ZStream, view: &StatusView, planned: &Plan, [waits, old, next]: [&Vec<String>; 3]) -> Styled {
    let held = match view.open_issues().iter().filter(|issue| issue.blocker).count() {
        0 => String::new(),
        1 => ", held back by 1 blocker".to_owned(),
        several => format!(", held back by {several} blockers"),
    };
    let mut text = Styled::from(format!("{release}  ")) + view.overall() + held;
    text.line(view.facts());
    text.lines(view.state().metadata().shipment_mr.map(|url| format!("shipment {url}")));
    for line in view.tasks() {
        let status = if line.at.is_empty() { line.text } else { format!("{:<13}", line.text) };
        let name = Styled::from(format!("  {:<28}", line.task.name()));
        text.line(name + Styled::toned(tone(line.status), status) + line.at);
        let failed = line.status == TaskStatus::Fail;
        // The reason of a failure names its job.
        text.lines(line.job.filter(|_| !failed).map(|job| format!("{INDENT}{job}")));
        let why = line.why.filter(|_| failed);
        text.lines(why.map(|why| wrapped(INDENT, &why)));
    }
    text.lines(planned.leases.iter().map(|lease| wrapped("lease   ", &lease.to_string())));
    for issue in view.open_issues() {
        let head = if issue.blocker { Styled::toned(Tone::Bad, "BLOCKER ") } else { "note    ".into() };
        text.line(wrapped(head, &format!("{}: {}", issue.id, issue.issue)));
    }
    let changed = planned.messages.iter().filter(|message| message.kind == Kind::BuildDataChanged);
    text.lines(changed.map(|message| wrapped("changed ", &message.text)));
    for message in plan::persons(planned) {
        let head = if message.severity() == Severity::Failure { "FAILED  " } else { "person  " };
        text.line(wrapped(Styled::toned(plan::tone(message.severity()), head), &message.text));
    }
    text.lines(waits.iter().map(|wait| wrapped(Styled::toned(Tone::Pending, "wait    "), wait)));
    text.lines(old.iter().map(|fact| wrapped("old     ", fact)));
    for (place, step) in next.iter().enumerate() {
        let head = if place == 0 { Styled::toned(Tone::Pending, "next    ") } else { INDENT.into() };
        text.line(wrapped(head, step));
    }
    text
}

fn waits_text(waits: &[StatusWait]) -> Vec<String> {
    let line = |wait: &StatusWait| {
        let since = wait.since.as_ref().map(|at| format!("since {at}"));
        let again = wait.recheck_at.as_ref().map(|at| format!("look again at {at}"));
        let times: Vec<String> = since.into_iter().chain(again).collect();
        if times.is_empty() { wait.what.clone() } else { format!("{} ({})", wait.what, times.join(", ")) }
    };
    waits.iter().map(line).collect()
}

/// What is waited for: running tasks as stored, then the plan's waits. A task that only waits for another one
/// is reported by the list of tasks.
fn waits(view: &StatusView, planned: &Plan, now: Timestamp) -> Vec<StatusWait> {
    let shown = |message: &&Message| match message.severity() {
        Severity::Info => message.recheck.is_some(),
        Severity::Wait => message.kind.actor() != Actor::Tasks,
        Severity::Action | Severity::Failure => false,
    };
    let messages: Vec<&Message> = planned.messages.iter().filter(shown).collect();
    // A look that was due before now is due now.
    let updated: Option<Timestamp> = view.state().updated_at().parse().ok();
    let again = |at: Timestamp| stamp(at.max(now));
    let running = view.tasks().into_iter().filter(|line| {
        line.status == TaskStatus::InProgress && !messages.iter().any(|message| message.task == Some(line.task))
    });
    let running = running.map(|line| StatusWait {
        task: Some(line.task),
        what: clean(&format!("{}: {}", line.task, line.why.as_deref().unwrap_or("running"))),
        since: line.at.parse().ok().map(stamp),
        recheck_at: updated.and_then(|at| at.checked_add(recheck_after(line.task)).ok()).map(again),
    });
    let others = messages.iter().map(|message| StatusWait {
        task: message.task,
        what: clean(&message.text),
        since: message.since.map(stamp),
        recheck_at: message.recheck.map(again),
    });
    running.chain(others).collect()
}

/// `head`, as wide as [`INDENT`], and `text` in lines of at most [`WIDTH`] columns; a word that is longer (a page)
/// stays whole.
fn wrapped(head: impl Into<Styled>, text: &str) -> Styled {
    let mut lines = vec![String::new()];
    for part in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(part),
            Some(line) if INDENT.len() + line.chars().count() + 1 + part.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(part);
            }
            Some(_) | None => lines.push(part.to_owned()),
        }
    }
    head.into() + lines.join(&format!("\n{INDENT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_into_eighty_columns_and_pages_stay_whole() {
        let page = format!("https://ci.example.com/{}", "x".repeat(90));
        let text = format!("{} {page} end", "word ".repeat(40));
        let shown = wrapped("wait    ", &text).to_string();
        let mut others = shown.lines().filter(|line| !line.contains(&page));
        assert!(others.all(|line| line.chars().count() <= WIDTH), "{shown}");
        assert!(shown.lines().any(|line| line.trim() == page), "{shown}");
        assert_eq!(shown.split_whitespace().count(), 43);
    }
}
