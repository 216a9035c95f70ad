use oar::core::clients::errata::push::PushStart;
use oar::core::clients::errata::{Errata, ErratumKind};
use oar::core::clients::error::{ClientError, Fault};
use oar::core::clients::retry::Repeat::{Converges, LookFirst};
use oar::core::error::ErrorClass;
use oar::domain::advisory::AdvisoryState;
use oar::domain::ids::AdvisoryId;
use oar::domain::push::PushState;
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::Errata;

fn numbers(fixture: &Fixture) -> (AdvisoryId, AdvisoryId) {
    let id = |kind: &str| AdvisoryId::new(fixture.plan.advisories[kind]);
    (id("rpm"), id("rhcos"))
}

fn why(error: ClientError) -> String {
    let Fault::Refused(why) = error.fault else { panic!("not refused but {:?}", error.fault) };
    why
}

#[tokio::test]
async fn an_advisory_is_read_owned_pushed_and_moved() {
    let fixture = Fixture::open().await;
    let errata = Errata::new(fixture.client(SERVICE));
    let (_, rhcos) = numbers(&fixture);

    let advisory = errata.advisory(rhcos).await.unwrap();
    assert_eq!((advisory.id, advisory.kind), (rhcos, ErratumKind::Rhsa));
    assert_eq!((advisory.name, advisory.state), (format!("RHSA-2026:{rhcos}-01"), AdvisoryState::Qe));
    assert_eq!((advisory.issues.len(), advisory.staged), (2, Some(false)));
    assert!(errata.builds(rhcos).await.unwrap().contains("rhcos-x86_64-4.20.17-1"));

    assert_eq!(errata.owner_email(rhcos).await.unwrap(), "art@example.com");
    errata.set_owner(rhcos, "release.lead@example.com").await.unwrap();
    assert_eq!(errata.owner_email(rhcos).await.unwrap(), "release.lead@example.com");
    let unknown = errata.set_owner(rhcos, "nobody@example.com").await.unwrap_err();
    assert!(why(unknown).contains("not a valid Errata Tool user"));

    let early = errata.change_state(rhcos, &AdvisoryState::RelPrep).await.unwrap_err();
    assert_eq!(why(early), "Staging push is not complete");
    assert_eq!(errata.push_jobs(rhcos).await.unwrap(), []);
    let PushStart::Started(jobs) = errata.push_to_stage(rhcos).await.unwrap() else { panic!("nothing was started") };
    assert_eq!((jobs.len(), jobs[0].target.as_str()), (1, "cdn_stage"));
    assert_eq!(errata.push_to_stage(rhcos).await.unwrap(), PushStart::NothingNeeded);
    fixture.hours_pass(1);
    assert_eq!(errata.push_jobs(rhcos).await.unwrap()[0].state, PushState::Complete);
    errata.change_state(rhcos, &AdvisoryState::RelPrep).await.unwrap();
    let advisory = errata.advisory(rhcos).await.unwrap();
    assert_eq!((advisory.state, advisory.staged), (AdvisoryState::RelPrep, Some(true)));
}

#[tokio::test]
async fn alerts_belong_to_security_advisories_and_a_refused_refresh_is_no_verdict() {
    let fixture = Fixture::open().await;
    let errata = Errata::new(fixture.client(SERVICE));
    let (rpm, rhcos) = numbers(&fixture);

    let alerts = errata.security_alerts(rhcos).await.unwrap();
    assert_eq!((alerts.fetched, alerts.blocking, alerts.alerts.len()), (true, false, 1));
    assert_eq!(errata.refresh_security_alerts(rhcos).await.unwrap(), alerts);
    fixture.facts().errata.hooks.refresh_refused.insert(rhcos.get());
    assert!(matches!(errata.refresh_security_alerts(rhcos).await.unwrap_err().fault, Fault::Refused(_)));
    fixture.facts().errata.hooks.not_yet_fetched.insert(rhcos.get());
    assert!(!errata.security_alerts(rhcos).await.unwrap().fetched);
    assert_eq!(errata.security_alerts(rpm).await.unwrap_err().class(), ErrorClass::Refused);
}

#[tokio::test]
async fn an_advisory_waits_for_the_one_that_has_to_go_first() {
    let fixture = Fixture::open().await;
    let (rpm, rhcos) = numbers(&fixture);
    fixture.facts().errata.advisories.get_mut(&rhcos.get()).unwrap().blocking_advisories = vec![rpm.get()];

    let started = Errata::new(fixture.client(SERVICE)).push_to_stage(rhcos).await.unwrap();

    let why = format!("Must push dependencies first: {rpm}");
    assert_eq!(started, PushStart::DependenciesFirst { why });
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_repeats_no_move() {
    let fixture = Fixture::open().await;
    let errata = Errata::new(fixture.client(SERVICE));
    let (_, id) = numbers(&fixture);
    let reads = |path| Operation::reads(SERVICE, path);

    reads("erratum/[0-9]+$").in_outages(&fixture, async || errata.advisory(id).await).await;
    reads("^/advisory/").in_outages(&fixture, async || errata.owner_email(id).await).await;
    reads("/builds$").in_outages(&fixture, async || errata.builds(id).await).await;
    reads("/push$").in_outages(&fixture, async || errata.push_jobs(id).await).await;
    reads("/security_alerts$").in_outages(&fixture, async || errata.security_alerts(id).await).await;
    let writes = |repeat, path| Operation::new(SERVICE, repeat, path);
    let refresh = writes(Converges, "/refresh$");
    refresh.in_outages(&fixture, async || errata.refresh_security_alerts(id).await).await;
    let own = async || errata.set_owner(id, "lead@example.com").await;
    writes(Converges, "erratum/[0-9]+$").in_outages(&fixture, own).await;
    writes(Converges, "/push").in_outages(&fixture, async || errata.push_to_stage(id).await).await;
    fixture.hours_pass(1);
    let moved = async || errata.change_state(id, &AdvisoryState::RelPrep).await;
    writes(LookFirst, "/change_state$").in_outages(&fixture, moved).await;
}

#[tokio::test]
async fn a_move_whose_answer_got_lost_is_sent_once_and_may_have_happened() {
    let fixture = Fixture::open().await;
    let errata = Errata::new(fixture.client(SERVICE));
    let (rpm, _) = numbers(&fixture);
    fixture.goes_wrong(Rule::on("errata", InjectedFault::AppliedThenReset).path("/change_state"));

    let error = errata.change_state(rpm, &AdvisoryState::NewFiles).await.unwrap_err();

    assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::Transient, true));
    assert_eq!(fixture.asked(), [format!("POST /api/v1/erratum/{rpm}/change_state")]);
    assert_eq!(errata.advisory(rpm).await.unwrap().state, AdvisoryState::NewFiles);
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    const PAGE: &str = r#"{"errata":{"rhxa":{"id":1,"fulladvisory":"RHXA-2030:1","status":"ON_HOLD","mood":[1]}},
        "jira_issues":{"jira_issues":[]},"outage":{"sunny":true}}"#;
    let advisory = canned(SERVICE, 200, PAGE, async |http| Errata::new(http).advisory(AdvisoryId::new(1)).await);
    let advisory = advisory.await.unwrap();
    assert_eq!(advisory.state, AdvisoryState::Other("ON_HOLD".to_owned()));
    assert_eq!(advisory.kind, ErratumKind::Other("rhxa".to_owned()));

    let missing =
        canned(SERVICE, 200, r#"{"errata":{}}"#, async |http| Errata::new(http).advisory(AdvisoryId::new(1)).await);
    assert_eq!(missing.await.unwrap_err().class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn the_simulator_refuses_what_the_errata_tool_refuses() {
    let fixture = Fixture::open().await;
    let (rpm, rhcos) = numbers(&fixture);
    let error = Errata::new(fixture.stranger(SERVICE)).advisory(rpm).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unauthorized(401));
    let at = |method: &str, rest: &str| format!("{method} /api/v1/erratum/{rpm}{rest}");
    fixture.refuses_strangers(SERVICE, &at("GET", ""), 401, 401).await;
    fixture
        .answers(
            SERVICE,
            &[
                (&at("GET", ""), "", 200, "\"rhba\""),
                ("GET /api/v1/erratum/1", "", 404, "Bad URL"),
                ("GET /advisory/1.json", "", 404, "Bad URL"),
                ("GET /api/v1/erratum/1/builds", "", 404, "Bad URL"),
                (&at("PUT", ""), "", 400, "No advisory parameters"),
                (&at("PUT", ""), "advisory[assigned_to_email]=nobody", 422, "assigned_to_email"),
                (&at("PUT", ""), r#"{"advisory":{"security_approved":true}}"#, 403, "Product Security"),
                (&at("PUT", ""), r#"{"advisory":{"assigned_to_email":"qe@example.com"}}"#, 204, ""),
                (&at("POST", "/change_state"), "", 400, "is required"),
                (&at("POST", "/change_state"), "new_state=BLOOMING", 422, "not a valid state"),
                (&at("POST", "/change_state"), "new_state=SHIPPED_LIVE", 422, "Cannot change state from QE"),
                (&at("POST", "/change_state"), "new_state=REL_PREP", 422, "Staging push is not complete"),
                (&at("POST", "/push"), "", 400, "No push target"),
                (&at("POST", "/push"), r#"[{"target":"cdn_docker_stage"}]"#, 400, "not applicable"),
                (&at("POST", "/push?defaults=live"), "", 403, "permission"),
                (&at("POST", "/push?defaults=stage"), "", 201, "READY"),
                (&at("POST", "/push?defaults=stage"), "", 200, "[]"),
                (&at("POST", "/push"), r#"[{"target":"cdn_stage"}]"#, 400, "already in progress"),
                (&at("GET", "/push/1"), "", 404, "Push job not found"),
                (&at("GET", "/security_alerts"), "", 400, "not an RHSA"),
                (&format!("POST /api/v1/erratum/{rhcos}/security_alerts/refresh"), "", 200, "alerts"),
                (&at("POST", "/remove_jira_issue"), r#"{"jira_issue":"OCPBUGS-1"}"#, 422, "not attached"),
                (&at("POST", "/add_jira_issue"), r#"{"jira_issue":"OCPBUGS-1"}"#, 201, ""),
                (&at("POST", "/add_jira_issue"), r#"{"jira_issue":"OCPBUGS-1"}"#, 422, "already attached"),
            ],
        )
        .await;
    fixture.facts().errata.advisories.get_mut(&rhcos.get()).unwrap().blocking_advisories = vec![rpm.get()];
    let push = format!("POST /api/v1/erratum/{rhcos}/push?defaults=stage");
    fixture.answers(SERVICE, &[(&push, "", 400, "Must push dependencies first")]).await;
}
