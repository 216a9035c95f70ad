//! Registries of test jobs, in files or as they are stored, with what is wrong with them.

use std::path::PathBuf;

use crate::core::context::Context;
use crate::core::statebox::file::TreeFile;
use crate::core::statebox::records;
use crate::domain::job_registry::JobRegistry;
use crate::operators::error::TaskError;
use crate::operators::views::evaluated_files::name_of;

/// One registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRegistry {
    /// Its path.
    pub file: String,
    /// The registry, or why its file cannot be read.
    pub registry: Result<JobRegistry, String>,
}

/// Registries in files of this machine.
pub fn of_files(files: &[PathBuf]) -> Vec<ReadRegistry> {
    let read = |path: &PathBuf| ReadRegistry {
        file: path.display().to_string(),
        registry: match std::fs::read(path) {
            Ok(bytes) => Ok(JobRegistry::named(&name_of(path), &String::from_utf8_lossy(&bytes))),
            Err(error) => Err(error.to_string()),
        },
    };
    files.iter().map(read).collect()
}

/// All registries that are stored, by name. Reads only.
///
/// # Errors
///
/// The store does not answer.
pub async fn stored(ctx: &Context) -> Result<Vec<ReadRegistry>, TaskError> {
    let files = ctx.repo.registry_files(records::REGISTRY_BRANCH).await?;
    let read = |file: TreeFile| ReadRegistry {
        registry: file.text.map(|text| JobRegistry::named(file.path.rsplit('/').next().unwrap_or_default(), &text)),
        file: file.path,
    };
    Ok(files.into_iter().map(read).collect())
}
