//! What a drive ends with is what `plan` and `status` say afterwards, on this machine and on others.

use oar::domain::task::{Task, TaskStatus};
use serde_json::Value;

use crate::rehearsal::machines::Moment;
use crate::rehearsal::{TestWorld, points, ready_to_approve, with_state_file};

/// Scenarios that end with a person, who does not come here.
const FOR_A_PERSON: [&str; 9] = [
    "promoted-rejected",
    "candidate-rejected",
    "jobs-forgotten",
    "kerberos-expired",
    "no-permission-404",
    "gangway-token-expires",
    "mr-closed",
    "blocking-alert",
    "advisory-dropped",
];

/// The document that a command printed.
fn document(output: &str) -> Value {
    let from = output.find('{').unwrap_or_else(|| panic!("no document: {output}"));
    let document = serde_json::Deserializer::from_str(&output[from..]).into_iter().next();
    document.and_then(Result::ok).unwrap_or_else(|| panic!("no document: {output}"))
}

/// What a plan amounts to. A failure of this very run asks for a person, as the same failure does later.
fn verdict(plan: &Value) -> String {
    let verdict = plan["verdict"].as_str().unwrap_or_default();
    if verdict == "failed" { "needs-person".to_owned() } else { verdict.to_owned() }
}

/// What people are asked for, and what stands with each task.
fn asked(plan: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = plan["conditions"].as_array().into_iter().flatten();
    let persons = conditions.filter(|one| matches!(text(&one["standing"]).as_str(), "needs-person" | "failed"));
    persons.map(|one| format!("{} {}: {}", text(&one["task"]), text(&one["standing"]), text(&one["why"]))).collect()
}

/// Drives, and compares what everybody says when it ends with a person or for good; how it ended.
async fn drives(world: &TestWorld, name: &str) -> String {
    let driven = world.oar("--json drive").await;
    let exit = driven.rsplit_once("exit ").map(|(_, code)| code.to_owned()).unwrap_or_default();
    if exit == "3" || !driven.contains("\"verdict\"") {
        return exit;
    }
    let planned = world.oar("--json plan").await;
    let shown = world.oar("--json status").await;
    let (drive, plan) = (document(&driven), document(&planned));
    let status = &document(&shown)["plan"];
    for (who, said) in [("plan", &plan), ("status", status)] {
        let at = world.now();
        assert_eq!(verdict(said), verdict(&drive), "{name} at {at}: {who}\n{driven}\n{planned}");
        assert_eq!(asked(said), asked(&drive), "{name} at {at}: {who}\n{driven}\n{planned}");
    }
    exit
}

async fn to_the_end(name: &str) {
    let world = TestWorld::founded(name, |_| {}).await;
    let mut ended = String::new();
    for _ in 0..20 {
        let exit = drives(&world, name).await;
        if matches!(exit.as_str(), "4" | "5") && ended == exit {
            break;
        }
        ended = exit;
        if ended == "0" {
            break;
        }
        world.time_passes("12h");
    }
    assert_ne!(ended, "", "{name}");
    world.finish();
}

#[tokio::test]
async fn plan_and_status_say_what_a_drive_ended_with_where_a_person_is_needed() {
    for name in FOR_A_PERSON {
        to_the_end(name).await;
    }
}

mod long {
    use oar::sim::scenario::named::NAMES;

    #[tokio::test]
    async fn plan_and_status_say_what_a_drive_ended_with_in_every_scenario() {
        // Those of job days have no release to drive, and a broken file has no plan.
        let others = ["job-day", "streams-jump-back", "stream-broken", "runs-vanish", "predecessor-writes"];
        let broken = ["state-broken-by-hand", "two-drivers", "flaky-everything", "outages-in-turn"];
        for name in NAMES.iter().filter(|name| !others.contains(name) && !broken.contains(name)) {
            super::to_the_end(name).await;
        }
    }
}

#[tokio::test]
async fn a_rejected_build_waits_for_a_person_on_every_front_end() {
    for (scenario, which) in [("candidate-rejected", "candidate"), ("promoted-rejected", "promoted")] {
        let world = TestWorld::founded(scenario, |_| {}).await;
        let mut driven = String::new();
        for _ in 0..8 {
            driven = world.oar("drive").await;
            if driven.contains("a person has to decide") {
                break;
            }
            world.time_passes("12h");
        }
        assert!(driven.contains(&format!("the {which} build was rejected")), "{driven}");
        let decide = format!("oar -r 4.20.17 drive --decide {which}=accept");
        for line in ["plan", "status"] {
            let said = world.oar(line).await.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("a person has to decide") && said.contains(&decide), "{line}: {said}");
            assert!(!said.contains("it is being analysed"), "{line}: {said}");
        }
        // A drive looks anew, whatever was found before.
        let again = world.oar(&format!("drive --decide {which}=accept --reason \"known flake\"")).await;
        assert!(!again.contains("a person has to decide"), "{again}");
        let said = world.oar("plan").await;
        assert!(!said.contains("a person has to decide"), "{said}");
        world.finish();
    }
}

#[tokio::test]
async fn another_machine_knows_of_a_lost_job_and_not_of_a_refused_credential() {
    use oar::sim::act::Act;

    let mut world = crate::rehearsal::promoted().await;
    world.oar("drive").await;
    world.time_passes("20m");
    for forgets in [Act::ForgetBuilds, Act::ForgetProwJobs] {
        oar::sim::people::act(forgets, &mut world.facts());
    }
    let driven = world.oar("drive").await;
    assert!(driven.ends_with("exit 4"), "{driven}");
    let elsewhere = world.elsewhere("plan").await;
    assert!(elsewhere.contains("a person is needed") && elsewhere.contains("stage-testing is In Progress, but"));
    world.finish();
}

#[tokio::test]
async fn plan_and_status_wait_as_long_as_the_drive_that_looked_last_on_this_machine() {
    let world = with_state_file().await;
    let mut driven = String::new();
    for _ in 0..5 {
        world.time_passes("10m");
        driven = world.oar("drive").await;
    }
    assert!(world.state().status(Task::PushToCdnStaging) == TaskStatus::InProgress, "{driven}");
    let until = driven.lines().find_map(|line| line.split_once("waiting, look again at ")).expect("it waits").1;
    for line in ["plan", "status"] {
        let shown = world.oar_changes_nothing(line).await;
        assert!(!shown.contains("there is something to do") && !shown.contains("drive  ("), "{line}: {shown}");
        assert!(shown.contains(until), "{line}: {until}: {shown}");
    }
    // Another machine did not look.
    assert!(world.machine("other").oar("plan").await.contains("there is something to do"));
}

#[tokio::test]
async fn what_another_machine_announced_a_moment_ago_is_left_to_it_by_plan_and_status() {
    let line = "ctl approval-checker";
    let calm = ready_to_approve().await;
    calm.advisory_page_opens();
    let machine = calm.machine("one");
    machine.oar(line).await;
    let points = points(&machine.sent());
    let point = points.into_iter().find(|one| one.write.contains("change_state") && one.moment == Moment::Unanswered);
    let world = ready_to_approve().await;
    world.advisory_page_opens();
    let one = world.machine("one");
    let Ok(_stopped) = one.oar_frozen(&point.expect("it moves an advisory"), line).await else { panic!("it ended") };
    let other = world.machine("other");
    let planned = other.oar("plan").await;
    assert!(!planned.contains("there is something to do") && !planned.contains("now: "), "{planned}");
    let until = other.oar("drive").await;
    let time = planned.lines().next().and_then(|line| line.split_once("look again at ")).expect("a time").1;
    assert!(until.contains(time), "{until}\n{planned}");
}
