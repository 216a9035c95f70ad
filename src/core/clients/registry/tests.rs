use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::*;
use crate::core::clients::loopback::talk_to;
use crate::domain::service::Service;

/// A registry in memory that wants a token, and counts how often one was asked for.
#[derive(Default)]
struct StoredImages {
    things: BTreeMap<String, Vec<u8>>,
    /// Blobs that live elsewhere.
    moved: bool,
    tokens: AtomicUsize,
}

impl StoredImages {
    fn add(&mut self, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let digest = digest_of(&bytes).unwrap().to_string();
        self.things.insert(digest.clone(), bytes);
        digest
    }

    fn tag(&mut self, name: &str, digest: &str) {
        let bytes = self.things[digest].clone();
        self.things.insert(name.to_owned(), bytes);
    }

    /// An image with these labels; its digest.
    fn image(&mut self, labels: Value) -> String {
        let config = self.add(json!({ "config": { "Labels": labels } }).to_string());
        self.add(json!({ "config": { "digest": config }, "layers": [] }).to_string())
    }

    fn list(&mut self, members: &[(&str, &str)]) -> String {
        let one = |(arch, digest): &(&str, &str)| json!({ "digest": digest, "platform": { "os": "linux", "architecture": arch } });
        self.add(json!({ "manifests": members.iter().map(one).collect::<Vec<_>>() }).to_string())
    }

    fn payload(&mut self, files: &[(&str, &str)]) -> String {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let (base, last) = (self.add("base"), archive.into_inner().unwrap().finish().unwrap());
        let last = self.add(last);
        let config = self.add("{}");
        let layers = json!([{ "digest": base }, { "digest": last }]);
        self.add(json!({ "config": { "digest": config }, "layers": layers }).to_string())
    }

    fn answer(&self, kind: &str, what: &str, headers: &HeaderMap) -> Response<Body> {
        let status = |status: StatusCode| Response::builder().status(status);
        let worn_out = self.tokens.load(Ordering::SeqCst);
        if headers.get("authorization").is_none_or(|sent| sent != format!("Bearer token-{worn_out}").as_str()) {
            return status(StatusCode::UNAUTHORIZED).body(Body::empty()).unwrap();
        }
        if kind == "blobs" && self.moved {
            return status(StatusCode::TEMPORARY_REDIRECT)
                .header("location", format!("https://elsewhere.example.com/{what}"))
                .body(Body::empty())
                .unwrap();
        }
        match self.things.get(what) {
            Some(bytes) => status(StatusCode::OK).body(Body::from(bytes.clone())).unwrap(),
            None => status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap(),
        }
    }
}

async fn with<T>(stored: StoredImages, test: impl AsyncFnOnce(Registry, &StoredImages) -> T) -> T {
    let stored = Arc::new(stored);
    let (keeper, teller) = (Arc::clone(&stored), Arc::clone(&stored));
    let challenge = |headers: HeaderMap| async move {
        let host = headers["host"].to_str().unwrap().to_owned();
        let realm = format!("Bearer realm=\"http://{host}/auth\",service=\"reg\",scope=\"x\"");
        Response::builder().status(401).header("www-authenticate", realm).body(Body::empty()).unwrap()
    };
    let router = Router::new()
        .route("/v2/", get(challenge))
        .route(
            "/auth",
            get(move || async move {
                let count = teller.tokens.fetch_add(1, Ordering::SeqCst) + 1;
                json!({ "access_token": format!("token-{count}") }).to_string()
            }),
        )
        .route(
            "/v2/ocp/{name}/{kind}/{what}",
            get(move |Path((_, kind, what)): Path<(String, String, String)>, headers: HeaderMap| async move {
                keeper.answer(&kind, &what, &headers)
            }),
        );
    talk_to(router, Service::Registry, async |http| test(Registry::new(http), &stored).await).await
}

fn text(digest: &Digest) -> String {
    digest.to_string()
}

#[tokio::test]
async fn an_image_tells_its_digests_and_labels() {
    let mut stored = StoredImages::default();
    let labels =
        json!({ "name": "openshift/cli", "vcs-ref": "c0ffee", "version": "v4.20", "release": "1", "empty": null });
    let (amd, arm) = (stored.image(labels), stored.image(Value::Null));
    let list = stored.list(&[("arm64", &arm), ("amd64", &amd)]);
    with(stored, async |registry, stored| {
        let image = registry.image("ocp/cli", &list, "amd64").await.unwrap().unwrap();
        assert_eq!((text(&image.digest), image.list_digest.as_ref().map(text)), (amd.clone(), Some(list.clone())));
        let labels = (image.name.as_deref(), image.vcs_ref.as_deref(), image.tag.as_deref());
        assert_eq!(labels, (Some("openshift/cli"), Some("c0ffee"), Some("v4.20-1")));
        let bare = registry.image("ocp/cli", &arm, "amd64").await.unwrap().unwrap();
        assert_eq!((text(&bare.digest), bare.list_digest, bare.name, bare.tag), (arm.clone(), None, None, None));
        assert_eq!(registry.image("ocp/cli", "no-such-tag", "amd64").await.unwrap(), None);
        assert!(registry.image("ocp/cli", &list, "s390x").await.is_err(), "not in the index");
        assert_eq!(stored.tokens.load(Ordering::SeqCst), 1, "one token serves the repository");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_asked_for_once_however_many_want_it_and_renewed_when_worn_out() {
    let mut stored = StoredImages::default();
    let image = stored.image(Value::Null);
    with(stored, async |registry, stored| {
        let asked = (0..8).map(|_| registry.image("ocp/cli", &image, "amd64"));
        assert!(futures::future::join_all(asked).await.iter().all(Result::is_ok));
        assert_eq!(stored.tokens.load(Ordering::SeqCst), 1);
        // The registry forgets the token it gave.
        stored.tokens.fetch_add(1, Ordering::SeqCst);
        let asked = (0..8).map(|_| registry.image("ocp/cli", &image, "amd64"));
        assert!(futures::future::join_all(asked).await.iter().all(Result::is_ok));
        assert_eq!(stored.tokens.load(Ordering::SeqCst), 3);
    })
    .await;
}

#[tokio::test]
async fn bytes_that_do_not_match_their_digest_are_refused() {
    let mut stored = StoredImages::default();
    let (good, other) = (stored.image(Value::Null), stored.image(json!({ "name": "other" })));
    let list = stored.list(&[("amd64", &good)]);
    stored.things.insert(good.clone(), stored.things[&other].clone());
    with(stored, async |registry, _| {
        for reference in [&good, &list] {
            let error = registry.image("ocp/cli", reference, "amd64").await.unwrap_err();
            assert!(error.to_string().contains("do not match"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_payload_tells_its_release_and_images() {
    let mut stored = StoredImages::default();
    let references = r#"{"spec":{"tags":[{"name":"cli","from":{"name":"quay.example.com/a@sha256:1"}},{"name":"etcd","from":{"name":"quay.example.com/b@sha256:2"},"annotations":{}}]}}"#;
    let metadata = r#"{"kind":"cincinnati-metadata-v0","version":"4.20.17"}"#;
    let good = stored.payload(&[
        ("release-manifests/0000.yaml", "x"),
        ("release-manifests/image-references", references),
        ("release-manifests/release-metadata", metadata),
    ]);
    stored.tag("4.20.17-x86_64", &good);
    let bare = stored.payload(&[("release-manifests/release-metadata", metadata)]);
    let none = stored.payload(&[("etc/passwd", "x")]);
    with(stored, async |registry, _| {
        let contents = registry.payload_contents("ocp/release", "4.20.17-x86_64", "amd64").await.unwrap().unwrap();
        let names: Vec<_> =
            contents.images.iter().map(|image| (image.name.as_str(), image.pull_spec.as_str())).collect();
        assert_eq!(contents.version, "4.20.17");
        assert_eq!(names, [("cli", "quay.example.com/a@sha256:1"), ("etcd", "quay.example.com/b@sha256:2")]);
        assert!(registry.payload_contents("ocp/release", &bare, "amd64").await.is_err());
        assert!(registry.payload_contents("ocp/release", &none, "amd64").await.is_err());
        assert_eq!(registry.payload_contents("ocp/release", "4.20.18-x86_64", "amd64").await.unwrap(), None);
        let found = registry.payload_metadata("ocp/release", &bare).await.unwrap().unwrap();
        assert_eq!(found, PayloadMetadata { version: "4.20.17".to_owned(), advisory_url: None });
    })
    .await;
}

#[tokio::test]
async fn a_blob_elsewhere_is_fetched_there_if_the_host_may_be_asked() {
    let mut stored = StoredImages { moved: true, ..StoredImages::default() };
    let image = stored.image(Value::Null);
    with(stored, async |registry, _| {
        let error = registry.image("ocp/cli", &image, "amd64").await.unwrap_err();
        assert!(matches!(error.fault, Fault::HostNotAllowed(ref host) if host == "elsewhere.example.com"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_pull_secret_is_shown_to_the_registry_that_it_names_and_to_nobody_else() {
    let authorization = async |base: &str, realm_here: bool| {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (noted, realm) = (seen.clone(), realm_here);
        let router = Router::new().fallback(async move |request: axum::extract::Request| {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            let auth = request.headers().get("authorization").map(|sent| sent.to_str().unwrap().to_owned());
            if request.uri().path() == "/token" {
                noted.lock().unwrap().push(auth);
                return Response::new(Body::from(r#"{"token":"t"}"#));
            }
            if auth.is_some() {
                return Response::builder().status(404).body(Body::empty()).unwrap();
            }
            // Elsewhere is the same server under another name.
            let host = if realm { host } else { host.replace("127.0.0.1", "localhost") };
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
            Response::builder().status(401).header("www-authenticate", challenge).body(Body::empty()).unwrap()
        });
        let logins = BTreeMap::from([
            ("registry.example.com".to_owned(), SecretString::from("wide")),
            (base.to_owned(), SecretString::from("narrow")),
        ]);
        talk_to(router, Service::Registry, async |http| {
            let registry = Registry::new(http).with_pull_secret("registry.example.com", logins.into());
            assert_eq!(registry.payload_metadata("team/app", "1").await.unwrap(), None);
        })
        .await;
        let seen = seen.lock().unwrap();
        seen.clone()
    };
    assert_eq!(authorization("registry.example.com/team", true).await, [Some("Basic narrow".to_owned())]);
    assert_eq!(authorization("registry.example.com/tea", true).await, [Some("Basic wide".to_owned())]);
    assert_eq!(authorization("registry.example.com/team", false).await, [None], "a realm elsewhere");
}

#[test]
fn a_layer_that_unpacks_without_end_is_given_up() {
    let packed = |name: &str, size: u64| {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        archive.append_data(&mut header, name, std::io::repeat(b' ').take(size)).unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    };
    let refused = release_files(&packed(METADATA, MOST_FILE + 1)).unwrap_err();
    assert!(refused.contains("larger than"), "{refused}");
    assert_eq!(release_files(&packed("other", MOST_FILE)).unwrap().len(), 0);
    for damaged in [&b""[..], b"\x1f\x8b", b"<html></html>", &[0; 4096], &packed(METADATA, 4096)[..60]] {
        assert_eq!(release_files(damaged).unwrap_or_default().len(), 0);
    }
}
