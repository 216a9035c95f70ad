//! `oar` ships OpenShift z-stream releases.
//!
//! A module may name only modules further down the list, so reading from the top is reading from "who asks" to
//! "what is true":
//!
//! | module | what it is for |
//! |---|---|
//! | [`cli`] | front end for people and cron: arguments to one request; answer to text, JSON, exit code |
//! | [`mcp`] | front end for AI agents: tool calls to one request; answer to a structured reply |
//! | [`web`] | front end for browsers and probes: who may come in over HTTP, health, metrics, approval page |
//! | [`grammar`] | arguments to typed requests: clap definitions, what agents may run |
//! | [`render`] | what people and programs read: reports, plans, errors as text and as typed documents |
//! | [`agents`] | background passes; each looks at the world anew |
//! | [`runs`] | requests that outlive their caller, and who confirmed what |
//! | [`drive`] | look, plan, act, until only waits remain |
//! | [`operators`] | tasks, views and changes by hand, with one way into any task |
//! | [`core`] | what front ends and subjects share: context, effects, stores, clients, settings, clock |
//! | [`planner`] | from a snapshot to actions and messages; pure |
//! | [`domain`] | terms and rules, values in, values out |
//! | [`sim`] | beside the product: a simulated world, asked over HTTP or in memory |
//!
//! `sim` names only `domain` and `core::clock`; only `cli/commands/sim` and `cli/commands/rehearse` name `sim`.
//! docs/ARCHITECTURE.md says what each module refuses, and where to look for a change. A test
//! (`tests/it/architecture.rs`) reads every `crate::` path and fails on a wrong arrow.

pub mod cli;

pub mod mcp;

pub mod web;

pub mod grammar;

pub mod render;

pub mod agents;

pub mod runs;

pub mod drive;

pub mod operators;

pub mod core;

pub mod planner;

pub mod domain;

pub mod sim;
