//! `oar drive` and `oar plan`: the planner's words on a terminal.

use std::collections::BTreeMap;

use super::args::{DriveArgs, PlanArgs};
use super::exit::Exit;
use super::oar::Call;
use super::render::Told;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, Which};
use crate::drive::rounds::{self, Event, Persistence, Wishes};
use crate::drive::{lease, report as plans};
use crate::operators::report::{self, clean, one_line};
use crate::operators::request::Verdict as Word;
use crate::planner::messages::Kind;
use crate::planner::plan::{Plan, Verdict};

/// Shows what is next and why. Writes nothing.
pub(super) async fn plan(call: &Call, args: PlanArgs) -> Result<Exit, Told> {
    let (release, ctx) = (call.release()?, call.context()?);
    let PlanArgs { email, ignore_release_date } = args;
    let wishes = Wishes { email, ignore_release_date, ..Wishes::default() };
    let plan = rounds::look(&ctx, &release, &wishes).await;
    let plan = plan.map_err(|error| call.told_task(&format!("{release} could not be planned"), error))?;
    call.show(&plans::text(&release, &plan), &plans::json(&release, &plan));
    Ok(Exit::Done)
}

/// Drives the release and shows what happens as it happens.
pub(super) async fn drive(call: &Call, args: DriveArgs) -> Result<Exit, Told> {
    let (release, ctx) = (call.release()?, call.context()?);
    let wishes = wishes(args)?;
    let mut troubles = BTreeMap::new();
    let plan = run(call, &ctx, &release, &wishes, &mut troubles).await?;
    call.show(&plans::text(&release, &plan), &plans::json(&release, &plan));
    // With something left to do, what could not be done tells how this drive ended.
    let trouble = troubles.values().next().filter(|_| matches!(plan.verdict, Verdict::Continue));
    Ok(trouble.map_or_else(|| exit_of(&plan), |class| Exit::of_error(*class)))
}

async fn run(
    call: &Call,
    ctx: &Context,
    release: &ZStream,
    wishes: &Wishes,
    troubles: &mut BTreeMap<Task, ErrorClass>,
) -> Result<Plan, Told> {
    let (streams, json) = (call.outside.clone(), call.json);
    let clock = ctx.clock.clone();
    let mut tell = |event: Event<'_>| {
        // With --json the one document is the result; what happens on the way goes to stderr.
        match &event {
            Event::Ran(report) => drop(troubles.remove(&report.task)),
            Event::CouldNot(failure) => drop(troubles.insert(failure.task, failure.error.class())),
            Event::Marked(_) | Event::Waits { .. } => {}
        }
        let lines = event_text(&event);
        let lines = format!("{} {}", stamp(clock.now()), lines);
        if json { streams.err.line(lines) } else { streams.out.line(lines) }
    };
    let ended = rounds::drive(ctx, release, wishes, &mut tell).await;
    ended.map_err(|error| {
        let busy = lease::is_driver_busy(&error);
        let mut told = call.told_task(&format!("{release} could not be driven"), error);
        if busy {
            (told.exit, told.class) = (Exit::Conflict, ErrorClass::Conflict);
        }
        told
    })
}

/// How a plan ends the program.
pub(super) fn exit_of(plan: &Plan) -> Exit {
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
    let mut asked = plans::persons(plan).peekable();
    asked.peek().is_some()
        && asked.all(|message| matches!(message.kind, Kind::CredentialMissing | Kind::KerberosNeeded))
}

fn wishes(args: DriveArgs) -> Result<Wishes, Told> {
    let persistence = match (args.once, args.watch) {
        (true, _) => Persistence::Once,
        (false, true) => Persistence::Watch,
        (false, false) => Persistence::UntilWaiting,
    };
    let decide = match args.decide {
        Some(text) => Some(decision(&text, args.reason.unwrap_or_default())?),
        None => None,
    };
    let ignore_release_date = args.ignore_release_date;
    Ok(Wishes { email: args.email, decide, retry: args.retry, ignore_release_date, persistence, until: None })
}

fn decision(text: &str, reason: String) -> Result<(Which, Word), Told> {
    let refuse = || Told {
        what: "the command line makes no sense".to_owned(),
        why: vec![format!(
            "--decide {text:?} is none of candidate=accept, candidate=reject, promoted=accept, promoted=reject"
        )],
        done: Vec::new(),
        next: "for example: --decide promoted=accept --reason \"known flake\"".to_owned(),
        exit: Exit::Usage,
        class: ErrorClass::InvalidInput,
    };
    let (build, word) = text.split_once('=').ok_or_else(refuse)?;
    let which = match build {
        "candidate" => Which::Candidate,
        "promoted" => Which::Promoted,
        _ => return Err(refuse()),
    };
    let accept = match word {
        "accept" => true,
        "reject" => false,
        _ => return Err(refuse()),
    };
    Ok((which, Word { accept, reason }))
}

/// One thing that happened, in words.
pub(super) fn event_text(event: &Event<'_>) -> String {
    match event {
        Event::Ran(report) => report::line(report),
        Event::CouldNot(failure) => {
            clean(&format!("{} could not be carried out: {}", failure.task, one_line(&failure.error)))
        }
        Event::Marked(what) => clean(what),
        Event::Waits { until, plan } => {
            let waits: Vec<_> = plan.messages.iter().filter(|m| m.recheck.is_some()).map(|m| m.text.clone()).collect();
            clean(&format!("waiting until {}: {}", stamp(*until), waits.join("; ")))
        }
    }
}
