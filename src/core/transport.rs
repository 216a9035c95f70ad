//! How requests leave this process: over the network, or to services in the same process.
//!
//! Services in the same process see what a wire would carry (the headers that the HTTP library adds, a path
//! without host) and we see what a wire would bring (whole bodies, unpacked; a connection that breaks). Only the
//! bytes in between are missing.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};
use url::{Position, Url};

/// What we call ourselves.
pub const USER_AGENT: &str = concat!("oar/", env!("CARGO_PKG_VERSION"));

/// How requests leave this process.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// Over the network.
    #[default]
    Network,
    /// To services in this process; what is not theirs leaves over the network.
    InMemory(InMemory),
}

impl Transport {
    /// The programs in this process, when there are some.
    pub fn programs(&self) -> Option<&Programs> {
        match self {
            Self::Network => None,
            Self::InMemory(services) => services.programs.as_ref(),
        }
    }

    /// The services in this process, when `url` is theirs.
    pub fn in_memory(&self, url: &Url) -> Option<&InMemory> {
        match self {
            Self::Network => None,
            Self::InMemory(services) => (url[..Position::BeforePath] == services.address).then_some(services),
        }
    }
}

/// Services in this process, all behind one address, and programs that need not be started.
#[derive(Debug, Clone)]
pub struct InMemory {
    address: String,
    services: BoxCloneSyncService<Request<Bytes>, Response<Bytes>, io::Error>,
    programs: Option<Programs>,
}

/// Programs in this process.
pub type Programs = BoxCloneSyncService<ProgramCall, ProgramEnd, io::Error>;

/// A program's call.
pub struct ProgramCall {
    /// What people call it.
    pub name: &'static str,
    /// Everything after its name.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
}

/// How a program ended.
pub struct ProgramEnd {
    /// Exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// Its log.
    pub stderr: String,
}

impl InMemory {
    /// Services that answer in place of whoever listens at `address` (scheme, host and port). Their errors are
    /// how a connection ends: refused before anything was sent, or broken after.
    pub fn new<S>(address: &str, services: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>, Error = io::Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self { address: address.to_owned(), services: BoxCloneSyncService::new(services), programs: None }
    }

    /// The same with programs that answer in place of real ones.
    #[must_use]
    pub fn with_programs<S>(mut self, programs: S) -> Self
    where
        S: Service<ProgramCall, Response = ProgramEnd, Error = io::Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        self.programs = Some(BoxCloneSyncService::new(programs));
        self
    }

    /// One request and its whole answer, waited for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// How the connection ended: refused, broken, or silent for longer than `limit`.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> io::Result<Response<Bytes>> {
        let head = method == Method::HEAD;
        let mut request = Request::new(body);
        *request.uri_mut() = url[Position::BeforePath..Position::AfterQuery].parse().map_err(io::Error::other)?;
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        add_usual_headers(url, &mut request);
        let answer = tokio::time::timeout(limit, self.services.clone().oneshot(request));
        let mut answer = answer.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if head || matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            *answer.body_mut() = Bytes::new();
        }
        unpacked(answer)
    }
}

/// Adds what the HTTP library adds to every request.
fn add_usual_headers(url: &Url, request: &mut Request<Bytes>) {
    let length = request.body().len();
    let headers = request.headers_mut();
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    if let Ok(host) = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]) {
        headers.entry(header::HOST).or_insert(host);
    }
    if length > 0 {
        headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}

/// The answer with its body unpacked, as the HTTP library hands it out.
fn unpacked(mut answer: Response<Bytes>) -> io::Result<Response<Bytes>> {
    if answer.headers().get(header::CONTENT_ENCODING).is_none_or(|packed| packed != "gzip") {
        return Ok(answer);
    }
    let mut body = Vec::new();
    MultiGzDecoder::new(answer.body().as_ref()).read_to_end(&mut body)?;
    answer.headers_mut().remove(header::CONTENT_ENCODING);
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(answer.map(|_| body.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn services_in_memory_see_usual_headers_and_their_packed_answers_are_unpacked() {
        let services = tower::service_fn(async |request: Request<Bytes>| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let names: Vec<&str> = request.headers().keys().map(header::HeaderName::as_str).collect();
            write!(packed, "{} {}", request.uri(), names.join(" "))?;
            let answer = Response::builder().header("content-encoding", "gzip").body(packed.finish()?.into());
            answer.map_err(io::Error::other)
        });
        let services = InMemory::new("http://127.0.0.1:1", services);
        let url = Url::parse("http://127.0.0.1:1/a?b=c#d").unwrap();
        let limit = Duration::from_secs(5);

        let answer = services.send(Method::POST, &url, HeaderMap::new(), "x".into(), limit).await.unwrap();

        assert_eq!(answer.body(), "/a?b=c accept accept-encoding user-agent host content-length");
        assert!(!answer.headers().contains_key("content-encoding"));
        assert!(Transport::InMemory(services).in_memory(&Url::parse("http://127.0.0.1:10/a").unwrap()).is_none());
    }
}
