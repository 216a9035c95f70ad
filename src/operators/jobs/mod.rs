//! Test jobs of builds: a stream is watched (`watch`), a record is judged (`judge`), people change something by hand
//! (`manual`), one job is run (`run_job`; which one a name means: `known_jobs`) or its run is looked at (`prow_run`), old
//! records are archived (`retention`), the tests of a component are listed (`ci_tests`). What they share: the lease and
//! what is written under it (`job_writer`), what stands on the branches (`job_files`), one run after the other that is triggered
//! (`trigger`) and found again by the label of its start (`start_label`), and what came of it (`report`).
//!
//! Refuses: rules (those of `domain`), knowing when it is called next.

pub mod ci_tests;
pub mod gone;
pub mod job_files;
pub mod job_writer;
pub mod judge;
pub mod known_jobs;
pub mod manual;
mod payload_label;
pub mod prow_run;
pub mod report;
pub mod retention;
pub mod run_job;
mod start_label;
mod trigger;
pub mod watch;
