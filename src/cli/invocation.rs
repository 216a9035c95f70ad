//! One call of the program: what was asked for beside the command, and how an answer leaves.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::cli::output::log_file::LogFile;
use crate::cli::output::logging::{LogClock, LogSink};
use crate::cli::outside::Outside;
use crate::core::config::error::ConfigError;
use crate::core::config::settings::Settings;
use crate::core::config::sources::Flags;
use crate::core::context::{Context, Options, StateAccess};
use crate::core::statebox::state_box::StateBox;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::grammar::args::Cli;
use crate::operators::error::TaskError;
use crate::render::styled::Styled;
use crate::render::{json, plan};

/// How long somebody at a terminal waits for one answer.
const HASTE: Duration = Duration::from_secs(8);

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// An answer in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrintedAnswer {
    /// For people.
    Text(Styled),
    /// For programs, with its last line feed.
    Json(String),
}

/// One call of the program, with what all commands share.
#[derive(Debug)]
pub struct Invocation {
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

impl Invocation {
    /// How this call wants its answer.
    pub fn form(&self) -> AnswerForm {
        if self.json { AnswerForm::Json } else { AnswerForm::Text }
    }

    /// What `cli` asks for, with the surroundings of this call.
    pub fn new(cli: &Cli, outside: Outside, cancel: CancellationToken, clock: LogClock, log: LogSink) -> Self {
        let mut flags = Flags::default();
        if let Some(dir) = &cli.state {
            flags = flags.with("--state", "state.dir", dir.display().to_string());
        }
        if let Some(file) = &cli.settings {
            flags = flags.with("--settings", "settings.file", file.display().to_string());
        }
        Self {
            outside,
            cancel,
            json: cli.json,
            yes: cli.yes,
            release: cli.release.clone(),
            clock,
            log,
            flags,
            options: Options { no_notify: cli.no_notify, dry_run: cli.dry_run },
            statebox: OnceLock::new(),
        }
    }

    /// Does a change of this call wait on this machine for its store?
    pub fn has_kept(&self) -> bool {
        self.statebox.get().is_some_and(StateBox::has_kept)
    }

    /// The settings of this call.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub fn settings(&self) -> Result<Settings, ErrorReport> {
        Settings::load(&self.outside.env, &self.flags).map_err(|error| config_error("the settings", &error))
    }

    /// The surroundings for operators. Contacts nobody but a simulator, for the time of its world.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used, a missing credential of the state store, or a simulator that does not answer.
    pub async fn context(&self) -> Result<Context, ErrorReport> {
        self.context_with(self.settings()?, self.cancel.clone(), StateAccess::Required).await
    }

    /// The same for somebody who waits at a terminal for a picture: each service is asked once, for seconds.
    ///
    /// # Errors
    ///
    /// As [`Invocation::context`].
    pub async fn hasty_context(&self) -> Result<Context, ErrorReport> {
        let mut settings = self.settings()?;
        let http = &mut settings.http;
        http.tries = 1;
        http.total_timeout = http.total_timeout.min(HASTE);
        http.read_timeout = http.read_timeout.min(HASTE);
        http.services.values_mut().for_each(|one| (one.read_timeout, one.total_timeout) = (None, None));
        http.connect_timeout = http.connect_timeout.min(HASTE);
        self.context_with(settings, self.cancel.clone(), StateAccess::Required).await
    }

    /// The same, ended by `cancel` alone.
    ///
    /// # Errors
    ///
    /// As [`Invocation::context`].
    pub async fn context_until(&self, cancel: CancellationToken, access: StateAccess) -> Result<Context, ErrorReport> {
        self.context_with(self.settings()?, cancel, access).await
    }

    async fn context_with(
        &self,
        settings: Settings,
        cancel: CancellationToken,
        access: StateAccess,
    ) -> Result<Context, ErrorReport> {
        let settings = Arc::new(settings);
        let refuse = |error| config_error("the environment of this call", &error);
        // A second context of one call keeps the first clock.
        let clock = match self.clock.get() {
            Some(clock) => clock.clone(),
            None => {
                let clock = Context::clock_of(&settings, &cancel).await.map_err(refuse)?;
                self.clock.get_or_init(|| clock).clone()
            }
        };
        let _ = self.log.get_or_init(|| LogFile::new(&settings.log_dir, &stamp(clock.now()), self.release.as_ref()));
        let actor = self.outside.env.get("OAR_ACTOR").unwrap_or("release-engineer").to_owned();
        let options = Options { dry_run: self.options.dry_run || settings.dry_run, ..self.options };
        let transport = self.outside.transport.clone();
        let ctx = Context::new(settings, clock, transport, cancel, actor, options, access).map_err(refuse)?;
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
            ..ErrorReport::usage(
                "this command needs a release: -r 4.20.17",
                "add -r RELEASE, for example: oar -r 4.20.17 status",
            )
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
    pub fn show(&self, text: impl Into<Styled>, document: &impl Serialize) {
        if self.json {
            self.outside.out.raw(&format!("{:#}\n", json::clean(json::of(document))));
        } else {
            self.outside.out.line(text);
        }
    }

    /// Prints an answer as it was made.
    pub fn print(&self, answer: PrintedAnswer) {
        match answer {
            PrintedAnswer::Text(text) => self.outside.out.line(text),
            PrintedAnswer::Json(text) => self.outside.out.raw(&text),
        }
    }

    /// Prints an error and gives its exit.
    pub fn print_error(&self, mut error: ErrorReport) -> Exit {
        if let Some(release) = &self.release {
            error.next = plan::whole(release, &error.next);
        }
        if self.json {
            self.outside.out.raw(&format!("{:#}\n", json::of(&error.document())));
        }
        self.outside.err.line(error.text());
        error.exit
    }

    /// An operator's error with what it means for this call.
    pub fn task_error(&self, what: &str, error: TaskError) -> ErrorReport {
        let (next, class) = (error.next_step(), error.class());
        ErrorReport::new(what, &error, next, class)
    }
}

/// What a configuration error means for this call.
pub fn config_error(what: &str, error: &ConfigError) -> ErrorReport {
    ErrorReport::new(format!("{what} cannot be used"), error, error.next_step(), error.class())
}
