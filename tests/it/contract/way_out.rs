//! What holds for every client, because all requests leave through one front end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _};
use oar::core::clients::error::{ClientError, Fault};
use oar::core::clients::http::ServiceHttp;
use oar::core::clients::retry::Repeat;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned, served};

const SERVICE: Service = Service::Signatures;

async fn read(http: &ServiceHttp) -> Result<(), ClientError> {
    http.get("look", "/x").send().await.map(|_| ())
}

#[tokio::test]
async fn a_service_that_is_down_is_tried_again_even_for_writes_because_nothing_was_sent() {
    let fixture = Fixture::open().await;
    let (http, clock) = (fixture.client(SERVICE), fixture.clock.clone());
    fixture.sim.shutdown().await;
    let before = clock.now();

    let (read, written) = (read(&http).await, http.post("write", Repeat::Never, "/x").send().await);

    for error in [read.unwrap_err(), written.unwrap_err()] {
        assert_eq!((error.class(), error.fault.clone()), (ErrorClass::Transient, Fault::Unreachable));
        assert!(!error.may_have_happened());
    }
    assert!(clock.now() > before, "it waited between its tries");
}

#[tokio::test]
async fn a_longer_wait_than_ten_minutes_is_reported_instead_of_waited_for() {
    let fixture = Fixture::open().await;
    fixture.goes_wrong(Rule::on("signatures", InjectedFault::Status { code: 429, retry_after_s: Some(3600) }));
    let before = fixture.clock.now();

    let error = read(&fixture.client(SERVICE)).await.unwrap_err();

    assert_eq!((error.class(), error.retry_after_s), (ErrorClass::RateLimit, Some(3600)));
    assert_eq!((fixture.clock.now(), fixture.asked().len()), (before, 1));
}

#[tokio::test]
async fn a_wait_may_be_given_as_a_date() {
    let limited = Router::new()
        .fallback(async || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "Thu, 01 Jan 1970 02:00:00 GMT")]));
    let error = served(SERVICE, limited, async |http| read(&http).await).await.unwrap_err();
    assert_eq!(error.retry_after_s, Some(7200));
}

#[tokio::test]
async fn a_rehearsal_asks_no_host_but_its_own_machine() {
    let fixture = Fixture::open().await;
    let http = fixture.client(SERVICE);
    for url in ["http://mirror.example.com/x", "http://192.0.2.1/x", "http://127.0.0.1.example.com/x"] {
        let error = http.get_absolute("look", url).send().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Config, "{url}");
        assert!(matches!(error.fault, Fault::HostNotAllowed(_)), "{url}");
    }
    for url in ["", "nonsense", "file:///etc/passwd"] {
        let error = http.get_absolute("look", url).send().await.unwrap_err();
        assert!(matches!(error.fault, Fault::BadUrl(_)), "{url:?}");
    }
    assert_eq!(fixture.asked(), [""; 0]);
}

#[tokio::test]
async fn a_credential_goes_to_its_own_service_only() {
    let echo = Router::new().fallback(async |headers: axum::http::HeaderMap| {
        headers.get(header::AUTHORIZATION).map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
    });
    let fixture = Fixture::open().await;
    let ours = fixture.stranger(SERVICE);
    let echoed = served(SERVICE, echo, async |foreign| {
        let url = format!("{}/x", foreign.base());
        let answer = ours.get_absolute("look", &url).send().await.unwrap();
        answer.plain_text().unwrap().to_owned()
    });
    assert_eq!(echoed.await, "nothing", "an address found in data must not collect tokens");
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let huge = "x".repeat((1 << 22) + 1);
    let error = canned(SERVICE, 200, &huge, async |http| read(&http).await).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn a_refusal_is_shown_in_part_and_without_secrets() {
    let body = format!("token=glpat-abcdefghij0123456789 somebody@example.org {}", "x".repeat(9_000));
    let error = canned(SERVICE, 400, &body, async |http| read(&http).await).await.unwrap_err();
    let excerpt = error.excerpt().unwrap();
    assert!(excerpt.len() < 1_000, "{} bytes", excerpt.len());
    assert!(!excerpt.contains("glpat-abc") && !excerpt.contains("somebody@"), "{excerpt}");
}

/// A service whose first `bad` answers are `garbled`, and what it is asked.
fn garbled_at_first(bad: usize, garbled: fn() -> axum::response::Response) -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let router = Router::new().fallback(async move || match counted.fetch_add(1, Ordering::Relaxed) < bad {
        true => garbled(),
        false => "{\"id\": 7}".into_response(),
    });
    (router, asked)
}

#[tokio::test]
async fn an_answer_that_is_not_the_services_own_is_asked_for_again_for_reads_and_for_writes_that_converge() {
    type Garbled = (&'static str, fn() -> axum::response::Response);
    let garbled: [Garbled; 5] = [
        ("cut off", || "{\"id\": ".into_response()),
        ("empty", || "".into_response()),
        ("a login page", || Html("<html>Sign in</html>").into_response()),
        ("a field is missing", || "{\"name\": 7}".into_response()),
        ("led elsewhere", || (StatusCode::FOUND, [(header::LOCATION, "https://sso.example.com/in")]).into_response()),
    ];
    #[derive(Debug, serde::Deserialize)]
    struct Thing {
        id: u64,
    }
    for (what, garbled) in garbled {
        for (repeat, asks) in [(Repeat::Reads, 3), (Repeat::Converges, 3), (Repeat::LookFirst, 1), (Repeat::Never, 1)] {
            let (router, asked) = garbled_at_first(2, garbled);
            let ended = served(SERVICE, router, async |http| {
                http.call("look", repeat, http::Method::POST, "/x").json_answer::<Thing>().await
            });
            match ended.await {
                Ok(thing) => assert!(asks == 3 && thing.id == 7, "{what} {repeat:?}"),
                Err(error) => assert!(asks == 1 && error.may_have_happened(), "{what} {repeat:?}: {error}"),
            }
            assert_eq!(asked.load(Ordering::Relaxed), asks, "{what} {repeat:?}");
        }
        let (router, asked) = garbled_at_first(usize::MAX, garbled);
        let error = served(SERVICE, router, async |http| http.get("look", "/x").json_answer::<Thing>().await).await;
        assert_eq!(error.unwrap_err().class(), ErrorClass::Corrupt, "{what}");
        assert_eq!(asked.load(Ordering::Relaxed), 3, "{what}: it ends");
    }
}

#[tokio::test]
async fn a_redirect_to_a_log_in_names_where_it_leads() {
    let router =
        Router::new().fallback(async || (StatusCode::FOUND, [(header::LOCATION, "https://sso.example.com/in?from=x")]));
    let error = served(SERVICE, router, async |http| read(&http).await).await.unwrap_err();
    assert!(error.to_string().ends_with("see https://sso.example.com/in?from=x"), "{error}");
}
