//! Whole rehearsals by the command line, and what they left behind.

use std::collections::BTreeMap;
use std::sync::Mutex;

use oar::cli::outside::{Outside, Stream};
use oar::core::config::env::Env;
use oar::sim::faults::InjectedFault;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What a rehearsal came to.
pub(crate) struct Rehearsed {
    pub(crate) output: String,
    pub(crate) exit: u8,
    pub(crate) keep: tempfile::TempDir,
}

/// Runs `oar rehearse words`, keeping what happened.
pub(crate) async fn rehearse(args: &[&str]) -> Rehearsed {
    let keep = tempfile::tempdir().unwrap();
    let mut args: Vec<String> = ["oar", "rehearse"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    args.extend(["--keep".to_owned(), keep.path().display().to_string()]);
    let (out, printed) = Stream::captured();
    let (err, complained) = Stream::captured();
    let program = Some(env!("CARGO_BIN_EXE_oar").to_owned());
    let outside = Outside { program, ..Outside::new(args, Env::default(), out, err) };
    let exit = oar::cli::program::run(outside, CancellationToken::new()).await.code();
    let read = |buffer: &Mutex<Vec<u8>>| String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
    let output = format!("{}{}", read(&printed), read(&complained));
    assert!(!output.contains("UNMATCHED") && !output.contains("panicked"), "{output}");
    Rehearsed { output, exit, keep }
}

impl Rehearsed {
    /// The end of the output: what is left to do, and the verdict. The wall time is left out.
    pub(crate) fn end(&self) -> String {
        let printed = self.output.lines().skip_while(|line| !line.ends_with("outside writes:"));
        let rest = printed.skip(1).skip_while(|line| !line.is_empty()).filter(|line| !is_log(line));
        let rest: Vec<&str> = rest.filter(|line| !line.is_empty()).collect();
        let text = rest.join("\n");
        let text = text.rsplit_once(" in ").map_or(text.as_str(), |(before, _)| before);
        format!("{text}\nexit {}", self.exit)
    }

    /// Every request and its answer.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.keep.path().join("journal.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn is_log(line: &str) -> bool {
    line.get(19..22).is_some_and(|middle| middle == "Z: ")
}

/// Every write that took effect, with how often it did.
pub(crate) fn effects(journal: &[Value]) -> BTreeMap<String, usize> {
    const ONCE: [&str; 7] = [
        "/executions",
        "/buildWithParameters",
        "/approve",
        "/change_state",
        "/notes",
        "/chat.postMessage",
        "/transitions",
    ];
    let mut counts = BTreeMap::new();
    for entry in journal {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let kinds = InjectedFault::each_kind();
        let fault = kinds.iter().find(|kind| kind.name() == text("fault"));
        let carried_out = match text("fault") {
            "applied_then_error" | "applied_then_reset" | "applied_then_hang" => true,
            _ => {
                fault.is_none_or(InjectedFault::is_carried_out)
                    && entry["status"].as_u64().is_some_and(|status| status < 400)
            }
        };
        let path = text("path").split('?').next().unwrap_or_default();
        if text("method") == "POST" && carried_out && ONCE.iter().any(|end| path.ends_with(end)) {
            *counts.entry(format!("{}{} {}", text("service"), text("path"), entry["body"])).or_default() += 1;
        }
    }
    counts
}
