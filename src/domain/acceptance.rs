//! Which test record of a build is acceptable: record flags and job count against the registry.

/// What the test record of a build says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordVerdict {
    /// There is no record.
    Missing,
    /// Tests are running; nothing was counted yet.
    NotStarted,
    /// Not all required jobs have an end.
    Aggregating {
        /// Required jobs that never ran.
        missing: Vec<String>,
    },
    /// Every required job of the registry ran and the record is accepted.
    Accepted {
        /// One sentence with numbers.
        summary: String,
        /// How many jobs.
        jobs: usize,
    },
    /// The record is rejected.
    Rejected {
        /// One sentence with numbers.
        summary: String,
        /// Jobs that did not pass.
        failed: Vec<String>,
    },
    /// Record or registry cannot be judged.
    Invalid {
        /// Why.
        why: String,
    },
}

/// Judges the record of `build`; `None` means that the file does not exist.
///
/// `section` of the registry is `nightly` for a nightly build, else `stable`.
pub fn judge(_build: &str, _record: Option<&str>, _registry: Option<&str>) -> RecordVerdict {
    RecordVerdict::Missing
}
