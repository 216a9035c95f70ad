//! Tells a caller who waits for a run how it goes.

use std::time::Duration;

use rmcp::model::ProgressNotificationParam;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;

use super::reply::{Code, Reply};
use super::run_document;
use crate::runs::progress::{Heard, Waiter};
use crate::runs::run::{RunStatus, TrackedRun};

/// Characters of a progress message; clients cut longer ones.
const LONGEST_PROGRESS: usize = 200;

/// Waits for `run`, reporting its steps to the caller, and at least once in `every` that it goes on. A caller who
/// leaves ends nothing.
pub async fn wait_for(run: &TrackedRun, every: Duration, context: &RequestContext<RoleServer>) -> Reply {
    let token = context.meta.get_progress_token();
    let mut waiter = Waiter::of(run);
    let mut count = 0.0;
    loop {
        let heard = tokio::select! {
            heard = waiter.next(every) => heard,
            () = context.ct.cancelled() => {
                let what = format!("nobody waits for run {} any more; it goes on", run.id);
                let hint = format!("oar_get_run with {} tells how it ended; oar_cancel_run ends it", run.id);
                return Reply::error(Code::Cancelled, what, hint).with("run_id", json!(run.id));
            }
        };
        let step = match heard {
            Heard::Ended(document) => return run_document::reply(document),
            Heard::GoesOn(step) => step,
        };
        count += 1.0;
        let Some(token) = &token else { continue };
        let notice = ProgressNotificationParam::new(token.clone(), count).with_message(message(run, step));
        // A caller who cannot be reached has left; the next round sees it.
        let _ = context.peer.notify_progress(notice).await;
    }
}

/// What a waiting caller reads.
fn message(run: &TrackedRun, step: Option<String>) -> String {
    let step = match (run.status(), step) {
        (RunStatus::Queued, _) => "waits for its turn".to_owned(),
        (RunStatus::Running | RunStatus::Ended(_), None) => "goes on".to_owned(),
        (RunStatus::Running | RunStatus::Ended(_), Some(step)) => step,
    };
    format!("{} {}: {step} (run {})", run.queue, run.tool, run.id).chars().take(LONGEST_PROGRESS).collect()
}
