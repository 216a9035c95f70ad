//! What build data says about a release, and where the stored copy differs.

use tokio_util::sync::CancellationToken;

use crate::core::config::settings::Settings;
use crate::core::context::Context;
use crate::domain::assembly::changes::MetadataChange;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::release::{Minor, ZStream};
use crate::operators::error::TaskError;

/// Build data of one release beside what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataView {
    /// The release.
    pub release: ZStream,
    /// What build data says now.
    pub assembly: Assembly,
    /// What changed since it was stored; nothing without a state file.
    pub changes: Option<Vec<MetadataChange>>,
}

/// Build data of `minor`. Not with a whole context: it is public, and nobody should need a token to look at it.
///
/// # Errors
///
/// The settings cannot be used, or build data cannot be read.
pub async fn build_data(settings: &Settings, minor: Minor, cancel: CancellationToken) -> Result<BuildData, TaskError> {
    let source = Context::build_data_alone(settings, Context::clock_of(settings, &cancel).await?, cancel)?;
    Ok(BuildData::parse(&source.releases(minor).await?)?)
}

/// Reads build data and the state. Reads only: a change is stored with the next write of a task.
///
/// # Errors
///
/// Build data does not list the release, or one of the two cannot be read.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<MetadataView, TaskError> {
    let text = ctx.build_data().releases(release.minor()).await?;
    let assembly = BuildData::parse(&text)?.resolve(release)?;
    let stored = ctx.statebox.load(release).await?.map(|loaded| loaded.state.metadata());
    let changes = stored.map(|stored| assembly.changes_since(&stored));
    Ok(MetadataView { release: release.clone(), assembly, changes })
}
