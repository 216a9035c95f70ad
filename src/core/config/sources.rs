//! Where values come from: flag, then variable, then settings file, then default.
//!
//! Every layer hands over text; the setting that asks decides what the text means. Whoever asks
//! for a key makes it known, so a key nobody asked for is a misspelt one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::env::Env;
use super::error::ConfigError;
use super::origin::Origin;
use crate::domain::credential::Credential;

/// Settings given on the command line: key, name of the flag, value.
#[derive(Debug, Clone, Default)]
pub struct Flags(BTreeMap<String, (String, String)>);

impl Flags {
    /// The same flags with one more.
    #[must_use]
    pub fn with(mut self, flag: &str, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), (flag.to_owned(), value.into()));
        self
    }
}

/// One line of `oar config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    /// The dotted key.
    pub key: String,
    /// The variable that sets it.
    pub variable: String,
    /// Its value; empty when it has none.
    pub value: String,
    /// Where the value was given.
    pub origin: Origin,
}

/// A settings file as dotted keys.
#[derive(Debug, Clone, Default)]
pub(super) struct FileLayer {
    path: Option<PathBuf>,
    values: BTreeMap<String, (String, usize)>,
}

impl FileLayer {
    /// Reads TOML text; `path` is for messages, and absent for the built-in defaults.
    pub(super) fn parse(path: Option<&Path>, text: &str) -> Result<Self, ConfigError> {
        let line_of = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
            path: path.unwrap_or(Path::new("config/defaults.toml")).to_owned(),
            line: line_of(error.span().map_or(0, |span| span.start)),
            why: error.message().to_owned(),
        })?;
        let mut layer = Self { path: path.map(Path::to_owned), values: BTreeMap::new() };
        layer.add("", table.get_ref(), &line_of);
        Ok(layer)
    }

    fn add(&mut self, prefix: &str, table: &DeTable<'_>, line_of: &impl Fn(usize) -> usize) {
        for (key, value) in table {
            let dotted =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            if let DeValue::Table(inner) = value.get_ref() {
                self.add(&dotted, inner, line_of);
            } else {
                self.values.insert(dotted, (text_of(value), line_of(key.span().start)));
            }
        }
    }

    fn origin(&self, line: usize) -> Origin {
        match &self.path {
            Some(path) => Origin::File { path: path.clone(), line },
            None => Origin::Default,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<(String, Origin)> {
        self.values.get(key).map(|(value, line)| (value.clone(), self.origin(*line)))
    }

    fn below(&self, table: &str) -> Vec<(String, String, Origin)> {
        let prefix = format!("{table}.");
        let inside = |(key, (value, line)): (&String, &(String, usize))| {
            Some((key.strip_prefix(&prefix)?.to_owned(), value.clone(), self.origin(*line)))
        };
        self.values.iter().filter_map(inside).collect()
    }
}

/// Scalars as written without quotes; lists joined by commas.
fn text_of(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().replace('_', ""),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        DeValue::Table(_) => String::new(),
    }
}

/// All layers, and the list of what was asked so far.
pub(super) struct Sources<'a> {
    flags: &'a Flags,
    env: &'a Env,
    file: &'a FileLayer,
    defaults: &'a FileLayer,
    /// What was read, in order.
    pub(super) rows: Vec<SettingRow>,
    known: BTreeSet<String>,
    variables: BTreeSet<String>,
    tables: BTreeSet<String>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(flags: &'a Flags, env: &'a Env, file: &'a FileLayer, defaults: &'a FileLayer) -> Self {
        Self {
            flags,
            env,
            file,
            defaults,
            rows: Vec::new(),
            known: BTreeSet::new(),
            variables: BTreeSet::new(),
            tables: BTreeSet::new(),
        }
    }

    /// The value of one layer: flag or variable, which one person set for one run.
    pub(super) fn given_for_this_run(&mut self, key: &str, variable: &str) -> Option<(String, Origin)> {
        self.make_known(key);
        self.variables.insert(variable.to_owned());
        if let Some((flag, value)) = self.flags.0.get(key) {
            return Some((value.clone(), Origin::Flag(flag.clone())));
        }
        self.env.get(variable).map(|value| (value.trim().to_owned(), Origin::Variable(variable.to_owned())))
    }

    /// Accepts a key in files without reading it.
    pub(super) fn make_known(&mut self, key: &str) {
        self.known.insert(key.to_owned());
    }

    pub(super) fn in_file(&self, key: &str) -> Option<(String, Origin)> {
        self.file.get(key)
    }

    pub(super) fn built_in(&self, key: &str) -> Option<(String, Origin)> {
        self.defaults.get(key)
    }

    /// Notes a value for `oar config show`.
    pub(super) fn note(&mut self, key: &str, variable: &str, value: &str, origin: Origin) {
        let (key, variable, value) = (key.to_owned(), variable.to_owned(), value.to_owned());
        self.rows.push(SettingRow { key, variable, value, origin });
    }

    /// The value of the highest layer that has one.
    pub(super) fn find(&mut self, key: &str, variable: &str) -> Option<(String, Origin)> {
        let found = self.given_for_this_run(key, variable).or_else(|| self.in_file(key)).or_else(|| self.built_in(key));
        let (value, origin) = found.clone().unwrap_or((String::new(), Origin::Default));
        self.note(key, variable, &value, origin);
        found
    }

    /// Does any layer give this optional key a value? Makes the key known without noting it.
    pub(super) fn is_set(&mut self, key: &str, variable: &str) -> bool {
        self.given_for_this_run(key, variable).is_some() || self.in_file(key).is_some() || self.built_in(key).is_some()
    }

    /// Entries of a table with free keys; defaults first, so that later entries replace them.
    pub(super) fn table(&mut self, table: &str) -> Vec<(String, String, Origin)> {
        self.tables.insert(table.to_owned());
        self.defaults.below(table).into_iter().chain(self.file.below(table)).collect()
    }

    pub(super) fn text(&mut self, key: &str, variable: &str) -> Result<String, ConfigError> {
        match self.find(key, variable) {
            Some((value, origin)) if value.is_empty() => Err(bad(key, value, origin, "a text that is not empty")),
            Some((value, _)) => Ok(value),
            None => Err(bad(key, String::new(), Origin::Default, "a text that is not empty")),
        }
    }

    pub(super) fn optional(&mut self, key: &str, variable: &str) -> Option<String> {
        self.find(key, variable).map(|(value, _)| value).filter(|value| !value.is_empty())
    }

    /// A whole number within both bounds.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        key: &str,
        variable: &str,
        least: u64,
        most: u64,
    ) -> Result<T, ConfigError> {
        let (value, origin) = self.find(key, variable).unwrap_or((String::new(), Origin::Default));
        let number = value.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| bad(key, value, origin, &format!("a whole number from {least} to {most}")))
    }

    /// A time from one second to `most`.
    pub(super) fn seconds(&mut self, key: &str, variable: &str, most: u64) -> Result<Duration, ConfigError> {
        self.number(key, variable, 1, most).map(Duration::from_secs)
    }

    pub(super) fn switch(&mut self, key: &str, variable: &str) -> Result<bool, ConfigError> {
        let (value, origin) = self.find(key, variable).unwrap_or((String::new(), Origin::Default));
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(bad(key, value, origin, "true or false")),
        }
    }

    /// One of a few values.
    pub(super) fn choice<T: FromStr>(&mut self, key: &str, variable: &str, accepted: &str) -> Result<T, ConfigError> {
        let (value, origin) = self.find(key, variable).unwrap_or((String::new(), Origin::Default));
        value.parse().map_err(|_| bad(key, value, origin, accepted))
    }

    /// Variables of ours that look misspelt. Only a warning: other programs may use the prefix.
    pub(super) fn misspelt_variables(&self) -> Vec<String> {
        let strange =
            self.env.names().filter(|name| name.starts_with("OAR_") && *name != Credential::OarJwk.variable());
        let strange = strange.filter(|name| !self.variables.contains(*name));
        strange
            .filter_map(|name| {
                let near = self.variables.iter().find(|known| changes(name, known) <= 2)?;
                Some(format!("variable {name} is not known; did you mean {near}?"))
            })
            .collect()
    }

    /// Refuses keys of file and flags that nobody asked for.
    pub(super) fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let in_file = self.file.values.iter().map(|(key, (_, line))| (key, self.file.origin(*line)));
        let in_flags = self.flags.0.iter().map(|(key, (flag, _))| (key, Origin::Flag(flag.clone())));
        for (key, origin) in in_file.chain(in_flags) {
            let in_table = self
                .tables
                .iter()
                .any(|table| key.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.')));
            if !in_table && !self.known.contains(key) {
                let nearest = nearest(key, self.known.iter().map(String::as_str));
                return Err(ConfigError::UnknownKey { key: key.clone(), origin, nearest });
            }
        }
        Ok(())
    }
}

pub(super) fn bad(key: &str, given: String, origin: Origin, accepted: &str) -> ConfigError {
    ConfigError::BadValue { key: key.to_owned(), given, origin, accepted: accepted.to_owned() }
}

/// The known key that takes the fewest changes, unless it takes more than half of the letters.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let close = known.map(|candidate| (changes(key, candidate), candidate)).min()?;
    (close.0 * 2 <= key.len()).then(|| close.1.to_owned())
}

/// Levenshtein distance in bytes.
fn changes(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.bytes().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let left = row.get(j).copied().unwrap_or(usize::MAX);
            let cheapest = (diagonal + usize::from(x != y)).min(above.saturating_add(1)).min(left.saturating_add(1));
            diagonal = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = cheapest;
            }
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
