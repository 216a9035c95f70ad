//! The stand-in for the `elliott` program, and what the world lets it say.
//!
//! The program half ([`stand_in`]) knows the command line as the real tool does and asks its world
//! over loopback; the world half answers `POST /__sim/elliott` with exit code, output and log.

pub mod command_line;

use self::command_line::Asked;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::control_client;
use crate::sim::facts::elliott::Behaviour;
use crate::sim::world::{Facts, World};

/// How the program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Exit code.
    pub code: u8,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    fn failed(code: u8, stderr: impl Into<String>) -> Self {
        Self { code, stdout: String::new(), stderr: stderr.into() }
    }
}

/// The same without a process of its own: nothing when the program never ends.
pub fn in_process(world: &World, args: &[String], env: &BTreeMap<String, String>) -> Option<Ended> {
    match asked(args, env) {
        Ok(asked) => answer(&world.facts(), &asked),
        Err(ended) => Some(ended),
    }
}

/// What is asked; the end of the program when it does not come so far.
fn asked(args: &[String], env: &BTreeMap<String, String>) -> Result<Asked, Ended> {
    let asked = command_line::parse(args)?;
    let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if !set("JIRA_EMAIL") && !set("JIRA_USERNAME") {
        // Without a mail address the real tool finds no bug and says nothing about it.
        return Err(Ended { code: 0, stdout: String::new(), stderr: String::new() });
    }
    for name in ["JIRA_TOKEN"].into_iter().chain(asked.konflux().then_some("GITLAB_TOKEN")) {
        if !set(name) {
            return Err(Ended::failed(1, format!("ValueError: {name} environment variable is not set\n")));
        }
    }
    Ok(asked)
}

/// Runs the stand-in: `args` without the program's name, `env` as the program sees it.
///
/// `OAR_SIM_URL` says where the world is. Reads only.
pub async fn stand_in(args: &[String], env: &BTreeMap<String, String>) -> Ended {
    let asked = match asked(args, env) {
        Ok(asked) => asked,
        Err(ended) => return ended,
    };
    let Some(base) = env.get("OAR_SIM_URL") else {
        return Ended::failed(1, "the stand-in needs OAR_SIM_URL\n");
    };
    match ask(base, &asked).await {
        Ok(ended) => ended,
        Err(error) => Ended::failed(1, format!("the simulated world at {base} did not answer: {error}\n")),
    }
}

async fn ask(base: &str, asked: &Asked) -> std::io::Result<Ended> {
    let body = serde_json::to_value(asked)?;
    let (_, answer) = control_client::ask(base, Method::POST, "/__sim/elliott", Some(&body)).await?;
    serde_json::from_value(answer).map_err(|_| std::io::Error::other("not an answer of the stand-in's world"))
}

/// Routes below `/__sim/elliott`.
pub fn router() -> Router<World> {
    Router::new().route("/", post(run)).route("/behaviour", put(behave))
}

async fn behave(State(world): State<World>, body: Bytes) -> Response {
    let wanted = serde_json::from_slice::<Value>(&body).ok().and_then(|sent| sent.get("behaviour").cloned());
    match wanted.and_then(|wanted| serde_json::from_value(wanted).ok()) {
        Some(behaviour) => {
            world.facts().elliott.behaviour = behaviour;
            StatusCode::NO_CONTENT.into_response()
        }
        None => (StatusCode::BAD_REQUEST, Json(json!({ "error": "no such behaviour" }))).into_response(),
    }
}

async fn run(State(world): State<World>, Json(asked): Json<Asked>) -> Response {
    let ended = answer(&world.facts(), &asked);
    match ended {
        Some(ended) => Json(ended).into_response(),
        None => std::future::pending().await,
    }
}

/// What the tool says; `None` when it never ends.
fn answer(facts: &Facts, asked: &Asked) -> Option<Ended> {
    let plan = &facts.release;
    let group = format!("openshift-{}", plan.release.minor());
    let mut known = [Some(&plan.release), plan.previous.as_ref()].into_iter().flatten();
    if asked.group != group || !known.any(|release| release.assembly_key() == asked.assembly) {
        let text =
            format!("ValueError: Assembly {} is not defined in releases.yml of {}\n", asked.assembly, asked.group);
        return Some(Ended::failed(1, text));
    }
    let elliott = &facts.elliott;
    let mut found = if asked.konflux() { elliott.konflux.clone() } else { elliott.brew.clone() };
    for keys in found.values_mut() {
        keys.sort();
    }
    let text = if asked.sweep {
        let list: Vec<Value> = found
            .values()
            .flatten()
            .map(|key| {
                let summary = facts.jira.issues.get(key).map(|issue| issue.summary.as_str());
                json!({ "id": key, "summary": summary })
            })
            .collect();
        Value::Array(list).to_string()
    } else {
        serde_json::to_string_pretty(&found).unwrap_or_default()
    };
    let log = format!("{} art-tools elliott INFO Searching for bugs of {group}\n", facts.now);
    let warning = "WARNING: a bug has no component, skipping\n";
    Some(match elliott.behaviour {
        Behaviour::Honest => Ended { code: 0, stdout: format!("{text}\n"), stderr: log },
        Behaviour::Empty => Ended { code: 0, stdout: String::new(), stderr: log },
        Behaviour::Noisy => {
            Ended { code: 0, stdout: format!("{warning}{text}\n"), stderr: format!("{log}{warning}{warning}") }
        }
        Behaviour::CannotFetch => {
            let keys: Vec<String> = facts
                .jira
                .issues
                .values()
                .filter(|issue| !issue.visible)
                .map(|issue| format!("'{}'", issue.key))
                .collect();
            let keys = if keys.is_empty() { "'OCPBUGS-1'".to_owned() } else { keys.join(", ") };
            Ended::failed(1, format!("{log}ValueError: The following bugs could not be fetched: [{keys}]\n"))
        }
        Behaviour::Broken => Ended::failed(
            1,
            format!("{log}Traceback (most recent call last):\nModuleNotFoundError: No module named 'elliottlib'\n"),
        ),
        Behaviour::Hangs => return None,
    })
}
