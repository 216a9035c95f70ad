//! What is true of each service: data and the rules that need nothing else.
//!
//! Beside the services' own files: `images` (what a release is made of), `accounts` (who exists), `actors` (what
//! people and pipelines remember), `elliott`. Refuses: HTTP, the world around them, and other services' changes.

pub mod accounts;
pub mod actors;
pub mod build_data;
pub mod catalog;
pub mod catalog_stage;
pub mod customer_portal;
pub mod elliott;
pub mod errata;
pub mod github;
pub mod gitlab;
pub mod images;
pub mod jenkins;
pub mod jira;
pub mod koji;
pub mod kube;
pub mod prow;
pub mod registry;
pub mod release_controller;
pub mod signatures;
pub mod slack;
