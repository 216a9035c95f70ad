//! Advisories of the Errata Tool, their push jobs and what may be done with them.

pub mod push;
pub mod rules;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::push::{PushJob, PushStatus};
use self::rules::{Guards, State};
use crate::sim::facts::jira::{self, Home};
use crate::sim::scenario::{Progress, ReleasePlan};

/// Everything the Errata Tool knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Errata {
    /// Advisories by number.
    pub advisories: BTreeMap<u64, Advisory>,
    /// Push jobs by number, all advisories together.
    pub pushes: BTreeMap<u64, PushJob>,
    /// Accounts: number → mail address.
    pub people: BTreeMap<u64, String>,
    /// Which rules guard the way to REL_PREP.
    pub guards: Guards,
    /// What goes wrong on purpose.
    pub hooks: ErrataHooks,
}

/// Mishaps that a scenario asks for; numbers are advisories.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ErrataHooks {
    /// How many of the next stage pushes end FAILED.
    pub push_fails: BTreeMap<u64, u32>,
    /// How many of the next stage pushes end POST_PUSH_FAILED.
    pub post_push_fails: BTreeMap<u64, u32>,
    /// Stage pushes that stay WAITING_ON_PUB for ever.
    pub push_stuck: BTreeSet<u64>,
    /// Refreshing the alerts answers 400.
    pub refresh_refused: BTreeSet<u64>,
    /// The alerts of these have not been fetched yet.
    pub not_yet_fetched: BTreeSet<u64>,
    /// These stay in REL_PREP although their day has come.
    pub not_shipped: BTreeSet<u64>,
}

/// What an advisory carries; decides its push targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// RPM packages (also RHCOS and MicroShift): pushed to the CDN.
    Rpm,
    /// Container images: pushed to the registry.
    Image,
}

impl Content {
    /// Name of the stage push target.
    pub const fn stage_target(self) -> &'static str {
        match self {
            Self::Rpm => "cdn_stage",
            Self::Image => "cdn_docker_stage",
        }
    }
}

/// One advisory.
#[derive(Debug, Clone, Serialize)]
pub struct Advisory {
    /// Its number.
    pub id: u64,
    /// `RHBA`, `RHSA` or `RHEA`.
    pub kind: String,
    /// RPMs or images.
    pub content: Content,
    /// One line for people.
    pub synopsis: String,
    /// Where it stands.
    pub state: State,
    /// When it got there.
    pub state_since: Timestamp,
    /// When ART made it.
    pub created_at: Timestamp,
    /// Day on which it ships, start of day in UTC.
    pub publish_date: Timestamp,
    /// Set when it shipped.
    pub actual_ship_date: Option<Timestamp>,
    /// Account of the QE owner, a key of [`Errata::people`].
    pub assigned_to: u64,
    /// Docs said yes.
    pub doc_complete: bool,
    /// Docs have been asked.
    pub text_ready: bool,
    /// Product security: not asked, asked (false), said yes (true).
    pub security_approved: Option<bool>,
    /// The stage push since the last respin is done.
    pub rhnqa: bool,
    /// How often it went back to NEW_FILES.
    pub respin_count: u32,
    /// Advisories that have to go first.
    pub blocking_advisories: Vec<u64>,
    /// Jira keys that it fixes.
    pub jira_issues: BTreeSet<String>,
    /// CVE names in its text.
    pub cves: Vec<String>,
    /// Builds and whether they are signed.
    pub builds: BTreeMap<String, bool>,
    /// Security alerts of an RHSA.
    pub alerts: Vec<Alert>,
    /// Tests run elsewhere.
    pub external_tests: Vec<ExternalTest>,
}

/// One security alert.
#[derive(Debug, Clone, Serialize)]
pub struct Alert {
    /// Short name.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Whether the advisory may not ship with it.
    pub blocking: bool,
}

/// One external test of a build.
#[derive(Debug, Clone, Serialize)]
pub struct ExternalTest {
    /// Its number.
    pub id: u64,
    /// `greenwave_cvp` or another kind.
    pub test_type: String,
    /// `PASSED`, `WAIVED`, `FAILED`, `PENDING`, `INELIGIBLE`.
    pub status: String,
    /// The build under test; some tests belong to none.
    pub nvr: Option<String>,
}

impl Advisory {
    /// An advisory as ART leaves it for QE: in QE, docs and product security content, builds signed.
    pub fn new(id: u64, kind: &str, content: Content, synopsis: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            content,
            synopsis: synopsis.to_owned(),
            state: State::Qe,
            state_since: created_at,
            created_at,
            publish_date: created_at.saturating_add(SignedDuration::from_hours(7 * 24)).unwrap_or(created_at),
            actual_ship_date: None,
            assigned_to: ART_ACCOUNT,
            doc_complete: true,
            text_ready: true,
            security_approved: (kind == "RHSA").then_some(true),
            rhnqa: false,
            respin_count: 0,
            blocking_advisories: Vec::new(),
            jira_issues: BTreeSet::new(),
            cves: Vec::new(),
            builds: BTreeMap::new(),
            alerts: Vec::new(),
            external_tests: Vec::new(),
        }
    }

    /// Name before the release date and after it: `RHSA-2026:160001`.
    pub fn name(&self) -> String {
        let year = self.created_at.to_zoned(jiff::tz::TimeZone::UTC).year();
        format!("{}-{year}:{}", self.kind, self.id)
    }

    pub(in crate::sim) fn shipped_or_dropped(&self) -> bool {
        matches!(self.state, State::ShippedLive | State::DroppedNoShip)
    }
}

/// The account that owns an advisory until a person takes it over.
pub(in crate::sim) const ART_ACCOUNT: u64 = 10;

impl Errata {
    /// The tool as the plan's release finds it.
    pub fn new(plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut errata = Self::default();
        errata.people.insert(ART_ACCOUNT, "art@example.com".to_owned());
        let day = plan.release_date.to_zoned(TimeZone::UTC).map_or(plan.start, |day| day.timestamp());
        let made = plan.start.checked_sub(SignedDuration::from_hours(30)).unwrap_or(plan.start);
        for (kind, id) in &plan.advisories {
            let security = kind == "rhcos" || kind == "image";
            let content =
                if matches!(kind.as_str(), "image" | "extras" | "metadata") { Content::Image } else { Content::Rpm };
            let synopsis = format!("OpenShift Container Platform {} {kind} update", plan.release);
            let mut advisory = Advisory::new(*id, if security { "RHSA" } else { "RHBA" }, content, &synopsis, made);
            advisory.publish_date = day;
            if security {
                advisory.cves = vec!["CVE-2026-10001".to_owned()];
                advisory.alerts = vec![Alert {
                    name: "unverified-cve".to_owned(),
                    text: "A CVE of this advisory has not been reviewed".to_owned(),
                    blocking: plan.problems.blocking_alert,
                }];
            }
            let first = errata.advisories.is_empty();
            if first && plan.problems.new_files {
                advisory.state = State::NewFiles;
            }
            if first && plan.problems.push_failures > 0 {
                errata.hooks.push_fails.insert(*id, plan.problems.push_failures);
            }
            let build = if kind == "rhcos" { "rhcos-x86_64" } else { kind.as_str() };
            // Koji knows no dash inside a version.
            let version = plan.release.to_string().replace('-', ".");
            advisory.builds.insert(format!("{build}-{version}-1"), true);
            for bug in jira::bugs(plan) {
                if matches!(bug.home, Home::Advisory(home) if home == kind) {
                    advisory.jira_issues.insert(bug.key);
                }
            }
            if plan.past.progress("change-advisory-status") == Progress::Passed {
                advisory.state = State::RelPrep;
            }
            errata.add_advisory(advisory);
            match plan.past.progress("push-to-cdn-staging") {
                Progress::Untouched => {}
                Progress::Running => errata.past_push(*id, PushStatus::WaitingOnPub, plan.start),
                Progress::Passed => errata.past_push(*id, PushStatus::Complete, plan.start),
                Progress::Failed => errata.past_push(*id, PushStatus::Failed, plan.start),
            }
        }
        errata
    }

    /// Adds an advisory, or replaces the one with its number.
    pub fn add_advisory(&mut self, advisory: Advisory) {
        self.advisories.insert(advisory.id, advisory);
    }

    /// Adds an account and returns its number.
    pub fn add_person(&mut self, mail: &str) -> u64 {
        if let Some((id, _)) = self.people.iter().find(|(_, known)| known.as_str() == mail) {
            return *id;
        }
        let id = self.people.keys().next_back().map_or(ART_ACCOUNT, |last| last + 1);
        self.people.insert(id, mail.to_owned());
        id
    }

    /// ART drops the advisory; nothing happens to one that is further than QE.
    pub fn drop_no_ship(&mut self, id: u64, now: Timestamp) {
        if let Some(advisory) = self.advisories.get_mut(&id)
            && matches!(advisory.state, State::NewFiles | State::Qe)
        {
            advisory.enter(State::DroppedNoShip, now);
        }
    }

    pub(in crate::sim) fn past_push(&mut self, id: u64, status: PushStatus, now: Timestamp) {
        let Some(advisory) = self.advisories.get_mut(&id) else { return };
        advisory.rhnqa |= status == PushStatus::Complete;
        let job = PushJob {
            id: push::next_id(&self.pushes),
            advisory: id,
            target: advisory.content.stage_target().to_owned(),
            status,
            respin: advisory.respin_count,
            created_at: now,
            updated_at: now,
        };
        self.pushes.insert(job.id, job);
    }
}

/// What happens in the Errata Tool without anybody asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrataEvent {
    /// A push job takes its next step.
    PushAdvances {
        /// The job.
        push: u64,
    },
    /// Docs say yes to a request.
    DocsApprove {
        /// The advisory.
        advisory: u64,
    },
    /// Product security says yes to a request.
    SecurityApproves {
        /// The advisory.
        advisory: u64,
    },
    /// ART finishes its part: NEW_FILES becomes QE.
    ReadyForQe {
        /// The advisory.
        advisory: u64,
    },
    /// ART drops the advisory.
    Dropped {
        /// The advisory.
        advisory: u64,
    },
    /// The next step of going live: REL_PREP → PUSH_READY → IN_PUSH → SHIPPED_LIVE.
    GoesLive {
        /// The advisory.
        advisory: u64,
    },
}
