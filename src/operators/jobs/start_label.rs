//! The label of a start: the order of a run carries it, and the run of a start is found again by it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::core::clients::error::ClientError;
use crate::core::clients::gangway::GangwayOrder;
use crate::core::context::Context;
use crate::core::effects::Look;
use crate::domain::absence::Shown;
use crate::domain::ids::ProwJobId;
use crate::domain::service::Service;
use crate::operators::steps::effect_label::{LABEL, label};

/// Prow shows a run for at least this long after its end.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The order of the start `key`.
pub(super) fn order(job: &str, envs: BTreeMap<String, String>, key: String) -> GangwayOrder {
    GangwayOrder {
        job: job.to_owned(),
        envs,
        labels: BTreeMap::from([(LABEL.to_owned(), label(&key))]),
        annotations: BTreeMap::from([(LABEL.to_owned(), key)]),
    }
}

/// What a look at the runs of a job shows.
pub(super) struct SeenRuns {
    /// The run of the start.
    run: Option<ProwJobId>,
    /// When the newest other one was started.
    newest: Option<Timestamp>,
}

/// Looks for the run of a start: the gateway lists the runs of a job, Prow shows the labels of each. `known` are runs of
/// other starts.
///
/// # Errors
///
/// One of the two does not answer, or they contradict each other.
pub(super) async fn look(
    ctx: &Context,
    order: &GangwayOrder,
    known: impl Fn(&ProwJobId) -> bool,
) -> Result<SeenRuns, ClientError> {
    let (gangway, prow) = (ctx.gangway(), ctx.prow());
    let mut newest = None;
    for id in gangway.runs_of(&order.job).await? {
        if known(&id) {
            continue;
        }
        // A run that is listed and not shown may be the one.
        let Some(run) = prow.job(&id).await? else {
            let why = format!("it does not show the run {id}, which the gateway lists");
            return Err(ClientError::unreadable(Service::Prow, "look for a run", why));
        };
        if run.labels.get(LABEL) == order.labels.get(LABEL) {
            return Ok(SeenRuns { run: Some(id), newest });
        }
        newest = newest.max(run.started_at);
    }
    Ok(SeenRuns { run: None, newest })
}

impl SeenRuns {
    /// The same as the look of an effect. Of what `was_done` no look proves that it was not.
    pub(super) fn of_effect(self, now: Timestamp, was_done: bool) -> Look<ProwJobId> {
        match self.run {
            Some(id) => Look::Found(id),
            None if was_done => Look::Blind,
            None => Look::Absent(Shown { newest: self.newest, reaches_back_to: now.checked_sub(REMEMBERED).ok() }),
        }
    }
}
