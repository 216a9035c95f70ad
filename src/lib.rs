//! `oar` ships OpenShift z-stream releases.
//!
//! This is the map of the house. A module may name only modules further down the list, so reading
//! from the top is reading from "who asks" to "what is true":
//!
//! | room | what it is for |
//! |---|---|
//! | [`cli`] | the door for people and cron: arguments → one request, report → text or JSON |
//! | [`mcp`] | the door for AI agents: tool calls → one request, report → structured answer |
//! | [`web`] | the door for browsers and probes: who may come in, health, approval pages |
//! | [`agents`] | background passes: each is one idempotent look at the world |
//! | [`drive`] | gathers the world, asks the planner, carries the plan out, tells what happened |
//! | [`operators`] | one file per task; `run.rs` is the one way into any of them |
//! | [`planner`] | what follows from what: pure, no clock, no I/O |
//! | [`core`] | what every door shares: context, clock, settings, clients, stores, effects |
//! | [`domain`] | words and rules: values in, values out |
//! | [`sim`] | the stage beside the house: a simulated world behind real HTTP |
//!
//! `sim` names only `domain` and `core::clock`, and only `cli/sim.rs` and `cli/rehearse.rs` name
//! `sim`. A test (`tests/it/architecture.rs`) reads every `crate::` path and fails on a wrong arrow.

pub mod cli;

pub mod mcp;

pub mod web;

pub mod agents;

pub mod drive;

pub mod operators;

pub mod planner;

pub mod core;

pub mod domain;

pub mod sim;
