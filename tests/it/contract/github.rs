use oar::core::clients::error::{ClientError, Fault};
use oar::core::clients::github::{Github, GithubFile, ReadAnswer, WriteAnswer};
use oar::core::clients::http::ServiceHttp;
use oar::core::clients::retry::Repeat::LookFirst;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::facts::github::Limit;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::Github;

const PATH: &str = "_releases/4.20/statebox/a file+1.yaml";

fn over(http: ServiceHttp) -> Github {
    Github::new(http, "openshift/release-tests".to_owned())
}

async fn write(github: &Github, text: &str, sha: Option<&str>) -> Result<WriteAnswer, ClientError> {
    github.write_file("z-stream", PATH, text.as_bytes(), sha, "a message").await
}

async fn read(github: &Github) -> GithubFile {
    let answer = github.read_file("z-stream", PATH).await.unwrap();
    let ReadAnswer::File(file) = answer else { panic!("not a file but {answer:?}") };
    file
}

#[tokio::test]
async fn a_file_is_replaced_only_from_what_was_read() {
    let fixture = Fixture::open().await;
    let github = over(fixture.client(SERVICE));

    assert_eq!(github.read_file("z-stream", PATH).await.unwrap(), ReadAnswer::Absent);
    assert_eq!(github.read_file("no-branch", PATH).await.unwrap(), ReadAnswer::NoBranch);
    let WriteAnswer::Written(first) = write(&github, "one\n", None).await.unwrap() else { panic!("not written") };
    assert_eq!(read(&github).await, GithubFile { bytes: b"one\n".to_vec(), sha: first.clone() });
    assert_eq!(write(&github, "two\n", None).await.unwrap(), WriteAnswer::Conflict, "it exists already");
    let WriteAnswer::Written(second) = write(&github, "two\n", Some(&first)).await.unwrap() else { panic!() };
    assert_eq!(write(&github, "late\n", Some(&first)).await.unwrap(), WriteAnswer::Conflict, "it moved on");
    assert_eq!(read(&github).await.sha, second);
    fixture.facts().github.head_moves = 1;
    assert_eq!(write(&github, "three\n", Some(&second)).await.unwrap(), WriteAnswer::Conflict, "the branch moved");
    let elsewhere = github.write_file("no-branch", PATH, b"x", None, "m").await.unwrap();
    assert_eq!(elsewhere, WriteAnswer::NoBranch);
}

#[tokio::test]
async fn a_file_above_one_megabyte_is_read_and_replaced_like_any_other() {
    let fixture = Fixture::open().await;
    let github = over(fixture.client(SERVICE));
    let large = "a line of a log that nobody cut\n".repeat(35_000);
    let WriteAnswer::Written(first) = write(&github, &large, None).await.unwrap() else { panic!("not written") };

    let file = read(&github).await;

    assert_eq!((file.bytes.len(), &file.sha), (large.len(), &first));
    assert!(file.bytes == large.as_bytes());
    let WriteAnswer::Written(_) = write(&github, &format!("{large}more\n"), Some(&file.sha)).await.unwrap() else {
        panic!("not written")
    };
    assert!(read(&github).await.bytes.ends_with(b"cut\nmore\n"));
}

#[tokio::test]
async fn a_used_up_allowance_is_distinguished_from_a_refused_token() {
    let fixture = Fixture::open().await;
    let reset = fixture.clock.now() + jiff::SignedDuration::from_mins(10);
    fixture.facts().github.budgets.insert("user".to_owned(), Limit { limit: 0, used: 0, reset });
    let github = over(fixture.client(SERVICE));
    assert!(matches!(github.read_file("main", "README.md").await.unwrap(), ReadAnswer::RateLimited { .. }));
    assert!(matches!(write(&github, "x", None).await.unwrap(), WriteAnswer::RateLimited { .. }));

    let look = async |http| over(http).read_file("main", "README.md").await;
    let forbidden =
        canned(SERVICE, 403, r#"{"message":"Resource not accessible by personal access token"}"#, look).await;
    assert_eq!(forbidden.unwrap_err().class(), ErrorClass::Auth);
    let stranger = over(fixture.stranger(SERVICE)).read_file("main", "README.md").await.unwrap_err();
    assert_eq!(stranger.fault, Fault::Unauthorized(401));
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_commits_nothing_twice() {
    let fixture = Fixture::open().await;
    let github = over(fixture.client(SERVICE));
    fixture.facts().github.put_file("z-stream", PATH, "one\n");
    let look = Operation::reads(SERVICE, "/contents/").on_404(Means::Answer).hands_on_429();
    look.in_outages(&fixture, async || github.read_file("z-stream", PATH).await).await;
    let sha = read(&github).await.sha;
    let put = Operation::new(SERVICE, LookFirst, "/contents/").on_404(Means::Answer).hands_on_429();
    put.in_outages(&fixture, async || write(&github, "two\n", Some(&sha)).await).await;
    assert_eq!(read(&github).await.bytes, b"one\n", "none of it arrived");
}

#[tokio::test]
async fn a_commit_whose_answer_got_lost_is_sent_once_and_shows_in_the_file() {
    let fixture = Fixture::open().await;
    let github = over(fixture.client(SERVICE));
    fixture.goes_wrong(Rule::on("github", InjectedFault::AppliedThenError).method("PUT"));

    let error = write(&github, "one\n", None).await.unwrap_err();

    assert_eq!((error.may_have_happened(), fixture.asked().len()), (true, 1));
    assert_eq!(read(&github).await.bytes, b"one\n");
}

#[tokio::test]
async fn what_is_no_file_is_unreadable() {
    let fixture = Fixture::open().await;
    let github = over(fixture.client(SERVICE));
    assert_eq!(github.read_file("z-stream", "_releases").await.unwrap_err().class(), ErrorClass::Corrupt, "a folder");
}

#[tokio::test]
async fn the_simulator_refuses_what_github_refuses() {
    let fixture = Fixture::open().await;
    fixture.refuses_strangers(SERVICE, "GET /repos/openshift/release-tests/contents/README.md", 401, 401).await;
    let at = |method: &str, rest: &str| format!("{method} /repos/openshift/release-tests/{rest}");
    let body = |more: &str| format!(r#"{{"message":"m","branch":"z-stream","content":"eA=="{more}}}"#);
    let stale = body(&format!(r#","sha":"{}""#, "0".repeat(40)));
    let readme = at("PUT", "contents/README.md");
    fixture
        .answers(
            SERVICE,
            &[
                (&at("GET", "contents/none?ref=main"), "", 404, "Not Found"),
                (&at("GET", "contents/README.md?ref=none"), "", 404, "No commit found for the ref none"),
                ("GET /repos/other/repo/contents/README.md", "", 404, "Not Found"),
                (&readme, &body(""), 422, "\\\"sha\\\" wasn't supplied"),
                (&readme, &stale, 409, "README.md does not match"),
                (&at("PUT", "contents/new"), &stale, 409, "does not match"),
                (&readme, &body("").replace("z-stream", "none"), 404, "Branch none not found"),
                (&readme, &body("").replace("eA==", "%"), 422, "Base64"),
                (&readme, r#"{"message":"m"}"#, 422, "\\\"content\\\" wasn't supplied"),
                (&readme, r#"{"content":"eA=="}"#, 422, "\\\"message\\\" wasn't supplied"),
                (&readme, "{", 400, "Problems parsing JSON"),
                (&at("PUT", "contents/new"), &body(""), 201, "\"commit\""),
                (&at("DELETE", "contents/README.md"), r#"{"message":"m","branch":"main"}"#, 422, "sha"),
                ("POST /graphql", r#"{"query":"{ nonsense }"}"#, 200, "errors"),
            ],
        )
        .await;
}
