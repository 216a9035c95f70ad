//! Test jobs of builds: a stream is watched (`watch`), a record is judged (`judge`), people change something by hand
//! (`by_hand`), one job is run (`run_job`, by its name: `named`) or looked at (`one_run`), old records are archived (`retention`), jobs are listed (`defined`). What they share: the lease and what is written under it (`tenure`), what
//! stands on the branches (`shelf`), one run after the other that is triggered (`trigger`) and found again
//! (`labelled`), and what came of it (`report`).
//!
//! Refuses: rules (those of `domain`), knowing when it is called next.

pub mod by_hand;
pub mod defined;
pub mod gone;
pub mod judge;
mod labelled;
pub mod named;
pub mod one_run;
mod payload_label;
pub mod report;
pub mod retention;
pub mod run_job;
pub mod shelf;
pub mod tenure;
mod trigger;
pub mod watch;
