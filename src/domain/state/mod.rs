//! The state file of one release: read tolerantly, changed by operations, written byte for byte as
//! the original writes it.
//!
//! Refuses: I/O. Stores live in `core::statebox`.
