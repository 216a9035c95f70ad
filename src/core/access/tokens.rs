//! Bearer tokens: one line each, `name sha256 scopes expires`, never the token itself.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::principal::{Principal, Scope};

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose token it is: a person's role or an agent.
    pub name: String,
    /// SHA-256 of the token, in hex.
    pub sha256: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// When it stops being valid; never, when it says nothing.
    pub expires: Option<Timestamp>,
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No line has its digest.
    #[error("the token is unknown")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// The tokens of one file. Cheap to read; read again for each decision, so that a revoked token ends at once.
#[derive(Debug, Clone)]
pub struct Tokens {
    path: PathBuf,
}

impl Tokens {
    /// The tokens kept below `home`; touches nothing yet.
    pub fn below(home: &Path) -> Self {
        Self { path: home.join("mcp").join("tokens") }
    }

    /// Where they are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every readable line; a damaged one lets nobody in.
    ///
    /// # Errors
    ///
    /// The file exists and cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().filter_map(parse).collect()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(cause),
        }
    }

    /// Makes a token for `name`, keeps its digest, and gives the token: the only time it is seen.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add(
        &self,
        name: &str,
        scopes: impl IntoIterator<Item = Scope>,
        expires: Option<Timestamp>,
    ) -> io::Result<String> {
        let mut secret = [0_u8; 32];
        openssl::rand::rand_bytes(&mut secret)?;
        let token = format!("oar_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret));
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        let entry = Entry { name: name.to_owned(), sha256: digest(&token), scopes, expires };
        let mut entries = self.entries()?;
        entries.retain(|old| old.name != entry.name);
        entries.push(entry);
        self.write(&entries)?;
        Ok(token)
    }

    /// Ends the tokens of `name`; says whether there were any.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn revoke(&self, name: &str) -> io::Result<bool> {
        let before = self.entries()?;
        let after: Vec<_> = before.iter().filter(|entry| entry.name != name).cloned().collect();
        if after.len() == before.len() {
            return Ok(false);
        }
        self.write(&after)?;
        Ok(true)
    }

    /// Who shows `token` at `now`.
    ///
    /// # Errors
    ///
    /// Nobody, or somebody whose time is over.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Principal, Refused> {
        let shown = digest(token);
        let entries = self.entries().map_err(|_| Refused::Unknown)?;
        // Digests are compared, so the time of the comparison tells nothing about the token.
        let entry = entries.into_iter().find(|entry| entry.sha256 == shown).ok_or(Refused::Unknown)?;
        if entry.expires.is_some_and(|end| end <= now) {
            return Err(Refused::Expired);
        }
        Ok(Principal { name: entry.name, scopes: entry.scopes })
    }

    fn write(&self, entries: &[Entry]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let next = self.path.with_extension("new");
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
        for entry in entries {
            let scopes = entry.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
            let expires = entry.expires.map_or_else(|| "never".to_owned(), crate::domain::dates::stamp);
            writeln!(file, "{} {} {scopes} {expires}", entry.name, entry.sha256)?;
        }
        file.sync_all()?;
        std::fs::rename(next, &self.path)
    }
}

fn parse(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let (name, sha256, scopes, expires) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let scopes = scopes.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let expires = if expires == "never" { None } else { Some(expires.parse().ok()?) };
    (sha256.len() == 64).then(|| Entry { name: name.to_owned(), sha256: sha256.to_owned(), scopes, expires })
}

fn digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_lets_its_owner_in_until_it_expires_or_is_revoked() {
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::below(home.path());
        let end = at("2026-06-10T00:00:00Z");
        let token = tokens.add("agent", [Scope::Read], Some(end)).unwrap();
        let other = tokens.add("lead", Scope::ALL, None).unwrap();
        let who = tokens.check(&token, at("2026-06-09T23:59:59Z")).unwrap();
        assert_eq!(who, Principal::new("agent", [Scope::Read]));
        assert_eq!(tokens.check(&token, end), Err(Refused::Expired));
        assert_eq!(tokens.check("oar_guess", end), Err(Refused::Unknown));
        assert!(tokens.revoke("lead").unwrap() && !tokens.revoke("lead").unwrap());
        assert_eq!(tokens.check(&other, end), Err(Refused::Unknown));
    }

    #[test]
    fn the_file_is_private_and_holds_no_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::below(home.path());
        let token = tokens.add("agent", Scope::AGENT, None).unwrap();
        let text = std::fs::read_to_string(tokens.path()).unwrap();
        assert!(!text.contains(&token[4..]), "{text}");
        assert_eq!(std::fs::metadata(tokens.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_line_lets_nobody_in_and_keeps_nobody_out() {
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::below(home.path());
        let token = tokens.add("agent", [Scope::Read], None).unwrap();
        let text = std::fs::read_to_string(tokens.path()).unwrap();
        std::fs::write(tokens.path(), format!("half a line\nx {} everything never\n{text}", "0".repeat(64))).unwrap();
        assert_eq!(tokens.entries().unwrap().len(), 1);
        assert!(tokens.check(&token, at("2026-06-10T00:00:00Z")).is_ok());
    }
}
