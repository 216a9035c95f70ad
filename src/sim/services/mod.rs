//! One file per service id: its routes, its rule for credentials, what it hears of others. `table` lists them.
//!
//! What is true of a service is in `facts`, file of the same name; here is how it shows that and what changes it.
//! Refuses: our clients and their types.

pub mod build_data;
pub mod catalog;
pub mod catalog_stage;
pub mod customer_portal;
pub mod errata;
pub mod gangway;
pub mod github;
pub mod gitlab;
pub mod jenkins;
pub mod jira;
pub mod koji;
pub mod kube;
pub mod prow;
pub mod registry;
pub mod release_controller;
pub mod signatures;
pub mod slack;
pub mod table;
#[cfg(test)]
mod visitor;
