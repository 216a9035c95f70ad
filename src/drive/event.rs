//! What a drive reports while it goes on.

use jiff::Timestamp;

use crate::operators::error::TaskFailure;
use crate::operators::report::TaskReport;
use crate::planner::plan::Plan;

/// What happens during a drive, as it happens.
#[derive(Debug)]
pub enum DriveEvent<'a> {
    /// A task run ended with a report.
    Ran(&'a TaskReport),
    /// A task run could not be carried out.
    CouldNot(&'a TaskFailure),
    /// The state was changed by the drive itself.
    Marked(String),
    /// Nothing can be done until then.
    Waits {
        /// When the next look makes sense.
        until: Timestamp,
        /// What is waited for.
        plan: &'a Plan,
    },
}
