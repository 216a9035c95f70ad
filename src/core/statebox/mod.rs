//! The release state: compare-and-swap of one file in a repository or a directory.
//!
//! Refuses: rules about tasks and issues; they live in `domain::state`.

pub mod cas;
pub mod directory;
pub mod error;
pub mod repo;
