//! Test jobs of builds: a stream is watched (`watch`), a record is judged (`judge`), people change something by hand
//! (`by_hand`), one job is run (`run_job`). What they share: the lease and what is written under it (`tenure`), what
//! stands on the branches (`shelf`), one run after the other that is triggered (`trigger`), and what came of it
//! (`report`).
//!
//! Refuses: rules (those of `domain`), knowing when it is called next.

pub mod by_hand;
pub mod gone;
pub mod judge;
mod payload_label;
pub mod report;
pub mod shelf;
pub mod tenure;
mod trigger;
pub mod watch;
