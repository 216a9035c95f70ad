//! Tokens of an OAuth server: signed by a key it publishes, made by it, for us, and valid now.
//!
//! Only signatures of key pairs are accepted: a token without signature, or with one that a public key could
//! make, is no token. A token is checked here and goes nowhere else.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use josekit::jwk::{Jwk, JwkSet};
use josekit::jws::JwsVerifier;
use josekit::jws::alg::{ecdsa, eddsa, rsassa, rsassa_pss};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::principal::{Principal, Scope};
use crate::core::clients::oauth::Oauth;
use crate::core::config::mcp::McpSettings;

/// Keys are asked for anew after so long, so that a key that was taken back ends.
const KEYS_LAST: SignedDuration = SignedDuration::from_mins(10);

/// But not more often, whatever keys tokens name.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// While the issuer is away, its last keys serve for so long.
const KEYS_SERVE: SignedDuration = SignedDuration::from_hours(1);

/// Clocks of two machines differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// Gets the published keys.
pub type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// Why a token lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OauthRefusal {
    /// It is none of this issuer's for us.
    #[error("the token is not valid here: {0}")]
    Invalid(&'static str),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The keys of the issuer are not known, so nobody can say.
    #[error("the keys of the issuer cannot be read: {0}")]
    Unknown(String),
}

/// What the settings lack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Some of the settings have a value, this one has none.
    #[error("setting {0} has no value, but others of mcp.oauth have")]
    Missing(&'static str),
    /// Whoever stands in between could hand out keys.
    #[error("setting {0} is no https address")]
    NotHttps(&'static str),
}

/// This server as an OAuth server's tokens name it.
#[derive(Clone)]
pub struct Resource {
    issuer: String,
    audience: String,
    fetch: Fetch,
    keys: Arc<Keys>,
}

#[derive(Default)]
struct Keys {
    known: Mutex<Option<(Timestamp, Arc<JwkSet>)>>,
    /// When they were last asked for, and why that failed; held while somebody asks.
    asked: tokio::sync::Mutex<Option<(Timestamp, Option<String>)>>,
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resource").field("issuer", &self.issuer).field("audience", &self.audience).finish()
    }
}

impl Resource {
    /// What `settings` say; nothing when they name no issuer. Contacts nobody: `client` is made for the address
    /// of the keys.
    ///
    /// # Errors
    ///
    /// Half of the settings are missing, or an address is not safe.
    pub fn of(settings: &McpSettings, client: impl FnOnce(&str) -> Oauth) -> Result<Option<Self>, Incomplete> {
        let given = [&settings.oauth_issuer, &settings.oauth_audience, &settings.oauth_jwks_url];
        if given.iter().all(|value| value.is_none()) {
            return Ok(None);
        }
        let need = |value: &Option<String>, key| value.clone().ok_or(Incomplete::Missing(key));
        let issuer = need(&settings.oauth_issuer, "mcp.oauth.issuer")?;
        let audience = need(&settings.oauth_audience, "mcp.oauth.audience")?;
        let address = need(&settings.oauth_jwks_url, "mcp.oauth.jwks_url")?;
        for (key, address) in [("mcp.oauth.jwks_url", &address), ("mcp.oauth.audience", &audience)] {
            let url = url::Url::parse(address).map_err(|_| Incomplete::NotHttps(key))?;
            let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            if url.scheme() != "https" && !here {
                return Err(Incomplete::NotHttps(key));
            }
        }
        let client = client(&address);
        let fetch: Fetch = Arc::new(move || {
            let client = client.clone();
            Box::pin(async move { client.keys().await.map_err(|error| error.to_string()) })
        });
        Ok(Some(Self::new(issuer, audience, fetch)))
    }

    /// A resource of `issuer` with its keys from `fetch`.
    pub fn new(issuer: String, audience: String, fetch: Fetch) -> Self {
        Self { issuer, audience, fetch, keys: Arc::default() }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of this server.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Who shows `token` at `now`.
    ///
    /// # Errors
    ///
    /// Nobody we know, or nobody can say.
    pub async fn check(&self, token: &str, now: Timestamp) -> Result<Principal, OauthRefusal> {
        let header = josekit::jwt::decode_header(token).map_err(|_| OauthRefusal::Invalid("it cannot be read"))?;
        let text = |name: &str| header.claim(name).and_then(Value::as_str).map(str::to_owned);
        let algorithm = text("alg").ok_or(OauthRefusal::Invalid("it names no algorithm"))?;
        if !is_allowed(&algorithm) {
            return Err(OauthRefusal::Invalid("its algorithm is not accepted"));
        }
        if header.claim("crit").is_some() {
            return Err(OauthRefusal::Invalid("it asks for extensions that nobody knows here"));
        }
        if !text("typ")
            .is_none_or(|kind| ["jwt", "at+jwt", "application/at+jwt"].contains(&kind.to_ascii_lowercase().as_str()))
        {
            return Err(OauthRefusal::Invalid("it is no access token"));
        }
        let key = self.key(text("kid").as_deref(), now).await?;
        let verifier = verifier(&algorithm, &key).ok_or(OauthRefusal::Invalid("its key is not of its algorithm"))?;
        let (claims, _) = josekit::jwt::decode_with_verifier(token, &*verifier)
            .map_err(|_| OauthRefusal::Invalid("its signature is wrong"))?;
        self.who(claims.claims_set(), now)
    }

    fn who(&self, claims: &serde_json::Map<String, Value>, now: Timestamp) -> Result<Principal, OauthRefusal> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.issuer.as_str()) {
            return Err(OauthRefusal::Invalid("another issuer made it"));
        }
        let for_us = match claims.get("aud") {
            Some(Value::String(one)) => *one == self.audience,
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(self.audience.as_str())),
            _ => false,
        };
        if !for_us {
            return Err(OauthRefusal::Invalid("it is for another server"));
        }
        let time = |name: &str| claims.get(name).and_then(Value::as_f64).and_then(seconds);
        let end = time("exp").ok_or(OauthRefusal::Invalid("it does not say when it ends"))?;
        if end.saturating_add(LEEWAY).unwrap_or(Timestamp::MIN) <= now {
            return Err(OauthRefusal::Expired);
        }
        if claims.contains_key("nbf")
            && time("nbf").is_none_or(|begin| begin > now.saturating_add(LEEWAY).unwrap_or(now))
        {
            return Err(OauthRefusal::Invalid("it is not valid yet"));
        }
        let subject =
            text("sub").filter(|subject| !subject.is_empty()).ok_or(OauthRefusal::Invalid("it names nobody"))?;
        let scopes = ["scope", "scp"].into_iter().filter_map(|name| claims.get(name)).flat_map(|value| match value {
            Value::String(text) => text.split_whitespace().filter_map(|scope| scope.parse().ok()).collect(),
            Value::Array(all) => all.iter().filter_map(|scope| scope.as_str()?.parse().ok()).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::<Scope>::new(),
        });
        Ok(Principal::new(name_of(subject), scopes))
    }

    /// The key that a token names; the only one when it names none.
    async fn key(&self, id: Option<&str>, now: Timestamp) -> Result<Jwk, OauthRefusal> {
        let unknown = OauthRefusal::Invalid("nobody knows its key");
        if let Some((at, keys)) = self.known()
            && now.duration_since(at) < KEYS_LAST
            && let Some(key) = find(&keys, id)
        {
            return Ok(key);
        }
        let mut asked = self.keys.asked.lock().await;
        // Somebody else may have asked meanwhile.
        let lately = asked.as_ref().is_some_and(|(at, _)| now.duration_since(*at) < ASK_AGAIN);
        if !lately {
            let fetched = (self.fetch)().await.and_then(|keys| {
                let text = keys.to_string();
                JwkSet::from_bytes(text).map_err(|_| "what was answered is no key set".to_owned())
            });
            let trouble = match fetched {
                Ok(keys) => {
                    *self.keys.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::new(keys)));
                    None
                }
                Err(why) => Some(why),
            };
            *asked = Some((now, trouble));
        }
        // Old keys are better than none while the issuer is away.
        match (self.known(), asked.as_ref().and_then(|(_, trouble)| trouble.clone())) {
            (Some((_, keys)), None) => find(&keys, id).ok_or(unknown),
            (Some((at, keys)), Some(_)) if now.duration_since(at) < KEYS_SERVE => find(&keys, id).ok_or(unknown),
            (Some(_) | None, trouble) => Err(OauthRefusal::Unknown(trouble.unwrap_or_default())),
        }
    }

    fn known(&self) -> Option<(Timestamp, Arc<JwkSet>)> {
        self.keys.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_allowed(algorithm: &str) -> bool {
    matches!(
        algorithm,
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA"
    )
}

fn find(keys: &JwkSet, id: Option<&str>) -> Option<Jwk> {
    let signing: Vec<_> =
        keys.keys().into_iter().filter(|key| key.key_use().is_none_or(|kind| kind == "sig")).collect();
    let mut key = match (id, signing.as_slice()) {
        (None, [only]) => (*only).clone(),
        (None, _) => return None,
        (Some(id), all) => (*all.iter().find(|key| key.key_id() == Some(id))?).clone(),
    };
    // The library would compare it once more, and refuse a token that names none.
    key.set_parameter("kid", None).ok()?;
    Some(key)
}

fn verifier(algorithm: &str, key: &Jwk) -> Option<Box<dyn JwsVerifier>> {
    fn boxed<V: JwsVerifier + 'static, E>(made: Result<V, E>) -> Option<Box<dyn JwsVerifier>> {
        made.ok().map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>)
    }
    match algorithm {
        "RS256" => boxed(rsassa::RsassaJwsAlgorithm::Rs256.verifier_from_jwk(key)),
        "RS384" => boxed(rsassa::RsassaJwsAlgorithm::Rs384.verifier_from_jwk(key)),
        "RS512" => boxed(rsassa::RsassaJwsAlgorithm::Rs512.verifier_from_jwk(key)),
        "PS256" => boxed(rsassa_pss::RsassaPssJwsAlgorithm::Ps256.verifier_from_jwk(key)),
        "PS384" => boxed(rsassa_pss::RsassaPssJwsAlgorithm::Ps384.verifier_from_jwk(key)),
        "PS512" => boxed(rsassa_pss::RsassaPssJwsAlgorithm::Ps512.verifier_from_jwk(key)),
        "ES256" => boxed(ecdsa::EcdsaJwsAlgorithm::Es256.verifier_from_jwk(key)),
        "ES384" => boxed(ecdsa::EcdsaJwsAlgorithm::Es384.verifier_from_jwk(key)),
        "ES512" => boxed(ecdsa::EcdsaJwsAlgorithm::Es512.verifier_from_jwk(key)),
        "EdDSA" => boxed(eddsa::EddsaJwsAlgorithm::Eddsa.verifier_from_jwk(key)),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "fractions of a second do not count; the rest saturates")]
fn seconds(number: f64) -> Option<Timestamp> {
    Timestamp::from_second(number as i64).ok()
}

/// Names are kept with what is done, so a mail address becomes a digest. Never the name of a token of ours.
fn name_of(subject: &str) -> String {
    let plain = subject.len() <= 64 && subject.chars().all(|c| c.is_ascii_alphanumeric() || "._:|/-".contains(c));
    if plain {
        return format!("oauth:{subject}");
    }
    let digest = hex::encode(&Sha256::digest(subject.as_bytes())[..6]);
    format!("oauth:{digest}")
}

#[cfg(test)]
mod tests;
