//! What is done to a release: `execute.rs` is the one way into a task (`dispatch.rs` lists them, `record.rs` writes the
//! end down, `notify.rs` says what people are informed of), `preview.rs` the one answer to what a change would do (as
//! the facts of `previewed.rs`). `tasks/` has one file per task, `views/` what is looked at, `manual/` what people
//! change by hand, `jobs/` what is done for builds and their test records, `steps/` pieces that several tasks need.
//!
//! An operator reads like the procedure an engineer would explain. Refuses: naming another operator
//! (shared pieces live in `steps/`, shared rules in `domain`), retries, exit codes, rendering.

mod dispatch;
pub mod error;
pub mod execute;
pub mod jobs;
pub mod manual;
pub mod notify;
pub mod preview;
pub mod previewed;
mod record;
pub mod report;
pub mod request;
pub mod run;
pub mod run_log;
pub mod steps;
pub mod tasks;
pub mod views;
