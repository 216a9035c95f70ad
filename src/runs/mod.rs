//! Requests that outlive their caller, and who confirmed what.
//!
//! Refuses: transports, wording, rules about releases.

pub mod consents;
