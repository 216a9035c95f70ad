//! Simulated `signatures`: the mirror's file per payload digest, binary, 404 until it is published.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::registry;
use crate::domain::release::ZStream;
use crate::sim::events::Event;
use crate::sim::facts::images;
use crate::sim::facts::registry::ARCHES;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/signatures`, with and without the mirror's own folder.
pub fn router() -> Router<World> {
    Router::new()
        .route("/{folder}/{file}", get(short))
        .route("/pub/openshift-v4/signatures/openshift/release/{folder}/{file}", get(short))
}

/// Publication.
pub fn hear(facts: &mut Facts, event: &Event) {
    if *event == Event::SignaturePublished {
        let release = facts.release.release.to_string();
        if !facts.signatures.signed.contains(&release) {
            facts.signatures.signed.push(release);
        }
    }
}

async fn short(State(world): State<World>, Path((folder, file)): Path<(String, String)>) -> Response {
    let missing = || wire::html(StatusCode::NOT_FOUND, "<html><head><title>404 Not Found</title></head></html>");
    let Some(hex) = folder.strip_prefix("sha256=").filter(|_| file == "signature-1") else { return missing() };
    let digest = format!("sha256:{hex}");
    let mut facts = world.facts();
    let Some(tag) = signed_tag(&mut facts, &digest) else { return missing() };
    let body = signature(&digest, &tag);
    if let Some(stable) = facts.registry.stable.get(&digest) {
        let hash = |body: &[u8]| images::digest_of(body).replace("sha256:", "");
        let alias = (hash(&body), hash(&signature(stable, &tag)));
        facts.aliases.push(alias);
    }
    ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

/// The tag of a signed payload; visitors mostly come with a digest that was reported before.
fn signed_tag(facts: &mut Facts, digest: &str) -> Option<String> {
    let signed = facts.signatures.signed.clone();
    let version = |tag: &str| tag.rsplit_once('-').is_some_and(|(version, _)| signed.iter().any(|s| s == version));
    if let Some((tag, _)) = facts.registry.built.iter().find(|(_, built)| *built == digest) {
        return version(tag).then(|| tag.clone());
    }
    let tags = signed.iter().flat_map(|version| ARCHES.map(|(arch, _)| format!("{version}-{arch}")));
    tags.into_iter().find(|tag| registry::payload_digest(facts, tag).as_deref() == Some(digest))
}

/// The claim inside an OpenPGP literal-data packet; the signature packet around it is invented bytes.
fn signature(digest: &str, tag: &str) -> Vec<u8> {
    let reference = tag.rsplit_once('-').and_then(|(version, arch)| {
        Some(version.parse::<ZStream>().ok()?.payload(crate::sim::facts::images::PAYLOADS, arch))
    });
    let claim = json!({
        "critical": {
            "image": { "docker-manifest-digest": digest },
            "type": "atomic container signature",
            "identity": { "docker-reference": reference },
        },
        "optional": { "creator": "simulated signer" },
    })
    .to_string();
    let mut body = vec![0xa3, 0x01, 0xcb, 0xff];
    body.extend(u32::try_from(claim.len()).unwrap_or_default().to_be_bytes());
    body.extend(claim.as_bytes());
    body.extend([0x88, 0xc6, 0xfe, 0xff]);
    body
}
