//! Push jobs: who may start one, and how it goes on.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::schedule;
use crate::sim::facts::errata::ErrataEvent;
use crate::sim::facts::errata::push::{PushJob, PushStatus, complete_since_respin, latest, next_id};
use crate::sim::facts::errata::rules::State;
use crate::sim::world::Facts;

/// Why a push was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

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
