//! Running an external program: the only place that starts processes.
//!
//! A program gets the environment it is given and nothing else, a folder of its own that is removed
//! afterwards, and a time limit. It runs in a process group of its own, and the whole group is
//! killed when the time is over or when nobody waits for it any more: such programs start others.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::core::transport::{ProgramCall, Programs};
use crate::domain::mask::Masker;

/// Longest output that is kept; more means that it is not the answer we asked for.
const STDOUT_BYTES: usize = 8 << 20;

/// The end of the log that errors and run logs show.
const STDERR_LINES: usize = 200;

/// Bounds the same end when lines are long.
const STDERR_BYTES: usize = 64 << 10;

/// A program with its leading arguments and everything it may use.
#[derive(Debug, Clone)]
pub struct Program {
    /// What people call it.
    pub name: &'static str,
    /// Program and leading arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub environment: Environment,
    /// After this it is killed.
    pub limit: Duration,
}

/// Variables for a program. `Debug` shows the names only, because values may be secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, SecretString>);

impl Environment {
    /// The same environment with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), SecretString::from(value.to_owned()));
        self
    }

    /// Hides the values of all variables that look like credentials.
    fn masker(&self) -> Masker {
        let is_secret =
            |name: &str| ["TOKEN", "EMAIL", "USERNAME", "PASSWORD"].iter().any(|token| name.contains(token));
        let secrets =
            self.0.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.expose_secret().to_owned());
        Masker::knowing(secrets)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// The last lines of its log, masked.
    pub log: String,
}

/// A program that did not end by itself, or never began.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is not installed.
    #[error("{program} is not installed or not executable")]
    Missing {
        /// As called.
        program: String,
    },
    /// The system refused to start it, or its output broke off.
    #[error("{program} could not be run")]
    Broken {
        /// As called.
        program: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It was killed because its time was over.
    #[error("{program} was stopped after {} min", .limit.as_secs() / 60)]
    TimedOut {
        /// As called.
        program: String,
        limit: Duration,
        /// The last lines of its log, masked.
        log: String,
    },
    /// It was killed because it printed too much.
    #[error("{program} printed more than {} MiB", STDOUT_BYTES >> 20)]
    TooMuchOutput {
        /// As called.
        program: String,
    },
    /// It was killed because the run was cancelled.
    #[error("{program} was stopped: the run was cancelled")]
    Cancelled {
        /// As called.
        program: String,
    },
    /// The command in the settings is empty or has an open quotation mark.
    #[error("the command {command:?} is empty or has an open quotation mark")]
    BadCommand {
        /// As set.
        command: String,
    },
}

/// Splits a command at blanks; single and double quotation marks hold blanks together.
///
/// # Errors
///
/// Nothing to run, or a quotation mark that is never closed.
pub fn split_command(command: &str) -> Result<Vec<String>, ProcessError> {
    let bad = || ProcessError::BadCommand { command: command.to_owned() };
    let (mut parts, mut part, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for c in command.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => part.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                part.get_or_insert_default();
            }
            None if c.is_whitespace() => parts.extend(part.take()),
            None => part.get_or_insert_default().push(c),
        }
    }
    parts.extend(part);
    if quote.is_some() || parts.first().is_none_or(String::is_empty) { Err(bad()) } else { Ok(parts) }
}

/// Has `program` stood in for by one of this process.
///
/// # Errors
///
/// It did not end by itself.
pub async fn run_in_process(
    programs: &Programs,
    program: &Program,
    arguments: &[&str],
    cancel: &CancellationToken,
) -> Result<Finished, ProcessError> {
    let name = || program.name.to_owned();
    let exposed = program.environment.0.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let call = ProgramCall { name: program.name, arguments, environment: exposed.collect() };
    let ended = tokio::select! {
        ended = programs.clone().oneshot(call) => ended.map_err(|cause| ProcessError::Broken { program: name(), cause })?,
        () = cancel.cancelled() => return Err(ProcessError::Cancelled { program: name() }),
    };
    let log = Tail(ended.stderr.into_bytes()).text(&program.environment.masker());
    Ok(Finished { code: Some(ended.code), stdout: ended.stdout, log })
}

/// Runs `program` with further `arguments` to its end.
///
/// # Errors
///
/// It never began or did not end by itself; a bad exit code is no error here.
pub async fn run(program: &Program, arguments: &[&str], cancel: &CancellationToken) -> Result<Finished, ProcessError> {
    run_on(program, arguments, None, cancel).await
}

/// The same with `input` on its standard input, of which it need not read all.
///
/// # Errors
///
/// As [`run`].
pub async fn run_on(
    program: &Program,
    arguments: &[&str],
    input: Option<&[u8]>,
    cancel: &CancellationToken,
) -> Result<Finished, ProcessError> {
    let name = || program.name.to_owned();
    let broken = |cause| ProcessError::Broken { program: name(), cause };
    let Some((file, leading)) = program.command.split_first() else {
        return Err(ProcessError::BadCommand { command: String::new() });
    };
    let folder = tempfile::tempdir().map_err(broken)?;
    #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
    let mut command = tokio::process::Command::new(file);
    command.args(leading).args(arguments).current_dir(folder.path()).env_clear();
    command.envs(program.environment.0.iter().map(|(name, value)| (name, value.expose_secret())));
    command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|cause| {
        let is_missing = matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        if is_missing { ProcessError::Missing { program: name() } } else { broken(cause) }
    })?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut log = Tail::default();
    let work = async {
        let written = tell(stdin, input.unwrap_or_default());
        let (stdout, (), ()) = tokio::try_join!(read_all(stdout), log.read(stderr), written).map_err(broken)?;
        let stdout = stdout.ok_or_else(|| ProcessError::TooMuchOutput { program: name() })?;
        let status = child.wait().await.map_err(broken)?;
        Ok((status.code(), stdout))
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(program.limit, work) => ended,
        () = cancel.cancelled() => return Err(ProcessError::Cancelled { program: name() }),
    };
    let masker = program.environment.masker();
    match ended {
        Ok(Ok((code, stdout))) => {
            group.ended();
            Ok(Finished { code, stdout, log: log.text(&masker) })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ProcessError::TimedOut { program: name(), limit: program.limit, log: log.text(&masker) }),
    }
}

/// Kills the process group when it is dropped before the program ended: time-out, cancellation, panic.
struct Group(Option<Pid>);

impl Group {
    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended a moment ago; then there is nothing to kill.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Writes all of `input` and closes the stream. Who stops listening has said why elsewhere.
async fn tell(stream: Option<impl AsyncWrite + Unpin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    match stream.write_all(input).await {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(cause),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Everything that comes; nothing when it is too much.
async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let most = u64::try_from(STDOUT_BYTES).unwrap_or(u64::MAX) + 1;
        stream.take(most).read_to_end(&mut bytes).await?;
    }
    Ok((bytes.len() <= STDOUT_BYTES).then_some(bytes))
}

/// The end of a stream of any length.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) -> io::Result<()> {
        let Some(mut stream) = stream else { return Ok(()) };
        let mut piece = [0; 8192];
        loop {
            let length = stream.read(&mut piece).await?;
            if length == 0 {
                return Ok(());
            }
            self.0.extend_from_slice(piece.get(..length).unwrap_or_default());
            if self.0.len() > 2 * STDERR_BYTES {
                self.0.drain(..self.0.len() - STDERR_BYTES);
            }
        }
    }

    fn text(&self, masker: &Masker) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines: Vec<_> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(STDERR_LINES)..).unwrap_or_default();
        masker.mask(&last.join("\n"))
    }
}

#[cfg(test)]
mod tests;
