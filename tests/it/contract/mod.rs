//! Clients and simulator against each other: one file per service.
//!
//! Each file lets the client carry out every operation, then in outages, then tells what the
//! simulator refuses when somebody asks it without the client.

mod stage;

mod build_data;
mod catalog_stage;
mod customer_portal;
mod errata;
mod gangway;
mod gates;
mod github;
mod gitlab;
mod jenkins;
mod jira;
mod journal;
mod prow;
mod registry;
mod release_controller;
mod signatures;
mod slack;
mod way_out;
