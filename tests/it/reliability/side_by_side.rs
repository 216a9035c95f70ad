//! Many whole releases on all processors.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use tokio::runtime::{Builder, Runtime};

/// Threads carry a whole program each.
const STACK: usize = 16 << 20;

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Plays every case; what was found wrong, in no order.
pub(super) fn side_by_side<C: Sync>(cases: &[C], play: &(impl AsyncFn(&C) -> Option<String> + Sync)) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                let runtime = runtime();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = runtime.block_on(AssertUnwindSafe(play(case)).catch_unwind());
                    let found = played.unwrap_or_else(|_| Some("a panic, see above".to_owned()));
                    wrong.lock().expect("nobody panics here").extend(found);
                }
            };
            std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).expect("a thread");
        }
    });
    wrong.into_inner().expect("nobody panics here")
}
