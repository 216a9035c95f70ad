//! Looks for CVE trackers that are attached nowhere.
//!
//! elliott says which trackers belong to the release; each of them has to be on an advisory or in
//! the shipment. A missed tracker is reported and, unless the settings say otherwise, holds nobody up.

use std::collections::BTreeSet;

use crate::core::clients::elliott::{BuildSystem, ElliottError, Trackers, keys_in};
use crate::core::clients::process::ProcessError;
use crate::core::error::ErrorClass;
use crate::core::notices::of_run::Notice;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::cve_trackers::{Expected, missed};
use crate::domain::ids::JiraKey;
use crate::domain::outcome::Outcome;
use crate::domain::task::{Flow, Task};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, findings, shipment};

/// Source of the issue about missed trackers; its text holds the keys that were announced.
const SOURCE: &str = "check-cve-tracker-bug";

/// Source of the issue about trackers that Jira does not hand out.
const NOT_FETCHED: &str = "check-cve-tracker-bug/not-fetched";

/// Space for keys in the text of the issue, in characters; all of them are in the result.
const KEYS_CHARS: usize = 850;

/// Looks for CVE trackers that are attached nowhere.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(in crate::operators) async fn run(run: &Run<'_>) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    let is_konflux = assembly.flow() == Flow::Konflux;
    if is_konflux && assembly.shipment_mr.is_none() {
        return Ok(Outcome::Blocked { by: shipment::unnamed() });
    }
    let mut attached: BTreeSet<JiraKey> = BTreeSet::new();
    for advisory in advisories::managed(run).await?.live {
        run.info(format!("advisory {} holds {} issues", advisory.id(), advisory.erratum.issues.len()));
        attached.extend(advisory.erratum.issues);
    }
    if is_konflux {
        let listed = shipment::fixed_issues(run).await?;
        run.info(format!("the shipment lists {} issues", listed.len()));
        attached.extend(listed);
    }
    let mut expected = Expected::default();
    let asked = async {
        expected.brew = ask(run, BuildSystem::Brew).await?;
        if is_konflux {
            expected.konflux = ask(run, BuildSystem::Konflux).await?;
        }
        Ok(())
    };
    if let Err(error) = asked.await {
        return no_answer(run, error);
    }
    findings::settle(run, NOT_FETCHED, "Jira hands out all trackers of the release");
    Ok(judge(run, missed(&expected, &attached)))
}

async fn ask(run: &Run<'_>, system: BuildSystem) -> Result<Trackers, ElliottError> {
    let trackers = run.ctx.elliott().cve_trackers(run.release, system).await?;
    let count: usize = trackers.values().map(BTreeSet::len).sum();
    run.info(format!("elliott knows {count} CVE trackers for {}", system.name()));
    Ok(trackers)
}

/// No verdict without elliott's answer.
fn no_answer(run: &Run<'_>, error: ElliottError) -> Result<Outcome, TaskError> {
    if let Some(log) = error.log().filter(|log| !log.is_empty()) {
        run.info(format!("end of elliott's log:\n{log}"));
    }
    let next = error.next_step();
    match &error {
        ElliottError::Process(ProcessError::Missing { .. }) => {
            return Ok(Outcome::Blocked { by: ClosedGate::Missing { what: format!("{error}: {next}") } });
        }
        ElliottError::Process(ProcessError::Cancelled { .. }) => return Err(TaskError::Cancelled),
        ElliottError::NotFetched { keys, .. } => {
            let keys = findings::listed(keys.iter(), KEYS_CHARS);
            let text = format!("elliott cannot fetch CVE trackers from Jira: {keys}; {next}");
            findings::report(run, NOT_FETCHED, &text, true, &[Task::CheckCveTrackerBug]);
        }
        ElliottError::Process(_)
        | ElliottError::Silent { .. }
        | ElliottError::Failed { .. }
        | ElliottError::Unreadable { .. } => {}
    }
    let why = with_cause(&error);
    Err(match error.class() {
        ErrorClass::Config | ErrorClass::InvalidInput => TaskError::Refused { why, next },
        ErrorClass::Transient
        | ErrorClass::RateLimit
        | ErrorClass::Corrupt
        | ErrorClass::Conflict
        | ErrorClass::NotReady
        | ErrorClass::NeedsPerson
        | ErrorClass::Auth
        | ErrorClass::NotFound
        | ErrorClass::Refused
        | ErrorClass::Forbidden
        | ErrorClass::Internal => TaskError::Program { program: "elliott", why, next },
    })
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn judge(run: &Run<'_>, missed: BTreeSet<JiraKey>) -> Outcome {
    if missed.is_empty() {
        let summary = "every CVE tracker of the release is attached".to_owned();
        findings::settle(run, SOURCE, &summary);
        return Outcome::Passed { summary };
    }
    run.info(format!("attached nowhere: {}", join(&missed)));
    let announced = findings::open(run, SOURCE).map(|issue| keys_in(&issue.issue)).unwrap_or_default();
    let new: BTreeSet<_> = missed.difference(&announced).cloned().collect();
    if !new.is_empty() {
        run.info(format!("not announced before: {}", join(&new)));
        run.notify(Notice::MissedTrackers(new));
    }
    let blocking = run.ctx.settings.cve_check_blocking;
    findings::report(run, SOURCE, &issue_text(&missed), blocking, &[Task::CheckCveTrackerBug]);
    if blocking {
        return Outcome::Failed { reason: FailReason::MissedCveTrackers { keys: missed.into_iter().collect() } };
    }
    Outcome::Passed {
        summary: format!("checked: {} CVE trackers are attached nowhere; ART has to attach them", missed.len()),
    }
}

fn issue_text(missed: &BTreeSet<JiraKey>) -> String {
    format!(
        "{} CVE trackers are attached nowhere, ART has to attach them: {}",
        missed.len(),
        findings::listed(missed.iter(), KEYS_CHARS)
    )
}

fn join(keys: &BTreeSet<JiraKey>) -> String {
    keys.iter().map(JiraKey::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_missed_trackers_fit_into_one_issue_whose_keys_can_be_read_back() {
        let missed: BTreeSet<JiraKey> = (10_000..10_200).filter_map(|n| format!("OCPBUGS-{n}").parse().ok()).collect();
        let text = issue_text(&missed);
        assert!(text.chars().count() <= 1000 && text.starts_with("200 CVE trackers"), "{text}");
        let read = keys_in(&text);
        assert!(read.is_subset(&missed) && text.ends_with(&format!("and {} more", 200 - read.len())), "{text}");
    }
}
