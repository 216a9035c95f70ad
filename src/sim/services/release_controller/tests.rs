use jiff::SignedDuration;
use serde_json::Value;

use crate::domain::release::Minor;
use crate::sim::scenario::streams::{Odd, Oddity, Streams};
use crate::sim::services::visitor::{Answer, Visitor};

const STREAMS: &str = "/release_controller/api/v1/releasestream";

const fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

/// Two minors beside that of the release, and a stream that misleads from the second hour to the fourth.
fn visitor(stream: &'static str, what: Oddity) -> Visitor {
    Visitor::where_plan("smooth", |plan| {
        plan.streams = Streams {
            minors: vec![Minor::new(4, 16), Minor::new(4, 19), Minor::new(4, 20)],
            nightlies: 3,
            stables: what == Oddity::Broken,
            rejected_percent: 0,
            odd: vec![Odd { stream, what, from: hours(2), to: hours(4) }],
            original: None,
        };
    })
}

fn good() -> Visitor {
    visitor("no stream", Oddity::Broken)
}

async fn ask(visitor: &Visitor, path: &str) -> Answer {
    visitor.get(&format!("{STREAMS}/{path}")).await
}

async fn latest(visitor: &Visitor, path: &str) -> String {
    let answer = ask(visitor, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()["name"].as_str().expect("a name").to_owned()
}

fn names(answer: &Answer) -> Vec<String> {
    let tags = answer.json()["tags"].as_array().expect("tags").clone();
    tags.iter().map(|tag| tag["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_document_is_indented_and_ends_with_a_line_break() {
    let visitor = good();
    let answer = ask(&visitor, "4-stable/latest?prefix=4.16.").await;
    let expected = "{\n  \"name\": \"4.16.18\",\n  \"phase\": \"Accepted\",\n  \"pullSpec\": \
                    \"quay.example.com/openshift-release-dev/ocp-release:4.16.18-x86_64\",\n  \"downloadURL\": \
                    \"https://sim.example.com/release_controller/artifacts/4.16.18\"\n}\n";
    let payloads = crate::sim::facts::images::PAYLOADS;
    assert_eq!(answer.text, expected.replace("quay.example.com/openshift-release-dev/ocp-release", payloads));
}

#[tokio::test]
async fn every_minor_has_streams_of_every_architecture() {
    let visitor = good();
    for suffix in ["", "-arm64", "-ppc64le", "-s390x", "-multi"] {
        for minor in ["4.16", "4.19", "4.20"] {
            let name = latest(&visitor, &format!("{minor}.0-0.nightly{suffix}/latest")).await;
            assert!(name.starts_with(&format!("{minor}.0-0.nightly{suffix}-2026-06-0")), "{name}");
        }
        assert_eq!(latest(&visitor, &format!("4-stable{suffix}/latest?prefix=4.19.")).await, "4.19.21");
    }
    let arm = ask(&visitor, "4.16.0-0.nightly-arm64/latest").await.json();
    assert!(arm["pullSpec"].as_str().is_some_and(|spec| spec.contains("/ocp-arm64/release-arm64:")));
}

#[tokio::test]
async fn builds_of_all_minors_appear_within_a_day_and_are_judged() {
    let visitor = good();
    let first = latest(&visitor, "4.16.0-0.nightly/latest").await;
    visitor.pass(60 * 28);
    let tags = ask(&visitor, "4.16.0-0.nightly/tags").await;
    assert_eq!(names(&tags).len(), 4);
    assert!(tags.json()["tags"].as_array().is_some_and(|tags| tags.iter().all(|tag| tag["phase"] == "Accepted")));
    let newest = latest(&visitor, "4.16.0-0.nightly/latest").await;
    assert!(newest > first && newest == names(&tags)[0]);
    assert_eq!(latest(&visitor, "4-stable/latest?prefix=4.16.").await, "4.16.19");
    let registries = visitor.world.facts().github.branches["main"].files.keys().cloned().collect::<Vec<_>>();
    assert!(registries.contains(&"_releases/ocp-4.16-test-jobs-amd64.json".to_owned()), "{registries:?}");
}

#[tokio::test]
async fn the_fall_back_for_a_minor_without_stable_builds_is_of_another_minor() {
    let visitor = good();
    let missing = ask(&visitor, "4-stable/latest?prefix=4.30.").await;
    assert_eq!(missing.status, 404);
    assert_eq!(latest(&visitor, "4-dev-preview/latest").await, "4.21.0-ec.1");
}

#[tokio::test]
async fn a_stream_that_goes_back_shows_the_build_before_and_comes_forward_again() {
    let visitor = visitor("4-stable", Oddity::Back);
    let stable = "4-stable/latest?prefix=4.16.";
    assert_eq!(latest(&visitor, stable).await, "4.16.18");
    visitor.pass(150);
    assert_eq!(latest(&visitor, stable).await, "4.16.17");
    assert_eq!(latest(&visitor, "4-stable/latest?prefix=4.19.").await, "4.19.20");
    assert!(!names(&ask(&visitor, "4-stable/tags").await).contains(&"4.16.18".to_owned()));
    let gone = ask(&visitor, "4-stable/release/4.16.18").await;
    assert_eq!(gone.status, 404);
    assert!(gone.text.starts_with("unable to find release tag 4.16.18"), "{}", gone.text);
    visitor.pass(120);
    assert_eq!(latest(&visitor, stable).await, "4.16.18");
}

#[tokio::test]
async fn a_broken_stream_answers_500_and_no_other_does() {
    let visitor = visitor("4.16.0-0.nightly", Oddity::Broken);
    visitor.pass(150);
    for path in ["latest", "tags", "release/x"] {
        assert_eq!(ask(&visitor, &format!("4.16.0-0.nightly/{path}")).await.status, 500);
    }
    assert_eq!(ask(&visitor, "4.19.0-0.nightly/latest").await.status, 200);
}

#[tokio::test]
async fn a_stream_that_heeds_no_prefix_answers_a_build_of_another_minor() {
    let visitor = visitor("4-stable", Oddity::Foreign);
    visitor.pass(150);
    let name = latest(&visitor, "4-stable/latest?prefix=4.16.").await;
    assert!(name.starts_with("4.20."), "{name}");
}

#[tokio::test]
async fn an_index_that_is_no_number_is_refused() {
    let refused = ask(&good(), "4-stable/latest?rel=-1").await;
    assert_eq!((refused.status.as_u16(), refused.text.as_str()), (400, "error: ?rel must be non-negative integer\n"));
    let all: Value = good().get("/release_controller/api/v1/releasestreams/accepted").await.json();
    assert_eq!(all["4.19.0-0.nightly"].as_array().map(Vec::len), Some(1));
}
