use super::*;
use crate::core::clock::VirtualClock;
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::Scenario;
use crate::sim::server::{Simulator, StartOptions};

const CALL: &str = "--data-path https://example.com/data.git --group openshift-4.20 --assembly 4.20.17 \
                    --build-system brew find-bugs --cve-only --output json --permissive";

fn args(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn started() -> Simulator {
    let scenario = Scenario::named("smooth", None, None).expect("a scenario");
    let clock = VirtualClock::starting_at(scenario.start());
    let options = StartOptions { port: 0, scenario, seed: 1, clock, faults: Faults::default() };
    Simulator::start(options).await.expect("a simulator")
}

#[tokio::test]
async fn wrong_arguments_are_refused_as_the_real_tool_refuses_them() {
    for (line, text) in [
        ("", "Missing command."),
        ("--group openshift-4.20 --nonsense find-bugs", "No such option: --nonsense"),
        ("--group openshift-4.20 find-tickets", "No such command 'find-tickets'."),
        ("--group openshift-4.20 --build-system rpm find-bugs", "'rpm' is not one of 'brew', 'konflux'"),
        ("--group openshift-4.20 find-bugs --cve-only -o", "Option '-o' requires an argument."),
        ("--group openshift-4.20 find-bugs --cve-only --report -o json", "No such option: --report"),
    ] {
        let ended = stand_in(&args(line), &BTreeMap::new()).await;
        assert_eq!(ended.code, 2, "{line}");
        assert!(ended.stderr.contains(text), "{line}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn without_a_mail_address_it_finds_nothing_and_says_nothing() {
    let ended = stand_in(&args(CALL), &env(&[("JIRA_TOKEN", "t")])).await;
    assert_eq!(ended, Ended { code: 0, stdout: String::new(), stderr: String::new() });
}

#[tokio::test]
async fn trackers_come_by_kind_and_konflux_needs_its_token() {
    let simulator = started().await;
    let base = simulator.base_url().to_owned();
    let mut vars = env(&[("JIRA_EMAIL", "a@example.com"), ("JIRA_TOKEN", "t"), ("OAR_SIM_URL", &base)]);
    let ended = stand_in(&args(CALL), &vars).await;
    let found: BTreeMap<String, Vec<String>> = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((ended.code, found["rhcos"].len(), found["image"].len()), (0, 1, 0));

    let konflux = args("--group=openshift-4.20 --assembly 4.20.17 --build-system konflux find-bugs --cve-only -o json");
    assert_eq!(stand_in(&konflux, &vars).await.code, 1);
    vars.insert("GITLAB_TOKEN".to_owned(), "t".to_owned());
    let found: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&stand_in(&konflux, &vars).await.stdout).expect("JSON");
    assert_eq!((found["image"].len(), found["extras"].len()), (1, 1));

    let other = stand_in(&args(&CALL.replace("4.20.17", "4.20.99")), &vars).await;
    assert_eq!((other.code, other.stderr.contains("is not defined")), (1, true));
}

#[tokio::test]
async fn the_world_decides_how_the_tool_behaves() {
    let simulator = started().await;
    let base = simulator.base_url().to_owned();
    let vars = env(&[("JIRA_EMAIL", "a@example.com"), ("JIRA_TOKEN", "t"), ("OAR_SIM_URL", &base)]);
    for (behaviour, code, stdout, stderr) in [
        (Behaviour::Empty, 0, "", "Searching"),
        (Behaviour::CannotFetch, 1, "", "could not be fetched"),
        (Behaviour::Broken, 1, "", "Traceback"),
        (Behaviour::Noisy, 0, "WARNING", "WARNING"),
    ] {
        simulator.world().facts().elliott.behaviour = behaviour;
        let ended = stand_in(&args(CALL), &vars).await;
        assert_eq!(ended.code, code, "{behaviour:?}");
        assert!(ended.stdout.starts_with(stdout) && ended.stderr.contains(stderr), "{behaviour:?}: {ended:?}");
        assert_eq!(stdout.is_empty(), ended.stdout.is_empty());
    }
}
