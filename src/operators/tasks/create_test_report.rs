//! Creates the state file: exactly one, whoever starts at once.

use crate::core::context::Context;
use crate::core::notices::of_plan;
use crate::domain::assembly::BuildData;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Metadata;
use crate::domain::state::operation::Operation;
use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::error::TaskError;
use crate::operators::notify;
use crate::operators::report::TaskReport;

/// Creates the state file of `release` from build data; an existing one stays as it is.
///
/// # Errors
///
/// Build data does not list the release, or the state cannot be written.
pub(in crate::operators) async fn run(ctx: &Context, release: &ZStream) -> Result<TaskReport, TaskError> {
    let started_at = ctx.clock.now();
    let path = release.state_path();
    let report = |before, after, outcome: Outcome, warnings: Vec<String>, effects: Vec<String>| TaskReport {
        release: release.clone(),
        task: Task::CreateTestReport,
        before,
        after,
        outcome,
        warnings,
        effects,
        started_at,
        ended_at: ctx.clock.now(),
        log: marker(Task::CreateTestReport, after),
        comparisons: Vec::new(),
        advice: None,
        would: None,
        owed: None,
    };
    if ctx.statebox.load(release).await?.is_some() {
        let why = format!("the state file exists: {path}");
        return Ok(report(TaskStatus::Pass, TaskStatus::Pass, Outcome::Unchanged { why }, Vec::new(), Vec::new()));
    }
    let text = ctx.build_data().releases(release.minor()).await?;
    let assembly = BuildData::parse(&text)?.resolve(release)?;
    let metadata = Metadata {
        jira_ticket: assembly.jira_ticket.clone(),
        advisory_ids: assembly
            .advisories
            .iter()
            .map(|(impetus, id)| (impetus.clone(), i64::try_from(id.get()).unwrap_or(i64::MAX)))
            .collect(),
        release_date: assembly.release_date.clone(),
        candidate_builds: assembly.candidate_builds.clone(),
        shipment_mr: assembly.shipment_mr.clone(),
        decisions: Vec::new(),
    };
    let mut warnings: Vec<String> = assembly.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(assembly.not_ready.iter().map(|missing| format!("build data: {} {}", missing.entry, missing.why)));
    if let Some(other) = assembly.inherited_whole_from() {
        warnings.push(format!(
            "everything that build data says of {release} comes from {other}; ask ART to fill in what is its own"
        ));
    }
    if ctx.options.dry_run {
        let would = format!("it would create {path}");
        let open = TaskStatus::NotStarted;
        let outcome = Outcome::Unchanged { why: format!("dry run: {would}") };
        return Ok(TaskReport { would: Some(would), ..report(open, open, outcome, warnings, Vec::new()) });
    }
    let message = format!("Initialize StateBox for release {release}");
    let post = of_plan::state_file_created(release);
    let mut operations = vec![Operation::Create { metadata }];
    operations
        .extend((!ctx.options.no_notify).then(|| Operation::NoticeDue { task: None, notice: post.due(started_at) }));
    let saved = ctx.statebox.apply(release, &operations, &message).await?;
    if saved.changed {
        // Whoever made the file is the only one who let the message be due.
        warnings.extend(notify::send_first(ctx, release, &post, started_at).await);
    }
    let (before, summary, effects) = if saved.changed {
        (TaskStatus::NotStarted, format!("created the state file {path}"), vec![format!("create {path}")])
    } else {
        (TaskStatus::Pass, format!("the state file exists: {path}"), Vec::new())
    };
    Ok(report(before, TaskStatus::Pass, Outcome::Passed { summary }, warnings, effects))
}
