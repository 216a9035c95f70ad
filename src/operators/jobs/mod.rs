//! Test jobs of builds: a stream is watched (`watch`), a record is judged (`judge`), people change something by hand
//! (`by_hand`), one job is run (`run_job`; which one a name means: `known_jobs`) or its run is looked at (`prow_run`), old
//! records are archived (`retention`), the tests of a component are listed (`ci_tests`). What they share: the lease and
//! what is written under it (`tenure`), what stands on the branches (`shelf`), one run after the other that is triggered
//! (`trigger`) and found again by the label of its start (`start_label`), and what came of it (`report`).
//!
//! Refuses: rules (those of `domain`), knowing when it is called next.

pub mod by_hand;
pub mod ci_tests;
pub mod gone;
pub mod judge;
pub mod known_jobs;
mod payload_label;
pub mod prow_run;
pub mod report;
pub mod retention;
pub mod run_job;
pub mod shelf;
mod start_label;
pub mod tenure;
mod trigger;
pub mod watch;
