//! One file per toolset: each row says what a tool is called, what it takes, and what it does.
//!
//! Refuses: rules, calls to services, formatting beyond [`super::reply::Reply`].

pub mod admin;
pub mod analysis;
pub mod explain;
pub mod issues;
pub mod jobs;
pub mod runners;
pub mod runs;
pub mod status;
pub mod stored;
pub mod tasks;
