//! The environment as a value; the only place that reads the real one.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables of one run. Empty values count as missing, everywhere.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The environment of this process. Values that are not UTF-8 count as missing.
    pub fn from_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let all = std::env::vars_os();
        Self(all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect())
    }

    /// The same environment with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The value of `name`, unless it is missing or blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// Names of all variables that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str())
    }

    /// A directory of the XDG family: `variable`, else `below_home` under `HOME`.
    pub fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        match self.get(variable) {
            Some(dir) => Some(PathBuf::from(dir)),
            None => self.get("HOME").map(|home| PathBuf::from(home).join(below_home)),
        }
    }
}

impl std::fmt::Debug for Env {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_a_missing_variable() {
        let env = Env::default().with("A", "").with("B", " \n").with("C", "c");
        assert_eq!((env.get("A"), env.get("B"), env.get("C")), (None, None, Some("c")));
        assert_eq!(env.names().collect::<Vec<_>>(), ["C"]);
    }

    #[test]
    fn debug_output_holds_no_value() {
        let env = Env::default().with("SLACK_BOT_TOKEN", "invented");
        assert_eq!(format!("{env:?}"), r#"{"SLACK_BOT_TOKEN"}"#);
    }
}
