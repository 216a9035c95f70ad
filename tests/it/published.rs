//! What is said on the wire against what the services published: Gangway's messages, the schema of shipment
//! files. Without those documents our few messages are held by words of our own. GitHub and Jira are in
//! [`crate::contract`].

mod messages;
pub(crate) mod schema;

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oar::core::clock::VirtualClock;
use oar::domain::release::ZStream;
use oar::sim::events::Event;
use oar::sim::faults::rules::Faults;
use oar::sim::scenario::Scenario;
use oar::sim::scenario::named::NAMES;
use oar::sim::server::{Simulator, StartOptions};
use serde_json::{Value, json};

use crate::real_files::real;
use crate::rehearsal::whole::rehearse;
use messages::Messages;

/// A document of the services, when it is here.
fn published(name: &str) -> Option<PathBuf> {
    real(&format!("contracts/{name}"))
}

fn text<'e>(entry: &'e Value, key: &str) -> &'e str {
    entry[key].as_str().unwrap_or_default()
}

/// The part of Gangway's messages that we use, in our own words.
const OUR_PART: &str = "
message CreateJobExecutionRequest { string job_name = 1; JobExecutionType job_execution_type = 2; PodSpecOptions pod_spec_options = 4; }
message PodSpecOptions { map<string, string> envs = 1; map<string, string> labels = 2; map<string, string> annotations = 3; }
message JobExecution { string id = 1; string job_name = 2; JobExecutionType job_type = 3; JobExecutionStatus job_status = 4; Refs refs = 5; PodSpecOptions pod_spec_options = 6; string gcs_path = 7; google.protobuf.Timestamp create_time = 8; google.protobuf.Timestamp completion_time = 9; string job_url = 10; }
message JobExecutions { repeated JobExecution job_execution = 1; }
message Refs { }
enum JobExecutionStatus { JOB_EXECUTION_STATUS_UNSPECIFIED = 0; TRIGGERED = 1; PENDING = 2; SUCCESS = 3; FAILURE = 4; ABORTED = 5; ERROR = 6; SCHEDULING = 7; }
enum JobExecutionType { JOB_EXECUTION_TYPE_UNSPECIFIED = 0; PERIODIC = 1; }
";

#[tokio::test]
async fn every_message_to_and_from_gangway_is_one_that_it_published() {
    let mut documents = vec![Messages::read(OUR_PART)];
    if let Some(path) = published("gangway.proto") {
        documents.push(Messages::read(&std::fs::read_to_string(path).unwrap()));
    }
    let exchanges: Vec<(Value, Value)> = started_and_looked_at().await;
    assert!(exchanges.len() >= 9, "{exchanges:?}");
    for messages in &documents {
        for (asked, answered) in &exchanges {
            if !asked.is_null() {
                messages.check("CreateJobExecutionRequest", asked).unwrap();
            }
            let kind = if answered.get("job_execution").is_some() { "JobExecutions" } else { "JobExecution" };
            messages.check(kind, answered).unwrap();
        }
        let strange = json!({ "job_name": "x", "job_execution_type": "1", "cluster": "build01" });
        assert!(messages.check("CreateJobExecutionRequest", &strange).unwrap_err().contains("cluster"));
        let wrong = json!({ "pod_spec_options": { "envs": { "A": 1 } } });
        assert!(messages.check("CreateJobExecutionRequest", &wrong).unwrap_err().contains("envs"));
        let unknown = json!({ "job_status": "DREAMING" });
        assert!(messages.check("JobExecution", &unknown).unwrap_err().contains("DREAMING"));
    }
}

/// Exchanges with Gangway: those of a rehearsal, and a look at a job and at the list in every state of it.
async fn started_and_looked_at() -> Vec<(Value, Value)> {
    let body = |entry: &Value, key: &str| serde_json::from_str(text(entry, key)).unwrap_or(Value::Null);
    let rehearsed = rehearse(&["--small"]).await;
    assert_eq!(rehearsed.exit, 0, "{}", rehearsed.output);
    let journal = rehearsed.journal();
    let of_gangway = journal.iter().filter(|entry| text(entry, "service") == "gangway");
    let mut exchanges: Vec<(Value, Value)> =
        of_gangway.map(|entry| (body(entry, "body"), body(entry, "response"))).collect();
    assert!(!exchanges.is_empty(), "a rehearsal starts a job");

    let world = crate::rehearsal::promoted().await;
    world.oar("image-consistency-check").await;
    let id = world.facts().prow.runs.keys().next_back().unwrap().clone();
    for state in ["triggered", "pending", "success", "failure", "aborted", "error", "scheduling"] {
        world.consistency_job_ends(state);
        exchanges.push((Value::Null, world.asks_gangway(&format!("/v1/executions/{id}")).await));
    }
    exchanges.push((Value::Null, world.asks_gangway("/v1/executions").await));
    exchanges
}

/// Shipment files of every world at its beginning and after its releases, by world and path.
async fn shipment_files_of_all_worlds() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in NAMES {
        let release: ZStream = "4.20.17".parse().unwrap();
        let mut scenario = Scenario::named(name, Some(&release), None).unwrap();
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (64, 6);
        let clock = VirtualClock::starting_at(scenario.start());
        let options = StartOptions { port: 0, scenario, seed: 1, clock, faults: Faults::none() };
        let simulator = Simulator::start(options).await.unwrap();
        let mut facts = simulator.world().facts();
        for event in [None, Some(Event::StageReleaseDone), Some(Event::ProdRelease)] {
            let after = format!("{event:?}");
            if let Some(event) = event {
                facts.happens(event);
            }
            for project in facts.gitlab.projects.values() {
                for (branch, at) in &project.branches {
                    let files = at.files.iter().filter(|(path, _)| is_shipment(path));
                    let place = |path: &str| format!("{name}: after {after}: {branch}: {path}");
                    found.extend(files.map(|(path, text)| (place(path), text.clone())));
                }
            }
        }
    }
    found
}

fn is_shipment(path: &str) -> bool {
    path.starts_with("shipment/") && path.ends_with(".yaml")
}

/// Shipment files that a whole rehearsal was given, as they were on the wire.
fn shipment_files_in(journal: &[Value]) -> BTreeMap<String, String> {
    let files = journal.iter().filter(|entry| {
        text(entry, "service") == "gitlab" && text(entry, "path").contains("/repository/files/shipment%2F")
    });
    files
        .map(|entry| {
            assert_eq!(text(entry, "method"), "GET", "oar edits no shipment file");
            let answer: Value = serde_json::from_str(text(entry, "response")).unwrap();
            let content = String::from_utf8(STANDARD.decode(text(&answer, "content")).unwrap()).unwrap();
            (text(entry, "path").to_owned(), content)
        })
        .collect()
}

#[tokio::test]
async fn every_shipment_file_has_the_published_form() {
    let journal = rehearse(&["--small"]).await.journal();
    let written: Vec<&Value> = journal
        .iter()
        .filter(|entry| text(entry, "service") == "gitlab" && text(entry, "method") != "GET")
        .filter(|entry| text(entry, "path").contains("/repository/"))
        .collect();
    assert!(written.is_empty(), "a file that oar writes has to be checked here: {written:?}");
    let mut files = shipment_files_in(&journal);
    assert!(!files.is_empty(), "a rehearsal reads its shipment");
    files.extend(shipment_files_of_all_worlds().await);
    assert!(files.len() > NAMES.len(), "{files:?}");

    let read = |text: &String| serde_yaml::from_str::<Value>(text).unwrap();
    for (path, file) in &files {
        let file = read(file);
        let shipment = &file["shipment"];
        for key in ["product", "application", "group", "assembly"] {
            assert!(shipment["metadata"][key].is_string(), "{path}: {key}");
        }
        for key in ["stage", "prod"] {
            assert!(shipment["environments"][key]["releasePlan"].is_string(), "{path}: {key}");
        }
    }
    let Some(path) = published("shipment.schema.json") else { return };
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (path, file) in &files {
        assert_eq!(schema::faults(&schema, &read(file)), Vec::<String>::new(), "{path}:\n{file}");
    }
    let mut strange = read(files.values().next().unwrap());
    strange["shipment"]["metadata"]["assembly"] = json!(4.2);
    strange["shipment"]["colour"] = json!("red");
    assert_eq!(
        schema::faults(&schema, &strange),
        ["/shipment/colour is not known", "/shipment/metadata/assembly is no string"]
    );
}
