//! Repetition by class: the one place of the clients that tries a request again.
//!
//! A client method gives the class, the global setting `http.tries` how often, and this file the pace. One
//! loop stands above it: `core::statebox::cas` repeats a whole compare-and-swap (read, apply, write over
//! exactly what was read) with limits of its own, `state.tries`.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::error::{ClientError, Fault, Quote};
use crate::core::clock::Clock;

/// What repeating an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Reads only; repeat freely.
    Reads,
    /// Writes, but repeating gives the same end state.
    Converges,
    /// May already have happened: look before repeating. Called through `core::effects`; the one exception is
    /// the state file on GitHub, where `core::statebox` reads again and sees whether its write arrived.
    LookFirst,
    /// Would happen twice. Called through `core::effects`.
    Never,
}

/// A longer `Retry-After` than this is not waited for: the caller tells the person instead.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Runs `call` until it succeeds, fails for good, or `tries` are used up.
///
/// Reads and converging writes are repeated on outages, and when an answer cannot be read: it may have been cut off, or
/// somebody in between (proxy, log-in, maintenance) gave it. The other classes are repeated only when the request
/// certainly did nothing: no connection, or too many requests.
pub(super) async fn with_retries<T, F>(
    repeat: Repeat,
    tries: u32,
    clock: &Clock,
    cancel: &CancellationToken,
    call: impl FnMut() -> F,
) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let pace = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(60))
        .with_max_times(usize::try_from(tries.saturating_sub(1)).unwrap_or(2))
        .with_jitter()
        .with_jitter_seed(clock.chance());
    let (waiting, stopped) = (clock.clone(), cancel.clone());
    // What the service itself said, when it is not asked any more at the next try.
    let mut last_refusal: Option<(Fault, Option<Box<Quote>>)> = None;
    let ended = call
        .retry(pace)
        .sleep(move |length: Duration| {
            let (clock, cancel) = (waiting.clone(), stopped.clone());
            async move {
                let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::from_secs(60));
                clock.pause(length, &cancel).await;
            }
        })
        .when(|error: &ClientError| !cancel.is_cancelled() && may_repeat(repeat, error))
        .adjust(|error: &ClientError, planned| match (planned, error.retry_after_s) {
            (Some(planned), Some(wanted)) => {
                let wanted = Duration::from_secs(wanted);
                (wanted <= LONGEST_WAIT).then(|| planned.max(wanted))
            }
            (planned, None) => planned,
            (None, Some(_)) => None,
        })
        .notify(|error: &ClientError, _| last_refusal = Some((error.fault.clone(), error.said.clone())))
        .await;
    ended.map_err(|error| match last_refusal {
        Some((fault, said)) if error.is_held_back() => ClientError { fault, said, ..error },
        Some(_) | None => error,
    })
}

fn may_repeat(repeat: Repeat, error: &ClientError) -> bool {
    match repeat {
        // Waiting for that is the caller's decision: it takes a minute at least.
        _ if error.is_held_back() => false,
        Repeat::Reads | Repeat::Converges => error.is_transient() || error.is_garbled(),
        Repeat::LookFirst | Repeat::Never => matches!(error.fault, Fault::Unreachable | Fault::RateLimited(_)),
    }
}
