//! Credentials of image registries, as docker and podman keep them: `{"auths": {"HOST[/PATH]": {"auth": …}}}`.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use secrecy::SecretString;
use serde::Deserialize;

use super::error::ConfigError;

/// A pull secret has some KB; more is another file.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct File {
    auths: BTreeMap<String, Entry>,
}

/// A credential helper leaves entries without `auth`.
#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
}

/// Name and password in base64 by `host` or `host/path`. Entries without both are left out.
///
/// # Errors
///
/// The file cannot be read or is no pull secret; the error quotes nothing of it.
pub fn read(path: &Path) -> Result<BTreeMap<String, SecretString>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    let damaged = |why: &str| unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned()));
    if size > MOST_BYTES {
        return Err(damaged("it is too large for a pull secret"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    parse(&bytes).ok_or_else(|| damaged("it is no pull secret: JSON with an object `auths` was expected"))
}

fn parse(bytes: &[u8]) -> Option<BTreeMap<String, SecretString>> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    let usable = |(place, entry): (String, Entry)| {
        let auth: String = entry.auth?.split_whitespace().collect();
        let pair = base64::engine::general_purpose::STANDARD.decode(&auth).ok()?;
        // A place in a registry and no address: mostly without scheme, and `host/path` is no address without one.
        let place = place.trim_start_matches("https://").trim_end_matches('/').to_owned();
        pair.contains(&b':').then(|| (place, SecretString::from(auth)))
    };
    Some(file.auths.into_iter().filter_map(usable).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_known_by_host_and_path_and_useless_ones_left_out() {
        let text = r#"{"auths": {"registry.example.com": {"auth": "YTpi", "email": "x"},
            "https://other.example.com/team/": {"auth": "YTpi"}, "helper.example.com": {},
            "broken.example.com": {"auth": "%%"}, "nameless.example.com": {"auth": "YWI="}}, "credsStore": "x"}"#;
        let found = parse(text.as_bytes()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["other.example.com/team", "registry.example.com"]);
        assert!(!format!("{found:?}").contains("YTpi"));
    }

    #[test]
    fn what_is_no_pull_secret_is_reported_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth.json");
        for text in ["", "{}", "[]", "<html>", r#"{"auths": ["secret"]}"#, r#"{"auths": {"a": {"auth": 7}}}"#] {
            std::fs::write(&file, text).unwrap();
            let error = read(&file).unwrap_err();
            let whole = format!("{error}: {:?}", std::error::Error::source(&error));
            assert!(whole.contains("auth.json") && !whole.contains("secret\"]"), "{whole}");
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
