//! What is next, and why nothing else is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::task::Job;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::holder;
use crate::domain::state::lease::{Lease, LeaseKey};
use crate::domain::state::overall::Overall;
use crate::domain::task::{Task, TaskStatus};
use crate::planner::messages::{Kind, Message};
use crate::planner::plan::{Condition, Plan, ReleasePhase, Standing, Verdict};
use crate::render::plan::action_text;
use crate::render::text::clean;

/// What is next, and why nothing else is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plan", deny_unknown_fields)]
pub struct PlanDocument {
    /// False when a task failed
    pub ok: bool,
    /// The release
    pub release: String,
    /// Green or Red
    #[schemars(with = "String")]
    pub overall: Overall,
    /// Which part of the way the release is on
    #[schemars(with = "String")]
    pub phase: ReleasePhase,
    /// done, waiting, needs-person, failed or continue
    pub verdict: &'static str,
    /// The earliest time to look again (UTC)
    pub recheck_at: Option<String>,
    /// What would be done now, as sentences
    pub actions: Vec<String>,
    /// Why nothing else is done, one message per reason
    pub messages: Vec<MessageDocument>,
    /// Tasks that passed
    #[schemars(with = "Vec<String>")]
    pub passed: Vec<Task>,
    /// Tasks that run, with their jobs
    pub running: Vec<RunningTask>,
    /// Tasks that come next
    #[schemars(with = "Vec<String>")]
    pub next: Vec<Task>,
    /// Exactly one for each task that is not Pass
    pub conditions: Vec<TaskCondition>,
    /// Who is at work on the release
    pub leases: Vec<LeaseDocument>,
}

/// Why a task is not Pass, or what is done about it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TaskCondition {
    /// The task
    #[schemars(with = "String")]
    pub task: Task,
    /// Its stored status
    #[schemars(with = "String")]
    pub status: TaskStatus,
    /// acting, waiting, needs-person, failed, comes-later or passed-over
    #[schemars(with = "String")]
    pub standing: Standing,
    /// One line
    pub why: String,
}

impl From<&Condition> for TaskCondition {
    fn from(condition: &Condition) -> Self {
        let Condition { task, status, standing, why } = condition;
        Self { task: *task, status: *status, standing: *standing, why: clean(why) }
    }
}

/// A lease that runs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Lease", deny_unknown_fields)]
pub struct LeaseDocument {
    /// driver or checker
    #[schemars(with = "String")]
    pub key: LeaseKey,
    /// Role, host and process
    pub holder: String,
    /// Since when (UTC), where that is known
    pub since: Option<String>,
    /// When it ends unless it is prolonged (UTC)
    pub until: Option<String>,
}

impl From<&Lease> for LeaseDocument {
    fn from(lease: &Lease) -> Self {
        Self {
            key: lease.key,
            holder: clean(&holder::shown(&lease.holder)),
            since: lease.since().map(stamp),
            until: lease.until.map(stamp),
        }
    }
}

/// One message of a plan.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message", deny_unknown_fields)]
pub struct MessageDocument {
    /// See messages.md
    #[schemars(with = "String")]
    pub kind: Kind,
    /// The task it concerns
    #[schemars(with = "Option<String>")]
    pub task: Option<Task>,
    /// One line
    pub text: String,
    /// Since when (UTC)
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// When to look again (UTC)
    #[schemars(with = "Option<String>")]
    pub recheck: Option<Timestamp>,
    /// Pages to look at
    pub links: Vec<String>,
    /// What to do, in order
    pub steps: Vec<String>,
}

impl From<&Message> for MessageDocument {
    fn from(message: &Message) -> Self {
        // The occasion is for whoever posts it.
        let Message { kind, task, text, since, recheck, links, steps, occasion: _ } = message.clone();
        Self { kind, task, text, since, recheck, links, steps }
    }
}

/// A task that runs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Running", deny_unknown_fields)]
pub struct RunningTask {
    /// The task
    #[schemars(with = "String")]
    pub task: Task,
    /// Its job, when it is known
    pub job: Option<Job>,
}

impl PlanDocument {
    /// The plan of `release`.
    pub fn new(release: &ZStream, plan: &Plan) -> Self {
        let running =
            plan.running.iter().map(|(task, job)| RunningTask { task: *task, job: job.as_ref().map(Job::from) });
        Self {
            ok: !matches!(plan.verdict, Verdict::Failed),
            release: release.to_string(),
            overall: plan.overall,
            phase: plan.phase,
            verdict: match plan.verdict {
                Verdict::Done => "done",
                Verdict::Waiting { .. } => "waiting",
                Verdict::NeedsPerson => "needs-person",
                Verdict::Failed => "failed",
                Verdict::Continue => "continue",
            },
            recheck_at: plan.recheck_at().map(stamp),
            actions: plan.actions.iter().map(|action| clean(&action_text(action))).collect(),
            messages: plan.messages.iter().map(MessageDocument::from).collect(),
            passed: plan.passed.to_vec(),
            running: running.collect(),
            next: plan.next.to_vec(),
            conditions: plan.conditions.iter().map(TaskCondition::from).collect(),
            leases: plan.leases.iter().map(LeaseDocument::from).collect(),
        }
    }
}
