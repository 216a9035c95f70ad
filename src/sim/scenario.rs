//! Named worlds: which release, how long things take, what goes wrong.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use self::job_endings::JobEndings;
use self::named::NAMES;
use self::streams::Streams;
use crate::domain::dates;
use crate::domain::nearest::hint;
use crate::domain::release::ZStream;
use crate::domain::task::{JobRef, Task, TaskStatus};
use crate::sim::act::Act;
use crate::sim::disturbances::Disturbances;

pub mod candidate;
pub mod from_state;
pub mod job_endings;
pub mod named;
pub mod streams;

/// Project that holds shipment merge requests unless a state file names another.
const SHIPMENT_PROJECT: &str = "hybrid-platforms/art/ocp-shipment-data";

/// A release and what goes wrong with it: everything the services are built from.
#[derive(Debug, Clone)]
pub struct ReleasePlan {
    /// The release.
    pub release: ZStream,
    /// The z-stream before it, already public: the basis in build data.
    pub previous: Option<ZStream>,
    /// When the world begins.
    pub start: Timestamp,
    /// The release day.
    pub release_date: Date,
    /// The release day as build data spells it.
    pub release_date_text: String,
    /// Advisory kind (`rpm`, `rhcos`, `microshift`) to its number.
    pub advisories: IndexMap<String, u64>,
    /// Live advisory names that the public page and the payload use, for example `RHBA-2026:1234`.
    pub live_id: String,
    /// Path of the shipment project.
    pub shipment_project: String,
    /// Number of the shipment merge request; 0 when the release has none.
    pub shipment_iid: u64,
    /// The merge request's address as a state file spells it, whatever its host.
    pub shipment_page: Option<String>,
    /// Its branch.
    pub shipment_branch: String,
    /// Candidate nightlies by payload architecture (`x86_64`).
    pub nightlies: IndexMap<String, String>,
    /// ART's tracking ticket.
    pub art_ticket: String,
    /// How big things are.
    pub sizes: Sizes,
    /// How long things take.
    pub timing: Timing,
    /// What goes wrong.
    pub problems: Problems,
    /// How runs of test jobs fare.
    pub job_endings: JobEndings,
    /// Builds beside those of the release.
    pub streams: Streams,
    /// What the services suffer from.
    pub disturbances: Disturbances,
    /// What had already happened when the world began.
    pub past: Past,
    /// The world begins when the candidate nightly is made; no test record is there beforehand.
    pub begins_with_candidate: bool,
    /// ART has not chosen the candidate yet, and build data does not list the release.
    pub is_candidate_open: bool,
}

impl ReleasePlan {
    /// The shipment merge request on the simulated GitLab; empty when the release has none.
    pub fn shipment_url(&self, base_url: &str) -> String {
        if self.shipment_iid == 0 {
            return String::new();
        }
        if let Some(page) = &self.shipment_page {
            return page.clone();
        }
        format!("{base_url}/gitlab/{}/-/merge_requests/{}", self.shipment_project, self.shipment_iid)
    }

    /// The public errata page of the release.
    pub fn portal_url(&self, base_url: &str) -> String {
        format!("{base_url}/customer_portal/errata/{}", self.live_id)
    }

    /// The amd64 nightly the release was built from, if the plan knows one.
    pub fn nightly(&self) -> Option<&str> {
        self.nightlies.get("x86_64").map(String::as_str)
    }
}

/// Counts of the world.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Images in the stage advisory and the stage catalog.
    pub images: usize,
    /// Components of the payload.
    pub components: usize,
    /// Jobs in each record file.
    pub record_jobs: usize,
}

/// Durations from the beginning or from the cause.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Start to promotion (phase Ready).
    pub promotion: SignedDuration,
    /// Ready to Accepted.
    pub acceptance: SignedDuration,
    /// Promotion to a rendered change log.
    pub change_log: SignedDuration,
    /// Promotion to signature.
    pub signature: SignedDuration,
    /// Start to stage release.
    pub stage_release: SignedDuration,
    /// Run time of the stage release.
    pub stage_release_run: SignedDuration,
    /// Promotion to the record file of the promoted build.
    pub record: SignedDuration,
    /// Record file to its aggregation.
    pub aggregation: SignedDuration,
    /// Run time of one push job.
    pub push: SignedDuration,
    /// Run time of the image consistency job.
    pub consistency: SignedDuration,
    /// Run time of the stage pipeline.
    pub stage_testing: SignedDuration,
    /// QE approval to the prod release.
    pub prod_release: SignedDuration,
    /// Prod release to the public page.
    pub portal: SignedDuration,
}

impl Default for Timing {
    fn default() -> Self {
        let minutes = SignedDuration::from_mins;
        Self {
            promotion: SignedDuration::from_hours(20),
            acceptance: minutes(90),
            change_log: minutes(8),
            signature: minutes(150),
            stage_release: SignedDuration::from_hours(24),
            stage_release_run: minutes(25),
            record: minutes(40),
            aggregation: minutes(300),
            push: minutes(48),
            consistency: minutes(105),
            stage_testing: minutes(190),
            prod_release: minutes(95),
            portal: minutes(130),
        }
    }
}

/// What goes wrong, once each unless a number says more.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Problems {
    /// How often the stage-release pipeline fails before it succeeds.
    pub stage_pipeline_failures: u32,
    /// How often the first push job of an advisory fails.
    pub push_failures: u32,
    /// The rhcos advisory carries a blocking security alert.
    pub blocking_alert: bool,
    /// The rpm advisory is still in NEW_FILES.
    pub new_files: bool,
    /// The tests of the promoted build end rejected.
    pub promoted_rejected: bool,
    /// The tests of the candidate nightly ended rejected.
    pub candidate_rejected: bool,
    /// The public page never answers.
    pub portal_never_opens: bool,
    /// The page of the release before is public.
    pub previous_page_open: bool,
    /// The shipment is released and merged before QE approves.
    pub merged_early: bool,
    /// Build data has no advisory numbers yet.
    pub build_data_incomplete: bool,
    /// Jira hides the CVE bugs.
    pub restricted_bugs: bool,
    /// A CVE tracker is attached to nothing.
    pub missed_tracker: bool,
    /// The kernel carries the stop-ship tag.
    pub stop_ship_kernel: bool,
    /// Some images of the shipment are graded too low.
    pub unhealthy_images: bool,
    /// Somebody else drives the release as well, on another machine.
    pub second_driver: bool,
    /// What people do, counted from the beginning.
    #[serde(skip)]
    pub acts: Vec<(SignedDuration, Act)>,
}

/// How far a piece of work was when the world began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub enum Progress {
    /// Nothing done.
    #[default]
    Untouched,
    /// Started and still running.
    Running,
    /// Done well.
    Passed,
    /// Ended badly.
    Failed,
}

/// One task of the past: how far it was, and the job that did it.
#[derive(Debug, Clone, Default)]
pub struct PastTask {
    /// How far.
    pub progress: Progress,
    /// The job the state names, its URL as stored.
    pub job: Option<JobRef>,
}

/// What a state file says had happened; empty for a world that begins at the beginning.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Tasks by command name.
    pub tasks: BTreeMap<String, PastTask>,
    /// The payload is in the stable stream and accepted.
    pub promoted: bool,
    /// The stage release has succeeded.
    pub stage_released: bool,
    /// QE has approved the shipment merge request.
    pub qe_approved: bool,
}

impl Past {
    /// How far a task was.
    pub fn progress(&self, task: &str) -> Progress {
        self.tasks.get(task).map(|past| past.progress).unwrap_or_default()
    }

    /// The job of a task.
    pub fn job(&self, task: &str) -> Option<&JobRef> {
        self.tasks.get(task)?.job.as_ref()
    }
}

/// A world that can be started.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The release and what befalls it.
    pub plan: ReleasePlan,
}

/// A scenario that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No such name.
    #[error("no scenario is called {name:?}{}; there are: {}", hint(name, NAMES.iter().copied()), NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
}

impl Scenario {
    /// The scenario `name` for a release (default 4.20.17) on a release date (default 2026-Jun-10).
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(name: &str, release: Option<&ZStream>, on: Option<Date>) -> Result<Self, ScenarioError> {
        let release = release.cloned().or_else(|| "4.20.17".parse().ok());
        let Some(release) = release else { return Err(ScenarioError::Unknown { name: name.to_owned() }) };
        let mut plan = plan_for(release, on.unwrap_or(date(2026, 6, 10)));
        if !named::befall(name, &mut plan) {
            return Err(ScenarioError::Unknown { name: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), plan })
    }

    /// When the world begins: where the caller's clock has to start.
    pub fn start(&self) -> Timestamp {
        self.plan.start
    }
}

/// The z-stream before a release; candidates and `.0` have none.
fn before(release: &ZStream) -> Option<ZStream> {
    if release.candidate().is_some() {
        return None;
    }
    let patch = release.patch().checked_sub(1)?;
    format!("{}.{patch}", release.minor()).parse().ok()
}

/// A release with invented numbers that follow from its name alone.
fn plan_for(release: ZStream, on: Date) -> ReleasePlan {
    let minor = release.minor();
    let serial = minor.minor() * 100 + release.patch();
    let start = on
        .checked_sub(7.days())
        .ok()
        .and_then(|day| day.at(6, 0, 0, 0).to_zoned(TimeZone::UTC).ok())
        .map(|at| at.timestamp())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let built = start.checked_sub(SignedDuration::from_hours(31)).unwrap_or(start).to_zoned(TimeZone::UTC);
    let nightlies = [("x86_64", ""), ("aarch64", "-arm64"), ("ppc64le", "-ppc64le"), ("s390x", "-s390x")]
        .into_iter()
        .map(|(arch, suffix)| {
            (arch.to_owned(), format!("{minor}.0-0.nightly{suffix}-{}", built.strftime("%Y-%m-%d-%H%M%S")))
        })
        .collect();
    ReleasePlan {
        previous: before(&release),
        start,
        release_date: on,
        release_date_text: dates::release_date_text(on),
        advisories: [("rpm", 1), ("rhcos", 2), ("microshift", 3)]
            .into_iter()
            .map(|(kind, n)| (kind.to_owned(), 150_000 + serial * 10 + n))
            .collect(),
        live_id: format!("RHBA-{}:{}", on.year(), 10_000 + serial),
        shipment_project: SHIPMENT_PROJECT.to_owned(),
        shipment_iid: 100 + serial,
        shipment_page: None,
        shipment_branch: format!("prepare-shipment-{release}"),
        nightlies,
        art_ticket: format!("ART-{}", 20_000 + serial),
        sizes: Sizes { images: 860, components: 190, record_jobs: 5 },
        timing: Timing::default(),
        problems: Problems::default(),
        job_endings: JobEndings::default(),
        streams: Streams::default(),
        disturbances: Disturbances::default(),
        past: Past::default(),
        begins_with_candidate: false,
        is_candidate_open: false,
        release,
    }
}
