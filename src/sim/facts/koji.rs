//! The kernel build of RHCOS and its tags.

use serde::Serialize;

use crate::sim::scenario::ReleasePlan;

/// The tag that forbids shipping a kernel.
pub const STOP_SHIP: &str = "early-kernel-stop-ship";

/// What Koji knows: one kernel.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Koji {
    /// The kernel of every RHCOS build of the release.
    pub kernel: String,
    /// Tags of that kernel.
    pub tags: Vec<String>,
    /// RHCOS builds whose metadata lists no kernel.
    pub without_kernel: bool,
}

/// Version and release of the kernel.
pub(in crate::sim) const KERNEL: (&str, &str) = ("5.14.0", "570.62.1.el9_6");

impl Koji {
    /// Koji as the plan's release finds it.
    pub fn new(plan: &ReleasePlan) -> Self {
        let mut tags = vec!["early-kernel-candidate".to_owned(), "rhel-9.6.0-z".to_owned()];
        if plan.problems.stop_ship_kernel {
            tags.push(STOP_SHIP.to_owned());
        }
        Self { kernel: format!("kernel-{}-{}", KERNEL.0, KERNEL.1), tags, without_kernel: false }
    }

    /// Takes the stop-ship tag off; nothing when it is not there.
    pub fn release_kernel(&mut self) -> Option<String> {
        let before = self.tags.len();
        self.tags.retain(|tag| tag != STOP_SHIP);
        (self.tags.len() < before).then(|| format!("took {STOP_SHIP} off {}", self.kernel))
    }
}
