//! The cache, the generic runners and help.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::core::access::principal::Scope;
use crate::mcp::arguments::{Kind, RELEASE, optional, required};
use crate::mcp::call::Call;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Change, Counted, DESTROYS, Hints, LOOKS_INSIDE, Mark, Tool, Toolset, Work};

const ADMIN: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: Mark::None,
    toolset: Toolset::Admin,
    counted: Counted::Api,
    scope: Scope::CacheAdmin,
    hints: Hints { open_world: false, ..ADDS },
    params: &[],
    work: Work::Look(not_yet),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "mcp_cache_stats",
        title: "Cache statistics",
        about: "Hits, misses and entries of the configuration cache.",
        mark: Mark::ReadOnly,
        scope: Scope::Read,
        hints: LOOKS_INSIDE,
        ..ADMIN
    },
    Tool {
        name: "mcp_cache_invalidate",
        title: "Empty the cache",
        about: "Drops the cached configuration of a release, or of all.",
        params: &[optional("release", Kind::Release, "Only this one")],
        ..ADMIN
    },
    Tool {
        name: "mcp_cache_warm",
        title: "Warm the cache",
        about: "Loads the configuration of several releases at once.",
        hints: ADDS,
        params: &[required("releases", Kind::Names(1000), "Releases, comma separated")],
        ..ADMIN
    },
    Tool {
        name: "oar_run_command",
        title: "Run an oar command",
        about: "Runs one oar command of a release; has the effect, the scope and the confirmation of that command.",
        mark: Mark::Write,
        counted: Counted::Cli,
        scope: Scope::Write,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[
            RELEASE,
            required("command", Kind::Text(100), "Command, e.g. stage-testing"),
            optional("args", Kind::Text(1000), "Its arguments"),
        ],
        work: Work::Change(no_runner),
        ..ADMIN
    },
    Tool {
        name: "oarctl_run_command",
        title: "Run an oarctl command",
        about: "Runs one oarctl command; has the effect, the scope and the confirmation of that command.",
        mark: Mark::Write,
        counted: Counted::Cli,
        scope: Scope::Write,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[required("command", Kind::Text(100), "Command"), optional("args", Kind::Text(1000), "Its arguments")],
        work: Work::Change(no_runner),
        ..ADMIN
    },
    Tool {
        name: "jobctl_run_command",
        title: "Run a jobctl command",
        about: "Runs one jobctl command; has the effect, the scope and the confirmation of that command.",
        mark: Mark::Write,
        counted: Counted::Cli,
        scope: Scope::JobsRun,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[required("command", Kind::Text(100), "Command"), optional("args", Kind::Text(1000), "Its arguments")],
        work: Work::Change(no_runner),
        ..ADMIN
    },
    Tool {
        name: "get_command_help",
        title: "Help",
        about: "The help text of a command; without command, the list of commands.",
        mark: Mark::ReadOnly,
        counted: Counted::Cli,
        scope: Scope::Read,
        hints: LOOKS_INSIDE,
        params: &[
            required("cli", Kind::Choice(&["oar", "oarctl", "job", "jobctl"]), "Which program"),
            optional("command", Kind::Text(100), "Which command"),
        ],
        ..ADMIN
    },
];

fn not_yet(_: Call) -> LocalBoxFuture<'static, Reply> {
    async { Reply::error(Code::Precondition, "this server has no cache yet", "go on without it") }.boxed_local()
}

fn no_runner(_: &Call) -> Result<Change, Reply> {
    Err(Reply::error(Code::Precondition, "this server has no runners yet", "call the tool of the task itself"))
}
