//! `oar`: one request per command line.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::commands::{config, drive, man, rehearse, sim, state, status};
use crate::cli::confirm::{self, confirm};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::cli::output::log_file::LogFile;
use crate::cli::output::logging::{LogClock, LogSink};
use crate::cli::outside::Outside;
use crate::cli::serve;
use crate::core::config::error::ConfigError;
use crate::core::config::settings::Settings;
use crate::core::config::sources::Flags;
use crate::core::context::{Context, Options};
use crate::core::error::ErrorClass;
use crate::core::statebox::cas::StateBox;
use crate::domain::consistency::{Consistency, ConsistencyReport, overall};
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::task::Which;
use crate::drive::rounds::{self, DriveOptions};
use crate::grammar::args::{Cli, Command, CtlCommand, Decide, Decision, IssueCommand};
use crate::operators::error::TaskError;
use crate::operators::execute;
use crate::operators::manual::{issues, update_task_status};
use crate::operators::report::TaskReport;
use crate::operators::request::{TaskRequest, Verdict};
use crate::operators::tasks::{change_advisory_status, take_ownership};
use crate::operators::views::{compare_images, discovery, is_shipped, metadata};
use crate::render::plan as plans;
use crate::render::report;

/// How long somebody at a terminal waits for one answer.
const HASTE: Duration = Duration::from_secs(8);

/// One call of the program, with what all commands share.
#[derive(Debug)]
pub struct Call {
    /// Streams, environment, arguments.
    pub outside: Outside,
    /// Fires on Ctrl-C.
    pub cancel: CancellationToken,
    /// Print JSON?
    pub json: bool,
    /// Is every question answered with yes?
    pub yes: bool,
    /// The release, when one was given.
    pub release: Option<ZStream>,
    clock: LogClock,
    log: LogSink,
    flags: Flags,
    options: Options,
    /// The store of this call, once it is known.
    statebox: OnceLock<StateBox>,
}

/// Runs one command line.
pub async fn run(cli: Cli, outside: Outside, cancel: CancellationToken, clock: LogClock, log: LogSink) -> Exit {
    let mut flags = Flags::default();
    if let Some(dir) = &cli.state {
        flags = flags.with("--state", "state.dir", dir.display().to_string());
    }
    if let Some(file) = &cli.settings {
        flags = flags.with("--settings", "settings.file", file.display().to_string());
    }
    let options = Options { no_notify: cli.no_notify, dry_run: cli.dry_run };
    let call = Call {
        outside,
        cancel,
        json: cli.json,
        yes: cli.yes,
        release: cli.release,
        clock,
        log,
        flags,
        options,
        statebox: OnceLock::new(),
    };
    if let Some(clock) = &call.outside.clock {
        call.log_with(clock.clone());
    }
    let makes_a_world = matches!(cli.command, Command::Sim(_) | Command::Rehearse(_));
    match dispatch(&call, cli.command).await {
        // Done is what is stored; what waits here for its store is on its way.
        Ok(Exit::Done) if call.statebox.get().is_some_and(StateBox::has_kept) => Exit::Waiting,
        Ok(exit) => exit,
        Err(reported) if makes_a_world => call.tell(&reported),
        Err(reported) => call.tell(&sim::or_world_is_gone(&call, reported).await),
    }
}

async fn dispatch(call: &Call, command: Command) -> Result<Exit, ErrorReport> {
    match command {
        Command::CreateTestReport => task(call, TaskRequest::CreateTestReport).await,
        Command::TakeOwnership { email, reason } => {
            let request = TaskRequest::TakeOwnership { email, reason };
            let (release, ctx) = (call.release()?, call.context()?);
            if let (TaskRequest::TakeOwnership { email, .. }, false) = (&request, call.yes) {
                // Without credentials the task itself says what is missing.
                let will = match ctx.require(request.needs()) {
                    Ok(()) => take_ownership::will(&ctx, &release, email.as_deref()).await,
                    Err(_) => Ok(Vec::new()),
                };
                let what = format!("taking over {release}");
                confirm(call, &what, &will.map_err(|error| call.task_error(&what, error))?).await?;
            }
            task(call, request).await
        }
        Command::CheckCveTrackerBug => task(call, TaskRequest::CheckCveTrackerBug).await,
        Command::CheckRhcosSecurityAlerts => task(call, TaskRequest::CheckRhcosSecurityAlerts).await,
        Command::PushToCdnStaging { check_only, force, reason } => {
            let force = reason.filter(|_| force);
            task(call, TaskRequest::PushToCdnStaging { check_only, force }).await
        }
        Command::ImageConsistencyCheck { local: true, arch, .. } => {
            task(call, TaskRequest::CompareImages { arches: arch }).await
        }
        Command::ImageConsistencyCheck { job_id, .. } => {
            task(call, TaskRequest::ImageConsistencyCheck { job: job_id }).await
        }
        Command::StageTesting { build_number, force, reason } => {
            let force = reason.filter(|_| force);
            task(call, TaskRequest::StageTesting { build: build_number, force }).await
        }
        Command::ImageSignedCheck => task(call, TaskRequest::ImageSignedCheck).await,
        Command::AnalyzeCandidateBuild(decide) => analyze(call, Which::Candidate, decide).await,
        Command::AnalyzePromotedBuild(decide) => analyze(call, Which::Promoted, decide).await,
        Command::ChangeAdvisoryStatus { ignore_release_date, reason } => {
            let (release, ctx) = (call.release()?, call.context()?);
            let what = format!("the final approval of {release}");
            let will = change_advisory_status::will(&ctx, &release, ignore_release_date).await;
            confirm(call, &what, &will.map_err(|error| call.task_error(&what, error))?).await?;
            task(call, TaskRequest::ChangeAdvisoryStatus { ignore_release_date, reason }).await
        }
        Command::Status => status::status(call).await,
        Command::AddQeApproval => task(call, TaskRequest::AddQeApproval).await,
        Command::IsShipped => {
            let (ctx, release) = (call.context()?, call.release()?);
            let view = is_shipped::of(&ctx, &release).await;
            let view = view.map_err(|error| {
                call.task_error(&format!("whether {release} is shipped could not be found out"), error)
            })?;
            call.show(&report::clean(&view.text()), &view.json());
            Ok(if view.shipped.is_some() { Exit::Done } else { Exit::Unavailable })
        }
        Command::Metadata => {
            let (ctx, release) = (call.context()?, call.release()?);
            let view = metadata::of(&ctx, &release).await;
            let view =
                view.map_err(|error| call.task_error(&format!("the metadata of {release} cannot be shown"), error))?;
            call.show(&report::clean(&view.text()), &view.json());
            Ok(Exit::Done)
        }
        Command::ActiveReleases { all } => {
            let listing = discovery::active(&call.context()?, all).await;
            let listing = listing.map_err(|error| call.task_error("the active releases could not be listed", error))?;
            call.show(&report::clean(&listing.text()), &listing.json());
            Ok(Exit::Done)
        }
        Command::UpdateTaskStatus { task, status, reason, override_ } => {
            let (release, ctx) = (call.release()?, call.context()?);
            let by_hand = update_task_status::ByHand { task, status, reason, may_change_pass: override_ };
            let what = format!("changing {task} of {release}");
            let will = update_task_status::will(&ctx, &release, &by_hand).await;
            confirm(call, &what, &will.map_err(|error| call.task_error(&what, error))?).await?;
            let reported = update_task_status::run(&ctx, &release, by_hand).await;
            let reported =
                reported.map_err(|error| call.task_error(&format!("{task} of {release} could not be set"), error))?;
            call.show(&reported, &serde_json::json!({ "ok": true, "summary": reported }));
            Ok(Exit::Done)
        }
        Command::Issue(command) => issue(call, command).await,
        Command::Plan(args) => drive::plan(call, args).await,
        Command::Drive(args) => drive::drive(call, args).await,
        Command::Config(command) => config::run(call, command).await,
        Command::State(command) => state::run(call, &command).await,
        Command::Rehearse(args) => rehearse::run(call, args).await,
        Command::Sim(command) => sim::run(call, command).await,
        Command::Mcp(command) => serve::run(call, command).await,
        Command::Ctl { command: CtlCommand::ApprovalChecker } => {
            let (release, ctx) = (call.release()?, call.context()?);
            let report = crate::agents::approval_checker::pass(&ctx, &release).await;
            let report = report.map_err(|failure| ErrorReport::failure(&failure))?;
            call.show(&report::text(&report), &report::json(&report));
            Ok(Exit::of_outcome(&report.outcome))
        }
        Command::Ctl { command: CtlCommand::ImageConsistencyCheck { payload_url, mr_id, arch } } => {
            let reports = compare_images::run(&call.context()?, &payload_url, mr_id, &arch).await;
            let reports = reports.map_err(|error| call.task_error("the images could not be compared", error))?;
            let text: Vec<_> = reports.iter().map(ConsistencyReport::text).collect();
            let json = match reports.as_slice() {
                [one] => one.json(),
                several => several.iter().map(ConsistencyReport::json).collect(),
            };
            call.show(&report::clean(&text.join("\n\n")), &json);
            Ok(match overall(&reports) {
                Consistency::Consistent => Exit::Done,
                Consistency::Inconsistent => Exit::Failed,
                Consistency::Unknown => Exit::Unavailable,
            })
        }
        Command::Completions { shell } => {
            call.outside.out.raw(crate::cli::complete::script(shell));
            Ok(Exit::Done)
        }
        Command::Man { dir } => man::run(call, dir.as_deref()),
        Command::Job | Command::Jobctl => {
            let name = if matches!(command, Command::Job) { "job" } else { "jobctl" };
            Err(ErrorReport {
                what: format!("{name} has no command in this version"),
                why: vec!["the job system is not part of it yet".to_owned()],
                done: Vec::new(),
                next: "CHANGELOG.md tells what each version can do".to_owned(),
                exit: Exit::Usage,
                class: ErrorClass::InvalidInput,
            })
        }
    }
}

async fn task(call: &Call, request: TaskRequest) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context()?);
    let report = execute::run_task(&ctx, &release, request).await.map_err(|failure| ErrorReport::failure(&failure))?;
    let next = match &report.would {
        // Only the front end knows the options that were given.
        Some(_) => format!("to do it: {}", confirm::without(&call.outside.args, "--dry-run")),
        None => after(call, &release, &report).await,
    };
    call.show(&report::text_with(&report, &next), &report::json_with(&report, &next));
    Ok(Exit::of_outcome(&report.outcome))
}

/// What comes after a run: the plan knows, as far as the services tell soon; else what the run itself knows.
async fn after(call: &Call, release: &ZStream, report: &TaskReport) -> String {
    if report::is_for_the_plan(report)
        && let Ok(ctx) = call.hasty_context()
        && let Ok(plan) = rounds::look(&ctx, release, &DriveOptions::default()).await
    {
        return plans::after(report, &plan);
    }
    report::next(report)
}

async fn analyze(call: &Call, which: Which, decide: Decide) -> Result<Exit, ErrorReport> {
    let decide = decide
        .decide
        .map(|decision| Verdict { accept: decision == Decision::Accept, reason: decide.reason.unwrap_or_default() });
    task(call, TaskRequest::AnalyzeBuild { which, decide }).await
}

async fn issue(call: &Call, command: IssueCommand) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context()?);
    let reported = match command {
        IssueCommand::Add { text, tasks, no_blocker } => issues::add(&ctx, &release, &text, &tasks, !no_blocker).await,
        IssueCommand::Resolve { issue, resolution } => {
            let what = format!("resolving an issue of {release}");
            let will = issues::will_resolve(&ctx, &release, &issue).await;
            confirm(call, &what, &will.map_err(|error| call.task_error(&what, error))?).await?;
            issues::resolve(&ctx, &release, &issue, &resolution).await
        }
        IssueCommand::List => issues::list(&ctx, &release).await,
    };
    let reported =
        reported.map_err(|error| call.task_error(&format!("the issues of {release} could not be handled"), error))?;
    call.show(&reported.text, &reported.json);
    Ok(Exit::Done)
}

impl Call {
    /// The settings of this call.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub fn settings(&self) -> Result<Settings, ErrorReport> {
        Settings::load(&self.outside.env, &self.flags).map_err(|error| config_error("the settings", &error))
    }

    /// The surroundings for operators. Contacts nobody.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used, or a missing credential of the state store.
    pub fn context(&self) -> Result<Context, ErrorReport> {
        self.context_with(self.settings()?, self.cancel.clone(), false)
    }

    /// The same for somebody who waits at a terminal for a picture: each service is asked once, for seconds.
    ///
    /// # Errors
    ///
    /// As [`Call::context`].
    pub fn hasty_context(&self) -> Result<Context, ErrorReport> {
        let mut settings = self.settings()?;
        let http = &mut settings.http;
        http.tries = 1;
        http.total_timeout = http.total_timeout.min(HASTE);
        http.read_timeout = http.read_timeout.min(HASTE);
        http.services.values_mut().for_each(|one| (one.read_timeout, one.total_timeout) = (None, None));
        http.connect_timeout = http.connect_timeout.min(HASTE);
        self.context_with(settings, self.cancel.clone(), false)
    }

    /// The same, ended by `cancel` alone; `degraded` does without the credential of the state store.
    ///
    /// # Errors
    ///
    /// As [`Call::context`].
    pub fn context_until(&self, cancel: CancellationToken, degraded: bool) -> Result<Context, ErrorReport> {
        self.context_with(self.settings()?, cancel, degraded)
    }

    fn context_with(
        &self,
        settings: Settings,
        cancel: CancellationToken,
        degraded: bool,
    ) -> Result<Context, ErrorReport> {
        let settings = Arc::new(settings);
        let refuse = |error| config_error("the environment of this call", &error);
        // A second context of one call keeps the first clock.
        let clock = match self.clock.get() {
            Some(clock) => clock.clone(),
            None => {
                let clock = Context::clock_of(&settings).map_err(refuse)?;
                self.clock.get_or_init(|| clock).clone()
            }
        };
        let _ = self.log.get_or_init(|| LogFile::new(&settings.log_dir, &stamp(clock.now())));
        let actor = self.outside.env.get("OAR_ACTOR").unwrap_or("release-engineer").to_owned();
        let options = Options { dry_run: self.options.dry_run || settings.dry_run, ..self.options };
        let make = if degraded { Context::degraded } else { Context::new };
        let transport = self.outside.transport.clone();
        let ctx = make(settings, clock, transport, cancel, actor, options).map_err(refuse)?;
        // A second context of one call changes the same state.
        let _ = self.statebox.set(ctx.statebox.clone());
        Ok(ctx)
    }

    /// The release of `-r`.
    ///
    /// # Errors
    ///
    /// None was given.
    pub fn release(&self) -> Result<ZStream, ErrorReport> {
        self.release.clone().ok_or_else(|| ErrorReport {
            what: "the command line is not complete".to_owned(),
            why: vec!["this command needs a release: -r 4.20.17".to_owned()],
            done: Vec::new(),
            next: "add -r RELEASE, for example: oar -r 4.20.17 status".to_owned(),
            exit: Exit::Usage,
            class: ErrorClass::InvalidInput,
        })
    }

    /// What was asked for beside the command.
    pub const fn options(&self) -> Options {
        self.options
    }

    /// Lets log lines carry the time of `clock`.
    pub fn log_with(&self, clock: crate::core::clock::Clock) {
        // The first clock stays: log lines of one call share one time.
        let _ = self.clock.set(clock);
    }

    /// Prints the result.
    pub fn show(&self, text: &str, json: &serde_json::Value) {
        if self.json {
            self.outside.out.raw(&format!("{:#}\n", report::clean_json(json.clone())));
        } else {
            self.outside.out.line(report::clean(text));
        }
    }

    /// Prints an answer that is already in the form that was asked for.
    pub fn print(&self, text: &str) {
        if self.json {
            self.outside.out.raw(text);
        } else {
            self.outside.out.line(text.trim_end());
        }
    }

    /// Prints an error and gives its exit.
    pub fn tell(&self, reported: &ErrorReport) -> Exit {
        let mut reported = reported.clone();
        if let Some(release) = &self.release {
            reported.next = plans::whole(release, &reported.next);
        }
        if self.json {
            self.outside.out.raw(&format!("{:#}\n", reported.json()));
        }
        self.outside.err.line(reported.text());
        reported.exit
    }

    /// An operator's error in words.
    pub fn task_error(&self, what: &str, error: TaskError) -> ErrorReport {
        let (next, class) = (error.next_step(), error.class());
        ErrorReport::new(what, &error, next, class)
    }
}

/// A configuration error in words.
pub fn config_error(what: &str, error: &ConfigError) -> ErrorReport {
    ErrorReport::new(format!("{what} cannot be used"), error, error.next_step(), error.class())
}
