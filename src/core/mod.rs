//! What every front end shares: context, clock, settings, clients, stores, effects.
//!
//! Nothing else moves in; a helper without a name of its own has no home here.

pub mod access;
pub mod build_data_cache;
pub mod cache;
pub mod clients;
pub mod clock;
pub mod config;
pub mod context;
pub mod effects;
pub mod error;
pub mod journal;
pub mod lock;
pub mod log_file;
pub mod records;
pub mod run_logs;
pub mod statebox;
