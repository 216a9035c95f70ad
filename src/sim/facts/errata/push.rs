//! Push jobs of advisories.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Advisory, Errata};

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

/// The number after the highest known one.
pub(in crate::sim) fn next_id(pushes: &BTreeMap<u64, PushJob>) -> u64 {
    pushes.keys().next_back().map_or(901, |last| last + 1)
}

pub(in crate::sim) fn latest<'a>(errata: &'a Errata, advisory: &Advisory) -> Option<&'a PushJob> {
    let target = advisory.content.stage_target();
    errata.pushes.values().rfind(|job| job.advisory == advisory.id && job.target == target)
}

/// Whether the newest stage push of this respin is complete.
pub(in crate::sim) fn complete_since_respin(errata: &Errata, advisory: &Advisory) -> bool {
    latest(errata, advisory)
        .is_some_and(|job| job.status == PushStatus::Complete && job.respin == advisory.respin_count)
}
