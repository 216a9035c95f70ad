//! The sub-tasks of ART's ticket that are QE's: which they are, and when they are done.

use super::spelled::spelled;

spelled! {
    /// A sub-task of QE.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    QeSubTask,
    /// Its summary in Jira.
    summary: &'static str {
        /// Moving the advisories to REL_PREP.
        MoveAdvisories = "[Fri/Mon] QE moves advisories to REL_PREP",
        /// Verifying the release.
        VerifyRelease = "[Wed-Fri] QE does release verification",
        /// Notifying the owners of bugs, and looking why tests failed.
        NotifyOwners = "[Mon-Wed] QE notifies ON_QA bugzilla owners and analyze ci failures",
    }
}

/// Where the approval leaves each of them.
pub const CLOSED: &str = "Closed";

impl QeSubTask {
    /// The one with this summary, which people may have typed with blanks around it.
    pub fn of(summary: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.summary() == summary.trim())
    }

    /// The status into which the owner of a release gets it; nothing for one that begins later.
    pub const fn taken_to(self) -> Option<&'static str> {
        match self {
            Self::MoveAdvisories => None,
            Self::VerifyRelease | Self::NotifyOwners => Some("In Progress"),
        }
    }
}

/// Is a sub-task with this status done? Nothing goes back from there.
pub fn is_done(status: &str) -> bool {
    matches!(status, CLOSED | "Done" | "Resolved")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_with_blanks_around_it_is_the_same_sub_task() {
        assert_eq!(QeSubTask::of(" [Wed-Fri] QE does release verification\n"), Some(QeSubTask::VerifyRelease));
        assert_eq!(QeSubTask::of("[Wed-Fri] ART does release verification"), None);
    }
}
