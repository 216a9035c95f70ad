//! Settings, sealed settings and the values of credentials, and where each came from.
//!
//! Read once at the start and never changed. Refuses: reading the environment anywhere but in `env.rs`,
//! showing a secret, naming a client.

#![warn(missing_docs)]

mod choice;
pub mod credentials;
pub mod env;
pub mod errata;
pub mod error;
pub mod github_app;
pub mod hosts;
pub mod http;
pub mod jira;
pub mod jwe;
pub mod kubeconfig;
pub mod mcp;
pub mod origin;
pub mod pull_secret;
pub mod seal;
pub mod sealed;
pub mod secret;
pub mod services;
pub mod settings;
pub mod sources;
pub mod stall;
pub mod state;
