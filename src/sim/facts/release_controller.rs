//! Streams and tags of the release controller.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::release::{Minor, ZStream};
use crate::sim::scenario::ReleasePlan;
use crate::sim::scenario::streams::{Odd, Oddity};

/// Suffixes of stable streams per architecture, with the payload's spelling.
pub(in crate::sim) const STABLE: [(&str, &str); 5] =
    [("", "x86_64"), ("-arm64", "aarch64"), ("-ppc64le", "ppc64le"), ("-s390x", "s390x"), ("-multi", "multi")];

/// Streams by name, their tags newest first.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseController {
    pub(in crate::sim) base: String,
    pub(in crate::sim) streams: IndexMap<String, Vec<Tag>>,
    /// The change log of the release has been rendered.
    pub change_log: bool,
    #[serde(skip)]
    odd: Vec<Odd>,
    #[serde(skip)]
    since: Timestamp,
}

/// Transitions of this service.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A nightly has been made of a minor (phase Ready).
    Nightly {
        /// Which minor.
        minor: Minor,
    },
    /// A stable build has been made (phase Ready).
    Stable {
        /// Which.
        release: ZStream,
    },
    /// The controller's own jobs have ended.
    Judged {
        /// The build.
        name: String,
        /// `Accepted` or `Rejected`.
        phase: &'static str,
    },
}

/// One payload in a stream.
#[derive(Debug, Clone, Serialize)]
pub struct Tag {
    pub(in crate::sim) name: String,
    pub(in crate::sim) phase: &'static str,
    pub(in crate::sim) pull_spec: String,
    pub(in crate::sim) created: Timestamp,
    /// Architecture as payload tags spell it; nightlies have no payload here.
    pub(in crate::sim) arch: Option<&'static str>,
}

impl ReleaseController {
    /// The candidates and the release that is already public; of other minors a nightly and a stable build each.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut controller = Self {
            base: format!("{base_url}/release_controller"),
            streams: IndexMap::new(),
            change_log: false,
            odd: plan.streams.odd.clone(),
            since: plan.start,
        };
        if !plan.begins_with_candidate {
            controller.add_candidates(plan, "Accepted");
        }
        for (suffix, arch) in STABLE {
            let tags = plan.previous.iter().map(|previous| payload(previous, arch, "Accepted", plan.start)).collect();
            controller.streams.insert(format!("{}{suffix}", stable_stream(&plan.release)), tags);
        }
        for minor in plan.streams.minors.iter().filter(|minor| **minor != plan.release.minor()) {
            controller.begin_minor(*minor, plan.start);
        }
        for minor in &plan.streams.minors {
            let newer = |other: &Minor| other.major() == minor.major() && other.minor() > minor.minor();
            if !plan.streams.minors.iter().any(newer) {
                let preview = format!("{}.{}.0-ec.1", minor.major(), minor.minor() + 1);
                controller.add_stable(preview.parse().ok(), "Accepted", plan.start);
            }
        }
        controller
    }

    /// The nightlies of the release, and the multi payload of the same hour that no candidate names.
    pub(in crate::sim) fn add_candidates(&mut self, plan: &ReleasePlan, phase: &'static str) -> Vec<String> {
        let multi = plan.nightly().map(|candidate| candidate.replacen(".nightly-", ".nightly-multi-", 1));
        let names: Vec<String> = plan.nightlies.values().cloned().chain(multi).collect();
        for name in &names {
            self.add(nightly_stream(name), nightly(name, phase, plan.start));
        }
        names
    }

    /// What a minor has when the world begins.
    fn begin_minor(&mut self, minor: Minor, start: Timestamp) {
        let made = start.saturating_sub(SignedDuration::from_hours(20)).unwrap_or(start);
        for (suffix, _) in STABLE {
            let name = nightly_name(minor, suffix, made);
            self.add(nightly_stream(&name), nightly(&name, "Accepted", made));
        }
        for patch in [minor.minor() + 1, minor.minor() + 2] {
            self.add_stable(format!("{minor}.{patch}").parse().ok(), "Accepted", made);
        }
    }

    /// The newest tag of a stream.
    pub(in crate::sim) fn add(&mut self, stream: &str, tag: Tag) {
        let tags = self.streams.entry(stream.to_owned()).or_default();
        if tags.iter().all(|known| known.name != tag.name) {
            tags.insert(0, tag);
        }
    }

    /// A stable build of every architecture.
    pub(in crate::sim) fn add_stable(&mut self, release: Option<ZStream>, phase: &'static str, now: Timestamp) {
        let Some(release) = release else { return };
        for (suffix, arch) in STABLE {
            self.add(&format!("{}{suffix}", stable_stream(&release)), payload(&release, arch, phase, now));
        }
    }

    /// How a stream misleads now.
    pub(in crate::sim) fn oddity(&self, stream: &str, now: Timestamp) -> Option<Oddity> {
        let age = now.duration_since(self.since);
        let odd = self.odd.iter().find(|odd| stream.starts_with(odd.stream) && age >= odd.from && age < odd.to)?;
        Some(odd.what)
    }

    /// The tags of a stream that it shows now, newest first.
    pub(in crate::sim) fn shown(&self, stream: &str, now: Timestamp) -> Option<Vec<&Tag>> {
        let tags = self.streams.get(stream)?;
        if self.oddity(stream, now) != Some(Oddity::Back) {
            return Some(tags.iter().collect());
        }
        let is_newest = |tag: &Tag| {
            let mut of_minor = tags.iter().filter(|other| other.phase == "Accepted" && other.minor() == tag.minor());
            of_minor.next().is_some_and(|newest| newest.name == tag.name) && of_minor.next().is_some()
        };
        Some(tags.iter().filter(|tag| !is_newest(tag)).collect())
    }

    /// Does that change anything?
    /// A build is collected: no stream names it any more.
    pub fn forget(&mut self, build: &str) {
        self.streams.values_mut().for_each(|tags| tags.retain(|tag| tag.name != build));
    }

    pub(in crate::sim) fn set_phase(&mut self, name: &str, phase: &'static str) -> bool {
        let mut changed = false;
        for tag in self.streams.values_mut().flatten().filter(|tag| tag.name == name && tag.phase != phase) {
            (tag.phase, changed) = (phase, true);
        }
        changed
    }

    pub(in crate::sim) fn short(&self, tag: &Tag) -> Value {
        json!({
            "name": tag.name,
            "phase": tag.phase,
            "pullSpec": tag.pull_spec,
            "downloadURL": format!("{}/artifacts/{}", self.base, tag.name),
        })
    }
}

impl Tag {
    /// `4.20` of the name.
    fn minor(&self) -> &str {
        self.name.match_indices('.').nth(1).map_or(self.name.as_str(), |(end, _)| &self.name[..end])
    }
}

/// The name of a nightly that is made now, with the suffix of its architecture.
pub(in crate::sim) fn nightly_name(minor: Minor, suffix: &str, now: Timestamp) -> String {
    format!("{minor}.0-0.nightly{suffix}-{}", now.strftime("%Y-%m-%d-%H%M%S"))
}

/// A nightly's tag; the repository of its payloads names the architecture when it is not the usual one.
pub(in crate::sim) fn nightly(name: &str, phase: &'static str, created: Timestamp) -> Tag {
    let stream = nightly_stream(name);
    let suffix = stream.rsplit_once(".nightly").map_or("", |(_, suffix)| suffix);
    let pull_spec = format!("registry.ci.example.com/ocp{suffix}/release{suffix}:{name}");
    Tag { name: name.to_owned(), phase, pull_spec, created, arch: None }
}

/// `4.20.0-0.nightly-arm64` of a nightly's name: all but day and time.
pub(in crate::sim) fn nightly_stream(nightly: &str) -> &str {
    nightly.rsplitn(5, '-').last().unwrap_or(nightly)
}

/// The newest accepted tag, by version, whose name begins so, and so many back from it.
pub(in crate::sim) fn latest_of<'t>(tags: Vec<&'t Tag>, prefix: &str, back: usize) -> Option<&'t Tag> {
    let fits = |tag: &&Tag| tag.phase == "Accepted" && tag.name.starts_with(prefix);
    let mut fitting: Vec<&Tag> = tags.into_iter().filter(fits).collect();
    fitting.sort_by_key(|tag| std::cmp::Reverse(semver::Version::parse(&tag.name).ok()));
    fitting.get(back).copied()
}

/// `-arm64` of a stream's name; empty for the usual architecture.
pub(in crate::sim) fn suffix_of(stream: &str) -> &'static str {
    let known = STABLE.iter().map(|(suffix, _)| *suffix);
    known.filter(|suffix| !suffix.is_empty()).find(|suffix| stream.ends_with(suffix)).unwrap_or("")
}

/// Early candidates are promoted to the preview stream.
pub(in crate::sim) fn stable_stream(release: &ZStream) -> String {
    let kind = if release.candidate().is_some_and(|pre| pre.starts_with("ec")) { "dev-preview" } else { "stable" };
    format!("{}-{kind}", release.minor().major())
}

pub(in crate::sim) fn payload(release: &ZStream, arch: &'static str, phase: &'static str, created: Timestamp) -> Tag {
    Tag {
        name: release.to_string(),
        phase,
        pull_spec: release.payload(crate::sim::facts::images::PAYLOADS, arch),
        created,
        arch: Some(arch),
    }
}
