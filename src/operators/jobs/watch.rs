//! Watches one stream: the newest build is planned with all its jobs before any of them is triggered, planned runs of
//! earlier builds are triggered too, and the stream is moved on last.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::core::clients::release_controller::Phase;
use crate::core::clients::release_controller::builds::ReleasedBuild;
use crate::core::statebox::record_files::FOREIGN_FOR;
use crate::domain::build::Stream;
use crate::domain::build_stream::{BuildStream, StreamMove};
use crate::domain::dates::stamp;
use crate::domain::foreign::quoted;
use crate::domain::job_registry::RegistryJob;
use crate::domain::job_starts::{first_runs, needs_stable, plan};
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::additions::{Event, EventKind, StoredPolicy};
use crate::domain::result_file::change::ResultChange;
use crate::domain::result_file::name::{ResultName, check_latest};
use crate::domain::result_file::starts::JobStart;
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files::{self, JobFiles};
use crate::operators::jobs::job_writer::{JobWriter, LastWriter, message};
use crate::operators::jobs::report::{BuildReport, StreamReport, UntriggeredRun};
use crate::operators::jobs::trigger::{BuildToTest, together, trigger, trigger_in_turn, whole};

/// A plan that is open for longer than this is said.
const LONG: SignedDuration = SignedDuration::from_hours(2);

/// Looks at the stream once, and triggers what is planned.
///
/// # Errors
///
/// The stream cannot be looked at, or its registry cannot be used. What came of single builds stands in the report.
pub async fn watch(
    writer: &JobWriter<'_>,
    job_files: &JobFiles,
    stream: BuildStream,
) -> Result<StreamReport, TaskError> {
    let mut report = StreamReport { stream, newest: None, builds: Vec::new(), is_stuck: false, notes: Vec::new() };
    let (digest, section) = job_files.section(&stream)?;
    // What is planned does not wait for a release controller that is away.
    for of in job_files.of_stream(&stream) {
        match job_files.open(writer, of).await {
            Ok(Some(record)) if !first_runs(&record.file).is_empty() => {
                report.builds.push(resumed(writer, of, record.file, section).await);
            }
            Ok(_) => {}
            Err(error) => {
                report.is_stuck = true;
                report.notes.push(format!("{error}; next: {}", error.next_step()));
            }
        }
    }
    let controller = writer.ctx.release_controller_of(stream.arch);
    let Some(build) = controller.newest_build(&stream).await? else {
        report.notes.push("the release controller has no accepted build of it".to_owned());
        return Ok(report);
    };
    let path = stream.latest_path();
    let now = writer.ctx.clock.now();
    if BuildStream::is_of_the_future(&build.name, now) {
        report.is_stuck = true;
        report.notes.push(format!(
            "ignored {}: it is named after a time that has not come; ask whoever runs the release controller",
            quoted(&build.name)
        ));
        return Ok(report);
    }
    let current = current_build(writer.files.newest(&path).await?.as_deref(), now);
    let found = stream.compare(&build.name, current.as_deref());
    report.newest = Some((build.name.clone(), found));
    let since = current.as_deref().unwrap_or("nothing");
    match found {
        StreamMove::Same => {
            let of = ResultName { build: build.name.clone(), arch: stream.arch };
            let is_tested = section.iter().any(|job| !job.disabled);
            let is_listed = job_files.of_stream(&stream).contains(&&of);
            // Somebody may have made it since the list was read.
            if is_tested && !is_listed && writer.files.newest(&of.path()).await?.is_none() {
                report.is_stuck = true;
                report.notes.push(format!(
                    "{} has no record, though the stream is at it: jobctl trigger-jobs-for-build --build {} --arch {}",
                    of.build,
                    of.build,
                    of.arch.name()
                ));
            }
            return Ok(report);
        }
        StreamMove::Foreign => {
            report.notes.push(format!("ignored {}: it is no build of this stream", quoted(&build.name)));
            return Ok(report);
        }
        StreamMove::Older => {
            report.notes.push(format!("ignored {}: the stream was at {since} already", build.name));
            return Ok(report);
        }
        StreamMove::Newer if build.phase != Phase::Accepted => {
            report.notes.push(format!("{} is {}: it is not tested", build.name, build.phase));
            return Ok(report);
        }
        StreamMove::Newer => {}
    }
    let of = ResultName { build: build.name.clone(), arch: stream.arch };
    if section.iter().any(|job| !job.disabled) && !report.builds.iter().any(|known| known.of == of) {
        report.builds.push(begin(writer, &of, &build, digest, section, &stream).await?);
    }
    if !writer.powers.shadow {
        move_on(writer, &stream, &build).await?;
    }
    Ok(report)
}

/// Triggers what is planned for a build that has a record.
pub(super) async fn resumed(
    writer: &JobWriter<'_>,
    of: &ResultName,
    file: ResultFile,
    section: &[RegistryJob],
) -> BuildReport {
    let mut report = BuildReport::new(of);
    let starts = first_runs(&file);
    report.planned = file.plan().len();
    if !starts.is_empty()
        && let Some(since) = planned_since(&file)
        && writer.ctx.clock.now().duration_since(since) > LONG
    {
        report.notes.push(format!("{} of its runs are planned since {}", starts.len(), stamp(since)));
    }
    let Some(pull_spec) = pull_spec_of(&file) else {
        report.notes.push("the record does not say where the build can be pulled: nothing is triggered".to_owned());
        return report;
    };
    if writer.powers.shadow {
        return report;
    }
    let last = match writer.last_writer(&of.path()).await {
        Ok(LastWriter { at_work: Some(at), .. }) => {
            let until = at.checked_add(FOREIGN_FOR).unwrap_or(at);
            let why = format!("left alone until {}: another program wrote its record", stamp(until));
            report.notes.push(format!("{why} at {} (--take-over goes on at once)", stamp(at)));
            let waits = |start: &JobStart| UntriggeredRun {
                job: start.job.clone(),
                why: why.clone(),
                look_again: Some(until),
                comes_by_itself: true,
            };
            report.triggered.open = starts.iter().map(waits).collect();
            return report;
        }
        Ok(last) => last,
        Err(error) => {
            report.triggered.stopped = Some(Box::new(error));
            return report;
        }
    };
    let policy = file.policy();
    let jobs = policy.as_ref().map_or(section, |policy| &policy.jobs);
    let looks_first = last.is_somebody_else;
    let build = BuildToTest { of, pull_spec: &pull_spec, jobs, file, announced: Vec::new(), looks_first };
    report.triggered = trigger(writer, build, &starts).await;
    report
}

/// Makes the record of a build, with its plan and the announcement of its first run, and triggers it. A record that is
/// there already is gone on with.
pub(super) async fn begin(
    writer: &JobWriter<'_>,
    of: &ResultName,
    build: &ReleasedBuild,
    digest: &str,
    section: &[RegistryJob],
    stream: &BuildStream,
) -> Result<BuildReport, TaskError> {
    let mut report = BuildReport::new(of);
    let stable = stable_of(writer, section, stream).await?;
    let plan = plan(section, stream.minor, stream.stream, stable.as_deref());
    report.planned = plan.len();
    let Some(pull_spec) = build.pull_spec.as_deref() else {
        report
            .notes
            .push("the release controller does not say where it can be pulled: nothing is triggered".to_owned());
        return Ok(report);
    };
    if writer.powers.shadow {
        return Ok(report);
    }
    // What is announced is asked for at once.
    let _turn = writer.turn().await;
    let held = writer.hold().await?;
    let looks_first = writer.last_writer(&of.path()).await?.existed;
    let now = whole(writer.ctx.clock.now());
    let event =
        Event { at: now, actor: writer.actor(), kind: EventKind::Created, detail: format!("{} jobs", plan.len()) };
    let policy = StoredPolicy { digest: digest.to_owned(), jobs: section.to_vec() };
    let fresh = ResultFile::begin(&build.object, &policy, &plan, &event);
    let starts = first_runs(&fresh);
    let announced = together(&starts, &held.us, now);
    let mut fresh = fresh;
    for (start, announced) in announced.clone() {
        let announce = ResultChange::Announce { start, announced, over: None };
        fresh.apply(&announce).map_err(|refused| TaskError::Internal { assumed: refused.to_string() })?;
    }
    let text = fresh.to_text();
    let (path, message) = (of.path(), format!("{} of {}", message::PLAN, of.build));
    let begun = held.files.change(&path, &message, |stored| {
        // Whoever was faster made a plan, too; an older program made none, and its record is completed by a person.
        Ok::<_, TaskError>(stored.is_none().then(|| text.clone()))
    });
    let begun = begun.await?;
    let file = job_files::read(of, &begun.text)?;
    let starts = first_runs(&file);
    if file.plan().is_empty() && !plan.is_empty() {
        let build = &of.build;
        report.notes.push(format!(
            "another program made its record; to complete it: jobctl trigger-jobs-for-build --build {build}"
        ));
    }
    let ours = announced.into_iter().map(|(_, announced)| announced);
    let announced = ours.filter(|ours| file.announced_start(&ours.key).as_ref() == Some(ours)).collect();
    let jobs = file.policy().map_or_else(|| section.to_vec(), |policy| policy.jobs);
    let build = BuildToTest { of, pull_spec, jobs: &jobs, file, announced, looks_first };
    report.triggered = trigger_in_turn(writer, build, &starts).await;
    Ok(report)
}

/// Where the newest stable build of the same minor can be pulled, when a job starts from it.
pub(super) async fn stable_of(
    writer: &JobWriter<'_>,
    section: &[RegistryJob],
    stream: &BuildStream,
) -> Result<Option<String>, TaskError> {
    if !needs_stable(section, stream.minor, stream.stream) {
        return Ok(None);
    }
    let stable = BuildStream { stream: Stream::Stable, ..*stream };
    let stored = writer.files.newest(&stable.latest_path()).await?;
    let stored = stored.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let named = stored.as_ref().and_then(|build| build.get("name")?.as_str());
    let spec = stored.as_ref().and_then(|build| build.get("pullSpec")?.as_str());
    if let (Some(_), Some(spec)) = (named.filter(|name| stable.holds(name)), spec.filter(|spec| !spec.is_empty())) {
        return Ok(Some(spec.to_owned()));
    }
    let found = writer.ctx.release_controller_of(stream.arch).newest_build(&stable).await?;
    let found = found.filter(|build| stable.holds(&build.name));
    let spec = found.and_then(|build| build.pull_spec);
    spec.map(Some).ok_or_else(|| TaskError::Refused {
        why: format!("a job upgrades from the stable build of {}, and there is none", stream.minor),
        next: "wait for the first build of the stable stream, or disable the job in the registry".to_owned(),
    })
}

/// Stores which build the stream is at, unless it is further by now.
async fn move_on(writer: &JobWriter<'_>, stream: &BuildStream, build: &ReleasedBuild) -> Result<(), TaskError> {
    let held = writer.hold().await?;
    let now = writer.ctx.clock.now();
    let (path, message) = (stream.latest_path(), format!("Move {stream} to {}", build.name));
    let moved = held.files.change(&path, &message, |stored| {
        let current = current_build(stored, now);
        let newer = stream.compare(&build.name, current.as_deref()) == StreamMove::Newer;
        Ok::<_, TaskError>(newer.then(|| build.text.clone()))
    });
    moved.await.map(drop)
}

/// The build that a stream is at; nothing for a file that cannot be read or that is ahead of its time: it is replaced.
fn current_build(text: Option<&str>, now: Timestamp) -> Option<String> {
    let text = text.filter(|text| check_latest(text).is_ok())?;
    let file: Value = serde_json::from_str(text).ok()?;
    let name = file.get("name")?.as_str()?;
    (!BuildStream::is_of_the_future(name, now)).then(|| name.to_owned())
}

/// When the plan was made.
fn planned_since(file: &ResultFile) -> Option<jiff::Timestamp> {
    let created = file.events().into_iter().find(|event| event.kind == EventKind::Created.name())?;
    created.at.parse().ok()
}

/// Where the build of a record can be pulled.
pub(super) fn pull_spec_of(file: &ResultFile) -> Option<String> {
    file.pull_spec().filter(|spec| !spec.is_empty())
}
