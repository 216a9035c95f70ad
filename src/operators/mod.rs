//! One file per task; `execute.rs` is the one way in, `preview.rs` says what it would do, `dispatch.rs` the list of them. Beside them are views of a release
//! (`status`, `metadata`, `is_shipped`, …) and changes by hand (`issues`, `update_task_status`).
//!
//! An operator reads like the procedure an engineer would explain. Refuses: naming another operator
//! (shared pieces live in `steps/`, shared rules in `domain`), retries, exit codes, rendering.

mod dispatch;
pub mod error;
pub mod execute;
pub mod foreseen;
pub mod manual;
pub mod preview;
mod record;
pub mod report;
pub mod request;
pub mod run;
pub mod run_log;
pub mod steps;
pub mod tasks;
pub mod views;
