//! Where a record does not fit together: with the rules, with the registry, with itself.

use std::fmt;

use super::compat::passed_on_retry;
use super::{CompatEvaluation, Contradiction, Decision};
use crate::domain::foreign::{name, term};
use crate::domain::job_registry::RegistryJob;
use crate::domain::result_file::{JobItem, ResultFile, RunState};

pub(super) fn find(
    file: &ResultFile,
    items: &[JobItem<'_>],
    registry: &[RegistryJob],
    compat: &CompatEvaluation,
    missing: Vec<String>,
) -> Vec<Contradiction> {
    let mut found = Vec::new();
    if let Some(accepted) = file.accepted()
        && accepted != (compat.decision == Decision::Accepted)
    {
        found.push(Contradiction::RecordedOtherwise { accepted });
    }
    if file.accepted() == Some(true) && !missing.is_empty() {
        found.push(Contradiction::AcceptedWithout { jobs: missing });
    }
    if file.promoted() == Some(true) && file.accepted() == Some(true) {
        found.push(Contradiction::PromotedAlthoughAccepted);
    }
    let is_open = |item: &&JobItem<'_>| !item.runs().all(|run| run.is_finished());
    let mut open: Vec<String> = items.iter().filter(is_open).map(|item| item.name.to_owned()).collect();
    if file.aggregated() == Some(true) && !open.is_empty() {
        open.sort_unstable();
        found.push(Contradiction::CompleteWithOpenRuns { jobs: open });
    }
    for item in items {
        found.extend(of_item(item, registry));
        if items.iter().filter(|other| other.name == item.name).count() > 1 {
            found.push(Contradiction::Twice { job: item.name.to_owned() });
        }
    }
    for job in registry.iter().filter(|job| !job.disabled) {
        let (planned, original) = (job.planned_retries(), job.retries_of_the_original());
        if planned != original {
            found.push(Contradiction::OtherRetries { job: job.name.clone(), planned, original });
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn of_item(item: &JobItem<'_>, registry: &[RegistryJob]) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let job = item.name.to_owned();
    let passed = item.retried.iter().filter(|run| run.passed()).count();
    if !item.first.passed() && passed_on_retry(item) && 2 * passed <= item.retried.len() + 1 {
        found.push(Contradiction::Tie { job: job.clone() });
    }
    let planned = registry.iter().find(|known| known.name == item.name && !known.disabled);
    if let Some(planned) = planned.map(RegistryJob::planned_retries)
        && item.retried.len() > planned
    {
        found.push(Contradiction::MoreRetries { job: job.clone(), recorded: item.retried.len(), planned });
    }
    let ids: Vec<&str> = item.runs().filter_map(|run| run.id).collect();
    for (_, id) in ids.iter().enumerate().filter(|(n, id)| ids[..*n].contains(*id)) {
        found.push(Contradiction::RunTwice { job: job.clone(), id: (*id).to_owned() });
    }
    for run in item.runs() {
        let Some(state) = run.state else { continue };
        match RunState::named(state) {
            None => found.push(Contradiction::UnknownState { job: job.clone(), state: state.to_owned() }),
            Some(known) if known.is_terminal() && !run.is_finished() => {
                found.push(Contradiction::EndWithoutTime { job: job.clone(), state: state.to_owned() });
            }
            Some(_) => {}
        }
    }
    found
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |jobs: &[String]| jobs.iter().map(|job| name(job)).collect::<Vec<_>>().join(", ");
        match self {
            Self::RecordedOtherwise { accepted } => {
                let recorded = if *accepted { "accepted" } else { "rejected" };
                write!(f, "recorded as {recorded}, which the older rule does not say")
            }
            Self::AcceptedWithout { jobs } => {
                write!(f, "recorded as accepted, although these never ran: {}", all(jobs))
            }
            Self::PromotedAlthoughAccepted => f.write_str("promoted by a person, although it is recorded as accepted"),
            Self::CompleteWithOpenRuns { jobs } => {
                write!(f, "recorded as complete, although these have open runs: {}", all(jobs))
            }
            Self::Tie { job } => {
                write!(f, "{}: as many runs passed as failed, which the older rule lets pass", name(job))
            }
            Self::MoreRetries { job, recorded, planned } => {
                write!(f, "{}: {recorded} further runs are recorded, {planned} are planned", name(job))
            }
            Self::OtherRetries { job, planned, original } => {
                write!(f, "{}: {planned} further runs are planned, the older rule triggers {original}", name(job))
            }
            Self::RunTwice { job, id } => {
                write!(f, "{}: the run {} stands in it more than once, and counts each time", name(job), term(id))
            }
            Self::Twice { job } => write!(f, "{}: stands in the record more than once; the worst counts", name(job)),
            Self::UnknownState { job, state } => write!(f, "{}: the state {} is not known", name(job), term(state)),
            Self::EndWithoutTime { job, state } => {
                write!(f, "{}: a run is {state} and has no time of its end; it counts as open", name(job))
            }
        }
    }
}
