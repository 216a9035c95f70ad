//! What a rehearsal has to say when it is over.

use std::collections::BTreeMap;

use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::drive::event::DriveEvent;
use crate::planner::plan::{Plan, Verdict};
use crate::render;
use crate::render::documents::plan::PlanDocument;
use crate::render::documents::rehearsal::{RehearsalDocument, RehearsedTask};
use crate::render::report::minutes;
use crate::render::styled::{Styled, Tone, tone};
use jiff::Timestamp;

/// What happened to one task.
#[derive(Debug, Clone, Default)]
struct Runs {
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    count: u32,
    /// As the last run left it, unless that could not be carried out.
    status: Option<TaskStatus>,
}

/// The status of a task whose last run could not be carried out.
const ERROR: &str = "error";

/// Everything a rehearsal collects for its summary.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    tasks: BTreeMap<Task, Runs>,
    effects: Vec<String>,
}

impl Summary {
    /// Remembers what happened; the outside effects of this event.
    pub(crate) fn remember(&mut self, event: &DriveEvent<'_>, now: Timestamp) -> Vec<String> {
        let (task, status, effects) = match event {
            DriveEvent::Ran(report) => (report.task, Some(report.after), report.effects.clone()),
            DriveEvent::CouldNot(failure) => (failure.task, None, failure.done.clone()),
            DriveEvent::Marked(_) | DriveEvent::Waits { .. } => return Vec::new(),
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
    pub(crate) fn text(&self, rows: Rows) -> Styled {
        let at = |at: Option<Timestamp>| at.map(|at| at.strftime("%m-%d %H:%M").to_string()).unwrap_or_default();
        let release = self.release;
        let mut text = Styled::from(format!("\nREHEARSAL of {release}: summary"));
        if matches!(rows, Rows::Columns) {
            text.line(format!("{:<28} {:<12} {:<12} {:<12} runs", "task", "status", "first run", "last run"));
        }
        for task in Task::ALL {
            let Some(runs) = self.summary.tasks.get(&task) else { continue };
            let stored = self.state.map(|state| state.status(task)).filter(|_| task != Task::CreateTestReport);
            let (status, tone) = match stored.or(runs.status) {
                Some(status) => (status.as_str(), tone(status)),
                None => (ERROR, Some(Tone::Bad)),
            };
            let (first, last, runs) = (at(runs.started), at(runs.ended), runs.count);
            text.line(match rows {
                Rows::Columns => {
                    Styled::from(format!("{task:<28} "))
                        + Styled::toned(tone, format!("{status:<12}"))
                        + format!(" {first:<12} {last:<12} {runs}")
                }
                // Read aloud, a value needs its name beside it.
                Rows::Sentences => {
                    Styled::from(format!("{task}: "))
                        + Styled::toned(tone, status)
                        + format!(", first run {first}, last run {last}, runs {runs}")
                }
            });
        }
        text.line(format!("\n{} outside writes:", self.summary.effects.len()));
        text.lines(self.summary.effects.iter().map(|effect| format!("  {effect}")));
        let unmatched = |request| Styled::toned(Tone::Bad, "UNMATCHED") + format!(" request: {request}");
        text.lines(self.unmatched.iter().map(unmatched));
        text.line("");
        if !matches!(self.plan.verdict, Verdict::Done) {
            text.line(render::plan::text(self.release, self.plan));
            text.line("");
        }
        let end = match self.plan.verdict {
            Verdict::Done => "approved",
            Verdict::Waiting { .. } | Verdict::Continue => "still waiting",
            Verdict::NeedsPerson => "a person is needed",
            Verdict::Failed => "failed",
        };
        let took = format!(", {} of virtual time in {} ms", minutes(self.virtual_minutes), self.wall_ms);
        text.line(Styled::from(format!("REHEARSAL of {release}: {end}, overall ")) + self.plan.overall + took);
        text
    }

    /// For programs; `nobody` says why no person could finish it.
    pub(crate) fn document(&self, nobody: Option<String>) -> RehearsalDocument {
        let task = |(task, runs): (&Task, &Runs)| {
            let status = self.state.map(|state| state.status(*task)).or(runs.status);
            let status = status.map_or(ERROR, TaskStatus::as_str).to_owned();
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
