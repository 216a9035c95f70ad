//! The state file of one release: read tolerantly, changed by operations, written byte for byte as
//! the original writes it.
//!
//! Refuses: I/O. Stores live in `core::statebox`.

pub mod document;
pub mod emitter;
pub mod entries;
pub mod error;
pub mod operation;
pub mod reader;
pub mod scalar;
pub mod view;
