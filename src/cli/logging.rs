//! The log on stderr: `{UTC}: {LEVEL}: {message}`, the same lines that the state file keeps.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::outside::Stream;
use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::domain::mask;

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

/// A subscriber that writes to `err`.
pub fn subscriber(
    err: Stream,
    verbosity: Verbosity,
    clock: LogClock,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync {
    let most = match verbosity {
        Verbosity::Quiet => Level::WARN,
        Verbosity::Steps => Level::INFO,
        Verbosity::Calls => Level::DEBUG,
    };
    Registry::default().with(Lines { err, most, clock })
}

struct Lines {
    err: Stream,
    most: Level,
    clock: LogClock,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.most || !metadata.target().starts_with("oar") {
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
        self.err.line(format!("{}: {level}: {}{}", stamp(now), mask::mask(&line.message), mask::mask(&line.fields)));
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
