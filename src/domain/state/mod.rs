//! The state file of one release: read tolerantly, changed by operations, written byte for byte as
//! the original writes it.
//!
//! Refuses: I/O. Stores live in `core::statebox`.

pub mod apply;
pub mod check;
pub mod document;
pub mod emitter;
pub mod entries;
pub mod error;
pub mod holder;
pub mod issue_id;
mod issues;
pub mod lease;
mod lease_moves;
mod masked;
mod notices;
pub mod oddities;
pub mod operation;
pub mod overall;
mod questions;
pub mod reader;
pub mod scalar;
mod task_moves;
pub mod text;
pub mod view;
pub mod waited;
