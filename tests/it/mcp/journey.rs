//! The whole way of a release with tools alone, as the prompt says, over each transport.
//!
//! A person confirms what ships: at the client where the protocol can ask, on the approval page where not.

use std::process::Stdio;

use oar::domain::task::{Task, TaskStatus};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::confirm::{decide, lead};
use super::served::Served;
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

/// A caller on one transport.
enum Wire {
    Http { http: reqwest::Client, base: String, token: String, session: String },
    Sse { http: reqwest::Client, address: String, token: String, stream: reqwest::Response, read: String },
    Stdio { input: ChildStdin, output: Lines<BufReader<ChildStdout>>, _child: Child },
}

impl Wire {
    async fn http(served: &Served) -> Self {
        let (base, token) = (served.base.clone(), served.token.clone());
        let mut wire = Self::Http { http: served.http.clone(), base, token, session: String::new() };
        wire.greet("2025-06-18").await;
        wire
    }

    async fn sse(served: &Served) -> Self {
        let token = served.token.clone();
        let open = served.http.get(format!("{}/sse", served.base)).bearer_auth(&token);
        let stream = open.send().await.expect("a stream");
        let (http, address) = (served.http.clone(), String::new());
        let mut wire = Self::Sse { http, address, token, stream, read: String::new() };
        let endpoint = wire.event().await;
        if let Self::Sse { address, .. } = &mut wire {
            *address = format!("{}{endpoint}", served.base);
        }
        wire.greet("2024-11-05").await;
        wire
    }

    async fn stdio(world: &ProgramWorld) -> Self {
        let mut command = world.command(&["mcp", "serve", "--stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take().expect("stdin");
        let output = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut wire = Self::Stdio { input, output, _child: child };
        wire.greet("2025-06-18").await;
        wire
    }

    async fn greet(&mut self, version: &str) {
        let client = json!({ "name": "story", "version": "1" });
        let capabilities = if version == "2024-11-05" { json!({}) } else { json!({ "elicitation": {} }) };
        let params = json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client });
        let hello = self.ask("initialize", params).await;
        assert_eq!(hello["result"]["serverInfo"]["name"], "release-tests", "{hello}");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }

    /// Sends a message; the answer, where it comes at once.
    async fn send(&mut self, message: &Value) -> String {
        match self {
            Self::Http { http, base, token, session } => {
                let mut request = http.post(format!("{base}/mcp")).bearer_auth(&*token).body(message.to_string());
                request = request.header("accept", "application/json, text/event-stream");
                request = request.header("content-type", "application/json");
                if !session.is_empty() {
                    request = request.header("mcp-session-id", session.as_str());
                }
                let mut answer = request.send().await.expect("an answer");
                if let Some(given) = answer.headers().get("mcp-session-id") {
                    *session = given.to_str().expect("a text").to_owned();
                }
                let (mut said, mut asked) = (String::new(), 0);
                while let Some(chunk) = answer.chunk().await.expect("a body") {
                    said.push_str(std::str::from_utf8(&chunk).expect("text"));
                    let messages: Vec<Value> = messages(&said);
                    let questions: Vec<_> = messages.iter().filter_map(yes).collect();
                    for yes in questions.iter().skip(asked) {
                        let reply = http.post(format!("{base}/mcp")).bearer_auth(&*token).body(yes.to_string());
                        let reply = reply.header("accept", "application/json, text/event-stream");
                        let reply = reply.header("content-type", "application/json");
                        reply.header("mcp-session-id", session.as_str()).send().await.expect("it listens");
                    }
                    asked = questions.len();
                    if let Some(answer) = messages.into_iter().find(is_answer) {
                        return answer.to_string();
                    }
                }
                said
            }
            Self::Sse { http, address, token, .. } => {
                let request = http.post(address.as_str()).bearer_auth(token).body(message.to_string());
                let answer = request.header("content-type", "application/json").send().await.expect("an answer");
                assert_eq!(answer.status(), 202);
                String::new()
            }
            Self::Stdio { input, .. } => {
                input.write_all(format!("{message}\n").as_bytes()).await.expect("it listens");
                String::new()
            }
        }
    }

    /// The data of the next event of the stream.
    async fn event(&mut self) -> String {
        let Self::Sse { stream, read, .. } = self else { panic!("only a stream has events") };
        loop {
            while let Some((event, rest)) = read.replace("\r\n", "\n").split_once("\n\n") {
                let data: Vec<_> = event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
                *read = rest.to_owned();
                if !data.is_empty() {
                    return data.join("\n");
                }
            }
            let chunk = stream.chunk().await.expect("the stream goes on").expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let said = self.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await;
        loop {
            let message = match self {
                Self::Http { .. } => return serde_json::from_str(&said).unwrap_or_default(),
                Self::Sse { .. } => self.event().await,
                Self::Stdio { output, .. } => output.next_line().await.expect("text").expect("it goes on"),
            };
            let message: Value = serde_json::from_str(&message).expect("JSON");
            if let Some(yes) = yes(&message) {
                self.send(&yes).await;
            } else if is_answer(&message) {
                return message;
            }
        }
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        let content = answer["result"]["structuredContent"].clone();
        assert!(content.is_object(), "{tool}: {answer}");
        content
    }
}

/// The messages of an event stream so far, or the one of a plain body.
fn messages(said: &str) -> Vec<Value> {
    let data = said.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let messages: Vec<_> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
    if messages.is_empty() { serde_json::from_str(said).into_iter().collect() } else { messages }
}

/// The server numbers its own questions from 1, too.
fn is_answer(message: &Value) -> bool {
    message["id"] == 1 && message.get("method").is_none()
}

/// What the person at the client answers to a question.
fn yes(message: &Value) -> Option<Value> {
    let asked = message["method"] == "elicitation/create";
    let content = json!({ "decision": "approve", "release": RELEASE, "reason": "I looked" });
    let result = json!({ "action": "accept", "content": content });
    asked.then(|| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
}

/// Follows the prompt until the release is approved.
async fn takes_it_through(world: &ProgramWorld, page: Option<&Served>, wire: &mut Wire) {
    let prompt = json!({ "name": "release_drive", "arguments": { "release": RELEASE } });
    let prompt = wire.ask("prompts/get", prompt).await;
    let text = prompt["result"]["messages"][0]["content"]["text"].as_str().expect("a text");
    assert!(text.contains(&format!("`oar_plan_next_actions` with release={RELEASE}")), "{text}");

    // Whoever confirms has a token from before the question.
    let lead = lead(world);
    let mut steps = Vec::new();
    for _round in 0..200 {
        let plan = wire.call("oar_plan_next_actions", json!({ "release": RELEASE })).await;
        let actions = plan["data"]["next_actions"].as_array().expect("a list").clone();
        let now: Vec<_> = actions.iter().filter(|action| action.get("not_before_seconds").is_none()).collect();
        for action in &now {
            let (tool, mut arguments) = (action["tool"].as_str().expect("a tool"), action["arguments"].clone());
            if action.get("ask").is_some() {
                arguments["email"] = json!("lead@example.com");
            }
            let mut answer = wire.call(tool, arguments.clone()).await;
            if answer["error"]["code"] == "CONFIRMATION_REQUIRED" {
                let served = page.expect("this client asks its own user");
                let url = answer["approval"]["url"].as_str().expect("a link").to_owned();
                assert_eq!(decide(served, &url, &lead, "approve").await.0, 200);
                answer = wire.call(tool, arguments).await;
            }
            steps.push(format!("{tool}: {} {}", answer["summary"], answer["waiting"]["on"]));
            assert!(answer["error"].is_null(), "{tool}: {answer:#}\n{}", steps.join("\n"));
        }
        if plan["data"]["passed"].as_array().expect("a list").contains(&json!("change-advisory-status")) {
            break;
        }
        if now.is_empty() {
            let seconds = plan["next"]["not_before_seconds"].as_i64();
            let seconds = seconds.unwrap_or_else(|| panic!("who waits for what? {plan:#}\n{}", steps.join("\n")));
            world.hours_pass((seconds + 3_599) / 3_600);
        }
    }
    let state = world.state();
    assert_eq!(state.status(Task::ChangeAdvisoryStatus), TaskStatus::Pass, "{}", steps.join("\n"));
    let shipped = wire.call("oar_is_release_shipped", json!({ "release": RELEASE })).await;
    assert_eq!(shipped["ok"], true, "{shipped}");
}

#[tokio::test]
async fn an_agent_takes_a_release_from_nothing_to_approved_over_streamable_http() {
    let served = Served::before(ProgramWorld::with_every_part().await, &[]).await;
    let mut wire = Wire::http(&served).await;
    takes_it_through(&served.world, None, &mut wire).await;
}

#[tokio::test]
async fn an_agent_takes_a_release_from_nothing_to_approved_over_the_older_event_stream() {
    let served = Served::before(ProgramWorld::with_every_part().await, &[]).await;
    let mut wire = Wire::sse(&served).await;
    takes_it_through(&served.world, Some(&served), &mut wire).await;
}

#[tokio::test]
async fn an_agent_takes_a_release_from_nothing_to_approved_over_stdin_and_stdout() {
    let world = ProgramWorld::with_every_part().await;
    let mut wire = Wire::stdio(&world).await;
    takes_it_through(&world, None, &mut wire).await;
}
