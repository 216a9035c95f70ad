//! Every exit code of the binary: one enum, one table.

use crate::agents::pass::UnitEnding;
use crate::core::error::ErrorClass;
use crate::domain::closed_gate::OpenedBy;
use crate::domain::outcome::Outcome;
use crate::domain::spelled::spelled;
use crate::domain::task::TaskStatus;
use crate::operators::report::{Cause, TaskReport};

spelled! {
    /// How the program ends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    Exit,
    /// The number that the shell sees.
    code: u8 {
        /// Did what was asked.
        Done = 0,
        /// A defect of ours, perhaps one that a service points out.
        Internal = 1,
        /// The command line makes no sense.
        Usage = 2,
        /// Something is awaited that comes by itself.
        Waiting = 3,
        /// A person is needed.
        NeedsPerson = 4,
        /// A verdict of this run: Fail.
        Failed = 5,
        /// A credential is missing or was refused.
        Credential = 6,
        /// A service is unavailable.
        Unavailable = 7,
        /// Somebody else is at work on the same thing.
        Conflict = 8,
        /// SIGHUP.
        HungUp = 129,
        /// Ctrl-C.
        Interrupted = 130,
        /// SIGTERM.
        Terminated = 143,
    }
}

impl Exit {
    /// What it means, for the reference.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "did what was asked (Pass, In Progress, nothing to do)",
            Self::Internal => "internal error, or a service does not take what we sent",
            Self::Usage => "usage: the arguments or the given file make no sense",
            Self::Waiting => {
                "waiting for something that comes by itself (a blocked task; drive, also for an outage that it tries again)"
            }
            Self::NeedsPerson => "a person is needed: blocker, decision, confirmation, a stored Fail",
            Self::Failed => "a verdict reached in this run: Fail",
            Self::Credential => {
                "a credential is missing or was refused (a task, and drive when nothing else needs a person)"
            }
            Self::Unavailable => "a service is unavailable",
            Self::Conflict => "conflict: somebody else is driving or writing",
            Self::HungUp => "the terminal is gone (SIGHUP)",
            Self::Interrupted => "interrupted (Ctrl-C)",
            Self::Terminated => "terminated (SIGTERM)",
        }
    }

    /// The ending of a task that was run alone.
    pub fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed { .. } | Outcome::Waiting { .. } | Outcome::Unchanged { .. } => Self::Done,
            Outcome::Blocked { by } => match by.opened_without_a_drive() {
                OpenedBy::Time => Self::Waiting,
                OpenedBy::Person => Self::NeedsPerson,
            },
            Outcome::Failed { .. } => Self::Failed,
        }
    }

    /// The ending of a run that a person made: one for what a task owes after its Pass has to say how that ended.
    pub fn of_report(report: &TaskReport) -> Self {
        match &report.owed {
            Some(owed) if report.before == TaskStatus::Pass => match owed.cause {
                Cause::Outage => Self::Unavailable,
                Cause::Refused { .. } => Self::Credential,
                Cause::Person { .. } => Self::NeedsPerson,
            },
            Some(_) | None => Self::of_outcome(&report.outcome),
        }
    }

    /// The ending of a pass of an agent.
    pub fn of_pass(ending: UnitEnding) -> Self {
        match ending {
            UnitEnding::Done => Self::Done,
            UnitEnding::Waiting => Self::Waiting,
            UnitEnding::NotDone => Self::Unavailable,
            UnitEnding::Failed => Self::Failed,
        }
    }

    /// The ending of several things that ended each for itself: the one that most needs somebody.
    pub fn worst(endings: impl Iterator<Item = Self>) -> Self {
        let weight = |exit: &Self| match exit {
            Self::HungUp | Self::Interrupted | Self::Terminated => 9,
            Self::Internal => 8,
            Self::Usage => 7,
            Self::Failed => 6,
            Self::Credential => 5,
            Self::NeedsPerson => 4,
            Self::Unavailable => 3,
            Self::Conflict => 2,
            Self::Waiting => 1,
            Self::Done => 0,
        };
        endings.max_by_key(weight).unwrap_or(Self::Done)
    }

    /// The ending of a run that could not find out or act.
    pub fn of_error(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Auth => Self::Credential,
            ErrorClass::Config | ErrorClass::InvalidInput => Self::Usage,
            ErrorClass::NotReady => Self::Waiting,
            ErrorClass::NotFound | ErrorClass::Forbidden | ErrorClass::NeedsPerson => Self::NeedsPerson,
            ErrorClass::Conflict => Self::Conflict,
            ErrorClass::RateLimit | ErrorClass::Transient | ErrorClass::Corrupt => Self::Unavailable,
            ErrorClass::Internal | ErrorClass::Refused => Self::Internal,
        }
    }
}

/// The table for `docs/reference/exit-codes.md`.
pub fn table() -> String {
    let mut text = String::from("| Code | Meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        text.push_str(&format!("| {} | {} |\n", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_of_an_agent_ends_with_0_3_5_or_7() {
        let codes = [UnitEnding::Done, UnitEnding::Waiting, UnitEnding::Failed, UnitEnding::NotDone]
            .map(|end| Exit::of_pass(end).code());
        assert_eq!(codes, [0, 3, 5, 7]);
    }

    #[test]
    fn what_a_service_refuses_is_never_a_usage_error_of_whoever_asked() {
        let codes = [ErrorClass::Refused, ErrorClass::Forbidden, ErrorClass::NotFound, ErrorClass::Auth];
        assert_eq!(codes.map(|class| Exit::of_error(class).code()), [1, 4, 4, 6]);
    }
}
