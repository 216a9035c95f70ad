//! The log on stderr: `{UTC}: {LEVEL}: {message}`, the same lines that the state file keeps.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

use super::outside::Stream;
use crate::core::clock::Clock;
use crate::core::log_file::LogFile;
use crate::domain::dates::stamp;
use crate::domain::mask;
use crate::operators::report::clean;

/// How much of the log people want to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors: the result tells the rest.
    Quiet,
    /// The steps of a run.
    Steps,
    /// Every call.
    Calls,
}

/// The clock that stamps log lines, known once the settings are read.
pub type LogClock = Arc<OnceLock<Clock>>;

/// The log of this run on disk, known once the settings are read.
pub type LogSink = Arc<OnceLock<LogFile>>;

/// A subscriber that writes to `err`, and every call to `file` as well.
pub fn subscriber(err: Stream, verbosity: Verbosity, clock: LogClock, file: LogSink) -> impl Subscriber + Send + Sync {
    let most = match verbosity {
        Verbosity::Quiet => Level::WARN,
        Verbosity::Steps => Level::INFO,
        Verbosity::Calls => Level::DEBUG,
    };
    Registry::default().with(Lines { err, most, clock, file })
}

struct Lines {
    err: Stream,
    most: Level,
    clock: LogClock,
    file: LogSink,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let target_is_ours = metadata.target().starts_with("oar");
        if target_is_ours && *metadata.level() == Level::INFO {
            // A step of the run is what the sign of life tells, also when the log does not show it.
            if let Some(screen) = self.err.screen() {
                let mut line = Line::default();
                event.record(&mut line);
                screen.step(&clean(&line.message));
            }
        }
        let (shown, file) = (*metadata.level() <= self.most, self.file.get());
        if !target_is_ours || (!shown && file.is_none()) {
            return;
        }
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let mut line = Line::default();
        event.record(&mut line);
        let now = self.clock.get().unwrap_or(&Clock::System).now();
        let line = format!("{}: {level}: {}{}", stamp(now), mask::mask(&line.message), mask::mask(&line.fields));
        if let Some(file) = file {
            file.line(&line);
        }
        if shown {
            self.err.line(line);
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields.push_str(&format!(" {}={value:?}", field.name()));
        }
    }
}
