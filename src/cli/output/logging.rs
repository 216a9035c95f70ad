//! The log on stderr: `{UTC}: {LEVEL}: {message}`, the same lines that the state file keeps.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::cli::output::log_file::LogFile;
use crate::cli::outside::Stream;
use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::domain::mask::Masker;
use crate::render::styled::{Styled, Tone};
use crate::render::text::clean;

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
pub fn subscriber(
    err: Stream,
    verbosity: Verbosity,
    clock: LogClock,
    file: LogSink,
    masker: Masker,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync {
    let most = match verbosity {
        Verbosity::Quiet => Level::WARN,
        Verbosity::Steps => Level::INFO,
        Verbosity::Calls => Level::DEBUG,
    };
    Registry::default().with(Lines { err, most, clock, file, masker })
}

struct Lines {
    err: Stream,
    most: Level,
    clock: LogClock,
    file: LogSink,
    masker: Masker,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let target_is_ours = metadata.target().starts_with("oar");
        // Steps and calls are what the sign of life tells, also when the log does not show them.
        if let Some(screen) = self.err.screen().filter(|_| target_is_ours) {
            let mut line = Line::default();
            event.record(&mut line);
            match (line.service, line.op) {
                (Some(service), Some(op)) => screen.step(&clean(&self.masker.hide(&format!("{service}: {op}")))),
                (None, _) | (_, None) if *metadata.level() == Level::INFO => {
                    screen.step(&clean(&self.masker.hide(&line.message)))
                }
                (None, _) | (_, None) => {}
            }
        }
        let (shown, file) = (*metadata.level() <= self.most, self.file.get());
        if !target_is_ours || (!shown && file.is_none()) {
            return;
        }
        let (level, tone) = match *metadata.level() {
            Level::ERROR => ("ERROR", Some(Tone::Bad)),
            Level::WARN => ("WARNING", Some(Tone::Warning)),
            Level::INFO => ("INFO", None),
            Level::DEBUG | Level::TRACE => ("DEBUG", None),
        };
        let mut line = Line::default();
        event.record(&mut line);
        let now = self.clock.get().unwrap_or(&Clock::System).now();
        let at = stamp(now);
        let said = format!("{}{}", self.masker.mask(&line.message), self.masker.mask(&line.fields));
        if let Some(file) = file {
            file.line(&format!("{at}: {level}: {said}"));
        }
        if shown {
            self.err.line(Styled::from(format!("{at}: ")) + Styled::toned(tone, level) + format!(": {said}"));
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
    service: Option<String>,
    op: Option<String>,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields.push_str(&format!(" {}={value:?}", field.name()));
            match field.name() {
                "service" => self.service = Some(format!("{value:?}")),
                "op" => self.op = Some(format!("{value:?}").trim_matches('"').to_owned()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::terminal::Style;

    #[test]
    fn the_sign_of_life_tells_calls_and_steps_that_the_log_hides_and_no_secret() {
        let (err, written) = Stream::captured();
        let style = Style { live: true, ..Style::default() };
        let (err, screen) = err.with_screen(style, 80);
        let seen = |seconds| {
            screen.beat(std::time::Duration::from_secs(seconds));
            let text = String::from_utf8(std::mem::take(&mut *written.lock().unwrap())).unwrap();
            text.rsplit_once("  ").map(|(_, step)| step.to_owned())
        };
        tracing::subscriber::with_default(
            subscriber(err, Verbosity::Quiet, LogClock::default(), LogSink::default(), Masker::default()),
            || {
                tracing::debug!(target: "oar::http", service = %"gitlab", op = "read file", "call");
                assert_eq!(seen(1).as_deref(), Some("gitlab: read file"));
                tracing::info!(target: "oar::run", "a step with glpat-{}", "x".repeat(20));
                assert_eq!(seen(2).as_deref(), Some("a step with [TOKEN_REDACTED]"));
                tracing::debug!(target: "oar::run", "a detail");
                tracing::info!(target: "hyper", "somebody else's");
                assert_eq!(seen(3).as_deref(), Some("a step with [TOKEN_REDACTED]"));
            },
        );
    }
}
