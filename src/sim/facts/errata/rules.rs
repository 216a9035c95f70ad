//! Which state an advisory may enter, and what stands in its way to REL_PREP.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::push;
use super::{Advisory, Errata};

use crate::domain::spelled::spelled;

spelled! {
    /// States of an advisory.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    State,
    /// The name on the wire.
    name: &'static str {
        /// ART still adds builds.
        NewFiles = "NEW_FILES",
        /// QE tests it.
        Qe = "QE",
        /// QE is done.
        RelPrep = "REL_PREP",
        /// Its day has come.
        PushReady = "PUSH_READY",
        /// On its way to customers.
        InPush = "IN_PUSH",
        /// Published.
        ShippedLive = "SHIPPED_LIVE",
        /// Given up.
        DroppedNoShip = "DROPPED_NO_SHIP",
    }
}

impl State {
    /// Whether a QE account may move an advisory from here to `to`.
    pub const fn qe_may_go_to(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::NewFiles, Self::Qe)
                | (Self::Qe, Self::NewFiles | Self::RelPrep)
                | (Self::RelPrep, Self::Qe | Self::NewFiles)
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// Which conditions of QE → REL_PREP are enforced; all of them unless a scenario says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Guards {
    /// Docs have approved.
    pub docs: bool,
    /// Product security has approved (RHSA).
    pub security: bool,
    /// No blocking alert (RHSA).
    pub alerts: bool,
    /// The stage push since the last respin is complete.
    pub stage_push: bool,
    /// External tests are PASSED or WAIVED.
    pub external_tests: bool,
    /// Builds are signed.
    pub signed_builds: bool,
    /// Blocking advisories are in REL_PREP or later.
    pub dependencies: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            docs: true,
            security: true,
            alerts: true,
            stage_push: true,
            external_tests: true,
            signed_builds: true,
            dependencies: true,
        }
    }
}

impl Advisory {
    /// Enters `state`; going back to NEW_FILES is a respin, which makes stage pushes count as not done.
    pub fn enter(&mut self, state: State, now: Timestamp) {
        if state == State::NewFiles {
            self.respin_count += 1;
            self.rhnqa = false;
        }
        self.state = state;
        self.state_since = now;
    }

    /// Only an RHSA has alerts and needs product security.
    pub fn is_security(&self) -> bool {
        self.kind == "RHSA"
    }
}

impl Errata {
    /// What keeps `advisory` out of REL_PREP, one text per guard; empty when nothing does.
    pub fn obstacles(&self, advisory: &Advisory) -> Vec<String> {
        let guards = &self.guards;
        let mut found = Vec::new();
        if guards.docs && !advisory.doc_complete {
            found.push("Advisory documentation is not approved".to_owned());
        }
        if advisory.is_security() {
            if guards.security && advisory.security_approved != Some(true) {
                found.push("Product Security has not approved the advisory".to_owned());
            }
            if guards.alerts && advisory.alerts.iter().any(|alert| alert.blocking) {
                found.push("Advisory has blocking security alerts".to_owned());
            }
        }
        if guards.stage_push && !push::complete_since_respin(self, advisory) {
            found.push("Staging push is not complete".to_owned());
        }
        if guards.external_tests
            && advisory.external_tests.iter().any(|test| !matches!(test.status.as_str(), "PASSED" | "WAIVED"))
        {
            found.push("External tests have not passed".to_owned());
        }
        if guards.signed_builds && advisory.builds.values().any(|signed| !signed) {
            found.push("Packages are not signed".to_owned());
        }
        if guards.dependencies {
            let behind = advisory.blocking_advisories.iter().filter(|id| {
                self.advisories
                    .get(id)
                    .is_some_and(|other| matches!(other.state, State::NewFiles | State::Qe | State::DroppedNoShip))
            });
            found.extend(behind.map(|id| format!("Blocking advisory {id} is not in REL_PREP")));
        }
        found
    }
}
