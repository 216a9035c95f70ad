//! What a person has to confirm: by each way, and each refusal.

use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use oar::domain::task::Task;
use serde_json::{Value, json};

use super::served::{Served, last_message};
use crate::real_program::{ProgramWorld, Write};

const RELEASE: &str = "4.20.17";
const MODERN: &str = "2026-07-28";

/// Only the final approval is left.
async fn ready() -> ProgramWorld {
    let done: Vec<_> =
        Task::tracked(oar::domain::task::Flow::Konflux).filter(|task| *task != Task::ChangeAdvisoryStatus).collect();
    ProgramWorld::promoted(&done).await
}

async fn served() -> Served {
    Served::before(ready().await, &["--toolsets", "all"]).await
}

fn approval() -> Value {
    json!({ "release": RELEASE, "ignore_release_date": true, "reason": "go" })
}

/// Approvals given and advisories moved.
fn shipped(world: &ProgramWorld) -> Vec<Write> {
    let writes = world.writes().into_iter();
    writes.filter(|write| write.2.contains("/approve") || write.2.contains("change_state")).collect()
}

pub(super) fn lead(world: &ProgramWorld) -> String {
    Tokens::below(&world.home.path().join("home")).add("lead", [Scope::Read, Scope::Critical], None).unwrap()
}

/// A call as newer clients make it: stateless, with all it needs in the message.
async fn modern(served: &Served, tool: &str, arguments: Value, more: Value) -> Value {
    let mut params = json!({
        "name": tool, "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "story", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        },
    });
    for (name, value) in more.as_object().expect("fields") {
        params[name] = value.clone();
    }
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let headers =
        [("mcp-session-id", ""), ("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", tool)];
    let answer = last_message(&served.post(&message, &headers).await.text().await.unwrap());
    answer.get("result").cloned().unwrap_or_else(|| panic!("{answer}"))
}

fn yes(state: &Value, content: Value) -> Value {
    json!({ "requestState": state, "inputResponses": { "confirm": { "action": "accept", "content": content } } })
}

fn code(result: &Value) -> &str {
    result["structuredContent"]["error"]["code"].as_str().unwrap_or("none")
}

#[tokio::test]
async fn a_newer_client_asks_its_user_and_repeats_the_call_with_the_answer() {
    let served = served().await;
    let tool = "oar_change_advisory_status";
    let asked = modern(&served, tool, approval(), json!({})).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create", "{asked}");
    let plan = question["params"]["message"].as_str().unwrap();
    for fact in ["approve merge request", "from QE to REL_PREP", "cannot be undone"] {
        assert!(plan.contains(fact), "{plan}");
    }
    assert_eq!(shipped(&served.world), [], "nothing is done while somebody thinks");
    let state = asked["requestState"].clone();
    let good = json!({ "decision": "approve", "release": RELEASE });

    // Each of these is refused, and does nothing.
    let forged = json!(format!("{}x", state.as_str().unwrap()));
    assert_eq!(code(&modern(&served, tool, approval(), yes(&forged, good.clone())).await), "DENIED");
    let other = json!({ "release": RELEASE, "ignore_release_date": false, "reason": "go" });
    let elsewhere = modern(&served, tool, other, yes(&state, good.clone())).await;
    assert_ne!(elsewhere["structuredContent"]["changed"], true, "{elsewhere}");
    assert_eq!(shipped(&served.world), []);

    let done = modern(&served, tool, approval(), yes(&state, good.clone())).await;
    let reply = &done["structuredContent"];
    assert_eq!(reply["confirmation"]["how"], "elicitation", "{done}");
    assert_eq!(reply["confirmation"]["who"], "the user of agent", "{done}");
    let once = shipped(&served.world);
    assert!(once.iter().any(|write| write.2.ends_with("/approve")), "{once:?}");

    // The answer is spent, and what goes on with the confirmed approval asks nobody again.
    let again = modern(&served, tool, approval(), yes(&state, good)).await;
    assert_ne!(again["resultType"], "input_required", "{again}");
    assert_eq!(shipped(&served.world).len(), once.len(), "nothing twice");
}

#[tokio::test]
async fn a_no_a_wrong_release_and_a_missing_reason_do_nothing() {
    let served = served().await;
    let tool = "oar_update_task_status";
    let request = json!({ "release": RELEASE, "task_name": "stage-testing", "status": "Fail", "result": "broken" });
    let before = served.world.state().to_yaml();
    for (content, action) in [
        (json!({ "decision": "reject", "release": RELEASE, "reason": "no" }), "accept"),
        (json!({ "decision": "approve", "release": "4.20.16", "reason": "yes" }), "accept"),
        (json!({ "decision": "approve", "release": RELEASE }), "accept"),
        (json!({}), "decline"),
        (json!({}), "cancel"),
    ] {
        let asked = modern(&served, tool, request.clone(), json!({})).await;
        assert_eq!(asked["resultType"], "input_required", "a change of a Pass asks: {asked}");
        let mut answer = yes(&asked["requestState"], content);
        answer["inputResponses"]["confirm"]["action"] = json!(action);
        let reply = modern(&served, tool, request.clone(), answer).await;
        assert_eq!(code(&reply), "DENIED", "{reply}");
    }
    assert_eq!(served.world.state().to_yaml(), before);
    let asked = modern(&served, tool, request.clone(), json!({})).await;
    let content = json!({ "decision": "approve", "release": RELEASE, "reason": "seen in the lab" });
    let reply = modern(&served, tool, request, yes(&asked["requestState"], content)).await;
    assert_eq!(reply["structuredContent"]["confirmation"]["reason"], "seen in the lab", "{reply}");
    assert!(served.world.state().to_yaml().contains("confirmed by the user of agent"), "it is in the record");
}

#[tokio::test]
async fn facts_that_changed_while_somebody_thought_end_the_question() {
    let served = served().await;
    let request = json!({ "release": RELEASE, "issue": "it is broken", "blocker": true });
    served.call("oar_add_issue", request).await;
    let (tool, request) =
        ("oar_resolve_issue", json!({ "release": RELEASE, "issue": "broken", "resolution": "fixed" }));
    let asked = modern(&served, tool, request.clone(), json!({})).await;
    let good = json!({ "decision": "approve", "release": RELEASE });
    // Somebody edits the issue meanwhile.
    let path = RELEASE.parse::<oar::domain::release::ZStream>().unwrap().state_path();
    {
        let mut facts = served.world.sim.world().facts();
        let text = facts.github.file("z-stream", &path).unwrap().replace("it is broken", "it is badly broken");
        facts.github.put_file("z-stream", &path, &text);
    }
    let reply = modern(&served, tool, request.clone(), yes(&asked["requestState"], good.clone())).await;
    assert_eq!(code(&reply), "DENIED", "{reply}");
    assert!(reply["content"][0]["text"].as_str().unwrap().contains("facts changed"), "{reply}");
    let asked = modern(&served, tool, request.clone(), json!({})).await;
    let reply = modern(&served, tool, request, yes(&asked["requestState"], good)).await;
    assert_eq!(reply["structuredContent"]["changed"], true, "{reply}");
}

/// A session of a client of `version` that can ask its user.
async fn session(served: &Served, version: &str) -> String {
    let params = json!({
        "protocolVersion": version, "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "story", "version": "1" },
    });
    let begin = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let begun = served.post(&begin, &[("mcp-session-id", "")]).await;
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    drop(begun);
    let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    served.post(&done, &[("mcp-session-id", &session)]).await;
    session
}

#[tokio::test]
async fn a_client_of_2024_has_the_page_only_whatever_it_says_of_itself() {
    let served = served().await;
    let session = session(&served, "2024-11-05").await;
    let params = json!({ "name": "oar_change_advisory_status", "arguments": approval() });
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params });
    let reply = last_message(&served.post(&call, &[("mcp-session-id", &session)]).await.text().await.unwrap());
    assert_eq!(code(&reply["result"]), "CONFIRMATION_REQUIRED", "{reply}");
}

#[tokio::test]
async fn a_confirmation_once_per_release_covers_the_next_call_of_the_tool() {
    let world = ProgramWorld::created().await;
    let file = world.home.path().join("oar.toml");
    std::fs::write(&file, "[mcp.confirm]\noar_resolve_issue = \"once_per_release\"\n").unwrap();
    let path = file.display().to_string();
    let served = Served::with(world, &[], &[("OAR_SETTINGS", path.as_str())], None).await;
    let lead = lead(&served.world);
    for text in ["first blocker", "second blocker"] {
        served.call("oar_add_issue", json!({ "release": RELEASE, "issue": text })).await;
    }
    let resolve = |text: &str| json!({ "release": RELEASE, "issue": text, "resolution": "fixed" });
    let asked = served.call("oar_resolve_issue", resolve("first")).await;
    let url = asked["structuredContent"]["approval"]["url"].as_str().expect("a link").to_owned();
    assert_eq!(decide(&served, &url, &lead, "approve").await.0, 200);
    for text in ["first", "second"] {
        let reply = served.call("oar_resolve_issue", resolve(text)).await;
        assert_eq!(reply["structuredContent"]["confirmation"]["who"], "lead", "{reply}");
    }
    assert!(served.world.state().issues().iter().all(|issue| issue.resolved));
}

/// Reads an event stream until a message fits.
async fn message(stream: &mut reqwest::Response, seen: &mut String, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let data = seen.lines().filter_map(|line| line.strip_prefix("data:"));
        let found = data.filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok()).find(|it| fits(it));
        if let Some(found) = found {
            return found;
        }
        let more = stream.chunk().await.expect("a stream").unwrap_or_else(|| panic!("it ended: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&more));
    }
}

#[tokio::test]
async fn an_older_client_is_asked_while_its_call_waits() {
    let served = served().await;
    let session = session(&served, "2025-06-18").await;
    let header = [("mcp-session-id", session.as_str())];
    for (decision, expected) in [("reject", "DENIED"), ("approve", "none")] {
        let params = json!({ "name": "oar_change_advisory_status", "arguments": approval() });
        let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params });
        let mut stream = served.post(&call, &header).await;
        let mut seen = String::new();
        let asked = message(&mut stream, &mut seen, |it| it["method"] == "elicitation/create").await;
        assert!(asked["params"]["message"].as_str().unwrap().contains("REL_PREP"), "{asked}");
        // Nothing is locked while somebody thinks.
        let note =
            served.call("oar_add_issue", json!({ "release": RELEASE, "issue": decision, "blocker": false })).await;
        assert_eq!(note["isError"], false, "{note}");
        assert_eq!(shipped(&served.world), []);
        let content = json!({ "decision": decision, "release": RELEASE });
        let answer =
            json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept", "content": content } });
        served.post(&answer, &header).await;
        let reply = message(&mut stream, &mut seen, |it| it["id"] == 5 && it.get("result").is_some()).await;
        assert_eq!(code(&reply["result"]), expected, "{reply}");
    }
    assert!(!shipped(&served.world).is_empty());
}

/// What a browser tells as origin of a form that it sends to the server it came from: nothing of use when the
/// page forbids to tell where anything came from (Fetch, "serializing a request origin").
fn origin_of_form(page: &reqwest::Response, base: &str) -> String {
    let policy = page.headers().get("referrer-policy").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if policy == "no-referrer" { "null".to_owned() } else { base.to_owned() }
}

/// A form of the page, as a browser sends it back.
pub(super) async fn decide(served: &Served, url: &str, token: &str, decision: &str) -> (u16, String) {
    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = browser.get(url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let origin = origin_of_form(&page, &served.base);
    let text = page.text().await.unwrap();
    let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = [("csrf", csrf.as_str()), ("token", token), ("decision", decision), ("reason", "I looked")];
    let sent = browser.post(url).header("cookie", cookie).header("origin", origin).form(&form);
    let reply = sent.send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

#[tokio::test]
async fn a_client_that_cannot_ask_gets_a_link_for_a_person_with_another_token() {
    let served = served().await;
    let lead = lead(&served.world);
    let tool = "oar_change_advisory_status";
    let asked = served.call(tool, approval()).await;
    assert_eq!(code(&asked), "CONFIRMATION_REQUIRED", "{asked}");
    let url = asked["structuredContent"]["approval"]["url"].as_str().unwrap().to_owned();
    assert!(asked["structuredContent"]["plan"].as_str().unwrap().contains("REL_PREP"), "{asked}");
    let again = served.call(tool, approval()).await;
    assert_eq!(again["structuredContent"]["approval"]["url"], json!(url), "one link, however often it asks");

    let (status, page) = decide(&served, &url, &served.token, "approve").await;
    assert!(status == 403 && page.contains("whoever asks cannot confirm it"), "{status} {page}");
    let strange = served.http.post(&url).header("origin", "http://example.com").send().await.unwrap();
    assert_eq!(strange.status(), 403, "a page of a stranger");
    assert_eq!(code(&served.call(tool, approval()).await), "CONFIRMATION_REQUIRED");
    assert_eq!(shipped(&served.world), []);

    assert_eq!(decide(&served, &url, &lead, "reject").await.0, 200);
    let reply = served.call(tool, approval()).await;
    assert_eq!(code(&reply), "DENIED", "{reply}");
    assert_eq!(shipped(&served.world), []);

    let asked = served.call(tool, approval()).await;
    let url = asked["structuredContent"]["approval"]["url"].as_str().unwrap().to_owned();
    assert_eq!(decide(&served, &url, &lead, "approve").await.0, 200);
    assert_eq!(shipped(&served.world), [], "an approval alone does nothing");
    let done = served.call(tool, approval()).await;
    let evidence = &done["structuredContent"]["confirmation"];
    assert_eq!(
        (&evidence["who"], &evidence["how"], &evidence["reason"]),
        (&json!("lead"), &json!("page"), &json!("I looked"))
    );
    assert!(!shipped(&served.world).is_empty(), "{done}");
}

#[tokio::test]
async fn what_cannot_run_asks_nobody_and_what_is_harmless_asks_nobody() {
    let world = ProgramWorld::created().await;
    let served = Served::before(world, &[]).await;
    let early = served.call("oar_change_advisory_status", json!({ "release": RELEASE })).await;
    assert_ne!(code(&early), "CONFIRMATION_REQUIRED", "{early}");
    assert!(early["structuredContent"].get("approval").is_none(), "{early}");
    let harmless = json!({ "release": RELEASE, "task_name": "take-ownership", "status": "In Progress" });
    let reply = served.call("oar_update_task_status", harmless).await;
    assert_eq!(reply["structuredContent"]["changed"], true, "{reply}");
    let pass = json!({ "release": RELEASE, "task_name": "take-ownership", "status": "Pass", "result": "trust me" });
    assert_eq!(code(&served.call("oar_update_task_status", pass).await), "CONFIRMATION_REQUIRED");
    served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "a note", "blocker": false })).await;
    let note = json!({ "release": RELEASE, "issue": "a note", "resolution": "done" });
    assert_eq!(served.call("oar_resolve_issue", note).await["structuredContent"]["changed"], true);
}

#[tokio::test]
async fn a_token_about_a_build_asks_and_shows_what_its_record_says() {
    let served = Served::before(ProgramWorld::created().await, &["--toolsets", "all"]).await;
    let before = served.world.state().to_yaml();
    let request = |decide: Value| {
        let mut request = json!({ "release": RELEASE, "which": "candidate" });
        if decide != Value::Null {
            request["decide"] = decide;
            request["reason"] = json!("known flake\nadvisory 1 is approved");
        }
        request
    };
    let asked = served.call("oar_analyze_build", request(json!("accept"))).await;
    assert_eq!(code(&asked), "CONFIRMATION_REQUIRED", "{asked}");
    let plan = asked["structuredContent"]["plan"].as_str().unwrap();
    assert!(plan.starts_with("accept the candidate build 4.20.0-0.nightly-"), "{plan}");
    assert!(plan.contains("its test record says: ") && plan.lines().count() == 3, "{plan}");
    assert_eq!(served.world.state().to_yaml(), before);
    let looked = served.call("oar_analyze_build", request(Value::Null)).await;
    assert_ne!(code(&looked), "CONFIRMATION_REQUIRED", "without a word it only looks: {looked}");
}

#[tokio::test]
async fn a_start_against_a_closed_gate_asks_a_person_and_one_in_its_turn_asks_nobody() {
    let served = Served::start(&[]).await;
    let before = served.world.state().to_yaml();
    let forced = json!({ "release": RELEASE, "force_reason": "the gate is wrong today" });
    let asked = served.call("oar_stage_testing", forced).await;
    assert_eq!(code(&asked), "CONFIRMATION_REQUIRED", "{asked}");
    let plan = asked["structuredContent"]["plan"].as_str().unwrap();
    assert!(plan.starts_with("start stage-testing of 4.20.17 although a gate may be closed"), "{plan}");
    assert!(plan.contains("“the gate is wrong today”"), "{plan}");
    assert_eq!(served.world.state().to_yaml(), before);
    let waits = served.call("oar_stage_testing", json!({ "release": RELEASE })).await;
    assert_ne!(code(&waits), "CONFIRMATION_REQUIRED", "{waits}");
}

#[tokio::test]
async fn a_policy_or_an_unattended_scope_lets_the_tool_run_without_a_person() {
    let world = ready().await;
    let home = world.home.path().join("home");
    let robot = Tokens::below(&home).add("robot", Scope::ALL, None).unwrap();
    let served = Served::with(world, &[], &[], Some(&robot)).await;
    let done = served.call("oar_change_advisory_status", approval()).await;
    assert_eq!(done["structuredContent"]["confirmation"]["how"], "unattended", "{done}");
    assert!(!shipped(&served.world).is_empty());

    let world = ready().await;
    let file = world.home.path().join("oar.toml");
    std::fs::write(&file, "[mcp.confirm]\noar_change_advisory_status = \"never\"\n").unwrap();
    let path = file.display().to_string();
    let served = Served::with(world, &[], &[("OAR_SETTINGS", path.as_str())], None).await;
    let done = served.call("oar_change_advisory_status", approval()).await;
    assert!(!shipped(&served.world).is_empty(), "{done}");
}

/// The approval's day has come: the plan names the call.
async fn named(served: &Served) -> Vec<String> {
    let plan = served.call("oar_plan_next_actions", json!({ "release": RELEASE })).await;
    let calls = plan["structuredContent"]["data"]["next_actions"].as_array().expect("calls").clone();
    calls.iter().map(|call| call["tool"].as_str().expect("a tool").to_owned()).collect()
}

async fn until_named(served: &Served) {
    for _ in 0..60 {
        if named(served).await.contains(&"oar_change_advisory_status".to_owned()) {
            return;
        }
        served.world.hours_pass(6);
    }
    panic!("the approval is never due");
}

#[tokio::test]
async fn a_form_that_nobody_answers_offers_the_page_and_the_plan_stops_naming_the_call_until_a_person_acts() {
    let served = served().await;
    let lead = lead(&served.world);
    let (tool, given) = ("oar_change_advisory_status", json!({ "release": RELEASE }));
    until_named(&served).await;
    let asked = modern(&served, tool, given.clone(), json!({})).await;
    let mut answer = yes(&asked["requestState"], json!({}));
    answer["inputResponses"]["confirm"]["action"] = json!("decline");
    let declined = modern(&served, tool, given.clone(), answer).await;
    assert_eq!(code(&declined), "DENIED", "{declined}");
    let fields = &declined["structuredContent"];
    let url = fields["approval"]["url"].as_str().expect("a link").to_owned();
    assert!(fields["error"]["hint"].as_str().expect("a hint").contains(&url), "{declined}");
    assert!(!declined.to_string().contains("oar mcp"), "no answer says how tokens are made: {declined}");

    assert!(!named(&served).await.contains(&tool.to_owned()));
    let plan = served.call("oar_plan_next_actions", json!({ "release": RELEASE })).await;
    assert_eq!(plan["structuredContent"]["data"]["confirmations"][0]["link"], json!(url), "{plan}");
    let explained = served.call("oar_explain", json!({ "release": RELEASE })).await;
    assert!(explained["content"][0]["text"].as_str().expect("a text").contains(&url), "{explained}");

    assert_eq!(decide(&served, &url, &lead, "approve").await.0, 200);
    assert!(named(&served).await.contains(&tool.to_owned()), "a person acted");
    let done = served.call(tool, given).await;
    assert_eq!(done["structuredContent"]["confirmation"]["how"], "page", "{done}");
}

#[tokio::test]
async fn a_token_that_was_made_after_the_question_confirms_nothing() {
    let served = served().await;
    let tool = "oar_change_advisory_status";
    let asked = served.call(tool, approval()).await;
    assert_eq!(code(&asked), "CONFIRMATION_REQUIRED", "{asked}");
    assert!(!asked.to_string().contains("oar mcp"), "no answer says how tokens are made: {asked}");
    let url = asked["structuredContent"]["approval"]["url"].as_str().expect("a link").to_owned();
    let made = served.world.oar(&["mcp", "token", "add", "lead", "--scopes", "release:critical"]).await.exits(0).out;
    let young = made.lines().next().expect("a token").to_owned();
    let (status, page) = decide(&served, &url, &young, "approve").await;
    assert!(status == 403 && page.contains("younger than the request"), "{status} {page}");
    assert_eq!(code(&served.call(tool, approval()).await), "CONFIRMATION_REQUIRED");
    assert_eq!(shipped(&served.world), []);
}

#[tokio::test]
async fn one_approval_is_confirmed_once_although_others_add_commits_after_it() {
    let served = served().await;
    let lead = lead(&served.world);
    let tool = "oar_change_advisory_status";
    until_named(&served).await;
    let mut asked = 0;
    for _ in 0..60 {
        let reply = served.call(tool, json!({ "release": RELEASE })).await;
        if code(&reply) == "CONFIRMATION_REQUIRED" {
            asked += 1;
            let url = reply["structuredContent"]["approval"]["url"].as_str().expect("a link").to_owned();
            assert_eq!(decide(&served, &url, &lead, "approve").await.0, 200);
        } else if reply["structuredContent"]["status"] == "Pass" {
            break;
        } else {
            served.world.hours_pass(2);
        }
    }
    assert_eq!(served.world.state().status(Task::ChangeAdvisoryStatus), oar::domain::task::TaskStatus::Pass);
    assert_eq!(asked, 1, "a smooth approval asks once");
}
