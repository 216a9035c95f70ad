//! Settings, sealed settings and build data, against the shared examples and real build data.

use std::path::PathBuf;

use indexmap::IndexMap;
use oar::domain::assembly::original::Reading;
use oar::domain::assembly::{Assembly, BuildData};
use oar::domain::task::Flow;
use serde_json::{Value as Json, json};

/// A file or folder of the shared examples; says that it skips when they are absent.
fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// What the examples call the effective result, spelled as they do.
fn as_expected(assembly: &Assembly) -> Json {
    let ids: IndexMap<_, _> = assembly.advisories.iter().map(|(impetus, id)| (impetus, id.get())).collect();
    json!({
        "advisories": ids,
        "candidate_builds": assembly.candidate_builds,
        "jira_ticket": assembly.jira_ticket,
        "release_date": assembly.release_date,
        "shipment_mr": assembly.shipment_mr.as_deref().unwrap_or_default(),
        "konflux_flow": assembly.shipment_mr.is_some(),
    })
}

/// Null and an empty map both say: none.
fn none_is_empty(mut expected: Json) -> Json {
    for key in ["advisories", "candidate_builds"] {
        if expected[key].is_null() {
            expected[key] = json!({});
        }
    }
    expected
}

#[test]
fn every_example_release_resolves_to_its_effective_and_explains_its_original_result() {
    let Some(folder) = shared("configstore") else { return };
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let expected: IndexMap<String, Json> = serde_json::from_str(&read(folder.join("expected.json"))).unwrap();

    let mut compared = 0;
    for (release, expected) in expected {
        let Ok(parsed) = release.parse() else { continue };
        let Some(effective) = expected.get("effective") else {
            assert!(data.resolve(&parsed).is_err(), "{release} is not listed");
            continue;
        };
        let found = data.resolve(&parsed).unwrap();
        assert_eq!(as_expected(&found), none_is_empty(effective.clone()), "{release}");
        let original = data.original(&found.key).unwrap();
        for (key, read) in [
            ("advisories", original.advisories),
            ("candidate_builds", original.candidate_builds),
            ("jira_ticket", original.jira_ticket),
            ("release_date", original.release_date),
            ("shipment_mr", original.shipment_mr),
        ] {
            match (&expected["original"][key], read) {
                (Json::Object(crash), Reading::Crash(_)) if crash.contains_key("error") => {}
                (value, Reading::Found(found)) => assert_eq!(&found, value, "{release} {key}"),
                (value, Reading::Crash(how)) => panic!("{release} {key}: {how}, but the original read {value}"),
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 10);
}

#[test]
fn differences_are_told_exactly_where_the_two_rules_part() {
    let Some(folder) = shared("configstore") else { return };
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let told = |key: &str| {
        let assembly = data.resolve_key(key).unwrap();
        data.differences(&assembly).into_iter().map(|difference| difference.entry).collect::<Vec<_>>()
    };
    assert_eq!(told("4.19.6"), ["group.advisories", "group.shipment.url"]);
    assert_eq!(told("4.19.5"), [""; 0]);
    assert_eq!(told("4.19.3"), ["group.advisories"]);
    assert_eq!(told("4.19.2"), ["group.advisories"]);
    assert_eq!(told("ec.0"), ["group.release_date", "group.shipment.url"]);
}

#[test]
fn every_assembly_of_real_build_data_resolves_or_says_what_is_not_ready() {
    let Some(folder) = shared("build-data") else { return };
    let (mut resolved, mut errata, mut without_images, mut told) = (0, 0, 0, Vec::new());
    for minor in std::fs::read_dir(folder).unwrap() {
        let minor = minor.unwrap().path();
        let name = minor.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let data = BuildData::parse(&read(minor.join("releases.yml"))).unwrap();
        for key in data.keys() {
            let found = data.resolve_key(key).unwrap_or_else(|error| panic!("{name} {key}: {error}"));
            resolved += 1;
            errata += usize::from(found.flow() == Flow::Errata);
            for entry in found.not_ready {
                assert!(!entry.why.is_empty());
                match entry.entry.as_str() {
                    "group.shipment" => without_images += 1,
                    _ => told.push(format!("{name} {key} {}", entry.entry)),
                }
            }
        }
    }
    told.sort();

    assert_eq!(
        told,
        [
            "openshift-4.13 rc.7 group.advisories.metadata",
            "openshift-4.20 ec.1 group.shipment.url",
            "openshift-4.20 ec.2 group.shipment.url",
            "openshift-4.20 ec.5 group.shipment.url",
        ]
    );
    assert_eq!((resolved, errata, without_images), (376, 285, 23));
}
