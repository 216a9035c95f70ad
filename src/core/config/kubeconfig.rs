//! The access to the Kubernetes API: a token from a file of its own, what a kubeconfig has, or the token of the pod we run in.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde_json::Value;

use super::error::ConfigError;

/// Where a pod has the token of its account, and beside it the certificate of the cluster.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where the access may be.
#[derive(Debug, Clone, Default)]
pub struct KubeSettings {
    /// A file that holds nothing but a token.
    pub token_file: Option<PathBuf>,
    /// A kubeconfig.
    pub config: Option<PathBuf>,
}

/// How the cluster knows us, and by what we know the cluster.
#[derive(Debug, Clone)]
pub struct KubeAccess {
    /// The file that says so.
    pub from: PathBuf,
    /// What we show.
    pub proof: KubeProof,
    /// Certificates (PEM) that the cluster's own is signed by, beside those that the system trusts.
    pub authorities: Option<Vec<u8>>,
}

/// What we show the cluster.
#[derive(Debug, Clone)]
pub enum KubeProof {
    /// A bearer token.
    Token(SecretString),
    /// A certificate with its key (PEM).
    Certificate(SecretString),
}

impl KubeSettings {
    /// The access; nothing where there is none. `only_named`: a rehearsal has no use for those that nobody named for it.
    ///
    /// # Errors
    ///
    /// A file that was named cannot be used; the error quotes nothing of it.
    pub fn access(&self, only_named: bool) -> Result<Option<KubeAccess>, ConfigError> {
        if let Some(file) = &self.token_file {
            return Ok(token(&text_of(file)?).map(|proof| access(file, proof, None)));
        }
        if only_named {
            return Ok(None);
        }
        if let Some(config) = &self.config {
            return of_config(config);
        }
        let pod = Path::new(IN_CLUSTER);
        if !pod.is_file() {
            return Ok(None);
        }
        let authorities = std::fs::read(pod.with_file_name("ca.crt")).ok();
        Ok(token(&text_of(pod)?).map(|proof| access(pod, proof, authorities)))
    }
}

fn access(from: &Path, proof: KubeProof, authorities: Option<Vec<u8>>) -> KubeAccess {
    KubeAccess { from: from.to_owned(), proof, authorities }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })
}

fn token(text: &str) -> Option<KubeProof> {
    let text = text.trim();
    (!text.is_empty()).then(|| KubeProof::Token(SecretString::from(text.to_owned())))
}

/// A file of which a part is not what it should be.
pub fn damaged(path: &Path, why: &str) -> ConfigError {
    let cause = std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    ConfigError::Unreadable { path: path.to_owned(), cause }
}

/// What the user of the current context shows.
fn of_config(path: &Path) -> Result<Option<KubeAccess>, ConfigError> {
    let damaged = |why: &str| damaged(path, why);
    let file: Value = crate::domain::yaml::parse(&text_of(path)?).map_err(|_| damaged("it is no YAML"))?;
    let named = |list: &str, name: &str, part: &str| {
        let items = file.get(list)?.as_array()?;
        items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name))?.get(part).cloned()
    };
    let current = file.get("current-context").and_then(Value::as_str).unwrap_or_default();
    let context = named("contexts", current, "context").ok_or_else(|| damaged("it has no current context"))?;
    let of_context = |key: &str| context.get(key).and_then(Value::as_str).unwrap_or_default();
    let user = named("users", of_context("user"), "user")
        .ok_or_else(|| damaged("it does not have the user of its context"))?;
    let beside = |file: &str| path.parent().unwrap_or(Path::new("")).join(file);
    // Certificates and keys stand in the file itself, or in one that it names.
    let part = |of: &Value, key: &str| -> Result<Option<Vec<u8>>, ConfigError> {
        let text = |key: &str| of.get(key).and_then(Value::as_str);
        match (text(&format!("{key}-data")), text(key)) {
            (Some(data), _) => {
                let bytes =
                    STANDARD.decode(data.trim()).map_err(|_| damaged(&format!("its {key}-data is no base64")))?;
                Ok(Some(bytes))
            }
            (None, Some(file)) => bytes_of(&beside(file)).map(Some),
            (None, None) => Ok(None),
        }
    };
    let cluster = named("clusters", of_context("cluster"), "cluster").unwrap_or_default();
    let authorities = part(&cluster, "certificate-authority")?;
    let text = |key: &str| user.get(key).and_then(Value::as_str);
    let proof = match (text("token"), text("tokenFile")) {
        (Some(given), _) => token(given),
        (None, Some(file)) => token(&text_of(&beside(file))?),
        (None, None) => match (part(&user, "client-certificate")?, part(&user, "client-key")?) {
            (Some(certificate), Some(key)) => Some(certificate_with(&certificate, &key)),
            (Some(_), None) => return Err(damaged("its user has a certificate without a key")),
            (None, _) if user.get("exec").is_some() => {
                return Err(damaged(
                    "its user is a program that makes tokens; write one into a file, and name it in OAR_KUBE_TOKEN_FILE",
                ));
            }
            (None, _) => {
                return Err(damaged("its user has no token and no certificate; name a token in OAR_KUBE_TOKEN_FILE"));
            }
        },
    };
    Ok(proof.map(|proof| access(path, proof, authorities)))
}

/// One text with both, as clients read it.
fn certificate_with(certificate: &[u8], key: &[u8]) -> KubeProof {
    let [certificate, key] = [certificate, key].map(String::from_utf8_lossy);
    KubeProof::Certificate(SecretString::from(format!("{}\n{}\n", certificate.trim(), key.trim())))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn shown(user: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), "from-a-file\n").unwrap();
        std::fs::write(folder.path().join("ca"), "THE CA").unwrap();
        let path = folder.path().join("config");
        let contexts = "contexts: [{name: c, context: {cluster: x, user: u}}]";
        std::fs::write(&path, format!("current-context: c\n{contexts}\nusers: [{{name: u, user: {user}}}]\nclusters: [{{name: y, cluster: {{certificate-authority: ca}}}}]\n")).unwrap();
        let settings = KubeSettings { token_file: None, config: Some(path) };
        let access = settings.access(false).map_err(|error| std::error::Error::source(&error).unwrap().to_string())?;
        let Some(access) = access else { return Ok(String::new()) };
        let authorities = access.authorities.map(|pem| format!(" {}", String::from_utf8(pem).unwrap()));
        Ok(match access.proof {
            KubeProof::Token(token) => token.expose_secret().to_owned(),
            KubeProof::Certificate(pem) => format!("certificate {}", pem.expose_secret().replace('\n', "|")),
        } + &authorities.unwrap_or_default())
    }

    #[test]
    fn the_token_of_the_current_context_is_taken_and_a_program_is_refused_with_the_way_out() {
        assert_eq!(shown("{token: abc}").as_deref(), Ok("abc"));
        assert_eq!(shown("{tokenFile: t}").as_deref(), Ok("from-a-file"));
        assert!(shown("{exec: {command: x}}").unwrap_err().contains("OAR_KUBE_TOKEN_FILE"));
        assert!(shown("{}").unwrap_err().contains("has no token"));
        assert!(shown("{client-certificate: t}").unwrap_err().contains("without a key"));
        let nothing = KubeSettings { token_file: None, config: Some("no-such-file".into()) };
        assert!(nothing.access(true).unwrap().is_none(), "a rehearsal reads no token of real life");
    }

    #[test]
    fn a_certificate_stands_in_the_kubeconfig_or_in_the_files_that_it_names() {
        let given = "{client-certificate-data: Q0VSVA==, client-key-data: S0VZCg==}";
        assert_eq!(shown(given).as_deref(), Ok("certificate CERT|KEY|"));
        assert_eq!(shown("{client-certificate: t, client-key: ca}").as_deref(), Ok("certificate from-a-file|THE CA|"));
        assert!(shown("{client-certificate-data: '%', client-key: t}").unwrap_err().contains("is no base64"));
    }

    #[test]
    fn the_certificate_of_the_cluster_is_that_of_the_current_context() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let text = "current-context: c\ncontexts: [{name: c, context: {cluster: x, user: u}}]\nusers: [{name: u, user: \
                    {token: abc}}]\nclusters: [{name: x, cluster: {certificate-authority-data: Q0E=}}]\n";
        std::fs::write(&path, text).unwrap();
        let settings = KubeSettings { token_file: None, config: Some(path.clone()) };
        let access = settings.access(false).unwrap().unwrap();
        assert_eq!((access.from, access.authorities.as_deref()), (path, Some(&b"CA"[..])));
    }
}
