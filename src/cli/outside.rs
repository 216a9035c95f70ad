//! Everything the program gets from its surroundings, as one value: tests hand in their own.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

use crate::cli::output::progress::Screen;
use crate::cli::output::terminal::Style;
use crate::core::clock::Clock;
use crate::core::config::env::Env;
use crate::core::transport::Transport;
use crate::domain::dates::stamp;
use crate::domain::mask::Masker;
use crate::render::styled::Styled;

/// The surroundings of one call of the program.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Name of the executable and its arguments.
    pub args: Vec<String>,
    /// The environment.
    pub env: Env,
    /// The result goes here.
    pub out: Stream,
    /// Log and errors go here.
    pub err: Stream,
    /// Are people watching `out`?
    pub out_is_terminal: bool,
    /// The program itself, for stand-ins that a rehearsal starts.
    pub program: Option<String>,
    /// How requests leave this process.
    pub transport: Transport,
    /// The time to go by; without one the settings decide.
    pub clock: Option<Clock>,
    /// What it is doing, for whoever asks while it goes on.
    pub doing: CurrentCall,
}

/// What a call is doing now. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct CurrentCall(Arc<Mutex<Option<String>>>);

impl CurrentCall {
    /// Notes it.
    pub fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// One line about it; a pause for another writer, or for a service that asked for one, ends at `pauses_until`.
    pub fn text(&self, pauses_until: Option<Timestamp>) -> String {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(until) = pauses_until else {
            return noted.unwrap_or_else(|| "at work; nothing is waited for".to_owned());
        };
        let until = stamp(until);
        match noted {
            // A drive that waits for its next look says more itself.
            Some(text) if text.contains(&until) => text,
            Some(text) => format!("{text}; pauses until {until}, because a service or another writer wants that"),
            None => format!("pauses until {until}, because a service or another writer wants that"),
        }
    }
}

impl Outside {
    /// Surroundings without terminal and program, whose requests leave over the network.
    pub fn new(args: Vec<String>, env: Env, out: Stream, err: Stream) -> Self {
        let transport = Transport::Network;
        let doing = CurrentCall::default();
        Self { args, env, out, err, out_is_terminal: false, program: None, transport, clock: None, doing }
    }
}

/// A shared output stream. A closed pipe is not an error: nobody reads any more. Any other trouble is kept for
/// the end of the call.
#[derive(Clone)]
pub struct Stream {
    trouble: Arc<OnceLock<io::Error>>,
    writer: Arc<Mutex<dyn Write + Send>>,
    is_terminal: bool,
    style: Style,
    screen: Option<Screen>,
    masker: Masker,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Stream {
    /// Wraps `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self::of(Arc::new(Mutex::new(writer)))
    }

    fn of(writer: Arc<Mutex<dyn Write + Send>>) -> Self {
        Self {
            trouble: Arc::default(),
            writer,
            is_terminal: false,
            style: Style::default(),
            screen: None,
            masker: Masker::default(),
        }
    }

    /// A stream whose content can be read back, for tests.
    pub fn captured() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        (Self::of(Arc::new(Mutex::new(Captured(buffer.clone())))), buffer)
    }

    /// Says whether people are watching.
    #[must_use]
    pub const fn watched(mut self, is_terminal: bool) -> Self {
        self.is_terminal = is_terminal;
        self
    }

    /// Are people watching?
    pub const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The same stream with lines dressed like this.
    #[must_use]
    pub fn dressed(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// The same stream without the secrets that `masker` knows.
    #[must_use]
    pub fn masked_by(self, masker: &Masker) -> Self {
        Self { masker: masker.clone(), ..self }
    }

    /// `text` without the secrets of this call.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.masker.hide(text)
    }

    /// How lines are dressed.
    pub const fn style(&self) -> Style {
        self.style
    }

    /// The same stream as one that shares a screen `width` columns wide with a sign of life, and that screen.
    #[must_use]
    pub fn with_screen(mut self, style: Style, width: usize) -> (Self, Screen) {
        let screen = Screen::new(self.writer.clone(), style, width);
        self.screen = Some(screen.clone());
        (self, screen)
    }

    /// The same stream on the screen of another one.
    #[must_use]
    pub fn on(mut self, screen: &Screen) -> Self {
        self.screen = Some(screen.clone());
        self
    }

    /// The screen of this stream, if it has one.
    pub const fn screen(&self) -> Option<&Screen> {
        self.screen.as_ref()
    }

    /// Writes text and the end of its line, dressed.
    pub fn line(&self, text: impl Into<Styled>) {
        self.raw(&format!("{}\n", self.style.dress(&text.into())));
    }

    /// Writes text for programs as it is, but for secrets.
    pub fn raw(&self, text: &str) {
        self.exactly(&self.hide(text));
    }

    /// Writes text to the letter.
    pub fn exactly(&self, text: &str) {
        let _quiet = self.screen.as_ref().map(Screen::hush);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
        // Whoever closed the pipe has seen enough.
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            // The first one counts; the others follow from it.
            let _ = self.trouble.set(error);
        }
    }

    /// Why not everything could be written, if that is so.
    pub fn trouble(&self) -> Option<&io::Error> {
        self.trouble.get()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _quiet = self.screen.as_ref().map(Screen::hush);
        match self.writer.lock().unwrap_or_else(PoisonError::into_inner).write(bytes) {
            Err(closed) if closed.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.writer.lock().unwrap_or_else(PoisonError::into_inner).flush() {
            Err(closed) if closed.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn whoever_asks_hears_of_a_pause_and_until_when_it_lasts() {
        let (doing, until) = (CurrentCall::default(), "2026-06-03T06:10:00Z".parse().unwrap());
        let why = "until 2026-06-03T06:10:00Z, because a service or another writer wants that";
        assert_eq!(doing.text(None), "at work; nothing is waited for");
        assert_eq!(doing.text(Some(until)), format!("pauses {why}"));
        doing.set("at work; the last step was: x".to_owned());
        assert_eq!(doing.text(Some(until)), format!("at work; the last step was: x; pauses {why}"));
        doing.set("waiting: y; the next look is at 2026-06-03T06:10:00Z".to_owned());
        assert_eq!(doing.text(Some(until)), "waiting: y; the next look is at 2026-06-03T06:10:00Z");
    }

    #[test]
    fn a_reader_who_has_seen_enough_is_no_error() {
        let mut stream = Stream::new(Closed);
        stream.line("nobody reads this");
        assert!(stream.trouble().is_none());
        assert!(stream.write_all(b"nor this").and_then(|()| stream.flush()).is_ok());
    }
}
