//! One assembly laid over its parent, by the rules that ART's own tools follow.
//!
//! A suffix on a key says how it meets the parent's: `key!` replaces it as a whole, `key?` counts
//! only where the parent has none, `key-` removes it. Without suffix maps merge, lists are united,
//! and everything else, null included, replaces.

use indexmap::IndexMap;

use super::yaml::Value;

/// A merged value that remembers which assembly it came from.
#[derive(Debug, Clone)]
pub(super) enum Layered<'a> {
    Leaf(&'a Value, &'a str),
    List(Vec<(&'a Value, &'a str)>),
    Map(IndexMap<&'a str, Self>, &'a str),
}

impl<'a> Layered<'a> {
    pub(super) fn empty(origin: &'a str) -> Self {
        Self::Map(IndexMap::new(), origin)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries, _) => entries.get(key),
            Self::Leaf(..) | Self::List(_) => None,
        }
    }

    /// The scalar, when it is one and not null, with its origin.
    pub(super) fn scalar(&self) -> Option<(&'a Value, &'a str)> {
        match self {
            Self::Leaf(Value::Null, _) | Self::List(_) | Self::Map(..) => None,
            Self::Leaf(value, origin) => Some((value, origin)),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Leaf(Value::Null, _))
    }

    /// The assembly that touched this value last.
    pub(super) fn origin(&self) -> &'a str {
        match self {
            Self::Leaf(_, origin) | Self::Map(_, origin) => origin,
            Self::List(items) => items.last().map_or("", |(_, origin)| origin),
        }
    }
}

/// How a key meets the parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    Merge,
    Replace,
    Default,
    Remove,
}

/// A key without its suffix.
pub(super) fn split(key: &str) -> (&str, Meeting) {
    let suffixes = [('!', Meeting::Replace), ('?', Meeting::Default), ('-', Meeting::Remove)];
    for (suffix, meeting) in suffixes {
        match key.strip_suffix(suffix) {
            Some(stem) if !stem.is_empty() => return (stem, meeting),
            Some(_) | None => {}
        }
    }
    (key, Meeting::Merge)
}

/// Lays `child`, which belongs to assembly `origin`, over `parent`.
pub(super) fn layer<'a>(child: &'a Value, origin: &'a str, parent: Layered<'a>) -> Layered<'a> {
    match (child, parent) {
        (Value::Map(map), Layered::Map(mut merged, _)) => {
            for (key, value) in &map.entries {
                set(&mut merged, key, value, origin);
            }
            Layered::Map(merged, origin)
        }
        (Value::List(items), Layered::List(mut united)) => {
            for item in items {
                if !united.iter().any(|(known, _)| *known == item) {
                    united.push((item, origin));
                }
            }
            if united.iter().all(|(item, _)| item.text().is_some()) {
                united.sort_by_cached_key(|(item, _)| sort_key(item));
            }
            Layered::List(united)
        }
        (_, Layered::Leaf(..) | Layered::List(_) | Layered::Map(..)) => alone(child, origin),
    }
}

/// Lets one key of `origin` meet the entries inherited so far.
pub(super) fn set<'a>(merged: &mut IndexMap<&'a str, Layered<'a>>, key: &'a str, value: &'a Value, origin: &'a str) {
    let (stem, meeting) = split(key);
    match meeting {
        Meeting::Remove => drop(merged.shift_remove(stem)),
        Meeting::Default if merged.contains_key(stem) => {}
        Meeting::Default | Meeting::Replace => drop(merged.insert(stem, alone(value, origin))),
        Meeting::Merge => {
            let node = match merged.get(stem) {
                Some(inherited) => layer(value, origin, inherited.clone()),
                None => alone(value, origin),
            };
            merged.insert(stem, node);
        }
    }
}

/// A value without a parent; suffixes inside it are still applied, so that none stays in a key.
fn alone<'a>(value: &'a Value, origin: &'a str) -> Layered<'a> {
    match value {
        Value::Map(_) => layer(value, origin, Layered::empty(origin)),
        Value::List(items) => Layered::List(items.iter().map(|item| (item, origin)).collect()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => Layered::Leaf(value, origin),
    }
}

/// Numbers by value before texts by letter.
fn sort_key(item: &Value) -> (bool, i64, String) {
    match item {
        Value::Int(number) => (false, *number, String::new()),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            (true, 0, item.text().unwrap_or_default())
        }
    }
}
