//! The people of a rehearsal: whoever a plan asks for help does what its steps say.
//!
//! The release lead's part goes through the same operators as at a terminal; everybody else acts in the
//! simulated world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;

use super::help::{Help, HelpResult, LEAD, line};
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::acceptance::RecordVerdict;
use crate::domain::assembly::changes::REPLACED_SOURCE;
use crate::domain::build::Arch;
use crate::domain::release::ZStream;
use crate::domain::state::entries::{DID_NOT_HAPPEN, HAPPENED, Issue};
use crate::domain::task::{Task, TaskStatus, Which};
use crate::drive::options::DriveOptions;
use crate::operators::error::TaskError;
use crate::operators::manual::{answer, issues, update_task_status};
use crate::operators::request;
use crate::operators::request::{AnswerByHand, StatusByHand};
use crate::operators::steps::state_file;
use crate::operators::views::test_record;
use crate::planner::messages::{Kind, Message, Severity};
use crate::planner::plan::{Plan, Verdict};
use crate::sim::act::{Act, Remedy};
use crate::sim::people;
use crate::sim::world::World;

/// How often people help one release.
const MOST_HELPS: u32 = 20;

/// How often they try the same for the same reason.
const MOST_TRIES: u32 = 3;

/// How long people wait for something that may mend itself.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// The owner when nobody is named.
const OWNER: &str = "release-lead@example.com";

/// The people around one rehearsal.
pub(crate) struct People {
    world: World,
    helps: u32,
    tries: BTreeMap<String, u32>,
    rejected: bool,
    actions_shown: AtomicUsize,
    /// Why nobody could help any more.
    pub(crate) end: Option<String>,
}

impl People {
    /// The people around the simulated world.
    pub(crate) fn new(world: World) -> Self {
        Self { world, helps: 0, tries: BTreeMap::new(), rejected: false, actions_shown: AtomicUsize::new(0), end: None }
    }

    /// What people did in the world since the last call, with the time of each action where it lies back.
    pub(crate) fn new_actions(&self) -> Vec<String> {
        let facts = self.world.facts();
        let actions = facts.actors.actions.get(self.actions_shown.load(Ordering::Relaxed)..).unwrap_or_default();
        self.actions_shown.store(facts.actors.actions.len(), Ordering::Relaxed);
        actions
            .iter()
            .map(|action| format!("{}  {}", action.at.strftime("%m-%d %H:%M"), line(&action.who, &action.what)))
            .collect()
    }

    /// Does somebody begin again after a drive that broke off?
    pub(crate) fn may_begin_again(&mut self, error: &TaskError) -> bool {
        self.helps += 1;
        let passes = matches!(
            error.class(),
            ErrorClass::Transient | ErrorClass::RateLimit | ErrorClass::Conflict | ErrorClass::Corrupt
        );
        passes && self.helps <= MOST_HELPS
    }

    /// Does what the plan asks of people; the first thing that somebody can do.
    ///
    /// # Errors
    ///
    /// The state cannot be written.
    pub(crate) async fn help(
        &mut self,
        ctx: &Context,
        release: &ZStream,
        plan: &Plan,
    ) -> Result<HelpResult, TaskError> {
        let asked: Vec<&Message> = plan.messages.iter().filter(|one| one.severity() >= Severity::Action).collect();
        if let Some(message) = asked.iter().find(|one| one.kind == Kind::GivenUp) {
            return Ok(HelpResult::Nobody(message.text.clone()));
        }
        if self.rejected {
            return Ok(HelpResult::Nobody(
                "the release lead rejected the build; ART has to build another one".to_owned(),
            ));
        }
        if self.helps >= MOST_HELPS {
            return Ok(HelpResult::Nobody(format!("people helped {MOST_HELPS} times and it was not enough")));
        }
        for message in &asked {
            let tries = self.tries.entry(message.key()).or_default();
            *tries += 1;
            let tries = *tries;
            if tries > MOST_TRIES {
                continue;
            }
            if let Some(help) = self.answer(ctx, release, message, tries).await? {
                self.helps += 1;
                return Ok(HelpResult::Helped(help));
            }
        }
        Ok(HelpResult::Nobody(self.why(plan, &asked)))
    }

    fn why(&self, plan: &Plan, asked: &[&Message]) -> String {
        let page = plan.messages.iter().any(|one| matches!(one.kind, Kind::ApprovalScheduled | Kind::ApprovalTimeout));
        if page && self.world.facts().release.problems.portal_never_opens {
            return "ART published nothing, so the page's deadline passed".to_owned();
        }
        match (asked.first(), plan.verdict) {
            (Some(message), _) => message.text.clone(),
            (None, Verdict::Waiting { .. }) => {
                let waits: Vec<&str> = plan.messages.iter().map(|message| message.text.as_str()).collect();
                format!("what it waits for did not come in time: {}", waits.join("; "))
            }
            (None, _) => "the plan asks nobody for anything".to_owned(),
        }
    }

    fn ask(&self, act: Act) -> bool {
        people::act(act, &mut self.world.facts()).is_some()
    }

    /// Asks for everything that may help against one of these.
    fn ask_for(&self, remedies: [Remedy; 2]) {
        for act in Act::ALL.into_iter().filter(|act| remedies.contains(&act.remedy())) {
            self.ask(act);
        }
    }

    /// Asks one of the world; nothing when there was nothing to do.
    fn in_world(&self, act: Act) -> Option<Help> {
        self.ask(act).then(Help::default)
    }

    /// Somebody sees nothing to mend and looks again later.
    fn wait(&self, who: &str) -> Option<Help> {
        self.world.clock().advance(PATIENCE);
        Some(Help::by(who, "found nothing to mend and looked again half an hour later"))
    }

    async fn answer(
        &mut self,
        ctx: &Context,
        release: &ZStream,
        message: &Message,
        tries: u32,
    ) -> Result<Option<Help>, TaskError> {
        Ok(match message.kind {
            Kind::OwnerNeeded => Some(an_owner()),
            Kind::BuildDataNotReady => self.in_world(Act::CompleteBuildData).or_else(|| self.wait(LEAD)),
            Kind::CredentialMissing | Kind::KerberosNeeded => {
                self.in_world(Act::RenewTokens).or_else(|| self.in_world(Act::Kinit))
            }
            Kind::StageReleaseFailed => self.in_world(Act::RepairStageRelease),
            Kind::PromotionRejected => self.in_world(Act::AcceptPromotion),
            Kind::DecisionNeeded
            | Kind::CandidateRejected
            | Kind::CandidateWaiverNeeded
            | Kind::AnalysisError
            | Kind::GateFailed => self.decide(ctx, release, message).await?,
            Kind::MrClosed => {
                self.ask(Act::ReopenMergeRequest);
                self.resolve(ctx, release, message).await?
            }
            Kind::AdvisoryDropped => {
                self.ask(Act::RestoreAdvisories);
                self.resolve(ctx, release, message).await?
            }
            Kind::TaskBlocked | Kind::GeneralBlocked | Kind::ApprovalBlocked => {
                self.ask_for([Remedy::Blocker, Remedy::Both]);
                self.resolve(ctx, release, message).await?
            }
            Kind::ShippedElsewhere => Some(retry(Task::ChangeAdvisoryStatus)),
            Kind::ReleaseDateMissing => Some(without_a_date()),
            Kind::ApprovalTimeout => self.ask(Act::Publish).then(|| retry(Task::ChangeAdvisoryStatus)),
            Kind::TaskFailed => self.failed(ctx, release, message, tries).await?,
            Kind::QuestionOpen => self.what_happened(ctx, release, message).await?,
            Kind::JobRefLost => put_back(ctx, release, message).await?,
            // The task or the build that is meant has a message of its own; the rest is said, not asked.
            Kind::PrereqMissing | Kind::SyncFailed | Kind::LateApproval | Kind::Stalled => None,
            Kind::Replaced => self.run_again(ctx, release).await?,
            Kind::BuildDataInherited | Kind::GivenUp | Kind::ErrataFlow | Kind::StatusUnknown => None,
            Kind::LeaseOfWrongClock
            | Kind::Initialised
            | Kind::TaskStarted
            | Kind::AsyncStarted
            | Kind::AsyncRunning
            | Kind::GatePassed
            | Kind::GateReopened
            | Kind::AnalysisStarted
            | Kind::ApprovalStarted
            | Kind::ApprovalScheduled
            | Kind::ApprovalRetried
            | Kind::MrAlreadyMerged
            | Kind::CandidateMissing
            | Kind::ApprovalHeldLater
            | Kind::DatePassed
            | Kind::BuildDataChanged
            | Kind::ApprovedWithout
            | Kind::StepLeft
            | Kind::StepOwed
            | Kind::Completed
            | Kind::StateUnavailable
            | Kind::BuildDataUnavailable
            | Kind::CandidateWaiting
            | Kind::RecordUnknown
            | Kind::PromotionUnknown
            | Kind::WaitPromotion
            | Kind::StageReleaseWaiting
            | Kind::StageReleaseUnknown
            | Kind::MrUnknown
            | Kind::AdvisoriesUnknown
            | Kind::WaitTestFile
            | Kind::WaitAggregation
            | Kind::StageWaitsForPush
            | Kind::StageWaitsForGate
            | Kind::SyncWaiting
            | Kind::SignatureWaiting
            | Kind::TooEarly
            | Kind::ApprovedNotShipped
            | Kind::RetryScheduled
            | Kind::DrivenElsewhere
            | Kind::TaskWaiting => None,
        })
    }

    /// Accepts a rejected build when most of its tests passed; the rest stays rejected.
    async fn decide(&mut self, ctx: &Context, release: &ZStream, message: &Message) -> Result<Option<Help>, TaskError> {
        let Some(which) = message.task.and_then(Which::of_task) else { return Ok(None) };
        let accept = !matches!(
            self.verdict(ctx, release, which).await?,
            Some(RecordVerdict::Rejected { most_passed: false, .. })
        );
        let reason =
            if accept { "the failed jobs fail for a known reason outside the product" } else { "too many failed" };
        self.rejected = !accept;
        let decision = if accept { "accepted" } else { "rejected" };
        let options = DriveOptions {
            decide: Some((which, request::BuildDecision { accept, reason: reason.to_owned() })),
            ..DriveOptions::default()
        };
        Ok(Some(Help::by(LEAD, format!("{decision} the {which} build: {reason}")).with(options)))
    }

    /// What the test record of a build says, as a person reads it.
    async fn verdict(
        &self,
        ctx: &Context,
        release: &ZStream,
        which: Which,
    ) -> Result<Option<RecordVerdict>, TaskError> {
        let build = match which {
            Which::Promoted => Some(release.to_string()),
            Which::Candidate => state_file::of(ctx, release).await?.metadata().candidate_builds.get("x86_64").cloned(),
        };
        let Some(build) = build else { return Ok(None) };
        Ok(test_record::of(ctx, &build, Arch::Amd64.name()).await?.map(|record| record.verdict))
    }

    async fn resolve(&self, ctx: &Context, release: &ZStream, message: &Message) -> Result<Option<Help>, TaskError> {
        let blockers = issues::Filter { open: true, blockers: true, task: None };
        let open = issues::list(ctx, release, &blockers).await?;
        let meant = open.iter().find(|issue| issue.id == message.occasion);
        let Some(Issue { id, issue: text, .. }) = meant.or(open.first()) else { return Ok(None) };
        issues::resolve(ctx, release, id, "settled with those who are responsible").await?;
        let head = text.lines().next().unwrap_or_default();
        Ok(Some(Help::by(LEAD, format!("resolved the blocker {id}: {head}"))))
    }

    /// What passed for something that ART has replaced is done again for the new one.
    async fn run_again(&self, ctx: &Context, release: &ZStream) -> Result<Option<Help>, TaskError> {
        let open = issues::Filter { open: true, blockers: false, task: None };
        let noted = issues::list(ctx, release, &open).await?.into_iter();
        let noted = noted.filter(|issue| issue.source.as_deref().is_some_and(|at| at.starts_with(REPLACED_SOURCE)));
        let tasks: BTreeSet<Task> =
            noted.flat_map(|issue| issue.related_tasks).filter_map(|name| name.parse().ok()).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        let mut done = Vec::new();
        for task in tasks {
            let reason = Some("it passed for what ART has replaced".to_owned());
            let status = TaskStatus::NotStarted;
            let by_hand = StatusByHand { task, status, reason, may_change_pass: true, proven: false };
            update_task_status::run(ctx, release, by_hand).await?;
            done.push(task.name());
        }
        Ok(Some(Help::by(LEAD, format!("has {} done again: ART replaced what they were about", done.join(", ")))))
    }

    /// Somebody looks at the service and says what is true there.
    async fn what_happened(
        &self,
        ctx: &Context,
        release: &ZStream,
        message: &Message,
    ) -> Result<Option<Help>, TaskError> {
        let is_there = {
            let facts = self.world.facts();
            match message.task {
                Some(Task::StageTesting) => facts.jenkins.was_asked(),
                Some(_) | None => !facts.prow.runs.is_empty(),
            }
        };
        let choice = if is_there { HAPPENED } else { DID_NOT_HAPPEN };
        let (id, reason) = (message.occasion.clone(), "looked at the service".to_owned());
        answer::run(ctx, release, &AnswerByHand { id: id.clone(), choice: choice.to_owned(), reason }).await?;
        Ok(Some(Help::by(LEAD, format!("answered question {id}: {choice}"))))
    }

    /// A failed task is tried again, at last accepted as it is; nobody accepts an approval that failed.
    async fn failed(
        &self,
        ctx: &Context,
        release: &ZStream,
        message: &Message,
        tries: u32,
    ) -> Result<Option<Help>, TaskError> {
        let Some(task) = message.task else { return Ok(None) };
        self.ask_for([Remedy::FailedTask, Remedy::Both]);
        if tries < MOST_TRIES {
            return Ok(Some(retry(task)));
        }
        if task == Task::ChangeAdvisoryStatus {
            return Ok(None);
        }
        by_hand(ctx, release, task, TaskStatus::Pass, "checked by hand: good enough to ship").await.map(Some)
    }
}

fn an_owner() -> Help {
    let options = DriveOptions { email: Some(OWNER.to_owned()), ..DriveOptions::default() };
    Help::by(LEAD, "named an owner").with(options)
}

fn without_a_date() -> Help {
    let early = Some("build data names no date, and the release is due".to_owned());
    let options = DriveOptions { early, ..DriveOptions::default() };
    Help::by(LEAD, "has the approval start without a release date").with(options)
}

fn retry(task: Task) -> Help {
    let options = DriveOptions { retry: Some(task), ..DriveOptions::default() };
    Help::by(LEAD, format!("has {task} tried again")).with(options)
}

async fn put_back(ctx: &Context, release: &ZStream, message: &Message) -> Result<Option<Help>, TaskError> {
    let Some(task) = message.task else { return Ok(None) };
    by_hand(ctx, release, task, TaskStatus::NotStarted, "its job is not known").await.map(Some)
}

async fn by_hand(
    ctx: &Context,
    release: &ZStream,
    task: Task,
    status: TaskStatus,
    why: &str,
) -> Result<Help, TaskError> {
    let by_hand = StatusByHand { task, status, reason: Some(why.to_owned()), may_change_pass: false, proven: false };
    update_task_status::run(ctx, release, by_hand).await?;
    Ok(Help::by(LEAD, format!("set {task} to {status}: {why}")))
}
