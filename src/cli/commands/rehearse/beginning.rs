//! What a rehearsal begins with: a scenario by its name, or the state file that it goes on from.

use super::io_error;
use crate::cli::commands::sim::unknown;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::domain::job_trace;
use crate::domain::state::view::State;
use crate::grammar::rehearse::RehearseArgs;
use crate::sim::scenario::Scenario;
use crate::sim::scenario::from_state::{FromState, FromTask};

/// What a rehearsal begins with.
pub(crate) struct Beginning {
    pub(crate) scenario: Scenario,
    /// Path and text of the state file, when there is one already.
    pub(crate) file: Option<(String, String)>,
}

pub(crate) fn beginning(args: &RehearseArgs) -> Result<Beginning, ErrorReport> {
    let Some(path) = &args.from else {
        let scenario = Scenario::named(&args.scenario, args.rehearsed.as_ref(), None);
        return Ok(Beginning { scenario: scenario.map_err(|error| unknown(&error))?, file: None });
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut report = io_error(&format!("{} cannot be read", path.display()), &error);
        report.exit = Exit::Usage;
        report
    })?;
    let state = State::parse(&text, None).map_err(|error| {
        let mut report = ErrorReport::new(
            format!("{} is no state file that can be used", path.display()),
            &error,
            "correct the file: oar state check FILE tells every fault".to_owned(),
            ErrorClass::InvalidInput,
        );
        report.exit = Exit::Usage;
        report
    })?;
    let from = from_state(&state, path)?;
    let stored = from.release.state_path();
    Ok(Beginning { scenario: Scenario::from_state(from), file: Some((stored, text)) })
}

fn from_state(state: &State, path: &std::path::Path) -> Result<FromState, ErrorReport> {
    let bad = |why: String| ErrorReport {
        what: format!("{} is no state file that can be rehearsed", path.display()),
        why: vec![why],
        done: Vec::new(),
        next: "correct the file: oar state check FILE tells every fault".to_owned(),
        exit: Exit::Usage,
        class: ErrorClass::InvalidInput,
    };
    let release = state.release().clone();
    let time = |text: &str| text.parse().map_err(|_| bad(format!("{text:?} is no time stamp")));
    let metadata = state.metadata();
    let tasks = state.tasks().into_iter().filter_map(|entry| {
        let (task, status) = (entry.task()?, entry.status.known()?);
        Some(FromTask { task, status, job: job_trace::job_of(task, &entry) })
    });
    Ok(FromState {
        release,
        created_at: time(state.created_at())?,
        updated_at: time(state.updated_at())?,
        release_date: metadata.release_date.unwrap_or_default(),
        advisory_ids: metadata
            .advisory_ids
            .into_iter()
            .filter_map(|(impetus, id)| Some((impetus, u64::try_from(id).ok()?)))
            .collect(),
        shipment_mr: metadata.shipment_mr,
        candidate_builds: metadata.candidate_builds,
        jira_ticket: metadata.jira_ticket,
        tasks: tasks.collect(),
    })
}
