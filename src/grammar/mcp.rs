//! The arguments of `oar mcp`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::serve::ServeArgs;

/// The server for AI agents.
#[derive(Debug, Subcommand)]
pub enum McpCommand {
    /// Serve the tools to AI agents over HTTP, or over stdin and stdout with --stdio
    Serve(Box<ServeArgs>),
    /// List the tools
    Tools,
    /// Make, list and end the tokens with which callers show who they are
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check the log of who called what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Tell a client where the server is, and give it our prompts as slash commands
    Install(InstallArgs),
}

/// Bearer tokens of the server.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and show it, this one time; replaces the one of the same name
    Add {
        /// Role or agent that will use it; never a mail address
        name: String,
        /// What it allows, separated by commas (a person who only confirms: release:read,release:critical);
        /// without, what an agent needs
        #[arg(long, value_name = "SCOPES")]
        scopes: Option<String>,
        /// When it ends: a time from now (90m, 12h, 30d, 8w) or a date (2026-12-31); never without
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List names, scopes and ends
    List,
    /// End the token of a name, at once
    Revoke {
        /// Whose
        name: String,
    },
}

/// The audit log of the server.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no line was changed, added or taken away; exit 5 when one was
    Verify {
        /// Also that the log still has the line whose digest an earlier check printed
        #[arg(long, value_name = "DIGEST")]
        expect: Option<String>,
    },
}

/// What to install where.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// The client to set up
    #[arg(long, value_name = "CLIENT", default_value = "claude-code")]
    pub client: Client,
    /// How the client reaches the server
    #[arg(long, value_name = "HOW", default_value = "http")]
    pub transport: McpTransport,
    /// For one project, or for everything its user does
    #[arg(long, value_name = "WHOSE", default_value = "project")]
    pub scope: InstallScope,
    /// Folder of the project (or home of the user), when it is not this one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,
}

/// Clients that can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Client {
    /// Claude Code
    ClaudeCode,
}

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum McpTransport {
    /// Streamable HTTP
    Http,
    /// The older HTTP with server-sent events
    Sse,
    /// The client starts the server itself
    Stdio,
}

/// Where configurations go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum InstallScope {
    /// Into the folder of a project
    Project,
    /// Into the home of the user
    User,
}
