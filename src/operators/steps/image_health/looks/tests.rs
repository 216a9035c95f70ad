use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::SignedDuration;

use super::*;
use crate::core::clients::loopback::talk_to;
use crate::domain::ids::Digest;
use crate::domain::service::Service;

fn images(count: usize) -> Vec<ListedImage> {
    let image = |n: usize| {
        let digest: Digest = format!("sha256:{n:064x}").parse().unwrap();
        let pull_spec = format!("registry.example.com/x@{digest}");
        ListedImage { component: format!("image-{n}"), arch: "amd64".to_owned(), pull_spec, digest }
    };
    (0..count).map(image).collect()
}

/// Which images were asked for, and how often.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

/// A catalogue that answers as `answer` says for the nth question about an image.
fn catalogue(asked: &Asked, answer: fn(&str, usize) -> Response) -> Router {
    let asked = Arc::clone(asked);
    Router::new().fallback(async move |RawQuery(query): RawQuery| {
        let query = query.unwrap_or_default();
        let digest = query.split("sha256%3A").nth(1).and_then(|rest| rest.get(..64)).unwrap_or_default().to_owned();
        let nth = {
            let mut asked = asked.lock().unwrap();
            let nth = asked.entry(digest.clone()).or_default();
            *nth += 1;
            *nth
        };
        answer(&digest, nth)
    })
}

fn healthy() -> Response {
    let json = [("content-type", "application/json")];
    (json, r#"{"data":[{"freshness_grades":[{"grade":"A","start_date":"1969-01-01T00:00:00Z"}]}]}"#).into_response()
}

/// One answer in five is none: cut off, a login page, an outage, a refusal to answer so many.
fn flaky(digest: &str, nth: usize) -> Response {
    let last = u64::from_str_radix(&digest[56..], 16).unwrap();
    let mixed = last.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (nth as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let dice = (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40;
    match dice % 20 {
        0 => ([("content-type", "application/json")], r#"{"data":[{"freshness"#).into_response(),
        1 => Html("<html>Sign in</html>").into_response(),
        2 => StatusCode::BAD_GATEWAY.into_response(),
        3 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => healthy(),
    }
}

async fn looked(router: Router, home: &std::path::Path, count: usize) -> Looks {
    talk_to(router, Service::CatalogStage, async |http| {
        let catalog = CatalogStage::new(http);
        // The port differs from server to server.
        let mut memory = Remembered::read(home, "the catalogue");
        look(&catalog, &mut memory, images(count), Timestamp::UNIX_EPOCH).await
    })
    .await
}

#[tokio::test]
async fn one_bad_answer_in_five_delays_the_verdict_by_a_few_looks_and_nothing_known_is_asked_again() {
    const COUNT: usize = 300;
    let (home, asked, mut known) = (tempfile::tempdir().unwrap(), Asked::default(), BTreeSet::new());
    for round in 1.. {
        assert!(round <= 6, "it never ends");
        let before = asked.lock().unwrap().clone();
        let looks = looked(catalogue(&asked, flaky), home.path(), COUNT).await;
        let after = asked.lock().unwrap().clone();
        assert!(known.iter().all(|image| before.get(image) == after.get(image)), "round {round}");
        assert_eq!(looks.remembered, known.len(), "round {round}");
        assert_eq!(looks.known() + looks.failed + looks.absent + looks.not_asked, COUNT, "{}", looks.summary());
        if looks.missing().is_none() {
            assert!(round > 1, "nothing went wrong");
            break;
        }
        assert!(looks.trouble.is_some() && looks.failed > 0, "{}", looks.summary());
        let memory = Remembered::read(home.path(), "the catalogue");
        let seen = |image: &ListedImage| memory.seen_healthy(&image.digest, Timestamp::UNIX_EPOCH).is_some();
        let digest = |image: ListedImage| image.digest.as_str().trim_start_matches("sha256:").to_owned();
        known = images(COUNT).into_iter().filter(seen).map(digest).collect();
        assert_eq!(known.len(), looks.known(), "round {round}");
    }
    let requests: usize = asked.lock().unwrap().values().sum();
    assert!(requests < 2 * COUNT, "{requests} requests");
}

#[tokio::test]
async fn a_catalogue_that_is_down_is_not_asked_for_the_rest_and_the_counts_say_so() {
    let (home, asked) = (tempfile::tempdir().unwrap(), Asked::default());
    let looks = looked(catalogue(&asked, |_, _| StatusCode::BAD_GATEWAY.into_response()), home.path(), 300).await;
    assert_eq!((looks.known(), looks.failed + looks.not_asked), (0, 300));
    assert_eq!(looks.failed, AT_ONCE, "{}", looks.summary());
    assert_eq!(asked.lock().unwrap().len(), looks.failed, "each failed one was asked for, and no other");
    let why = looks.missing().unwrap();
    let counts = "20 of 300 images could not be looked up, 280 were not asked for";
    assert_eq!(why, format!("{counts} (catalog_stage answered HTTP 502 (look up an image))"));
}

#[tokio::test]
async fn remembered_images_are_counted_as_such_and_bad_ones_are_never_remembered() {
    fn some_bad(digest: &str, _: usize) -> Response {
        let json = [("content-type", "application/json")];
        let bad = r#"{"data":[{"freshness_grades":[{"grade":"D","start_date":"1969-01-01T00:00:00Z"}]}]}"#;
        match digest.as_bytes()[63] {
            b'3' => (json, bad).into_response(),
            b'4' => (json, r#"{"data":[]}"#).into_response(),
            _ => healthy(),
        }
    }
    let home = tempfile::tempdir().unwrap();
    let first = looked(catalogue(&Asked::default(), some_bad), home.path(), 6).await;
    let second = looked(catalogue(&Asked::default(), some_bad), home.path(), 6).await;
    assert_eq!(first.summary(), "6 images: 6 asked, 0 remembered as healthy, 0 could not be looked up, 0 not asked");
    assert_eq!(
        second.summary(),
        "6 images: 2 asked, 4 remembered as healthy (seen since 1970-01-01T00:00:00Z), 0 could not be looked up, 0 not asked"
    );
    assert_eq!(second.missing().as_deref(), Some("1 of 6 images are not in the catalogue yet; 5 are known"));
    let bad: Vec<_> = second.bad.iter().map(|(image, ..)| image.component.as_str()).collect();
    assert_eq!(bad, ["image-3"]);
    let later = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(8 * 24);
    let memory = Remembered::read(home.path(), "the catalogue");
    assert_eq!(memory.seen_healthy(&images(1)[0].digest, later), None, "after a week they are asked for again");
}
