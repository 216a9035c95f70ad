//! Moves the records of nightlies that the release controller has forgotten into the archive: the copy is written before the
//! record is removed, it never takes the place of the copy of an earlier record, and a record with an open run stays.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use crate::core::context::Context;
use crate::core::statebox::record_files::RecordFiles;
use crate::domain::build::Stream;
use crate::domain::build_stream::BuildStream;
use crate::domain::dates::stamp;
use crate::domain::gone_builds::{Missed, is_copy, may_go};
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::additions::{Event, EventKind};
use crate::domain::result_file::change::ResultChange;
use crate::domain::result_file::name::ResultName;
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files;
use crate::operators::jobs::job_writer::JobWriter;
use crate::operators::jobs::trigger::whole;

/// Where archived records are.
const ARCHIVE: &str = "_releases/archive";

/// What this machine remembers of builds that did not show, by the path of their record.
const MEMORY: &str = "gone-builds.json";

/// Looks which nightlies the release controller still names, and archives what is gone for good. What it did and what it
/// could not do, one note each.
pub async fn archive_gone(writer: &JobWriter<'_>, records: &[&ResultName]) -> Vec<String> {
    let (ctx, mut notes) = (writer.ctx, Vec::new());
    let now = ctx.clock.now();
    let mut memory = read(&ctx.home);
    let mut gone = Vec::new();
    for (of, is_named) in looked_up(ctx, records, &mut notes).await {
        let path = of.path();
        if is_named {
            memory.remove(&path);
            continue;
        }
        let missed = Missed::once_more(memory.get(&path).copied(), now);
        memory.insert(path, missed);
        if missed.is_gone() {
            gone.push(of);
        }
    }
    let known: BTreeSet<String> = records.iter().map(|of| of.path()).collect();
    memory.retain(|path, _| known.contains(path));
    keep(&ctx.home, &memory);
    let most = may_go(gone.len(), records.len());
    if most == 0 && !gone.is_empty() {
        notes.push(format!(
            "{} of {} records are of builds that are gone: that many at once look like an outage, and none is archived",
            gone.len(),
            records.len()
        ));
    }
    for of in gone.into_iter().take(most) {
        match archived(writer, of).await {
            Ok(Some(note)) => notes.push(note),
            Ok(None) => {}
            Err(error) => notes.push(format!("{} could not be archived: {error}", of.path())),
        }
    }
    notes
}

/// Nightlies of streams whose builds could be listed, and whether their build is listed.
async fn looked_up<'r>(
    ctx: &Context,
    records: &[&'r ResultName],
    notes: &mut Vec<String>,
) -> Vec<(&'r ResultName, bool)> {
    let mut streams: BTreeMap<BuildStream, Vec<&ResultName>> = BTreeMap::new();
    for of in records {
        let stream = BuildStream::of(&of.build, of.arch).filter(|stream| stream.stream == Stream::Nightly);
        if let Some(stream) = stream {
            streams.entry(stream).or_default().push(*of);
        }
    }
    let mut found = Vec::new();
    for (stream, records) in streams {
        match ctx.release_controller_of(stream.arch).builds(&stream).await {
            // A stream without any build says nothing of those that were in it.
            Ok(Some(builds)) if !builds.is_empty() => {
                let names: BTreeSet<&str> = builds.iter().map(|build| build.name.as_str()).collect();
                found.extend(records.into_iter().map(|of| (of, names.contains(of.build.as_str()))));
            }
            Ok(_) => {}
            Err(error) => notes.push(format!("which builds of {stream} are gone is not known: {error}")),
        }
    }
    found
}

/// Archives one record; nothing when it has to stay.
async fn archived(writer: &JobWriter<'_>, of: &ResultName) -> Result<Option<String>, TaskError> {
    let path = of.path();
    if closed(of, writer.files.newest(&path).await?)?.is_none() {
        return Ok(None);
    }
    if writer.powers.shadow {
        return Ok(Some(format!("{path} would be archived: its build is gone")));
    }
    if let Some(at) = writer.last_writer(&path).await?.at_work {
        return Ok(Some(format!("{path} is left alone: another program wrote it at {}", stamp(at))));
    }
    let held = writer.hold().await?;
    // Whoever held the lease until now may have changed it, or archived it.
    let Some((text, mut file)) = closed(of, held.files.newest(&path).await?)? else { return Ok(None) };
    let place = place_for(&held.files, &path, &file).await?;
    let event = Event {
        at: whole(writer.ctx.clock.now()),
        actor: writer.actor(),
        kind: EventKind::DeletedUpstream,
        detail: "the release controller does not name the build any more".to_owned(),
    };
    file.apply(&ResultChange::Note(event)).map_err(|refused| TaskError::Internal { assumed: refused.to_string() })?;
    let copy = file.to_text();
    let message = format!("Archive {}", of.build);
    held.files.change(&place, &message, |_| Ok::<_, TaskError>(Some(copy.clone()))).await?;
    let removed = held.files.remove(&path, &text, &format!("Remove archived record of {}", of.build)).await?;
    Ok(Some(match removed {
        true => format!("{path} is archived: its build is gone"),
        false => format!("{path} was changed meanwhile, and stays"),
    }))
}

/// The record, when there is one and none of its runs is open or may have been started.
fn closed(of: &ResultName, text: Option<String>) -> Result<Option<(String, ResultFile)>, TaskError> {
    let Some(text) = text else { return Ok(None) };
    let file = job_files::read(of, &text)?;
    let jobs = file.jobs();
    let is_open = jobs.iter().flat_map(|item| item.runs()).any(|run| run.id.is_some() && !run.is_finished());
    Ok((!is_open && file.announced().is_empty()).then_some((text, file)))
}

/// Where the copy goes: over one of the same record, which was not removed then, and beside those of earlier records of
/// the build.
async fn place_for(files: &RecordFiles, path: &str, file: &ResultFile) -> Result<String, TaskError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".json").unwrap_or(name);
    let mut place = format!("{ARCHIVE}/{name}.json");
    let mut nth = 1;
    while let Some(text) = files.newest(&place).await? {
        if ResultFile::read(&text).is_ok_and(|copy| is_copy(&copy, file)) {
            break;
        }
        nth += 1;
        place = format!("{ARCHIVE}/{name}.{nth}.json");
    }
    Ok(place)
}

/// A file that cannot be read is none: looks are counted anew.
fn read(home: &Path) -> BTreeMap<String, Missed> {
    let known = std::fs::read(home.join(MEMORY)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    known.unwrap_or_default()
}

/// A folder that cannot be written makes a record stay longer.
fn keep(home: &Path, memory: &BTreeMap<String, Missed>) {
    if memory.is_empty() && !home.join(MEMORY).exists() {
        return;
    }
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(home)?;
        file.write_all(&serde_json::to_vec(memory)?)?;
        file.persist(home.join(MEMORY)).map_err(|error| error.error)?;
        Ok::<_, std::io::Error>(())
    };
    if let Err(error) = write() {
        tracing::debug!(%error, "builds that do not show cannot be remembered");
    }
}
