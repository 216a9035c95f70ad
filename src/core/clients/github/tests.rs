use axum::Router;
use axum::routing::post;

use super::tree::TreeAnswer;
use super::*;
use crate::core::clients::loopback::talk_to;
use crate::core::error::ErrorClass;
use crate::domain::service::Service;

async fn asked(answer: &str) -> Result<TreeAnswer, ClientError> {
    let answer = answer.to_owned();
    let graphql = move |body: String| async move {
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(sent["variables"]["at"], "z-stream:_releases");
        assert_eq!((&sent["variables"]["owner"], &sent["variables"]["name"]), (&"o".into(), &"r".into()));
        answer
    };
    let router = Router::new().route("/graphql", post(graphql));
    talk_to(router, Service::Github, async |http| {
        Github::new(http, "o/r".to_owned()).release_files("z-stream", "_releases").await
    })
    .await
}

#[tokio::test]
async fn a_tree_tells_every_file_with_its_text_or_why_there_is_none() {
    let answer = r#"{"data":{"repository":{"object":{"entries":[
        {"name":"README.md","type":"blob","object":{}},
        {"name":"4.20","type":"tree","object":{"entries":[
            {"name":"4.20.z.yaml","type":"blob","object":{"text":"releases: {}","isTruncated":false,"isBinary":false}},
            {"name":"notes.txt","type":"blob","object":{"text":"x"}},
            {"name":"other","type":"tree","object":{"entries":[{"name":"a.yaml","type":"blob","object":{"text":"x"}}]}},
            {"name":"statebox","type":"tree","object":{"entries":[
                {"name":"4.20.1.yaml","type":"blob","object":{"text":"a: 1","isTruncated":false}},
                {"name":"4.20.2.yaml","type":"blob","object":{"text":"half","isTruncated":true}},
                {"name":"4.20.3.yaml","type":"blob","object":{"text":null,"isBinary":true}},
                {"name":"sub","type":"commit","object":null}]}}]}}]}}}}"#;
    let TreeAnswer::Files(files) = asked(answer).await.unwrap() else { panic!("no files") };
    let listed: Vec<_> =
        files.iter().map(|(path, text)| (path.trim_start_matches("_releases/4.20/"), text.is_ok())).collect();
    let state = |number: u8| format!("statebox/4.20.{number}.yaml");
    let (first, second, third) = (state(1), state(2), state(3));
    let wanted = [("4.20.z.yaml", true), (first.as_str(), true), (second.as_str(), false), (third.as_str(), false)];
    assert_eq!(listed, wanted);
}

#[tokio::test]
async fn a_used_up_allowance_tells_when_it_is_full_again() {
    use axum::http::StatusCode;

    // The clock of these tests stands at the epoch.
    for (headers, wait) in [
        ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")], Some(901)),
        ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")], None),
        ([("x-ratelimit-remaining", "0"), ("retry-after", "30")], Some(30)),
        ([("x-ratelimit-remaining", "7"), ("retry-after", "60")], Some(60)),
    ] {
        let router = Router::new().fallback(async move || (StatusCode::FORBIDDEN, headers, "{}"));
        let listed = talk_to(router, Service::Github, async |http| {
            let github = Github::new(http, "o/r".to_owned());
            let read = github.read_file("main", "a.yaml").await.unwrap();
            let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap();
            (read, written)
        });
        let wanted = (ReadAnswer::RateLimited { wait_s: wait }, WriteAnswer::RateLimited { wait_s: wait });
        assert_eq!(listed.await, wanted, "{headers:?}");
    }
}

/// What GitHub answers when it finds that somebody asks too often, without any header.
const SECONDARY: [&str; 3] = [
    r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#,
    r#"{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes."}"#,
    r#"{"message":"Forbidden","documentation_url":"https://docs.example.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}"#,
];

#[tokio::test]
async fn a_limit_without_any_header_is_a_limit_and_asks_for_a_minute_and_then_for_more() {
    use axum::http::StatusCode;

    for body in SECONDARY {
        let router = Router::new().fallback(async move || (StatusCode::FORBIDDEN, body));
        let waits = talk_to(router, Service::Github, async |http| {
            let github = Github::new(http, "o/r".to_owned());
            let ReadAnswer::RateLimited { wait_s: read } = github.read_file("main", "a.yaml").await.unwrap() else {
                panic!("no limit")
            };
            let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap();
            let WriteAnswer::RateLimited { wait_s: written } = written else { panic!("no limit") };
            let TreeAnswer::RateLimited { wait_s: tree } = github.release_files("main", "_releases").await.unwrap()
            else {
                panic!("no limit")
            };
            [read, written, tree]
        });
        assert_eq!(waits.await, [Some(60), Some(120), Some(240)], "{body}");
    }
    let graphql = r#"{"errors":[{"message":"You have exceeded a secondary rate limit."}]}"#;
    assert_eq!(asked(graphql).await.unwrap(), TreeAnswer::RateLimited { wait_s: Some(60) });
}

#[tokio::test]
async fn a_refusal_by_an_organisation_is_quoted_with_the_address_that_helps() {
    use axum::http::StatusCode;

    let sso = "https://github.example.com/orgs/o/sso?authorization_request=AZ-09_x";
    let body = r#"{"message":"Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."}"#;
    let router = Router::new()
        .fallback(async move || (StatusCode::FORBIDDEN, [("x-github-sso", format!("required; url={sso}"))], body));
    let errors = talk_to(router, Service::Github, async |http| {
        let github = Github::new(http, "o/r".to_owned());
        let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap_err();
        [
            github.read_file("main", "a.yaml").await.unwrap_err(),
            written,
            github.release_files("main", "r").await.unwrap_err(),
        ]
    });
    for error in errors.await {
        assert_eq!(error.class(), crate::core::error::ErrorClass::Auth);
        let text = error.to_string();
        assert!(text.contains("it says \"Resource protected by organization SAML enforcement."), "{text}");
        assert!(text.ends_with(&format!("see {sso}")), "{text}");
        let next = error.next_step();
        assert_eq!(next, format!("open {sso} as the owner of the credential (GITHUB_TOKEN), then run it again"));
    }
}

#[tokio::test]
async fn only_a_file_that_exists_already_makes_a_422_a_conflict() {
    use axum::http::StatusCode;

    let missing = r#"{"message":"Invalid request.\n\n\"sha\" wasn't supplied."}"#;
    let malformed = r#"{"message":"path contains a malformed path component"}"#;
    for (body, sha, conflict) in
        [(missing, None, true), (missing, Some("abc"), false), (malformed, None, false), ("<html></html>", None, false)]
    {
        let router = Router::new().fallback(async move || (StatusCode::UNPROCESSABLE_ENTITY, body));
        let written = talk_to(router, Service::Github, async |http| {
            Github::new(http, "o/r".to_owned()).write_file("main", "a.yaml", b"x", sha, "m").await
        });
        match written.await {
            Ok(answer) => assert!(conflict && answer == WriteAnswer::Conflict, "{body}"),
            Err(error) => assert!(!conflict && !error.may_have_happened() && !error.is_transient(), "{body}"),
        }
    }
}

#[tokio::test]
async fn a_rule_of_the_branch_is_no_lost_race() {
    use axum::http::StatusCode;

    let race = r#"{"message":"_releases/a.yaml does not match 57a9"}"#;
    let rule = r#"{"message":"Could not update file: Changes must be made through a pull request."}"#;
    for (body, is_race) in [(race, true), ("", true), (rule, false)] {
        let router = Router::new().fallback(async move || (StatusCode::CONFLICT, body));
        let written = talk_to(router, Service::Github, async |http| {
            Github::new(http, "o/r".to_owned()).write_file("main", "a.yaml", b"x", Some("abc"), "m").await
        });
        match written.await {
            Ok(answer) => assert!(is_race && answer == WriteAnswer::Conflict, "{body}"),
            Err(error) => {
                assert!(!is_race && error.class() == ErrorClass::Forbidden && !error.may_have_happened(), "{body}");
                assert!(error.to_string().contains("through a pull request"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_no_with_status_200_is_a_no() {
    let limited = r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#;
    assert_eq!(asked(limited).await.unwrap(), TreeAnswer::RateLimited { wait_s: None });
    let nothing = r#"{"data":{"repository":{"object":null}}}"#;
    assert_eq!(asked(nothing).await.unwrap(), TreeAnswer::Absent);
    for bad in [
        r#"{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}"#,
        r#"{"data":{"repository":{"object":{"entries":[]}}},"errors":[{"message":"timeout"}]}"#,
        r#"{"data":null}"#,
        r#"{"data":{"repository":{"object":{"entries":[{}]}}}}"#,
        "<html>unicorn</html>",
        "",
    ] {
        assert!(asked(bad).await.is_err(), "{bad}");
    }
}
