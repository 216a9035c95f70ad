//! Channels, groups and messages of Slack.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::sim::facts::accounts::Person;
use crate::sim::scenario::ReleasePlan;
use crate::sim::wire;

pub(in crate::sim) const TEAM: &str = "T0SIM0001";

pub(in crate::sim) const BOT_USER: &str = "U0SIM0BOT";

pub(in crate::sim) const BOT: &str = "B0SIM0BOT";

/// What Slack knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Slack {
    /// Everything that was posted, oldest first.
    pub messages: Vec<Message>,
    /// Channels: id → name.
    pub channels: BTreeMap<String, String>,
    /// Names of channels that do not exist; any other name does.
    pub unknown_channels: Vec<String>,
    /// Names of archived channels.
    pub archived: Vec<String>,
    /// Names of channels that the bot is not in.
    pub not_in: Vec<String>,
    /// Scopes that the token of the bot lacks.
    pub lacking: Vec<&'static str>,
    /// Groups: id → handle.
    pub groups: BTreeMap<String, String>,
    /// Answer one request per second and channel only.
    pub limited: bool,
    /// When the world began.
    pub since: Option<Timestamp>,
}

/// One posted message.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Id of the channel.
    pub channel: String,
    /// Name of the channel, without the hash sign.
    pub channel_name: String,
    /// Text as sent.
    pub text: String,
    /// The message it answers.
    pub thread: Option<String>,
    /// Its id: seconds and a counter.
    pub ts: String,
    /// When it was posted.
    pub at: Timestamp,
    /// Metadata as sent.
    pub metadata: Option<Value>,
}

/// Channels and groups there are from the start; others appear when they are named.
pub(in crate::sim) const CHANNELS: [&str; 4] = ["team-qe-release", "forum-ocp-release", "team-art", "forum-qe"];

pub(in crate::sim) const GROUPS: [&str; 4] =
    ["example-qe-release", "example-qe", "release-artists-example", "example-docs-approvers"];

impl Slack {
    /// Slack as the plan's release finds it.
    pub fn new(plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut slack = Self { since: Some(plan.start), limited: plan.disturbances.limits, ..Self::default() };
        for name in CHANNELS {
            slack.channels.insert(channel_id(name), name.to_owned());
        }
        let lead = format!("rel-lead-{}", plan.release.minor()).replace('.', "");
        for handle in GROUPS.into_iter().chain([lead.as_str()]) {
            slack.add_group(handle);
        }
        slack
    }

    /// Adds a group of people.
    pub fn add_group(&mut self, handle: &str) {
        let id = format!("S{}", wire::sha1_hex(handle.as_bytes())[..9].to_uppercase());
        self.groups.insert(id, handle.to_owned());
    }

    /// Finds a channel by id or name; an unknown name becomes a channel unless a scenario denies it.
    pub(in crate::sim) fn channel(&mut self, wanted: &str) -> Option<(String, String)> {
        if let Some(name) = self.channels.get(wanted) {
            return Some((wanted.to_owned(), name.clone()));
        }
        let name = wanted.trim_start_matches('#');
        let fits = !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !self.unknown_channels.iter().any(|unknown| unknown == name);
        if !fits {
            return None;
        }
        let looks_like_id = name.len() >= 9 && name.starts_with('C') && name.chars().all(|c| !c.is_lowercase());
        let id = if looks_like_id { name.to_owned() } else { channel_id(name) };
        self.channels.insert(id.clone(), name.to_owned());
        Some((id, name.to_owned()))
    }
}

pub(in crate::sim) fn channel_id(name: &str) -> String {
    format!("C{}", wire::sha1_hex(name.as_bytes())[..9].to_uppercase())
}

pub(in crate::sim) fn user_id(person: &Person) -> String {
    format!("U{}", person.id.to_uppercase())
}
