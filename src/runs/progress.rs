//! Whoever waits for a run hears of its steps and of its end.

use std::time::Duration;

use tokio::sync::watch;

use super::record::Document;
use super::run::TrackedRun;

/// Whoever waits hears of new steps at most so often.
const STEP_EVERY: Duration = Duration::from_secs(1);

/// What somebody who waits hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The run goes on; its last step, when it reported one.
    GoesOn(Option<String>),
    /// It ended with this.
    Ended(Document),
}

/// Somebody who waits for a run; whoever leaves ends nothing.
#[derive(Debug)]
pub struct Waiter<'a> {
    run: &'a TrackedRun,
    steps: Option<watch::Receiver<String>>,
}

impl<'a> Waiter<'a> {
    /// Waits for `run`.
    pub fn of(run: &'a TrackedRun) -> Self {
        Self { run, steps: run.steps() }
    }

    /// The next thing that is heard: the end, a new step, or after `longest` that it goes on.
    pub async fn next(&mut self, longest: Duration) -> Heard {
        let new_step = async {
            // Not each of many quick steps.
            let _ = tokio::time::timeout(STEP_EVERY, std::future::pending::<()>()).await;
            let more = match &mut self.steps {
                Some(steps) => steps.changed().await.is_ok(),
                None => false,
            };
            if !more {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            document = self.run.ended() => return Heard::Ended(document),
            _ = tokio::time::timeout(longest, new_step) => {}
        }
        Heard::GoesOn(self.steps.as_ref().map(|steps| steps.borrow().clone()).filter(|step| !step.is_empty()))
    }
}
