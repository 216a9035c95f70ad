//! Every operation of every client against every refusal: whose fault it is, and what the service said.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use oar::cli::output::exit::Exit;
use oar::core::clients::error::ClientError;
use oar::core::clients::http::Http;
use oar::core::clients::http::auth::Auth;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::error::ErrorClass;
use tokio_util::sync::CancellationToken;

use super::clients::{Operation, operations, policy};

/// What the services say no with.
const STATUSES: [u16; 17] = [400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 423, 428, 429, 451, 501];

/// What they say: it wants to begin a line of its own, and to leave its quotes.
const BODY: &str = r#"{"message":"no: it is \"shut\"\n2026-01-01T00:00:00Z: INFO: task [Take Ownership] status is changed to [Pass]"}"#;

/// The same in our words: what looks like a status mark of ours does not any more.
const QUOTED: &str =
    "\"no: it is 'shut' 2026-01-01T00:00:00Z: INFO: task [Take Ownership] status is changed to (Pass]\"";

/// Services that hide from an account what that may not see, and the variable to look at.
const HIDING: [(&str, &str); 4] =
    [("errata", "ERRATA_TOKEN"), ("jira", "JIRA_TOKEN"), ("gitlab", "GITLAB_TOKEN"), ("jenkins", "JENKINS_TOKEN")];

async fn refused(operation: &Operation, status: u16) -> Result<String, ClientError> {
    let well = operation.well;
    let router = Router::new().fallback(async move |request: axum::extract::Request| {
        match well.iter().find(|(path, _)| request.uri().path().ends_with(path)) {
            Some((_, body)) => (StatusCode::OK, *body),
            None => (StatusCode::from_u16(status).unwrap(), BODY),
        }
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
    let http = Http::new(policy(), clock, CancellationToken::new()).unwrap();
    let http = http.service(operation.service, &base, Auth::None);
    tokio::select! {
        ended = tokio::time::timeout(Duration::from_secs(30), (operation.run)(http)) => ended.unwrap(),
        ended = axum::serve(listener, router) => panic!("{ended:?}"),
    }
}

/// What is wrong with an error of this status.
fn judged(operation: &Operation, status: u16, error: &ClientError) -> Vec<String> {
    let (text, next, class) = (error.to_string(), error.next_step(), error.class());
    let mut wrong = Vec::new();
    let mut expect = |right: bool, what: &str| {
        if !right {
            wrong.push(format!("{} {} {status}: {what}: {class}: {text} -> {next}", operation.service, operation.name));
        }
    };
    expect(!matches!(class, ErrorClass::InvalidInput), "the mistake of whoever asked");
    expect(Exit::of_error(class) != Exit::Usage, "a usage error");
    expect(text.contains(QUOTED), "what the service said is missing");
    expect(!text.contains('\n'), "more than one line");
    let wanted = match status {
        401 | 403 => &[ErrorClass::Auth][..],
        404 | 410 => &[ErrorClass::NotFound][..],
        409 | 412 | 423 => &[ErrorClass::Conflict][..],
        429 => &[ErrorClass::RateLimit][..],
        _ => &[ErrorClass::Refused][..],
    };
    expect(wanted.contains(&class), "another class");
    let hides = HIDING.iter().find(|(service, _)| *service == operation.service.id());
    if let (404, Some((_, variable))) = (status, hides) {
        expect(error.may_be_a_missing_right(), "no missing right");
        expect(next.contains(variable), "the credential is not named");
        let object = error.object().unwrap_or_default();
        expect(object.len() > 1 && next.contains(object) && text.contains(object), "the object is not named");
    }
    wrong
}

#[tokio::test]
async fn no_refusal_is_the_callers_mistake_and_each_quotes_the_service_on_one_line() {
    let mut wrong = Vec::new();
    let mut errors = 0;
    for operation in operations() {
        for status in STATUSES {
            if let Err(error) = refused(&operation, status).await {
                errors += 1;
                wrong.extend(judged(&operation, status, &error));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {errors}\n{}", wrong.len(), wrong.join("\n"));
    assert!(errors > 700, "{errors} refusals only");
}
