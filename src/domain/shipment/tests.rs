use super::*;

const BASE: &str = "https://gitlab.example.com";

#[test]
fn the_address_of_a_merge_request_is_project_and_number() {
    let good = MrAddress { project: "group/sub/data".into(), iid: MrIid::new(12) };
    for tail in ["", "/", "/diffs", "#note_3", "?tab=1"] {
        let url = format!("{BASE}/group/sub/data/-/merge_requests/12{tail}");
        assert_eq!(MrAddress::parse(&url, BASE), Ok(good.clone()), "{url}");
    }
    assert_eq!(
        MrAddress::parse("http://127.0.0.1:9/gitlab/group/sub/data/-/merge_requests/12", "http://127.0.0.1:9/gitlab/"),
        Ok(good)
    );
}

#[test]
fn everything_else_is_no_merge_request_of_ours() {
    for url in [
        "",
        "https://gitlab.example.org/group/data/-/merge_requests/12",
        "https://gitlab.example.com.evil.org/group/data/-/merge_requests/12",
        "https://gitlab.example.com/group/data/merge_requests/12",
        "https://gitlab.example.com/group/data/-/merge_requests/",
        "https://gitlab.example.com/group/data/-/merge_requests/12x",
        "https://gitlab.example.com/data/-/merge_requests/12",
        "https://gitlab.example.com/group//-/merge_requests/12",
        "https://gitlab.example.com/g/d/-/merge_requests/1/-/merge_requests/2",
        "https://gitlab.example.com/g/d%2Fe/-/merge_requests/1",
    ] {
        assert!(MrAddress::parse(url, BASE).is_err(), "{url}");
    }
}

const FILE: &str = "
shipment:
  metadata: {product: ocp, surprise: true}
  environments:
    stage:
      advisory: {internal_url: 'https://gitlab.example.com/a.yaml'}
    prod: {}
  data:
    releaseNotes:
      issues:
        fixed:
        - {id: OCPBUGS-2, source: jira.example.com}
        - {id: OCPBUGS-1, source: issues.example.com}
        - {id: 123, source: bugzilla.example.com}
";

#[test]
fn fixed_issues_are_those_of_jira() {
    let file = ShipmentFile::parse("shipment/ocp.yaml", FILE).unwrap().unwrap();
    let keys: Vec<_> = file
        .fixed_issues(&["jira.example.com", "issues.example.com"])
        .unwrap()
        .into_iter()
        .map(|key| key.to_string())
        .collect();
    assert_eq!(keys, ["OCPBUGS-1", "OCPBUGS-2"]);
    assert_eq!(file.stage_advisory().as_deref(), Some("https://gitlab.example.com/a.yaml"));
}

#[test]
fn a_file_without_release_notes_or_advisory_has_none() {
    for text in
        ["shipment: {}", "shipment: {data: {releaseNotes: {issues: null}}, environments: {stage: {advisory: null}}}"]
    {
        let file = ShipmentFile::parse("a.yaml", text).unwrap().unwrap();
        assert_eq!(file.fixed_issues(&["jira.example.com", "issues.example.com"]), Ok(BTreeSet::new()), "{text}");
        assert_eq!(file.stage_advisory(), None, "{text}");
    }
}

#[test]
fn an_unreadable_file_is_an_error_and_never_an_empty_set() {
    assert_eq!(ShipmentFile::parse("a.yaml", "other: {}"), Ok(None), "not about a shipment at all");
    for text in ["", "[]", "shipment: [", "<html></html>", "shipment: 5"] {
        assert!(ShipmentFile::parse("a.yaml", text).is_err(), "{text:?}");
    }
    for fixed in ["5", "[{id: OCPBUGS-1}]", "[{source: jira.example.com}]", "[{id: 5, source: jira.example.com}]"] {
        let text = format!("shipment: {{data: {{releaseNotes: {{issues: {{fixed: {fixed}}}}}}}}}");
        let file = ShipmentFile::parse("a.yaml", &text).unwrap().unwrap();
        assert!(file.fixed_issues(&["jira.example.com", "issues.example.com"]).is_err(), "{fixed}");
    }
}

#[test]
fn catalogues_and_files_without_advisory_have_no_images_of_their_own() {
    for (path, metadata, wanted) in [
        ("a.yaml", "{}", true),
        ("a.yaml", "{fbc: false, advisory_required: true}", true),
        ("a.fbc.yaml", "{}", false),
        ("a.yaml", "{fbc: true}", false),
        ("a.yaml", "{advisory_required: false}", false),
    ] {
        let file = ShipmentFile::parse(path, &format!("shipment: {{metadata: {metadata}}}")).unwrap().unwrap();
        assert_eq!(file.has_images(), wanted, "{path} {metadata}");
    }
}

fn job(id: u64, name: &str, status: &str) -> StageJob {
    let (name, status) = (name.to_owned(), status.to_owned());
    StageJob { id, name, stage: "release".into(), status, allow_failure: false, downstream: None }
}

#[test]
fn all_jobs_of_a_stage_decide_and_not_the_first_alone() {
    for (states, wanted) in [
        (vec!["success", "success"], "success"),
        (vec!["success", "failed"], "failed"),
        (vec!["failed", "running"], "running"),
        (vec!["success", "manual"], "manual"),
        (vec!["success", "canceled"], "canceled"),
        (vec!["created", "created"], "created"),
        (vec!["success", "created"], "running"),
        (vec!["pending", "created"], "pending"),
        (vec!["skipped"], "skipped"),
        (vec!["success", "skipped"], "success"),
        (vec!["success", "brand_new"], "brand_new"),
    ] {
        let jobs: Vec<_> = states.iter().zip(1..).map(|(state, id)| job(id, &format!("job {id}"), state)).collect();
        assert_eq!(stage_status(&jobs, "release").as_deref(), Some(wanted), "{states:?}");
    }
    assert_eq!(stage_status(&[job(1, "a", "success")], "another"), None);
}

#[test]
fn a_newer_try_of_a_job_replaces_the_older_one() {
    let jobs = [job(7, "trigger", "success"), job(3, "trigger", "failed")];
    assert_eq!(stage_status(&jobs, "release").as_deref(), Some("success"));
}

#[test]
fn a_bridge_answers_for_the_pipeline_it_started() {
    let mut bridge = job(1, "trigger", "success");
    for (below, wanted) in [("failed", "failed"), ("running", "running"), ("success", "success"), ("manual", "success")]
    {
        bridge.downstream = Some(below.to_owned());
        assert_eq!(stage_status(std::slice::from_ref(&bridge), "release").as_deref(), Some(wanted), "{below}");
    }
}

#[test]
fn a_failure_that_is_allowed_does_not_count_but_a_lone_manual_job_waits() {
    let allowed = |status| StageJob { allow_failure: true, ..job(2, "optional", status) };
    assert_eq!(stage_status(&[job(1, "a", "success"), allowed("failed")], "release").as_deref(), Some("success"));
    assert_eq!(stage_status(&[allowed("manual")], "release").as_deref(), Some("manual"));
}

#[test]
fn components_without_image_are_reported_and_damaged_lists_refused() {
    let file = |components: &str| {
        let text = format!("shipment:\n  snapshot:\n    spec:\n      components: {components}\n");
        ShipmentFile::parse("a.yaml", &text).unwrap().unwrap().components()
    };
    let (images, left_out) =
        file(r#"[{name: cli, containerImage: "quay.example.com/a@sha256:1"}, {name: bare}, {name: blank, containerImage: " "}]"#)
            .unwrap();
    assert_eq!(images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["cli"]);
    assert_eq!(left_out, ["a.yaml: bare names no image", "a.yaml: blank names no image"]);
    assert_eq!(file("null").unwrap(), (Vec::new(), Vec::new()));
    for damaged in ["{}", "text", "[{name: a, containerImage: [1]}]"] {
        assert!(file(damaged).is_err(), "{damaged}");
    }
}
