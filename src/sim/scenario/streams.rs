//! What release streams do beside the release: builds of other minors, and streams that mislead.

use jiff::SignedDuration;

use crate::domain::release::Minor;

/// Builds beside those of the release. By default there are none, and no stream misleads.
#[derive(Debug, Clone, Default)]
pub struct Streams {
    /// Minors with streams, a registry, an older nightly and a stable build.
    pub minors: Vec<Minor>,
    /// How many nightlies of each appear within the first day, for amd64.
    pub nightlies: u32,
    /// Whether a stable build of each appears within the first day.
    pub stables: bool,
    /// Of a hundred nightlies, so many are rejected by the release controller itself.
    pub rejected_percent: u32,
    /// Streams that mislead for a while.
    pub odd: Vec<Odd>,
    /// The original is still at work: it reads every open record, and starts the jobs of these minors.
    pub original: Option<Vec<Minor>>,
}

/// A stream that misleads for a while, counted from the beginning of the world.
#[derive(Debug, Clone)]
pub struct Odd {
    /// How the names of the streams begin.
    pub stream: &'static str,
    /// What they do.
    pub what: Oddity,
    /// From when.
    pub from: SignedDuration,
    /// Until when.
    pub to: SignedDuration,
}

/// How a stream misleads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// The newest accepted build of each minor is gone: the one before it seems to be the latest.
    Back,
    /// Every answer is 500.
    Broken,
    /// `latest` does not heed the prefix: the highest version of all minors is the answer.
    Foreign,
}
