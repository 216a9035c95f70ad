//! What front ends and subjects share, in this order: a folder names only those further down.
//!
//! Refuses: anything else. A helper without a name of its own has no place here; it stays where it is used.

pub mod context;

pub mod notices;

pub mod effects;

pub mod access;

pub mod statebox;

pub mod clients;

pub mod config;

pub mod transport;

pub mod error;

pub mod lock;

pub mod machine;

pub mod permit;

pub mod cache;

pub mod proven;

pub mod clock;
