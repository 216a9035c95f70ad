//! One run from its turn to its end.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Executor;
use crate::domain::dates::stamp;
use crate::runs::logs::OpenLog;
use crate::runs::record::Document;
use crate::runs::run::{Ending, RunStatus, TrackedRun, Work};
use crate::runs::worker::WorkerError;

/// Waits for the turn of `run`, does its `work`, and records what came of it.
pub(super) async fn carry_out(
    runs: Arc<Executor>,
    run: Arc<TrackedRun>,
    turn: Option<CancellationToken>,
    log: Option<OpenLog>,
    work: Work,
    document: fn(Ending, &TrackedRun) -> Document,
) {
    let _released = run.released.clone().drop_guard();
    let its_turn = async || {
        if let Some(turn) = &turn {
            turn.cancelled().await;
        }
    };
    let begins = async {
        its_turn().await;
        // Asked for only now: whoever waits for its queue must not keep others from working. Nobody closes it.
        Arc::clone(&runs.slots).acquire_owned().await.ok()
    };
    let _slot = tokio::select! {
        slot = begins => slot,
        () = run.cancel.cancelled() => {
            runs.end(&run, document(Ending::NeverBegan, &run));
            drop(log);
            // Those behind this one wait for the same run.
            its_turn().await;
            return;
        }
    };
    // Set once: a run begins once.
    let _ = run.began_at.set(stamp(runs.clock.now()));
    run.status.send_replace(RunStatus::Running);
    runs.keep(&run);
    let (id, cancel) = (run.id.clone(), run.cancel.clone());
    let (longest, grace) = (runs.limit(run.tool), runs.limits.grace);
    let worked = Arc::clone(&run);
    let ended = runs.worker.run(move || {
        let span = tracing::info_span!("run", run_id = id);
        async move {
            let (tool, queue) = (worked.tool, &worked.queue);
            tracing::debug!("{tool} of {queue} begins");
            let document = document(within(longest, grace, cancel, work).await, &worked);
            let summary = document.get("summary").and_then(Value::as_str).unwrap_or_default();
            tracing::debug!("{tool} of {queue} ended: {summary}");
            document
        }
        .instrument(span)
        .boxed_local()
    });
    let ended = ended.await.unwrap_or_else(|error| match error {
        WorkerError::Closed => document(Ending::Stopped, &run),
        WorkerError::Panicked => document(Ending::Panicked, &run),
    });
    drop(log);
    runs.end(&run, ended);
    runs.store.tidy(runs.limits.keep, runs.limits.days, runs.clock.now());
}

/// Work is asked to end, never torn off: it ends at its next safe point and records what it did. Only work
/// that does not listen is left behind.
async fn within(limit: Duration, grace: Duration, cancel: CancellationToken, work: Work) -> Ending {
    let mut work = work(cancel.clone());
    let ends = async {
        tokio::select! {
            answer = &mut work => Some(answer),
            () = cancel.cancelled() => None,
        }
    };
    let out_of_time = match tokio::time::timeout(limit, ends).await {
        Ok(Some(answer)) => return Ending::Answered(answer),
        Ok(None) => false,
        Err(_) => true,
    };
    cancel.cancel();
    match tokio::time::timeout(grace, work).await {
        Ok(answer) if out_of_time && answer.is_cancelled => Ending::TimedOut { limit, answer },
        Ok(answer) => Ending::Answered(answer),
        Err(_) if out_of_time => Ending::LeftAfter { limit },
        Err(_) => Ending::LeftWhenCancelled,
    }
}
