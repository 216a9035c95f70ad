//! Clients and simulator against each other: one file per service.
//!
//! Each file lets the client carry out every operation, then in outages, then says what the
//! simulator refuses when somebody asks it without the client.

mod brew_download;
mod build_data;
mod catalog;
mod catalog_stage;
mod customer_portal;
mod errata;
pub(crate) mod fixture;
mod gangway;
mod gates;
mod github;
mod gitlab;
mod jenkins;
mod jira;
mod journal;
mod koji;
mod kube;
mod operation;
mod prow;
mod registry;
mod release_controller;
mod signatures;
mod slack;
mod transport;
mod way_out;
