//! State files, and the changes that wait for their store, for people.

use super::styled::{Styled, tone};
use crate::core::statebox::unsent::Listed;
use crate::domain::dates::stamp;
use crate::domain::state::oddities::{is_usable, oddities};
use crate::domain::state::view::State;

/// Changes that wait on this machine, for people.
pub fn unsent(listed: &[Listed]) -> Styled {
    if listed.is_empty() {
        return "nothing waits".into();
    }
    let mut text = Styled::default();
    for Listed { release, file, waiting } in listed {
        let standing = match &waiting.refused {
            None => "waits".to_owned(),
            Some(why) => format!("refused: {why}"),
        };
        text.line(format!("{} {release}  {}  {standing}\n  {}", stamp(waiting.at), waiting.message, file.display()));
    }
    text
}

/// Whether a state is usable, and what is odd about it, one line each.
pub fn check(name: &str, state: &State) -> Styled {
    let found = oddities(state);
    let verdict = if is_usable(state) { "ok" } else { "not usable" };
    let mut text = Styled::from(match found.len() {
        0 => format!("{name}: {verdict}"),
        1 => format!("{name}: {verdict}, 1 thing is odd"),
        n => format!("{name}: {verdict}, {n} things are odd"),
    });
    text.lines(found.iter().map(|oddity| format!("  {oddity}")));
    text
}

/// What a state says.
pub fn state(state: &State) -> Styled {
    let metadata = state.metadata();
    let head = Styled::from(format!("{} ({}): ", state.release(), state.flow()));
    let mut text = head + state.overall() + format!(", updated {}", state.updated_at());
    let advisories: Vec<_> = metadata.advisory_ids.iter().map(|(impetus, id)| format!("{impetus} {id}")).collect();
    for (label, value) in [
        ("release date", metadata.release_date),
        ("jira ticket", metadata.jira_ticket),
        ("advisories", Some(advisories.join(", ")).filter(|list| !list.is_empty())),
        ("shipment", metadata.shipment_mr),
    ] {
        text.line(format!("  {label:<13} {}", value.as_deref().unwrap_or("-")));
    }
    for entry in state.tasks() {
        let (started, completed) = (entry.started_at.as_deref(), entry.completed_at.as_deref());
        let times = format!("{} .. {}", started.unwrap_or("-"), completed.unwrap_or("-"));
        let job = entry.job_ref.as_ref().map(|job| format!("  {job}")).unwrap_or_default();
        let status = format!("{:<12}", entry.status.as_str());
        let status = Styled::toned(entry.status.known().and_then(tone), status);
        text.line(Styled::from(format!("  {:<26} ", entry.name)) + status + format!(" {times}{job}"));
    }
    for issue in state.issues().iter().filter(|issue| !issue.resolved) {
        let kind = if issue.blocker { "blocker" } else { "note" };
        text.line(format!("  {kind} {}: {}", issue.id, issue.issue.lines().next().unwrap_or_default()));
    }
    text
}
