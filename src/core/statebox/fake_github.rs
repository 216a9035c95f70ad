//! For tests: a GitHub with a few files, and what happens to the next writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use serde_json::{Value, json};

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::cas::Limits;
use super::repo::Repo;
use super::state_box::StateBox;
use crate::core::clients::http::Http;
use crate::core::clients::http::auth::Auth;
use crate::core::clients::http::policy::HttpPolicy;
use crate::core::clients::loopback::policy;
use crate::core::clock::{Clock, VirtualClock};
use crate::domain::release::ZStream;
use crate::domain::service::Service;
use crate::domain::state::entries::Metadata;
use crate::domain::state::operation::{AddIssue, Applied, Operation, SetTask};
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};

pub(super) const LIMITS: Limits = Limits { tries: 8, total: SignedDuration::from_secs(60) };

/// A GitHub with one file, and what happens to the next writes.
#[derive(Clone, Default)]
pub(super) struct FakeGithub(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    files: HashMap<String, Vec<u8>>,
    messages: Vec<String>,
    requests: u32,
    plan: Vec<Trouble>,
    down: bool,
    /// What every look shows, as long as the caches are old.
    cached: Option<HashMap<String, Vec<u8>>>,
    /// After so many more writes it is down.
    writes_left: Option<u32>,
}

#[derive(Clone)]
pub(super) enum Trouble {
    /// Somebody else commits this text just before our write.
    Overtaken(String),
    /// The write is carried out and answered with 502.
    AppliedThenError,
    /// The write is carried out, somebody else commits on top of it, and we get a 502.
    AppliedThenOverwritten(fn(&str) -> String),
    /// Somebody commits to another file of the branch just before our write.
    HeadMoved,
    /// Refused for the rate, without harm.
    TooMany,
    /// Refused as a request that makes no sense.
    Impossible,
}

impl FakeGithub {
    pub(super) async fn serve(&self) -> StateBox {
        let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
        let clock = Clock::Virtual(time.clone());
        let dated = move |mut answer: Response| {
            let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&time.now()).unwrap();
            answer.headers_mut().insert("date", now.parse().unwrap());
            std::future::ready(answer)
        };
        let router = Router::new().route("/repos/o/r/contents/{*path}", get(read).put(write)).with_state(self.clone());
        let router = router.layer(axum::middleware::map_response(dated));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a server has to run beside the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let limits = HttpPolicy { tries: 1, ..policy() };
        let http = Http::new(limits, clock.clone(), CancellationToken::new()).unwrap();
        let repo = Repo::github(http.service(Service::Github, &base, Auth::None), "o/r", None).unwrap();
        StateBox::new(repo, "z-stream".to_owned(), LIMITS, clock, CancellationToken::new())
    }

    pub(super) fn plan(&self, troubles: &[Trouble]) {
        self.0.lock().unwrap().plan = troubles.to_vec();
    }

    /// Is every request answered with 503?
    pub(super) fn is_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// From now on looks show what stands there now, whatever is written.
    pub(super) fn caches_stand_still(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.cached = Some(inner.files.clone());
    }

    /// Looks show again what stands there.
    pub(super) fn caches_run_out(&self) {
        self.0.lock().unwrap().cached = None;
    }

    /// It goes down once it has carried out so many more writes.
    pub(super) fn goes_down_after_writes(&self, writes: u32) {
        self.0.lock().unwrap().writes_left = Some(writes);
    }

    /// The stored text of the release of these tests.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().files[&release().state_path()].clone()).unwrap()
    }

    /// What somebody else stores there.
    pub(super) fn put(&self, text: &str) {
        self.0.lock().unwrap().files.insert(release().state_path(), text.as_bytes().to_vec());
    }

    /// Somebody else applies an operation.
    pub(super) fn somebody(&self, operation: &Operation) {
        let state = State::parse(&self.text(), None).unwrap();
        match operation.apply(&state, at("2026-01-01T00:00:05Z")) {
            Applied::Changed(state) => self.put(&state.to_yaml()),
            other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{other:?}"),
        }
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap().messages.clone()
    }

    pub(super) fn requests(&self) -> u32 {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }
}

fn sha_of(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    let hash = sha1::Sha1::digest([format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat());
    hex::encode(hash)
}

async fn read(Shared(github): Shared<FakeGithub>, Path(path): Path<String>) -> Response {
    let mut inner = github.0.lock().unwrap();
    inner.requests += 1;
    if inner.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Some(bytes) = inner.cached.as_ref().unwrap_or(&inner.files).get(&path) else {
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
    if inner.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let trouble = if inner.plan.is_empty() { None } else { Some(inner.plan.remove(0)) };
    match &trouble {
        Some(Trouble::Overtaken(text)) => {
            inner.files.insert(path.clone(), text.clone().into_bytes());
        }
        Some(Trouble::TooMany) => {
            return (StatusCode::FORBIDDEN, [("retry-after", "7")], Json(json!({ "message": "slow down" })))
                .into_response();
        }
        Some(Trouble::HeadMoved) => {
            return (StatusCode::CONFLICT, Json(json!({ "message": "is at 1 but expected 2" }))).into_response();
        }
        Some(Trouble::Impossible) => {
            let said = json!({ "message": "path contains a malformed path component" });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(said)).into_response();
        }
        Some(Trouble::AppliedThenError | Trouble::AppliedThenOverwritten(_)) | None => {}
    }
    let stored = inner.files.get(&path).map(|bytes| sha_of(bytes));
    match (stored, body["sha"].as_str()) {
        (Some(_), None) => {
            return (StatusCode::UNPROCESSABLE_ENTITY, r#"{"message":"\"sha\" wasn't supplied"}"#).into_response();
        }
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
    inner.writes_left = inner.writes_left.map(|left| left.saturating_sub(1));
    if inner.writes_left == Some(0) {
        (inner.down, inner.writes_left) = (true, None);
    }
    match trouble {
        Some(Trouble::AppliedThenError | Trouble::AppliedThenOverwritten(_)) => StatusCode::BAD_GATEWAY.into_response(),
        _ => (StatusCode::CREATED, Json(json!({ "content": { "sha": sha } }))).into_response(),
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn release() -> ZStream {
    "4.99.1".parse().unwrap()
}

pub(super) fn create() -> Operation {
    Operation::Create { metadata: Metadata::default() }
}

pub(super) fn start(task: Task) -> Operation {
    Operation::SetTask(SetTask::new(task, TaskStatus::InProgress, at("2026-01-01T00:00:01Z")))
}

pub(super) fn issue(text: &str) -> Operation {
    Operation::AddIssue(AddIssue {
        text: text.to_owned(),
        blocker: true,
        related: Vec::new(),
        source: None,
        at: at("2026-01-01T00:00:02Z"),
    })
}
