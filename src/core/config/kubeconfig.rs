//! The token for the Kubernetes API: from a file of its own, from a kubeconfig, or that of the pod we run in.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::Value;

use super::error::ConfigError;

/// Where a pod has the token of its account.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where the token may be.
#[derive(Debug, Clone, Default)]
pub struct KubeSettings {
    /// A file that holds nothing else.
    pub token_file: Option<PathBuf>,
    /// A kubeconfig.
    pub config: Option<PathBuf>,
}

impl KubeSettings {
    /// The token; nothing where there is none. `only_named`: a rehearsal has no use for those that nobody named for it.
    ///
    /// # Errors
    ///
    /// A file that was named cannot be used; the error quotes nothing of it.
    pub fn token(&self, only_named: bool) -> Result<Option<SecretString>, ConfigError> {
        if let Some(file) = &self.token_file {
            return read(file).map(|text| secret(&text));
        }
        if only_named {
            return Ok(None);
        }
        if let Some(config) = &self.config {
            return of_config(config);
        }
        let pod = Path::new(IN_CLUSTER);
        if pod.is_file() { read(pod).map(|text| secret(&text)) } else { Ok(None) }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })
}

fn secret(text: &str) -> Option<SecretString> {
    let text = text.trim();
    (!text.is_empty()).then(|| SecretString::from(text.to_owned()))
}

/// The token of the user of the current context.
fn of_config(path: &Path) -> Result<Option<SecretString>, ConfigError> {
    let damaged = |why: &str| {
        let cause = std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
        ConfigError::Unreadable { path: path.to_owned(), cause }
    };
    let file: Value = crate::domain::yaml::parse(&read(path)?).map_err(|_| damaged("it is no YAML"))?;
    let named = |list: &str, name: &str, part: &str| {
        let items = file.get(list)?.as_array()?;
        items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name))?.get(part).cloned()
    };
    let current = file.get("current-context").and_then(Value::as_str).unwrap_or_default();
    let context = named("contexts", current, "context").ok_or_else(|| damaged("it has no current context"))?;
    let user = context.get("user").and_then(Value::as_str).unwrap_or_default();
    let user = named("users", user, "user").ok_or_else(|| damaged("it does not have the user of its context"))?;
    let text = |key: &str| user.get(key).and_then(Value::as_str);
    match (text("token"), text("tokenFile")) {
        (Some(token), _) => Ok(secret(token)),
        (None, Some(file)) => read(&path.parent().unwrap_or(Path::new("")).join(file)).map(|text| secret(&text)),
        (None, None) if user.get("exec").is_some() => Err(damaged(
            "its user is a program that makes tokens; write one into a file, and name it in OAR_KUBE_TOKEN_FILE",
        )),
        (None, None) => Err(damaged("its user has no token; name one in OAR_KUBE_TOKEN_FILE")),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn token(user: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), "from-a-file\n").unwrap();
        let path = folder.path().join("config");
        let contexts = "contexts: [{name: c, context: {cluster: x, user: u}}]";
        std::fs::write(&path, format!("current-context: c\n{contexts}\nusers: [{{name: u, user: {user}}}]\n")).unwrap();
        let settings = KubeSettings { token_file: None, config: Some(path) };
        let token = settings.token(false).map_err(|error| std::error::Error::source(&error).unwrap().to_string())?;
        Ok(token.map(|token| token.expose_secret().to_owned()).unwrap_or_default())
    }

    #[test]
    fn the_token_of_the_current_context_is_taken_and_a_program_is_refused_with_the_way_out() {
        assert_eq!(token("{token: abc}").as_deref(), Ok("abc"));
        assert_eq!(token("{tokenFile: t}").as_deref(), Ok("from-a-file"));
        assert!(token("{exec: {command: x}}").unwrap_err().contains("OAR_KUBE_TOKEN_FILE"));
        assert!(token("{}").unwrap_err().contains("has no token"));
        let nothing = KubeSettings { token_file: None, config: Some("no-such-file".into()) };
        assert!(nothing.token(true).unwrap().is_none(), "a rehearsal reads no token of real life");
    }
}
