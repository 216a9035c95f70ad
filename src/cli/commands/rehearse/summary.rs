//! What a rehearsal has to say when it is over.

use std::collections::BTreeMap;

use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::view::State;
use crate::domain::task::Task;
use crate::drive::event::Event;
use crate::planner::plan::{Plan, Verdict};
use crate::render;
use crate::render::documents::plan::PlanDocument;
use crate::render::documents::rehearsal::{RehearsalDocument, RehearsedTask};
use crate::render::report::minutes;
use jiff::Timestamp;

/// What happened to one task.
#[derive(Debug, Clone, Default)]
struct Runs {
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    count: u32,
    status: String,
}

/// Everything a rehearsal collects for its summary.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    tasks: BTreeMap<Task, Runs>,
    effects: Vec<String>,
}

impl Summary {
    /// Remembers what happened; the outside effects of this event.
    pub(crate) fn remember(&mut self, event: &Event<'_>, now: Timestamp) -> Vec<String> {
        let (task, status, effects) = match event {
            Event::Ran(report) => (report.task, report.after.to_string(), report.effects.clone()),
            Event::CouldNot(failure) => (failure.task, "error".to_owned(), failure.done.clone()),
            Event::Marked(_) | Event::Waits { .. } => return Vec::new(),
        };
        let runs = self.tasks.entry(task).or_default();
        runs.started = runs.started.or(Some(now));
        runs.ended = Some(now);
        runs.count += 1;
        runs.status = status;
        self.effects.extend(effects.iter().map(|effect| format!("{} {task}: {effect}", stamp(now))));
        effects
    }
}

/// How tasks are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows {
    /// As a table.
    Columns,
    /// As one sentence each.
    Sentences,
}

/// A rehearsal that is over.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    /// The release.
    pub(crate) release: &'a ZStream,
    /// The last plan.
    pub(crate) plan: &'a Plan,
    /// What happened on the way.
    pub(crate) summary: &'a Summary,
    /// The state as it was left.
    pub(crate) state: Option<&'a State>,
    /// How long it took in virtual time.
    pub(crate) virtual_minutes: i64,
    /// How long it took in real time.
    pub(crate) wall_ms: i128,
    /// Requests that no service knew.
    pub(crate) unmatched: &'a [String],
}

impl Ended<'_> {
    /// For people.
    pub(crate) fn text(&self, rows: Rows) -> String {
        let at = |at: Option<Timestamp>| at.map(|at| at.strftime("%m-%d %H:%M").to_string()).unwrap_or_default();
        let release = self.release;
        let mut lines = vec![String::new(), format!("REHEARSAL of {release}: summary")];
        if matches!(rows, Rows::Columns) {
            lines.push(format!("{:<28} {:<12} {:<12} {:<12} runs", "task", "status", "first run", "last run"));
        }
        for task in Task::ALL {
            let Some(runs) = self.summary.tasks.get(&task) else { continue };
            let status = self.state.map_or_else(|| runs.status.clone(), |state| state.status(task).to_string());
            let status = if task == Task::CreateTestReport { runs.status.clone() } else { status };
            let (first, last, runs) = (at(runs.started), at(runs.ended), runs.count);
            lines.push(match rows {
                Rows::Columns => format!("{task:<28} {status:<12} {first:<12} {last:<12} {runs}"),
                // Read aloud, a value needs its name beside it.
                Rows::Sentences => format!("{task}: {status}, first run {first}, last run {last}, runs {runs}"),
            });
        }
        lines.push(String::new());
        lines.push(format!("{} outside writes:", self.summary.effects.len()));
        lines.extend(self.summary.effects.iter().map(|effect| format!("  {effect}")));
        lines.extend(self.unmatched.iter().map(|request| format!("UNMATCHED request: {request}")));
        lines.push(String::new());
        if !matches!(self.plan.verdict, Verdict::Done) {
            lines.push(render::plan::text(self.release, self.plan));
            lines.push(String::new());
        }
        let end = match self.plan.verdict {
            Verdict::Done => "approved",
            Verdict::Waiting { .. } | Verdict::Continue => "still waiting",
            Verdict::NeedsPerson => "a person is needed",
            Verdict::Failed => "failed",
        };
        lines.push(format!(
            "REHEARSAL of {release}: {end}, overall {:?}, {} of virtual time in {} ms",
            self.plan.overall,
            minutes(self.virtual_minutes),
            self.wall_ms
        ));
        lines.join("\n")
    }

    /// For programs; `nobody` says why no person could finish it.
    pub(crate) fn document(&self, nobody: Option<String>) -> RehearsalDocument {
        let task = |(task, runs): (&Task, &Runs)| {
            let status = self.state.map_or_else(|| runs.status.clone(), |state| state.status(*task).to_string());
            let (first_run, last_run) = (runs.started.map(stamp), runs.ended.map(stamp));
            (task.name().to_owned(), RehearsedTask { status, first_run, last_run, runs: runs.count })
        };
        RehearsalDocument {
            rehearsal: true,
            ok: matches!(self.plan.verdict, Verdict::Done),
            plan: PlanDocument::new(self.release, self.plan),
            tasks: self.summary.tasks.iter().map(task).collect(),
            effects: self.summary.effects.clone(),
            unmatched: self.unmatched.to_vec(),
            virtual_minutes: self.virtual_minutes,
            wall_ms: i64::try_from(self.wall_ms).unwrap_or(i64::MAX),
            nobody_could_finish: nobody,
        }
    }
}
