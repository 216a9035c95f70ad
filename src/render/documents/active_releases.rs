//! Releases that need attention.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::discovery::{Entry, Why};
use crate::domain::task::Task;
use crate::operators::views::discovery::Listing;

/// Releases that need attention.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ActiveReleases {
    /// Always true
    pub ok: bool,
    /// One per release
    pub releases: Vec<ActiveRelease>,
    /// State files that cannot be read
    pub errors: Vec<Unreadable>,
}

/// A release that needs attention.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ActiveRelease {
    /// The release
    pub release: String,
    /// Why it is listed
    #[schemars(with = "String")]
    pub why: Why,
    /// Year, month, day
    pub release_date: Option<String>,
    /// Days to the release date; negative after it
    pub days_left: Option<i32>,
    /// How many tasks passed
    pub tasks_done: usize,
    /// Of how many
    pub tasks: usize,
    /// Failed tasks
    #[schemars(with = "Vec<String>")]
    pub tasks_failed: Vec<Task>,
    /// Texts of the open blockers
    pub open_blockers: Vec<String>,
}

/// A state file that cannot be read.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Unreadable {
    /// Its path in the store
    pub path: String,
    /// What is the matter
    pub why: String,
}

impl From<&Listing> for ActiveReleases {
    fn from(listing: &Listing) -> Self {
        let errors = listing.errors.iter().map(|(path, why)| Unreadable { path: path.clone(), why: why.clone() });
        Self {
            ok: true,
            releases: listing.releases.iter().map(ActiveRelease::from).collect(),
            errors: errors.collect(),
        }
    }
}

impl From<&Entry> for ActiveRelease {
    fn from(entry: &Entry) -> Self {
        Self {
            release: entry.release.to_string(),
            why: entry.why,
            release_date: entry.date.map(|date| date.to_string()),
            days_left: entry.days_left,
            tasks_done: entry.done.0,
            tasks: entry.done.1,
            tasks_failed: entry.failed.clone(),
            open_blockers: entry.blockers.clone(),
        }
    }
}
