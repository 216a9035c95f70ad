//! The world as the planner wants to see it. Whatever cannot be found out is reported as unknown.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::memory::Memory;
use super::options::{DriveOptions, Persistence, passes_by};
use crate::core::clients::negotiate::Kerberos;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::core::notices::of_plan;
use crate::domain::acceptance::RecordVerdict;
use crate::domain::approval;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::credential::Credential;
use crate::domain::dates;
use crate::domain::job_trace;
use crate::domain::release::ZStream;
use crate::domain::service::Service;
use crate::domain::shipment::MrState;
use crate::domain::state::entries::{Decision, TaskEntry};
use crate::domain::state::oddities::unreadable_statuses;
use crate::domain::state::view::State;
use crate::domain::task::{Flow, Task, TaskStatus, Which};
use crate::domain::verdict::VerdictClass;
use crate::domain::withdrawal;
use crate::operators::error::TaskError;
use crate::operators::request::TaskRequest;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, build_record, promotion, shipment};
use crate::planner::input::{
    AdvisoryFact, BuildVerdict, Input, Issues, MrFact, OpenIssue, PageState, PromotionFact, RecordState, ReleaseFact,
    StateSource, TaskFacts, Unread,
};
use crate::planner::limits::StallLimits;
use crate::planner::old_fail::{self, FailCause};

/// Looks at the world. Reads only.
///
/// # Errors
///
/// Nothing is known of the release at all: build data does not list it and there is no state file.
pub(super) async fn input(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    memory: &Memory,
) -> Result<Input, TaskError> {
    let mut input = Input::unknown(&release.to_string(), ctx.clock.now(), ctx.clock.today());
    input.ignore_release_date = options.ignore_release_date;
    input.retry = memory.retry;
    input.notified = memory.notified.clone();
    input.notified.extend(of_plan::sent_keys(ctx.notifier(&ctx.slack()), release));
    input.policy = ctx.settings.stage_policy;
    input.stall = stall_limits(ctx);
    input.owner = options.owner(ctx, release);
    let state = match ctx.statebox.load(release).await {
        Ok(Some(loaded)) => loaded.state,
        Ok(None) => {
            input.source = StateSource::None;
            // The file is made from build data: nobody is promised one for a release that is not listed.
            let text = ctx.build_data().releases(release.minor()).await?;
            BuildData::parse(&text)?.resolve(release)?;
            return Ok(input);
        }
        Err(error) if sits_out(options, error.class()) => {
            input.source = StateSource::Unavailable { what: Unread::State, why: error.to_string() };
            return Ok(input);
        }
        Err(error) => return Err(error.into()),
    };
    input.source = StateSource::StateBox;
    let run = Run::observe(ctx, release, state)?;
    from_state(&mut input, &run.state, memory);
    lacking(&mut input, ctx, memory);
    ticket(&mut input, ctx).await;
    let assembly = match run.assembly().await {
        Ok(assembly) => assembly,
        // Build data that nobody can reach, or a login page in its place, says nothing about what ART has completed.
        Err(error @ TaskError::Service(_)) if passes_by(&error) => {
            if options.persistence != Persistence::Watch {
                return Err(error);
            }
            input.source = StateSource::Unavailable { what: Unread::BuildData, why: error.to_string() };
            return Ok(input);
        }
        Err(error) => {
            input.not_ready = vec![error.to_string()];
            return Ok(input);
        }
    };
    input.flow = assembly.flow();
    input.not_ready = not_ready(assembly);
    if input.flow == Flow::Errata {
        return Ok(input);
    }
    input.candidate_build = build_record::build_of(&run, Which::Candidate).await?;
    decided(&mut input, &run.state, options);
    // On the heap: the futures of all services together are large for the stack of a worker thread.
    Box::pin(from_services(&mut input, &run)).await;
    Ok(input)
}

/// The stored facts alone; everything that a service would have to tell is unknown.
pub(super) fn stored(ctx: &Context, release: &ZStream, state: &State) -> Input {
    let mut input = Input::unknown(&release.to_string(), ctx.clock.now(), ctx.clock.today());
    let nobody = DriveOptions::default();
    input.policy = ctx.settings.stage_policy;
    input.stall = stall_limits(ctx);
    input.owner = nobody.owner(ctx, release);
    input.source = StateSource::StateBox;
    from_state(&mut input, state, &Memory::default());
    input.flow = state.flow();
    if was_promoted(state) {
        input.promotion = PromotionFact::Accepted;
    }
    input.candidate_build = state.metadata().candidate_builds.get("x86_64").cloned();
    decided(&mut input, state, &nobody);
    input
}

/// Do the stored tasks show that the payload was promoted?
fn was_promoted(state: &State) -> bool {
    let begun = |task: Task| state.status(task) != TaskStatus::NotStarted;
    Task::ALL.into_iter().any(|task| task.begins_after_promotion() && begun(task))
}

/// A drive that stays waits for an outage to end; one that ends anyway tells the outage itself.
fn sits_out(options: &DriveOptions, class: ErrorClass) -> bool {
    options.persistence == Persistence::Watch && matches!(class, ErrorClass::Transient | ErrorClass::RateLimit)
}

fn not_ready(assembly: &Assembly) -> Vec<String> {
    assembly.not_ready.iter().map(|gap| format!("{}: {}", gap.entry, gap.why)).collect()
}

fn from_state(input: &mut Input, state: &State, memory: &Memory) {
    input.release_date = state.metadata().release_date.as_deref().and_then(dates::release_date);
    for entry in state.tasks() {
        if let (Some(task), Some(status)) = (entry.task(), entry.status.known()) {
            input.tasks.insert(task, task_facts(task, status, &entry));
            input.notified.extend(entry.notified);
        }
    }
    input.unreadable_statuses = unreadable_statuses(state);
    for unreadable in &input.unreadable_statuses {
        // Nobody knows how far it is: neither repeated nor passed over.
        input.tasks.entry(unreadable.task).or_default().status = TaskStatus::InProgress;
    }
    for (task, last) in &memory.last {
        let facts = input.tasks.entry(*task).or_default();
        facts.not_before = last.not_before;
        facts.blocked_by.clone_from(&last.blocked_by);
        facts.waiting_on.clone_from(&last.waiting_on);
        facts.failed_now = last.failed && facts.status == TaskStatus::Fail;
        if last.outages > 0 {
            facts.retries_used = last.outages - 1;
            facts.fail_cause = facts.fail_cause.or((facts.status == TaskStatus::Fail).then_some(FailCause::Transient));
        }
    }
    input.issues = issues(state);
    input.given_up = state.issues().into_iter().find_map(|issue| {
        let resolution = issue.resolution.filter(|_| issue.blocker && issue.resolved)?;
        withdrawal::gives_up(&input.release, &resolution).then_some(resolution)
    });
}

/// What was decided about the two builds that are meant now.
fn decided(input: &mut Input, state: &State, options: &DriveOptions) {
    let decisions = state.metadata().decisions;
    let candidate = input.candidate_build.clone().unwrap_or_default();
    input.candidate_verdict = verdict(&decisions, Which::Candidate, &candidate, options);
    input.promoted_verdict = verdict(&decisions, Which::Promoted, &input.release, options);
}

fn stall_limits(ctx: &Context) -> StallLimits {
    let set = &ctx.settings.stall;
    let length = |limit: std::time::Duration| SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    StallLimits {
        promotion: length(set.promotion),
        test_file: length(set.test_file),
        aggregation: length(set.aggregation),
        analysis: length(set.analysis),
        push: length(set.push),
        stage_release: length(set.stage_release),
        image_consistency: length(set.image_consistency),
        stage_testing: length(set.stage_testing),
    }
}

fn task_facts(task: Task, status: TaskStatus, entry: &TaskEntry) -> TaskFacts {
    let last = entry.attempts.last();
    let fail_cause = (status == TaskStatus::Fail).then(|| match last.and_then(|attempt| attempt.class.as_deref()) {
        Some("transient" | "rate-limit" | "corrupt" | "conflict") => FailCause::Transient,
        Some(class) => match class.parse() {
            Ok(VerdictClass::Deadline) => FailCause::TimedOut,
            Ok(VerdictClass::Job) => FailCause::JobFailed,
            Ok(VerdictClass::Verdict) | Err(()) => FailCause::Permanent,
        },
        None => old_fail::classify(entry.result.as_deref().unwrap_or_default()),
    });
    TaskFacts {
        status,
        started_at: entry.started(),
        completed_at: entry.completed(),
        job_ref: job_trace::job_of(task, entry),
        attempts: entry.attempts.len(),
        intent_open: entry.intent.is_some(),
        fail_cause,
        waiting_on: entry
            .present_reason()
            .filter(|_| status == TaskStatus::InProgress)
            .map(|reason| reason.strip_prefix("waiting for ").unwrap_or(reason).to_owned()),
        last_look: entry.result.as_deref().filter(|_| status == TaskStatus::InProgress).and_then(last_look),
        ..TaskFacts::default()
    }
}

/// The time of the last line of a stored log; every look at a running task stores its own log.
fn last_look(log: &str) -> Option<Timestamp> {
    log.lines().rev().find_map(|line| line.split_once(": ")?.0.parse().ok())
}

fn issues(state: &State) -> Issues {
    let mut issues = Issues::default();
    for issue in state.issues() {
        let tasks: Vec<Task> = issue.related_tasks.iter().filter_map(|name| name.parse().ok()).collect();
        if issue.resolved {
            let at: Option<Timestamp> = issue.resolved_at.as_deref().and_then(|text| text.parse().ok());
            for task in tasks.iter().filter(|_| issue.blocker) {
                if let Some(at) = at {
                    let last = issues.resolved_at.entry(*task).or_insert(at);
                    *last = (*last).max(at);
                }
            }
        } else if issue.blocker {
            let open = OpenIssue { id: issue.id.clone(), text: issue.issue.clone(), source: issue.source.clone() };
            if issue.related_tasks.is_empty() {
                issues.general.push(open);
            } else {
                for task in tasks {
                    issues.blockers.entry(task).or_default().push(open.clone());
                }
            }
        }
    }
    issues
}

fn verdict(decisions: &[Decision], which: Which, build: &str, options: &DriveOptions) -> BuildVerdict {
    if let Some((_, decision)) = options.decide.as_ref().filter(|(meant, _)| *meant == which) {
        let reason = decision.reason.clone();
        return match decision.accept {
            true => BuildVerdict::Accept { reason, at: None },
            false => BuildVerdict::Reject { reason, at: None },
        };
    }
    match decisions.iter().rev().find(|decision| decision.is_about(which, build)) {
        Some(decision) if decision.accept => BuildVerdict::Accept { reason: decision.reason.clone(), at: decision.at },
        Some(decision) => BuildVerdict::Reject { reason: decision.reason.clone(), at: decision.at },
        None => BuildVerdict::None,
    }
}

/// Credentials that tasks lack, so that a plan names them instead of trying.
fn lacking(input: &mut Input, ctx: &Context, memory: &Memory) {
    for request in TaskRequest::all() {
        if let Err(error) = ctx.require(request.needs()) {
            input.credentials_missing.insert(request.task(), format!("{error}; {}", error.next_step()));
        }
    }
    for (task, last) in &memory.last {
        if let Some(lacks) = &last.lacks {
            input.credentials_missing.insert(*task, lacks.clone());
        }
    }
}

/// The ticket for the Errata Tool. A build without Kerberos is reported as such: kinit would not help.
async fn ticket(input: &mut Input, ctx: &Context) {
    match ctx.ticket_trouble().await {
        Some(without @ Kerberos::NotBuilt) => {
            let lacks = format!("{} {without}; {}", Service::Errata, without.next_step(Service::Errata));
            let asking =
                TaskRequest::all().into_iter().filter(|request| request.needs().contains(&Credential::ErrataToken));
            for request in asking {
                input.credentials_missing.entry(request.task()).or_insert_with(|| lacks.clone());
            }
        }
        trouble => input.kerberos_missing = trouble.is_some(),
    }
}

/// Asks the services for what a plan can depend on; first for what decides whether the rest matters.
async fn from_services(input: &mut Input, run: &Run<'_>) {
    let candidate = input.candidate_build.clone();
    let (promoted, opened, states, candidate_file) = futures::join!(
        asked(input.needs_promotion(), promotion::phase(run)),
        shipment::open(run),
        advisories_of(run),
        asked(input.needs_candidate_file(), record(run, candidate.as_deref())),
    );
    match promoted {
        Some(Ok(promotion)) => input.promotion = PromotionFact::from_phase(promotion.phase()),
        Some(Err(error)) => input.promotion = PromotionFact::Unknown(error.to_string()),
        None => {}
    }
    input.candidate_file = candidate_file.unwrap_or(RecordState::Unknown { why: NOT_ASKED.to_owned() });
    input.advisories = states.ok();
    let promoted_file = asked(input.needs_promoted_file(), record(run, Some(&input.release)));
    let (shipped, promoted_file) = futures::join!(shipment_facts(run, input, opened), promoted_file);
    input.promoted_file = promoted_file.unwrap_or(RecordState::Unknown { why: NOT_ASKED.to_owned() });
    (input.mr, input.mr_url) = (shipped.mr, shipped.url);
    (input.stage_release, input.prod_release) = (shipped.stage, shipped.prod);
    if approval_open(input)
        && let (Some(states), ReleaseFact::Known(prod)) = (&input.advisories, &input.prod_release)
    {
        let states = states.iter().map(|(impetus, one)| (impetus.as_str(), &one.state));
        input.shipped = Some(approval::shipped(prod, input.mr == MrFact::Merged, states));
    }
    // The page is looked at by the approval itself; the planner needs it only to take up a timed-out one.
    input.page = match (input.status(Task::ChangeAdvisoryStatus), input.prod_release.succeeded()) {
        (TaskStatus::Fail, true) => PageState::Accessible,
        (TaskStatus::Fail, false) => PageState::NotAccessible,
        (TaskStatus::NotStarted | TaskStatus::InProgress | TaskStatus::Pass, _) => PageState::Unknown,
    };
}

/// What a fact says that no row can use now.
const NOT_ASKED: &str = "not asked";

/// The answer to a question that is of interest.
async fn asked<T>(needed: bool, question: impl Future<Output = T>) -> Option<T> {
    if needed { Some(question.await) } else { None }
}

fn approval_open(input: &Input) -> bool {
    input.status(Task::ChangeAdvisoryStatus) != TaskStatus::NotStarted
}

struct ShipmentFacts {
    mr: MrFact,
    url: Option<String>,
    stage: ReleaseFact,
    prod: ReleaseFact,
}

async fn shipment_facts(run: &Run<'_>, input: &Input, opened: Result<shipment::Shipment, TaskError>) -> ShipmentFacts {
    let open = match opened {
        Ok(open) => open,
        Err(error) => {
            let unknown = || ReleaseFact::Unknown(error.to_string());
            let url = run.state.metadata().shipment_mr;
            return ShipmentFacts { mr: MrFact::Unknown, url, stage: unknown(), prod: unknown() };
        }
    };
    let known = |answer: Option<Result<_, TaskError>>| match answer {
        Some(Ok(release)) => ReleaseFact::Known(release),
        Some(Err(error)) => ReleaseFact::Unknown(error.to_string()),
        None => ReleaseFact::Unknown(NOT_ASKED.to_owned()),
    };
    let stage = known(asked(input.needs_stage_release(), shipment::stage_release(run, &open)).await);
    let prod = known(asked(approval_open(input), shipment::prod_release(run, &open)).await);
    let mr = match open.mr.state {
        MrState::Open => MrFact::Open,
        MrState::Merged => MrFact::Merged,
        MrState::Closed => MrFact::Closed,
        MrState::Other(_) => MrFact::Unknown,
    };
    ShipmentFacts { mr, url: Some(open.mr.web_url), stage, prod }
}

async fn advisories_of(run: &Run<'_>) -> Result<BTreeMap<String, AdvisoryFact>, TaskError> {
    let managed = advisories::managed(run).await?;
    let one = |has_builds: Option<bool>| {
        move |advisory: advisories::Advisory| {
            let (id, state) = (advisory.id(), advisory.state().clone());
            (advisory.impetus, AdvisoryFact { id, state, has_builds })
        }
    };
    let live = managed.live.into_iter().map(one(None));
    let empty = managed.dropped_empty.into_iter().map(one(Some(false)));
    let full = managed.dropped_with_builds.into_iter().map(one(Some(true)));
    Ok(live.chain(empty).chain(full).collect())
}

async fn record(run: &Run<'_>, build: Option<&str>) -> RecordState {
    let Some(build) = build else { return RecordState::Missing };
    let verdict = match build_record::verdict(run, build).await {
        Ok(verdict) => verdict,
        Err(error) => return RecordState::Unknown { why: error.to_string() },
    };
    match verdict {
        RecordVerdict::Missing => RecordState::Missing,
        RecordVerdict::NotStarted => RecordState::NotStarted,
        RecordVerdict::Aggregating { missing } => RecordState::Aggregating { missing },
        RecordVerdict::Accepted { .. } => RecordState::Accepted,
        RecordVerdict::Rejected { summary, .. } => RecordState::Rejected { summary },
        RecordVerdict::Invalid { why } => RecordState::Invalid { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_tasks_that_begin_after_promotion_tell_that_it_was_promoted() {
        for (tasks, promoted) in [
            ("[]", false),
            ("[{name: push-to-cdn-staging, status: Pass}, {name: analyze-candidate-build, status: Pass}]", false),
            ("[{name: stage-testing, status: Not Started}]", false),
            ("[{name: stage-testing, status: In Progress}]", true),
            ("[{name: image-consistency-check, status: Fail}]", true),
            ("[{name: analyze-promoted-build, status: Pass}]", true),
        ] {
            let text = format!(
                "schema_version: '1.0'\nrelease: 4.20.17\ncreated_at: '2026-06-01T12:00:00Z'\n\
                 updated_at: '2026-06-01T12:00:00Z'\nmetadata: {{}}\ntasks: {tasks}\nissues: []\n"
            );
            assert_eq!(was_promoted(&State::parse(&text, None).unwrap()), promoted, "{tasks}");
        }
    }
}
