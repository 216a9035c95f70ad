//! What a tool is: one row of the catalog.

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

use super::arguments::{Arguments, Param, schema};
use super::call::ToolCall;
use super::reply::Reply;
use super::shared::ServerState;
use crate::core::access::principal::Scope;
use crate::core::context::Context;
use crate::domain::spelled::spelled;
use crate::runs::run::Queue;

spelled! {
    /// A group of tools that is offered together.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Toolset,
    /// Its name on the command line.
    name: &'static str {
        /// Looks at releases.
        Status = "status",
        /// Tasks of a release.
        Release = "release",
        /// Test jobs.
        Jobs = "jobs",
        /// Issues of a release.
        Issues = "issues",
        /// Judging test results.
        Analysis = "analysis",
        /// Cache, generic runners, help.
        Admin = "admin",
    }
}

impl Toolset {
    /// Offered when nobody asks for others: what an agent needs to take a release through.
    pub const USUAL: [Self; 3] = [Self::Status, Self::Release, Self::Issues];
}

/// What the description says first about a tool's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectMark {
    /// Looks only.
    ReadOnly,
    /// Stores or sends something.
    Write,
    /// Ships, or cannot be undone.
    Critical,
    /// One pass of a background agent.
    Background,
    /// Neither (cache).
    None,
}

impl EffectMark {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "looks",
            Self::Write => "writes",
            Self::Critical => "critical",
            Self::Background => "one cycle",
            Self::None => "cache",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ReadOnly => "Read-only. ",
            Self::Write => "⚠️ WRITE. ",
            Self::Critical => "⚠️ CRITICAL. ",
            Self::Background => "⚠️ BACKGROUND: runs one cycle. ",
            Self::None => "",
        }
    }
}

/// How `/health` counts a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It does what a command line does.
    Cli,
    /// It has no command line of its own behind it.
    Api,
}

/// What a tool does to the world, as clients show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// Changes nothing at all.
    pub read_only: bool,
    /// May replace or end something.
    pub destructive: bool,
    /// Calling it again adds nothing.
    pub idempotent: bool,
    /// Talks to services.
    pub open_world: bool,
}

/// Looks only, at services.
pub const LOOKS: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// Looks only, at this process.
pub const LOOKS_INSIDE: Hints = Hints { open_world: false, ..LOOKS };
/// Adds something, once.
pub const ADDS: Hints = Hints { read_only: false, destructive: false, idempotent: true, open_world: true };
/// Replaces, ends or ships something, once.
pub const DESTROYS: Hints = Hints { destructive: true, ..ADDS };

/// One tool.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name; renaming it needs an entry in `aliases`.
    pub name: &'static str,
    /// Former and other names.
    pub aliases: &'static [&'static str],
    /// A short title for people.
    pub title: &'static str,
    /// What it does, when to call it, and how to go on; the first sentence counts most.
    pub about: &'static str,
    /// What the description says first.
    pub mark: EffectMark,
    /// Its group.
    pub toolset: Toolset,
    /// How it is counted.
    pub counted: Counted,
    /// What its caller must be allowed to do.
    pub scope: Scope,
    /// What clients show of its effect.
    pub hints: Hints,
    /// Its parameters.
    pub params: &'static [Param],
    /// What it does.
    pub work: Handler,
}

/// How a call is carried out.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Looks; ends with its caller.
    Look(fn(ToolCall) -> LocalBoxFuture<'static, Reply>),
    /// Looks; what is known already is answered at once, without the way to the worker and back.
    Known(fn(&Arc<ServerState>, &Arguments) -> Option<Reply>, fn(ToolCall) -> LocalBoxFuture<'static, Reply>),
    /// Changes something; becomes a run, which outlives its caller.
    Change(fn(&ToolCall) -> Result<ToolChange, Reply>),
    /// Runs a command line of this program as the tool that does the same.
    CommandLine(&'static str),
    /// Lists the command lines there are.
    CommandHelp,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Look(_) => "Look",
            Self::Known(..) => "Known",
            Self::Change(_) => "Change",
            Self::CommandLine(_) => "CommandLine",
            Self::CommandHelp => "CommandHelp",
        })
    }
}

/// A change that waits for its turn.
pub struct ToolChange {
    /// Behind which runs it waits: those of the same release, as a rule.
    pub queue: Queue,
    /// What a person has to confirm first, looked up when the call comes in.
    pub asks: Option<Asks>,
    /// The tool whose confirmation policy counts, when a runner runs it.
    pub policy_of: Option<&'static str>,
    /// What it does.
    pub work: Box<dyn FnOnce(Context) -> LocalBoxFuture<'static, Reply> + Send>,
}

/// Finds out what a person has to confirm; nothing when it turns out to be harmless.
///
/// Asked twice: when the call comes in, and when its turn comes, because the facts must be the same.
pub type Asks =
    Arc<dyn Fn(Context) -> LocalBoxFuture<'static, Result<Option<ConfirmationQuestion>, Reply>> + Send + Sync>;

/// What a person is asked before something ships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationQuestion {
    /// What would be done, to what, and what cannot be undone; for people, one fact a line.
    pub plan: String,
    /// What stays the same while the confirmed work goes on in further calls; nothing when each asks anew.
    pub covers: Option<String>,
    /// Is this such a further call?
    pub goes_on: bool,
    /// Has the person to say why?
    pub needs_reason: bool,
}

impl ToolChange {
    /// A change that nobody has to confirm.
    pub fn new(
        queue: impl Into<Queue>,
        work: impl FnOnce(Context) -> LocalBoxFuture<'static, Reply> + Send + 'static,
    ) -> Self {
        Self { queue: queue.into(), asks: None, policy_of: None, work: Box::new(work) }
    }

    /// The same, asking a person first.
    #[must_use]
    pub fn asking(
        self,
        asks: impl Fn(Context) -> LocalBoxFuture<'static, Result<Option<ConfirmationQuestion>, Reply>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { asks: Some(Arc::new(asks)), ..self }
    }
}

impl Tool {
    /// Does it change anything that outlives the call?
    pub const fn changes(&self) -> bool {
        matches!(self.work, Handler::Change(_) | Handler::CommandLine(_))
    }

    /// Does it only run other tools?
    pub const fn is_runner(&self) -> bool {
        matches!(self.work, Handler::CommandLine(_))
    }

    /// The description that clients show.
    pub fn description(&self) -> String {
        format!("{}{}", self.mark.text(), self.about)
    }

    /// The schema of its arguments.
    pub fn input_schema(&self) -> Map<String, Value> {
        schema(self.params)
    }
}

/// The schema of every answer; short, because clients get it once per tool.
pub fn output_schema() -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "properties": {
            "ok": { "type": "boolean" },
            "changed": { "type": "boolean" },
            "summary": { "type": "string" },
            "status": { "type": "string" },
            "waiting": { "type": "object" },
            "next": { "type": "object" },
            "error": { "type": "object" },
            "data": {},
            "legacy_text": { "type": "string" },
        },
        "required": ["ok", "changed", "summary", "legacy_text"],
    });
    if let Value::Object(schema) = schema { schema } else { Map::new() }
}
