//! A server as the real program, in front of a simulated world, and a client that knows nothing of our code.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::real_program::ProgramWorld;

/// A running server.
pub(super) struct Served {
    pub(super) world: ProgramWorld,
    pub(super) base: String,
    pub(super) token: String,
    pub(super) http: reqwest::Client,
    pub(super) child: Child,
    session: String,
    ids: AtomicU64,
}

impl Served {
    /// `oar mcp serve` with `args`, in front of a fresh world with a state file.
    pub(super) async fn start(args: &[&str]) -> Self {
        Self::before(ProgramWorld::created().await, args).await
    }

    /// The same in front of `world`.
    pub(super) async fn before(world: ProgramWorld, args: &[&str]) -> Self {
        Self::with(world, args, &[], None).await
    }

    /// The same with more variables; `token` is one that an earlier server made there.
    pub(super) async fn with(world: ProgramWorld, args: &[&str], env: &[(&str, &str)], token: Option<&str>) -> Self {
        let more = |command: &mut Command| {
            command.envs(env.iter().copied());
        };
        Self::after(world, args, token.map(str::to_owned), more).await
    }

    /// The same after `change` of the command; a known `token` is used instead of the one of the first start.
    pub(super) async fn after(
        world: ProgramWorld,
        args: &[&str],
        token: Option<String>,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let tokens: Vec<_> = ["mcp", "serve", "--port", "0"].iter().chain(args).copied().collect();
        let mut command = world.command(&tokens);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        change(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut err = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let first = out.next_line().await.expect("stdout is text");
        let Some(first) = first else {
            let mut why = String::new();
            while let Ok(Some(line)) = err.next_line().await {
                why.push_str(&line);
                why.push('\n');
            }
            panic!("the server did not start:\n{why}");
        };
        let base = first.split_whitespace().find(|token| token.starts_with("http://")).expect("an address");
        let base = base.trim_end_matches("/mcp").to_owned();
        let made = token.is_none() && !args.contains(&"none");
        let mut token = token.unwrap_or_default();
        if made {
            while let Some(line) = err.next_line().await.expect("stderr is text") {
                if let Some((_, made)) = line.split_once("shown only now: ") {
                    token = made.trim().to_owned();
                    break;
                }
            }
        }
        // What the server logs must not fill a pipe that nobody reads.
        tokio::spawn(async move { while let Ok(Some(_)) = err.next_line().await {} });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut served = Self { world, base, token, http, child, session: String::new(), ids: AtomicU64::new(1000) };
        served.session = served.initialize().await;
        served
    }

    /// Ends the server as a crash would; what it left stays.
    pub(super) async fn killed(mut self) -> (ProgramWorld, String) {
        self.child.kill().await.expect("it still runs");
        (self.world, self.token)
    }

    /// Tells the server to stop, as systemd would.
    pub(super) fn terminate(&self) {
        let id = i32::try_from(self.child.id().expect("it still runs")).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it still runs");
    }

    /// A POST to `/mcp` with `message`, with the usual headers; `more` adds or replaces some.
    pub(super) async fn post(&self, message: &Value, more: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self
            .http
            .post(format!("{}/mcp", self.base))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.to_string());
        if !more.iter().any(|(name, _)| *name == "authorization") && !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !self.session.is_empty() && !more.iter().any(|(name, _)| *name == "mcp-session-id") {
            request = request.header("mcp-session-id", &self.session);
        }
        for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    /// A POST to `/mcp` with any body in the session; a blank header is left out.
    pub(super) async fn raw(&self, body: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut all = vec![("accept", "application/json, text/event-stream"), ("content-type", "application/json")];
        all.retain(|(name, _)| !headers.iter().any(|(other, _)| other == name));
        all.extend(headers.iter().copied().filter(|(_, value)| !value.is_empty()));
        all.push(("mcp-session-id", &self.session));
        let request = self.http.post(format!("{}/mcp", self.base)).bearer_auth(&self.token).body(body.to_owned());
        let request = all.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.expect("an answer")
    }

    async fn initialize(&self) -> String {
        let params = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "story", "version": "1" },
        });
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = self.post(&message, &[]).await;
        let session = answer.headers().get("mcp-session-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let session = session.expect("a session");
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.post(&done, &[("mcp-session-id", &session)]).await;
        session
    }

    /// One request in the session; the whole answer message.
    pub(super) async fn ask(&self, method: &str, params: Value) -> Value {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        last_message(&self.post(&message, &[]).await.text().await.expect("a body"))
    }

    /// Calls a tool; its result.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        answer.get("result").cloned().unwrap_or_else(|| panic!("{tool}: {answer}"))
    }
}

/// The last message of a body: plain JSON, or the last data of an event stream.
pub(super) fn last_message(body: &str) -> Value {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let last = { data }.rfind(|data| data.starts_with('{')).unwrap_or(body);
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {body}"))
}
