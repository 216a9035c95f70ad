//! Test records and job registries in the state repository.

use super::error::StoreError;
use super::repo::Repo;
use crate::domain::job_registry::versions::RegistryName;

/// Branch of the job registries.
pub const REGISTRY_BRANCH: &str = "main";

/// The test record of `build` on `branch`; nothing when there is none. Reads only; repeat freely.
///
/// # Errors
///
/// [`StoreError`] when the store does not answer.
pub async fn record(repo: &Repo, branch: &str, build: &str, arch: &str) -> Result<Option<String>, StoreError> {
    let path = format!("_releases/ocp-test-result-{build}-{arch}.json");
    text(repo, branch, &path).await
}

/// The job registry `of` that name; nothing when there is none. Reads only; repeat freely.
///
/// # Errors
///
/// [`StoreError`] when the store does not answer.
pub async fn registry(repo: &Repo, of: &RegistryName) -> Result<Option<String>, StoreError> {
    text(repo, REGISTRY_BRANCH, &format!("_releases/{}", of.file())).await
}

/// Bytes that are no UTF-8 become replacement characters: the parser then says what is wrong where.
async fn text(repo: &Repo, branch: &str, path: &str) -> Result<Option<String>, StoreError> {
    Ok(repo.read(branch, path).await?.map(|file| String::from_utf8_lossy(&file.bytes).into_owned()))
}
