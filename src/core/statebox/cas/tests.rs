use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use serde_json::{Value, json};

use super::*;
use crate::core::clients::http::{Auth, HostRule, Http, HttpPolicy};
use crate::core::clients::service::Service;
use crate::core::clock::VirtualClock;
use crate::domain::state::entries::Metadata;
use crate::domain::state::operation::{AddIssue, SetTask};
use crate::domain::task::{Task, TaskStatus};

/// A GitHub with one file, and what happens to the next writes.
#[derive(Clone, Default)]
struct FakeGithub(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    files: HashMap<String, Vec<u8>>,
    messages: Vec<String>,
    requests: u32,
    plan: Vec<Trouble>,
}

#[derive(Clone)]
enum Trouble {
    /// Somebody else commits this text just before our write.
    Overtaken(String),
    /// The write is carried out and answered with 502.
    AppliedThenError,
    /// The write is carried out, somebody else commits on top of it, and we get a 502.
    AppliedThenOverwritten(fn(&str) -> String),
    /// Refused for the rate, without harm.
    TooMany,
}

impl FakeGithub {
    async fn serve(&self) -> StateBox {
        let router = Router::new().route("/repos/o/r/contents/{*path}", get(read).put(write)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a server has to run beside the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let clock = Clock::Virtual(VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
        let policy = HttpPolicy {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(5),
            tries: 1,
            in_flight: 4,
            max_body_bytes: 1 << 20,
            hosts: HostRule::Loopback,
            rewrites: Vec::new(),
        };
        let http = Http::new(policy, clock.clone(), CancellationToken::new()).unwrap();
        let repo = Repo::github(http.service(Service::Github, &base, Auth::None), "o/r").unwrap();
        StateBox::new(repo, "z-stream".to_owned(), clock, CancellationToken::new())
    }

    fn plan(&self, troubles: &[Trouble]) {
        self.0.lock().unwrap().plan = troubles.to_vec();
    }

    fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap().messages.clone()
    }

    fn requests(&self) -> u32 {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }
}

fn sha_of(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    let hash = sha1::Sha1::digest([format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn read(Shared(github): Shared<FakeGithub>, Path(path): Path<String>) -> Response {
    let mut inner = github.0.lock().unwrap();
    inner.requests += 1;
    let Some(bytes) = inner.files.get(&path) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))).into_response();
    };
    let url = "https://api.example.com/x";
    let file = json!({
        "type": "file", "encoding": "base64", "size": bytes.len(), "name": "x", "path": path, "sha": sha_of(bytes),
        "content": base64::engine::general_purpose::STANDARD.encode(bytes), "url": url, "git_url": url, "html_url": url,
        "download_url": url, "_links": { "self": url, "git": url, "html": url },
    });
    Json(file).into_response()
}

async fn write(Shared(github): Shared<FakeGithub>, Path(path): Path<String>, Json(body): Json<Value>) -> Response {
    let mut inner = github.0.lock().unwrap();
    inner.requests += 1;
    let trouble = if inner.plan.is_empty() { None } else { Some(inner.plan.remove(0)) };
    match &trouble {
        Some(Trouble::Overtaken(text)) => {
            inner.files.insert(path.clone(), text.clone().into_bytes());
        }
        Some(Trouble::TooMany) => {
            return (StatusCode::FORBIDDEN, [("retry-after", "7")], Json(json!({ "message": "slow down" })))
                .into_response();
        }
        Some(Trouble::AppliedThenError | Trouble::AppliedThenOverwritten(_)) | None => {}
    }
    let stored = inner.files.get(&path).map(|bytes| sha_of(bytes));
    match (stored, body["sha"].as_str()) {
        (Some(_), None) => return (StatusCode::UNPROCESSABLE_ENTITY, "\"sha\" wasn't supplied").into_response(),
        (stored, given) if stored.as_deref() != given => {
            return (StatusCode::CONFLICT, "does not match").into_response();
        }
        _ => {}
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(body["content"].as_str().unwrap()).unwrap();
    let sha = sha_of(&bytes);
    inner.messages.push(body["message"].as_str().unwrap().to_owned());
    let bytes = match &trouble {
        Some(Trouble::AppliedThenOverwritten(edit)) => edit(&String::from_utf8(bytes).unwrap()).into_bytes(),
        _ => bytes,
    };
    inner.files.insert(path, bytes);
    match trouble {
        Some(Trouble::AppliedThenError | Trouble::AppliedThenOverwritten(_)) => StatusCode::BAD_GATEWAY.into_response(),
        _ => (StatusCode::CREATED, Json(json!({ "content": { "sha": sha } }))).into_response(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn release() -> ZStream {
    "4.99.1".parse().unwrap()
}

fn create() -> Operation {
    Operation::Create { metadata: Metadata::default() }
}

fn start(task: Task) -> Operation {
    Operation::SetTask(SetTask::new(task, TaskStatus::InProgress, at("2026-01-01T00:00:01Z")))
}

fn issue(text: &str) -> Operation {
    Operation::AddIssue(AddIssue {
        text: text.to_owned(),
        blocker: true,
        related: Vec::new(),
        source: None,
        at: at("2026-01-01T00:00:02Z"),
    })
}

#[tokio::test]
async fn a_change_costs_two_requests_and_no_change_costs_one() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    assert!(statebox.apply(&release(), &[create()], "Initialize StateBox").await.unwrap().changed);
    github.requests();
    assert!(
        statebox.apply(&release(), &[start(Task::StageTesting)], "Update task\nx@example.com").await.unwrap().changed
    );
    assert_eq!(github.requests(), 2);
    assert!(!statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap().changed);
    assert_eq!(github.requests(), 1);
    assert_eq!(github.messages(), ["Initialize StateBox", "Update task"]);
}

#[tokio::test]
async fn somebody_elses_change_survives_when_he_was_faster() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let base = statebox.apply(&release(), &[create()], "Initialize").await.unwrap().state;
    let Applied::Changed(theirs) = start(Task::PushToCdnStaging).apply(&base, at("2026-01-01T00:00:05Z")) else {
        panic!("nothing changed");
    };
    github.plan(&[Trouble::Overtaken(theirs.to_yaml())]);
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::PushToCdnStaging), TaskStatus::InProgress);
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::InProgress);
    let stored = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!(stored, saved.state);
}

#[tokio::test]
async fn a_write_that_arrived_although_the_answer_was_lost_is_not_made_twice() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    github.plan(&[Trouble::AppliedThenError]);
    let saved = statebox.apply(&release(), &[issue("broken"), start(Task::StageTesting)], "Add issue").await.unwrap();
    assert!(saved.changed);
    assert_eq!(saved.state.issues().len(), 1);
    assert_eq!(github.messages().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_understood_even_when_somebody_wrote_on_top() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let done = Operation::SetTask(SetTask::new(Task::StageTesting, TaskStatus::Pass, at("2026-01-01T00:00:09Z")));
    github.plan(&[Trouble::AppliedThenOverwritten(|text| text.replace("jira_ticket: null", "jira_ticket: ART-1"))]);
    let saved = statebox.apply(&release(), &[start(Task::StageTesting), done], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::Pass);
    assert_eq!(saved.state.metadata().jira_ticket.as_deref(), Some("ART-1"));
    assert_eq!(github.messages().len(), 2);
}

#[tokio::test]
async fn two_who_create_the_same_release_share_one_file() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let theirs = State::create(&release(), at("2026-01-01T00:00:00Z"), &Metadata::default());
    github.plan(&[Trouble::Overtaken(theirs.to_yaml())]);
    let saved = statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    assert!(!saved.changed);
    assert!(github.messages().is_empty());
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_told() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    github.plan(&[Trouble::TooMany]);
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    assert!(statebox.clock.now() >= at("2026-01-01T00:00:07Z"));
}

#[tokio::test]
async fn conflicts_without_end_are_told_after_eight_tries() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let base = statebox.apply(&release(), &[create()], "Initialize").await.unwrap().state;
    let busy =
        |n: i32| Trouble::Overtaken(base.to_yaml().replace("jira_ticket: null", &format!("jira_ticket: ART-{n}")));
    github.plan(&(0..20).map(busy).collect::<Vec<_>>());
    let error = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap_err();
    assert!(matches!(error.fault, StoreFault::Conflict), "{error:?}");
    assert!(error.attempts <= MAX_TRIES);
    assert_eq!(error.arrived, Arrived::No);
}

#[tokio::test]
async fn a_broken_file_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::Virtual(VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
    let repo = Repo::Directory(folder.path().to_owned());
    let statebox = StateBox::new(repo, "z-stream".to_owned(), clock, CancellationToken::new());
    let place = folder.path().join(release().state_path());
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    for broken in ["release: 4.20\nschema_version: '1.0'\n", "release: [", "", "- 1\n", "\u{0}"] {
        std::fs::write(&place, broken).unwrap();
        let error = statebox.apply(&release(), &[create(), issue("x")], "Add issue").await.unwrap_err();
        assert!(matches!(error.fault, StoreFault::Corrupt(_)), "{error:?}");
        assert_eq!(std::fs::read_to_string(&place).unwrap(), broken);
    }
}

#[tokio::test]
async fn a_release_without_file_is_changed_by_nobody_but_its_creation() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::Virtual(VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
    let repo = Repo::Directory(folder.path().to_owned());
    let statebox = StateBox::new(repo, "z-stream".to_owned(), clock, CancellationToken::new());
    assert!(statebox.load(&release()).await.unwrap().is_none());
    let error = statebox.apply(&release(), &[issue("x")], "Add issue").await.unwrap_err();
    assert!(matches!(error.fault, StoreFault::Rejected(Rejection::NoStateFile { .. })));
    assert!(!folder.path().join(release().state_path()).exists());
    let saved = statebox.apply(&release(), &[create(), issue("x")], "Initialize").await.unwrap();
    assert_eq!(saved.state.issues().len(), 1);
    assert_eq!(statebox.load(&release()).await.unwrap().unwrap().state, saved.state);
}
