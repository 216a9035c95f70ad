//! What people change.

use super::{LOOK, calm_day, starts, stored, the_record, wrong};

/// The build of the one record of 4.21.
fn build(path: &str) -> String {
    path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json").to_owned()
}

#[tokio::test]
async fn a_build_that_lacks_jobs_gets_them_and_keeps_those_that_it_has() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (path, mut record) = the_record(&world, "4.21");
    // As the original leaves a build: fewer jobs, and no plan.
    let kept = record["result"][0].clone();
    record = serde_json::json!({ "result": [kept], "build": record["build"] });
    world.simulator().world().facts().github.put_file("record", &path, &format!("{record:#}"));
    world
        .simulator()
        .world()
        .facts()
        .prow
        .runs
        .retain(|_, run| Some(run.id.as_str()) == kept["firstJob"]["jobID"].as_str());
    let trigger = format!("jobctl trigger-jobs-for-build --build {}", build(&path));
    std::fs::remove_dir_all(world.path("home").join("effects")).expect("the memory of this machine");
    let said = world.oar(&trigger).await;
    assert!(said.contains("4 triggered now") && said.ends_with("exit 0"), "{said}");
    let (_, after) = the_record(&world, "4.21");
    assert_eq!(after["result"][0], kept);
    assert_eq!(wrong(&world, true), [""; 0], "{said}");
    let said = world.oar("jobctl trigger-jobs-for-build --build 4.21.999").await;
    assert!(said.contains("the release controller has no build 4.21.999") && said.ends_with("exit 2"), "{said}");
}

#[tokio::test]
async fn jobs_are_triggered_again_only_with_a_reason_and_what_counted_stays_in_the_history() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (path, before) = the_record(&world, "4.21");
    let trigger = format!("jobctl trigger-jobs-for-build --build {} --no-skip-existing", build(&path));
    assert!(world.oar(&trigger).await.ends_with("exit 2"));
    let said = world.oar(&format!("{trigger} --reason \"the cluster was away\"")).await;
    assert!(said.contains("5 triggered now"), "{said}");
    let (_, after) = the_record(&world, "4.21");
    for (old, new) in before["result"].as_array().unwrap().iter().zip(after["result"].as_array().unwrap()) {
        assert_eq!(new["history"][0]["jobID"], old["firstJob"]["jobID"]);
        assert_ne!(new["firstJob"]["jobID"], old["firstJob"]["jobID"]);
    }
    assert!(after["events"].to_string().contains("the cluster was away"));
    assert_eq!((starts(&world).len(), wrong(&world, true)), (10, vec![]));
}

#[tokio::test]
async fn a_promotion_says_who_and_why_and_an_unknown_build_is_an_error() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (path, _) = the_record(&world, "4.21");
    let promote = |build: &str| format!("jobctl promote-test-results --build {build} --reason \"a test is wrong\"");
    let said = world.oar(&promote(&build(&path))).await;
    assert!(said.contains("is promoted") && said.ends_with("exit 0"), "{said}");
    let (_, record) = the_record(&world, "4.21");
    assert_eq!((&record["aggregated"], &record["manual_promotion"]), (&false.into(), &true.into()));
    let event = record["events"].as_array().unwrap().iter().find(|event| event["kind"] == "promoted").unwrap();
    assert_eq!(event["detail"], "a test is wrong");
    assert!(event["actor"].as_str().is_some_and(|actor| actor.contains(" on ")), "{event}");
    let said = world.oar(&promote(&build(&path))).await;
    assert!(said.contains("the record said so already") && said.contains("promoted before"), "{said}");
    let said = world.oar(&promote("4.21.999")).await;
    assert!(said.contains("there is no test record of 4.21.999") && said.ends_with("exit 2"), "{said}");
}

#[tokio::test]
async fn a_run_is_replaced_by_one_of_the_same_job_and_a_wrong_id_is_answered_with_those_there_are() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (path, record) = the_record(&world, "4.21");
    let id = |at: usize| record["result"][at]["firstJob"]["jobID"].as_str().unwrap().to_owned();
    let job = record["result"][0]["jobName"].as_str().unwrap();
    let replace = |old: &str, new: &str| {
        format!(
            "jobctl update-retried-job-run --build {} --job-name {job} --current-job-id {old} --new-job-id {new} \
             --reason \"an outage\"",
            build(&path)
        )
    };
    let unknown = "00000000-0000-4000-8000-000000000000";
    let other_build = "00000000-0000-4000-8000-00000000000b";
    let mut of_another_build = world.facts().prow.runs[&id(0)].clone();
    of_another_build.id = other_build.to_owned();
    of_another_build
        .envs
        .insert("RELEASE_IMAGE_LATEST".to_owned(), "registry.example.com/ocp/release:other".to_owned());
    world.facts().prow.runs.insert(other_build.to_owned(), of_another_build);
    let said = world.oar(&replace(&id(0), other_build)).await;
    assert!(said.contains("release:other”, and the build is") && said.ends_with("exit 2"), "{said}");
    let said = world.oar(&replace(&id(0), &id(1))).await;
    assert!(said.contains(&format!("not of {job}")) && said.ends_with("exit 2"), "{said}");
    let said = world.oar(&replace(unknown, unknown)).await;
    assert!(said.contains(&id(0)) && said.ends_with("exit 2"), "{said}");
    assert_eq!(stored(&world, &path), Some(stored(&world, &path).unwrap()));
    let said = world.oar(&replace(&id(0), unknown)).await;
    assert!(said.contains("it is taken as it was given") && said.ends_with("exit 0"), "{said}");
    let (_, after) = the_record(&world, "4.21");
    assert_eq!(after["result"][0]["firstJob"]["jobID"], unknown);
    assert_eq!(after["result"][0]["history"][0]["jobID"].as_str(), Some(id(0).as_str()));
    assert_eq!(after["result"][0]["history"][0]["reason"], "an outage");
}
