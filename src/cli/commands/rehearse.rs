//! `oar rehearse`: simulator and drive in one process, in virtual time.

mod beginning;
mod help;
mod people;
mod summary;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::beginning::{Beginning, beginning};
use self::help::{Help, HelpResult, LEAD};
use self::people::People;
use self::summary::{Ended, Rows, Summary};
use crate::cli::commands::drive::{event_text, exit_of};
use crate::cli::commands::sim::environment;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::clock::{Clock, VirtualClock};
use crate::core::config::env::Env;
use crate::core::config::settings::Settings;
use crate::core::config::sources::Flags;
use crate::core::context::{Context, Options, StateAccess};
use crate::core::error::ErrorClass;
use crate::core::transport::{InMemory, ProgramCall, ProgramEnd, Transport};
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::view::State;
use crate::domain::task::Task;
use crate::drive::event::DriveEvent;
use crate::drive::options::{DriveOptions, Persistence};
use crate::drive::{lease, rounds};
use crate::grammar::rehearse::RehearseArgs;
use crate::operators::error::TaskError;
use crate::operators::steps::state_file;
use crate::planner::plan::{Plan, Verdict};
use crate::render::styled::Styled;
use crate::render::text::clean;
use crate::sim::faults::rules::Faults;
use crate::sim::server::{Simulator, StartOptions};

/// How long after the release day (or the beginning, when that is later) a rehearsal gives up waiting.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(9 * 24);

/// Rehearses a release and sums it up.
pub(crate) async fn run(call: &Invocation, args: RehearseArgs) -> Result<Exit, ErrorReport> {
    let Beginning { mut scenario, file } = beginning(&args)?;
    if args.small {
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (48, 10);
    }
    let release = scenario.plan.release.clone();
    let start = scenario.start();
    let release_day = scenario.plan.release_date;
    let time = VirtualClock::starting_at(start);
    let two = scenario.plan.problems.second_driver;
    let machine = || if two { time.for_machine(SignedDuration::ZERO) } else { time.clone() };
    let (clock, other_clock) = (machine(), machine());
    call.log_with(Clock::Virtual(clock.clone()));
    let faults = if args.faults > 0.0 { Faults::random(args.faults, args.seed) } else { Faults::none() };
    let options = StartOptions { port: 0, scenario, seed: args.seed, clock: time.clone(), faults };
    let simulator = simulator(&args, options).await?;
    if let Some((path, text)) = &file {
        simulator.world().facts().github.put_file("z-stream", path, text);
    }
    if args.journal.is_none() && args.keep.is_none() {
        simulator.world().journal().forget_bodies();
    }
    let home = tempfile::tempdir().map_err(|error| io_error("the rehearsal cannot start", &error))?;
    let ctx = context(call, &simulator, &home, clock.clone(), transport(&args, &simulator))?;
    let stream = if call.json { &call.outside.err } else { &call.outside.out };
    stream.line(format!("REHEARSAL of {release} against the simulator, virtual time from {}", stamp(start)));

    let started = real_now();
    let summary = Arc::new(Mutex::new(Summary::default()));
    let rehearsal = Rehearsal {
        call,
        until: clock_end(start, release_day),
        ctx: &ctx,
        release: &release,
        clock: &clock,
        summary: &summary,
    };
    let mut people = args.people_help.then(|| People::new(simulator.world().clone()));
    let plan = if two {
        let other_home = tempfile::tempdir().map_err(|error| io_error("the rehearsal cannot start", &error))?;
        let other = context(call, &simulator, &other_home, other_clock, transport(&args, &simulator))?;
        tokio::select! {
            biased;
            plan = rehearsal.play(people.as_mut()) => plan,
            never = rehearsal.beside(&other) => never,
        }
    } else {
        rehearsal.play(people.as_mut()).await
    };
    let wall_ms = real_now().duration_since(started).as_millis();

    let state = state_file::of(&ctx, &release).await.ok();
    let unmatched = simulator.unmatched();
    write_journal(&args, &simulator, &release, state.as_ref())?;
    simulator.shutdown().await;
    let plan = plan?;
    let summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = Ended {
        release: &release,
        plan: &plan,
        summary: &summary,
        state: state.as_ref(),
        virtual_minutes: clock.now().duration_since(start).as_mins(),
        wall_ms,
        unmatched: &unmatched,
    };
    let people_end = people.and_then(|people| people.end);
    let rows = if call.outside.out.style().accessible { Rows::Sentences } else { Rows::Columns };
    let mut text = ended.text(rows);
    text.lines(people_end.as_ref().map(|why| format!("nobody could finish {release}: {why}")));
    call.show(text, &ended.document(people_end.as_deref().map(clean)));
    if !unmatched.is_empty() {
        return Ok(Exit::Internal);
    }
    Ok(exit_of(&plan))
}

/// A rehearsal under way.
struct Rehearsal<'a> {
    call: &'a Invocation,
    until: Timestamp,
    ctx: &'a Context,
    release: &'a ZStream,
    clock: &'a VirtualClock,
    summary: &'a Arc<Mutex<Summary>>,
}

/// Pause before a drive that broke off is begun again.
const BREAK: SignedDuration = SignedDuration::from_mins(30);

impl Rehearsal<'_> {
    /// Drives until nothing moves any more, with the help of people if there are some.
    async fn play(&self, mut people: Option<&mut People>) -> Result<Plan, ErrorReport> {
        let until = self.until;
        let asks_people = people.is_some();
        let watched =
            |options| DriveOptions { persistence: Persistence::Watch, until: Some(until), asks_people, ..options };
        let mut last_lines = BTreeMap::new();
        let mut options = watched(DriveOptions::default());
        loop {
            let ended = self.drive(&options, people.as_deref(), &mut last_lines).await;
            if ended.as_ref().is_err_and(lease::is_driver_busy) && self.clock.now() < until {
                self.line(format!("{}  somebody else drives", self.clock.now().strftime("%m-%d %H:%M")));
                self.clock.pause(BREAK).await;
                continue;
            }
            let Some(people) = people.as_deref_mut() else {
                return ended.map_err(|error| self.broke_off(error));
            };
            let answer = match ended {
                Ok(plan) if matches!(plan.verdict, Verdict::Done) => return Ok(plan),
                Ok(plan) => {
                    match people.help(self.ctx, self.release, &plan).await.map_err(|error| self.broke_off(error))? {
                        HelpResult::Nobody(why) => {
                            people.end = Some(why);
                            return Ok(plan);
                        }
                        HelpResult::Helped(help) => help,
                    }
                }
                Err(error) if people.may_begin_again(&error) => {
                    self.clock.pause(BREAK).await;
                    Help::by(LEAD, format!("waited half an hour and began again after: {error}"))
                }
                Err(error) => return Err(self.broke_off(error)),
            };
            for line in people.new_actions() {
                self.line(line);
            }
            for line in answer.lines {
                self.line(format!("{}  {line}", self.clock.now().strftime("%m-%d %H:%M")));
            }
            last_lines.clear();
            options = watched(answer.options);
        }
    }

    /// Somebody else drives the same release all the time, from another machine.
    async fn beside(&self, ctx: &Context) -> Result<Plan, ErrorReport> {
        let options =
            DriveOptions { persistence: Persistence::Watch, until: Some(self.until), ..DriveOptions::default() };
        loop {
            let ended = rounds::drive(ctx, self.release, &options, &mut |_| {}).await;
            tracing::debug!(done = ended.is_ok(), "the other driver ended");
            ctx.clock.pause(BREAK, &ctx.cancel).await;
        }
    }

    fn broke_off(&self, error: TaskError) -> ErrorReport {
        self.call.task_error(&format!("the rehearsal of {} could not go on", self.release), error)
    }

    fn line(&self, text: impl Into<Styled>) {
        let streams = &self.call.outside;
        if self.call.json { streams.err.line(text) } else { streams.out.line(text) }
    }

    async fn drive(
        &self,
        options: &DriveOptions,
        people: Option<&People>,
        last_lines: &mut BTreeMap<Option<Task>, Styled>,
    ) -> Result<Plan, TaskError> {
        let mut show = |event: DriveEvent<'_>| {
            for line in people.map(People::new_actions).unwrap_or_default() {
                self.line(line);
            }
            self.show(last_lines, &event);
        };
        rounds::drive(self.ctx, self.release, options, &mut show).await
    }

    fn show(&self, last_lines: &mut BTreeMap<Option<Task>, Styled>, event: &DriveEvent<'_>) {
        let (clock, summary) = (self.clock, self.summary);
        let effects = summary.lock().unwrap_or_else(PoisonError::into_inner).remember(event, clock.now());
        if let Some(text) = new_line(last_lines, event) {
            self.line(Styled::from(format!("{}  ", clock.now().strftime("%m-%d %H:%M"))) + text);
        }
        for effect in effects {
            self.line(format!("               + {effect}"));
        }
    }
}

/// The line of an event, unless it is the last one again: looking again at an unchanged world is nothing new.
fn new_line(last_lines: &mut BTreeMap<Option<Task>, Styled>, event: &DriveEvent<'_>) -> Option<Styled> {
    let (task, text) = match event {
        DriveEvent::Ran(report) => (Some(report.task), event_text(event)),
        DriveEvent::CouldNot(failure) => (Some(failure.task), event_text(event)),
        DriveEvent::Marked(_) => return Some(event_text(event)),
        DriveEvent::Waits { plan, .. } => {
            let waits = plan.messages.iter().filter(|message| {
                message.recheck.is_some() && message.task.is_none_or(|task| !last_lines.contains_key(&Some(task)))
            });
            let waits: Vec<_> = waits.map(|message| message.text.as_str()).collect();
            if waits.is_empty() {
                return None;
            }
            (None, format!("waiting: {}", waits.join("; ")).into())
        }
    };
    (last_lines.insert(task, text.clone()).as_ref() != Some(&text)).then_some(text)
}

/// A rehearsal that still waits after this time waits for something that its world never brings.
fn clock_end(start: Timestamp, release_day: Date) -> Timestamp {
    let day = release_day.to_zoned(TimeZone::UTC).map_or(start, |day| day.timestamp());
    start.max(day).checked_add(LONGEST_WAIT).unwrap_or(start)
}

/// The world, on a port of this machine only when it is to be asked over sockets.
async fn simulator(args: &RehearseArgs, options: StartOptions) -> Result<Simulator, ErrorReport> {
    if args.sockets {
        return Simulator::start(options).await.map_err(|error| io_error("the simulator cannot start", &error));
    }
    Ok(Simulator::without_socket(options))
}

/// How the rehearsal asks its world.
fn transport(args: &RehearseArgs, simulator: &Simulator) -> Transport {
    if args.sockets {
        Transport::Network
    } else {
        let elliott = simulator.elliott();
        let programs = tower::service_fn(move |call: ProgramCall| {
            let ended = elliott(&call.arguments, &call.environment);
            async move {
                let Some(ended) = ended else { return std::future::pending().await };
                Ok(ProgramEnd { code: ended.code.into(), stdout: ended.stdout.into_bytes(), stderr: ended.stderr })
            }
        });
        let services = InMemory::new(simulator.base_url(), simulator.in_memory());
        Transport::InMemory(services.with_programs(programs))
    }
}

/// A context that knows nothing of the caller's environment: no credential of theirs can leak in.
fn context(
    call: &Invocation,
    simulator: &Simulator,
    home: &tempfile::TempDir,
    clock: VirtualClock,
    transport: Transport,
) -> Result<Context, ErrorReport> {
    let mut env = Env::default();
    for name in ["PATH", "HOME"] {
        if let Some(value) = call.outside.env.get(name).filter(|_| name == "PATH") {
            env = env.with(name, value);
        }
    }
    for (name, value) in environment(simulator, home.path(), call.outside.program.as_deref())? {
        env = env.with(&name, value);
    }
    let refuse = |error| crate::cli::invocation::config_error("the rehearsal", &error);
    let settings = Settings::load(&env, &Flags::default()).map_err(refuse)?;
    let options = Options { dry_run: false, ..call.options() };
    let (clock, cancel, access) = (Clock::Virtual(clock), call.cancel.clone(), StateAccess::Required);
    Context::new(Arc::new(settings), clock, transport, cancel, "rehearsal".to_owned(), options, access).map_err(refuse)
}

/// Writes what the caller wants to keep; making the journal readable takes a while.
fn write_journal(
    args: &RehearseArgs,
    simulator: &Simulator,
    release: &ZStream,
    state: Option<&State>,
) -> Result<(), ErrorReport> {
    if args.journal.is_none() && args.keep.is_none() {
        return Ok(());
    }
    let journal = simulator.journal();
    if let Some(path) = &args.journal {
        std::fs::write(path, &journal).map_err(|error| io_error("the journal cannot be written", &error))?;
    }
    args.keep.as_deref().map_or(Ok(()), |dir| keep(dir, release, state, &journal))
}

fn keep(dir: &std::path::Path, release: &ZStream, state: Option<&State>, journal: &str) -> Result<(), ErrorReport> {
    let write = || {
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("journal.jsonl"), journal)?;
        state.map_or(Ok(()), |state| std::fs::write(dir.join(format!("{release}.yaml")), state.to_yaml()))
    };
    write().map_err(|error| io_error("what happened cannot be kept", &error))
}

fn io_error(what: &str, error: &std::io::Error) -> ErrorReport {
    ErrorReport::new(what, error, "check the path and its permissions".to_owned(), ErrorClass::Config)
}

/// How long a rehearsal takes is measured by the machine's own clock.
fn real_now() -> Timestamp {
    Clock::System.now()
}
