//! `oar drive` and `oar plan`: the planner's words on a terminal.

use std::collections::BTreeMap;

use crate::cli::confirm::confirm;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Override;
use crate::domain::task::{Task, Which};
use crate::drive::event::DriveEvent;
use crate::drive::lease;
use crate::drive::options::{DriveOptions, Persistence};
use crate::drive::rounds;
use crate::grammar::command::{DriveArgs, PlanArgs};
use crate::operators::request::{BuildDecision, ChangeRequest};
use crate::planner::messages::Actor;
use crate::planner::plan::{Plan, Verdict};
use crate::render::documents::plan::PlanDocument;
use crate::render::plan;
use crate::render::report;
use crate::render::styled::Styled;
use crate::render::text::one_line;

/// Shows what is next and why. Writes nothing.
pub(crate) async fn plan(call: &Invocation, args: PlanArgs) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let PlanArgs { email, ignore_release_date } = args;
    let early = ignore_release_date.then(|| "only planned".to_owned());
    let options = DriveOptions { email, early, ..DriveOptions::default() };
    let plan = rounds::look(&ctx, &release, &options).await;
    let plan = plan.map_err(|error| call.task_error(&format!("{release} could not be planned"), error))?;
    call.show(plan::text(&release, &plan), &PlanDocument::new(&release, &plan));
    Ok(Exit::Done)
}

/// Drives the release and shows what happens as it happens.
pub(crate) async fn drive(call: &Invocation, args: DriveArgs) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let options = options(args, &ctx.actor)?;
    if let Some(reason) = options.early.clone() {
        let change = ChangeRequest::EarlyApproval { reason };
        confirm(call, &ctx, &release, &change, &format!("an early approval of {release}")).await?;
    }
    let mut troubles = BTreeMap::new();
    let plan = run(call, &ctx, &release, &options, &mut troubles).await?;
    call.show(plan::text(&release, &plan), &PlanDocument::new(&release, &plan));
    // With something left to do, what could not be done tells how this drive ended.
    let trouble = troubles.values().next().filter(|_| matches!(plan.verdict, Verdict::Continue));
    Ok(trouble.map_or_else(|| exit_of(&plan), |class| Exit::of_error(*class)))
}

async fn run(
    call: &Invocation,
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    troubles: &mut BTreeMap<Task, ErrorClass>,
) -> Result<Plan, ErrorReport> {
    let (streams, json) = (call.outside.clone(), call.json);
    let clock = ctx.clock.clone();
    let mut tell = |event: DriveEvent<'_>| {
        // With --json the one document is the result; what happens on the way goes to stderr.
        match &event {
            DriveEvent::Ran(report) => drop(troubles.remove(&report.task)),
            DriveEvent::CouldNot(failure) => drop(troubles.insert(failure.task, failure.error.class())),
            DriveEvent::Marked(_) | DriveEvent::Waits { .. } => {}
        }
        let text = event_text(&event);
        streams.doing.set(doing(&event, &text));
        let text = Styled::from(format!("{} ", stamp(clock.now()))) + text;
        if json { streams.err.line(text) } else { streams.out.line(text) }
    };
    let ended = rounds::drive(ctx, release, options, &mut tell).await;
    ended.map_err(|error| {
        let busy = lease::is_driver_busy(&error);
        let mut explained = call.task_error(&format!("{release} could not be driven"), error);
        if busy {
            (explained.exit, explained.class) = (Exit::Conflict, ErrorClass::Conflict);
        }
        explained
    })
}

/// What to say to whoever asks while nothing new happens.
fn doing(event: &DriveEvent<'_>, text: &Styled) -> String {
    match event {
        DriveEvent::Waits { until, .. } => format!("{text}; the next look is at {}", stamp(*until)),
        DriveEvent::Ran(_) | DriveEvent::CouldNot(_) | DriveEvent::Marked(_) => {
            format!("at work; the last step was: {text}")
        }
    }
}

/// How a plan ends the program.
pub(crate) fn exit_of(plan: &Plan) -> Exit {
    match plan.verdict {
        Verdict::Done | Verdict::Continue => Exit::Done,
        Verdict::Waiting { .. } => Exit::Waiting,
        Verdict::NeedsPerson if lacks_credentials_only(plan) => Exit::Credential,
        Verdict::NeedsPerson => Exit::NeedsPerson,
        Verdict::Failed => Exit::Failed,
    }
}

/// Does a person have to do nothing but provide credentials?
fn lacks_credentials_only(plan: &Plan) -> bool {
    let mut asked = plan::persons(plan).peekable();
    asked.peek().is_some() && asked.all(|message| message.kind.actor() == Actor::Host)
}

fn options(args: DriveArgs, actor: &str) -> Result<DriveOptions, ErrorReport> {
    let persistence = match (args.once, args.watch) {
        (true, _) => Persistence::Once,
        (false, true) => Persistence::Watch,
        (false, false) => Persistence::UntilWaiting,
    };
    let reason = args.reason;
    let take_over =
        args.take_over.then(|| Override { reason: reason.clone().unwrap_or_default(), actor: actor.to_owned() });
    let decide = match args.decide {
        Some(text) => Some(decision(&text, reason.clone().unwrap_or_default())?),
        None => None,
    };
    let early = reason.filter(|_| args.ignore_release_date);
    Ok(DriveOptions {
        email: args.email,
        decide,
        retry: args.retry,
        early,
        take_over,
        persistence,
        asks_people: false,
        until: None,
    })
}

fn decision(text: &str, reason: String) -> Result<(Which, BuildDecision), ErrorReport> {
    let refuse = || {
        ErrorReport::usage(
            format!(
                "--decide {text:?} is none of candidate=accept, candidate=reject, promoted=accept, promoted=reject"
            ),
            "for example: --decide promoted=accept --reason \"known flake\"",
        )
    };
    let (build, text) = text.split_once('=').ok_or_else(refuse)?;
    let which = match build {
        "candidate" => Which::Candidate,
        "promoted" => Which::Promoted,
        _ => return Err(refuse()),
    };
    let accept = match text {
        "accept" => true,
        "reject" => false,
        _ => return Err(refuse()),
    };
    Ok((which, BuildDecision { accept, reason }))
}

/// One thing that happened, in words.
pub(crate) fn event_text(event: &DriveEvent<'_>) -> Styled {
    match event {
        DriveEvent::Ran(report) => report::with_notes(report),
        DriveEvent::CouldNot(failure) => {
            format!("{} could not be carried out: {}", failure.task, one_line(&failure.error)).into()
        }
        DriveEvent::Marked(what) => what.as_str().into(),
        DriveEvent::Waits { until, plan } => {
            let waits: Vec<_> = plan.messages.iter().filter(|m| m.recheck.is_some()).map(|m| m.text.clone()).collect();
            format!("waiting until {}: {}", stamp(*until), waits.join("; ")).into()
        }
    }
}
