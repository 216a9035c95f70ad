//! Git's view of a branch: trees and blobs with their real ids.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::file::File;

/// A file or a folder.
#[derive(Debug)]
pub(in crate::sim) enum Node<'a> {
    /// A file.
    Blob {
        /// Its id.
        sha: String,
        /// Its text, which knows its ids.
        text: &'a File,
    },
    /// A folder.
    Tree {
        /// Its id.
        sha: String,
        /// What is in it.
        entries: BTreeMap<&'a str, Self>,
    },
}

impl<'a> Node<'a> {
    /// The tree of all files.
    ///
    /// Ids of trees are reckoned as if the world's address were not in the files, so that the same
    /// seed gives the same ids on every port; ids of files are always those of their bytes.
    pub(in crate::sim) fn of(files: &'a BTreeMap<String, File>, base_url: &str) -> Self {
        let all: Vec<(&str, &File)> = files.iter().map(|(path, text)| (path.as_str(), text)).collect();
        Self::tree(&all, base_url)
    }

    /// One file.
    pub(in crate::sim) fn file(text: &'a File) -> Self {
        Self::Blob { sha: text.id().to_owned(), text }
    }

    pub(in crate::sim) fn tree(files: &[(&'a str, &'a File)], base_url: &str) -> Self {
        let mut entries = BTreeMap::new();
        let mut below: BTreeMap<&str, Vec<(&str, &File)>> = BTreeMap::new();
        for (path, text) in files {
            match path.split_once('/') {
                Some((folder, rest)) => below.entry(folder).or_default().push((rest, text)),
                None => {
                    entries.insert(*path, Self::file(text));
                }
            }
        }
        for (folder, inside) in below {
            entries.insert(folder, Self::tree(&inside, base_url));
        }
        Self::Tree { sha: tree_sha(&entries, base_url), entries }
    }

    pub(in crate::sim) fn sha(&self) -> &str {
        match self {
            Self::Blob { sha, .. } | Self::Tree { sha, .. } => sha,
        }
    }

    pub(in crate::sim) const fn kind(&self) -> &'static str {
        match self {
            Self::Blob { .. } => "blob",
            Self::Tree { .. } => "tree",
        }
    }

    /// The node at `path`; the empty path is the node itself.
    pub(in crate::sim) fn at(&self, path: &str) -> Option<&Self> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Some(self);
        }
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        match self {
            Self::Tree { entries, .. } => entries.get(name)?.at(rest),
            Self::Blob { .. } => None,
        }
    }

    pub(in crate::sim) fn find_tree(&self, wanted: &str) -> Option<&Self> {
        match self {
            Self::Tree { sha, .. } if sha == wanted => Some(self),
            Self::Tree { entries, .. } => entries.values().find_map(|node| node.find_tree(wanted)),
            Self::Blob { .. } => None,
        }
    }

    pub(in crate::sim) fn list(&self, prefix: &str, deep: bool, url: &str, into: &mut Vec<Value>) {
        let Self::Tree { entries, .. } = self else { return };
        for (name, node) in entries {
            let path = if prefix.is_empty() { (*name).to_owned() } else { format!("{prefix}/{name}") };
            let kind = node.kind();
            let mut entry = json!({
                "path": path,
                "mode": if kind == "tree" { "040000" } else { "100644" },
                "type": kind,
                "sha": node.sha(),
                "url": format!("{url}/git/{kind}s/{}", node.sha()),
            });
            if let Self::Blob { text, .. } = node {
                entry["size"] = json!(text.len());
            }
            into.push(entry);
            if deep {
                node.list(&path, deep, url, into);
            }
        }
    }
}

/// Git sorts folders as if their names ended in a slash.
pub(in crate::sim) fn tree_sha(entries: &BTreeMap<&str, Node<'_>>, base_url: &str) -> String {
    let mut sorted: Vec<(String, &str, &Node<'_>)> = entries
        .iter()
        .map(|(name, node)| {
            let key = if node.kind() == "tree" { format!("{name}/") } else { (*name).to_owned() };
            (key, *name, node)
        })
        .collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut body = Vec::new();
    for (_, name, node) in sorted {
        let mode = if node.kind() == "tree" { "40000" } else { "100644" };
        body.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        let id = match node {
            Node::Blob { text, .. } => text.id_without(base_url),
            Node::Tree { sha, .. } => sha.clone(),
        };
        body.extend(from_hex(&id));
    }
    let mut hash = Sha1::new();
    hash.update(format!("tree {}\0", body.len()));
    hash.update(&body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(in crate::sim) fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}
