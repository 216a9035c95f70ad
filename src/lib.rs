//! `oar` ships OpenShift z-stream releases.
//!
//! This is the map of the house. A module may name only modules further down the list, so reading
//! from the top is reading from "who asks" to "what is true":
//!
//! | room | what it is for |
//! |---|---|
//! | [`cli`] | the door for people and cron: words to one request; report or error to text, JSON, exit code |
//! | [`mcp`] | the door for AI agents: tool calls to one request; report or error to a structured answer |
//! | [`web`] | the door for browsers and probes: who may come in over HTTP, health, metrics, the approval page |
//! | [`agents`] | background passes; each looks at the world anew |
//! | [`drive`] | look, plan, act, until only waits remain |
//! | [`operators`] | one file per task, `run` as the only way in; views and changes by hand beside them |
//! | [`planner`] | from a snapshot to actions and messages; pure |
//! | [`core`] | what all doors share: context, clock, settings, clients, stores, effects |
//! | [`domain`] | words and rules, values in, values out |
//! | [`sim`] | the stage beside the house: a simulated world behind real HTTP |
//!
//! `sim` names only `domain` and `core::clock`; only `cli/sim.rs`, `cli/rehearse.rs` and the files in their
//! folders name `sim`. docs/ARCHITECTURE.md says what each room refuses, and where to look for a change.
//! A test (`tests/it/architecture.rs`) reads every `crate::` path and fails on a wrong arrow.

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
