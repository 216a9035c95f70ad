//! Looks for security alerts on the RHCOS advisory.
//!
//! The check itself always passes once the alerts are known: a blocking alert is an issue that holds
//! back the final approval, not this task.

use jiff::SignedDuration;

use crate::core::clients::errata::ErratumKind;
use crate::core::clients::errata::alerts::{Alert, SecurityAlerts};
use crate::core::notices::of_run::Notice;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::foreign::{quoted, sentence};
use crate::domain::ids::AdvisoryId;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::task::Task;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{belonging, findings, security_alerts};

/// Source of the issue about blocking alerts.
const SOURCE: &str = "check-rhcos-security-alerts";

/// The Errata Tool fetches alerts within minutes.
const RECHECK: SignedDuration = SignedDuration::from_mins(10);

/// The advisory that this check is about.
const RHCOS: &str = "rhcos";

/// Space for the alerts in the text of the issue, in characters.
const ALERTS_CHARS: usize = 700;

/// Looks for security alerts on the RHCOS advisory.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(in crate::operators) async fn run(run: &Run<'_>) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    let Some(&id) = assembly.advisories.get(RHCOS) else {
        let missing: Vec<_> = crate::operators::steps::advisories::not_ready(assembly);
        if missing.iter().any(|entry| entry.contains(RHCOS)) {
            return Ok(Outcome::Blocked { by: ClosedGate::NotReady { missing } });
        }
        return Ok(clean(run, "the release has no RHCOS advisory, so there are no alerts to check".to_owned()));
    };
    let erratum = run.ctx.errata().advisory(id).await?;
    belonging::of_advisories(run, [(RHCOS, &erratum)])?;
    if erratum.state.is_dropped() {
        return Ok(clean(run, format!("the RHCOS advisory {id} was dropped, so there are no alerts to check")));
    }
    if erratum.kind != ErratumKind::Rhsa {
        return Ok(clean(run, format!("the RHCOS advisory {id} is no security advisory, so it has no alerts")));
    }
    let alerts = security_alerts::fresh(run, &erratum).await?;
    if !alerts.fetched {
        return Ok(Outcome::Waiting { on: WaitingOn::SecurityAlerts, job: None, recheck: RECHECK });
    }
    Ok(judge(run, id, &alerts))
}

fn judge(run: &Run<'_>, id: AdvisoryId, alerts: &SecurityAlerts) -> Outcome {
    let blocking: Vec<&Alert> = alerts.blocking_alerts().collect();
    if blocking.is_empty() && !alerts.blocking {
        return clean(run, format!("the RHCOS advisory {id} has no blocking security alert"));
    }
    if blocking.is_empty() {
        run.warn(format!("the Errata Tool says that advisory {id} is blocked by alerts, but names none that blocks"));
    }
    for alert in &blocking {
        run.info(format!("blocking alert: {}", described(alert)));
    }
    let alerts = match blocking.is_empty() {
        true => vec!["named by none of its alerts".to_owned()],
        false => blocking.iter().map(|alert| short(alert)).collect(),
    };
    run.notify(Notice::BlockingAlerts { advisory: id, alerts });
    findings::report(run, SOURCE, &issue_text(id, &blocking), true, &[Task::ChangeAdvisoryStatus]);
    run.advise(format!(
        "mail product security about advisory {id} and its alerts; when they are solved: oar -r {} {}",
        run.release, run.task
    ));
    let count = blocking.len().max(1);
    Outcome::Passed {
        summary: format!(
            "checked: advisory {id} has {count} blocking security alert(s); they hold back the final approval"
        ),
    }
}

fn clean(run: &Run<'_>, summary: String) -> Outcome {
    findings::settle(run, SOURCE, &summary);
    Outcome::Passed { summary }
}

fn issue_text(id: AdvisoryId, blocking: &[&Alert]) -> String {
    let alerts = if blocking.is_empty() {
        "named by none of its alerts".to_owned()
    } else {
        findings::listed(blocking.iter().map(|alert| short(alert)), ALERTS_CHARS)
    };
    format!(
        "RHCOS advisory {id} has blocking security alerts: {alerts}. Mail product security with the advisory number \
         and these details; run check-rhcos-security-alerts again when they are solved"
    )
}

fn short(alert: &Alert) -> String {
    match &alert.how_to_resolve {
        Some(how) => format!("{} ({})", one_line(&alert.name, 120), one_line(how, 200)),
        None => one_line(&alert.name, 120),
    }
}

fn described(alert: &Alert) -> String {
    let parts = [Some(&alert.name), alert.text.as_ref(), alert.description.as_ref(), alert.how_to_resolve.as_ref()];
    parts.into_iter().flatten().map(|part| quoted(part)).collect::<Vec<_>>().join(" | ")
}

/// The whole issue is quoted wherever it is shown, so its parts are not.
fn one_line(text: &str, most: usize) -> String {
    sentence(text).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issue_names_advisory_alert_and_what_to_do() {
        let alert = Alert {
            name: "unfixed flaw".to_owned(),
            text: None,
            description: None,
            how_to_resolve: Some("attach\n the  flaw bug".to_owned()),
            blocking: true,
        };
        let text = issue_text(AdvisoryId::new(160_001), &[&alert]);
        assert!(
            text.starts_with("RHCOS advisory 160001 has blocking security alerts: unfixed flaw (attach the flaw bug).")
        );
        assert!(text.contains("product security"));
    }

    #[test]
    fn many_alerts_still_fit_into_one_issue() {
        let alert = |n: usize| Alert {
            name: format!("alert {n} {}", "x".repeat(60)),
            text: None,
            description: None,
            how_to_resolve: Some("y".repeat(500)),
            blocking: true,
        };
        let alerts: Vec<_> = (0..30).map(alert).collect();
        let text = issue_text(AdvisoryId::new(1), &alerts.iter().collect::<Vec<_>>());
        assert!(text.chars().count() <= 1000 && text.contains("more"), "{text}");
    }
}
