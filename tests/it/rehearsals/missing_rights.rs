//! Services that do not let us: what an account may not see or do is no verdict against the release.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use crate::rehearsal::{TestWorld, promoted, ready_to_approve, with_state_file};

/// `task` fails while `service` shows nothing to our account, and passes or waits once it does.
async fn hidden(world: TestWorld, task: Task, service: &str, variable: &str, after: TaskStatus) {
    world.break_service(service, 404);

    let reported = world.oar(task.name()).await;

    assert!(reported.ends_with("exit 4"), "{reported}");
    assert!(reported.contains(&format!("{service} answered HTTP 404")), "{reported}");
    let next = reported.lines().find(|line| line.trim_start().starts_with("next:")).expect("a next step");
    assert!(next.contains(variable) && next.contains("/api/"), "{next}");
    assert_ne!(world.state().status(task), TaskStatus::Fail);
    let logs: String = world.kept().into_iter().map(|(_, text)| text).collect();
    assert!(logs.contains(&format!("{service} answered HTTP 404")), "the log of the run says it, too");

    world.repair();
    let reported = world.oar(task.name()).await;
    assert!(reported.ends_with("exit 0"), "{reported}");
    world.expect_task(task, after);
    world.finish();
}

/// What stands still until a person mends a token comes by itself to nobody: it is no wait.
#[tokio::test]
async fn a_token_that_gitlab_refuses_or_that_is_missing_is_named_by_drive_plan_and_status_and_posted_once() {
    for (token, why) in
        [("not-the-one", "gitlab refused our credential with HTTP 401"), ("", "credentials are missing: GITLAB_TOKEN")]
    {
        let world = promoted().await;
        let posted = world.posted_messages().len();
        for command in ["plan", "drive", "drive", "plan", "status"] {
            let output = world.oar_with("GITLAB_TOKEN", token, command).await;
            let named = format!("the stage release of the shipment could not be read: {why}");
            let flat = output.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(&named) && flat.contains("GITLAB_TOKEN"), "{command}: {output}");
            assert!(command != "drive" || output.ends_with("exit 6"), "{output}");
        }
        let said: Vec<_> = world.posted_messages().into_iter().skip(posted).filter(|one| one.contains(why)).collect();
        assert_eq!(said.len(), 1, "{said:#?}");
        world.finish();
    }
}

#[tokio::test]
async fn a_task_that_may_not_see_its_object_does_not_fail_and_goes_on_once_it_may() {
    use TaskStatus::{InProgress, Pass};
    hidden(with_state_file().await, Task::TakeOwnership, "gitlab", "GITLAB_TOKEN", Pass).await;
    hidden(with_state_file().await, Task::TakeOwnership, "errata", "ERRATA_TOKEN", Pass).await;
    hidden(with_state_file().await, Task::CheckCveTrackerBug, "gitlab", "GITLAB_TOKEN", Pass).await;
    hidden(with_state_file().await, Task::CheckRhcosSecurityAlerts, "errata", "ERRATA_TOKEN", Pass).await;
    hidden(promoted().await, Task::StageTesting, "jenkins", "JENKINS_TOKEN", InProgress).await;
}

#[tokio::test]
async fn a_drive_names_the_right_that_is_missing_and_goes_on_by_itself_once_it_is_there() {
    let world = with_state_file().await;
    world.break_service("gitlab", 404);

    let reported = world.oar("drive").await;
    assert!(reported.contains("GITLAB_TOKEN"), "{reported}");
    assert!(reported.ends_with("exit 6"), "{reported}");
    assert!(!world.file().contains("Fail"), "{}", world.file());

    world.repair();
    world.oar("drive").await;
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    world.finish();
}

#[tokio::test]
async fn an_approval_that_gitlab_refuses_this_account_blames_no_credential() {
    let world = ready_to_approve().await;
    world.advisory_page_opens();
    world.refuses("gitlab", "POST", "/approve$", 401);
    world.new_writes();

    let reported = world.oar("--yes change-advisory-status").await;

    assert!(reported.ends_with("exit 4"), "{reported}");
    assert!(reported.contains("gitlab does not let our account approve this merge request"), "{reported}");
    assert!(reported.contains("is it its author, or not among those who may?"), "{reported}");
    assert!(!reported.contains("renew the credential"), "{reported}");
    assert_eq!(world.advisory_state("rpm"), "QE");
    assert_ne!(world.state().status(Task::ChangeAdvisoryStatus), TaskStatus::Fail);
    world.finish();
}

#[tokio::test]
async fn what_a_service_does_not_take_is_never_called_a_mistake_of_the_command_line() {
    let world = with_state_file().await;
    world.refuses("errata", "PUT", "/erratum/", 405);

    let reported = world.oar("take-ownership").await;
    assert!(reported.ends_with("exit 1") && reported.contains("errata answered HTTP 405"), "{reported}");
    let document = world.oar("--json take-ownership").await;
    assert!(document.contains("\"class\": \"refused\"") && document.ends_with("exit 1"), "{document}");

    world.finish();
}

/// GitHub answers 403 to these requests, with this header and message.
fn github_says(world: &TestWorld, method: Option<&str>, header: Option<(&str, &str)>, message: &str) {
    let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let body = serde_json::json!({ "message": message }).to_string();
    let rule = Rule::on("github", InjectedFault::Answer { code: 403, headers, body });
    let rule = Rule { method: method.map(str::to_owned), ..rule };
    world.faults().add(rule).expect("a rule");
}

#[tokio::test]
async fn a_limit_that_github_tells_without_a_header_is_waited_for_and_no_credential_is_blamed() {
    let limit = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let world = with_state_file().await;
    github_says(&world, None, None, limit);
    let reported = world.oar("take-ownership").await;
    assert!(reported.contains("wait 60 s and run it again") && reported.ends_with("exit 7"), "{reported}");
    let document = world.oar("--json take-ownership").await;
    assert!(document.contains("\"class\": \"rate-limit\""), "{document}");

    world.repair();
    github_says(&world, Some("PUT"), None, limit);
    let reported = world.oar("issue add \"a note\" --no-blocker").await;
    assert!(reported.contains("kept in") && reported.ends_with("exit 3"), "{reported}");
    world.repair();
    assert!(world.oar("take-ownership").await.ends_with("exit 0"));
    assert!(world.file().contains("a note"), "{}", world.file());
    world.finish();
}

#[tokio::test]
async fn a_token_that_an_organisation_does_not_know_yet_is_sent_to_the_page_that_authorises_it() {
    let world = with_state_file().await;
    let page = "https://github.example.com/orgs/o/sso?authorization_request=AZ09";
    let message = "Resource protected by organization SAML enforcement.";
    github_says(&world, None, Some(("x-github-sso", &format!("required; url={page}"))), message);

    let reported = world.oar("take-ownership").await;
    assert!(reported.ends_with("exit 6"), "{reported}");
    assert!(reported.contains(&format!("it says \"{message}\", see {page}")), "{reported}");
    assert!(
        reported.contains(&format!("next: open {page} as the owner of the credential (GITHUB_TOKEN)")),
        "{reported}"
    );
    let document = world.oar("--json take-ownership").await;
    assert!(document.contains("SAML enforcement") && document.contains(page), "{document}");
    let logs: String = world.kept().into_iter().map(|(_, text)| text).collect();
    assert!(logs.contains("SAML enforcement") && logs.contains(page), "the log of the run says it, too");
    world.finish();
}

#[tokio::test]
async fn the_next_run_asks_the_catalogue_for_those_images_only_that_are_not_known_yet() {
    let world = promoted().await;
    world.oar("image-consistency-check").await;
    world.consistency_job_finishes();
    let asked = || {
        let images = |request: &&serde_json::Value| {
            request["service"] == "catalog_stage"
                && request["path"].as_str().is_some_and(|path| path.contains("filter"))
        };
        world.requests().iter().filter(images).count()
    };
    let away = InjectedFault::Status { code: 502, retry_after_s: None };
    let away = Rule { nth: Some(41), ..Rule::on("catalog_stage", away) };
    world.faults().add(away).expect("a rule");

    let reported = world.oar("image-consistency-check").await;
    assert!(reported.contains("of 64 images could not be looked up"), "{reported}");
    assert!(reported.contains("; 40 are known"), "{reported}");
    world.expect_task(Task::ImageConsistencyCheck, TaskStatus::InProgress);

    world.repair();
    let before = asked();
    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Pass: payload and shipment are consistent, 64 images are healthy
      did:  comment on image health
      next: oar -r 4.20.17 stage-testing
    exit 0
    ");
    assert_eq!(asked() - before, 24);
    assert!(world.file().contains("64 images: 24 asked, 40 remembered as healthy"), "{}", world.file());
    world.finish();
}
