//! Jobs that are known: the one that a name means, and whether a run is of a job and builds that everybody knows, so that
//! agents may start it as they like.

use crate::core::context::Context;
use crate::domain::build::Arch;
use crate::domain::build_stream::BuildStream;
use crate::domain::foreign::quoted;
use crate::domain::ids::JobName;
use crate::domain::job_images::{Images, arch_of};
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files::JobFiles;

/// So many candidates are named.
const MOST_CANDIDATES: usize = 12;

/// The job of that name. A name is never completed: the job that comes out of it may be another one tomorrow.
///
/// # Errors
///
/// It is no full name; the error names the jobs of the registries whose names contain it.
pub async fn exact(ctx: &Context, text: &str) -> Result<JobName, TaskError> {
    if let Some(job) = text.parse::<JobName>().ok().filter(JobName::is_periodic) {
        return Ok(job);
    }
    let why = format!("{} is not the full name of a periodic job", quoted(text));
    let next = match JobFiles::read(ctx).await {
        Ok(job_files) => {
            let found: Vec<&str> = job_files.jobs().into_iter().filter(|job| job.contains(text)).collect();
            let more = found.len().saturating_sub(MOST_CANDIDATES);
            let shown = found.iter().take(MOST_CANDIDATES).map(|job| format!("\n{job}")).collect::<String>();
            match (found.is_empty(), more) {
                (true, _) => {
                    "give the full name (periodic-ci-…); no registry has a job with that in its name".to_owned()
                }
                (false, 0) => format!("give the full name; those with it are:{shown}"),
                (false, more) => format!("give the full name; those with it are:{shown}\nand {more} more"),
            }
        }
        // The name stays wrong, whatever else is.
        Err(error) => format!("give the full name (periodic-ci-…); the registries cannot be read now: {error}"),
    };
    Err(TaskError::Refused { why, next })
}

/// Why a run is none of a registry job with builds that the release controller names; nothing when it is one.
///
/// # Errors
///
/// Registries or release controller do not answer.
pub async fn unknown(ctx: &Context, job: &JobName, images: &Images) -> Result<Option<String>, TaskError> {
    let job_files = JobFiles::read(ctx).await?;
    let streams = job_files.streams_of(job.as_str());
    if streams.is_empty() {
        return Ok(Some(format!("no registry has the job {job}")));
    }
    for spec in images.specs() {
        if !is_of_a_build(ctx, spec, &streams).await? {
            return Ok(Some(format!(
                "{} is the pull spec of no build that the release controller names",
                quoted(spec)
            )));
        }
    }
    Ok(None)
}

/// Does the release controller name a build that is pulled from `spec`?
async fn is_of_a_build(ctx: &Context, spec: &str, streams: &[BuildStream]) -> Result<bool, TaskError> {
    let tag = spec.rsplit_once('/').map_or(spec, |(_, name)| name).split_once(':').map_or("", |(_, tag)| tag);
    let of_tag = |arch: Arch| {
        let version = tag.rsplit_once('-').map(|(version, _)| version);
        BuildStream::of(tag, arch).or_else(|| BuildStream::of(version?, arch))
    };
    // What names no build by its tag is looked for where the job looks for its builds.
    let named = arch_of(spec).or_else(|| streams.first().map(|stream| stream.arch)).and_then(of_tag);
    let places = named.map_or_else(|| streams.to_vec(), |stream| vec![stream]);
    for stream in places {
        let builds = ctx.release_controller_of(stream.arch).builds(&stream).await?;
        if builds.into_iter().flatten().any(|build| build.pull_spec.as_deref() == Some(spec)) {
            return Ok(true);
        }
    }
    Ok(false)
}
