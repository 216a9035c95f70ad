//! Single test jobs, for people.

use crate::operators::error::TaskError;
use crate::operators::jobs::ci_tests::DefinedTests;
use crate::operators::jobs::prow_run::{RunEnding, ShownRun};
use crate::operators::jobs::run_job::{PreviewedJob, RequiredJob, StartedJob};
use crate::render::documents::job::JobRunDocument;
use crate::render::preview::of_starts;
use crate::render::styled::{Styled, Tone};

/// What a dry run would have started.
pub fn previewed(jobs: &[PreviewedJob]) -> Styled {
    let mut text = Styled::default();
    of_starts(jobs).iter().for_each(|one| text.line(format!("dry run: it would {one}")));
    text
}

/// A job that was started. The line with its id is the one that programs have always looked for.
pub fn started(started: &StartedJob) -> Styled {
    let mut text = Styled::default();
    let job = &started.order.job;
    let Some(id) = &started.id else {
        text.line(format!("{job} is taken for started, as you say; nothing was started now"));
        return text;
    };
    let verb = if started.is_new { "started" } else { "was started before:" };
    text.line(format!("{job} {verb} as run {}", started.run));
    started.order.variables.iter().for_each(|(name, value)| text.line(format!("  {name}={value}")));
    text.line(format!("Returned job id: {id}"));
    text.line(match &started.page {
        Some(page) => format!("page: {page}"),
        None => format!("its page does not show yet: job get-results {id}"),
    });
    text
}

/// What came of several jobs.
pub fn required(jobs: &[RequiredJob]) -> Styled {
    let mut text = Styled::default();
    for RequiredJob { order, result } in jobs {
        match result {
            Some(Ok(StartedJob { id, is_new, .. })) => {
                let id = id.as_ref().map(ToString::to_string).unwrap_or_default();
                text.line(format!("{} {id} {}", if *is_new { "started" } else { "found" }, order.job));
            }
            Some(Err(error)) => trouble(&mut text, order.job.as_str(), error),
            None => text.line(Styled::toned(Tone::Warning, "not tried ") + order.job.to_string()),
        }
    }
    text
}

fn trouble(text: &mut Styled, job: &str, error: &TaskError) {
    text.line(Styled::toned(Tone::Bad, "not started ") + format!("{job}: {error}"));
    text.line(format!("  next: {}", error.next_step()));
}

/// How a run goes.
pub fn run(run: &ShownRun) -> Styled {
    let tone = match run.ending {
        RunEnding::Passed => Tone::Good,
        RunEnding::Failed => Tone::Bad,
        RunEnding::Open => Tone::Pending,
    };
    let JobRunDocument { name, payload, from, to, started, id, url, completed, .. } = JobRunDocument::from(run);
    let mut text = Styled::default();
    text.line(Styled::from("jobState: ") + Styled::toned(tone, run.state.clone()));
    for (key, value) in [
        ("jobName", Some(name)),
        ("payload", payload),
        ("upgrade_from", from),
        ("upgrade_to", to),
        ("jobStartTime", started),
        ("jobID", Some(id)),
        ("jobURL", url),
        ("jobCompletionTime", completed),
    ] {
        if let Some(value) = value {
            text.line(format!("{key}: {value}"));
        }
    }
    text
}

/// Tests that are defined.
pub fn defined(files: &[DefinedTests]) -> Styled {
    let mut text = Styled::default();
    for DefinedTests { file, tests } in files {
        text.line(file.clone());
        match tests {
            Ok(tests) => {
                for test in tests {
                    let job = test.job.as_ref().map(|job| format!("  {job}")).unwrap_or_default();
                    text.line(format!("  {}{job}", test.name));
                }
            }
            Err(why) => text.line(Styled::toned(Tone::Bad, "  cannot be read: ") + why.clone()),
        }
    }
    text
}
