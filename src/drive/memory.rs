//! What a drive remembers of its own runs: hints that spare needless looks, never the truth.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::core::error::ErrorClass;
use crate::domain::closed_gate::{ClosedGate, OpenedBy};
use crate::domain::outcome::{Outcome, Wait};
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskFailure;
use crate::operators::report::{Cause, TaskReport};
use crate::operators::steps::last_look::OWED_RECHECK;

/// A closed gate that opens by itself is looked at again after this time.
const GATE_RECHECK: SignedDuration = SignedDuration::from_mins(10);

/// A refused credential or a missing right is tried again after this time: somebody may have renewed or granted it.
pub(super) const CREDENTIAL_RECHECK: SignedDuration = SignedDuration::from_mins(15);

/// Waits before the first, second and third retry of a run that could not be carried out.
const RETRY_WAITS_MIN: [i64; 3] = [1, 2, 4];

/// What a drive remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last run of each task.
    pub last: BTreeMap<Task, LastRun>,
    /// A task that a person wants tried again; dropped once it was.
    pub retry: Option<Task>,
    /// Messages that earlier runs left are not looked for again before this time.
    pub due_not_before: Option<Timestamp>,
    /// Notifications of this drive, with the time of the look that settles whether one arrived.
    pub notified: BTreeMap<String, Option<Timestamp>>,
    /// Does what earlier runs found and stored count? Only for whoever does not look anew.
    pub stored: bool,
    /// What was said about a state file that nobody can read.
    pub broken_file: Option<String>,
}

/// The last run of one task.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRun {
    /// Not before this time.
    pub not_before: Option<Timestamp>,
    /// What refused it.
    pub blocked_by: Option<ClosedGate>,
    /// What it waits for.
    pub waiting_on: Option<Wait>,
    /// Did it end with a verdict against the release?
    pub failed: bool,
    /// What a person has to do before a step that it owes is worth another try, and when somebody may have done that.
    pub left: Option<(String, Timestamp)>,
    /// Runs in a row that could not be carried out.
    pub outages: u32,
    /// What such a run lacks (a credential, a setting).
    pub lacks: Option<String>,
    /// When it is worth trying whether somebody has renewed it; nothing for what cannot change under way.
    pub lacks_until: Option<Timestamp>,
}

impl Memory {
    /// Of somebody who only wants to know: what the runs of others found.
    pub(super) fn of_others() -> Self {
        Self { stored: true, ..Self::default() }
    }

    /// Notifications that need not be sent at `now`.
    pub(super) fn notified(&self, now: Timestamp) -> BTreeSet<String> {
        let settled = self.notified.iter().filter(|(_, look_again)| look_again.is_none_or(|at| now < at));
        settled.map(|(key, _)| key.clone()).collect()
    }

    /// When it can be settled whether a notification of this drive, or a message that an earlier run left, arrived.
    pub(super) fn settles_a_notification(&self, now: Timestamp) -> Option<Timestamp> {
        let left = self.due_not_before.filter(|at| *at > now && *at < Timestamp::MAX);
        self.notified.values().flatten().copied().chain(left).min()
    }

    /// Remembers a run that ended with a report.
    pub(super) fn ran(&mut self, report: &TaskReport, now: Timestamp) {
        let mut last = LastRun::default();
        match &report.outcome {
            Outcome::Waiting { on, recheck, .. } => {
                last.waiting_on = Some(on.into());
                last.not_before = now.checked_add(*recheck).ok();
            }
            Outcome::Blocked { by } => {
                last.blocked_by = Some(by.clone());
                last.not_before = match by.opened_by() {
                    OpenedBy::Time => by.look_again().or_else(|| now.checked_add(GATE_RECHECK).ok()),
                    OpenedBy::Person => by.look_again(),
                };
            }
            Outcome::Failed { .. } => last.failed = true,
            Outcome::Passed { .. } | Outcome::Unchanged { .. } => {}
        }
        let soon = now.checked_add(CREDENTIAL_RECHECK).ok();
        match report.owed.as_ref().map(|owed| &owed.cause) {
            Some(Cause::Outage) => last.not_before = now.checked_add(OWED_RECHECK).ok(),
            Some(Cause::Refused { next }) => (last.lacks, last.lacks_until) = (Some(next.clone()), soon),
            Some(Cause::Person { next }) => last.left = soon.map(|at| (next.clone(), at)),
            // A task that has passed is run for what it owes: whatever came of that, not again and again.
            None if report.before == TaskStatus::Pass => last.not_before = last.not_before.or(soon),
            None => {}
        }
        self.last.insert(report.task, last);
    }

    /// Remembers a run that could not be carried out.
    pub(super) fn could_not(&mut self, failure: &TaskFailure, now: Timestamp) {
        let outages = self.last.get(&failure.task).map_or(0, |last| last.outages) + 1;
        let mut last = LastRun { outages, ..LastRun::default() };
        let wait = usize::try_from(outages).ok().and_then(|n| RETRY_WAITS_MIN.get(n - 1)).copied();
        last.not_before = now.checked_add(SignedDuration::from_mins(wait.unwrap_or(30))).ok();
        last.lacks = failure.error.lacks();
        if matches!(failure.error.class(), ErrorClass::Auth | ErrorClass::Forbidden | ErrorClass::NotFound) {
            last.lacks_until = last.lacks.as_ref().and_then(|_| now.checked_add(CREDENTIAL_RECHECK).ok());
        }
        if last.lacks.is_some() {
            // A person has to provide it; a pause would promise that it comes by itself.
            last.not_before = None;
        }
        self.last.insert(failure.task, last);
    }
}
