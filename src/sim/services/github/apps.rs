//! GitHub Apps: an App proves itself by a signed token, finds its installation and gets a token for an hour.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Verifier;
use serde_json::{Map, Value, json};

use super::{account, problem};
use crate::domain::dates::stamp;
use crate::sim::auth;
use crate::sim::facts::github::apps::{Apps, Installation, Token, is_within};
use crate::sim::journal;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// A signed token may be good for so long, and be so much ahead of GitHub's clock.
const LONGEST_S: i64 = 600;
const AHEAD_S: i64 = 60;

/// Whether a path is for Apps that prove themselves, and for nobody else.
pub(super) fn is_for_apps(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path == "/app" || path.starts_with("/app/") || path.ends_with("/installation")
}

/// The App that a request proves to come from; else the refusal.
pub(super) fn proven(facts: &Facts, headers: &HeaderMap) -> Result<u64, Box<Response>> {
    let unauthorized = |text: &str| Box::new(problem(StatusCode::UNAUTHORIZED, text));
    let undecodable = || unauthorized("A JSON web token could not be decoded");
    let token = auth::scheme(headers, "bearer").ok_or_else(undecodable)?;
    let claims = signed(token).ok_or_else(undecodable)?;
    let now = facts.github.apps.now(facts.now);
    let time = |name: &str| claims[name].as_i64();
    let Some(end) = time("exp").filter(|end| *end > now) else {
        let text = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the \
                    assertion expires";
        return Err(unauthorized(text));
    };
    if end > now + LONGEST_S {
        return Err(unauthorized("'Expiration time' claim ('exp') is too far in the future"));
    }
    if time("iat").is_none_or(|begin| begin > now + AHEAD_S) {
        let text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
        return Err(unauthorized(text));
    }
    let issuer = claims["iss"].as_u64().or_else(|| claims["iss"].as_str()?.parse().ok());
    let Some(issuer) = issuer else { return Err(unauthorized("'Issuer' claim ('iss') must be an Integer")) };
    if facts.github.apps.installations.iter().all(|one| one.app != issuer) {
        return Err(Box::new(problem(StatusCode::NOT_FOUND, "Integration not found")));
    }
    Ok(issuer)
}

/// The claims of a token that our key has signed.
fn signed(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    if read(head)?["alg"] != "RS256" {
        return None;
    }
    let key = PKey::private_key_from_pem(auth::APP_KEY.as_bytes()).ok()?;
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).ok()?;
    verifier.update(signed.as_bytes()).ok()?;
    verifier.verify(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?.then(|| read(claims))?
}

fn shown(base_url: &str, one: &Installation) -> Value {
    let url = format!("{base_url}/github/app/installations/{}", one.id);
    json!({
        "id": one.id,
        "account": account(base_url, one.account),
        "repository_selection": if one.repositories.is_some() { "selected" } else { "all" },
        "access_tokens_url": format!("{url}/access_tokens"),
        "repositories_url": format!("{base_url}/github/installation/repositories"),
        "html_url": format!("{base_url}/github_web/organizations/{}/settings/installations/{}", one.account, one.id),
        "app_id": one.app,
        "app_slug": one.slug,
        "target_id": 1,
        "target_type": "Organization",
        "permissions": one.permissions,
        "events": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "single_file_name": null,
        "suspended_at": one.suspended.then_some("2026-01-01T00:00:00Z"),
        "suspended_by": null,
    })
}

pub(super) async fn app(State(world): State<World>, headers: HeaderMap) -> Response {
    let facts = world.facts();
    let app = match proven(&facts, &headers) {
        Ok(app) => app,
        Err(refusal) => return *refusal,
    };
    let mine: Vec<&Installation> = facts.github.apps.installations.iter().filter(|one| one.app == app).collect();
    let slug = mine.first().map_or("", |one| one.slug);
    let body = json!({
        "id": app, "slug": slug, "name": slug, "node_id": format!("A_{app}"),
        "owner": account(&facts.base_url, "openshift"), "installations_count": mine.len(),
    });
    wire::json(StatusCode::OK, &body)
}

pub(super) async fn installations(State(world): State<World>, headers: HeaderMap) -> Response {
    let facts = world.facts();
    match proven(&facts, &headers) {
        Ok(app) => {
            let mine = facts.github.apps.installations.iter().filter(|one| one.app == app);
            let list = mine.map(|one| shown(&facts.base_url, one)).collect();
            wire::json(StatusCode::OK, &Value::Array(list))
        }
        Err(refusal) => *refusal,
    }
}

/// The installation of whoever asks that fits; else the refusal.
fn mine(
    facts: &Facts,
    headers: &HeaderMap,
    fits: impl Fn(&Installation) -> bool,
) -> Result<Installation, Box<Response>> {
    let app = proven(facts, headers)?;
    let found = facts.github.apps.installations.iter().find(|one| one.app == app && fits(one));
    found.cloned().ok_or_else(|| Box::new(problem(StatusCode::NOT_FOUND, "Not Found")))
}

fn found(world: &World, headers: &HeaderMap, fits: impl Fn(&Installation) -> bool) -> Response {
    let facts = world.facts();
    match mine(&facts, headers, fits) {
        Ok(one) => wire::json(StatusCode::OK, &shown(&facts.base_url, &one)),
        Err(refusal) => *refusal,
    }
}

pub(super) async fn installation(State(world): State<World>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    found(&world, &headers, |one| one.id == id)
}

pub(super) async fn of_repository(
    State(world): State<World>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    found(&world, &headers, |one| one.reaches(&owner, &repo))
}

pub(super) async fn of_organization(
    State(world): State<World>,
    Path(org): Path<String>,
    headers: HeaderMap,
) -> Response {
    found(&world, &headers, |one| one.account == org)
}

/// What a token is asked for; both parts may be left out.
fn wanted(one: &Installation, body: &[u8]) -> Result<Token, &'static str> {
    let asked: Map<String, Value> =
        if body.is_empty() { Map::new() } else { serde_json::from_slice(body).map_err(|_| "Problems parsing JSON")? };
    let mut permissions = BTreeMap::new();
    for (name, how) in asked.get("permissions").and_then(Value::as_object).into_iter().flatten() {
        let how = how.as_str().unwrap_or_default();
        if !is_within(how, one.permissions.get(name)) {
            return Err("The permissions requested are not granted to this installation.");
        }
        permissions.insert(name.clone(), how.to_owned());
    }
    if permissions.is_empty() {
        permissions.clone_from(&one.permissions);
    }
    let names = asked.get("repositories").and_then(Value::as_array);
    let names: Option<Vec<String>> =
        names.map(|names| names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect());
    if names.iter().flatten().any(|name| !one.reaches(one.account, name)) {
        return Err(
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        );
    }
    let own = one.repositories.as_ref().map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let expires = jiff::Timestamp::UNIX_EPOCH;
    Ok(Token { installation: one.id, expires, permissions, repositories: names.or(own) })
}

pub(super) async fn access_token(
    State(world): State<World>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let one = match mine(&facts, &headers, |one| one.id == id) {
        Ok(one) => one,
        Err(refusal) => return *refusal,
    };
    if one.suspended {
        return problem(StatusCode::FORBIDDEN, "This installation has been suspended");
    }
    let mut token = match wanted(&one, &body) {
        Ok(token) => token,
        Err(text) => return problem(StatusCode::UNPROCESSABLE_ENTITY, text),
    };
    token.expires = Apps::end_of_token(facts.now);
    let number = facts.github.apps.tokens.len();
    let mut dice = facts.rng_for(&format!("token {id} {number}"));
    let text = format!("ghs_{}", (0..36).map(|_| dice.alphanumeric()).collect::<String>());
    // The journal is for everybody's eyes.
    facts.aliases.push((text.clone(), journal::hashed(text.as_bytes())));
    let answer = json!({
        "token": text,
        "expires_at": stamp(token.expires),
        "permissions": token.permissions,
        "repository_selection": if token.repositories.is_some() { "selected" } else { "all" },
    });
    facts.github.apps.tokens.insert(text, token);
    wire::json(StatusCode::CREATED, &answer)
}

/// The holder of a token gives it back.
pub(super) async fn give_back(State(world): State<World>, headers: HeaderMap) -> Response {
    let mut facts = world.facts();
    if let Some(text) = super::budget::given(&headers)
        && let Some(token) = facts.github.apps.tokens.get_mut(text)
    {
        token.expires = jiff::Timestamp::UNIX_EPOCH;
        return StatusCode::NO_CONTENT.into_response();
    }
    problem(StatusCode::UNAUTHORIZED, "Bad credentials")
}
