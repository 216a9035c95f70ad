//! Slack Web API: messages and mentions.
//!
//! Endpoints and types come from `slack-morphism`; its requests leave through our own way out, which
//! also holds the token. The answer is always HTTP 200 with `ok`; `ok: false` is a refusal.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::IntoIterator;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use slack_morphism::errors::{SlackClientError, SlackClientSystemError};
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiToken, SlackApiUserGroupsListRequest, SlackApiUsersLookupByEmailRequest,
    SlackMessageContent, SlackMessageMetadata,
};
use slack_morphism::{
    ClientResult, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId, SlackClientSecret,
};
use url::Url;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::retry::Repeat;

/// Seconds to wait when Slack asks for fewer requests without a time; its limits are per minute.
const PAUSE_S: u64 = 30;

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

    /// Posts `text` to `channel`, into `thread` when given, with `marker` in its metadata, by which
    /// [`Slack::markers`] finds it again; the message's time stamp. Never repeat.
    ///
    /// # Errors
    ///
    /// Slack refuses (`channel_not_found`, `not_in_channel`, …) or fails.
    pub async fn post_message(
        &self,
        channel: &str,
        text: &str,
        thread: Option<&str>,
        marker: &str,
    ) -> Result<String, ClientError> {
        let payload = [("key".to_owned(), marker.to_owned())].into();
        let metadata = SlackMessageMetadata::new(NOTICE.to_owned()).with_event_payload(payload);
        let content = SlackMessageContent::new().with_text(text.to_owned()).with_metadata(metadata);
        let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content);
        request.thread_ts = thread.map(Into::into);
        request.unfurl_links = Some(false);
        let way = Way::new(&self.http, "post message", Repeat::Never);
        let client = SlackClient::new(way);
        let answer = client.open_session(&no_token()).chat_post_message(&request).await;
        let posted = accepted(&client, answer)?;
        // Only the answer and the list of channels tell the id, and looking needs it.
        self.names.keep(channel_name(channel), posted.channel.as_ref());
        Ok(posted.ts.to_string())
    }

    /// The markers of our messages in `channel`, or in its `thread`, from `since` on (`conversations.history`,
    /// `conversations.replies`). Reads only.
    ///
    /// # Errors
    ///
    /// Slack refuses (`missing_scope` without `channels:history` and `groups:history`, …) or fails.
    pub async fn markers(&self, channel: &str, thread: Option<&str>, since: Timestamp) -> Result<Markers, ClientError> {
        let Some(id) = self.channel_id(channel).await? else { return Ok(Markers::default()) };
        let oldest = since.as_second().to_string();
        let (method, of_thread) = match thread {
            None => ("/conversations.history", None),
            Some(ts) => ("/conversations.replies", Some(("ts", ts))),
        };
        let mut markers = Markers::default();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let mut query = vec![("channel", id.as_str()), ("oldest", &oldest), ("limit", "200")];
            query.extend([("include_all_metadata", "true")].into_iter().chain(of_thread));
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page: HistoryPage = self.read("look for messages of ours", method, &query).await?;
            markers.add(&page.messages);
            cursor = page.response_metadata.map(|more| more.next_cursor).unwrap_or_default();
            if cursor.is_empty() {
                return Ok(markers);
            }
        }
        markers.is_cut = true;
        Ok(markers)
    }

    /// The id of a channel that is named; nothing when the bot sees none of this name.
    async fn channel_id(&self, channel: &str) -> Result<Option<String>, ClientError> {
        let bare = channel.trim_start_matches('#');
        let is_id = bare.len() >= 9
            && bare.starts_with(['C', 'G', 'D'])
            && bare.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if is_id {
            return Ok(Some(bare.to_owned()));
        }
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            if let Some(id) = self.names.get(&channel_name(channel)) {
                return Ok(Some(id));
            }
            let mut query = vec![("types", "public_channel,private_channel"), ("limit", "1000")];
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page: ChannelPage = self.read("list channels", "/conversations.list", &query).await?;
            for channel in &page.channels {
                self.names.keep(channel_name(&channel.name), &channel.id);
            }
            cursor = page.response_metadata.map(|more| more.next_cursor).unwrap_or_default();
            if cursor.is_empty() {
                break;
            }
        }
        Ok(self.names.get(&channel_name(channel)))
    }

    /// Reads without the library's types: they refuse a whole page for one message of somebody else.
    async fn read<T: DeserializeOwned>(
        &self,
        op: &'static str,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        let answer = self.http.call(op, Repeat::Reads, http::Method::GET, method).query(query).send().await?;
        agreed(&answer)?;
        answer.json()
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

/// The markers of our messages that a look at a channel found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markers {
    /// The markers.
    pub keys: BTreeSet<String>,
    /// When the newest message of anybody was posted.
    pub newest: Option<Timestamp>,
    /// When the oldest message of the look was posted.
    pub oldest: Option<Timestamp>,
    /// Were there more messages than one look reads?
    pub is_cut: bool,
}

impl Markers {
    fn add(&mut self, messages: &[HistoryMessage]) {
        for message in messages {
            let seconds = message.ts.split('.').next().and_then(|whole| whole.parse().ok());
            let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            self.newest = self.newest.max(at);
            self.oldest = match (self.oldest, at) {
                (Some(oldest), Some(at)) => Some(oldest.min(at)),
                (known, at) => known.or(at),
            };
            let metadata = message.metadata.as_ref().filter(|metadata| metadata.event_type == NOTICE);
            let key = metadata.and_then(|metadata| metadata.event_payload.get("key")?.as_str());
            self.keys.extend(key.map(str::to_owned));
        }
    }
}

/// Type of the metadata that marks our messages.
const NOTICE: &str = "oar_notice";

/// Pages of one look: a channel with more messages since an announcement is not one of ours.
const MOST_PAGES: usize = 20;

#[derive(Deserialize)]
struct HistoryPage {
    #[serde(default)]
    messages: Vec<HistoryMessage>,
    response_metadata: Option<More>,
}

#[derive(Deserialize)]
struct HistoryMessage {
    ts: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    event_payload: Value,
}

#[derive(Deserialize)]
struct ChannelPage {
    #[serde(default)]
    channels: Vec<Channel>,
    response_metadata: Option<More>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct More {
    #[serde(default)]
    next_cursor: String,
}

fn channel_name(channel: &str) -> String {
    format!("channel {}", channel.trim_start_matches('#'))
}

/// Every answer has status 200; its body says whether Slack did what was asked.
fn agreed(answer: &Answer) -> Result<(), ClientError> {
    let envelope: Envelope = answer.json()?;
    if envelope.ok {
        return Ok(());
    }
    let why = envelope.error.unwrap_or_else(|| "no reason given".to_owned());
    let fault = match why.as_str() {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Fault::Unauthorized(200)
        }
        _ => Fault::Refused(why),
    };
    Err(ClientError::new(answer.service, answer.op, fault))
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
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
        let answer = call.read(|answer| {
            let envelope: Envelope = answer.json()?;
            if envelope.ok { answer.json::<T>() } else { Err(refusal(&answer, envelope.error)) }
        });
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
