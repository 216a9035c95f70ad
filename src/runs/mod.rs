//! Requests that outlive their caller, and who confirmed what.
//!
//! `run` is what is asked and how it ended. `executor` carries runs out, in order for each subject, and lets nobody
//! end one by leaving; `store` keeps a file of each (`record`) and `logs` what it said; `progress` is what
//! whoever waits hears; `worker` is the thread on which calls are carried out; `approval_store` keeps what people
//! were asked and confirmed (`approval`). Who asked is a value here, and the document
//! that a run ends with is made by whoever asked.
//!
//! Refuses: front ends and transports, wording, rules about releases.

pub mod approval;
pub mod approval_store;
pub mod executor;
pub mod logs;
pub mod progress;
pub mod record;
pub mod run;
pub mod store;
pub mod worker;
