//! Slack Web API: messages and mentions.
//!
//! Endpoints and types come from `slack-morphism`; its requests leave through our own way out, which
//! also holds the token. The answer is always HTTP 200 with `ok`; `ok: false` is a refusal.

use std::collections::BTreeMap;
use std::iter::IntoIterator;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use slack_morphism::errors::{SlackClientError, SlackClientSystemError};
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiToken, SlackApiUserGroupsListRequest, SlackApiUsersLookupByEmailRequest,
    SlackMessageContent,
};
use slack_morphism::{
    ClientResult, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId, SlackClientSecret,
};
use url::Url;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::retry::Repeat;

/// Slack Web API.
#[derive(Debug, Clone)]
pub struct Slack {
    http: ServiceHttp,
    names: Names,
}

/// Ids of people and groups that were looked up: each is asked for once, by all clients that share this.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<Mutex<BTreeMap<String, String>>>);

impl Names {
    fn get(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: String, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, id.to_owned());
    }
}

impl Slack {
    /// A client over `http`.
    pub fn new(http: ServiceHttp) -> Self {
        Self { http, names: Names::default() }
    }

    /// The same with ids that others looked up, too.
    pub fn knowing(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// Posts `text` to `channel`, into `thread` when given; the message's time stamp. Never repeat.
    ///
    /// # Errors
    ///
    /// Slack refuses (`channel_not_found`, `not_in_channel`, …) or fails.
    pub async fn post_message(&self, channel: &str, text: &str, thread: Option<&str>) -> Result<String, ClientError> {
        let content = SlackMessageContent::new().with_text(text.to_owned());
        let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content);
        request.thread_ts = thread.map(Into::into);
        request.unfurl_links = Some(false);
        let way = Way::new(&self.http, "post message", Repeat::Never);
        let client = SlackClient::new(way);
        let answer = client.open_session(&no_token()).chat_post_message(&request).await;
        Ok(accepted(&client, answer)?.ts.to_string())
    }

    /// The id of the person with this mail address; `None` when Slack knows nobody. Reads only.
    ///
    /// # Errors
    ///
    /// Slack refuses or fails.
    pub async fn user_id(&self, email: &str) -> Result<Option<String>, ClientError> {
        let name = format!("person {email}");
        if let Some(id) = self.names.get(&name) {
            return Ok(Some(id));
        }
        let request = SlackApiUsersLookupByEmailRequest::new(email.to_owned().into());
        let client = SlackClient::new(Way::new(&self.http, "look up user", Repeat::Reads));
        let answer = client.open_session(&no_token()).users_lookup_by_email(&request).await;
        match accepted(&client, answer) {
            Ok(answer) => {
                let id = answer.user.id.to_string();
                self.names.keep(name, &id);
                Ok(Some(id))
            }
            Err(error) if error.fault == Fault::Refused("users_not_found".to_owned()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id of the user group with this handle; `None` when there is none. Reads only.
    ///
    /// # Errors
    ///
    /// Slack refuses or fails.
    pub async fn group_id(&self, handle: &str) -> Result<Option<String>, ClientError> {
        if let Some(id) = self.names.get(&format!("group {handle}")) {
            return Ok(Some(id));
        }
        let mut request = SlackApiUserGroupsListRequest::new();
        // Without the count the answer lacks a field that the library insists on.
        request.include_count = Some(true);
        let client = SlackClient::new(Way::new(&self.http, "list user groups", Repeat::Reads));
        let answer = client.open_session(&no_token()).usergroups_list(&request).await;
        let groups = accepted(&client, answer)?.usergroups;
        for group in &groups {
            self.names.keep(format!("group {}", group.handle), group.id.as_ref());
        }
        Ok(self.names.get(&format!("group {handle}")))
    }
}

/// The library wants a token; ours is added on the way out.
fn no_token() -> SlackApiToken {
    SlackApiToken::new(String::new().into())
}

/// What really went wrong: our own error when there is one, else what the library says.
fn accepted<T>(client: &SlackClient<Way<'_>>, answer: ClientResult<T>) -> Result<T, ClientError> {
    let way = &client.http_api.connector;
    answer.map_err(|error| {
        let ours = way.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        ours.unwrap_or_else(|| ClientError::unreadable(way.http.service(), way.op, error.to_string()))
    })
}

/// The library's way out: one operation over our own client.
#[derive(Debug)]
struct Way<'a> {
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

impl<'a> Way<'a> {
    const fn new(http: &'a ServiceHttp, op: &'static str, repeat: Repeat) -> Self {
        Self { http, op, repeat, error: Mutex::new(None) }
    }

    async fn ask<T: DeserializeOwned>(&self, method: http::Method, uri: &Url, body: Option<String>) -> ClientResult<T> {
        let path = uri.path().rsplit('/').next().unwrap_or_default();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut call = self.http.call(self.op, self.repeat, method, &format!("/{path}{query}"));
        if let Some(body) = body.and_then(|text| serde_json::from_str(&text).ok()) {
            call = call.json(&body);
        }
        let answer = async {
            let answer = call.send().await?;
            let envelope: Envelope = answer.json()?;
            if !envelope.ok {
                let why = envelope.error.unwrap_or_else(|| "no reason given".to_owned());
                let fault = match why.as_str() {
                    "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
                        Fault::Unauthorized(200)
                    }
                    _ => Fault::Refused(why),
                };
                return Err(ClientError::new(self.http.service(), self.op, fault));
            }
            answer.json::<T>()
        };
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
