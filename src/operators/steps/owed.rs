//! Steps of which a service must not hold back the Pass of a task: what it refuses is noted in the state, and every
//! later run and drive tries again until the step is done.

use super::findings;
use crate::core::effects::EffectError;
use crate::core::error::ErrorClass;
use crate::domain::credential::Credential;
use crate::domain::outcome::Outcome;
use crate::domain::owed;
use crate::domain::state::view::State;
use crate::domain::task::Task;
use crate::operators::error::TaskError;
use crate::operators::report::{Cause, Owed};
use crate::operators::run::Run;

/// What such a step needs: all of them are work in Jira.
pub const NEEDS: [Credential; 2] = [Credential::JiraUsername, Credential::JiraToken];

/// Does `task` owe a step?
pub fn is_open(state: &State, task: Task) -> bool {
    let source = owed::source(task);
    state.issues().iter().any(|issue| !issue.resolved && issue.source.as_deref() == Some(&source))
}

/// Carries such a step out. `undone` says what is not done while it is owed; what the step itself found undone (a line
/// each) is owed as well.
///
/// # Errors
///
/// Whatever is no refusal of the service: another run is at it, or nobody knows yet whether something was done.
pub async fn step(
    run: &Run<'_>,
    undone: &str,
    work: impl Future<Output = Result<Vec<String>, TaskError>>,
) -> Result<(), TaskError> {
    if let Err(lacking) = run.ctx.require(&NEEDS) {
        owe(run, format!("{undone}: {lacking}"), Cause::Refused { next: lacking.next_step() });
        return Ok(());
    }
    match work.await {
        Ok(left) if left.is_empty() => settle(run, "a later run has done it"),
        Ok(left) => owe(run, left.join("; "), Cause::Person { next: "see to it in Jira".to_owned() }),
        Err(error @ (TaskError::Service(_) | TaskError::Effect(EffectError::Client(_)))) => {
            let cause = match error.class() {
                ErrorClass::Transient | ErrorClass::RateLimit | ErrorClass::Corrupt => Cause::Outage,
                ErrorClass::Auth => Cause::Refused { next: error.next_step() },
                ErrorClass::NotReady
                | ErrorClass::NeedsPerson
                | ErrorClass::NotFound
                | ErrorClass::Conflict
                | ErrorClass::InvalidInput
                | ErrorClass::Refused
                | ErrorClass::Config
                | ErrorClass::Forbidden
                | ErrorClass::Internal => Cause::Person { next: error.next_step() },
            };
            owe(run, format!("{undone}: {error}"), cause);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What a run comes to that was made for what its task owes.
///
/// # Errors
///
/// As the run ended.
pub fn of_finish(run: &Run<'_>, finished: Result<(), TaskError>) -> Result<Outcome, TaskError> {
    finished?;
    Ok(match &run.notes().owed {
        None => Outcome::Passed { summary: "what was still to be done is done".to_owned() },
        Some(_) => Outcome::Unchanged { why: format!("{} passed already; a step is still to be done", run.task) },
    })
}

/// Ends what is owed, when something is.
pub fn settle(run: &Run<'_>, resolution: &str) {
    findings::settle(run, &owed::source(run.task), resolution);
}

/// Says that the step is owed, and notes it unless the state says just that.
pub fn owe(run: &Run<'_>, what: String, cause: Cause) {
    let again = format!("oar -r {} {}", run.release, run.task);
    run.warn(match &cause {
        Cause::Outage => format!("{what}; the next drive tries again, or: {again}"),
        Cause::Refused { next } | Cause::Person { next } => format!("{what}; {next}, then: {again}"),
    });
    let source = owed::source(run.task);
    if findings::open(run, &source).is_none_or(|known| known.issue != what) {
        findings::report(run, &source, &what, false, &[run.task]);
    }
    run.owes(Owed { what, cause });
}
