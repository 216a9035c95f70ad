//! What a person wants of a drive.

use jiff::{SignedDuration, Timestamp};

use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Override;
use crate::domain::task::{Task, Which};
use crate::operators::error::TaskError;
use crate::operators::request::BuildDecision;

/// How long a watching drive leaves a store alone that did not answer, or a file that somebody has to mend.
pub(super) const OUTAGE_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// What a person wants of this drive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriveOptions {
    /// Owner for take-ownership.
    pub email: Option<String>,
    /// Decision about a rejected build.
    pub decide: Option<(Which, BuildDecision)>,
    /// A failed task to be tried again.
    pub retry: Option<Task>,
    /// Approve before the day before the release date, for this reason.
    pub early: Option<String>,
    /// Why the lease is taken even from another driver whose lease runs.
    pub take_over: Option<Override>,
    /// How long to go on.
    pub persistence: Persistence,
    /// Somebody stands by who does what a plan asks of people: a watching drive ends as soon as only they can help,
    /// instead of looking again whether somebody has.
    pub asks_people: bool,
    /// A watching drive ends then, whatever it waits for; nothing lets it wait for ever.
    pub until: Option<Timestamp>,
}

/// How long a drive goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Persistence {
    /// One look and one round of actions.
    Once,
    /// Until only waits remain.
    #[default]
    UntilWaiting,
    /// Through the waits, until the release is done or a person is needed.
    Watch,
}

impl DriveOptions {
    /// Who owns the release: named for this drive, else by the settings.
    pub(super) fn owner(&self, ctx: &Context, release: &ZStream) -> Option<String> {
        let named = || ctx.sealed().ok().map(|sealed| sealed.owner(release.minor()).to_owned());
        self.email.clone().or_else(named).filter(|owner| !owner.is_empty())
    }
}

/// Did somebody leave a state file that nobody can read? Whoever did that mends it.
pub(super) const fn is_broken_file(error: &TaskError) -> bool {
    matches!(error, TaskError::Store(error) if error.is_broken_file())
}

/// Is this the kind of trouble that ends by itself?
pub(super) fn passes_by(error: &TaskError) -> bool {
    matches!(error.class(), ErrorClass::Transient | ErrorClass::RateLimit | ErrorClass::Corrupt)
}
