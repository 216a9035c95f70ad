//! Background passes: each is one idempotent look at the world that takes no hint of what changed.

pub mod approval_checker;
