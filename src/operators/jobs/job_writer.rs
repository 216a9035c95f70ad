//! The lease of the agents, taken with the first change and shared by everything that one process does under it.

use jiff::Timestamp;

use crate::core::context::Context;
use crate::core::effects::EffectError;
use crate::core::permit::Permit;
use crate::core::statebox::record_files::RecordFiles;
use crate::domain::agent_lease::{AgentLease, HeldBy, PATH};
use crate::domain::credential::Credential;
use crate::domain::state::holder;
use crate::domain::state::lease::{LENGTH, RENEW_AFTER};
use crate::operators::error::TaskError;

/// What may be done by this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Powers {
    /// Judge and report, and change nothing.
    pub shadow: bool,
    /// Also change files that another program seems to be at work on, and take a lease that a wrong clock wrote for days.
    pub take_over: bool,
}

impl Powers {
    /// Is there what whoever triggers needs? Asked before anything begins.
    ///
    /// # Errors
    ///
    /// The token of the gateway is missing, and triggering is wanted.
    pub fn ready(self, ctx: &Context) -> Result<(), TaskError> {
        if self.shadow || ctx.options.dry_run {
            return Ok(());
        }
        Ok(ctx.require(&[Credential::ApiToken])?)
    }
}

/// Messages of our commits to records, before the name of the build.
pub(super) mod message {
    pub(in crate::operators::jobs) const PLAN: &str = "Plan the test jobs";
    pub(in crate::operators::jobs) const PLAN_MISSING: &str = "Plan missing test jobs";
    pub(in crate::operators::jobs) const ANNOUNCE: &str = "Announce test runs";
    pub(in crate::operators::jobs) const TRIGGERED: &str = "Record test runs";
    pub(in crate::operators::jobs) const ENDED: &str = "Record what runs came to";
    pub(in crate::operators::jobs) const PROMOTE: &str = "Promote the build";
    pub(in crate::operators::jobs) const REPLACE: &str = "Replace a test run";
    pub(in crate::operators::jobs) const REJECTION: &str = "Note what a person says of the payload";
    pub(in crate::operators::jobs) const LABEL: &str = "Note the label of the payload";
    pub(in crate::operators::jobs) const NO_LABEL: &str = "Note a label that could not be set";
}

const OURS: [&str; 10] = [
    message::PLAN,
    message::PLAN_MISSING,
    message::ANNOUNCE,
    message::TRIGGERED,
    message::ENDED,
    message::PROMOTE,
    message::REPLACE,
    message::REJECTION,
    message::LABEL,
    message::NO_LABEL,
];

/// The last write of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastWriter {
    /// Since when another program seems to be at work on it: it is left alone.
    pub at_work: Option<Timestamp>,
    /// Another program or a person wrote it, perhaps an older version of it: what was triggered may not stand in it.
    pub is_somebody_else: bool,
    /// Is or was there a record? One that is gone held what was triggered.
    pub existed: bool,
}

/// One process at work on test jobs.
#[derive(Debug)]
pub struct JobWriter<'c> {
    /// For what only looks.
    pub ctx: &'c Context,
    /// The records, to look at.
    pub files: RecordFiles,
    /// What may be done.
    pub powers: Powers,
    us: String,
    held: tokio::sync::Mutex<Option<HeldAgentLease>>,
    triggers: tokio::sync::Mutex<()>,
}

/// The lease as this process holds it.
#[derive(Debug, Clone)]
pub struct HeldAgentLease {
    /// For what changes something outside.
    pub ctx: Context,
    /// The records, to change them.
    pub files: RecordFiles,
    /// Who holds it.
    pub us: String,
    /// Since when nobody else may have triggered anything.
    pub since: Timestamp,
    until: Timestamp,
}

impl<'c> JobWriter<'c> {
    /// A process that holds no lease yet.
    ///
    /// # Errors
    ///
    /// The file with the name of this machine cannot be read or made.
    pub fn new(ctx: &'c Context, powers: Powers) -> Result<Self, TaskError> {
        let us = ctx
            .holder()
            .map_err(|cause| TaskError::Effect(EffectError::Ledger { path: ctx.home.display().to_string(), cause }))?;
        let powers = Powers { shadow: powers.shadow || ctx.options.dry_run, ..powers };
        Ok(Self {
            ctx,
            files: ctx.record_files(),
            powers,
            us,
            held: tokio::sync::Mutex::new(None),
            triggers: tokio::sync::Mutex::new(()),
        })
    }

    /// The lease: ours, or taken now. To be asked for right before each change.
    ///
    /// # Errors
    ///
    /// Somebody else holds it, or the store does not answer.
    pub async fn hold(&self) -> Result<HeldAgentLease, TaskError> {
        let mut held = self.held.lock().await;
        let now = self.ctx.clock.now();
        if let Some(held) = held.as_ref().filter(|held| held.until.duration_since(now) > LENGTH - RENEW_AFTER) {
            return Ok(held.clone());
        }
        let taken = self.files.change(PATH, "Take lease of the test jobs", |text| {
            let stored = text.map(AgentLease::read).transpose().map_err(|bad| TaskError::Refused {
                why: bad.to_string(),
                next: format!("correct or remove {PATH} on the branch of the records"),
            })?;
            if let Some(wrong) = self.ctx.repo.wrong_clock() {
                return Err(wrong.into());
            }
            let taken = AgentLease::taken(stored.as_ref(), &self.us, self.ctx.clock.now(), self.powers.take_over)?;
            Ok::<_, TaskError>((Some(&taken) != stored.as_ref()).then(|| taken.to_text()))
        });
        let lease =
            AgentLease::read(&taken.await?.text).map_err(|bad| TaskError::Internal { assumed: bad.to_string() })?;
        let until = lease.until.unwrap_or(now);
        let permit = Permit::until(until);
        let (ctx, files) = (self.ctx.permitted_by(&permit), self.files.permitted_by(&permit));
        let fresh = HeldAgentLease { ctx, files, us: self.us.clone(), since: lease.since().min(now), until };
        *held = Some(fresh.clone());
        Ok(fresh)
    }

    /// Waits until no other build of this process is triggered: the gateway takes one call at a time, and whoever waits
    /// for long in front of it has to announce anew.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.triggers.lock().await
    }

    /// Who wrote `path` last, and whether it is left to them.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn last_writer(&self, path: &str) -> Result<LastWriter, TaskError> {
        let Some(last) = self.files.last_write(path).await? else { return Ok(LastWriter::default()) };
        let is_ours = OURS.iter().any(|message| last.message.starts_with(message));
        let at_work = self.files.at_work_elsewhere(&last).filter(|_| !self.powers.take_over);
        Ok(LastWriter { at_work, is_somebody_else: !is_ours, existed: true })
    }

    /// Who we are in events, for people.
    pub fn actor(&self) -> String {
        holder::shown(&self.us)
    }
}

impl From<HeldBy> for TaskError {
    fn from(by: HeldBy) -> Self {
        Self::HeldElsewhere(by)
    }
}
