//! Files of the state repository: compare-and-swap of one state file on GitHub, in a Git repository or in a
//! directory, what waits for it on this machine, and the leases under which it is written; records and registries
//! are read from the same store.
//!
//! Refuses: rules about tasks and issues; they live in `domain::state`.

pub mod cas;
pub mod directory;
pub mod error;
#[cfg(test)]
mod fake_github;
pub mod fence;
pub mod file;
pub mod git_dir;
pub mod lease;
pub mod outbox;
mod recent;
pub mod record_files;
pub mod records;
pub mod repo;
pub mod state_box;
pub mod unsent;
