//! What people and programs read: reports, plans, errors and notices as text and as typed documents.
//!
//! Refuses: deciding anything, exit codes, colour and width (the front end's).

pub mod active_releases;
pub mod comparison;
pub mod documents;
pub mod evaluation;
pub mod issues;
pub mod job;
pub mod jobs;
pub mod json;
pub mod manual;
pub mod metadata;
pub mod plan;
pub mod preview;
pub mod registries;
pub mod report;
pub mod shipped;
pub mod state_files;
pub mod status;
pub mod styled;
pub mod text;
