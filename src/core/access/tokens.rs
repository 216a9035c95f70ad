//! Bearer tokens: one line each, `name sha256 scopes expires made`, never the token itself. Lines of earlier versions
//! do not say when theirs was made.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::principal::{Principal, Scope};
use crate::core::clock::Clock;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// Whose token it is: a person's role or an agent.
    pub name: String,
    /// SHA-256 of the token, in hex.
    pub sha256: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// When it stops being valid; never, when it says nothing.
    pub expires: Option<Timestamp>,
    /// When it was made, by the clock of this machine: a rehearsal moves its own time, not what came first.
    pub made: Option<Timestamp>,
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No line has its digest.
    #[error("the token is unknown")]
    Unknown,
    /// Its time is over.
    #[error("the token of {name} has expired")]
    Expired {
        /// Whose it was.
        name: String,
    },
}

/// A name that no token can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no name of a role: 1 to 40 lower-case letters, digits, '.', '_' and '-', beginning with a letter; \
     a mail address is none"
)]
pub struct BadName {
    /// As given.
    pub name: String,
}

/// Can a token have this name? It is kept with whatever its owner does, so it is a role, not a person's address.
///
/// # Errors
///
/// It cannot.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let fits = (1..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    if fits { Ok(()) } else { Err(BadName { name: name.chars().take(80).collect() }) }
}

/// The tokens of one file. Each decision looks whether the file is still the same, so a revoked token ends at
/// once; it is read only when it is not.
#[derive(Debug, Clone)]
pub struct Tokens {
    path: PathBuf,
    read: Arc<Mutex<Option<Read>>>,
}

/// What was read, and from which file.
#[derive(Debug)]
struct Read {
    of: Stamp,
    by_digest: HashMap<String, TokenEntry>,
}

/// Inode, length, seconds and nanoseconds of the last change: the file is replaced, never changed.
type Stamp = (u64, u64, i64, i64);

impl Tokens {
    /// The tokens kept below `home`; touches nothing yet.
    pub fn below(home: &Path) -> Self {
        Self { path: home.join("mcp").join("tokens"), read: Arc::default() }
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
    pub fn entries(&self) -> io::Result<Vec<TokenEntry>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().filter_map(parse).collect()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(cause),
        }
    }

    /// Every line, none of them damaged: what is written back loses nothing.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line of it is damaged.
    pub fn whole(&self) -> io::Result<Vec<TokenEntry>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let entry = |(at, line)| {
            let damaged = || format!("line {} is no token: it has no name, digest, scopes and end", at + 1);
            parse(line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, damaged()))
        };
        lines.map(entry).collect()
    }

    /// Makes a token for `name`, keeps its digest, and gives the token: the only time it is seen.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a line of it is damaged.
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
        let made = Some(Clock::System.now());
        let entry = TokenEntry { name: name.to_owned(), sha256: digest(&token), scopes, expires, made };
        let mut entries = self.whole()?;
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
        let before = self.whole()?;
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
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Principal, TokenRefusal> {
        let shown = digest(token);
        // Digests are compared, so the time of the comparison tells nothing about the token.
        let entry = self.entry(&shown).map_err(|_| TokenRefusal::Unknown)?.ok_or(TokenRefusal::Unknown)?;
        if entry.expires.is_some_and(|end| end <= now) {
            return Err(TokenRefusal::Expired { name: entry.name });
        }
        Ok(Principal { name: entry.name, scopes: entry.scopes, since: entry.made })
    }

    fn entry(&self, digest: &str) -> io::Result<Option<TokenEntry>> {
        let file = std::fs::metadata(&self.path)?;
        let stamp = (file.ino(), file.len(), file.mtime(), file.mtime_nsec());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.as_ref().is_none_or(|read| read.of != stamp) {
            let by_digest = self.entries()?.into_iter().map(|entry| (entry.sha256.clone(), entry)).collect();
            *read = Some(Read { of: stamp, by_digest });
        }
        Ok(read.as_ref().and_then(|read| read.by_digest.get(digest).cloned()))
    }

    fn write(&self, entries: &[TokenEntry]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let next = self.path.with_extension("new");
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
        for entry in entries {
            let scopes = entry.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
            let expires = entry.expires.map_or_else(|| "never".to_owned(), crate::domain::dates::stamp);
            let made = entry.made.map(|made| format!(" {made}")).unwrap_or_default();
            writeln!(file, "{} {} {scopes} {expires}{made}", entry.name, entry.sha256)?;
        }
        file.sync_all()?;
        std::fs::rename(next, &self.path)
    }
}

fn parse(line: &str) -> Option<TokenEntry> {
    let mut tokens = line.split_whitespace();
    let (name, sha256, scopes, expires) = (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
    let scopes = scopes.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let expires = if expires == "never" { None } else { Some(expires.parse().ok()?) };
    let made = tokens.next().and_then(|made| made.parse().ok());
    let entry = || TokenEntry { name: name.to_owned(), sha256: sha256.to_owned(), scopes, expires, made };
    (sha256.len() == 64).then(entry)
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
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
        assert_eq!(Principal { since: None, ..who.clone() }, Principal::new("agent", [Scope::Read]));
        assert!(who.since.is_some(), "and it says when it was made");
        assert_eq!(tokens.check(&token, end), Err(TokenRefusal::Expired { name: "agent".to_owned() }));
        assert_eq!(tokens.check("oar_guess", end), Err(TokenRefusal::Unknown));
        assert!(tokens.revoke("lead").unwrap() && !tokens.revoke("lead").unwrap());
        assert_eq!(tokens.check(&other, end), Err(TokenRefusal::Unknown));
    }

    #[test]
    fn a_name_is_a_role() {
        for good in ["agent", "release-lead", "ci.4_20"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", "someone@example.com", "Lead", "a b", "7up", "x\ny", &"x".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_change_by_another_process_counts_at_once() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (Tokens::below(home.path()), Tokens::below(home.path()));
        let now = at("2026-06-10T00:00:00Z");
        assert_eq!(here.check("oar_guess", now), Err(TokenRefusal::Unknown));
        let token = there.add("agent", [Scope::Read], None).unwrap();
        assert!(here.check(&token, now).is_ok());
        assert!(here.check(&token, now).is_ok());
        there.revoke("agent").unwrap();
        assert_eq!(here.check(&token, now), Err(TokenRefusal::Unknown));
    }

    #[test]
    fn a_line_of_an_earlier_version_lets_its_owner_in_and_does_not_say_since_when() {
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::below(home.path());
        std::fs::create_dir_all(tokens.path().parent().unwrap()).unwrap();
        std::fs::write(tokens.path(), format!("agent {} release:read never\n", digest("oar_old"))).unwrap();
        assert_eq!(tokens.check("oar_old", at("2026-06-10T00:00:00Z")), Ok(Principal::new("agent", [Scope::Read])));
        tokens.add("lead", [Scope::Read], None).unwrap();
        let text = std::fs::read_to_string(tokens.path()).unwrap();
        assert!(text.starts_with(&format!("agent {} release:read never\n", digest("oar_old"))), "{text}");
    }

    #[test]
    fn the_file_is_private_and_holds_no_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::below(home.path());
        let token = tokens.add("agent", Scope::of_agents(), None).unwrap();
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
        let before = std::fs::read_to_string(tokens.path()).unwrap();
        let refused = tokens.add("lead", [Scope::Read], None).unwrap_err();
        assert_eq!(refused.to_string(), "line 1 is no token: it has no name, digest, scopes and end");
        tokens.revoke("agent").unwrap_err();
        assert_eq!(std::fs::read_to_string(tokens.path()).unwrap(), before, "a damaged file is nobody's to rewrite");
        assert!(tokens.check(&token, at("2026-06-10T00:00:00Z")).is_ok());
    }
}
