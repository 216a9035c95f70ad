//! Verdicts about test records, for people and as a table.

use std::collections::BTreeMap;

use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::dates::stamp;
use crate::domain::evaluation::{Decision, JobVerdict};
use crate::domain::foreign;
use crate::operators::views::evaluated_files::{EvaluatedFile, EvaluatedRecord, FileOutcome, name_of};
use crate::render::styled::{Styled, Tone};
use crate::render::text::clean;

/// A few lines per file, and a last one that counts the verdicts of several.
pub fn text(files: &[EvaluatedFile], policies: &[AcceptancePolicy]) -> Styled {
    let mut text = Styled::default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let path = file.path.display();
        match &file.outcome {
            FileOutcome::Latest | FileOutcome::NoRecord { .. } => {}
            FileOutcome::Record(one) => {
                *counts.entry(decision(one, policies).name()).or_default() += 1;
                record(&mut text, &path.to_string(), one, policies);
            }
            FileOutcome::Damaged { .. } | FileOutcome::Unreadable { .. } => {
                *counts.entry(DAMAGED).or_default() += 1;
            }
        }
        if let Some(refusal) = refusal(file) {
            text.line(refusal);
        }
    }
    let files: usize = counts.values().sum();
    if files != 1 {
        let each: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        text.line(format!("{files} records: {}", each.join(", ")).trim_end_matches(": "));
    }
    text
}

/// What keeps a file from being judged, on one line.
pub fn refusal(file: &EvaluatedFile) -> Option<Styled> {
    let (verdict, why) = match &file.outcome {
        FileOutcome::Latest | FileOutcome::Record(_) => return None,
        FileOutcome::NoRecord { why } => (Styled::from("no test record, left out"), why),
        FileOutcome::Damaged { why } => (Styled::toned(Tone::Bad, DAMAGED), why),
        FileOutcome::Unreadable { why } => (Styled::toned(Tone::Bad, "cannot be read"), why),
    };
    Some(Styled::from(format!("{}: ", file.path.display())) + verdict + format!(": {why}"))
}

/// What stands in place of a decision.
const DAMAGED: &str = "DAMAGED";

/// The decision that comes first.
fn decision(record: &EvaluatedRecord, policies: &[AcceptancePolicy]) -> Decision {
    if policies.contains(&AcceptancePolicy::Strict) {
        record.evaluation.strict.decision
    } else {
        record.evaluation.compat.decision
    }
}

const fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Accepted => Tone::Good,
        Decision::Rejected => Tone::Bad,
        Decision::Incomplete | Decision::NoPolicy => Tone::Warning,
        Decision::InProgress => Tone::Pending,
    }
}

fn record(text: &mut Styled, path: &str, record: &EvaluatedRecord, policies: &[AcceptancePolicy]) {
    let evaluation = &record.evaluation;
    let is_strict = policies.contains(&AcceptancePolicy::Strict);
    let first = decision(record, policies);
    let mut head = Styled::from(format!("{path}: ")) + Styled::toned(tone(first), first.name());
    head = head + format!(", {}", evaluation.coverage);
    if is_strict && policies.contains(&AcceptancePolicy::Compat) {
        head = head + format!("; by the older rule {}", evaluation.compat.decision.name());
    }
    if evaluation.promoted {
        head = head + "; promoted by a person";
    }
    text.line(head);
    if record.by.is_none() {
        text.line("  there is no registry of its minor and architecture");
    }
    for job in evaluation.strict.jobs.iter().filter(|_| is_strict) {
        if matches!(job.verdict, JobVerdict::Passed | JobVerdict::Disabled) {
            continue;
        }
        let attempts = if job.attempts.is_empty() { "-" } else { &job.attempts };
        text.line(format!("  {:<15} {attempts:<5} {}: {}", job.verdict.name(), foreign::name(&job.name), job.reason));
    }
    if !is_strict {
        text.lines(evaluation.compat.not_passed.iter().map(|job| format!("  not passed: {}", foreign::name(job))));
    }
    if let Some(at) = evaluation.strict.decided_at.filter(|_| is_strict) {
        text.line(format!("  decided: {}", stamp(at)));
    }
    text.lines(evaluation.contradictions.iter().map(|odd| Styled::toned(Tone::Warning, "  odd: ") + odd.to_string()));
}

/// One column of the table: its name and what stands in it.
type Column = (&'static str, fn(&EvaluatedRecord) -> String);

/// The columns behind the file.
const COLUMNS: [Column; 16] = [
    ("registry_at", |one| one.by.as_ref().and_then(|by| by.stamp.clone()).unwrap_or_else(|| NOTHING.to_owned())),
    ("total", |one| one.evaluation.compat.metrics.total.to_string()),
    ("completed", |one| one.evaluation.compat.metrics.completed.to_string()),
    ("pending", |one| one.evaluation.compat.metrics.pending.to_string()),
    ("success", |one| one.evaluation.compat.metrics.success.to_string()),
    ("failed", |one| one.evaluation.compat.metrics.failed.to_string()),
    ("required", |one| one.evaluation.compat.metrics.required.to_string()),
    ("successful_required", |one| one.evaluation.compat.metrics.successful_required.to_string()),
    ("qe_accepted", |one| one.evaluation.compat.metrics.is_accepted().to_string()),
    ("all_completed", |one| one.evaluation.compat.metrics.all_completed().to_string()),
    ("recorded_aggregated", |one| flag(one.recorded.aggregated)),
    ("recorded_accepted", |one| flag(one.recorded.accepted)),
    ("recorded_manual_promotion", |one| flag(one.recorded.manual_promotion)),
    ("compat_retry_now", |one| one.evaluation.compat.retry_now.len().to_string()),
    (DECISION, |one| one.evaluation.strict.decision.name().to_owned()),
    ("strict_job_verdicts", verdicts),
];

const DECISION: &str = "strict_decision";

/// What stands where there is nothing.
const NOTHING: &str = "-";

fn flag(recorded: Option<bool>) -> String {
    recorded.map_or_else(|| NOTHING.to_owned(), |set| set.to_string())
}

/// How many required jobs have which verdict.
fn verdicts(record: &EvaluatedRecord) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for job in record.evaluation.strict.jobs.iter().filter(|job| job.required) {
        *counts.entry(job.verdict.name()).or_default() += 1;
    }
    let each: Vec<String> = counts.iter().map(|(verdict, count)| format!("{verdict}={count}")).collect();
    if each.is_empty() { NOTHING.to_owned() } else { each.join(",") }
}

/// A table with one row per file, separated by tabs; a damaged one has nothing but its name and that it is damaged.
pub fn tsv(files: &[EvaluatedFile]) -> String {
    let mut text = std::iter::once("file").chain(COLUMNS.iter().map(|(name, _)| *name)).collect::<Vec<_>>().join("\t");
    text.push('\n');
    for file in files {
        let cells: Vec<String> = match &file.outcome {
            FileOutcome::Latest | FileOutcome::NoRecord { .. } => continue,
            FileOutcome::Record(record) => COLUMNS.iter().map(|(_, cell)| cell(record)).collect(),
            FileOutcome::Damaged { .. } | FileOutcome::Unreadable { .. } => {
                let cell = |name: &str| if name == DECISION { DAMAGED } else { NOTHING };
                COLUMNS.iter().map(|(name, _)| cell(name).to_owned()).collect()
            }
        };
        let name = clean(&name_of(&file.path)).replace(['\t', '\n'], " ");
        text.push_str(&format!("{name}\t{}\n", cells.join("\t")));
    }
    text
}
