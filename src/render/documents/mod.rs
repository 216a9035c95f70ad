//! The documents that leave as JSON: one type per document with its schema, made from what operators return.
//!
//! They are a promise to scripts: a field may be added; one that is here neither goes nor changes its type, name or
//! place. Refuses: text for people, and keys that are written anywhere else.

pub mod active_releases;
pub mod comparison;
pub mod error;
pub mod evaluation;
pub mod issues;
pub mod job;
pub mod jobs;
pub mod metadata;
pub mod plan;
pub mod program;
pub mod promotion;
pub mod reference;
pub mod registries;
pub mod rehearsal;
pub mod settings;
pub mod shipped;
pub mod state_files;
pub mod status;
pub mod task;
