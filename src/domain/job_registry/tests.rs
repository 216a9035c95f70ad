use serde_json::{Value, json};

use super::versions::{RegistryName, RegistryVersion, at, is_of_registries, is_on_branch};
use super::*;
use crate::domain::build::Arch;

const JOB: &str = "periodic-ci-example-release-4.20-automated-release-aws-ipi-f999";

fn read(file: &Value) -> JobRegistry {
    JobRegistry::read(&file.to_string(), Some(Minor::new(4, 20)))
}

/// A registry whose section for nightlies holds these jobs beside a good one.
fn with_jobs(jobs: &[Value]) -> JobRegistry {
    let jobs: Vec<_> = std::iter::once(json!({ "prowJob": "good" })).chain(jobs.iter().cloned()).collect();
    read(&json!({ "nightly": jobs, "stable": [] }))
}

fn found(registry: &JobRegistry) -> Vec<String> {
    let line = |finding: &Finding| format!("{}: {finding}", finding.flaw.severity().name());
    registry.findings().iter().map(line).collect()
}

#[test]
fn a_job_has_every_key_that_the_registry_gives_it_and_defaults_for_the_others() {
    let registry = read(&json!({
        "nightly": [{ "prowJob": JOB }, { "prowJob": "an-upgrade", "upgrade": true, "optional": true,
                      "disabled": true, "retries": 4 }],
        "stable": [],
    }));
    assert_eq!(found(&registry), [""; 0]);
    let plain = RegistryJob { name: JOB.to_owned(), ..RegistryJob::default() };
    let full =
        RegistryJob { name: "an-upgrade".to_owned(), disabled: true, optional: true, retries: Some(4), upgrade: true };
    assert_eq!(registry.section(Stream::Nightly), Ok([plain, full].as_slice()));
    assert_eq!(registry.section(Stream::Stable), Ok([].as_slice()));
    assert_eq!(registry.digest().len(), "sha256:".len() + 64);
}

#[test]
fn no_retries_can_be_asked_for_and_odd_numbers_are_rounded_down() {
    for (asked, planned, original) in [
        (None, 2, 2),
        (Some(0), 0, 2),
        (Some(1), 0, 2),
        (Some(2), 2, 2),
        (Some(3), 2, 2),
        (Some(4), 4, 4),
        (Some(7), 6, 6),
    ] {
        let job = RegistryJob { retries: asked, ..RegistryJob::default() };
        assert_eq!((job.planned_retries(), job.retries_of_the_original()), (planned, original), "{asked:?}");
    }
}

#[test]
fn a_flag_as_text_makes_its_section_unusable_and_leaves_the_other_one_alone() {
    let registry = read(&json!({
        "nightly": [{ "prowJob": JOB, "disabled": "false" }],
        "stable": [{ "prowJob": "good" }],
    }));
    let error = registry.section(Stream::Nightly).expect_err("nobody knows what is meant").to_string();
    assert_eq!(
        error,
        format!(
            "the job registry is unusable: nightly, job 1 ({JOB}): disabled is \u{201c}\"false\"\u{201d}, neither true nor false"
        )
    );
    assert_eq!(registry.section(Stream::Stable).map(<[_]>::len), Ok(1));
}

#[test]
fn every_key_of_a_wrong_type_is_a_finding_and_makes_the_section_unusable() {
    for wrong in [
        json!({ "prowJob": 7 }),
        json!({ "prowJob": " " }),
        json!({}),
        json!("a name"),
        json!(null),
        json!({ "prowJob": "a", "disabled": 0 }),
        json!({ "prowJob": "a", "optional": null }),
        json!({ "prowJob": "an-upgrade", "upgrade": "true" }),
        json!({ "prowJob": "a", "retries": "2" }),
        json!({ "prowJob": "a", "retries": -2 }),
        json!({ "prowJob": "a", "retries": 2.5 }),
        json!({ "prowJob": "a", "retries": null }),
    ] {
        let registry = with_jobs(std::slice::from_ref(&wrong));
        assert!(registry.section(Stream::Nightly).is_err(), "{wrong}");
        assert!(found(&registry).iter().any(|line| line.starts_with("error: nightly, job 2")), "{wrong}");
    }
}

#[test]
fn a_file_that_is_no_registry_is_unusable_for_both_streams() {
    for text in ["", "[]", "{", "4.20", "null", r#"{"nightly":{},"stable":null}"#, "{}"] {
        let registry = JobRegistry::read(text, None);
        for stream in Stream::ALL {
            assert!(registry.section(stream).is_err(), "{text:?}");
        }
    }
}

#[test]
fn a_missing_section_is_not_an_empty_one() {
    let registry = read(&json!({ "nightly": [] }));
    assert_eq!(found(&registry), ["error: stable: the section is missing; write [] when it has no job"]);
    assert_eq!(registry.section(Stream::Nightly), Ok([].as_slice()));
    assert!(registry.section(Stream::Stable).is_err());
}

#[test]
fn a_job_twice_or_of_another_minor_would_run_by_mistake() {
    let twice = with_jobs(&[json!({ "prowJob": "good" })]);
    assert_eq!(found(&twice), ["error: nightly, job 2 (good): the job stands in this section before"]);
    assert!(twice.section(Stream::Nightly).is_err());
    let name = "periodic-ci-example-release-4.2-automated-release-aws-f999";
    let other = with_jobs(&[json!({ "prowJob": name })]);
    assert_eq!(found(&other), [format!("error: nightly, job 2 ({name}): the job tests 4.2, the registry is of 4.20")]);
    assert!(other.section(Stream::Nightly).is_err());
}

#[test]
fn an_unknown_key_is_an_error_of_the_file_that_keeps_nothing_from_running() {
    let registry = read(&json!({ "nightly": [{ "prowJob": JOB, "optionel": true }], "stable": [], "weekly": [] }));
    assert_eq!(
        found(&registry),
        [
            "error: the key weekly is not known".to_owned(),
            format!("error: nightly, job 1 ({JOB}): the key optionel is not known"),
        ]
    );
    assert_eq!(registry.section(Stream::Nightly).map(<[_]>::len), Ok(1));
}

#[test]
fn what_works_but_may_be_meant_otherwise_is_a_warning() {
    let registry = with_jobs(&[
        json!({ "prowJob": "a", "retries": 3 }),
        json!({ "prowJob": "stable-4.20-upgrade-from-stable-4.19" }),
        json!({ "prowJob": "b", "upgrade": true }),
    ]);
    let upgrade = "stable-4.20-upgrade-from-stable-4.19";
    assert_eq!(
        found(&registry),
        [
            "warning: nightly, job 2 (a): retries is 3; 2 are used".to_owned(),
            format!("warning: nightly, job 3 ({upgrade}): its name is that of an upgrade, but upgrade is not true"),
            "warning: nightly, job 4 (b): upgrade is true, but its name is not that of an upgrade".to_owned(),
        ]
    );
    let optional = read(&json!({ "nightly": [{ "prowJob": "a", "optional": true }], "stable": [] }));
    assert_eq!(found(&optional), ["warning: nightly: no job is required, so no build can be accepted"]);
    for registry in [registry, optional] {
        assert!(registry.section(Stream::Nightly).is_ok());
    }
}

#[test]
fn the_text_of_a_stranger_stays_on_its_line() {
    for hostile in crate::domain::foreign::tests::HOSTILE {
        let registry = with_jobs(&[json!({ "prowJob": hostile, "disabled": hostile, hostile: true })]);
        let all = found(&registry);
        assert!(all.len() >= 2);
        all.iter().for_each(|line| crate::domain::foreign::tests::assert_harmless(line, "a finding"));
    }
}

#[test]
fn names_of_registries_say_minor_and_architecture_and_placeholders_are_none() {
    let name = RegistryName::parse("ocp-10.2-test-jobs-ppc64le.json").expect("a registry");
    assert_eq!((name.minor, name.arch), (Minor::new(10, 2), Arch::Ppc64le));
    assert_eq!(name.file(), "ocp-10.2-test-jobs-ppc64le.json");
    for other in ["ocp-4.x-test-jobs-amd64.json", "ocp-4.20-test-jobs-x86.json", "ocp-4.20-test-jobs-amd64.yaml"] {
        assert_eq!(RegistryName::parse(other), None, "{other}");
    }
}

#[test]
fn a_file_is_one_of_registries_by_its_name_also_where_nobody_reads_it() {
    let names = [
        ("ocp-4.20-test-jobs-amd64.json", true, true),
        ("ocp-4.x-test-jobs-amd64.json", true, true),
        ("20260101T000000Z__ocp-4.20-test-jobs-amd64.json", true, false),
        ("20260101T000000Z__ocp-4.20-test-jobs-amd64.json.deleted", false, false),
        ("ocp-test-result-4.20.17-amd64.json", false, false),
        ("ocp-4.20-test-jobs-amd64.yaml", false, false),
    ];
    for (name, of_registries, on_branch) in names {
        let found = (is_of_registries(name), is_on_branch(name));
        assert_eq!(found, (of_registries, on_branch), "{name}");
    }
}

#[test]
fn a_registry_is_read_by_its_name_and_a_file_of_another_name_by_nobody() {
    let text = json!({ "nightly": [{ "prowJob": JOB }], "stable": [] }).to_string();
    for name in ["ocp-4.20-test-jobs-amd64.json", "20260101T000000Z__ocp-4.20-test-jobs-amd64.json"] {
        assert_eq!(found(&JobRegistry::named(name, &text)), [""; 0], "{name}");
    }
    let other = JobRegistry::named("ocp-4.21-test-jobs-amd64.json", &text);
    assert!(other.section(Stream::Nightly).is_err());
    assert_eq!(
        found(&JobRegistry::named("ocp-4.x-test-jobs-amd64.json", &text)),
        ["warning: nothing reads a file of this name; registries are ocp-X.Y-test-jobs-ARCH.json"]
    );
}

#[test]
fn the_newest_version_that_is_not_younger_holds_and_a_removed_registry_holds_no_more() {
    let name = |stamp: &str, end: &str| format!("{stamp}__ocp-4.20-test-jobs-amd64.json{end}");
    let names = [
        name("20260101T000000Z", ""),
        name("20260301T000000Z", ".deleted"),
        name("20260201T000000Z", ""),
        name("20260401T000000Z", "").replace("amd64", "arm64"),
    ];
    let versions: Vec<_> = names.iter().map(|name| RegistryVersion::parse(name).expect("a version")).collect();
    let of = RegistryName { minor: Minor::new(4, 20), arch: Arch::Amd64 };
    let held = |time: &str| at(&versions, &of, time.parse().ok()).map(|version| version.stamp.as_str());
    assert_eq!(held("2025-12-31T23:59:59Z"), None);
    assert_eq!(held("2026-01-01T00:00:00Z"), Some("20260101T000000Z"));
    assert_eq!(held("2026-02-15T00:00:00Z"), Some("20260201T000000Z"));
    assert_eq!(held("2026-03-02T00:00:00Z"), None);
    assert_eq!(at(&versions, &of, None), None);
    assert_eq!(RegistryVersion::parse("20260101__ocp-4.20-test-jobs-amd64.json"), None);
}
