//! Which credentials this run has.

use std::collections::BTreeMap;

use super::env::Env;
use super::error::ConfigError;
use super::secret::Secret;
use crate::domain::credential::Credential;
use crate::domain::mask::Masker;

/// The credentials this run was given.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    given: BTreeMap<Credential, Secret>,
    masker: Masker,
}

impl Credentials {
    /// Takes what the environment offers; an empty variable counts as missing.
    pub fn from_env(env: &Env) -> Self {
        let found = |credential: &Credential| {
            env.get(credential.variable()).map(|text| (*credential, Secret::new(text.trim())))
        };
        let given: BTreeMap<Credential, Secret> = Credential::ALL.iter().filter_map(found).collect();
        let masker = Masker::knowing(given.values().map(|secret| secret.expose().to_owned()));
        Self { given, masker }
    }

    /// Hides these values in whatever leaves the program.
    pub const fn masker(&self) -> &Masker {
        &self.masker
    }

    /// The secret, when it was given.
    pub fn get(&self, credential: Credential) -> Option<&Secret> {
        self.given.get(&credential)
    }

    /// The secret.
    ///
    /// # Errors
    ///
    /// It was not given.
    pub fn need(&self, credential: Credential) -> Result<&Secret, ConfigError> {
        self.get(credential).ok_or_else(|| ConfigError::MissingCredentials(vec![credential]))
    }

    /// Checks that all of `needed` were given.
    ///
    /// # Errors
    ///
    /// One error that names every missing one, so that nobody has to start the command five times.
    pub fn require(&self, needed: &[Credential]) -> Result<(), ConfigError> {
        let missing: Vec<_> = needed.iter().copied().filter(|c| !self.given.contains_key(c)).collect();
        if missing.is_empty() { Ok(()) } else { Err(ConfigError::MissingCredentials(missing)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_listed_together_and_an_empty_one_is_missing() {
        let env = Env::default().with("GITHUB_TOKEN", "invented").with("JIRA_TOKEN", "");
        let required = Credentials::from_env(&env)
            .require(&[Credential::JiraToken, Credential::GithubToken, Credential::JenkinsUser])
            .map_err(|error| error.to_string());
        assert_eq!(required, Err("credentials are missing: JIRA_TOKEN, JENKINS_USER".to_owned()));
    }

    #[test]
    fn debug_output_of_credentials_holds_no_secret() {
        let env = Env::default().with("GITHUB_TOKEN", "invented-token");
        assert!(!format!("{:?}", Credentials::from_env(&env)).contains("invented"));
    }
}
