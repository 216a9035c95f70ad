//! Every operation of every client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use oar::core::clients::brew_download::BrewDownload;
use oar::core::clients::build_data::BuildDataSource;
use oar::core::clients::catalog::Catalog;
use oar::core::clients::catalog_stage::CatalogStage;
use oar::core::clients::customer_portal::CustomerPortal;
use oar::core::clients::errata::Errata;
use oar::core::clients::error::{ClientError, Fault};
use oar::core::clients::gangway::{Gangway, GangwayOrder};
use oar::core::clients::github::Github;
use oar::core::clients::gitlab::Gitlab;
use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::policy::HttpPolicy;
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clients::jenkins::Jenkins;
use oar::core::clients::jira::{Jira, Transition};
use oar::core::clients::koji::Koji;
use oar::core::clients::kube::Kube;
use oar::core::clients::oauth::Oauth;
use oar::core::clients::pacer::Pacer;
use oar::core::clients::prow::Prow;
use oar::core::clients::registry::Registry;
use oar::core::clients::release_controller::ReleaseController;
use oar::core::clients::signatures::Signatures;
use oar::core::clients::slack::Slack;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::hosts::HostRule;
use oar::core::config::jira::JiraApi;
use oar::domain::advisory::AdvisoryState;
use oar::domain::build::{Arch, Stream};
use oar::domain::build_stream::BuildStream;
use oar::domain::ids::{AdvisoryId, BuildNumber, Digest, JiraKey, ProwJobId};
use oar::domain::kernel::Nvr;
use oar::domain::release::{Minor, ZStream};
use oar::domain::service::Service;
use oar::domain::shipment::MrAddress;
use tokio_util::sync::CancellationToken;

use super::{HOSTILE, unfit};

/// Largest answer of these tests.
const MOST_BYTES: usize = 1 << 20;

pub(super) type Run = fn(ServiceHttp) -> BoxFuture<'static, Result<String, ClientError>>;

pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) service: Service,
    pub(super) run: Run,
    /// Paths that are answered well, so that the operation gets to its own request.
    pub(super) well: &'static [(&'static str, &'static str)],
}

fn said<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Result<String, ClientError> {
    answer.map(|answer| format!("{answer:?}"))
}

macro_rules! operations {
    ($($service:ident $name:literal |$http:ident| $call:expr $(, $well:expr)?;)*) => {
        vec![$(Operation {
            name: $name,
            service: Service::$service,
            run: |$http| async move { said($call) }.boxed(),
            well: operations!(@ $($well)?),
        },)*]
    };
    (@) => { &[] };
    (@ $well:expr) => { $well };
}

fn id() -> AdvisoryId {
    AdvisoryId::new(170_171)
}

fn digest() -> Digest {
    format!("sha256:{}", "a".repeat(64)).parse().unwrap()
}

fn nvr() -> Nvr {
    Nvr::parse("kernel-5.14.0-570.1.el9_6").unwrap()
}

fn release() -> ZStream {
    "4.20.17".parse().unwrap()
}

fn key() -> JiraKey {
    "ART-1".parse().unwrap()
}

fn prow_job() -> ProwJobId {
    "0b1d7a5e-1111-4222-8333-abcdefabcdef".parse().unwrap()
}

fn mr() -> MrAddress {
    let base = "https://gitlab.example.com";
    MrAddress::parse(&format!("{base}/a/b/-/merge_requests/1"), base).unwrap()
}

fn stream() -> BuildStream {
    BuildStream { minor: Minor::new(4, 20), stream: Stream::Nightly, arch: Arch::Amd64 }
}

fn github(http: ServiceHttp) -> Github {
    Github::new(http, "o/r".to_owned())
}

fn jira(http: ServiceHttp) -> Jira {
    Jira::new(http, JiraApi::Cloud)
}

fn gangway(http: ServiceHttp) -> Gangway {
    let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
    Gangway::new(http, Arc::new(Pacer::new(5, 9, jiff::SignedDuration::from_mins(1), clock, CancellationToken::new())))
}

const IMAGE: &[(&str, &str)] = &[("/v1/images", r#"{"data":[{"_links":{"vulnerabilities":{"href":"/v1/found"}}}]}"#)];
const MYSELF: &[(&str, &str)] = &[("/myself", r#"{"accountId":"1"}"#)];

#[expect(clippy::too_many_lines, reason = "one table, one line for each operation")]
pub(super) fn operations() -> Vec<Operation> {
    operations! {
        BrewDownload "kernels" |http| BrewDownload::new(http).kernels(&nvr()).await;
        BuildData "releases" |http| BuildDataSource::new(http).releases(Minor::new(4, 20)).await;
        Catalog "released" |http| Catalog::new(http).released(&digest()).await;
        CatalogStage "image" |http| CatalogStage::new(http).image(&digest()).await;
        CatalogStage "vulnerabilities" |http| {
            let catalog = CatalogStage::new(http);
            let image = catalog.image(&digest()).await?.unwrap();
            catalog.vulnerabilities(&image).await
        }, IMAGE;
        CustomerPortal "is_public" |http| {
            let page = format!("{}/errata/RHBA-2026:1", http.base());
            CustomerPortal::new(http).is_public(&page).await
        };
        Errata "advisory" |http| Errata::new(http).advisory(id()).await;
        Errata "owner_email" |http| Errata::new(http).owner_email(id()).await;
        Errata "builds" |http| Errata::new(http).builds(id()).await;
        Errata "set_owner" |http| Errata::new(http).set_owner(id(), "x@example.com").await;
        Errata "change_state" |http| Errata::new(http).change_state(id(), &AdvisoryState::RelPrep).await;
        Errata "security_alerts" |http| Errata::new(http).security_alerts(id()).await;
        Errata "refresh_security_alerts" |http| Errata::new(http).refresh_security_alerts(id()).await;
        Errata "push_jobs" |http| Errata::new(http).push_jobs(id()).await;
        Errata "push_to_stage" |http| Errata::new(http).push_to_stage(id()).await;
        Gangway "start" |http| gangway(http).start(&GangwayOrder::default()).await;
        Gangway "start_in_turn" |http| gangway(http).start_in_turn(&GangwayOrder::default()).await;
        Gangway "runs_of" |http| gangway(http).runs_of("x").await;
        Github "folder" |http| github(http).folder("record", "_releases").await;
        Github "blob" |http| github(http).blob("0123").await;
        Github "last_commit" |http| github(http).last_commit("record", "a.json").await;
        Github "read_file" |http| github(http).read_file("main", "a.yaml").await;
        Github "write_file" |http| github(http).write_file("main", "a.yaml", b"x", None, "m").await;
        Github "remove_file" |http| github(http).remove_file("main", "a.yaml", "0123", "m").await;
        Github "release_files" |http| github(http).release_files("main", "_releases").await;
        Github "files" |http| github(http).files("main", "_releases").await;
        Gitlab "current_user" |http| Gitlab::new(http).current_user().await;
        Gitlab "find_user" |http| Gitlab::new(http).find_user("x@example.com").await;
        Gitlab "merge_request" |http| Gitlab::new(http).merge_request(&mr()).await;
        Gitlab "changed_files" |http| Gitlab::new(http).changed_files(&mr()).await;
        Gitlab "file" |http| Gitlab::new(http).file("a/b", "x.yaml", "main").await;
        Gitlab "text_at" |http| {
            let url = format!("{}/a/b/-/raw/main/x.yaml", http.base());
            Gitlab::new(http).text_at(&url).await
        };
        Gitlab "notes" |http| Gitlab::new(http).notes(&mr()).await;
        Gitlab "add_note" |http| Gitlab::new(http).add_note(&mr(), "text").await;
        Gitlab "update_note" |http| Gitlab::new(http).update_note(&mr(), 7, "text").await;
        Gitlab "approvals" |http| Gitlab::new(http).approvals(&mr()).await;
        Gitlab "approve" |http| Gitlab::new(http).approve(&mr(), "abc").await;
        Gitlab "pipelines" |http| Gitlab::new(http).pipelines(&mr()).await;
        Gitlab "stage_jobs" |http| Gitlab::new(http).stage_jobs("a/b", 7).await;
        Jenkins "trigger" |http| Jenkins::new(http).trigger("a/b", &[("A", "1")]).await;
        Jenkins "queued" |http| Jenkins::new(http).queued("a/b").await;
        Jenkins "queue_item" |http| Jenkins::new(http).queue_item(7).await;
        Jenkins "recent_builds" |http| Jenkins::new(http).recent_builds("a/b").await;
        Jenkins "build" |http| Jenkins::new(http).build("a/b", BuildNumber::new(7)).await;
        Jira "myself" |http| jira(http).myself().await;
        Jira "issue" |http| jira(http).issue(&key()).await;
        Jira "search" |http| jira(http).search("project = ART").await;
        Jira "issues" |http| jira(http).issues(&[key()]).await;
        Jira "find_user" |http| jira(http).find_user("x@example.com").await;
        Jira "assign" |http| {
            let jira = jira(http);
            let account = jira.myself().await?;
            jira.assign(&key(), &account).await
        }, MYSELF;
        Jira "transitions" |http| jira(http).transitions(&key()).await;
        Jira "transition" |http| {
            let step = Transition { id: "5".to_owned(), name: "Close".to_owned(), to: "Closed".to_owned() };
            jira(http).transition(&key(), &step).await
        };
        Koji "tags" |http| Koji::new(http).tags(&nvr()).await;
        Kube "label" |http| Kube::new(http).label("4.20.17", Arch::Amd64, Some("Accepted")).await;
        Prow "job" |http| Prow::new(http).job(&prow_job()).await;
        Prow "jobs_named" |http| Prow::new(http).jobs_named("x").await;
        Registry "payload_metadata" |http| Registry::new(http).payload_metadata("a/b", "1").await;
        Registry "payload_contents" |http| Registry::new(http).payload_contents("a/b", "1", "amd64").await;
        Registry "image" |http| Registry::new(http).image("a/b", "1", "amd64").await;
        ReleaseController "phase" |http| ReleaseController::new(http).phase(&release()).await;
        ReleaseController "payload_digest" |http| ReleaseController::new(http).payload_digest(&release()).await;
        ReleaseController "newest_build" |http| ReleaseController::new(http).newest_build(&stream()).await;
        ReleaseController "builds" |http| ReleaseController::new(http).builds(&stream()).await;
        ReleaseController "qe_badge" |http| ReleaseController::new(http).qe_badge("4.20.17").await;
        ReleaseController "latest" |http| {
            ReleaseController::new(http).latest("4.20.0-0.nightly", Minor::new(4, 20)).await
        };
        Oauth "keys" |http| Oauth::new(http).keys().await;
        Signatures "has_signature" |http| Signatures::new(http).has_signature(&digest()).await;
        Slack "post_message" |http| Slack::new(http).post_message("C1", "text", None, "marker").await;
        Slack "markers" |http| Slack::new(http).markers("C1", None, jiff::Timestamp::UNIX_EPOCH).await;
        Slack "user_id" |http| Slack::new(http).user_id("x@example.com").await;
        Slack "group_id" |http| Slack::new(http).group_id("team").await;
    }
}

/// One way of not answering.
#[derive(Clone)]
struct Outage {
    name: &'static str,
    status: u16,
    kind: &'static str,
    body: Bytes,
    /// How often the body is sent behind itself.
    times: usize,
    /// Is this never an answer, whatever was asked?
    useless: bool,
}

fn outages() -> Vec<Outage> {
    let outage = |name, status, kind, body: Vec<u8>, useless| Outage {
        name,
        status,
        kind,
        body: body.into(),
        times: 1,
        useless,
    };
    let json = "application/json";
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let fields = "message error errors name id key status state text why reason user token version title body"
        .split(' ')
        .map(|field| format!("\"{field}\":{hostile}"))
        .collect::<Vec<_>>()
        .join(",");
    let page = format!("<!DOCTYPE html><html><title>Sign in</title>{HOSTILE}</html>");
    let mut all = vec![
        outage("a login page", 200, "text/html", page.into_bytes(), true),
        outage("nothing", 200, json, Vec::new(), true),
        outage("half an answer", 200, json, br#"{"data": [{"id": 1, "name": "x"#.to_vec(), true),
        outage("no UTF-8", 200, json, b"{\"id\": \"\xff\xfe\"}".to_vec(), true),
        outage("deep lists", 200, json, "[".repeat(10_000).into_bytes(), true),
        outage("deep maps", 200, json, "{\"a\":".repeat(10_000).into_bytes(), true),
        outage("deep XML", 200, "text/xml", "<value><array><data>".repeat(10_000).into_bytes(), true),
        outage("a null byte", 200, json, b"\0{\"id\":\0 1}".to_vec(), true),
        outage("hostile map", 200, json, format!("{{{fields}}}").into_bytes(), false),
        outage("hostile list", 200, json, format!("[{{{fields}}}]").into_bytes(), false),
        outage("hostile text", 200, "text/plain", HOSTILE.into(), false),
        outage("a hostile refusal", 400, json, format!("{{{fields}}}").into_bytes(), true),
        outage("a refusal of the content", 422, json, format!("{{{fields}}}").into_bytes(), true),
        outage("a hostile outage", 500, "text/html", format!("<html>{HOSTILE}</html>").into_bytes(), true),
        outage("a redirect", 302, "text/html", Vec::new(), true),
        Outage { times: 50, ..outage("50 MB", 200, json, vec![b'['; 1 << 20], true) },
    ];
    for text in ["null", "7", "true", "\"text\"", "[]", "{}", "[null]", "[[]]", "[{}]", "{\"id\":{}}", "{\"data\":7}"] {
        all.push(outage("of a wrong type", 200, json, text.into(), false));
    }
    all
}

/// Operations that may take a useless answer: writes whose success is the status alone (a page is still
/// refused), and looks whose answer is "not there".
fn may_take(operation: &str, outage: &str) -> bool {
    let by_status =
        matches!(operation, "set_owner" | "change_state" | "update_note" | "approve" | "assign" | "transition");
    let page =
        matches!(outage, "a login page" | "50 MB") || outage.starts_with("a hostile") || outage.contains("refus");
    match operation {
        _ if by_status => !page && outage != "a redirect",
        // The page of an advisory is a web page; one that does not name it is a no, as is a redirect.
        "is_public" => {
            !matches!(outage, "50 MB" | "a hostile outage" | "a hostile refusal" | "a refusal of the content")
        }
        // A signature is binary; an empty one is none.
        "has_signature" => !page && outage != "a redirect",
        // Texts; their parsers are swept beside the files.
        "releases" | "text_at" => !page && !matches!(outage, "nothing" | "no UTF-8" | "a redirect"),
        // The Errata Tool refuses a refresh with 400 while it is at it.
        "refresh_security_alerts" => outage == "a hostile refusal",
        _ => false,
    }
}

pub(super) fn policy() -> HttpPolicy {
    HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_secs(30),
        tries: 1,
        in_flight: 8,
        max_body_bytes: MOST_BYTES,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    }
}

fn answering(outage: Outage, well: &'static [(&'static str, &'static str)]) -> Router {
    Router::new().fallback(async move |request: Request<Body>| {
        if let Some((_, body)) = well.iter().find(|(path, _)| request.uri().path().ends_with(path)) {
            return Response::new(Body::from(*body));
        }
        let body = match outage.times {
            1 => Body::from(outage.body.clone()),
            times => {
                let piece = outage.body.clone();
                let pieces = (0..times).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
                Body::from_stream(futures::stream::iter(pieces))
            }
        };
        let answer = Response::builder().status(outage.status).header("content-type", outage.kind);
        let answer = if outage.status == 302 { answer.header("location", "http://192.0.2.1/login") } else { answer };
        answer.body(body).unwrap()
    })
}

#[tokio::test]
async fn no_operation_takes_nonsense_for_an_answer_or_tells_what_it_must_not() {
    let mut wrong = Vec::new();
    for outage in outages() {
        for operation in operations() {
            let what = format!("{} {} in {} ({:?})", operation.service, operation.name, outage.name, {
                String::from_utf8_lossy(&outage.body[..outage.body.len().min(12)])
            });
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
            let http = Http::new(policy(), clock, CancellationToken::new()).unwrap();
            let http = http.service(operation.service, &base, Auth::None);
            let ended = tokio::select! {
                ended = (operation.run)(http) => ended,
                ended = axum::serve(listener, answering(outage.clone(), operation.well)) => panic!("{ended:?}"),
            };
            match ended {
                Ok(answer) if outage.useless && !may_take(operation.name, outage.name) => {
                    wrong.push(format!("{what}: taken for an answer: {answer:.200}"));
                }
                Ok(answer) => assert!(answer.len() < 4 * MOST_BYTES, "{what}: {} bytes kept", answer.len()),
                Err(error) => {
                    assert_eq!(error.service, operation.service, "{what}");
                    assert!(!matches!(error.fault, Fault::TimedOut | Fault::Cancelled), "{what}: {error}");
                    assert!(!error.op.is_empty() && error.to_string().contains(error.op), "{what}: {error}");
                    let excerpt = error.excerpt().unwrap_or_default();
                    wrong.extend(unfit(&what, &format!("{error} {excerpt} {}", error.next_step())));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operation_of_every_client_is_swept() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core/clients");
    // Programs and the mechanics that clients share.
    let shared = ["http", "error", "retry", "pacer", "process", "negotiate", "loopback", "elliott"];
    let mut missing = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if shared.contains(&name.as_str()) || name == "tests" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let named = text.lines().filter_map(|line| line.trim().strip_prefix("pub async fn "));
            for operation in named.map(|rest| rest.split(['(', '<']).next().unwrap_or_default().to_owned()) {
                if !operations().iter().any(|known| known.name == operation) {
                    missing.push(format!("{}: {operation}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "add to the table above: {missing:#?}");
}
