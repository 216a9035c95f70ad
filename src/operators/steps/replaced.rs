//! What ART replaces under way: said and noted with the first write that sees it, taken back task by task. No status
//! changes because of it.

use std::collections::BTreeSet;

use super::findings;
use crate::domain::assembly::Assembly;
use crate::domain::assembly::changes::REPLACED_SOURCE;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::Outcome;
use crate::domain::state::operation::{IssueEdit, Operation};
use crate::domain::task::{Task, TaskStatus};
use crate::operators::run::Run;

/// Notes with the end of the run what build data replaced since it was stored, and that this task is about the new
/// one when it passed just now.
pub fn note(run: &Run<'_>, outcome: Option<&Outcome>) {
    let about_the_new = matches!(outcome, Some(Outcome::Passed { .. }));
    let about_the_old = |task: Task| run.state.status(task) == TaskStatus::Pass && !(about_the_new && task == run.task);
    if about_the_new {
        take_back(run);
    }
    let Some(assembly) = run.assembly_if_known() else { return };
    let changes = assembly.changes_since(&run.state.metadata());
    for change in changes.into_iter().filter(|change| change.stored.is_some() && change.fresh.is_some()) {
        run.warn(change.to_string());
        let tasks: Vec<Task> = change.outdates().into_iter().filter(|task| about_the_old(*task)).collect();
        if !tasks.is_empty() {
            let source = format!("{REPLACED_SOURCE}{}", change.entry);
            findings::report(run, &source, &change.to_string(), false, &tasks);
        }
    }
}

/// What was replaced although checks had passed for it: noted and not settled, or not noted yet. It holds the approval
/// back, because those checks say nothing about what ships.
pub fn unsettled(run: &Run<'_>, assembly: &Assembly) -> Option<ClosedGate> {
    let (mut what, mut tasks) = (Vec::new(), BTreeSet::new());
    let mut add = |text: String, about: Vec<Task>| {
        let about: Vec<Task> = about.into_iter().filter(|task| task.is_about_what_ships()).collect();
        if !about.is_empty() {
            what.push(text);
            tasks.extend(about);
        }
    };
    for issue in run.state.issues().into_iter().filter(|issue| !issue.resolved) {
        if issue.source.as_deref().is_some_and(|source| source.starts_with(REPLACED_SOURCE)) {
            add(issue.issue, issue.related_tasks.iter().filter_map(|name| name.parse().ok()).collect());
        }
    }
    for change in assembly.changes_since(&run.state.metadata()) {
        let passed = |task: &Task| run.state.status(*task) == TaskStatus::Pass;
        add(change.to_string(), change.outdates().into_iter().filter(passed).collect());
    }
    (!what.is_empty()).then(|| ClosedGate::Replaced { what, tasks: tasks.into_iter().collect() })
}

/// Takes this task out of every note that says its Pass is about something old; a note about no task is settled.
pub fn take_back(run: &Run<'_>) {
    for issue in run.state.issues().into_iter().filter(|issue| !issue.resolved) {
        let Some(source) = issue.source.filter(|source| source.starts_with(REPLACED_SOURCE)) else { continue };
        let related: Vec<Task> = issue.related_tasks.iter().filter_map(|name| name.parse().ok()).collect();
        if !related.contains(&run.task) {
            continue;
        }
        let rest: Vec<Task> = related.into_iter().filter(|task| *task != run.task).collect();
        if rest.is_empty() {
            findings::settle(run, &source, "every task that had passed for the old one was run again");
        } else {
            let edit = IssueEdit { related: Some(rest), ..IssueEdit::default() };
            run.with_the_end(Operation::UpdateIssue { search: issue.id, edit });
        }
    }
}
