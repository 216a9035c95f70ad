//! `oar mcp install`: tells a client where the server is, and gives it our prompts as slash commands.
//!
//! Everything is looked at before anything is written: a file that cannot be read as what it should be is
//! left alone, and so is everything in it that is not ours.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::cli::invocation::{Invocation, config_error};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::access::principal::Scope;
use crate::core::access::tokens::Tokens;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::grammar::mcp::{Client, InstallArgs, InstallScope, McpTransport};

/// Name of our server in configurations.
const SERVER: &str = "release-tests";

/// Marks a command file as ours.
const MARK: &str = "<!-- written by oar mcp install -->";

/// A prompt that becomes a slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashCommand {
    /// Name of the prompt (`release_drive`).
    pub name: String,
    /// One line.
    pub about: String,
    /// Names of its arguments, in order.
    pub arguments: Vec<String>,
    /// Its text, with gaps like `{release}`.
    pub text: String,
}

/// One file to be written.
#[derive(Debug)]
struct Planned {
    path: PathBuf,
    text: String,
    what: &'static str,
    private: bool,
}

/// Carries the command out.
pub(crate) async fn run(call: &Invocation, args: &InstallArgs, commands: &[SlashCommand]) -> Result<Exit, ErrorReport> {
    let Client::ClaudeCode = args.client;
    let base = base(call, args)?;
    let settings = call.settings()?;
    let tokens = Tokens::below(&settings.home);
    let file = base.join(if args.scope == InstallScope::Project { ".mcp.json" } else { ".claude.json" });
    let mut planned = Vec::new();
    let (mut unchanged, mut skipped) = (Vec::new(), Vec::new());

    let before = read(&file)?;
    let mut config = parse(&file, before.as_deref())?;
    let known = config.get("mcpServers").and_then(|servers| servers.get(SERVER)).cloned();
    let fresh_token = || token(&tokens, &base, args, call.options().dry_run);
    let entry = entry(call, args, known.as_ref(), &tokens, fresh_token).await?;
    if known.as_ref() == Some(&entry) {
        unchanged.push(file.display().to_string());
    } else {
        let servers = config.entry("mcpServers").or_insert_with(|| json!({}));
        if let Some(servers) = servers.as_object_mut() {
            servers.insert(SERVER.to_owned(), entry);
        }
        let text = format!("{:#}\n", Value::Object(config));
        planned.push(Planned { path: file.clone(), text, what: "server", private: true });
    }

    let folder = base.join(".claude").join("commands");
    for command in commands {
        let path = folder.join(file_of(&command.name));
        let text = command_file(command);
        match read(&path)? {
            Some(old) if old == text => unchanged.push(path.display().to_string()),
            Some(old) if !old.contains(MARK) => skipped.push(path.display().to_string()),
            Some(_) | None => planned.push(Planned { path, text, what: "command", private: false }),
        }
    }

    let mut lines = Vec::new();
    for one in &planned {
        let verb = if call.options().dry_run { "would write" } else { "writes" };
        lines.push(format!("{verb} {} {}", one.what, one.path.display()));
        if !call.options().dry_run {
            write(one).map_err(|cause| cannot(&one.path, &cause, "make it writable"))?;
        }
    }
    lines.extend(unchanged.iter().map(|path| format!("as it should be: {path}")));
    lines.extend(skipped.iter().map(|path| format!("left alone, not ours: {path}")));
    let has_token = args.transport != McpTransport::Stdio;
    if has_token && args.scope == InstallScope::Project {
        lines.push(format!("keep {} out of Git: it holds a token", file.display()));
    }
    lines.push(match args.transport {
        McpTransport::Stdio => "next: start the client in this folder; it starts the server itself".to_owned(),
        McpTransport::Http | McpTransport::Sse => {
            "next: oar mcp serve, then start the client; /mcp shows the connection".to_owned()
        }
    });
    let written: Vec<_> = planned.iter().map(|one| one.path.display().to_string()).collect();
    call.show(
        lines.join("\n"),
        &json!({
            "ok": true, "dry_run": call.options().dry_run, "written": written, "unchanged": unchanged, "skipped": skipped,
        }),
    );
    Ok(Exit::Done)
}

fn base(call: &Invocation, args: &InstallArgs) -> Result<PathBuf, ErrorReport> {
    if let Some(dir) = &args.dir {
        if dir.is_dir() {
            return fs::canonicalize(dir).map_err(|cause| cannot(dir, &cause, "name a folder that can be read"));
        }
        let cause = io::Error::new(io::ErrorKind::NotFound, "it is no folder");
        return Err(cannot(dir, &cause, "name a folder that exists"));
    }
    match args.scope {
        InstallScope::Project => {
            fs::canonicalize(".").map_err(|cause| cannot(Path::new("."), &cause, "name one with --dir"))
        }
        InstallScope::User => {
            let home = call.outside.env.get("HOME").map(PathBuf::from);
            home.ok_or_else(|| {
                let cause = io::Error::new(io::ErrorKind::NotFound, "HOME is not set");
                cannot(Path::new("~"), &cause, "name your home with --dir")
            })
        }
    }
}

/// The server as the client knows it.
async fn entry(
    call: &Invocation,
    args: &InstallArgs,
    known: Option<&Value>,
    tokens: &Tokens,
    fresh_token: impl FnOnce() -> Result<String, ErrorReport>,
) -> Result<Value, ErrorReport> {
    let base = args.url.trim_end_matches('/').trim_end_matches("/mcp").trim_end_matches("/sse");
    let (kind, path) = match args.transport {
        McpTransport::Http => ("http", "/mcp"),
        McpTransport::Sse => ("sse", "/sse"),
        McpTransport::Stdio => {
            let program = call.outside.program.clone().unwrap_or_else(|| "oar".to_owned());
            return Ok(json!({ "type": "stdio", "command": program, "args": ["mcp", "serve", "--stdio"] }));
        }
    };
    let held = known.and_then(|known| known.pointer("/headers/Authorization")).and_then(Value::as_str);
    let held = held.and_then(|held| held.strip_prefix("Bearer "));
    let settings = call.settings()?;
    let clock = Context::clock_of(&settings, &call.cancel).await;
    let clock = clock.map_err(|error| config_error("the environment of this call", &error))?;
    let now = clock.now();
    let token = match held.filter(|held| tokens.check(held, now).is_ok()) {
        Some(held) => held.to_owned(),
        None => fresh_token()?,
    };
    // Whatever else somebody set for our server stays.
    let mut fields = known.and_then(Value::as_object).cloned().unwrap_or_default();
    for of_stdio in ["command", "args", "env"] {
        fields.shift_remove(of_stdio);
    }
    fields.insert("type".to_owned(), json!(kind));
    fields.insert("url".to_owned(), json!(format!("{base}{path}")));
    let mut headers = fields.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    headers.insert("Authorization".to_owned(), json!(format!("Bearer {token}")));
    fields.insert("headers".to_owned(), Value::Object(headers));
    Ok(Value::Object(fields))
}

/// A token for this client in this folder; another one of the same name ends.
fn token(tokens: &Tokens, base: &Path, args: &InstallArgs, dry_run: bool) -> Result<String, ErrorReport> {
    if dry_run {
        return Ok("(made when it is written)".to_owned());
    }
    let place = Sha256::digest(format!("{} {:?}", base.display(), args.scope));
    let place = hex::encode(&place[..4]);
    let made = tokens.add(&format!("claude-code-{place}"), Scope::of_agents(), None);
    made.map_err(|cause| cannot(tokens.path(), &cause, "make it readable and writable"))
}

/// `release_active` is `/release:active-releases`, as people know it.
fn file_of(name: &str) -> PathBuf {
    let (folder, rest) = name.split_once('_').unwrap_or(("release", name));
    let rest = if name == "release_active" { "active-releases".to_owned() } else { rest.replace('_', "-") };
    PathBuf::from(folder).join(format!("{rest}.md"))
}

fn command_file(command: &SlashCommand) -> String {
    let mut text = command.text.clone();
    let mut hints = Vec::new();
    for (place, argument) in command.arguments.iter().enumerate() {
        text = text.replace(&format!("{{{argument}}}"), &format!("${}", place + 1));
        hints.push(format!("[{argument}]"));
    }
    let hint = if hints.is_empty() { String::new() } else { format!("argument-hint: {}\n", hints.join(" ")) };
    format!("---\ndescription: {}\n{hint}---\n{MARK}\n\n{text}", command.about)
}

fn parse(path: &Path, text: Option<&str>) -> Result<Map<String, Value>, ErrorReport> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(Map::new()) };
    let broken = |why: String| {
        let cause = io::Error::new(io::ErrorKind::InvalidData, why);
        cannot(path, &cause, "repair it, or move it away; nothing was written")
    };
    let config: Value = serde_json::from_str(text).map_err(|error| broken(format!("it is no JSON: {error}")))?;
    let Value::Object(config) = config else { return Err(broken("it is no JSON object".to_owned())) };
    match config.get("mcpServers") {
        None | Some(Value::Object(_)) => Ok(config),
        Some(_) => Err(broken("mcpServers in it is no object".to_owned())),
    }
}

fn read(path: &Path) -> Result<Option<String>, ErrorReport> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cannot(path, &cause, "make it readable")),
    }
}

/// Puts a whole file in place; one with a token can be read by its owner alone.
fn write(one: &Planned) -> io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(&one.path).unwrap_or_else(|_| one.path.clone());
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mode = if one.private { 0o600 } else { 0o644 };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(one.text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

fn cannot(path: &Path, cause: &io::Error, next: &str) -> ErrorReport {
    ErrorReport::new(format!("{} cannot be used", path.display()), cause, next.to_owned(), ErrorClass::Config)
}
