//! Commands that only look: what is shipped, what build data says, which releases need attention.

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::operators::views::{discovery, is_shipped, metadata};
use crate::render;
use crate::render::documents::active_releases::ActiveReleases;
use crate::render::documents::metadata::MetadataDocument;
use crate::render::documents::shipped::ShippedDocument;

/// Tells whether the release is out of our hands.
pub(crate) async fn is_shipped(call: &Invocation) -> Result<Exit, ErrorReport> {
    let (ctx, release) = (call.context().await?, call.release()?);
    let view = is_shipped::of(&ctx, &release).await;
    let view =
        view.map_err(|error| call.task_error(&format!("whether {release} is shipped could not be found out"), error))?;
    call.show(render::shipped::text(&view), &ShippedDocument::from(&view));
    Ok(if view.shipped.is_some() { Exit::Done } else { Exit::Unavailable })
}

/// Shows what build data says about the release.
pub(crate) async fn metadata(call: &Invocation) -> Result<Exit, ErrorReport> {
    let (ctx, release) = (call.context().await?, call.release()?);
    let view = metadata::of(&ctx, &release).await;
    let view = view.map_err(|error| call.task_error(&format!("the metadata of {release} cannot be shown"), error))?;
    call.show(render::metadata::text(&view), &MetadataDocument::from(&view));
    Ok(Exit::Done)
}

/// Lists the releases that need attention.
pub(crate) async fn active_releases(call: &Invocation, all: bool) -> Result<Exit, ErrorReport> {
    let listing = discovery::active(&call.context().await?, all).await;
    let listing = listing.map_err(|error| call.task_error("the active releases could not be listed", error))?;
    call.show(render::active_releases::text(&listing), &ActiveReleases::from(&listing));
    Ok(if listing.is_incomplete { Exit::NeedsPerson } else { Exit::Done })
}
