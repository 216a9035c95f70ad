//! What stands between us and a service: breaker, budget, places, and time-outs of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use oar::core::clients::error::Fault;
use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::breaker::BreakerRule;
use oar::core::clients::http::policy::{HttpPolicy, Rules};
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clients::retry::Repeat;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::hosts::HostRule;
use oar::core::config::http::ServiceRules;
use oar::core::error::ErrorClass;
use oar::core::transport::Transport;
use oar::domain::service::Service;
use tokio_util::sync::CancellationToken;

/// A service that fails while `down` is above nothing, and counts.
#[derive(Default)]
struct Counted {
    asked: AtomicUsize,
    down: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

fn service(counted: &Arc<Counted>) -> Router {
    let counted = Arc::clone(counted);
    Router::new().fallback(async move || {
        counted.asked.fetch_add(1, Ordering::SeqCst);
        let now = counted.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        counted.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        counted.at_once.fetch_sub(1, Ordering::SeqCst);
        let down = counted.down.load(Ordering::SeqCst) > 0;
        if down { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    })
}

async fn with<T>(rules: Rules, router: Router, test: impl AsyncFnOnce(Http, String, VirtualClock) -> T) -> T {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let policy = HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(10),
        tries: 1,
        in_flight: 20,
        max_body_bytes: 1 << 20,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    };
    let clock = VirtualClock::starting_at(Timestamp::UNIX_EPOCH);
    let http =
        Http::with_rules(policy, &rules, Transport::Network, Clock::Virtual(clock.clone()), CancellationToken::new())
            .unwrap();
    tokio::select! {
        answer = test(http, base, clock) => answer,
        ended = axum::serve(listener, router) => panic!("the server ended: {ended:?}"),
    }
}

async fn ask(http: &ServiceHttp) -> Result<(), Fault> {
    http.get("look", "/x").send().await.map(|_| ()).map_err(|error| error.fault)
}

fn breaker() -> Rules {
    let rule = BreakerRule { failures: 4, pause: SignedDuration::from_secs(60) };
    Rules { breaker: Some(rule), ..Rules::default() }
}

#[tokio::test]
async fn a_service_that_is_down_is_left_alone_and_tried_once_a_minute() {
    let counted = Arc::new(Counted::default());
    counted.down.store(1, Ordering::SeqCst);
    with(breaker(), service(&counted), async |http, base, clock| {
        let (catalog, again) =
            (http.service(Service::Catalog, &base, Auth::None), http.service(Service::Catalog, &base, Auth::None));
        for _ in 0..4 {
            assert_eq!(ask(&catalog).await, Err(Fault::Status(502)));
        }
        let error = again.get("look", "/y").send().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "catalog is not asked: it failed 4 times in a row until 1970-01-01T00:00:00Z, and is asked again from \
             1970-01-01T00:01:00Z on (look)"
        );
        assert_eq!((error.class(), error.retry_after_s), (ErrorClass::Transient, Some(60)));
        assert!(!error.may_have_happened(), "nothing was sent");
        assert_eq!(counted.asked.load(Ordering::SeqCst), 4);

        let other = http.service(Service::Jira, &base, Auth::None);
        assert_eq!(ask(&other).await, Err(Fault::Status(502)), "another service is not its business");

        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(ask(&catalog).await, Err(Fault::Status(502)), "one request tries");
        assert!(matches!(ask(&catalog).await, Err(Fault::Suspended { .. })));
        clock.advance(SignedDuration::from_secs(60));
        counted.down.store(0, Ordering::SeqCst);
        assert_eq!((ask(&catalog).await, ask(&catalog).await), (Ok(()), Ok(())));
    })
    .await;
}

#[tokio::test]
async fn a_no_is_no_outage_and_a_held_back_request_is_not_repeated() {
    let refusing = Router::new().fallback(async || StatusCode::FORBIDDEN);
    with(breaker(), refusing, async |http, base, _| {
        let jira = http.service(Service::Jira, &base, Auth::None);
        for _ in 0..9 {
            assert_eq!(ask(&jira).await, Err(Fault::Unauthorized(403)));
        }
    })
    .await;
    let gone = HttpGone::address().await;
    with(breaker(), Router::new(), async |http, _, clock| {
        let jira = http.service(Service::Jira, &gone, Auth::None);
        for _ in 0..4 {
            assert_eq!(ask(&jira).await, Err(Fault::Unreachable));
        }
        let before = clock.now();
        let written = jira.post("write", Repeat::Converges, "/x").send().await.unwrap_err();
        assert!(matches!(written.fault, Fault::Suspended { failures: 4, .. }), "{written}");
        assert_eq!(clock.now(), before, "nobody waited");
    })
    .await;
}

/// An address at which nobody listens.
struct HttpGone;

impl HttpGone {
    async fn address() -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }
}

#[tokio::test]
async fn a_loop_ends_at_the_budget_of_the_hour_and_the_next_hour_has_its_own() {
    let counted = Arc::new(Counted::default());
    let own = ServiceRules { per_hour: Some(7), ..ServiceRules::default() };
    let rules = Rules { per_hour: Some(3), of: BTreeMap::from([(Service::Jira, own)]), ..Rules::default() };
    with(rules, service(&counted), async |http, base, clock| {
        for (service, most) in [(Service::Jira, 7), (Service::Catalog, 3)] {
            let http = http.service(service, &base, Auth::None);
            for _ in 0..most {
                assert_eq!(ask(&http).await, Ok(()));
            }
            for _ in 0..100 {
                assert!(matches!(ask(&http).await, Err(Fault::Overspent { .. })));
            }
            let error = http.get("look", "/x").send().await.unwrap_err();
            assert_eq!((error.class(), error.retry_after_s), (ErrorClass::RateLimit, Some(3600)));
            assert!(error.next_step().contains(&format!("services.{service}.requests_per_hour")));
        }
        assert_eq!(counted.asked.load(Ordering::SeqCst), 10);
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(ask(&http.service(Service::Catalog, &base, Auth::None)).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn no_more_requests_than_its_places_are_under_way_at_one_service() {
    let counted = Arc::new(Counted::default());
    let own = ServiceRules { in_flight: Some(2), ..ServiceRules::default() };
    let rules = Rules { of: BTreeMap::from([(Service::Errata, own)]), ..Rules::default() };
    with(rules, service(&counted), async |http, base, _| {
        let errata = http.service(Service::Errata, &base, Auth::None);
        let answers = futures::future::join_all((0..30).map(|_| ask(&errata))).await;
        assert!(answers.iter().all(Result::is_ok));
    })
    .await;
    let most = counted.most_at_once.load(Ordering::SeqCst);
    assert!((1..=2).contains(&most), "{most} at once");
}

#[tokio::test]
async fn the_time_out_of_one_service_is_not_that_of_another() {
    let silent = Router::new().fallback(async || std::future::pending::<StatusCode>().await);
    let own = ServiceRules { read_timeout: Some(Duration::from_millis(50)), ..ServiceRules::default() };
    let rules = Rules { of: BTreeMap::from([(Service::Errata, own)]), ..Rules::default() };
    with(rules, silent, async |http, base, _| {
        let (errata, jira) =
            (http.service(Service::Errata, &base, Auth::None), http.service(Service::Jira, &base, Auth::None));
        let (first, both) = tokio::select! {
            ended = ask(&errata) => (ended, false),
            _ = ask(&jira) => (Ok(()), true),
        };
        assert_eq!((first, both), (Err(Fault::TimedOut), false));
    })
    .await;
}
