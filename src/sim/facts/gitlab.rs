//! Projects, merge requests and pipelines of GitLab, with the shipment of the release.

pub mod merge_requests;
pub mod pipelines;
pub mod repository;
pub(in crate::sim) mod shipment;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::merge_requests::{MergeRequest, MrState};
use self::pipelines::Pipeline;
use self::repository::Project;
use crate::sim::scenario::ReleasePlan;

/// Stage of the jobs that release to stage.
pub const STAGE_RELEASE: &str = "stage-release-triggers";

/// Stage of the jobs that release to customers.
pub const PROD_RELEASE: &str = "prod-release-triggers";

/// Label that says the same as a successful stage release.
pub const STAGE_LABEL: &str = "stage-release-success";

/// Label that says the same as a successful prod release.
pub const PROD_LABEL: &str = "prod-release-success";

/// The account behind the token.
pub(in crate::sim) const BOT: &str = "release-bot";

/// The account that ART's pipelines commit with.
pub(in crate::sim) const ART_BOT: &str = "art-bot";

/// What GitLab knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gitlab {
    /// Projects by path; the shipment project and one fork of it.
    pub projects: BTreeMap<String, Project>,
    /// Path of the shipment project.
    pub shipment_project: String,
    /// Merge requests of the shipment project by number.
    pub merge_requests: BTreeMap<u64, MergeRequest>,
    /// Pipelines by number.
    pub pipelines: BTreeMap<u64, Pipeline>,
    /// Number of the shipment merge request, if there is one.
    pub shipment_iid: Option<u64>,
    /// Raw files of other projects: path below `/gitlab` → text.
    pub published: BTreeMap<String, String>,
    /// What goes wrong or differs.
    pub hooks: GitlabHooks,
}

/// What a scenario can change.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GitlabHooks {
    /// New commits take approvals away.
    pub commits_reset_approvals: bool,
    /// The bot may not approve.
    pub may_not_approve: bool,
    /// Merge requests that never become mergeable.
    pub never_mergeable: BTreeSet<u64>,
    /// The stage release sets no label.
    pub no_stage_label: bool,
}

/// What happens in GitLab without anybody asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitlabEvent {
    /// A merge request that waits for its pipeline is merged.
    AutoMerge {
        /// Its number.
        iid: u64,
    },
}

impl Gitlab {
    /// GitLab as the plan's release finds it: the shipment merge request is open.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut gitlab = Self { shipment_project: plan.shipment_project.clone(), ..Self::default() };
        let name = plan.shipment_project.rsplit('/').next().unwrap_or("ocp-shipment-data");
        let fork = format!("{BOT}/{name}");
        for (id, path) in [(4211, plan.shipment_project.clone()), (9313, fork)] {
            let mut project = Project::new(id, &path);
            let readme = BTreeMap::from([("README.md".to_owned(), "Shipments.\n".to_owned())]);
            project.start("main", readme);
            gitlab.projects.insert(path, project);
        }
        if plan.shipment_iid != 0 {
            let made = plan.start.checked_sub(SignedDuration::from_hours(24)).unwrap_or(plan.start);
            gitlab.open_shipment(plan, base_url, made);
        }
        gitlab
    }

    /// Opens the shipment merge request of the plan.
    pub(in crate::sim) fn open_shipment(&mut self, plan: &ReleasePlan, base_url: &str, made: Timestamp) {
        if let Some(project) = self.projects.get_mut(&plan.shipment_project) {
            project.branch_off(&plan.shipment_branch, "main");
            let changes = shipment::files(plan, base_url).into_iter().map(|(path, text)| (path, Some(text)));
            project.commit(&plan.shipment_branch, &format!("Shipment for {}", plan.release), changes.collect());
        }
        let mut mr = MergeRequest::new(plan.shipment_iid, &format!("Shipment for {}", plan.release), made);
        mr.source_project.clone_from(&plan.shipment_project);
        mr.source_branch.clone_from(&plan.shipment_branch);
        mr.author = ART_BOT.to_owned();
        self.merge_requests.insert(plan.shipment_iid, mr);
        self.shipment_iid = Some(plan.shipment_iid);
        self.new_pipeline(plan.shipment_iid, made);
    }

    /// Finds a project by number or path.
    pub(in crate::sim) fn project(&self, id: &str) -> Option<&Project> {
        self.projects.values().find(|project| project.path == id || project.id.to_string() == id)
    }

    /// The head of the branch that a merge request brings.
    pub fn head(&self, mr: &MergeRequest) -> String {
        let branch = self.projects.get(&mr.source_project).and_then(|p| p.branches.get(&mr.source_branch));
        branch.map(|branch| branch.head.clone()).unwrap_or_default()
    }

    /// The shipment merge request.
    pub fn shipment(&self) -> Option<&MergeRequest> {
        self.merge_requests.get(&self.shipment_iid?)
    }

    pub(in crate::sim) fn add_label(&mut self, label: &str) {
        if let Some(mr) = self.shipment_iid.and_then(|iid| self.merge_requests.get_mut(&iid))
            && !mr.labels.iter().any(|known| known == label)
        {
            mr.labels.push(label.to_owned());
        }
    }

    /// Lets the bot of a pipeline rewrite the shipment files; a new head brings a new pipeline.
    pub(in crate::sim) fn rewrite_shipment(
        &mut self,
        plan: &ReleasePlan,
        message: &str,
        now: Timestamp,
        edit: impl Fn(&str, &str) -> Option<String>,
    ) {
        let Some(project) = self.projects.get_mut(&plan.shipment_project) else { return };
        let Some(branch) = project.branches.get(&plan.shipment_branch) else { return };
        let changes: BTreeMap<String, Option<String>> =
            branch.files.iter().filter_map(|(path, text)| Some((path.clone(), Some(edit(path, text)?)))).collect();
        if changes.is_empty() {
            return;
        }
        project.commit(&plan.shipment_branch, message, changes);
        let branch = plan.shipment_branch.clone();
        self.branch_moved(&plan.shipment_project, &branch, now);
    }

    /// A branch has a new head: open merge requests from it get a pipeline, approvals may go.
    pub(in crate::sim) fn branch_moved(&mut self, project: &str, branch: &str, now: Timestamp) {
        let moved: Vec<u64> = self
            .merge_requests
            .values()
            .filter(|mr| mr.state == MrState::Opened && mr.source_project == project && mr.source_branch == branch)
            .map(|mr| mr.iid)
            .collect();
        for iid in moved {
            if self.hooks.commits_reset_approvals
                && let Some(mr) = self.merge_requests.get_mut(&iid)
            {
                mr.approved_by.clear();
            }
            self.new_pipeline(iid, now);
        }
    }
}
