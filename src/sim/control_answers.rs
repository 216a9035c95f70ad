//! What the control of a world answers to those who rehearse by hand: the same types on both ends.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sim::disturbances::gateway::Bucket;
use crate::sim::events::Event;
use crate::sim::facts::actors::PersonAction;

/// Where a world stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorldStatus {
    /// Virtual time.
    pub now: Timestamp,
    /// Nothing happens by itself.
    pub paused: bool,
    /// The release, X.Y.Z.
    pub release: String,
    /// Its date, year-month-day.
    pub release_date: String,
    /// Is its build promoted?
    pub promoted: bool,
    /// Did the stage release succeed?
    pub stage_released: bool,
    /// State of the shipment merge request.
    pub merge_request: Option<String>,
    /// State by number.
    pub advisories: BTreeMap<u64, String>,
    /// Can customers see the advisory?
    pub page_public: bool,
    /// Are rate limits on?
    pub limits: bool,
    /// How many rules for faults there are.
    pub faults: usize,
    /// How many requests no route knew.
    pub unmatched: usize,
    /// What happens next by itself.
    pub coming: Vec<ComingEvent>,
    /// What people did.
    pub actions: Vec<PersonAction>,
}

/// An event with its time.
#[derive(Debug, Serialize, Deserialize)]
pub struct ComingEvent {
    /// When, virtual time.
    pub at: Timestamp,
    /// Its name.
    pub event: String,
}

impl From<&(Timestamp, Event)> for ComingEvent {
    fn from((at, event): &(Timestamp, Event)) -> Self {
        Self { at: *at, event: event.called() }
    }
}

/// What became of an event that was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Happened {
    /// Was anything done?
    pub applied: bool,
    /// Its name.
    pub event: String,
    /// What was done; nothing when there was nothing to do.
    pub done: Option<String>,
    /// What follows by itself.
    pub follows: Vec<ComingEvent>,
}

/// The events that can be asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventNames {
    /// Their names.
    pub events: Vec<String>,
    /// What each of them does.
    pub meanings: IndexMap<String, String>,
}

/// The time of a world.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorldTime {
    /// Virtual time.
    pub now: Timestamp,
}

/// Does anything happen by itself?
#[derive(Debug, Serialize, Deserialize)]
pub struct Paused {
    /// Does nothing happen by itself?
    pub paused: bool,
}

/// The rate limits, and how many starts the job gateway grants.
#[derive(Debug, Serialize, Deserialize)]
pub struct LimitsInForce {
    /// Are they on?
    pub limits: bool,
    /// What the gateway grants; nothing for all that is asked.
    pub gateway: Option<Bucket>,
}
