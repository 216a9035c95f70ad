//! Requests that outlive their caller, and who confirmed what.
//!
//! `executor` carries out what changes something, in order for each subject, and lets nobody end it by leaving;
//! `store` keeps a file of each run and `logs` what it said; `worker` is the thread on which calls are carried
//! out; `consents` knows what people confirmed. Who asked is a value here.
//!
//! Refuses: front ends and transports, wording, rules about releases.

pub mod consents;
pub mod executor;
pub mod logs;
pub mod store;
pub mod worker;
