//! Records of builds that the release controller has forgotten.

use super::{LOOK, calm_day, commits, records, stored, the_record, token};
use crate::rehearsal::test_world::TestWorld;

const JUDGE: &str = "jobctl start-aggregator";

/// A day whose one nightly of 4.21 has a settled record, among enough others that one more or less is no tenth.
async fn settled() -> (TestWorld, String) {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let token = token(&world);
    for _ in 0..60 {
        world.time_passes("10m");
        let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
        if !said.contains("4.21.0-0.nightly") {
            break;
        }
    }
    let (path, record) = the_record(&world, "4.21");
    let mut facts = world.simulator().world().facts();
    for patch in 1..20 {
        let mut other = record.clone();
        other["build"] = serde_json::json!({ "name": format!("4.21.{patch}"), "phase": "Accepted" });
        let path = format!("_releases/ocp-test-result-4.21.{patch}-amd64.json");
        facts.github.put_file("record", &path, &format!("{other:#}"));
    }
    drop(facts);
    (world, path)
}

/// The release controller forgets every nightly of 4.21 with this record.
fn forgets(world: &TestWorld, path: &str) {
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    world.simulator().world().facts().release_controller.forget(build);
}

#[tokio::test]
async fn a_record_is_archived_after_three_looks_over_a_day_and_not_on_one_answer() {
    let (world, path) = settled().await;
    let before = stored(&world, &path).expect("a record");
    forgets(&world, &path);
    for wait in ["10m", "12h", "6h"] {
        world.time_passes(wait);
        let said = world.oar(JUDGE).await;
        assert_eq!(stored(&world, &path).as_ref(), Some(&before), "{said}");
    }
    let shadow = {
        world.time_passes("12h");
        world.oar(&format!("{JUDGE} --shadow")).await
    };
    assert!(shadow.contains("would be archived"), "{shadow}");
    assert_eq!(stored(&world, &path).as_ref(), Some(&before));
    let said = world.oar(JUDGE).await;
    assert!(said.contains("is archived: its build is gone"), "{said}");
    assert_eq!(stored(&world, &path), None);
    let archive = path.replace("_releases/", "_releases/archive/");
    let copy: serde_json::Value = serde_json::from_str(&stored(&world, &archive).expect("a copy")).expect("JSON");
    let old: serde_json::Value = serde_json::from_str(&before).expect("JSON");
    assert_eq!(copy["result"], old["result"]);
    assert!(copy["events"].to_string().contains("deleted_upstream"));
    let after = commits(&world);
    world.time_passes("2h");
    world.oar(JUDGE).await;
    assert_eq!(commits(&world), after);
    assert_eq!(
        records(&world).keys().filter(|path| !path.contains("archive")).filter(|path| path.contains("4.21.")).count(),
        19
    );
}

#[tokio::test]
async fn a_release_controller_that_is_away_or_forgets_much_at_once_removes_nothing() {
    let (world, path) = settled().await;
    world
        .simulator()
        .world()
        .facts()
        .github
        .branches
        .get_mut("record")
        .expect("a branch")
        .files
        .retain(|name, _| !name.contains("ocp-test-result-4.21.") || *name == path || name.contains("4.21.1-"));
    forgets(&world, &path);
    let mut said = String::new();
    for _ in 0..4 {
        world.time_passes("12h");
        said = world.oar(JUDGE).await;
    }
    assert!(said.contains("that many at once look like an outage"), "{said}");
    assert!(stored(&world, &path).is_some());
}
