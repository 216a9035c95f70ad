//! Slack Web API: messages and mentions.
//!
//! Endpoints and types come from `slack-morphism`; its requests leave through our own way out, which
//! also holds the token (`connector`). The answer is always HTTP 200 with `ok`; `ok: false` is a refusal.

mod connector;
pub mod markers;

use std::collections::BTreeMap;
use std::iter::IntoIterator;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use slack_morphism::SlackClient;
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiUserGroupsListRequest, SlackApiUsersLookupByEmailRequest,
    SlackMessageContent, SlackMessageMetadata,
};

use self::connector::{Way, accepted, agreed, no_token};
use self::markers::{HistoryPage, Markers, NOTICE};
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
        let call = self.http.call(op, Repeat::Reads, http::Method::GET, method).query(query);
        call.read(|answer| agreed(&answer)).await
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

/// Pages of one look: a channel with more messages since an announcement is not one of ours.
const MOST_PAGES: usize = 20;

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
