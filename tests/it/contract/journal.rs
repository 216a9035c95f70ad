//! The journal of a smooth rehearsal, and what published contracts say about it.

use std::path::{Path, PathBuf};

use oar::cli::output::exit::Exit;
use oar::cli::outside::{Outside, Stream};
use oar::core::config::env::Env;
use oar::sim::auth;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::real_files::{real, skipped};

/// A rehearsal takes seconds in a debug build, so the stories share one.
static SHARED: OnceCell<String> = OnceCell::const_new();

async fn shared() -> &'static str {
    SHARED.get_or_init(|| rehearsed(&[])).await
}

/// Rehearses with `--journal` and gives back what was written.
async fn rehearsed(more: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.jsonl");
    let args = ["oar", "rehearse", "4.20.17", "--small", "--seed", "7", "--journal", file.to_str().unwrap()];
    let args = args.iter().chain(more).map(|arg| (*arg).to_owned()).collect();
    let ((out, printed), (err, complaints)) = (Stream::captured(), Stream::captured());
    let program = Some(env!("CARGO_BIN_EXE_oar").to_owned());
    let outside = Outside { program, ..Outside::new(args, Env::from_process(), out, err) };
    let exit = oar::cli::program::run(outside, CancellationToken::new()).await;
    let text = |bytes: &std::sync::Mutex<Vec<u8>>| String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned();
    assert_eq!(exit, Exit::Done, "{}\n{}", text(&printed), text(&complaints));
    std::fs::read_to_string(file).unwrap()
}

fn exchanges(journal: &str) -> impl Iterator<Item = Value> {
    journal.lines().map(|line| serde_json::from_str(line).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_one_exchange_without_port_or_secret_in_the_order_of_time() {
    let journal = shared().await;
    assert!(journal.lines().count() > 500);

    let keys = ["t", "service", "method", "path", "headers", "body", "status", "response"];
    let mut last = String::new();
    for exchange in exchanges(journal) {
        let exchange = exchange.as_object().unwrap();
        assert_eq!(exchange.keys().collect::<Vec<_>>(), keys);
        let time = exchange["t"].as_str().unwrap();
        assert!(time >= last.as_str(), "{time} after {last}");
        time.clone_into(&mut last);
        assert!(exchange["path"].as_str().unwrap().starts_with('/'));
        assert!(exchange["status"].as_u64().is_some_and(|status| (200..600).contains(&status)), "{exchange:?}");
        for part in ["body", "response"] {
            assert!(matches!(exchange[part], Value::Null | Value::String(_)), "{part} is text: {exchange:?}");
        }
        assert!(exchange["headers"].as_object().unwrap().values().all(Value::is_string));
    }
    for hidden in ["127.0.0.1", "localhost"].into_iter().chain(auth::secrets()) {
        assert!(!journal.contains(hidden), "{hidden} shows");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_writes_the_same_bytes_in_memory_and_over_sockets() {
    let (one, two) = (shared().await, rehearsed(&["--sockets"]).await);
    let differs = one.lines().zip(two.lines()).find(|(one, two)| one != two);
    assert_eq!(differs, None);
    assert_eq!(one.len(), two.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_answers_keep_the_published_contracts_of_github_and_jira() {
    let (Some(tool), Some(contracts)) = (real("tools/openapi_check.py"), real("contracts")) else { return };
    let Some(python) = python(Path::new(env!("CARGO_MANIFEST_DIR"))) else {
        return skipped("no Python with openapi-schema-validator==0.9.0 (set OAR_CONTRACT_PYTHON)");
    };
    let journal = shared().await;
    let dir = tempfile::tempdir().unwrap();
    for (service, contract) in [("github", "github_contents.json"), ("jira", "jira_cloud_v3.json")] {
        let ours = |line: &&str| {
            let exchange: Value = serde_json::from_str(line).unwrap();
            exchange["service"] == service && exchange["path"] != "/graphql"
        };
        let lines: Vec<&str> = journal.lines().filter(ours).collect();
        assert!(!lines.is_empty(), "{service} was not asked");
        let traffic = dir.path().join(service);
        std::fs::write(&traffic, lines.join("\n")).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the checker is a program of its own, not one that oar starts")]
        let mut command = std::process::Command::new(&python);
        let checked = command.args([&tool, &contracts.join(contract), &traffic]).output().unwrap();
        let verdict = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{service}: {verdict}{}", String::from_utf8_lossy(&checked.stderr));
        assert!(verdict.contains(&format!("{} exchanges, 0 violations", lines.len())), "{service}: {verdict}");
    }
}

/// A Python that has the checker's library.
fn python(root: &Path) -> Option<PathBuf> {
    let named = Env::from_process().get("OAR_CONTRACT_PYTHON").map(PathBuf::from);
    named.or_else(|| Some(root.join("target/contract-venv/bin/python"))).filter(|python| python.exists())
}
