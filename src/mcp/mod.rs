//! The front end for AI agents: tool calls to one request, reports and errors to structured answers.
//!
//! From top to bottom: the transports `http`, `legacy_sse` and `stdio`; `connection`, which speaks the protocol with
//! one client; `server`, what connections share; `catalog`, which knows every tool, and `runners`, command lines
//! that become tools; `tools/`, the rows by subject; `confirm`, which asks people; `tool` and `call`, what a tool is
//! and what it is given; `shared`, what all calls share; `reply`, what is answered.
//!
//! Refuses: rules about releases, calls to services, keeping runs, and answers that a program has to guess from.

pub mod answers;
pub mod arguments;
pub mod audit_line;
pub mod call;
pub mod catalog;
pub mod confirm;
pub mod confirmations;
pub mod connection;
pub mod explain;
#[cfg(feature = "conformance")]
pub mod fixtures;
pub mod health_fields;
pub mod http;
pub mod legacy_sse;
pub mod message;
pub mod next_call;
pub mod progress;
pub mod prompts;
pub mod rechecks;
pub mod reply;
pub mod request_ids;
pub mod resources;
pub mod run_document;
pub mod runners;
pub mod server;
pub mod session_count;
pub mod session_limits;
pub mod shared;
pub mod stdio;
pub mod stored;
pub mod task_reply;
pub mod text;
pub mod tool;
pub mod tools;
