//! The arguments of `oar rehearse`.

use std::path::PathBuf;

use clap::Args;

use super::sim::rate;
use crate::domain::release::ZStream;

/// Rehearse a whole release.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The release; 4.20.17 when none is given
    #[arg(value_name = "RELEASE")]
    pub rehearsed: Option<ZStream>,
    /// Which world; `oar sim scenarios` lists them
    #[arg(long, value_name = "NAME", default_value = "smooth", conflicts_with = "from")]
    pub scenario: String,
    /// Go on from a real state file
    #[arg(long, value_name = "STATE.yaml", conflicts_with = "rehearsed")]
    pub from: Option<PathBuf>,
    /// Let simulated people do what the plan asks of them
    ///
    /// ART, product security, administrators and the release lead act as the steps of the plan say, at most
    /// twenty times; what each of them does is reported with "person (…)".
    #[arg(long)]
    pub people_help: bool,
    /// A world with few images, for tests of slow builds
    #[arg(long, hide = true)]
    pub small: bool,
    /// Ask the simulator over sockets instead of within the process
    #[arg(long, hide = true)]
    pub sockets: bool,
    /// Seed of all chance
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Chance per request of one random fault, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub faults: f64,
    /// Write every request of the rehearsal to this file, one JSON line each
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Keep the state file and the journal in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}
