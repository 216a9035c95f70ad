use std::sync::atomic::{AtomicU32, Ordering};

use josekit::jwk::KeyPair as _;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jws::JwsHeader;
use josekit::jwt::JwtPayload;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://login.example.com/realm";
const AUDIENCE: &str = "https://oar.example.com/mcp";

/// An issuer with one key, which can be replaced.
struct Issuer {
    key: EcKeyPair,
    id: String,
}

impl Issuer {
    fn new(id: &str) -> Self {
        Self { key: ecdsa::EcdsaJwsAlgorithm::Es256.generate_key_pair().unwrap(), id: id.to_owned() }
    }

    fn keys(&self) -> Value {
        let mut key = self.key.to_jwk_public_key();
        key.set_key_id(&self.id);
        json!({ "keys": [key.as_ref()] })
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = JwsHeader::new();
        header.set_key_id(&self.id);
        let payload = JwtPayload::from_map(claims.as_object().unwrap().clone()).unwrap();
        let signer = ecdsa::EcdsaJwsAlgorithm::Es256.signer_from_der(self.key.to_der_private_key()).unwrap();
        josekit::jwt::encode_with_signer(&payload, &header, &signer).unwrap()
    }
}

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "agent-7", "scope": "release:read openid issues:write",
        "exp": now().as_second() + 60, "nbf": now().as_second() - 60,
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[field] = value;
    claims
}

/// A resource that gets what `answer` says; and how often it asked.
fn resource(answer: Arc<Mutex<Result<Value, String>>>) -> (Resource, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let fetch: Fetch = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let answer = answer.lock().unwrap().clone();
        Box::pin(async move { answer })
    });
    (Resource::new(ISSUER.to_owned(), AUDIENCE.to_owned(), fetch), asked)
}

fn of(issuer: &Issuer) -> (Resource, Arc<AtomicU32>) {
    resource(Arc::new(Mutex::new(Ok(issuer.keys()))))
}

#[tokio::test]
async fn a_token_of_the_issuer_for_us_lets_its_subject_in_with_the_scopes_we_know() {
    let issuer = Issuer::new("one");
    let (resource, asked) = of(&issuer);
    let wanted = Principal::new("oauth:agent-7", [Scope::Read, Scope::IssuesWrite]);
    for _ in 0..3 {
        assert_eq!(resource.check(&issuer.sign(&claims()), now()).await, Ok(wanted.clone()));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "keys are asked for once");
    let listed = with("aud", json!(["https://other.example.com", AUDIENCE]));
    assert!(resource.check(&issuer.sign(&listed), now()).await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_not_for_us_or_not_for_now_is_refused() {
    let issuer = Issuer::new("one");
    let (resource, _) = of(&issuer);
    let at = now().as_second();
    let wrong = [
        (with("iss", json!("https://login.example.com/other")), "another issuer made it"),
        (with("iss", json!(format!("{ISSUER}/"))), "another issuer made it"),
        (with("aud", json!("https://other.example.com")), "it is for another server"),
        (with("aud", json!(null)), "it is for another server"),
        (with("exp", json!(null)), "it does not say when it ends"),
        (with("nbf", json!(at + 60)), "it is not valid yet"),
        (with("sub", json!("")), "it names nobody"),
    ];
    for (claims, why) in wrong {
        let claims: serde_json::Map<String, Value> = claims
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let checked = resource.check(&issuer.sign(&Value::Object(claims)), now()).await;
        assert_eq!(checked, Err(OauthRefusal::Invalid(why)));
    }
    let over = resource.check(&issuer.sign(&with("exp", json!(at - 31))), now()).await;
    assert_eq!(over, Err(OauthRefusal::Expired));
    assert!(resource.check(&issuer.sign(&with("exp", json!(at - 29))), now()).await.is_ok(), "clocks differ");
}

#[tokio::test]
async fn only_signatures_of_key_pairs_count() {
    let (issuer, thief) = (Issuer::new("one"), Issuer::new("one"));
    let (resource, _) = of(&issuer);
    let stolen = resource.check(&thief.sign(&claims()), now()).await;
    assert_eq!(stolen, Err(OauthRefusal::Invalid("its signature is wrong")));

    let payload = JwtPayload::from_map(claims().as_object().unwrap().clone()).unwrap();
    let none = josekit::jwt::encode_unsecured(&payload, &JwsHeader::new()).unwrap();
    assert_eq!(resource.check(&none, now()).await, Err(OauthRefusal::Invalid("its algorithm is not accepted")));

    // The public key as the secret of a symmetric signature: the oldest trick.
    let secret = issuer.keys().to_string();
    let signer = josekit::jws::HS256.signer_from_bytes(secret.as_bytes()).unwrap();
    let mut header = JwsHeader::new();
    header.set_key_id("one");
    let forged = josekit::jwt::encode_with_signer(&payload, &header, &signer).unwrap();
    assert_eq!(resource.check(&forged, now()).await, Err(OauthRefusal::Invalid("its algorithm is not accepted")));

    let real = issuer.sign(&claims());
    let (head, tail) = real.split_at(real.len() - 4);
    let bent = format!("{head}{}", if tail == "AAAA" { "BBBB" } else { "AAAA" });
    assert!(resource.check(&bent, now()).await.is_err());
    assert!(resource.check("a.b.c", now()).await.is_err());
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_ends() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let answer = Arc::new(Mutex::new(Ok(old.keys())));
    let (resource, asked) = resource(Arc::clone(&answer));
    assert!(resource.check(&old.sign(&claims()), now()).await.is_ok());
    *answer.lock().unwrap() = Ok(new.keys());
    assert!(resource.check(&new.sign(&claims()), now()).await.is_err(), "not asked again at once");
    let later = now() + ASK_AGAIN;
    assert!(resource.check(&new.sign(&claims()), later).await.is_ok());
    assert_eq!(resource.check(&old.sign(&claims()), later).await, Err(OauthRefusal::Invalid("nobody knows its key")));
    assert_eq!(asked.load(Ordering::Relaxed), 2, "unknown keys do not let strangers hammer the issuer");
}

#[tokio::test]
async fn while_the_issuer_is_away_known_keys_serve_for_an_hour_and_then_nobody_can_say() {
    let issuer = Issuer::new("one");
    let answer = Arc::new(Mutex::new(Ok(issuer.keys())));
    let (resource, _) = resource(Arc::clone(&answer));
    let lasting = issuer.sign(&with("exp", json!(now().as_second() + 86_400)));
    assert!(resource.check(&lasting, now()).await.is_ok());
    *answer.lock().unwrap() = Err("away".to_owned());
    assert!(resource.check(&lasting, now() + KEYS_LAST + KEYS_LAST).await.is_ok());
    let checked = resource.check(&lasting, now() + KEYS_SERVE).await;
    assert_eq!(checked, Err(OauthRefusal::Unknown("away".to_owned())));
}

#[test]
fn a_mail_address_as_subject_is_not_kept() {
    assert_eq!(name_of("agent-7"), "oauth:agent-7");
    let name = name_of("someone@example.com");
    assert!(name.starts_with("oauth:") && name.len() == 18 && !name.contains("someone"), "{name}");
}
