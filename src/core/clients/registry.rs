//! Image registry, protocol v2: what a payload says of itself. Anonymous tokens.

use std::io::Read as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::error::{ClientError, Fault};
use super::http::{Answer, ServiceHttp};
use crate::domain::ids::Digest;

/// Most bytes that are unpacked while looking for the metadata file: the layer is a few MiB.
const MOST_UNPACKED: u64 = 256 * 1024 * 1024;

const MANIFEST_TYPES: &str = "application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.manifest.v1+json";

/// Image registry, protocol v2.
#[derive(Debug, Clone)]
pub struct Registry {
    http: ServiceHttp,
}

/// What a payload says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadMetadata {
    /// The release it calls itself.
    pub version: String,
    /// Page of its advisory.
    pub advisory_url: Option<String>,
}

/// Registries spell it one way, the other, or both.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Platformed>,
    #[serde(default)]
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Platformed {
    digest: String,
    platform: Platform,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
}

#[derive(Deserialize)]
struct ReleaseMetadata {
    version: String,
    #[serde(default)]
    metadata: Option<ReleaseUrls>,
}

#[derive(Deserialize)]
struct ReleaseUrls {
    url: Option<String>,
}

impl Registry {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Reads `release-metadata` out of the last layer of `repository:tag`; `None` when there is no such
    /// tag. Reads only; repeat freely. About four requests.
    ///
    /// # Errors
    ///
    /// The registry fails, or the image is no release payload.
    pub async fn payload_metadata(&self, repository: &str, tag: &str) -> Result<Option<PayloadMetadata>, ClientError> {
        const OP: &str = "read payload metadata";
        let bad = |why: &str| ClientError::unreadable(self.http.service(), OP, why);
        let token = self.token(OP, repository).await?;
        let path = |kind: &str, reference: &str| format!("/v2/{repository}/{kind}/{reference}");
        let answer = self.get(OP, &path("manifests", tag), token.as_deref(), &[404]).await?;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        let mut manifest: Manifest = answer.json()?;
        if !manifest.manifests.is_empty() {
            let amd64 = |one: &&Platformed| one.platform.os == "linux" && one.platform.architecture == "amd64";
            let chosen = manifest.manifests.iter().find(amd64).ok_or_else(|| bad("an index without linux/amd64"))?;
            manifest = self.get(OP, &path("manifests", &chosen.digest), token.as_deref(), &[]).await?.json()?;
        }
        let layer = manifest.layers.last().ok_or_else(|| bad("a manifest without layers"))?;
        let wanted: Digest = layer.digest.parse().map_err(|_| bad("a layer without sha256 digest"))?;
        let answer = self.get(OP, &path("blobs", wanted.as_str()), token.as_deref(), &[307]).await?;
        let answer = match answer.header("location") {
            Some(elsewhere) if answer.status.as_u16() == 307 => self.http.get_absolute(OP, elsewhere).send().await?,
            Some(_) | None => answer,
        };
        let got: String = Sha256::digest(&answer.body).iter().map(|byte| format!("{byte:02x}")).collect();
        if wanted.as_str() != format!("sha256:{got}") {
            return Err(bad("a layer whose bytes do not match its digest"));
        }
        let text = metadata_file(&answer.body).map_err(|why| bad(&why))?;
        let told: ReleaseMetadata =
            serde_json::from_slice(&text).map_err(|cause| bad(&format!("release-metadata is damaged ({cause})")))?;
        Ok(Some(PayloadMetadata {
            version: told.version,
            advisory_url: told.metadata.and_then(|metadata| metadata.url).filter(|url| !url.is_empty()),
        }))
    }

    /// The anonymous token a registry wants, or nothing for one that wants none.
    async fn token(&self, op: &'static str, repository: &str) -> Result<Option<String>, ClientError> {
        let answer = self.http.get(op, "/v2/").accept(&[401]).send().await?;
        if answer.status.is_success() {
            // A registry without accounts; a web page comes from somebody in between.
            return answer.done().map(|()| None);
        }
        let Some(challenge) = answer.header("www-authenticate") else {
            return Err(ClientError::new(self.http.service(), op, Fault::Unauthorized(answer.status.as_u16())));
        };
        let part = |name: &str| {
            let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
            let rest = challenge.get(start..)?;
            rest.get(..rest.find('"')?)
        };
        let bad = || ClientError::unreadable(self.http.service(), op, "a challenge without realm");
        let realm = part("realm").ok_or_else(bad)?;
        let scope = format!("repository:{repository}:pull");
        let query = [("service", part("service").unwrap_or_default()), ("scope", scope.as_str())];
        let token: Token = self.http.get_absolute(op, realm).query(&query).json_answer().await?;
        let token = token.token.or(token.access_token);
        token.map(Some).ok_or_else(|| ClientError::unreadable(self.http.service(), op, "an answer without token"))
    }

    async fn get(
        &self,
        op: &'static str,
        path: &str,
        token: Option<&str>,
        accepted: &'static [u16],
    ) -> Result<Answer, ClientError> {
        let mut call = self.http.get(op, path).header("accept", MANIFEST_TYPES).accept(accepted);
        if let Some(token) = token {
            call = call.header("authorization", &format!("Bearer {token}"));
        }
        call.send().await
    }
}

/// The file `release-manifests/release-metadata` out of a gzipped tar.
fn metadata_file(layer: &[u8]) -> Result<Vec<u8>, String> {
    let unpacked = flate2::read::GzDecoder::new(layer).take(MOST_UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    let damaged = |cause: std::io::Error| format!("a layer that cannot be unpacked ({cause})");
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let is_it = entry.path().is_ok_and(|path| path.ends_with("release-manifests/release-metadata"));
        if is_it {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(damaged)?;
            return Ok(text);
        }
    }
    Err("an image without release-metadata: it is no release payload".to_owned())
}
