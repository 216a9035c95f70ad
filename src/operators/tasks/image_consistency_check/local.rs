//! The comparison in this process, where a job is not wanted or not to be had.

use super::{RECHECK, health_of, unready};
use crate::domain::consistency::{Consistency, ConsistencyReport, overall};
use crate::domain::evidence::About;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::pull_spec::PullSpec;
use crate::domain::task::TaskStatus;
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{consistency, image_health, shipment};

/// Findings that stand in the stored log; the report holds all of them.
const MOST_FINDINGS: usize = 40;

/// Compares once payload and stage release are there; a good comparison is followed by a look at image health.
///
/// A job that runs elsewhere is left alone: whoever ends first is recorded.
///
/// # Errors
///
/// Our inability to find out.
pub(in crate::operators) async fn run_here(run: &Run<'_>, arches: &[String]) -> Result<Outcome, TaskError> {
    if run.state.status(run.task) == TaskStatus::Pass {
        return Ok(Outcome::Unchanged { why: "the image consistency check has passed".to_owned() });
    }
    if let Some(by) = unready(run).await? {
        return Ok(Outcome::Blocked { by });
    }
    let shipment = shipment::open(run).await?;
    let default = ["amd64".to_owned()];
    let arches = if arches.is_empty() { &default } else { arches };
    let mut reports = Vec::new();
    for arch in arches {
        let payload = run.release.payload(&run.ctx.settings.payload_repository, payload_arch(arch));
        let payload: PullSpec = payload.parse().map_err(|bad| TaskError::Refused {
            why: format!("{bad}"),
            next: "correct the payload repository in the settings (OAR_PAYLOAD_REPOSITORY)".to_owned(),
        })?;
        run.info(format!("comparing the images of {payload} with {}", shipment.mr.web_url));
        let report = consistency::compare(run.ctx, &payload, &shipment, arch).await?;
        about_this_release(run, &report)?;
        run.info(format!("{arch}: {}", report.summary()));
        tell_findings(run, &report);
        reports.push(report);
    }
    run.show(&reports);
    judge(run, &reports).await
}

async fn judge(run: &Run<'_>, reports: &[ConsistencyReport]) -> Result<Outcome, TaskError> {
    let all = || reports.iter().flat_map(|report| &report.images);
    let checked = all().count();
    let of = |verdict: &'static str| all().filter(move |one| one.verdict.as_str() == verdict);
    Ok(match overall(reports) {
        Consistency::Inconsistent => {
            let missing = of("missing").map(|one| one.image.name.clone()).collect();
            Outcome::Failed { reason: FailReason::InconsistentImages { missing, checked } }
        }
        Consistency::Unknown => {
            let why = format!("{} of {checked} images could not be looked up", of("unknown").count());
            Outcome::Waiting { on: WaitingOn::ImageFacts { why }, job: None, recheck: RECHECK }
        }
        Consistency::Consistent => health_of(image_health::check(run).await?, None),
    })
}

/// The shipment that build data names may be another release's.
fn about_this_release(run: &Run<'_>, report: &ConsistencyReport) -> Result<(), TaskError> {
    if About::Release(&report.release).counts_for(run.release) {
        return Ok(());
    }
    Err(TaskError::Refused {
        why: format!("{} ships {}, not {}", report.shipment, report.release, run.release),
        next: "ask ART to correct the shipment address in build data".to_owned(),
    })
}

fn tell_findings(run: &Run<'_>, report: &ConsistencyReport) {
    let findings = report.findings();
    for finding in findings.iter().take(MOST_FINDINGS) {
        run.info(finding);
    }
    if findings.len() > MOST_FINDINGS {
        run.info(format!("and {} more", findings.len() - MOST_FINDINGS));
    }
    for warning in &report.warnings {
        run.warn(warning);
    }
}

/// Payload tags spell two architectures in their own way.
fn payload_arch(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}
