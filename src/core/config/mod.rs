//! Settings, sealed settings and credentials, and where each value came from.
//!
//! Read once at the start and never changed. Refuses: reading the environment anywhere but in
//! `env.rs`, telling a secret, contacting a service.

pub mod credentials;
pub mod env;
pub mod error;
pub mod http;
pub mod jwe;
pub mod pull_secret;
pub mod seal;
pub mod sealed;
pub mod secret;
pub mod services;
pub mod settings;
pub mod sources;
