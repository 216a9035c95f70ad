//! The server: what its calls share, and which tools it offers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::ToolAnnotations;

use super::catalog::{self, Choice};
use super::shared::ServerState;
use super::tool::{Tool, output_schema};
use crate::core::context::Context;

/// Choices whose list of tools is kept.
const MOST_LISTS: usize = 64;

/// One server, the same for all its connections.
#[derive(Debug)]
pub struct Server {
    /// What its calls share.
    pub shared: Arc<ServerState>,
    /// What it offers.
    pub choice: Choice,
    lists: Mutex<HashMap<Choice, Vec<rmcp::model::Tool>>>,
}

impl Server {
    /// A server over `ctx` that offers `choice` and carries out `at_once` changes at a time.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no random numbers.
    pub fn new(ctx: Context, choice: Choice, at_once: usize) -> std::io::Result<Self> {
        Ok(Self { shared: Arc::new(ServerState::new(ctx, at_once)?), choice, lists: Mutex::default() })
    }

    /// The tools of `choice` as the protocol shows them; made once for each choice.
    pub(super) fn list(&self, choice: &Choice) -> Vec<rmcp::model::Tool> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(choice) {
            return list.clone();
        }
        let list: Vec<_> = catalog::all().filter(|tool| choice.offers(tool)).map(shown).collect();
        // Headers make choices: whoever invents many gets a slower answer, not our memory.
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(choice.clone(), list.clone());
        list
    }
}

/// A tool as the protocol shows it.
fn shown(tool: &Tool) -> rmcp::model::Tool {
    let hints = tool.hints;
    let annotations = ToolAnnotations::from_raw(
        Some(tool.title.to_owned()),
        Some(hints.read_only),
        Some(hints.destructive),
        Some(hints.idempotent),
        Some(hints.open_world),
    );
    rmcp::model::Tool::new(tool.name, tool.description(), Arc::new(tool.input_schema()))
        .with_title(tool.title)
        .with_raw_output_schema(Arc::new(output_schema()))
        .with_annotations(annotations)
}
