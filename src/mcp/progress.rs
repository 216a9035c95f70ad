//! A caller who waits for a run and hears of its steps.

use std::time::Duration;

use rmcp::model::ProgressNotificationParam;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;

use super::reply::{Code, Reply};
use crate::runs::executor::{Run, Standing};

/// Waiting callers hear of new steps at most so often.
const STEP_EVERY: Duration = Duration::from_secs(1);

/// Characters of a progress message; clients cut longer ones.
const LONGEST_PROGRESS: usize = 200;

/// Rechecks for `run`, telling the caller its steps, and at least once in `every` that it goes on. A caller who leaves
/// ends nothing.
pub async fn wait_for(run: &Run, every: Duration, context: &RequestContext<RoleServer>) -> Reply {
    let ended = run.ended();
    tokio::pin!(ended);
    let token = context.meta.get_progress_token();
    let mut steps = run.steps();
    let mut reported = 0.0;
    loop {
        let notices = async {
            // Not each of many quick steps.
            let _ = tokio::time::timeout(STEP_EVERY, std::future::pending::<()>()).await;
            let more = match &mut steps {
                Some(steps) => steps.changed().await.is_ok(),
                None => false,
            };
            if !more {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            reply = &mut ended => return reply,
            () = context.ct.cancelled() => {
                let what = format!("nobody waits for run {} any more; it goes on", run.id);
                let hint = format!("oar_get_run with {} tells how it ended; oar_cancel_run ends it", run.id);
                return Reply::error(Code::Cancelled, what, hint).with("run_id", json!(run.id));
            }
            _ = tokio::time::timeout(every, notices) => {
                reported += 1.0;
                let Some(token) = &token else { continue };
                let step = steps.as_ref().map(|steps| steps.borrow().clone()).unwrap_or_default();
                let message = progress(run, &step);
                let reported = ProgressNotificationParam::new(token.clone(), reported).with_message(message);
                // A caller who cannot be reached has left; the next round sees it.
                let _ = context.peer.notify_progress(reported).await;
            }
        }
    }
}

/// What a waiting caller hears.
fn progress(run: &Run, step: &str) -> String {
    let standing = match (run.standing(), step) {
        (Standing::Queued, _) => "waits for its turn".to_owned(),
        (Standing::Running | Standing::Ended(_), "") => "goes on".to_owned(),
        (Standing::Running | Standing::Ended(_), step) => step.to_owned(),
    };
    format!("{} {}: {standing} (run {})", run.queue, run.tool, run.id).chars().take(LONGEST_PROGRESS).collect()
}
