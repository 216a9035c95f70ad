//! Who this machine is to others: its host, and an id that no copy of its folder shares.
//!
//! A random seed in a file of the folder is mixed with host, machine, boot and the file's own number, so that a
//! copied folder is another machine, and so is the same folder seen from another host. Whoever was killed
//! before a restart of the host is another machine as well: nobody can tell that from a clone of the host.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::clock::Clock;
use crate::domain::state::holder;

/// The file with the random seed.
const FILE: &str = "machine";

/// Bytes of the random seed, twice as many characters.
const SEED_BYTES: usize = 16;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    host: String,
    /// Nothing in a rehearsal, which writes the same bytes each time.
    id: Option<String>,
}

impl Machine {
    /// The machine of the folder `home`; its file is made when it is missing or damaged.
    ///
    /// In virtual time the clock says which machine it is.
    ///
    /// # Errors
    ///
    /// The file cannot be made, read or written.
    pub fn of(home: &Path, clock: &Clock) -> io::Result<Self> {
        let path = home.join(FILE);
        if let Some(host) = clock.machine() {
            return Ok(Self { host, id: None });
        }
        fs::create_dir_all(home)?;
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        // Two processes that find a damaged file would each write a seed of its own.
        file.lock()?;
        let seed = match seed_in(&mut file)? {
            Some(seed) => seed,
            None => fresh_seed(&mut file)?,
        };
        let host = host();
        let mut hash = Sha256::new();
        for part in [&seed, &host, &text_of("/etc/machine-id"), &text_of("/proc/sys/kernel/random/boot_id")] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(file.metadata()?.ino().to_be_bytes());
        let id = hex::encode(&hash.finalize()[..8]);
        Ok(Self { host, id: Some(id) })
    }

    /// Its name, which stays the same from process to process.
    pub fn name(&self) -> String {
        match &self.id {
            Some(id) => format!("{} {id}", self.host),
            None => self.host.clone(),
        }
    }

    /// The name under which this process holds a lease or announces an effect.
    pub fn holder(&self, role: &str) -> String {
        match &self.id {
            Some(id) => holder::name(role, &self.host, std::process::id(), id),
            None => format!("{role} on {}", self.host),
        }
    }
}

/// The seed of a file that is whole.
fn seed_in(file: &mut File) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.take(4 * SEED_BYTES as u64).read_to_end(&mut bytes)?;
    let seed = String::from_utf8(bytes).unwrap_or_default();
    let seed = seed.trim();
    let whole = seed.len() == 2 * SEED_BYTES && seed.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(whole.then(|| seed.to_owned()))
}

fn fresh_seed(file: &mut File) -> io::Result<String> {
    let seed = hex::encode(std::array::from_fn::<u8, SEED_BYTES, _>(|_| fastrand::u8(..)));
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{seed}")?;
    file.sync_all()?;
    Ok(seed)
}

fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let clean: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).collect();
    if clean.is_empty() { "localhost".to_owned() } else { clean }
}

/// The text of a file of the system; nothing where it does not.
fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::VirtualClock;

    fn id(home: &Path) -> String {
        Machine::of(home, &Clock::System).unwrap().id.unwrap()
    }

    #[test]
    fn a_machine_keeps_its_id_and_a_copy_of_its_folder_gets_another() {
        let (home, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ours = id(home.path());
        assert_eq!(id(home.path()), ours);
        fs::copy(home.path().join(FILE), copy.path().join(FILE)).unwrap();
        assert_ne!(id(copy.path()), ours);
        assert_eq!(id(home.path()), ours, "the copy takes nothing from the original");
    }

    #[test]
    fn a_damaged_file_is_written_anew() {
        let home = tempfile::tempdir().unwrap();
        id(home.path());
        for damaged in
            [&b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], b"", b"\xff\xfe", b"name"]
        {
            fs::write(home.path().join(FILE), damaged).unwrap();
            let fresh = id(home.path());
            assert_eq!(id(home.path()), fresh, "{damaged:?}");
            assert_eq!(fs::read_to_string(home.path().join(FILE)).unwrap().trim().len(), 2 * SEED_BYTES);
        }
    }

    #[test]
    fn a_holder_is_named_with_role_host_and_process() {
        let home = tempfile::tempdir().unwrap();
        let machine = Machine::of(home.path(), &Clock::System).unwrap();
        let name = machine.holder("release-engineer");
        let shown = format!("release-engineer on {} (process {})", host(), std::process::id());
        assert_eq!(holder::shown(&name), shown);
    }

    #[test]
    fn a_rehearsal_happens_on_the_machine_of_its_clock() {
        let home = tempfile::tempdir().unwrap();
        let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(Machine::of(home.path(), &clock).unwrap().holder("lead"), "lead on simulator");
        assert!(!home.path().join(FILE).exists());
    }
}
