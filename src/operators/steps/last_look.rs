//! When this machine last looked at something that a task waits for. A look that finds nothing new changes no state, and
//! whoever only wants to know has to say all the same when the next one is due. A hint: runs and drives look anew.

use jiff::{SignedDuration, Timestamp};

use crate::core::cache::DiskCache;
use crate::core::context::Context;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::entries::TaskEntry;
use crate::domain::task::Task;
use crate::operators::report::{Cause, TaskReport};

/// A step that an outage left is tried again after this time.
pub const OWED_RECHECK: SignedDuration = SignedDuration::from_mins(15);

/// When it was, and when the next one is due.
#[derive(serde::Serialize, serde::Deserialize)]
struct LastLook {
    at: Timestamp,
    again: Timestamp,
}

/// Keeps the look of a run that has to wait; of any other nothing needs to be known.
pub fn keep(ctx: &Context, report: &TaskReport) {
    let waits = match (&report.outcome, &report.owed) {
        (Outcome::Waiting { recheck, .. }, _) => *recheck,
        (_, Some(owed)) if owed.cause == Cause::Outage => OWED_RECHECK,
        (
            Outcome::Passed { .. } | Outcome::Blocked { .. } | Outcome::Failed { .. } | Outcome::Unchanged { .. },
            Some(_) | None,
        ) => return,
    };
    let at = ctx.clock.now();
    let again = at.checked_add(waits).unwrap_or(at);
    if let Ok(look) = serde_json::to_vec(&LastLook { at, again }) {
        DiskCache::below(&ctx.home).write(&key(&report.release, report.task), report.after.as_str(), &look);
    }
}

/// When the next look at a task is due, while what this machine found at its last one can still be so: the task has the
/// same status and was not begun anew.
pub fn due(ctx: &Context, release: &ZStream, task: Task, entry: &TaskEntry) -> Option<Timestamp> {
    let kept = DiskCache::below(&ctx.home).read(&key(release, task));
    let kept = kept.filter(|kept| kept.etag == entry.status.as_str())?;
    let look: LastLook = serde_json::from_slice(&kept.body).ok()?;
    let now = ctx.clock.now();
    let is_about_it = entry.started().is_none_or(|started| started <= look.at);
    (is_about_it && look.at <= now && now < look.again).then_some(look.again)
}

fn key(release: &ZStream, task: Task) -> String {
    format!("last look at {task} of {release}")
}
