use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::super::tests::{FILE, message, write};
use crate::sim::auth::APP_KEY;
use crate::sim::facts::github::apps::{READER, WRITER};
use crate::sim::services::visitor::{Answer, Visitor};

const REPOSITORY: &str = "/github/repos/openshift/release-tests";

/// A token that an App signs for itself.
fn signed(claims: &Value, algorithm: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(claims));
    let key = PKey::private_key_from_pem(APP_KEY.as_bytes()).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
    signer.update(text.as_bytes()).expect("text");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signer.sign_to_vec().expect("a signature")))
}

/// The usual claims, so many seconds from now.
fn claims(visitor: &Visitor, app: u64, begin: i64, end: i64) -> Value {
    let now = visitor.world.facts().now.as_second();
    json!({ "iat": now + begin, "exp": now + end, "iss": app.to_string() })
}

fn proof(visitor: &Visitor, app: u64) -> String {
    signed(&claims(visitor, app, -60, 540), "RS256")
}

async fn with(visitor: &Visitor, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let auth = format!("Bearer {token}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/json")];
    visitor.ask(method, path, &headers, if body.is_null() { Vec::new() } else { body.to_string().into_bytes() }).await
}

/// A token of the App's installation in the repository, as programs get it.
async fn token(visitor: &Visitor, app: u64, asked: Value) -> Answer {
    let proof = proof(visitor, app);
    let found = with(visitor, &proof, Method::GET, &format!("{REPOSITORY}/installation"), Value::Null).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let id = found.json()["id"].as_u64().expect("a number");
    with(visitor, &proof, Method::POST, &format!("/github/app/installations/{id}/access_tokens"), asked).await
}

async fn good_token(visitor: &Visitor, app: u64) -> String {
    let answer = token(visitor, app, Value::Null).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn an_app_gets_a_token_of_its_installation_that_is_good_for_an_hour() {
    let visitor = Visitor::smooth();
    let answer = token(&visitor, WRITER, Value::Null).await.json();
    let end: jiff::Timestamp = answer["expires_at"].as_str().expect("text").parse().expect("a time");
    assert_eq!(end, visitor.world.facts().now + jiff::SignedDuration::from_hours(1));
    assert_eq!(answer["permissions"], json!({ "contents": "write", "metadata": "read" }));
    let token = answer["token"].as_str().expect("a token");
    assert_eq!(with(&visitor, token, Method::PUT, FILE, write("one", None)).await.status, 201);
    visitor.pass(59);
    assert_eq!(with(&visitor, token, Method::GET, REPOSITORY, Value::Null).await.status, 200);
    visitor.pass(1);
    let late = with(&visitor, token, Method::GET, REPOSITORY, Value::Null).await;
    assert_eq!((late.status.as_u16(), message(&late).as_str()), (401, "Bad credentials"));
}

#[tokio::test]
async fn a_proof_has_to_be_signed_and_of_now() {
    let visitor = Visitor::smooth();
    let ask = async |proof: String| with(&visitor, &proof, Method::GET, "/github/app", Value::Null).await;
    assert_eq!(ask(proof(&visitor, WRITER)).await.status, 200);
    let of = |begin, end| signed(&claims(&visitor, WRITER, begin, end), "RS256");
    for (proof, text) in [
        (of(-60, -1), "'Expiration time' claim ('exp') must be a numeric value"),
        (of(-60, 700), "'Expiration time' claim ('exp') is too far in the future"),
        (of(120, 540), "'Issued at' claim ('iat') must be an Integer"),
        (signed(&claims(&visitor, WRITER, -60, 540), "HS256"), "A JSON web token could not be decoded"),
        (format!("{}x", of(-60, 540)), "A JSON web token could not be decoded"),
        ("sim-github-token".to_owned(), "A JSON web token could not be decoded"),
    ] {
        let refused = ask(proof).await;
        assert_eq!(refused.status, 401, "{text}");
        assert!(message(&refused).starts_with(text), "{}", message(&refused));
    }
    let stranger = ask(signed(&claims(&visitor, 7, -60, 540), "RS256")).await;
    assert_eq!((stranger.status.as_u16(), message(&stranger).as_str()), (404, "Integration not found"));
    let elsewhere = with(&visitor, &proof(&visitor, WRITER), Method::GET, REPOSITORY, Value::Null).await;
    assert_eq!(elsewhere.status, 401, "a proof opens nothing but the pages of Apps");
}

#[tokio::test]
async fn a_clock_that_is_behind_github_makes_a_proof_end_too_early() {
    let visitor = Visitor::smooth();
    visitor.world.facts().github.apps.ahead_s = 600;
    let refused = with(&visitor, &proof(&visitor, WRITER), Method::GET, "/github/app", Value::Null).await;
    assert_eq!(refused.status, 401);
    visitor.world.facts().github.apps.ahead_s = -90;
    let refused = with(&visitor, &proof(&visitor, WRITER), Method::GET, "/github/app", Value::Null).await;
    assert!(message(&refused).starts_with("'Expiration time' claim ('exp') is too far"), "{}", message(&refused));
}

#[tokio::test]
async fn a_token_may_what_its_permissions_say_and_no_more() {
    let visitor = Visitor::smooth();
    let reader = good_token(&visitor, READER).await;
    assert_eq!(with(&visitor, &reader, Method::GET, REPOSITORY, Value::Null).await.status, 200);
    let refused = with(&visitor, &reader, Method::PUT, FILE, write("one", None)).await;
    let text = "Resource not accessible by integration";
    assert_eq!((refused.status.as_u16(), message(&refused).as_str()), (403, text));
    let narrow = token(&visitor, WRITER, json!({ "permissions": { "contents": "read" } })).await.json();
    let narrow = narrow["token"].as_str().expect("a token");
    assert_eq!(with(&visitor, narrow, Method::PUT, FILE, write("one", None)).await.status, 403);
    let wide = token(&visitor, READER, json!({ "permissions": { "contents": "write" } })).await;
    assert_eq!(wide.status, 422);
    let unknown = token(&visitor, WRITER, json!({ "repositories": ["another"] })).await;
    assert_eq!(unknown.status, 422);
}

#[tokio::test]
async fn every_installation_has_an_allowance_of_its_own_and_says_what_is_left() {
    let visitor = Visitor::smooth();
    let (writer, reader) = (good_token(&visitor, WRITER).await, good_token(&visitor, READER).await);
    let look = async |token: &str| with(&visitor, token, Method::GET, REPOSITORY, Value::Null).await;
    for left in ["4999", "4998"] {
        assert_eq!(look(&writer).await.headers["x-ratelimit-remaining"], left);
    }
    visitor.world.facts().github.budgets.get_mut("5001").expect("a budget").used = 5000;
    let refused = look(&writer).await;
    assert_eq!((refused.status.as_u16(), message(&refused).contains("installation ID 5001")), (403, true));
    assert_eq!(look(&reader).await.headers["x-ratelimit-remaining"], "4999");
    assert_eq!(visitor.get(REPOSITORY).await.status, 200, "the user's own token is not concerned");
    let free = with(&visitor, &writer, Method::GET, "/github/rate_limit", Value::Null).await.json();
    assert_eq!(free["rate"]["remaining"], 0);
    visitor.pass(60);
    let renewed = good_token(&visitor, WRITER).await;
    assert_eq!(look(&renewed).await.headers["x-ratelimit-remaining"], "4999");
}

#[tokio::test]
async fn a_suspended_installation_and_one_that_does_not_exist_give_no_token() {
    let visitor = Visitor::smooth();
    visitor.world.facts().github.apps.installations[0].suspended = true;
    assert_eq!(token(&visitor, WRITER, Value::Null).await.status, 403);
    let proof = proof(&visitor, WRITER);
    for path in ["/github/app/installations/5002/access_tokens", "/github/app/installations/9/access_tokens"] {
        assert_eq!(with(&visitor, &proof, Method::POST, path, Value::Null).await.status, 404, "{path}");
    }
    let other = with(&visitor, &proof, Method::GET, "/github/repos/openshift/other/installation", Value::Null).await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn a_token_that_was_given_back_is_no_longer_good() {
    let visitor = Visitor::smooth();
    let token = good_token(&visitor, WRITER).await;
    assert_eq!(with(&visitor, &token, Method::DELETE, "/github/installation/token", Value::Null).await.status, 204);
    assert_eq!(with(&visitor, &token, Method::GET, REPOSITORY, Value::Null).await.status, 401);
}
