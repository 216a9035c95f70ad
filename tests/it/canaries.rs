//! Secrets and people are planted wherever one can come from; afterwards none may be found in anything that
//! was stored, logged, printed or sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oar::domain::credential::Credential;
use oar::sim::facts::{gitlab, jira};
use oar::sim::world::Facts;
use serde_json::json;

use crate::rehearsal::TestWorld;

/// The owner of the release, whom our own requests have to name.
const OWNER: &str = "kanarie.lead@example.com";

/// Whom somebody names as owner by hand.
const NEXT: &str = "kanarie.next@example.com";

/// What must not be found, and where it was planted.
const PLANTED: [(&str, &str); 21] = [
    (OWNER, "sealed settings: the owner"),
    ("kanarie.art@example.com", "Errata Tool: the owner before"),
    ("kanarie.qa@example.com", "Jira: assignee and QA contact"),
    ("kanarie.list@example.com", "sealed settings: a contact"),
    ("kanarie.prodsec@example.com", "sealed settings: product security"),
    ("kanarie.note@example.com", "GitLab: a comment"),
    ("kanarie.hand@example.com", "state file, written by hand"),
    ("kanarie.word@example.com", "command line: text of an issue"),
    (NEXT, "command line: another owner"),
    ("kanarie.alert@example.com", "Errata Tool: a security alert"),
    ("Kanarie Writer", "GitLab: the display name in a user object"),
    ("KanarieTitle", "Jira: a token in the title of a bug"),
    ("KanarieNote", "GitLab: a token in a comment"),
    ("KanarieDescription", "GitLab: a token in the description of the merge request"),
    ("KanarieSynopsis", "Errata Tool: a token in a synopsis"),
    ("KanarieAlert", "Errata Tool: a token in a security alert"),
    ("KanarieHand", "state file: tokens written by hand"),
    ("KanarieWord", "command line: tokens in texts and reasons"),
    ("KanarieRefused", "environment: credentials that are refused"),
    ("KanarieUrl", "environment: an address with user and password"),
    ("KanarieSealed", "sealed settings: an address with user and password"),
];

/// Where a planted text may stand, and why: place, request, text.
const ALLOWED: [(&str, &str, &str); 7] = [
    ("request to errata", OWNER, "the account that the advisory is assigned to"),
    ("request to gitlab", OWNER, "the search for the account of the owner"),
    ("request to errata", NEXT, "the account that the advisory is assigned to"),
    ("request to gitlab", NEXT, "the search for the account of the owner"),
    ("request to jira", OWNER, "the search for the account of the owner"),
    ("request to slack", OWNER, "the look-up of the owner, so that a message can mention them"),
    ("request to slack", "kanarie.prodsec@example.com", "the look-up of people, so that a message can mention them"),
];

/// A credential of this run that no pattern gives away.
const SPOKEN: &str = "sim-gitlab-token";

/// A user as programs of old print them.
const USER: &str = "{'username': 'kanarie.writer', 'name': 'Kanarie Writer', 'avatar_url': 'https://x.example.com/k'}";

fn token(token: &str) -> String {
    format!("ghp_{token}{}", "A1b2C3d4E5".repeat(2))
}

/// A world whose every corner holds somebody's address or a secret.
async fn planted(scenario: &str) -> TestWorld {
    let world = TestWorld::founded(scenario, |_| {}).await;
    world.settings(|settings| {
        settings["owners"] = json!({ "default": OWNER });
        settings["contacts"]["email"]["qe"] = json!("kanarie.list@example.com");
        settings["contacts"]["email"]["art"] = json!("kanarie.list@example.com");
        settings["contacts"]["slack"]["approver"]["prodsec_id"] = json!("kanarie.prodsec@example.com");
        settings["report_templates"] = json!({ "4.20": "https://robot:KanarieSealed1@docs.example.com/template" });
    });
    plant(&mut world.facts());
    world
}

fn plant(facts: &mut Facts) {
    for mail in facts.errata.people.values_mut() {
        *mail = "kanarie.art@example.com".to_owned();
    }
    for advisory in facts.errata.advisories.values_mut() {
        advisory.synopsis = format!("update, password={}", token("KanarieSynopsis"));
        for alert in &mut advisory.alerts {
            alert.text = format!("{} and {SPOKEN} found by kanarie.alert@example.com", token("KanarieAlert"));
        }
    }
    let account = facts.jira.account("kanarie.qa@example.com");
    for issue in facts.jira.issues.values_mut() {
        issue.summary = format!("{} Authorization: Bearer {}", issue.summary, token("KanarieTitle"));
        issue.assignee.clone_from(&account);
        issue.qa_contact.clone_from(&account);
        let body = format!("kanarie.qa@example.com pasted {}", token("KanarieTitle"));
        issue.comments.push(jira::Comment { id: 1, body, created: facts.now });
    }
    for mr in facts.gitlab.merge_requests.values_mut() {
        mr.author = "kanarie.writer".to_owned();
        mr.description = format!("Opened with glpat-{}", token("KanarieDescription"));
        let body = format!("kanarie.note@example.com: PRIVATE-TOKEN: {}", token("KanarieNote"));
        let author = "kanarie.writer".to_owned();
        mr.notes.push(gitlab::merge_requests::Note { id: 77, body, author, created_at: facts.now });
    }
}

/// Somebody writes into the state file what nobody should.
fn somebody_pastes_a_secret(world: &TestWorld) {
    let issue = format!(
        "issues:\n- issue: 'the lab {} of kanarie.hand@example.com'\n  reported_at: '2026-06-03T06:00:00Z'\n  \
         resolved: false\n  resolution: null\n  blocker: false\n  related_tasks: []\n",
        token("KanarieHand")
    );
    let secret = token("KanarieHand");
    let report = format!(
        "kanarie.hand@example.com used {secret} and {SPOKEN} as {USER}\ntask [Stage Testing] status is changed to [In Progress]"
    );
    let block = report.replace('\n', "\n    ");
    world.someone_else_edits_the_text(|text| {
        let text = text.replacen("  result: null", &format!("  result: |-\n    {block}"), 1);
        if text.contains("issues: []") {
            text.replace("issues: []\n", &issue)
        } else {
            text.replace("issues:\n", &issue)
        }
    });
}

/// Every command, each as a newcomer and as a program would run it.
const COMMANDS: [&str; 34] = [
    "create-test-report",
    "take-ownership",
    "check-cve-tracker-bug",
    "check-rhcos-security-alerts",
    "push-to-cdn-staging",
    "analyze-candidate-build",
    "analyze-promoted-build",
    "image-consistency-check",
    "image-consistency-check --local",
    "stage-testing",
    "image-signed-check",
    "change-advisory-status",
    "add-qe-approval",
    "status",
    "is-shipped",
    "metadata",
    "active-releases",
    "plan",
    "drive --once",
    "config show",
    "config show --explain",
    "config check",
    "state show",
    "state check",
    "state unsent",
    "issue list",
    "ctl approval-checker",
    "job list",
    "job run e2e",
    "job run periodic-ci-nobody-has-this --yes",
    "job get-results 00000000-0000-4000-8000-000000000000",
    "jobctl registry check",
    "jobctl start-controller --minor-release 4.20",
    "jobctl start-aggregator",
];

async fn everything_is_run(world: &TestWorld) {
    for command in COMMANDS {
        world.oar(&format!("-v -v {command}")).await;
        world.oar(&format!("--json {command}")).await;
    }
    let token = token("KanarieWord");
    let text = format!("kanarie.word@example.com says {token}");
    for command in [
        format!("issue add \"{text}\" --task stage-testing --no-blocker"),
        format!("--json issue add \"again {text}\" --no-blocker"),
        "issue list".to_owned(),
        "--json issue list".to_owned(),
        format!("issue resolve \"again {text}\" --resolution \"reported {text}\""),
        format!("--json issue resolve \"no such {text}\" --resolution \"reported {text}\""),
        format!("update-task-status stage-testing Pass --override --reason \"{text}\""),
        format!("--json update-task-status stage-testing \"In Progress\" --override --reason \"{text}\""),
        format!("stage-testing --force --reason \"{text}\""),
        "take-ownership -e kanarie.next@example.com".to_owned(),
        "--json take-ownership -e nobody.kanarie.next@example.com".to_owned(),
        "state show".to_owned(),
        "--json state show".to_owned(),
        format!("--json state show {}", world.path("no-such-kanarie.word@example.com.yaml").display()),
    ] {
        world.oar(&format!("-v -v {command}")).await;
    }
    records_are_judged(world).await;
}

/// Somebody wrote into a test record and a registry what nobody should.
async fn records_are_judged(world: &TestWorld) {
    let (secret, folder) = (token("KanarieHand"), world.path("records"));
    std::fs::create_dir(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).display().to_string();
    let (record, registry) = ("ocp-test-result-4.20.17-amd64.json", "ocp-4.20-test-jobs-amd64.json");
    let state = format!("kanarie.hand@example.com {secret}");
    let run = json!({ "jobID": "1", "jobState": state });
    let plan = json!({ "jobName": "b", "state": "refused", "last_error": state });
    let file = json!({ "result": [{ "jobName": state, "firstJob": run }, { "jobName": "a", "firstJob": run }], "plan": [plan] });
    std::fs::write(path(record), file.to_string()).expect("a file");
    let jobs = json!([{ "prowJob": "a" }, { "prowJob": "b", state.as_str(): state, "optional": false }]);
    std::fs::write(
        path(registry),
        json!({ "nightly": [{ "prowJob": state, "optional": state }], "stable": jobs }).to_string(),
    )
    .expect("a file");
    for command in ["evaluate", "--json evaluate", "evaluate --format tsv", "evaluate --format json"] {
        world.oar(&format!("jobctl {command} {}", path(record))).await;
    }
    for command in ["registry check", "--json registry check"] {
        world.oar(&format!("jobctl {command} {}", path(registry))).await;
    }
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// Texts of one kind of place.
type Places = Vec<(String, String)>;

/// Everything that this world has stored, printed and sent.
fn everything_left(world: &TestWorld) -> Places {
    let mut places: Places = vec![("stdout and stderr".to_owned(), world.said())];
    places.extend(world.kept().into_iter().map(|(path, text)| (format!("kept on this machine, {path}"), text)));
    let facts = world.facts();
    for (name, branch) in &facts.github.branches {
        places.push((format!("commit messages of {name}"), branch.messages.join("\n")));
    }
    places.push((
        "state file".to_owned(),
        facts.github.file("z-stream", &world.release.state_path()).unwrap_or_default().to_owned(),
    ));
    for message in &facts.slack.messages {
        places.push((format!("message to #{}", message.channel_name), message.text.clone()));
    }
    for mr in facts.gitlab.merge_requests.values() {
        let ours = mr.notes.iter().filter(|note| note.author != "kanarie.writer");
        places.extend(ours.map(|note| ("comment on the merge request".to_owned(), note.body.clone())));
    }
    drop(facts);
    for entry in world.requests() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let said = format!("{} {}\n{}\n{}", text("method"), text("path"), entry["headers"], text("body"));
        places.push((format!("request to {}", text("service")), plainly(&said)));
    }
    places
}

/// With what percent signs and base64 hide.
fn plainly(said: &str) -> String {
    let decoded = said.replace("%40", "@").replace("%3A", ":").replace('+', " ");
    let packed = said.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')));
    let unpacked = packed.filter(|token| token.len() > 24).filter_map(|token| STANDARD.decode(token).ok());
    let unpacked: String = unpacked.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    decoded + &unpacked
}

/// Fails with the name of every place in which something was found that was planted elsewhere.
#[track_caller]
fn expect_nothing_found(world: &TestWorld) {
    let mut found = Vec::new();
    let secrets = Credential::ALL.iter().filter_map(|one| Some((world.variable(one.variable())?, one.variable())));
    let secrets: Vec<(String, &str)> = secrets.filter(|(value, _)| value.len() >= 8).collect();
    let all = PLANTED.iter().map(|(planted, source)| ((*planted).to_owned(), *source)).chain(secrets);
    let all: Vec<(String, &str)> = all.collect();
    for (place, text) in everything_left(world) {
        for (planted, source) in &all {
            let allowed = ALLOWED.iter().any(|(at, what, _)| *at == place && what == planted);
            if allowed {
                continue;
            }
            if let Some(at) = text.find(planted.as_str()) {
                let from = text.floor_char_boundary(at.saturating_sub(160));
                let to = text.ceil_char_boundary((at + planted.len() + 60).min(text.len()));
                found.push(format!("{planted} ({source}) in {place}:\n    {}", text[from..to].replace('\n', "\n    ")));
            }
        }
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn a_smooth_release_tells_nobody_and_no_secret() {
    let world = planted("smooth").await;
    everything_is_run(&world).await;
    somebody_pastes_a_secret(&world);
    world.oar("-v -v drive --watch").await;
    everything_is_run(&world).await;
    expect_nothing_found(&world);
    let all: String = everything_left(&world).into_iter().map(|(_, text)| text).collect();
    for trace in ["[EMAIL_REDACTED]", "[TOKEN_REDACTED]", "[SECRET_REDACTED]", "[USER_REDACTED]"] {
        assert!(all.contains(trace), "nothing that was planted came through as {trace}");
    }
}

async fn release_tells_nobody_and_no_secret(scenario: &str) {
    let world = planted(scenario).await;
    world.oar("-v -v drive --watch").await;
    somebody_pastes_a_secret(&world);
    everything_is_run(&world).await;
    expect_nothing_found(&world);
}

#[tokio::test]
async fn a_release_that_fails_tells_nobody_and_no_secret() {
    release_tells_nobody_and_no_secret("blocking-alert").await;
}

mod long {
    #[tokio::test]
    async fn releases_that_fail_in_other_ways_tell_nobody_and_no_secret() {
        for scenario in ["missed-cve-tracker", "stop-ship-kernel", "promoted-rejected", "slack-token-expires"] {
            super::release_tells_nobody_and_no_secret(scenario).await;
        }
    }
}

#[tokio::test]
async fn an_error_does_not_tell_the_credential_that_was_refused() {
    let world = planted("smooth").await;
    world.has_report().await;
    let commands =
        ["take-ownership", "check-rhcos-security-alerts", "stage-testing", "image-consistency-check", "plan"];
    for credential in Credential::ALL {
        for command in commands {
            let refused = format!("KanarieRefused{}", "9z8Y7x".repeat(3));
            world.oar_with(credential.variable(), &refused, &format!("-v -v {command}")).await;
            world.oar_with(credential.variable(), &refused, &format!("--json {command}")).await;
        }
    }
    for service in ["ERRATA", "JIRA", "GITLAB", "JENKINS", "GITHUB"] {
        let url = "http://robot:KanarieUrl9z8Y7x@127.0.0.1:9/x";
        world.oar_with(&format!("OAR_{service}_URL"), url, "-v -v take-ownership").await;
        world.oar_with(&format!("OAR_{service}_URL"), url, "--json stage-testing").await;
        world.oar_with(&format!("OAR_{service}_URL"), url, "config show").await;
    }
    expect_nothing_found(&world);
}

#[tokio::test]
async fn what_waits_for_github_names_nobody_and_no_secret() {
    let world = planted("smooth").await;
    world.has_report().await;
    world.oar("status").await;
    world.break_service("github", 503);
    let text = format!("kanarie.word@example.com says {}", token("KanarieWord"));
    world.oar(&format!("-v -v issue add \"{text}\" --no-blocker")).await;
    world.oar(&format!("update-task-status stage-testing \"In Progress\" --reason \"{text}\"")).await;
    assert!(world.kept().iter().any(|(path, _)| path.contains("unsent")), "{:?}", world.kept());
    world.oar("state unsent").await;
    world.oar("--json state unsent").await;
    expect_nothing_found(&world);
}

#[tokio::test]
async fn a_folder_and_a_git_repository_hold_nobody_and_no_secret() {
    let world = planted("smooth").await;
    for store in ["folder", "repository"] {
        let path = world.path(store);
        std::fs::create_dir(&path).unwrap();
        if store == "repository" {
            let made = std::process::Command::new("git").args(["init", "--quiet", "--bare"]).arg(&path).status();
            assert!(made.expect("git starts").success());
        }
        let text = format!("kanarie.word@example.com says {}", token("KanarieWord"));
        for (command, exit) in [
            ("create-test-report".to_owned(), "exit 0"),
            ("-v -v drive --once".to_owned(), "exit 0"),
            (format!("issue add \"{text}\" --no-blocker"), "exit 0"),
            (format!("update-task-status stage-testing \"In Progress\" --reason \"{text}\""), "exit 0"),
        ] {
            let output = world.oar(&format!("--state {} {command}", path.display())).await;
            assert!(output.ends_with(exit), "{store}: {command}: {output}");
        }
        if store == "repository" {
            // Objects are packed; what Git shows is what they hold.
            let log = std::process::Command::new("git").arg("-C").arg(&path).args(["log", "-p", "--all"]).output();
            std::fs::write(world.path("history of the repository"), log.expect("git starts").stdout).unwrap();
        }
    }
    expect_nothing_found(&world);
}
