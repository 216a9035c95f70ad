//! Where a release stands, on one screen.

use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::task::TaskStatus;
use crate::operators::views::status::{ShownWait, StatusView};
use crate::planner::messages::{Kind, Severity};
use crate::planner::plan::Plan;
use crate::render::plan;
use crate::render::styled::{Styled, Tone, tone};
use crate::render::text::clean;

/// Columns of the narrowest terminal that people use.
const WIDTH: usize = 80;

/// Further lines of an entry stand below its text.
const INDENT: &str = "        ";

/// What is stored, what is waited for, which facts are `old`, and what comes next.
pub fn text(
    release: &ZStream,
    view: &StatusView,
    planned: &Plan,
    waits: &[ShownWait],
    [old, next]: [&[String]; 2],
) -> Styled {
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
    text.lines(waits.iter().map(|wait| wrapped(Styled::toned(Tone::Pending, "wait    "), &waits_for(wait))));
    text.lines(old.iter().map(|fact| wrapped("old     ", fact)));
    for (place, step) in next.iter().enumerate() {
        let head = if place == 0 { Styled::toned(Tone::Pending, "next    ") } else { INDENT.into() };
        text.line(wrapped(head, step));
    }
    text
}

fn waits_for(wait: &ShownWait) -> String {
    let since = wait.since.map(|at| format!("since {}", stamp(at)));
    let again = wait.recheck_at.map(|at| format!("look again at {}", stamp(at)));
    let times: Vec<String> = since.into_iter().chain(again).collect();
    let what = clean(&wait.what);
    if times.is_empty() { what } else { format!("{what} ({})", times.join(", ")) }
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
