use super::*;
use crate::domain::assembly::BuildData;

const PAGE: &str = "https://gitlab.example.com/g/p/-/merge_requests/1";

fn state(metadata: &str, tasks: &str) -> State {
    let text = format!(
        "schema_version: '1.0'\nrelease: 4.20.17\ncreated_at: '2026-06-01T12:00:00Z'\n\
         updated_at: '2026-06-01T12:00:00Z'\nmetadata: {metadata}\ntasks: {tasks}\nissues: []\n"
    );
    State::parse(&text, None).unwrap()
}

#[test]
fn the_flow_is_errata_only_with_an_advisory_that_holds_images_and_without_shipment() {
    use Flow::{Errata, Konflux};
    let shipment = format!("{{advisory_ids: {{rpm: 1, rhcos: 2}}, shipment_mr: '{PAGE}'}}");
    let both = format!("{{advisory_ids: {{image: 1, rpm: 2}}, shipment_mr: '{PAGE}'}}");
    for (case, metadata, flow) in [
        ("a shipment", shipment.as_str(), Konflux),
        ("a shipment outweighs advisories", &both, Konflux),
        ("no merge request yet", "{advisory_ids: {rpm: 1, rhcos: 2}, shipment_mr: null}", Konflux),
        ("an empty page is no merge request yet", "{advisory_ids: {rpm: 1}, shipment_mr: ''}", Konflux),
        ("microshift ships beside either", "{advisory_ids: {rpm: 1, microshift: 2}}", Konflux),
        ("nothing is known yet", "{advisory_ids: {}, shipment_mr: null}", Konflux),
        ("no facts at all", "{}", Konflux),
        ("a placeholder", "{advisory_ids: {image: 1, metadata: -1}, shipment_mr: null}", Konflux),
        ("a placeholder elsewhere", "{advisory_ids: {image: 1, rpm: 0}, shipment_mr: null}", Konflux),
        ("images in an advisory", "{advisory_ids: {image: 1, rpm: 2}, shipment_mr: null}", Errata),
        ("an empty page is no shipment", "{advisory_ids: {image: 1}, shipment_mr: ''}", Errata),
        ("extras are images", "{advisory_ids: {extras: 1}}", Errata),
        ("metadata are images", "{advisory_ids: {metadata: 1}}", Errata),
    ] {
        assert_eq!(state(metadata, "[]").flow(), flow, "{case}");
    }
}

#[test]
fn a_state_made_from_build_data_has_the_flow_of_build_data() {
    for group in [
        "{}",
        "{advisories: {rpm: 7, rhcos: 8}}",
        "{advisories: {rpm: 7, rhcos: 8}, shipment: {env: stage}}",
        "{advisories: {rpm: 7, rhcos: 8}, shipment: {url: ''}}",
        "{advisories: {rpm: 7}, shipment: {url: 'https://gitlab.example.com/g/p/-/merge_requests/1'}}",
        "{advisories: {image: 7}, shipment: {url: 'https://gitlab.example.com/g/p/-/merge_requests/1'}}",
        "{advisories: {image: 0}}",
        "{advisories: {image: 7, extras: 8, metadata: 9, rpm: 10}}",
    ] {
        let text = format!("releases:\n  4.20.17: {{assembly: {{group: {group}}}}}");
        let release: ZStream = "4.20.17".parse().unwrap();
        let assembly = BuildData::parse(&text).unwrap().resolve(&release).unwrap();
        let ids = assembly.advisories.iter();
        let metadata = Metadata {
            advisory_ids: ids.map(|(impetus, id)| (impetus.clone(), i64::try_from(id.get()).unwrap())).collect(),
            shipment_mr: assembly.shipment_mr.clone(),
            ..Metadata::default()
        };
        assert_eq!(State::create(&release, Timestamp::UNIX_EPOCH, &metadata).flow(), assembly.flow(), "{group}");
    }
}

#[test]
fn a_failed_task_of_its_flow_makes_a_release_red_and_a_task_of_the_other_flow_does_not() {
    let unfinished = "{advisory_ids: {rpm: 1, rhcos: 2}, shipment_mr: null}";
    let errata = "{advisory_ids: {image: 1, rpm: 2}, shipment_mr: null}";
    for (metadata, task, overall) in [
        (unfinished, Task::CheckRhcosSecurityAlerts, Overall::Red),
        (unfinished, Task::DropBugs, Overall::Green),
        (errata, Task::CheckRhcosSecurityAlerts, Overall::Green),
        (errata, Task::DropBugs, Overall::Red),
        (unfinished, Task::StageTesting, Overall::Red),
        (errata, Task::StageTesting, Overall::Red),
        (unfinished, Task::CreateTestReport, Overall::Green),
    ] {
        let state = state(metadata, &format!("[{{name: {task}, status: Fail}}]"));
        assert_eq!(state.overall(), overall, "{task} of {metadata}");
    }
    let strange = state(unfinished, "[{name: stage-testing, status: Failed}]");
    assert_eq!(strange.overall(), Overall::Green, "a word that nobody knows is no Fail");
}
