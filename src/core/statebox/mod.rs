//! The release state: compare-and-swap of one file on GitHub, in a Git repository or in a directory.
//!
//! Refuses: rules about tasks and issues; they live in `domain::state`.

pub mod cas;
pub mod directory;
pub mod error;
#[cfg(test)]
mod fake_github;
pub mod git_dir;
pub mod later;
pub mod repo;
pub mod unsent;
