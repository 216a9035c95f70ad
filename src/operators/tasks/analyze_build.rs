//! Judges the test record of a build.

use crate::core::context::Context;
use crate::domain::acceptance::RecordVerdict;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{AddIssue, Operation};
use crate::domain::task::Which;
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::previewed::{Preview, PreviewedChange};
use crate::operators::request::BuildDecision;
use crate::operators::run::Run;
use crate::operators::steps::build_record;
use crate::operators::steps::state_file;

/// Judges the record of the candidate or the promoted build; `decide` is a person's word about it.
///
/// A build without record, or whose tests still run, is waited for and stored as nothing.
///
/// # Errors
///
/// Build data or the record store do not answer.
pub(in crate::operators) async fn run(
    run: &Run<'_>,
    which: Which,
    decide: Option<&BuildDecision>,
) -> Result<Outcome, TaskError> {
    let Some(build) = build_record::build_of(run, which).await? else {
        return Ok(passed(run, which, "not applicable: build data names no candidate build".to_owned()));
    };
    let verdict = build_record::verdict(run, &build).await?;
    run.info(format!("test record of {build}: {}", describe(&verdict)));
    if let Some(decision) = decide {
        run.with_the_end(Operation::Decide {
            which,
            build: build.clone(),
            accept: decision.accept,
            reason: decision.reason.clone(),
            by: run.ctx.actor.clone(),
            at: run.ctx.clock.now(),
        });
    }
    let stored = || {
        let last = run.state.decision_about(which, &build)?;
        Some(BuildDecision { accept: last.accept, reason: last.reason })
    };
    let decision = decide.cloned().or_else(stored);
    Ok(match conclude(which, &build, verdict, decision) {
        Outcome::Passed { summary } => passed(run, which, summary),
        Outcome::Failed { reason } => {
            run.with_the_end(Operation::AddIssue(AddIssue {
                text: reason.to_string(),
                blocker: true,
                related: vec![run.task],
                source: Some(source(which)),
                at: run.ctx.clock.now(),
            }));
            Outcome::Failed { reason }
        }
        open @ (Outcome::Waiting { .. } | Outcome::Blocked { .. } | Outcome::Unchanged { .. }) => open,
    })
}

/// The build that a person decides about, and what its record says now.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    which: Which,
    decision: &BuildDecision,
) -> Result<Preview, TaskError> {
    let state = state_file::of(ctx, release).await?;
    let run = Run::observe(ctx, release, state)?;
    let Some(build) = build_record::build_of(&run, which).await? else {
        return Ok(Preview::Pointless {
            why: "build data names no candidate build".to_owned(),
            next: "there is nothing to decide; go on without decide",
        });
    };
    let record = describe(&build_record::verdict(&run, &build).await?);
    let BuildDecision { accept, reason } = decision.clone();
    Ok(Preview::Changes(PreviewedChange::DecidedBuild { which, build, record, accept, reason }))
}

/// What follows from the record and a person's word. A good record needs no word; a word settles all others.
fn conclude(which: Which, build: &str, verdict: RecordVerdict, decision: Option<BuildDecision>) -> Outcome {
    let found = describe(&verdict);
    match (verdict, decision) {
        (RecordVerdict::Accepted { summary, .. }, _) => Outcome::Passed { summary: format!("{build}: {summary}") },
        (_, Some(BuildDecision { accept: true, reason })) => {
            Outcome::Passed { summary: format!("{build} is waived ({found}): {reason}") }
        }
        (_, Some(BuildDecision { accept: false, reason })) => {
            Outcome::Failed { reason: FailReason::BuildRejected { which, summary: format!("{found}; {reason}") } }
        }
        (RecordVerdict::Rejected { .. }, None) => {
            Outcome::Blocked { by: ClosedGate::Decision { which, summary: found } }
        }
        (RecordVerdict::Invalid { why }, None) => {
            Outcome::Blocked { by: ClosedGate::BadRecord { why: format!("test record of {build}: {why}") } }
        }
        (RecordVerdict::Missing | RecordVerdict::NotStarted | RecordVerdict::Aggregating { .. }, None) => {
            Outcome::Blocked { by: ClosedGate::TestRecord { which, state: found } }
        }
    }
}

fn describe(verdict: &RecordVerdict) -> String {
    match verdict {
        RecordVerdict::Missing => "there is no record yet".to_owned(),
        RecordVerdict::NotStarted => "tests are running".to_owned(),
        RecordVerdict::Aggregating { missing } if missing.is_empty() => "results are being counted".to_owned(),
        RecordVerdict::Aggregating { missing } => format!("no end of {}", missing.join(", ")),
        RecordVerdict::Accepted { summary, .. } => summary.clone(),
        RecordVerdict::Rejected { summary, failed, .. } if failed.is_empty() => summary.clone(),
        RecordVerdict::Rejected { summary, failed, .. } => format!("{summary}; failed: {}", failed.join(", ")),
        RecordVerdict::Invalid { why } => why.clone(),
    }
}

/// A build that passed closes what an earlier verdict had opened.
fn passed(run: &Run<'_>, which: Which, summary: String) -> Outcome {
    run.with_the_end(Operation::ResolveSource {
        source: source(which),
        resolution: summary.clone(),
        at: run.ctx.clock.now(),
    });
    Outcome::Passed { summary }
}

fn source(which: Which) -> String {
    format!("{}:rejected", which.task())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected() -> RecordVerdict {
        RecordVerdict::Rejected {
            summary: "5 of 6 jobs passed".into(),
            failed: vec!["upgrade".into()],
            most_passed: true,
        }
    }

    fn outcome(verdict: RecordVerdict, accept: Option<bool>) -> Outcome {
        let decision = accept.map(|accept| BuildDecision { accept, reason: "known flake".into() });
        conclude(Which::Promoted, "4.20.1", verdict, decision)
    }

    #[test]
    fn a_rejected_build_asks_a_person_and_names_the_failed_jobs() {
        let summary = "5 of 6 jobs passed; failed: upgrade".to_owned();
        let asked = ClosedGate::Decision { which: Which::Promoted, summary };
        assert_eq!(outcome(rejected(), None), Outcome::Blocked { by: asked });
    }

    #[test]
    fn a_persons_decision_settles_a_rejected_build() {
        let waived = "4.20.1 is waived (5 of 6 jobs passed; failed: upgrade): known flake".to_owned();
        assert_eq!(outcome(rejected(), Some(true)), Outcome::Passed { summary: waived });
        assert!(matches!(outcome(rejected(), Some(false)), Outcome::Failed { .. }));
    }

    #[test]
    fn a_record_that_is_not_complete_is_waited_for_and_never_a_failure() {
        for verdict in [
            RecordVerdict::Missing,
            RecordVerdict::NotStarted,
            RecordVerdict::Aggregating { missing: vec!["e2e".into()] },
        ] {
            let Outcome::Blocked { by } = outcome(verdict, None) else { panic!("it is a wait") };
            assert_eq!(by.opened_by(), crate::domain::closed_gate::OpenedBy::Time, "{by}");
        }
    }

    #[test]
    fn a_good_record_passes_whatever_was_said_before() {
        let good = RecordVerdict::Accepted { summary: "6 of 6 jobs passed".into(), jobs: 6 };
        assert_eq!(outcome(good, Some(false)), Outcome::Passed { summary: "4.20.1: 6 of 6 jobs passed".into() });
    }

    #[test]
    fn a_record_that_contradicts_itself_needs_a_person() {
        let bad = outcome(RecordVerdict::Invalid { why: "names 4.20.17".into() }, None);
        assert!(matches!(bad, Outcome::Blocked { by: ClosedGate::BadRecord { .. } }));
    }
}
