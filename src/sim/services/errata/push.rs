//! Push jobs: who may start one, and how it goes on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Advisory, Errata, ErrataEvent, State, schedule};
use crate::sim::world::Facts;

/// States of a push job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PushStatus {
    /// Created.
    Ready,
    /// Preparing.
    Running,
    /// Handed to Pub, which takes its time.
    WaitingOnPub,
    /// Pub is done, the tool tidies up.
    PostPushProcessing,
    /// Done.
    Complete,
    /// Pub gave up.
    Failed,
    /// The tidying up failed.
    PostPushFailed,
}

impl PushStatus {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::WaitingOnPub => "WAITING_ON_PUB",
            Self::PostPushProcessing => "POST_PUSH_PROCESSING",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
            Self::PostPushFailed => "POST_PUSH_FAILED",
        }
    }

    /// Whether the job still goes on.
    pub const fn active(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::WaitingOnPub | Self::PostPushProcessing)
    }
}

/// One push of one advisory to one target.
#[derive(Debug, Clone, Serialize)]
pub struct PushJob {
    /// Its number; the highest per target counts.
    pub id: u64,
    /// The advisory.
    pub advisory: u64,
    /// `cdn_stage`, `cdn_docker_stage`.
    pub target: String,
    /// Where it stands.
    pub status: PushStatus,
    /// The respin it was made for.
    pub respin: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why a push was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

/// The number after the highest known one.
pub(super) fn next_id(pushes: &BTreeMap<u64, PushJob>) -> u64 {
    pushes.keys().next_back().map_or(901, |last| last + 1)
}

fn latest<'a>(errata: &'a Errata, advisory: &Advisory) -> Option<&'a PushJob> {
    let target = advisory.content.stage_target();
    errata.pushes.values().rfind(|job| job.advisory == advisory.id && job.target == target)
}

/// Whether the newest stage push of this respin is complete.
pub(super) fn complete_since_respin(errata: &Errata, advisory: &Advisory) -> bool {
    latest(errata, advisory)
        .is_some_and(|job| job.status == PushStatus::Complete && job.respin == advisory.respin_count)
}

/// Whether QE's defaults or a named target are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `defaults=stage`: what is neither pushed nor in progress.
    Defaults,
    /// These targets, again if need be.
    Targets(Vec<String>),
}

/// Starts the jobs that are wanted and returns their numbers; empty when nothing needs pushing.
pub(super) fn start(facts: &mut Facts, id: u64, wanted: &Wanted) -> Result<Vec<u64>, Refused> {
    let errata = &facts.errata;
    let Some(advisory) = errata.advisories.get(&id) else {
        return Err(Refused("Bad URL".to_owned()));
    };
    if advisory.shipped_or_dropped() || advisory.state == State::NewFiles {
        return Err(Refused(format!("Advisory in state {} cannot be pushed to staging", advisory.state)));
    }
    if errata.guards.signed_builds && advisory.builds.values().any(|signed| !signed) {
        return Err(Refused("Packages are not signed".to_owned()));
    }
    let target = advisory.content.stage_target().to_owned();
    let active = latest(errata, advisory).is_some_and(|job| job.status.active());
    match wanted {
        Wanted::Defaults if active || complete_since_respin(errata, advisory) => return Ok(Vec::new()),
        Wanted::Defaults => {}
        Wanted::Targets(names) if names.iter().any(|name| *name != target) => {
            return Err(Refused(format!("Push target is not applicable: {}", names.join(", "))));
        }
        Wanted::Targets(_) if active => {
            return Err(Refused(format!("Push job for {target} is already in progress")));
        }
        Wanted::Targets(_) => {}
    }
    let waiting_for: Vec<String> = advisory
        .blocking_advisories
        .iter()
        .filter(|other| {
            errata
                .advisories
                .get(other)
                .is_some_and(|other| other.state != State::ShippedLive && !complete_since_respin(errata, other))
        })
        .map(u64::to_string)
        .collect();
    if !waiting_for.is_empty() {
        return Err(Refused(format!("Must push dependencies first: {}", waiting_for.join(", "))));
    }
    let job = PushJob {
        id: next_id(&errata.pushes),
        advisory: id,
        target,
        status: PushStatus::Ready,
        respin: advisory.respin_count,
        created_at: facts.now,
        updated_at: facts.now,
    };
    let push = job.id;
    facts.errata.pushes.insert(push, job);
    schedule(facts, SignedDuration::from_mins(1), ErrataEvent::PushAdvances { push });
    Ok(vec![push])
}

/// Steps before and after Pub together; the rest of the run time is Pub's.
const AROUND_PUB: SignedDuration = SignedDuration::from_mins(9);

/// Takes the next step of a job.
pub(super) fn advance(facts: &mut Facts, push: u64) {
    let now = facts.now;
    let in_pub = (facts.release.timing.push - AROUND_PUB).max(SignedDuration::from_mins(1));
    let Some(job) = facts.errata.pushes.get_mut(&push) else { return };
    let hooks = &mut facts.errata.hooks;
    let (status, after) = match job.status {
        PushStatus::Ready => (PushStatus::Running, Some(SignedDuration::from_mins(3))),
        PushStatus::Running if hooks.push_stuck.contains(&job.advisory) => (PushStatus::WaitingOnPub, None),
        PushStatus::Running => (PushStatus::WaitingOnPub, Some(in_pub)),
        PushStatus::WaitingOnPub if used_up(&mut hooks.push_fails, job.advisory) => (PushStatus::Failed, None),
        PushStatus::WaitingOnPub => (PushStatus::PostPushProcessing, Some(SignedDuration::from_mins(5))),
        PushStatus::PostPushProcessing if used_up(&mut hooks.post_push_fails, job.advisory) => {
            (PushStatus::PostPushFailed, None)
        }
        PushStatus::PostPushProcessing => (PushStatus::Complete, None),
        PushStatus::Complete | PushStatus::Failed | PushStatus::PostPushFailed => return,
    };
    job.status = status;
    job.updated_at = now;
    if status == PushStatus::Complete
        && let Some(advisory) = facts.errata.advisories.get_mut(&job.advisory)
        && advisory.respin_count == job.respin
    {
        advisory.rhnqa = true;
    }
    if let Some(after) = after {
        schedule(facts, after, ErrataEvent::PushAdvances { push });
    }
}

/// Takes one from the mishaps left for an advisory; false when there is none.
fn used_up(left: &mut BTreeMap<u64, u32>, advisory: u64) -> bool {
    match left.get_mut(&advisory) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    }
}
