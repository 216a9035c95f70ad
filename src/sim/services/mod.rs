//! One file per service id: its facts, its routes, its rule for credentials, what it hears of others.
//!
//! Every service has the same four front ends: `X::new(plan, base_url, rng)`, `router()` with paths below
//! `/<id>`, `refuse(path, headers, credentials)` and `hear(facts, event)`. Shared by several and no service
//! themselves: `images` (what a release is made of), `people` (who exists), `wire` (reading requests, writing
//! answers) and, in tests, `visitor`.

pub mod build_data;
pub mod catalog;
pub mod catalog_stage;
pub mod customer_portal;
pub mod errata;
pub mod gangway;
pub mod github;
pub mod gitlab;
pub mod images;
pub mod jenkins;
pub mod jira;
pub mod koji;
pub mod people;
pub mod prow;
pub mod registry;
pub mod release_controller;
pub mod signatures;
pub mod slack;
#[cfg(test)]
mod visitor;
pub(in crate::sim) mod wire;
