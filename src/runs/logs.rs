//! The full log of each run of the server, collected by its span.
//!
//! A span follows its future wherever it is polled; a thread carries many runs, and standard output is
//! everybody's. Lines go to the run's file as they come, so that a crash loses none of them.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::domain::foreign::lines;
use crate::domain::mask::{Masker, mask};

/// The name of the spans that carry a run.
pub const SPAN: &str = "run";

/// The field of the span that names the run.
pub const FIELD: &str = "run_id";

/// Bytes of one log; a run that says more is in a loop.
const MOST_BYTES: usize = 1 << 20;

/// Characters of the last step, which callers show while they wait.
const LONGEST_STEP: usize = 160;

/// A layer that gives each line to the run whose span it was said in. Clones share their runs.
#[derive(Debug, Clone, Default)]
pub struct RunLogs {
    open: Arc<Mutex<HashMap<String, Arc<Sink>>>>,
    clock: Arc<OnceLock<Clock>>,
    masker: Masker,
}

#[derive(Debug)]
struct Sink {
    file: Mutex<(File, usize)>,
    step: watch::Sender<String>,
}

/// The log of a run that goes on. Dropping it closes the file; until then its lock shows that the run lives.
#[derive(Debug)]
pub struct OpenLog {
    id: String,
    logs: RunLogs,
    sink: Arc<Sink>,
}

impl RunLogs {
    /// A layer that masks lines by `masker` and stamps them with `clock`, once that is known.
    pub fn new(clock: Arc<OnceLock<Clock>>, masker: Masker) -> Self {
        Self { open: Arc::default(), clock, masker }
    }

    /// The one that listens here; without any, logs stay empty.
    pub fn listening() -> Self {
        tracing::dispatcher::get_default(|here| here.downcast_ref::<Self>().cloned()).unwrap_or_default()
    }

    /// Begins the log of the run `id` in the file `path`.
    ///
    /// # Errors
    ///
    /// The file exists, or cannot be made or locked.
    pub fn open(&self, id: &str, path: &Path) -> io::Result<OpenLog> {
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let sink = Arc::new(Sink { file: Mutex::new((file, 0)), step: watch::Sender::new(String::new()) });
        self.book().insert(id.to_owned(), Arc::clone(&sink));
        Ok(OpenLog { id: id.to_owned(), logs: self.clone(), sink })
    }

    fn book(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Sink>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenLog {
    /// The last step the run reported.
    pub fn steps(&self) -> watch::Receiver<String> {
        self.sink.step.subscribe()
    }
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        self.logs.book().remove(&self.id);
    }
}

impl Sink {
    fn add(&self, level: &str, at: &str, text: &str) {
        // A line that could begin a new one could lie about other times.
        let text = lines(&mask(text)).collect::<Vec<_>>().join("\n    ");
        let line = format!("{at}: {level}: {text}\n");
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            if file.1 <= MOST_BYTES {
                let full = file.1 + line.len() > MOST_BYTES;
                let line = if full { "the log is full; later lines are left out\n" } else { line.as_str() };
                file.1 = if full { MOST_BYTES + 1 } else { file.1 + line.len() };
                // A full disk must not end the run; the answer says what it did.
                let _ = file.0.write_all(line.as_bytes());
            }
        }
        if level == "INFO" {
            let step = text.lines().next().unwrap_or_default().chars().take(LONGEST_STEP).collect();
            self.step.send_replace(step);
        }
    }
}

/// Is this run's file still held by a living process?
pub fn is_alive(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for RunLogs {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != SPAN || !attributes.metadata().target().starts_with("oar") {
            return;
        }
        let mut name = Name::default();
        attributes.record(&mut name);
        let sink = self.book().get(&name.0).cloned();
        if let (Some(sink), Some(span)) = (sink, context.span(id)) {
            span.extensions_mut().insert(sink);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::DEBUG || !metadata.target().starts_with("oar") {
            return;
        }
        let Some(mut spans) = context.event_scope(event) else { return };
        let Some(sink) = spans.find_map(|span| span.extensions().get::<Arc<Sink>>().cloned()) else { return };
        let mut line = LogLine::default();
        event.record(&mut line);
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let at = stamp(self.clock.get().unwrap_or(&Clock::System).now());
        sink.add(level, &at, &self.masker.hide(&format!("{}{}", line.message, line.fields)));
    }
}

#[derive(Default)]
struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == FIELD {
            self.0 = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == FIELD {
            self.0 = format!("{value:?}");
        }
    }
}

#[derive(Default)]
struct LogLine {
    message: String,
    fields: String,
}

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields.push_str(&format!(" {}={value:?}", field.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Instrument as _;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn span(id: &str) -> tracing::Span {
        tracing::info_span!("run", run_id = id)
    }

    #[tokio::test]
    async fn lines_of_runs_that_share_a_thread_are_not_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let logs = RunLogs::default();
        let _listens = tracing::subscriber::set_default(Registry::default().with(logs.clone()));
        let steps = |id: &'static str| {
            async move {
                for n in 0..20 {
                    tracing::info!("{id} step {n}");
                    tokio::task::yield_now().await;
                }
            }
            .instrument(span(id))
        };
        let path = |id: &str| folder.path().join(id);
        let open: Vec<_> = ["a", "b"].map(|id| logs.open(id, &path(id)).unwrap()).into();
        tracing::info!("said outside of any run");
        tokio::join!(steps("a"), steps("b"));
        for id in ["a", "b"] {
            let text = std::fs::read_to_string(path(id)).unwrap();
            assert_eq!(text.lines().count(), 20, "{text}");
            assert!(text.lines().all(|line| line.contains(&format!("INFO: {id} step"))), "{text}");
        }
        assert_eq!(*open[0].steps().borrow(), "a step 19");
    }

    #[test]
    fn a_log_is_masked_bounded_and_cannot_forge_lines() {
        let folder = tempfile::tempdir().unwrap();
        let logs = RunLogs::default();
        let path = folder.path().join("x");
        let _listens = tracing::subscriber::set_default(Registry::default().with(logs.clone()));
        let open = logs.open("x", &path).unwrap();
        span("x").in_scope(|| {
            tracing::info!("token=abcdefghijklmnop\n2026-01-01T00:00:00Z: ERROR: forged");
            for _ in 0..30 {
                tracing::debug!("{}", "y".repeat(100_000));
            }
        });
        drop(open);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("abcdefghijklmnop"));
        assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{}", &text[..200]);
        assert!(text.len() <= MOST_BYTES + 100 && text.ends_with("left out\n"));
    }

    #[test]
    fn the_file_of_a_run_that_goes_on_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let logs = RunLogs::default();
        let path = folder.path().join("x");
        let open = logs.open("x", &path).unwrap();
        assert!(is_alive(&path));
        drop(open);
        assert!(!is_alive(&path));
        assert!(!is_alive(&folder.path().join("none")));
    }
}
