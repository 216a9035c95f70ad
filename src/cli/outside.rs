//! Everything the program gets from its surroundings, as one value: tests hand in their own.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::config::env::Env;

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
}

/// A shared output stream. A closed pipe is not an error: nobody reads any more.
#[derive(Clone)]
pub struct Stream(Arc<Mutex<dyn Write + Send>>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Stream {
    /// Wraps `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// A stream whose content can be read back, for tests.
    pub fn captured() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        (Self(Arc::new(Mutex::new(Captured(buffer.clone())))), buffer)
    }

    /// Writes one line.
    pub fn line(&self, text: impl AsRef<str>) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever closed the pipe has seen enough.
        let _ = writeln!(writer, "{}", text.as_ref());
        let _ = writer.flush();
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
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
