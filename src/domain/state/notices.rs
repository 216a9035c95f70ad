//! Messages about a task in its entry, those about the release at the top: due ones with all that is needed to send
//! them, sent ones by their key.
//!
//! Both stand in a list `notified`: a mapping is due, a text was sent. Older readers take the texts and keep the rest.

use super::document::{Map, Node};
use super::entries::DueNotice;
use super::task_moves::entry;
use super::text;
use super::view::stamp;
use crate::domain::task::Task;

/// Adds a message that is to be sent, unless it is there.
pub(super) fn due(document: &mut Map, task: Option<Task>, notice: &DueNotice) {
    let key = text::note(&notice.key);
    let list = list(document, task);
    if list.iter().any(|node| is_about(node, &key)) {
        return;
    }
    let mut map = Map::from([
        ("key", Node::text(key)),
        ("team", Node::text(&notice.team)),
        ("text", Node::text(text::result(&notice.text))),
        ("due_at", Node::optional(notice.due_at.map(stamp))),
    ]);
    if notice.calls_team {
        map.set("calls_team", Node::bool(true));
    }
    list.push(Node::Map(map));
}

/// Remembers that a message was sent; it is not due any more.
pub(super) fn sent(document: &mut Map, task: Option<Task>, key: &str) {
    let key = text::note(key);
    let list = list(document, task);
    match list.iter().position(|node| is_about(node, &key)) {
        Some(place) => list[place] = Node::text(key),
        None => list.push(Node::text(key)),
    }
}

fn list(document: &mut Map, task: Option<Task>) -> &mut Vec<Node> {
    match task {
        Some(task) => entry(document, task).list_mut("result", "notified"),
        None => document.list_mut("issues", "notified"),
    }
}

fn is_about(node: &Node, key: &str) -> bool {
    node.as_text().or_else(|| node.as_map()?.get("key")?.as_text()) == Some(key)
}
