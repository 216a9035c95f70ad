//! The way of the library's requests: each leaves through our own way out, whose error is kept beside the library's.

use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use slack_morphism::errors::{SlackClientError, SlackClientSystemError};
use slack_morphism::prelude::SlackApiToken;
use slack_morphism::{
    ClientResult, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId, SlackClientSecret,
};
use url::Url;

use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::http::ServiceHttp;
use crate::core::clients::http::answer::Answer;
use crate::core::clients::retry::Repeat;

/// Seconds to wait when Slack asks for fewer requests without a time; its limits are per minute.
const PAUSE_S: u64 = 30;

/// The library wants a token; ours is added on the way out.
pub(super) fn no_token() -> SlackApiToken {
    SlackApiToken::new(String::new().into())
}

/// What really went wrong: our own error when there is one, else what the library says.
pub(super) fn accepted<T>(client: &SlackClient<Way<'_>>, answer: ClientResult<T>) -> Result<T, ClientError> {
    let way = &client.http_api.connector;
    answer.map_err(|error| {
        let ours = way.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        ours.unwrap_or_else(|| ClientError::unreadable(way.http.service(), way.op, error.to_string()))
    })
}

/// The library's way out: one operation over our own client.
#[derive(Debug)]
pub(super) struct Way<'a> {
    http: &'a ServiceHttp,
    op: &'static str,
    repeat: Repeat,
    error: Mutex<Option<ClientError>>,
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
}

/// What `answer` brings. Its status is 200 whatever happened; its body says whether Slack did what was asked.
pub(super) fn agreed<T: DeserializeOwned>(answer: &Answer) -> Result<T, ClientError> {
    let envelope: Envelope = answer.json()?;
    if envelope.ok { answer.json() } else { Err(refusal(answer, envelope.error)) }
}

/// What "no" means, by its code.
fn refusal(answer: &Answer, code: Option<String>) -> ClientError {
    let code = code.unwrap_or_else(|| "no reason given".to_owned());
    match code.as_str() {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            answer.error(Fault::Unauthorized(200))
        }
        // Said with status 429 as a rule, and then with the time in a header.
        "ratelimited" | "rate_limited" => {
            let wait_s = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
            let error = answer.error(Fault::RateLimited(200));
            ClientError { retry_after_s: wait_s.or(Some(PAUSE_S)), ..error }
        }
        _ => answer.error(Fault::Refused(code)),
    }
}

impl<'a> Way<'a> {
    pub(super) const fn new(http: &'a ServiceHttp, op: &'static str, repeat: Repeat) -> Self {
        Self { http, op, repeat, error: Mutex::new(None) }
    }

    async fn ask<T: DeserializeOwned>(&self, method: http::Method, uri: &Url, body: Option<String>) -> ClientResult<T> {
        let path = uri.path().rsplit('/').next().unwrap_or_default();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut call = self.http.call(self.op, self.repeat, method, &format!("/{path}{query}"));
        if let Some(body) = body.and_then(|text| serde_json::from_str(&text).ok()) {
            call = call.json(&body);
        }
        let answer = call.read(|answer| agreed(&answer));
        answer.await.map_err(|error: ClientError| self.keep(error))
    }

    fn keep(&self, error: ClientError) -> SlackClientError {
        let message = error.to_string();
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        SlackClientError::SystemError(SlackClientSystemError::new().with_message(message))
    }

    fn unused<'b, T: Send + 'b>(&self, what: &str) -> BoxFuture<'b, ClientResult<T>> {
        let error = SlackClientSystemError::new().with_message(format!("{what} is not used"));
        std::future::ready(Err(SlackClientError::SystemError(error))).boxed()
    }
}

impl SlackClientHttpConnector for Way<'_> {
    fn http_get_uri<'a, RS>(&'a self, uri: Url, _: SlackClientApiCallContext<'a>) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move { self.ask(http::Method::GET, &uri, None).await }.boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        uri: Url,
        request: &'a RQ,
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: serde::Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        let body = serde_json::to_string(request).ok();
        async move { self.ask(http::Method::POST, &uri, body).await }.boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        _: Url,
        _: &'a SlackClientId,
        _: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.unused("authentication with a client secret")
    }

    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        _: Url,
        _: Option<slack_morphism::multipart_form::FileMultipartData<'p>>,
        _: &'p PT,
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        self.unused("uploading a form")
    }

    fn http_post_uri_binary<'a, 'p, RS>(
        &'a self,
        _: Url,
        _: String,
        _: &'a [u8],
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.unused("uploading bytes")
    }
}
