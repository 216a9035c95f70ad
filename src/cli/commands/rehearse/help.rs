//! What people did for a plan that asked for help.

use crate::drive::options::DriveOptions;

/// Who decides and acts at a terminal.
pub(crate) const LEAD: &str = "release lead";

/// A line of the timeline about somebody.
pub(crate) fn line(who: &str, what: &str) -> String {
    format!("person ({who}): {what}")
}

/// What people answered to a plan.
pub(crate) enum HelpResult {
    /// Somebody did something; drive on with these options.
    Helped(Help),
    /// Nobody can do anything, for this reason.
    Nobody(String),
}

/// One help.
#[derive(Debug, Default)]
pub(crate) struct Help {
    /// Lines for the timeline.
    pub(crate) lines: Vec<String>,
    /// What the release lead wants of the next drive.
    pub(crate) options: DriveOptions,
}

impl Help {
    /// A help that needs nothing of the next drive.
    pub(crate) fn by(who: &str, what: impl AsRef<str>) -> Self {
        Self { lines: vec![line(who, what.as_ref())], options: DriveOptions::default() }
    }

    pub(crate) fn with(mut self, options: DriveOptions) -> Self {
        self.options = options;
        self
    }
}
