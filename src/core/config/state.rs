//! Settings of the state of releases.

use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::sources::Sources;

/// Where release state and test records are kept.
#[derive(Debug, Clone)]
pub struct StateSettings {
    /// `owner/name` on GitHub.
    pub repository: String,
    /// Branch of the state files.
    pub branch: String,
    /// Branch of the test records.
    pub record_branch: String,
    /// A directory or Git repository of this machine instead of GitHub.
    pub dir: Option<PathBuf>,
    /// Address of commits in a Git repository of this machine; their name is the role that acts.
    pub author_mail: String,
    /// Tries of one compare-and-swap.
    pub tries: u32,
    /// Time for all of them together.
    pub total: Duration,
}

impl StateSettings {
    pub(super) fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            repository: sources.text("state.repository", "OAR_STATE_REPOSITORY")?,
            branch: sources.text("state.branch", "OAR_STATE_BRANCH")?,
            record_branch: sources.text("state.record_branch", "OAR_STATE_RECORD_BRANCH")?,
            dir: sources.optional("state.dir", "OAR_STATE_DIR").map(PathBuf::from),
            author_mail: sources.text("state.author_mail", "OAR_STATE_AUTHOR_MAIL")?,
            tries: sources.number("state.tries", "OAR_STATE_TRIES", 1, 200)?,
            total: sources.seconds("state.total_s", "OAR_STATE_TOTAL", 3600)?,
        })
    }
}
