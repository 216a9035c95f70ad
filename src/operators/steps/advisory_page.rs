//! The page on which customers read what a release brings; the approval waits for it.

use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// The page, as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its address; nothing while the payload does not name it.
    pub url: Option<String>,
    /// Can customers read it?
    pub is_public: bool,
}

/// Looks at the page that the payload of exactly this release names. Reads only.
///
/// # Errors
///
/// Registry or customer portal fail, or the payload calls itself another release: its page would be a trap.
pub async fn look(run: &Run<'_>) -> Result<Page, TaskError> {
    let url = address(run).await?;
    let is_public = match &url {
        Some(url) => run.ctx.customer_portal().is_public(url).await?,
        None => false,
    };
    Ok(Page { url, is_public })
}

async fn address(run: &Run<'_>) -> Result<Option<String>, TaskError> {
    let repository = &run.ctx.settings.payload_repository;
    let repository = repository.split_once('/').map_or(repository.as_str(), |(_, path)| path);
    let tag = format!("{}-x86_64", run.release);
    let Some(payload) = run.ctx.registry()?.payload_metadata(repository, &tag).await? else {
        run.info(format!("the registry has no payload {tag} yet"));
        return Ok(None);
    };
    if payload.version != run.release.to_string() {
        return Err(TaskError::Refused {
            why: format!("the payload {tag} calls itself {}", payload.version),
            next: "tell ART: the payload is not the release".to_owned(),
        });
    }
    Ok(payload.advisory_url)
}
