//! One file per service; every request leaves through `http.rs`.
//!
//! No service themselves, but shared by the clients: `http`, `retry`, `pacer`, `negotiate`
//! (Kerberos), `error`, `process` (external programs: `elliott` runs through it) and, in tests, `loopback`.
//!
//! A client turns one operation into one request and the answer into domain types. Refuses: rules
//! about releases, knowledge of tasks, other clients.

pub mod brew_download;
pub mod build_data;
pub mod catalog;
pub mod catalog_stage;
pub mod customer_portal;
pub mod elliott;
pub mod errata;
pub mod error;
pub mod gangway;
pub mod github;
pub mod gitlab;
pub mod http;
pub mod jenkins;
pub mod jira;
pub mod koji;
pub mod kube;
#[cfg(test)]
pub(crate) mod loopback;
pub mod negotiate;
pub mod oauth;
pub mod pacer;
pub mod process;
pub mod prow;
pub mod registry;
pub mod release_controller;
pub mod retry;
pub mod signatures;
pub mod slack;
