//! Every tool, and the choice that one server offers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::arguments::Param;
use super::tool::{Counted, Tool, Toolset};
use super::tools;
use crate::core::config::mcp::ConfirmPolicy;
use crate::domain::nearest;

/// Every tool, in the order in which it is listed.
pub fn all() -> impl Iterator<Item = &'static Tool> {
    [
        tools::status::TOOLS,
        tools::tasks::TOOLS,
        tools::issues::TOOLS,
        tools::jobs::TOOLS,
        tools::analysis::TOOLS,
        tools::admin::TOOLS,
        tools::runs::TOOLS,
    ]
    .into_iter()
    .flatten()
}

/// The tool of a name or former name.
pub fn find(name: &str) -> Option<&'static Tool> {
    static NAMES: LazyLock<HashMap<&'static str, &'static Tool>> = LazyLock::new(|| {
        let former = all().flat_map(|tool| tool.aliases.iter().map(move |name| (*name, tool)));
        former.chain(all().map(|tool| (tool.name, tool))).collect()
    });
    NAMES.get(name).copied()
}

/// The parameters of the tool of a name or former name.
pub fn params_of(name: &str) -> Option<&'static [Param]> {
    find(name).map(|tool| tool.params)
}

/// The table of all tools for the documentation, one row each.
pub fn table() -> String {
    let mut lines =
        vec!["| Tool | Toolset | Effect | Scope | Parameters |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for tool in all() {
        let name = |param: &Param| {
            if param.required { format!("`{}`", param.name) } else { format!("`{}`?", param.name) }
        };
        let params: Vec<_> = tool.params.iter().map(name).collect();
        let (set, scope) = (tool.toolset.name(), tool.scope);
        lines.push(format!("| `{}` | {set} | {} | `{scope}` | {} |", tool.name, tool.mark.name(), params.join(", ")));
    }
    lines.join("\n")
}

/// Which tools are offered; every further choice only narrows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Choice {
    toolsets: BTreeSet<Toolset>,
    only: Option<BTreeSet<String>>,
    excluded: BTreeSet<String>,
    read_only: bool,
}

/// A name in a choice that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownChoice {
    /// No such toolset.
    #[error("{0:?} is no toolset; there are {names} and all", names = Toolset::ALL.map(Toolset::name).join(", "))]
    Toolset(String),
    /// No such tool.
    #[error("{0:?} is no tool; oar mcp tools lists them")]
    Tool(String),
}

impl Default for Choice {
    fn default() -> Self {
        Self { toolsets: Toolset::USUAL.into(), only: None, excluded: BTreeSet::new(), read_only: false }
    }
}

impl Choice {
    /// The tools of `sets` (names separated by commas, or `all`).
    ///
    /// # Errors
    ///
    /// A name that names no toolset.
    pub fn of_sets(sets: &str) -> Result<Self, UnknownChoice> {
        Ok(Self { toolsets: toolsets(sets)?, ..Self::default() })
    }

    /// The same, but only what `sets` has as well.
    ///
    /// # Errors
    ///
    /// A name that names no toolset.
    pub fn within_sets(mut self, sets: &str) -> Result<Self, UnknownChoice> {
        let wanted = toolsets(sets)?;
        self.toolsets.retain(|set| wanted.contains(set));
        Ok(self)
    }

    /// The same, but only the tools named.
    ///
    /// # Errors
    ///
    /// A name that names no tool.
    pub fn within_tools(mut self, names: &str) -> Result<Self, UnknownChoice> {
        let names = tools_of(names)?;
        self.only = Some(match self.only.take() {
            Some(only) => only.intersection(&names).cloned().collect(),
            None => names,
        });
        Ok(self)
    }

    /// The same without the tools named.
    ///
    /// # Errors
    ///
    /// A name that names no tool.
    pub fn without_tools(mut self, names: &str) -> Result<Self, UnknownChoice> {
        self.excluded.extend(tools_of(names)?);
        Ok(self)
    }

    /// The same without whatever changes anything.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Is `tool` offered?
    pub fn offers(&self, tool: &Tool) -> bool {
        self.toolsets.contains(&tool.toolset)
            && self.only.as_ref().is_none_or(|only| only.contains(tool.name))
            && !self.excluded.contains(tool.name)
            && (tool.hints.read_only || !self.read_only)
    }
}

fn toolsets(names: &str) -> Result<BTreeSet<Toolset>, UnknownChoice> {
    let mut sets = BTreeSet::new();
    for name in split(names) {
        if name == "all" {
            sets.extend(Toolset::ALL);
            continue;
        }
        let set = Toolset::ALL.into_iter().find(|set| set.name() == name);
        sets.insert(set.ok_or_else(|| UnknownChoice::Toolset(name.to_owned()))?);
    }
    Ok(sets)
}

fn tools_of(names: &str) -> Result<BTreeSet<String>, UnknownChoice> {
    let tool = |name: &str| find(name).map(|tool| tool.name.to_owned());
    split(names).map(|name| tool(name).ok_or_else(|| UnknownChoice::Tool(name.to_owned()))).collect()
}

fn split(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Why the settings name something in `mcp.confirm` that cannot ask; nothing when every name is a tool that
/// changes something.
pub fn misnamed(policies: &BTreeMap<String, ConfirmPolicy>) -> Option<String> {
    let asks = |tool: &Tool| tool.changes() && !tool.is_runner();
    policies.keys().find_map(|name| match all().find(|tool| tool.name == name.as_str()) {
        None => {
            let names = all().filter(|tool| asks(tool)).map(|tool| tool.name);
            Some(format!("mcp.confirm.{name} names no tool{}", nearest::hint(name, names)))
        }
        Some(tool) if tool.is_runner() => {
            Some(format!("mcp.confirm.{name} would count for nothing: name the tools that it runs"))
        }
        Some(tool) if !tool.changes() => {
            Some(format!("mcp.confirm.{name} would ask about a tool that changes nothing"))
        }
        Some(_) => None,
    })
}

/// How many tools there are: those with a command line behind them, and the others.
pub fn counts<'a>(tools: impl Iterator<Item = &'a Tool>) -> (usize, usize) {
    tools.fold((0, 0), |(cli, api), tool| match tool.counted {
        Counted::Cli => (cli + 1, api),
        Counted::Api => (cli, api + 1),
    })
}
