use axum::Router;
use axum::http::{StatusCode, Uri};
use oar::core::clients::error::Fault;
use oar::core::clients::gitlab::Gitlab;
use oar::core::clients::retry::Repeat::{Converges, LookFirst, Never};
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::domain::shipment::{MrAddress, MrState, ShipmentFile, is_shipment_file};
use oar::sim::events::Event;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned, served};
use super::operation::Operation;

const SERVICE: Service = Service::Gitlab;

fn shipment(fixture: &Fixture, gitlab: &Gitlab) -> MrAddress {
    gitlab.address(&fixture.plan.shipment_url(fixture.sim.base_url())).unwrap()
}

#[tokio::test]
async fn the_shipment_is_read_at_the_commit_that_would_be_merged() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let address = shipment(&fixture, &gitlab);

    assert_eq!(gitlab.current_user().await.unwrap().username, "release-bot");
    assert_eq!(gitlab.find_user("lead@example.com").await.unwrap().unwrap().username, "lead");
    assert_eq!(gitlab.find_user("nobody@example.com").await.unwrap(), None);
    let mr = gitlab.merge_request(&address).await.unwrap();
    assert_eq!((mr.state, mr.title.as_str()), (MrState::Open, "Shipment for 4.20.17"));
    assert_eq!((mr.head_sha.len(), mr.source_branch.as_str()), (40, "prepare-shipment-4.20.17"));
    let files = gitlab.changed_files(&address).await.unwrap();
    let image = files.iter().find(|file| is_shipment_file(&file.path) && file.path.contains("image")).unwrap();
    assert!(!image.deleted);
    let text = gitlab.file(&address.project, &image.path, &mr.head_sha).await.unwrap();
    assert!(ShipmentFile::parse(&image.path, &text).unwrap().unwrap().has_images());
}

#[tokio::test]
async fn a_comment_is_added_and_replaced() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let address = shipment(&fixture, &gitlab);

    let first = gitlab.add_note(&address, "first").await.unwrap();
    gitlab.add_note(&address, "second").await.unwrap();
    gitlab.update_note(&address, first.id, "first, corrected").await.unwrap();

    let notes = gitlab.notes(&address).await.unwrap();
    let bodies: Vec<_> = notes.iter().map(|note| note.body.as_str()).collect();
    assert_eq!(bodies, ["second", "first, corrected"], "newest first");
    assert_eq!(notes[0].author, "release-bot");
    let missing = gitlab.update_note(&address, 1, "?").await.unwrap_err();
    assert_eq!(missing.class(), ErrorClass::NotFound);
}

#[tokio::test]
async fn an_approval_names_the_commit_and_happens_once() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let address = shipment(&fixture, &gitlab);
    let head = gitlab.merge_request(&address).await.unwrap().head_sha;

    let stale = gitlab.approve(&address, &"0".repeat(40)).await.unwrap_err();
    assert_eq!(stale.class(), ErrorClass::Conflict);
    assert_eq!(gitlab.approvals(&address).await.unwrap().approved_by, [""; 0]);
    gitlab.approve(&address, &head).await.unwrap();
    assert_eq!(gitlab.approvals(&address).await.unwrap().approved_by, ["release-bot"]);
    gitlab.approve(&address, &head).await.expect("a second approval is answered with 401, and the approvals tell why");
    assert_eq!(gitlab.approvals(&address).await.unwrap().approved_by, ["release-bot"]);
}

/// A GitLab that refuses to approve, whose token opens the rest or not.
async fn approving(rest: u16, approved_by: &str) -> Result<(), oar::core::clients::error::ClientError> {
    let rest = StatusCode::from_u16(rest).unwrap();
    let approvals = serde_json::json!({ "approved_by": [{ "user": { "username": approved_by } }] }).to_string();
    let router = Router::new().fallback(async move |uri: Uri| match uri.path().rsplit('/').next() {
        Some("approve") => (StatusCode::UNAUTHORIZED, r#"{"message":"401 Unauthorized"}"#.to_owned()),
        Some("user") => (rest, r#"{"id":1,"username":"release-bot"}"#.to_owned()),
        _ => (rest, approvals),
    });
    served(SERVICE, router, async |http| {
        let gitlab = Gitlab::new(http);
        let address =
            MrAddress::parse("https://gitlab.example.com/a/b/-/merge_requests/7", "https://gitlab.example.com");
        gitlab.approve(&address.unwrap(), "abc").await
    })
    .await
}

#[tokio::test]
async fn a_refused_approval_is_judged_by_the_approvals_and_not_by_the_credential() {
    approving(200, "release-bot").await.expect("it is given already");

    let error = approving(200, "somebody").await.unwrap_err();
    assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::Forbidden, false));
    let text = error.to_string();
    assert!(text.contains("approve this merge request (is it its author, or not among those who may?)"), "{text}");
    assert!(text.contains("it says \"401 Unauthorized\""), "{text}");
    assert!(!error.next_step().contains("renew"), "{}", error.next_step());

    let error = approving(401, "").await.unwrap_err();
    assert_eq!(
        (error.class(), &error.fault),
        (ErrorClass::Auth, &Fault::Unauthorized(401)),
        "nothing else works either"
    );
    let error = approving(502, "").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth, "nobody could look");
}

#[tokio::test]
async fn the_stage_release_shows_in_pipeline_and_advisory() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let address = shipment(&fixture, &gitlab);
    fixture.happens(Event::StageReleaseStarts);

    let newest = gitlab.pipelines(&address).await.unwrap().remove(0);
    let jobs = gitlab.stage_jobs(&address.project, newest.id).await.unwrap();
    let bridge = jobs.iter().find(|job| job.stage == "stage-release-triggers").unwrap();
    assert_eq!(bridge.status, "running");

    fixture.happens(Event::StageReleaseDone);
    let mr = gitlab.merge_request(&address).await.unwrap();
    assert_eq!(mr.labels, ["stage-release-success"]);
    assert!(gitlab.pipelines(&address).await.unwrap()[0].id > newest.id, "a new head has a new pipeline");
    let files = gitlab.changed_files(&address).await.unwrap();
    let mut urls = Vec::new();
    for file in files.iter().filter(|file| is_shipment_file(&file.path)) {
        let text = gitlab.file(&address.project, &file.path, &mr.head_sha).await.unwrap();
        urls.extend(ShipmentFile::parse(&file.path, &text).unwrap().and_then(|file| file.stage_advisory()));
    }
    assert!(gitlab.text_at(&urls[0]).await.unwrap().contains("sha256:"));
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_comments_nothing_twice() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let mr = shipment(&fixture, &gitlab);
    let head = gitlab.merge_request(&mr).await.unwrap().head_sha;
    let path = gitlab.changed_files(&mr).await.unwrap().remove(0).path;
    let pipeline = gitlab.pipelines(&mr).await.unwrap().remove(0).id;
    let reads = |path| Operation::reads(SERVICE, path);
    let writes = |repeat, path| Operation::new(SERVICE, repeat, path);

    reads("/user$").in_outages(&fixture, async || gitlab.current_user().await).await;
    reads("/users\\?").in_outages(&fixture, async || gitlab.find_user("lead@example.com").await).await;
    reads("/merge_requests/[0-9]+$").in_outages(&fixture, async || gitlab.merge_request(&mr).await).await;
    reads("/diffs").in_outages(&fixture, async || gitlab.changed_files(&mr).await).await;
    reads("/files/").in_outages(&fixture, async || gitlab.file(&mr.project, &path, &head).await).await;
    reads("/notes").in_outages(&fixture, async || gitlab.notes(&mr).await).await;
    reads("/approvals").in_outages(&fixture, async || gitlab.approvals(&mr).await).await;
    reads("/pipelines\\?").in_outages(&fixture, async || gitlab.pipelines(&mr).await).await;
    reads("/jobs").in_outages(&fixture, async || gitlab.stage_jobs(&mr.project, pipeline).await).await;
    reads("/bridges").in_outages(&fixture, async || gitlab.stage_jobs(&mr.project, pipeline).await).await;
    writes(Never, "/notes$").in_outages(&fixture, async || gitlab.add_note(&mr, "once").await.map(|_| ())).await;
    let note = gitlab.notes(&mr).await.unwrap();
    assert_eq!(note.len(), 1, "in all that outage one comment was made");
    let note = note[0].id;
    writes(Converges, "/notes/").in_outages(&fixture, async || gitlab.update_note(&mr, note, "x").await).await;
    writes(LookFirst, "/approve$")
        .on_401(ErrorClass::Forbidden)
        .in_outages(&fixture, async || gitlab.approve(&mr, &head).await)
        .await;
}

#[tokio::test]
async fn a_comment_whose_answer_got_lost_is_sent_once_and_may_have_happened() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let mr = shipment(&fixture, &gitlab);
    for fault in [InjectedFault::AppliedThenReset, InjectedFault::AppliedThenError, InjectedFault::Truncated] {
        fixture.goes_wrong(Rule::on("gitlab", fault).method("POST").times(1));
        assert!(gitlab.add_note(&mr, "once").await.unwrap_err().may_have_happened());
    }
    assert_eq!(gitlab.notes(&mr).await.unwrap().len(), 3);
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    const MR: &str = r#"{"state":"hibernating","title":"t","sha":"a","source_branch":"b","web_url":"u","sparkle":{},
        "diff_refs":null}"#;
    let address = || MrAddress::parse("http://127.0.0.1:1/a/b/-/merge_requests/1", "http://127.0.0.1:1").unwrap();
    let read = async |http| Gitlab::new(http).merge_request(&address()).await;
    let mr = canned(SERVICE, 200, MR, read).await.unwrap();
    assert!(matches!(mr.state, MrState::Other(state) if state == "hibernating"));
    assert_eq!(mr.head_sha, "a");
    let without = MR.replace("\"title\":\"t\",", "");
    assert_eq!(canned(SERVICE, 200, &without, read).await.unwrap_err().class(), ErrorClass::Corrupt);
    let file = async |http| Gitlab::new(http).file("a/b", "x.yaml", "main").await;
    let bad = canned(SERVICE, 200, r#"{"content":"%%%","encoding":"base64"}"#, file).await;
    assert_eq!(bad.unwrap_err().class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn the_simulator_refuses_what_gitlab_refuses() {
    let fixture = Fixture::open().await;
    let gitlab = Gitlab::new(fixture.client(SERVICE));
    let address = shipment(&fixture, &gitlab);
    let stranger = Gitlab::new(fixture.stranger(SERVICE));
    assert_eq!(stranger.merge_request(&address).await.unwrap_err().fault, Fault::Unauthorized(401));
    fixture.refuses_strangers(SERVICE, "GET /api/v4/user", 401, 401).await;
    let head = gitlab.merge_request(&address).await.unwrap().head_sha;
    let branch = fixture.plan.shipment_branch.clone();
    let path = gitlab.changed_files(&address).await.unwrap().remove(0).path;
    let project = "/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data";
    let mr = format!("{project}/merge_requests/{}", address.iid);
    let at = |method: &str, rest: &str| format!("{method} {mr}{rest}");
    let of = |method: &str, rest: &str| format!("{method} {project}{rest}");
    let commit = |action: &str| format!(r#"{{"branch":"{branch}","commit_message":"m","actions":[{action}]}}"#);
    let stale = commit(&format!(
        r#"{{"action":"update","file_path":"{path}","content":"x","last_commit_id":"{}"}}"#,
        "0".repeat(40)
    ));
    let open = format!(r#"{{"source_branch":"{branch}","target_branch":"main","title":"t"}}"#);
    let sha = format!(r#"{{"sha":"{head}"}}"#);
    fixture
        .answers(
            SERVICE,
            &[
                (&of("GET", ""), "", 200, "path_with_namespace"),
                ("GET /api/v4/projects/hybrid-platforms/art/ocp-shipment-data", "", 404, ""),
                ("GET /api/v4/projects/no%2Fsuch", "", 404, "404 Project Not Found"),
                (&of("GET", "/merge_requests/1"), "", 404, "404 Not found"),
                (&of("GET", "/repository/files/README.md"), "", 400, "ref is missing"),
                (&of("GET", "/repository/files/none?ref=main"), "", 404, "404 File Not Found"),
                (&of("GET", "/repository/files/README.md?ref=nowhere"), "", 404, "404 Commit Not Found"),
                (&of("GET", "/pipelines/1"), "", 404, ""),
                (&of("GET", "/repository/branches/none"), "", 404, "404 Branch Not Found"),
                (&at("POST", "/notes"), "{}", 400, "body is missing"),
                (&at("PUT", "/notes/1"), r#"{"body":"x"}"#, 404, "404 Note Not Found"),
                (&at("POST", "/discussions"), r#"{"body":"b","position":{"head_sha":"x"}}"#, 400, "line_code"),
                (&at("POST", "/approve"), r#"{"sha":"0000"}"#, 409, "does not match HEAD"),
                (&at("POST", "/approve"), &sha, 201, "approved_by"),
                (&at("POST", "/approve"), &sha, 401, "401 Unauthorized"),
                (&at("PUT", "/merge"), r#"{"sha":"0000"}"#, 409, "does not match HEAD"),
                (&of("POST", "/merge_requests"), "{}", 400, "source_branch is missing"),
                (&of("POST", "/merge_requests"), &open, 409, "already exists for this source branch"),
                (&of("POST", "/repository/branches"), "{}", 400, "branch is missing"),
                (&of("POST", "/repository/commits"), &stale, 400, "has changed since you started editing"),
                (&of("POST", "/repository/commits"), &stale.replace(&branch, "main"), 403, "not allowed to push"),
            ],
        )
        .await;
}
