//! Image registry, protocol v2: what a payload says of itself, what an image is. Tokens are anonymous, or
//! those of the pull secret where the registry has an entry in it.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use crate::domain::consistency::{ImageFacts, NamedImage};
use crate::domain::ids::Digest;

/// Most bytes that are unpacked while looking for the metadata file: the layer is a few MiB.
const MOST_UNPACKED: u64 = 256 * 1024 * 1024;

/// Largest file inside that is read: image-references of a payload has some hundred KB.
const MOST_FILE: u64 = 16 * 1024 * 1024;

const MANIFEST_TYPES: &str = "application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.manifest.v1+json";

/// Image registry, protocol v2. Clones share their tokens.
#[derive(Debug, Clone)]
pub struct Registry {
    http: ServiceHttp,
    host: String,
    /// Name and password in base64 by `host` or `host/path`.
    logins: Arc<BTreeMap<String, SecretString>>,
    /// One per repository; nothing for a registry that wants none.
    tokens: Arc<Mutex<HashMap<String, Option<String>>>>,
}

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadContents {
    /// The release it calls itself.
    pub version: String,
    /// Its images, in its order.
    pub images: Vec<NamedImage>,
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
    config: Option<Blob>,
}

#[derive(Deserialize)]
struct Platformed {
    digest: String,
    /// Attestations and signatures have none.
    platform: Option<Platform>,
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

#[derive(Deserialize)]
struct ImageReferences {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    tags: Vec<PayloadTag>,
}

#[derive(Deserialize)]
struct PayloadTag {
    name: String,
    from: Source,
}

#[derive(Deserialize)]
struct Source {
    name: String,
}

#[derive(Deserialize)]
struct ImageConfig {
    config: Option<Labelled>,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// The files of a payload that we read.
const METADATA: &str = "release-manifests/release-metadata";
const REFERENCES: &str = "release-manifests/image-references";

impl Registry {
    /// A client over `http`.
    pub fn new(http: ServiceHttp) -> Self {
        Self { http, host: String::new(), logins: Arc::default(), tokens: Arc::default() }
    }

    /// The same with a pull secret; `host` is the registry's name in image names.
    #[must_use]
    pub fn with_pull_secret(self, host: &str, logins: Arc<BTreeMap<String, SecretString>>) -> Self {
        Self { host: host.to_owned(), logins, ..self }
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
        let Some(mut files) = self.release_files(OP, repository, tag, "amd64").await? else { return Ok(None) };
        let release_file = release_metadata(&mut files).map_err(|why| bad(&why))?;
        Ok(Some(PayloadMetadata {
            version: release_file.version,
            advisory_url: release_file.metadata.and_then(|metadata| metadata.url).filter(|url| !url.is_empty()),
        }))
    }

    /// The images that a payload for `arch` (`amd64`) refers to; `reference` is a tag or a digest. `None` when
    /// there is no such payload. Reads only; repeat freely. About four requests.
    ///
    /// # Errors
    ///
    /// The registry fails, or the image is no release payload.
    pub async fn payload_contents(
        &self,
        repository: &str,
        reference: &str,
        arch: &str,
    ) -> Result<Option<PayloadContents>, ClientError> {
        const OP: &str = "read the images of a payload";
        let bad = |why: &str| ClientError::unreadable(self.http.service(), OP, why);
        let Some(mut files) = self.release_files(OP, repository, reference, arch).await? else { return Ok(None) };
        let release_file = release_metadata(&mut files).map_err(|why| bad(&why))?;
        let text = files.remove(REFERENCES).ok_or_else(|| bad("a payload without image-references"))?;
        let references: ImageReferences =
            serde_json::from_slice(&text).map_err(|cause| bad(&format!("image-references is damaged ({cause})")))?;
        let tags = references.spec.tags.into_iter();
        let images = tags.map(|tag| NamedImage { name: tag.name, pull_spec: tag.from.name }).collect();
        Ok(Some(PayloadContents { version: release_file.version, images }))
    }

    /// What an image is, for one architecture as images spell it (`amd64`): manifest, then configuration.
    /// `None` when there is no such image. Reads only; repeat freely. Two or three requests.
    ///
    /// # Errors
    ///
    /// The registry fails, an index does not hold the architecture, bytes do not match their digest.
    pub async fn image(
        &self,
        repository: &str,
        reference: &str,
        arch: &str,
    ) -> Result<Option<ImageFacts>, ClientError> {
        const OP: &str = "read an image";
        let bad = |why: &str| ClientError::unreadable(self.http.service(), OP, why);
        let Some(found) = self.manifest(OP, repository, reference, arch).await? else { return Ok(None) };
        let config = found.manifest.config.ok_or_else(|| bad("a manifest without configuration"))?;
        let config = self.blob(OP, repository, &config.digest).await?;
        let config: ImageConfig =
            serde_json::from_slice(&config).map_err(|cause| bad(&format!("a damaged configuration ({cause})")))?;
        let mut labels = config.config.and_then(|config| config.labels).unwrap_or_default();
        let mut label = |name: &str| labels.remove(name).flatten().filter(|text| !text.is_empty());
        let (version, release) = (label("version"), label("release"));
        Ok(Some(ImageFacts {
            digest: found.digest,
            list_digest: found.list_digest,
            name: label("name"),
            vcs_ref: label("vcs-ref"),
            tag: version.zip(release).map(|(version, release)| format!("{version}-{release}")),
        }))
    }

    /// The files of a payload's last layer that we read.
    async fn release_files(
        &self,
        op: &'static str,
        repository: &str,
        reference: &str,
        arch: &str,
    ) -> Result<Option<HashMap<&'static str, Vec<u8>>>, ClientError> {
        let bad = |why: &str| ClientError::unreadable(self.http.service(), op, why);
        let Some(found) = self.manifest(op, repository, reference, arch).await? else { return Ok(None) };
        let layer = found.manifest.layers.last().ok_or_else(|| bad("a manifest without layers"))?;
        let layer = self.blob(op, repository, &layer.digest).await?;
        release_files(&layer).map(Some).map_err(|why| bad(&why))
    }

    /// The manifest of one architecture; an index is followed once.
    async fn manifest(
        &self,
        op: &'static str,
        repository: &str,
        reference: &str,
        arch: &str,
    ) -> Result<Option<Found>, ClientError> {
        let bad = |why: &str| ClientError::unreadable(self.http.service(), op, why);
        let path = |reference: &str| format!("/v2/{repository}/manifests/{reference}");
        let wanted = reference.contains(':').then_some(reference);
        let first = self.get(op, repository, &path(reference), &[404], &|answer| manifest_in(&answer, wanted)).await?;
        let Some((manifest, digest)) = first else { return Ok(None) };
        if manifest.manifests.is_empty() {
            return Ok(Some(Found { manifest, digest, list_digest: None }));
        }
        let wanted = |one: &&Platformed| {
            one.platform.as_ref().is_some_and(|platform| platform.os == "linux" && platform.architecture == arch)
        };
        let chosen = manifest.manifests.iter().find(wanted);
        let chosen = chosen.ok_or_else(|| bad(&format!("an index without linux/{arch}")))?;
        let own = |answer: Answer| manifest_in(&answer, Some(&chosen.digest));
        let own = self.get(op, repository, &path(&chosen.digest), &[], &own).await?;
        Ok(own.map(|(manifest, own)| Found { manifest, digest: own, list_digest: Some(digest) }))
    }

    /// A blob, which may live elsewhere; its bytes have to match its digest.
    async fn blob(&self, op: &'static str, repository: &str, digest: &str) -> Result<bytes::Bytes, ClientError> {
        let bad = |why: &str| ClientError::unreadable(self.http.service(), op, why);
        let wanted: Digest = digest.parse().map_err(|_| bad("a blob without sha256 digest"))?;
        let whole = |answer: Answer| match digest_of(&answer.body).as_ref() == Some(&wanted) {
            true => Ok(answer.body),
            false => Err(bad("a blob whose bytes do not match its digest")),
        };
        // Without our token when it leads to another host.
        let elsewhere =
            |answer: &Answer| answer.header("location").filter(|_| answer.status.is_redirection()).map(str::to_owned);
        let there = |answer: Answer| match elsewhere(&answer) {
            Some(elsewhere) => Ok(Err(elsewhere)),
            None => whole(answer).map(Ok),
        };
        let path = format!("/v2/{repository}/blobs/{wanted}");
        match self.get(op, repository, &path, &[302, 303, 307, 308], &there).await? {
            Ok(body) => Ok(body),
            Err(elsewhere) => self.http.get_absolute(op, &elsewhere).read(whole).await,
        }
    }

    /// The anonymous token a registry wants, or nothing for one that wants none.
    async fn token(&self, op: &'static str, repository: &str) -> Result<Option<String>, ClientError> {
        // A registry without accounts says yes; a web page comes from somebody in between.
        let yes = |answer: Answer| if answer.status.is_success() { answer.done().map(|()| answer) } else { Ok(answer) };
        let answer = self.http.get(op, "/v2/").accept(&[401]).read(yes).await?;
        if answer.status.is_success() {
            return Ok(None);
        }
        let Some(challenge) = answer.header("www-authenticate") else { return Err(answer.refused()) };
        let part = |name: &str| {
            let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
            let rest = challenge.get(start..)?;
            rest.get(..rest.find('"')?)
        };
        let bad = || ClientError::unreadable(self.http.service(), op, "a challenge without realm");
        let realm = part("realm").ok_or_else(bad)?;
        let scope = format!("repository:{repository}:pull");
        let query = [("service", part("service").unwrap_or_default()), ("scope", scope.as_str())];
        let mut call = self.http.get_absolute(op, realm).query(&query);
        if let Some(login) = self.login_for(repository).filter(|_| self.may_know(realm)) {
            call = call.secret_header("authorization", &format!("Basic {}", login.expose_secret()));
        }
        call.read(|answer| {
            let token: Token = answer.json()?;
            let token = token.token.or(token.access_token);
            token.map(Some).ok_or_else(|| ClientError::unreadable(answer.service, op, "an answer without token"))
        })
        .await
    }

    /// The entry of the pull secret with the longest matching place.
    fn login_for(&self, repository: &str) -> Option<&SecretString> {
        let whole = format!("{}/{repository}", self.host);
        let fits = |place: &str| whole.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let fitting = self.logins.iter().filter(|(place, _)| fits(place));
        fitting.max_by_key(|(place, _)| place.len()).map(|(_, login)| login)
    }

    /// May the password go to this address? Only over TLS, or on this machine; a challenge names any address
    /// it likes, so it has to be the registry or a neighbour of it.
    fn may_know(&self, realm: &str) -> bool {
        let Ok(url) = url::Url::parse(&self.http.rewritten(realm)) else { return false };
        let host = url.host_str().unwrap_or_default();
        let own = url::Url::parse(self.http.base()).ok();
        let own = own.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        let domain = |host: &str| host.rsplit('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        let local = own == host && matches!(host, "127.0.0.1" | "localhost");
        local || (url.scheme() == "https" && (host == own || (own.contains('.') && domain(host) == domain(own))))
    }

    /// Reads with the token of the repository; one that is worn out is renewed once.
    async fn get<T>(
        &self,
        op: &'static str,
        repository: &str,
        path: &str,
        accepted: &'static [u16],
        read: &impl Fn(Answer) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let ask = |token: Option<String>| {
            let call = self.http.get(op, path).header("accept", MANIFEST_TYPES).accept(accepted);
            match token {
                Some(token) => call.header("authorization", &format!("Bearer {token}")),
                None => call,
            }
        };
        let token = self.known_token(op, repository, None).await?;
        match ask(token.clone()).read(read).await {
            Err(error) if matches!(error.fault, Fault::Unauthorized(401)) => {
                ask(self.known_token(op, repository, Some(token)).await?).read(read).await
            }
            ended => ended,
        }
    }

    /// The token of a repository; asked for once, however many requests want it at the same time.
    ///
    /// `worn_out` is one that was refused: it is replaced, unless somebody else did so meanwhile.
    async fn known_token(
        &self,
        op: &'static str,
        repository: &str,
        worn_out: Option<Option<String>>,
    ) -> Result<Option<String>, ClientError> {
        let mut tokens = self.tokens.lock().await;
        match tokens.get(repository) {
            Some(known) if worn_out.as_ref() != Some(known) => Ok(known.clone()),
            Some(_) | None => {
                let token = self.token(op, repository).await?;
                tokens.insert(repository.to_owned(), token.clone());
                Ok(token)
            }
        }
    }
}

/// A manifest with its digest, which has to be the one that was asked for; nothing for an accepted 404.
fn manifest_in(answer: &Answer, wanted: Option<&str>) -> Result<Option<(Manifest, Digest)>, ClientError> {
    if answer.status.as_u16() == 404 {
        return Ok(None);
    }
    let bad = |why: &str| ClientError::unreadable(answer.service, answer.op, why);
    let digest = digest_of(&answer.body).ok_or_else(|| bad("a manifest without digest"))?;
    if wanted.is_some_and(|wanted| wanted != digest.as_str()) {
        return Err(bad("a manifest whose bytes do not match its digest"));
    }
    Ok(Some((answer.json()?, digest)))
}

/// A manifest with what it is called.
struct Found {
    manifest: Manifest,
    digest: Digest,
    list_digest: Option<Digest>,
}

fn digest_of(bytes: &[u8]) -> Option<Digest> {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes))).parse().ok()
}

fn release_metadata(files: &mut HashMap<&'static str, Vec<u8>>) -> Result<ReleaseMetadata, String> {
    let text = files.remove(METADATA).ok_or("an image without release-metadata: it is no release payload")?;
    serde_json::from_slice(&text).map_err(|cause| format!("release-metadata is damaged ({cause})"))
}

/// The files that we read, out of a gzipped tar.
fn release_files(layer: &[u8]) -> Result<HashMap<&'static str, Vec<u8>>, String> {
    let unpacked = flate2::read::GzDecoder::new(layer).take(MOST_UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    let damaged = |cause: std::io::Error| format!("a layer that cannot be unpacked ({cause})");
    let mut files = HashMap::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = [METADATA, REFERENCES].into_iter().find(|name| entry.path().is_ok_and(|path| path.ends_with(name)));
        if let Some(name) = name {
            let mut text = Vec::new();
            (&mut entry).take(MOST_FILE + 1).read_to_end(&mut text).map_err(damaged)?;
            if text.len() as u64 > MOST_FILE {
                return Err(format!("{name} is larger than {MOST_FILE} bytes"));
            }
            files.insert(name, text);
        }
        if files.len() == 2 {
            break;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
