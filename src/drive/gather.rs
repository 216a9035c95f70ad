//! The world as the planner wants to see it. Whatever cannot be found out is unknown.

pub(super) mod stored;

use std::collections::BTreeMap;

use self::stored::{decided, from_state, stall_limits};
use super::memory::Memory;
use super::options::{DriveOptions, Persistence, passes_by};
use crate::core::clients::negotiate::Kerberos;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::core::notices::of_plan;
use crate::domain::acceptance::RecordVerdict;
use crate::domain::approval;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::credential::Credential;
use crate::domain::release::ZStream;
use crate::domain::service::Service;
use crate::domain::shipment::MrState;
use crate::domain::state::view::State;
use crate::domain::task::{Flow, Task, TaskStatus, Which};
use crate::operators::error::TaskError;
use crate::operators::request::TaskRequest;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, advisory_page, build_record, owed, promotion, shipment};
use crate::planner::facts::{AdvisoryFact, MrFact, PageState, PromotionFact, RecordState, ReleaseFact};
use crate::planner::input::{Input, RefusedLook, Replaced, StateSource, Unread};

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
    input.ignore_release_date = options.early.is_some();
    input.retry = memory.retry;
    input.notified = memory.notified(input.now);
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
    from_state(&mut input, ctx, &run.state, memory);
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
    of_build_data(&mut input, &run.state, assembly);
    if input.flow == Flow::Errata {
        return Ok(input);
    }
    input.candidate_build = build_record::build_of(&run, Which::Candidate).await?;
    decided(&mut input, &run.state, options);
    // On the heap: the futures of all services together are large for the stack of a worker thread.
    Box::pin(from_services(&mut input, &run)).await;
    Ok(input)
}

/// A drive that stays waits for an outage to end; one that ends anyway reports the outage itself.
fn sits_out(options: &DriveOptions, class: ErrorClass) -> bool {
    options.persistence == Persistence::Watch && matches!(class, ErrorClass::Transient | ErrorClass::RateLimit)
}

/// What build data says now; the copy in the state decides nothing.
fn of_build_data(input: &mut Input, state: &State, assembly: &Assembly) {
    input.flow = assembly.flow();
    input.release_date = assembly.due();
    input.not_ready = assembly.not_ready.iter().map(|gap| format!("{}: {}", gap.entry, gap.why)).collect();
    input.inherited_from = assembly.inherited_whole_from().map(str::to_owned);
    for change in assembly.changes_since(&state.metadata()).into_iter().filter(|change| change.stored.is_some()) {
        let text = change.to_string();
        let tasks = change.outdates().into_iter().filter(|task| state.status(*task) == TaskStatus::Pass);
        let tasks: Vec<Task> = tasks.collect();
        if !tasks.is_empty() {
            input.replaced.push(Replaced { text: text.clone(), tasks, issue: None });
        }
        input.changed.push(text);
    }
}

/// What belongs to another release, when that is why a service was not asked further.
fn strangers<T>(answer: &Result<T, TaskError>) -> Vec<String> {
    let Err(TaskError::Closed { by, .. }) = answer else { return Vec::new() };
    if let ClosedGate::NotReady { missing } = &**by { missing.clone() } else { vec![by.to_string()] }
}

/// Credentials that tasks lack, so that a plan names them instead of trying.
fn lacking(input: &mut Input, ctx: &Context, memory: &Memory) {
    for request in TaskRequest::all() {
        if let Err(error) = ctx.require(request.needs()) {
            input.credentials_missing.insert(request.task(), format!("{error}; {}", error.next_step()));
        }
    }
    if let Err(error) = ctx.require(&owed::NEEDS) {
        for owed in input.owed.values_mut() {
            owed.left = Some(format!("{error}; {}", error.next_step()));
        }
    }
    for (task, last) in &memory.last {
        if let Some(lacks) = last.lacks.as_ref().filter(|_| last.lacks_until.is_none_or(|at| at > input.now)) {
            input.credentials_missing.insert(*task, lacks.clone());
            input.credentials_again.extend(last.lacks_until.map(|at| (*task, at)));
        }
    }
}

/// The ticket for the Errata Tool. A build without Kerberos says so: kinit would not help.
async fn ticket(input: &mut Input, ctx: &Context) {
    let asking = TaskRequest::all().into_iter().filter(|request| request.needs().contains(&Credential::ErrataToken));
    let tasks = asking.map(|request| request.task());
    match ctx.ticket_trouble().await {
        None => {}
        Some(without @ Kerberos::NotBuilt) => {
            let lacks = format!("{} {without}; {}", Service::Errata, without.next_step(Service::Errata));
            for task in tasks {
                input.credentials_missing.entry(task).or_insert_with(|| lacks.clone());
            }
        }
        Some(_) => input.ticket_missing.extend(tasks),
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
    if input.not_ready.is_empty() {
        input.not_ready = strangers(&opened);
        input.not_ready.extend(strangers(&states));
    }
    input.candidate_file = candidate_file.unwrap_or(RecordState::Unknown { why: NOT_ASKED.to_owned() });
    match states {
        Ok(states) => input.advisories = Some(states),
        Err(error) => input.errata_refusal = (error.class() == ErrorClass::Auth).then(|| error.to_string()),
    }
    let promoted_file = asked(input.needs_promoted_file(), record(run, Some(&input.release)));
    input.shipment_refusal = opened.as_ref().err().and_then(|error| refused(run.ctx, error));
    let (shipped, promoted_file) = futures::join!(shipment_facts(run, input, opened), promoted_file);
    input.promoted_file = promoted_file.unwrap_or(RecordState::Unknown { why: NOT_ASKED.to_owned() });
    (input.mr, input.mr_url) = (shipped.mr, shipped.url);
    (input.stage_release, input.prod_release) = (shipped.stage, shipped.prod);
    input.shipment_refusal = input.shipment_refusal.take().or(shipped.refused);
    if approval_open(input)
        && let (Some(states), ReleaseFact::Known(prod)) = (&input.advisories, &input.prod_release)
    {
        let states = states.iter().map(|(impetus, one)| (impetus.as_str(), &one.state));
        input.shipped = Some(approval::shipped(prod, input.mr == MrFact::Merged, states));
    }
    // While the approval waits it looks itself; after a time-out only the page says whether it can go on.
    input.page = match asked(input.needs_page(), advisory_page::look(run)).await {
        Some(Ok(page)) if page.is_public => PageState::Accessible,
        Some(Ok(_)) => PageState::NotAccessible,
        Some(Err(_)) | None => PageState::Unknown,
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
    /// The pipelines refused us, though the merge request did not.
    refused: Option<RefusedLook>,
}

/// What a look at GitLab came to that only a person mends, who sets or renews the token.
fn refused(ctx: &Context, error: &TaskError) -> Option<RefusedLook> {
    if !matches!(error.class(), ErrorClass::Auth | ErrorClass::Config) {
        return None;
    }
    // Without a token nobody was refused who had one.
    match ctx.require(&[Credential::GitlabToken]) {
        Err(missing) => Some(RefusedLook { why: missing.to_string(), next: missing.next_step() }),
        Ok(()) => Some(RefusedLook { why: error.to_string(), next: error.next_step() }),
    }
}

async fn shipment_facts(run: &Run<'_>, input: &Input, opened: Result<shipment::Shipment, TaskError>) -> ShipmentFacts {
    let open = match opened {
        Ok(open) => open,
        Err(error) => {
            let unknown = || ReleaseFact::Unknown(error.to_string());
            let url = run.assembly_if_known().and_then(|assembly| assembly.shipment_mr.clone());
            return ShipmentFacts { mr: MrFact::Unknown, url, stage: unknown(), prod: unknown(), refused: None };
        }
    };
    let mut refusal = None;
    let mut known = |answer: Option<Result<_, TaskError>>| match answer {
        Some(Ok(release)) => ReleaseFact::Known(release),
        Some(Err(error)) => {
            refusal = refusal.take().or_else(|| refused(run.ctx, &error));
            ReleaseFact::Unknown(error.to_string())
        }
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
    ShipmentFacts { mr, url: Some(open.mr.web_url), stage, prod, refused: refusal }
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
