//! Endpoints of the `gitlab` crate on our one way out, one small connection per call.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use gitlab::api::endpoint_prelude::{BodyError, Cow, Method, QueryParams, UrlBase};
use gitlab::api::{ApiError, AsyncClient, AsyncQuery as _, Endpoint, RestClient};
use http::Response;
use http::request::Builder;
use serde::de::DeserializeOwned;
use url::Url;

use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::http::ServiceHttp;
use crate::core::clients::http::answer::Answer;
use crate::core::clients::retry::Repeat;

/// Largest page that GitLab gives.
const PER_PAGE: usize = 100;

/// Shipments have a few hundred comments at most; more pages than this are a loop.
const MOST_PAGES: usize = 50;

/// Can an answer be read?
type Readable = fn(&Answer) -> Result<(), ClientError>;

/// One call: whom we ask, for what, what repeating it does, and what counts as an answer.
#[derive(Clone, Copy)]
pub(super) struct GitlabCall<'a> {
    http: &'a ServiceHttp,
    op: &'static str,
    repeat: Repeat,
    check: Readable,
}

impl<'a> GitlabCall<'a> {
    pub(super) const fn new(http: &'a ServiceHttp, op: &'static str, repeat: Repeat) -> Self {
        Self { http, op, repeat, check: Answer::done }
    }

    const fn checked(self, check: Readable) -> Self {
        Self { check, ..self }
    }

    /// Sends the request and gives back the body of a success.
    async fn bytes<E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        endpoint: Result<E, B>,
    ) -> Result<Vec<u8>, ClientError> {
        let endpoint = endpoint.map_err(|cause| self.unreadable(&cause.to_string()))?;
        self.raw(endpoint).await
    }

    /// A write whose answer says nothing that we need.
    pub(super) async fn done<E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        endpoint: Result<E, B>,
    ) -> Result<(), ClientError> {
        self.bytes(endpoint).await.map(drop)
    }

    /// One object.
    pub(super) async fn one<T: DeserializeOwned, E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        endpoint: Result<E, B>,
    ) -> Result<T, ClientError> {
        self.read(&self.checked(is::<T>).bytes(endpoint).await?)
    }

    /// All pages of a list.
    pub(super) async fn all<T: DeserializeOwned, E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        endpoint: Result<E, B>,
    ) -> Result<Vec<T>, ClientError> {
        let endpoint = endpoint.map_err(|cause| self.unreadable(&cause.to_string()))?;
        let mut items = Vec::new();
        for page in 1..=MOST_PAGES {
            let body = self.checked(is::<Vec<T>>).raw(OnePage { endpoint: &endpoint, page }).await?;
            let more: Vec<T> = self.read(&body)?;
            let full = more.len() >= PER_PAGE;
            items.extend(more);
            if !full {
                return Ok(items);
            }
        }
        Err(self.unreadable(&format!("more than {MOST_PAGES} pages")))
    }

    async fn raw<E: Endpoint + Sync>(&self, endpoint: E) -> Result<Vec<u8>, ClientError> {
        gitlab::api::raw(endpoint).query_async(self).await.map_err(|error| {
            if let ApiError::Client { source } = error { source } else { self.unreadable(&error.to_string()) }
        })
    }

    /// The body again, which the check has read before.
    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|cause| self.unreadable(&cause.to_string()))
    }

    fn unreadable(&self, why: &str) -> ClientError {
        ClientError::unreadable(self.http.service(), self.op, why)
    }

    async fn exchange(&self, request: Builder, body: Vec<u8>) -> Result<Response<Bytes>, ClientError> {
        let mut request = request.body(Bytes::from(body)).map_err(|cause| self.unreadable(&cause.to_string()))?;
        // The crate ends an address without parameters with a question mark.
        if let Some(bare) = request.uri().to_string().strip_suffix('?').and_then(|text| text.parse().ok()) {
            *request.uri_mut() = bare;
        }
        let answer = self.http.forward(self.op, self.repeat, request, self.check).await?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// Does the body hold a `T`?
fn is<T: DeserializeOwned>(answer: &Answer) -> Result<(), ClientError> {
    answer.json::<T>().map(drop)
}

impl RestClient for GitlabCall<'_> {
    type Error = ClientError;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Self::Error>> {
        let url = format!("{}/api/v4/{endpoint}", self.http.base());
        Url::parse(&url).map_err(|_| {
            ApiError::client(ClientError::new(self.http.service(), self.op, Fault::BadUrl(self.http.base().to_owned())))
        })
    }
}

// The trait is declared through `async_trait`; this is the signature that macro makes.
impl AsyncClient for GitlabCall<'_> {
    fn rest_async<'life0, 'async_trait>(
        &'life0 self,
        request: Builder,
        body: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, ApiError<ClientError>>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.exchange(request, body).await.map_err(ApiError::client) })
    }
}

/// One page of a list endpoint.
struct OnePage<'e, E> {
    endpoint: &'e E,
    page: usize,
}

impl<E: Endpoint> Endpoint for OnePage<'_, E> {
    fn method(&self) -> Method {
        self.endpoint.method()
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.endpoint.endpoint()
    }

    fn url_base(&self) -> UrlBase {
        self.endpoint.url_base()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = self.endpoint.parameters();
        parameters.push("page", self.page as u64).push("per_page", PER_PAGE as u64);
        parameters
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        self.endpoint.body()
    }
}
